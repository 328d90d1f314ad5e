//! Answers as of a point of the book, and explained changes, of the real server and the real command.

use crate::compare::{model_of, same_answer};
use serde_json::Value;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{Dimension, EntryReversed, Person, QueryValueRequest, Rate, ReversalReason, Side, ValuationBasis, ValuationPublished};
use tandem_tests::client::{Gateway, batch_request, connect, query};
use tandem_tests::events::{Generator, Manner, Parts};
use tandem_tests::given::{COUNCIL, SOURCE, ana, contributed, contribution, envelope, event_id, measure_defined, service_defined, taught};
use tandem_tests::model::{self, Council, Model};
use tandem_tests::questions;
use tandem_tests::random::{Random, seeds, with_seed};
use tandem_tests::server::{Server, run};
use tonic::transport::Channel;

async fn record(channel: &Channel, batch: &[Parts]) {
    Gateway::new(channel).batch(batch_request(batch, false)).await.unwrap();
}

#[test]
fn as_of_an_entry_is_what_the_model_of_the_entries_so_far_says() {
    for seed in seeds(1) {
        with_seed(seed, |mut random| tokio::runtime::Runtime::new().unwrap().block_on(compare(&mut random)));
    }
}

async fn compare(random: &mut Random) {
    let data_dir = tempfile::tempdir().unwrap();
    let server = Server::start(data_dir.path()).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    let mut generator = Generator::new(COUNCIL, Random::new(random.bits()), Manner::Acceptable);
    for _ in 0..12 {
        let batch: Vec<_> = (0..100).map(|_| generator.event()).collect();
        record(&channel, &batch).await;
    }
    crate::stop::wait_until_folded(&channel).await;
    let whole = model_of(&channel, &[COUNCIL.to_owned()]).await;
    let (mut compared, mut priced) = (0, 0);
    while compared < 80 {
        let sequence = random.below(whole.councils[COUNCIL].entries.len() as u64);
        let so_far = truncated(&whole.councils[COUNCIL], sequence);
        let question = as_of(questions::random(&whole, random), &whole, sequence);
        let Some(expected) = model::answer(&so_far, &QueryValueRequest { as_of_sequence: None, ..question.clone() }) else {
            // Its valuation had not been published then; today's are used.
            continue;
        };
        let answer = query(&channel).query_value(question.clone()).await.unwrap().into_inner();
        same_answer(&question, &expected, &answer);
        let point = &answer.as_of[0];
        let entry = whole.councils[COUNCIL].entry(sequence);
        assert_eq!((point.sequence, point.book_time_us), (Some(sequence), entry.book_time_us));
        compared += 1;
        priced += usize::from(question.valuation.is_some());
    }
    assert!(priced > 10, "{priced} questions had prices");
}

/// The model of the entries up to one.
fn truncated(council: &Council, sequence: u64) -> Model {
    let mut model = Model::default();
    for entry in &council.entries[..=sequence as usize] {
        model.take(COUNCIL, entry.book_time_us, &prost::Message::encode_to_vec(&entry.record));
    }
    model
}

/// The question as of an entry, by the version of its valuation that is the newest today. What is said of areas is today's too, of which a
/// shorter book knows less: it is not asked.
fn as_of(mut question: QueryValueRequest, whole: &Model, sequence: u64) -> QueryValueRequest {
    question.as_of_sequence = Some(sequence);
    question.group_by.retain(|dimension| ![Dimension::Decile as i32, Dimension::ParentArea as i32].contains(dimension));
    question.area_vintage = String::new();
    if let Some(valuation) = question.valuation.as_mut().filter(|valuation| valuation.version == 0) {
        let of_this = whole.councils[COUNCIL].definitions.keys().filter(|(kind, id, _)| *kind == 5 && *id == valuation.id);
        valuation.version = of_this.filter_map(|(_, _, version)| version.parse().ok()).max().unwrap_or_default();
    }
    question
}

