//! `QueryValue`: what is refused, what is added up, and how it is paged.

use super::fake::{Fake, exchanges, key, value};
use super::{fields, question, server};
use std::time::Duration;
use tandem_proto::v1::query_service_server::QueryService;
use tandem_proto::v1::{Dimension, QueryValueRequest, QueryValueResponse, Scope, ValuationRef, ValueRow};
use tonic::{Code, Request, Status};

async fn ask(fake: &Fake, question: QueryValueRequest) -> Result<QueryValueResponse, Status> {
    Ok(server(fake).query_value(Request::new(question)).await?.into_inner())
}

fn by_service(id: &str, opened: u64, two_sided: u64) -> tandem_proto::internal::v1::Partial {
    exchanges(vec![key(Dimension::Service, id)], opened, two_sided)
}

fn shown(rows: &[ValueRow]) -> Vec<(&str, &str)> {
    rows.iter().map(|row| (row.keys[0].value.as_str(), row.values[0].central.as_deref().unwrap_or("none"))).collect()
}

fn councils(councils: &[&str]) -> Option<Scope> {
    Some(Scope { councils: councils.iter().map(|council| council.to_string()).collect(), ..Default::default() })
}

#[tokio::test]
async fn councils_are_added_and_rows_stand_in_order() {
    let fake = Fake::default();
    fake.answer("E09000001", vec![by_service("b", 3, 1), by_service("c", 1, 1)], exchanges(vec![], 4, 2));
    fake.answer("E09000002", vec![by_service("a", 0, 0), by_service("b", 1, 1)], exchanges(vec![], 1, 1));
    // The same council twice is once.
    let answer = ask(&fake, QueryValueRequest { scope: councils(&["E09000002", "E09000001", "E09000002"]), ..question() }).await.unwrap();
    assert_eq!(shown(&answer.rows), [("a", "none"), ("b", "0.500000"), ("c", "1.000000")]);
    assert_eq!(answer.total.unwrap().values[0].central.as_deref(), Some("0.600000"));
    assert_eq!(answer.definitions.len(), 1);
    assert_eq!(answer.reflects.iter().map(|reflects| reflects.council.as_str()).collect::<Vec<_>>(), ["E09000001", "E09000002"]);
    assert_eq!(answer.rows.iter().map(|row| row.keys[0].label.as_str()).collect::<Vec<_>>(), ["Name of a", "Name of b", ""]);
    assert_eq!((answer.valuation, answer.currency.as_str(), answer.next_page_token.as_str()), (None, "", ""));
}

#[tokio::test]
async fn each_projection_is_asked_for_what_the_metrics_need() {
    let fake = Fake::default();
    fake.answer("E09000001", vec![], exchanges(vec![], 0, 0));
    let mut request = Request::new(QueryValueRequest { at_least: vec![], ..question() });
    request.set_timeout(Duration::from_secs(9));
    server(&fake).query_value(request).await.unwrap();
    ask(&fake, QueryValueRequest { metrics: vec!["participants".into()], ..question() }).await.unwrap();
    let asked = fake.asked.lock().unwrap();
    let wants = |index: usize| (asked[index].0.want_cells, asked[index].0.want_exchanges, asked[index].0.want_participants);
    assert_eq!((wants(0), asked[0].1), ((false, true, false), true));
    assert_eq!((wants(1), asked[1].1), ((false, false, true), false));
    assert_eq!(asked[0].0.council, "E09000001");
}

