//! Who takes part and how, through the real binary: figures that a person can check, the real sets against `tests/data/taking_part.py`, and
//! questions that cannot be asked.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{
    ChosenBy, ContributionRecorded, Direction, EvidenceGrade, IndicatorDefined, MeasureDefined, OutcomeObserved, Person, PledgeMade, Role, Side,
    StateInputRecorded,
};
use tandem_tests::client::{Gateway, batch_request, connect};
use tandem_tests::events::Parts;
use tandem_tests::given::{COUNCIL, contribution, envelope, event_id, measure_defined, service_defined, taught};
use tandem_tests::server::{Server, run};
use tonic::transport::Channel;

const SERVICE: &str = "school/tutoring";

/// Part to value; no value is "none".
type Figures = BTreeMap<String, String>;

/// What `tandem value` says of a metric, in its total.
fn total(server: &Server, council: &str, metric: &str, more: &[&str]) -> Figures {
    let (answer, errors) = value(server, council, metric, more);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{metric}: {error}: {answer}{errors}"));
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let figure = |figure: &serde_json::Value| (text(&figure["part"]), figure["central"].as_str().unwrap_or("none").to_owned());
    answer["total"]["values"].as_array().unwrap().iter().map(figure).collect()
}

/// Standard output and standard error of `tandem value`.
fn value(server: &Server, council: &str, metric: &str, more: &[&str]) -> (String, String) {
    let url = format!("http://{}", server.grpc);
    let mut arguments = vec!["value", "--json", "--server", &url, "--council", council, "--metric", metric];
    arguments.extend(more);
    let output = run(&arguments);
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn by(actor: &str) -> Person {
    Person { actor: actor.into(), ..Person::default() }
}

/// Somebody tutors for so many minutes on a day, perhaps for a pledge, perhaps in the exchange `plan:7`.
fn tutors(number: u64, actor: &str, day: &str, quantity: i64, pledge: Option<u64>, exchange: &str) -> Parts {
    let envelope = tandem_proto::v1::Envelope { occurred_start: day.into(), ..envelope(number) };
    let pledge_event_id = pledge.map(event_id).unwrap_or_default();
    let body = ContributionRecorded { quantity, exchange: exchange.into(), pledge_event_id, ..contribution() };
    Parts::new(&envelope, Body::ContributionRecorded(body), &by(actor))
}

fn budget(number: u64, quantity: i64, chosen_by: ChosenBy) -> Parts {
    let input = StateInputRecorded {
        service: SERVICE.into(),
        measure: "budget".into(),
        quantity,
        evidence: EvidenceGrade::Sensor.into(),
        individual_budget: true,
        chosen_by: chosen_by.into(),
        ..Default::default()
    };
    Parts::new(&envelope(number), Body::StateInputRecorded(input), &Person::default())
}

fn history() -> Vec<Parts> {
    let money = MeasureDefined {
        id: "budget".into(),
        name: "Budget".into(),
        side: Side::State.into(),
        unit: "GBP".into(),
        role: Role::Deliver.into(),
        contra_of: String::new(),
    };
    let indicator = IndicatorDefined {
        id: "willing".into(),
        name: "Would help".into(),
        unit: "%".into(),
        decimal_places: 0,
        direction: Direction::HigherIsBetter.into(),
    };
    let (service, measure, area) = (String::from(SERVICE), String::from("tutoring"), String::new());
    // 50 % of 20 people.
    let observed = OutcomeObserved {
        service: service.clone(),
        indicator: "willing".into(),
        area: area.clone(),
        period_start: "2025-03-01".into(),
        period_end: "2025-03-31".into(),
        numerator: 1_000,
        denominator: 20,
    };
    let pledge = PledgeMade {
        service,
        measure,
        quantity: 100,
        area,
        exchange: String::new(),
        period_start: "2025-03-01".into(),
        period_end: "2025-03-31".into(),
    };
    let nobody = Person::default();
    vec![
        service_defined(1),
        measure_defined(2, "tutoring", Side::Citizen),
        measure_defined(3, "teaching", Side::State),
        Parts::new(&envelope(4), Body::MeasureDefined(money), &nobody),
        Parts::new(&envelope(5), Body::IndicatorDefined(indicator), &nobody),
        Parts::new(&envelope(6), Body::OutcomeObserved(observed), &nobody),
        Parts::new(&envelope(7), Body::PledgeMade(pledge), &by("ana")),
        tutors(8, "ana", "2025-03-03", 30, Some(7), "plan:7"),
        tutors(9, "ana", "2025-04-03", 10, Some(7), ""),
        tutors(10, "ben", "2025-03-05", 60, None, ""),
        taught(11),
        budget(12, 300, ChosenBy::Citizen),
        budget(13, 100, ChosenBy::Council),
    ]
}

async fn started(history: &[Parts]) -> (Server, Channel, tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    let mut answer = Gateway::new(&channel).batch(batch_request(history, false)).await.unwrap();
    assert_eq!(answer.recorded as usize, history.len());
    let position = answer.positions.remove(0).position;
    (server, channel, directory, position)
}

fn figures(pairs: &[(&str, &str)]) -> Figures {
    pairs.iter().map(|(part, value)| ((*part).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_history_comes_to_what_a_pencil_says() {
    let (server, channel, _directory, position) = started(&history()).await;
    let of = |metric: &str, more: &[&str]| total(&server, COUNCIL, metric, &[&["--at-least", position.as_str()], more].concat());
    // Of Ana and Ben in March Ana came back in April.
    assert_eq!(of("retention", &["--by", "month"]), figures(&[("", "0.500000"), ("new", "2"), ("lapsed", "1")]));
    // 40 and 60 minutes: (−40 + 60) ÷ (2 · 100).
    let unequal = figures(&[("tutoring gini", "0.100000"), ("tutoring top tenth", "0.600000"), ("tutoring actors", "2")]);
    assert_eq!(of("concentration", &[]), unequal);
    // Three contributions and the teaching, and two budgets.
    let graded = of("evidence_quality", &[]);
    assert_eq!((graded["PROFESSIONAL entries"].as_str(), graded["SENSOR entries"].as_str()), ("0.666667", "0.333333"));
    let decided = of("control", &[]);
    assert_eq!((decided["GBP chosen by citizen"].as_str(), decided["role DELIVER entries"].as_str()), ("0.750000", "3"));
    // Ten support it, one pledged; 40 of 100 minutes were done, 30 of them in an exchange with the teacher's.
    let gap = figures(&[
        ("support", "50.000000"),
        ("tutoring pledged of support", "0.100000"),
        ("tutoring done of pledged", "0.400000"),
        ("tutoring matched of done", "0.750000"),
    ]);
    assert_eq!(of("willingness_gap", &["--support-indicator", "willing"]), gap);
    crate::compare::model_of(&channel, &[COUNCIL.to_owned()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_questions_are_told_what_to_do() {
    let (server, _channel, _directory, position) = started(&history()).await;
    let cases: [(&str, &[&str], &[&str]); 8] = [
        ("retention", &[], &["group_by", "needs MONTH"]),
        ("retention", &["--by", "year"], &["group_by[0]", "cannot be grouped by year", "group by month"]),
        ("retention", &["--by", "month", "--area", "ward:1"], &["scope.areas", "retention cannot be narrowed"]),
        ("retention", &["--by", "month", "--from", "2025-03-02"], &["scope.period_start", "first day of a month", "2025-03-01 is"]),
        ("control", &["--support-indicator", "willing"], &["support_indicator", "willingness_gap"]),
        ("willingness_gap", &["--support-indicator", "wiling"], &["has not defined the indicator wiling", "nearest to it are willing"]),
        ("willingness_gap", &["--by", "measure"], &["group_by[0]", "willingness_gap cannot be grouped by measure"]),
        ("concentrated", &[], &["metrics[0]", "nearest name is concentration"]),
    ];
    for (metric, more, words) in cases {
        let (answer, error) = value(&server, COUNCIL, metric, &[&["--at-least", position.as_str()], more].concat());
        assert!(answer.is_empty() && words.iter().all(|words| error.contains(words)), "{metric} {more:?}: {words:?} in {error}{answer}");
    }
}

/// `tests/data/taking_part.py`: council, metric, part, value.
fn recomputed(data: &Path) -> BTreeMap<String, BTreeMap<String, BTreeMap<String, Option<String>>>> {
    let script = crate::data_sets::root().join("tests/data/taking_part.py");
    let output = Command::new("python3").arg("-B").arg(script).arg(data).output().expect("python3 is needed to recompute the figures");
    assert!(output.status.success(), "taking_part.py: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_real_sets_come_to_what_python_says() {
    let Some(data) = crate::data_sets::data() else { return };
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).unwrap();
    let imports = crate::data_sets::imports(&data);
    for mapping in ["chicago-requests.toml", "atus-activities.toml"] {
        let one = imports.iter().find(|one| one.mapping.ends_with(mapping)).unwrap();
        crate::data_sets::import(&server, one);
    }
    for (council, metrics) in recomputed(&data) {
        for (metric, expected) in metrics {
            let more: &[&str] = if metric == "retention" { &["--by", "month"] } else { &[] };
            let expected: Figures = expected.into_iter().map(|(part, value)| (part, value.unwrap_or_else(|| "none".into()))).collect();
            assert_eq!(total(&server, &council, &metric, more), expected, "{metric} of {council}");
        }
    }
    // Nobody in Chicago is named: who came back is not known, which is not nobody.
    let nameless = figures(&[("", "none"), ("new", "none"), ("lapsed", "none")]);
    assert_eq!(total(&server, "chicago", "retention", &["--by", "month"]), nameless);
}