fn priced(number: u64, id: &str, tutoring: i64) -> Parts {
    let rate = |measure: &str, central| Rate {
        measure: measure.into(),
        per_quantity: 60,
        central,
        low: Some(central),
        high: Some(central),
        ..Default::default()
    };
    let valuation = ValuationPublished {
        id: id.into(),
        version: 1,
        name: id.into(),
        currency: "GBP".into(),
        basis: ValuationBasis::Constant.into(),
        rates: vec![rate("tutoring", tutoring), rate("teaching", 3_000)],
        ..Default::default()
    };
    Parts::new(&envelope(number), Body::ValuationPublished(valuation), &Person::default())
}

fn reversed(number: u64, target: u64) -> Parts {
    let reversal = EntryReversed { target_event_id: event_id(target), target_source: SOURCE.into(), reason: ReversalReason::Error.into() };
    Parts::new(&envelope(number), Body::EntryReversed(reversal), &ana())
}

/// Runs `tandem value` on the council; its output, or what it says instead.
fn value(server: &Server, arguments: &[&str]) -> Result<String, String> {
    let url = format!("http://{}", server.grpc);
    let output = run(&[&["value", "--server", &url, "--council", COUNCIL][..], arguments].concat());
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap()),
        false => Err(String::from_utf8(output.stderr).unwrap()),
    }
}

fn json(server: &Server, arguments: &[&str]) -> Value {
    serde_json::from_str(&value(server, &[arguments, &["--json"]].concat()).unwrap()).unwrap()
}