#[tokio::test]
async fn amounts_of_different_denominators_are_added_exactly() {
    let fake = Fake::default();
    let valued = QueryValueRequest {
        scope: councils(&["E09000001", "E09000002"]),
        metrics: vec!["citizen_value".into()],
        group_by: vec![],
        valuation: Some(ValuationRef { id: "floor".into(), version: 0 }),
        ..Default::default()
    };
    // 100/3 + 1/6 is 33.5 pence, which is rounded once, to even.
    fake.valued("E09000001", value(vec![], 100, 1, 2), 2, "GBP", 3);
    fake.valued("E09000002", value(vec![], 1, 2, 2), 2, "GBP", 6);
    let answer = ask(&fake, valued.clone()).await.unwrap();
    let figure = &answer.total.as_ref().unwrap().values[0];
    assert_eq!((figure.central.as_deref(), figure.unit.as_str()), (Some("34"), "GBP{minor}"));
    let coverage = figure.coverage.as_ref().unwrap();
    assert_eq!((coverage.covered, coverage.total), (3, 4));
    assert_eq!((answer.valuation.as_ref().unwrap().version, answer.currency.as_str()), (2, "GBP"));

    for (version, currency, expected) in [(3, "GBP", "version"), (2, "EUR", "EUR")] {
        fake.valued("E09000002", value(vec![], 1, 2, 2), version, currency, 6);
        let status = ask(&fake, valued.clone()).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert!(status.message().contains(expected) && status.message().contains("E09000002"), "{status}");
    }
}

#[tokio::test]
async fn pages_follow_each_other() {
    let fake = Fake::default();
    let ids = ["a", "b", "c"];
    fake.answer("E09000001", ids.map(|id| by_service(id, 1, 1)).to_vec(), exchanges(vec![], 3, 3));
    let mut question = QueryValueRequest { page_size: 2, ..question() };
    let first = ask(&fake, question.clone()).await.unwrap();
    assert_eq!((first.rows.len(), first.total.is_some()), (2, true));
    question.page_token = first.next_page_token;
    let second = ask(&fake, question.clone()).await.unwrap();
    assert_eq!((second.rows[0].keys[0].value.as_str(), second.rows.len(), second.total.is_some()), ("c", 1, false));
    assert!(second.next_page_token.is_empty());
    question.metrics = vec!["match_latency".into()];
    assert_eq!(fields(&ask(&fake, question).await.unwrap_err()), ["page_token"]);
}

#[tokio::test]
async fn pages_of_an_answer_are_computed_once() {
    let fake = Fake::default();
    let ids = ["a", "b", "c"];
    fake.answer("E09000001", ids.map(|id| by_service(id, 1, 1)).to_vec(), exchanges(vec![], 3, 3));
    let server = server(&fake);
    let ask = async |question: &QueryValueRequest| server.query_value(Request::new(question.clone())).await.unwrap().into_inner();
    let mut question = QueryValueRequest { page_size: 1, ..question() };
    question.page_token = ask(&question).await.next_page_token;
    // What is recorded meanwhile is in no page of this answer.
    fake.answer("E09000001", vec![by_service("z", 1, 1)], exchanges(vec![], 1, 1));
    question.page_token = ask(&question).await.next_page_token;
    let last = ask(&question).await;
    assert_eq!((last.rows[0].keys[0].value.as_str(), last.next_page_token.as_str()), ("c", ""));
    assert_eq!(fake.asked.lock().unwrap().len(), 1);
    question.page_token = String::new();
    assert_eq!(ask(&question).await.rows[0].keys[0].value, "z", "asked anew it is another answer");
}

#[tokio::test]
async fn names_are_read_once_while_the_book_stands_still() {
    let fake = Fake::default();
    fake.answer("E09000001", vec![by_service("a", 1, 1)], exchanges(vec![], 1, 1));
    let server = server(&fake);
    for _ in 0..3 {
        server.query_value(Request::new(question())).await.unwrap();
    }
    assert_eq!(*fake.catalogue_calls.lock().unwrap(), 2, "two pages, once");
}

#[tokio::test]
async fn a_question_ends_with_its_deadline() {
    let mut request = Request::new(question());
    request.set_timeout(Duration::from_millis(50));
    let status = server(&Fake::default()).query_value(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_field() {
    let fake = Fake::default();
    let dimension = |dimension: Dimension| i32::from(dimension);
    type Change = Box<dyn Fn(&mut QueryValueRequest)>;
    let cases: Vec<(Change, &str, &str)> = vec![
        (Box::new(|question| question.scope = None), "scope.councils", "1 to 1,000"),
        (Box::new(|question| question.scope = councils(&["x"])), "scope.councils[0]", "2 to 32"),
        (Box::new(|question| question.scope = councils(&["E09000001"; 1_001])), "scope.councils", "1000"),
        (Box::new(|question| question.scope.as_mut().unwrap().sides = vec![9]), "scope.sides[0]", "says nothing"),
        (Box::new(|question| question.scope.as_mut().unwrap().period_start = "2025-13-01".into()), "scope.period_start", "YYYY-MM-DD"),
        (
            Box::new(|question| {
                let scope = question.scope.as_mut().unwrap();
                (scope.period_start, scope.period_end) = ("2025-02-01".into(), "2025-01-01".into());
            }),
            "scope.period_end",
            "is before",
        ),
        (Box::new(|question| question.metrics = vec![]), "metrics", "required"),
        (Box::new(|question| question.metrics = vec!["response_rate".into(); 21]), "metrics", "limit is 20"),
        (Box::new(|question| question.metrics = vec!["responserate".into()]), "metrics[0]", "response_rate"),
        (Box::new(|question| question.metrics = vec!["citizen_value".into()]), "valuation", "required"),
        (Box::new(|question| question.valuation = Some(ValuationRef::default())), "valuation.id", "required"),
        (Box::new(|question| question.group_by = vec![0]), "group_by[0]", "says nothing"),
        (Box::new(move |question| question.group_by = vec![dimension(Dimension::Day), dimension(Dimension::Month)]), "group_by[1]", "one calendar"),
        (Box::new(move |question| question.group_by = vec![dimension(Dimension::Service); 2]), "group_by[1]", "twice"),
        (Box::new(|question| question.group_by = vec![1, 2, 5, 7, 8]), "group_by", "limit is 4"),
        (Box::new(move |question| question.group_by = vec![dimension(Dimension::Measure)]), "group_by[0]", "measure"),
        (Box::new(|question| question.scope.as_mut().unwrap().evidence = vec![4]), "scope.evidence", "response_rate"),
        (Box::new(|question| question.one_sided_older_than_days = 3), "today", "required"),
        (Box::new(|question| question.area_vintage = "imd 2025".into()), "area_vintage", "1 to 32 bytes"),
        (Box::new(|question| question.area_vintage = "v".repeat(33)), "area_vintage", "1 to 32 bytes"),
        (Box::new(|question| question.today = "tomorrow".into()), "today", "YYYY-MM-DD"),
        (Box::new(|question| question.at_least = vec!["here".into()]), "at_least[0]", "position"),
        (Box::new(|question| question.metrics = vec!["outcome".into()]), "indicator", "required"),
        (Box::new(|question| question.indicator = "a b".into()), "indicator", "1 to 128"),
        (Box::new(|question| question.metrics = vec!["costshift".into()]), "metrics[0]", "cost_shift"),
        (
            Box::new(|question| {
                question.metrics = vec!["outcome".into()];
                question.scope.as_mut().unwrap().measures = vec!["help".into()];
            }),
            "scope.measures",
            "no measure or side",
        ),
        (Box::new(|question| question.metrics = vec!["cost_shift".into()]), "compare_start", "two periods"),
        (Box::new(|question| question.compare_start = "2024-01-01".into()), "compare_end", "required with compare_start"),
        (Box::new(|question| question.compare_end = "2024-13-01".into()), "compare_end", "YYYY-MM-DD"),
        (
            Box::new(|question| {
                question.scope.as_mut().unwrap().period_start = "2024-12-31".into();
                (question.compare_start, question.compare_end) = ("2024-01-01".into(), "2024-12-31".into());
            }),
            "compare_end",
            "not before scope.period_start, 2024-12-31",
        ),
        (
            Box::new(|question| (question.compare_start, question.compare_end) = ("2024-01-01".into(), "2024-12-31".into())),
            "scope.period_start",
            "required with compare_start",
        ),
        (Box::new(|question| question.compare_previous = true), "compare_previous", "calendar unit"),
        (
            Box::new(move |question| {
                question.compare_previous = true;
                question.group_by = vec![dimension(Dimension::Quarter)];
                question.scope.as_mut().unwrap().period_start = "2024-02-01".into();
            }),
            "scope.period_start",
            "first day of a quarter",
        ),
        (Box::new(|question| (question.metrics, question.group_by) = (vec!["retention".into()], vec![])), "group_by", "needs MONTH"),
        (Box::new(|question| question.metrics = vec!["retention".into()]), "group_by", "needs MONTH"),
        (
            Box::new(|question| {
                question.metrics = vec!["retention".into()];
                question.scope.as_mut().unwrap().period_end = "2025-02-27".into();
            }),
            "scope.period_end",
            "2025-02-28 is",
        ),
        (Box::new(|question| question.support_indicator = "willing".into()), "support_indicator", "willingness_gap"),
        (Box::new(|question| question.support_indicator = "a b".into()), "support_indicator", "1 to 128 bytes"),
        (Box::new(|question| question.page_size = 10_001), "page_size", "limit is 10000"),
        (Box::new(|question| question.page_token = "here".into()), "page_token", "of this question"),
    ];
    for (change, field, words) in cases {
        let mut question = question();
        change(&mut question);
        let status = ask(&fake, question).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}");
        assert!(fields(&status).iter().any(|wrong| wrong == field), "{field}: {status}");
        assert!(status.message().contains(words) || format!("{status:?}").contains(words), "{field}, {words}: {status}");
    }
    assert!(fake.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn each_unit_is_compared_after_councils_are_added() {
    let fake = Fake::default();
    let month = |month: &str, opened, two_sided| exchanges(vec![key(Dimension::Month, month)], opened, two_sided);
    let with = |now: tandem_proto::internal::v1::Partial, before| tandem_proto::internal::v1::Partial { earlier: Some(Box::new(before)), ..now };
    let nothing = || exchanges(vec![], 0, 0);
    // February is the one council's, March the other's: of the one, March has something before it only.
    fake.answer("E09000001", vec![with(month("2025-02", 4, 1), nothing()), with(month("2025-03", 0, 0), exchanges(vec![], 4, 1))], nothing());
    let march = with(month("2025-03", 2, 1), nothing());
    fake.answer("E09000002", vec![march, with(month("2025-04", 0, 0), exchanges(vec![], 2, 1))], nothing());
    let by_month = QueryValueRequest {
        scope: councils(&["E09000001", "E09000002"]),
        group_by: vec![Dimension::Month.into()],
        compare_previous: true,
        ..question()
    };
    let answer = ask(&fake, by_month).await.unwrap();
    assert_eq!(shown(&answer.rows), [("2025-02", "0.250000"), ("2025-03", "0.500000")]);
    let march = &answer.rows[1].values[0];
    let earlier = march.earlier.as_ref().unwrap();
    assert_eq!((earlier.central.as_deref(), earlier.numerator.as_deref(), march.change.as_deref()), (Some("0.250000"), Some("1"), Some("0.250000")));
    let february = &answer.rows[0].values[0];
    assert_eq!((february.earlier.as_ref().unwrap().central.as_ref(), february.change.as_ref()), (None, None));
    assert_eq!(answer.total.unwrap().values[0].earlier, None);
    assert!(fake.asked.lock().unwrap().iter().all(|(asked, _)| asked.compare_previous && asked.outcomes.is_none()));
}

#[tokio::test]
async fn the_indicator_is_asked_for_and_named() {
    let fake = Fake::default();
    let indicator = tandem_proto::v1::IndicatorUsed { id: "rate".into(), unit: "%".into(), decimal_places: 1, direction: 2 };
    let outcome = |numerator: &str, denominator: &str| tandem_proto::internal::v1::OutcomePartial {
        numerator: numerator.into(),
        denominator: denominator.into(),
        count: 1,
        indicator: Some(indicator.clone()),
    };
    let total = tandem_proto::internal::v1::Partial { outcome: Some(outcome("905", "2")), ..exchanges(vec![], 0, 0) };
    fake.answer("E09000001", vec![], total);
    let asked = QueryValueRequest { metrics: vec!["outcome".into()], group_by: vec![], indicator: "rate".into(), ..question() };
    let answer = ask(&fake, asked).await.unwrap();
    let figure = &answer.total.unwrap().values[0];
    assert_eq!((figure.central.as_deref(), figure.unit.as_str(), answer.indicator), (Some("45.2"), "%", Some(indicator)));
    let outcomes = fake.asked.lock().unwrap()[0].0.outcomes.clone().unwrap();
    assert_eq!((outcomes.indicator.as_str(), outcomes.want_observations), ("rate", false));
}