/// Entries 0 to 4 are the catalogue, 5 is 90 minutes of tutoring, 6 is 45 of teaching, 7 is 90 more of tutoring, 8 reverses the teaching.
async fn small() -> (Server, tempfile::TempDir) {
    let data_dir = tempfile::tempdir().unwrap();
    let server = Server::start(data_dir.path()).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    let catalogue = [service_defined(1), measure_defined(2, "tutoring", Side::Citizen), measure_defined(3, "teaching", Side::State)];
    record(&channel, &catalogue).await;
    record(&channel, &[priced(4, "floor", 1_200), priced(5, "market", 1_500)]).await;
    record(&channel, &[contributed(10, contribution()), taught(11), contributed(12, contribution()), reversed(13, 11)]).await;
    crate::stop::wait_until_folded(&channel).await;
    (server, data_dir)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_asks_as_of_a_point() {
    let (server, _data_dir) = small().await;
    let entries = |arguments: &[&str]| {
        let answer = json(&server, &[&["--metric", "entries"], arguments].concat());
        (answer["total"]["values"][0]["central"].as_str().unwrap().to_owned(), answer["as_of"][0]["sequence"].as_u64())
    };
    assert_eq!(entries(&[]), ("2".into(), None));
    assert_eq!(entries(&["--as-of-sequence", "4"]), ("0".into(), Some(4)));
    assert_eq!(entries(&["--as-of-sequence", "7"]), ("3".into(), Some(7)));
    assert_eq!(entries(&["--as-of", "2020-02-29"]), ("0".into(), None));
    assert_eq!(entries(&["--as-of", "2999-12-31"]), ("2".into(), Some(8)));
    let text = value(&server, &["--metric", "response_rate", "--as-of-sequence", "6"]).unwrap();
    assert!(text.contains("1.000000") && text.contains("as of entry 6 of E09000001, recorded 20"), "{text}");
    let early = value(&server, &["--metric", "entries", "--as-of", "2020-02-29"]).unwrap();
    assert!(early.contains("as of before the first entry of E09000001"), "{early}");

    let refused = |arguments: &[&str], words: &str| {
        let why = value(&server, &[&["--metric", "entries"], arguments].concat()).unwrap_err();
        assert!(why.contains(words), "{why}");
    };
    refused(&["--as-of-sequence", "9"], "as_of_sequence: is 9; the book ends with 8");
    refused(&["--as-of", "2020-02-30"], "as_of_date: must be a day of the calendar");
    refused(&["--as-of", "2020-02-29", "--as-of-sequence", "3"], "cannot be used with");
    refused(&["--from-as-of", "2020-02-29"], "--explain");
    refused(&["--explain", "--from-as-of", "2020-02-29"], "only the change of citizen_value");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_explains_a_change() {
    let (server, _data_dir) = small().await;
    let metrics = ["--metric", "citizen_value,state_value,co_produced_value", "--valuation", "floor", "--explain"];
    // £18 and £22.50, matched; then £18 more, and the teaching is taken away.
    let csv = value(&server, &[&metrics[..], &["--from-as-of-sequence", "6", "--csv"]].concat()).unwrap();
    let expected = "\
row,keys,metric,unit,from,to,change,quantity,correction,rate,coverage
row,,citizen_value,GBP{minor},1800,3600,1800,1800,0,0,0
row,,state_value,GBP{minor},2250,,-2250,0,-2250,0,0
row,,co_produced_value,GBP{minor},4050,0,-4050,1800,-5850,0,0
total,,citizen_value,GBP{minor},1800,3600,1800,1800,0,0,0
total,,state_value,GBP{minor},2250,,-2250,0,-2250,0,0
total,,co_produced_value,GBP{minor},4050,0,-4050,1800,-5850,0,0
";
    assert_eq!(csv, expected);
    let text = value(&server, &[&metrics[..], &["--from-valuation", "market@1"]].concat()).unwrap();
    for part in ["£45.00", "-£9.00", "from: entry 8 of E09000001", "valued by market@1", "valued by floor@1", "parts may not add up"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let answer = json(&server, &[&metrics[..], &["--from-as-of-sequence", "6", "--as-of-sequence", "7", "--by", "service"]].concat());
    let change = &answer["change"];
    assert_eq!((change["rows"].as_array().unwrap().len(), change["from_as_of"][0]["sequence"].as_u64()), (1, Some(6)));
    assert_eq!((answer["as_of"][0]["sequence"].as_u64(), &change["total"]["metrics"][0]["quantity"]["exact"]), (Some(7), &Value::from("108000")));
    let why = value(&server, &[&metrics[..], &["--from-as-of-sequence", "7", "--as-of-sequence", "6"]].concat()).unwrap_err();
    assert!(why.contains("change_from.as_of_sequence: is after as_of_sequence, 6"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_explains_numbers_and_sets_valuations_side_by_side() {
    let (server, _data_dir) = small().await;
    let text = value(&server, &["--metric", "citizen_share,entries", "--valuation", "floor", "--explain", "--as-of-sequence", "6"]).unwrap();
    for part in [
        "citizen_share, in 1\n  C ÷ (C + G)",
        "divided by C + G, value of both sides",
        "valued by floor@1, in GBP",
        "in the whole scope 1800 ÷ 4050",
        "rests on 2 of 2 entries with a price",
        "as of entry 6 of E09000001, recorded",
        "position ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let two = ["--metric", "entries,citizen_value", "--by", "service", "--valuation", "floor", "--valuation", "market"];
    let csv = value(&server, &[&two[..], &["--csv"]].concat()).unwrap();
    let columns: Vec<_> = csv.lines().filter(|line| line.starts_with("row,")).skip(1).map(|line| line.split(',').collect::<Vec<_>>()).collect();
    let figures: Vec<_> = columns.iter().map(|line| (line[3], line[6])).collect();
    assert_eq!(figures, [("entries", "2"), ("citizen_value floor@1", "3600"), ("citizen_value market@1", "4500")]);
    let text = value(&server, &two).unwrap();
    assert!(text.contains("citizen_value floor@1") && text.contains("£36.00") && text.contains("£45.00"), "{text}");
    assert_eq!(json(&server, &two)["answers"].as_array().unwrap().len(), 2);
    let why = value(&server, &[&two[..], &["--explain", "--from-as-of-sequence", "6"]].concat()).unwrap_err();
    assert!(why.contains("--from-valuation"), "{why}");
}
