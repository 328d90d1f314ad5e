//! Points of the book and explained changes: what is refused, what is passed on, and what councils add up to.

use super::fake::{Fake, exchanges, key, reflects, value};
use super::{fields, question, server};
use tandem_proto::internal::v1::{AggregateChange, AggregateResponse, Amount, ChangePartial, Effects, Partial};
use tandem_proto::v1::query_service_server::QueryService;
use tandem_proto::v1::{ChangeFrom, CouncilAsOf, Dimension, QueryValueRequest, QueryValueResponse, Scope, ValuationRef};
use tonic::{Code, Request, Status};

async fn ask(fake: &Fake, question: QueryValueRequest) -> Result<QueryValueResponse, Status> {
    Ok(server(fake).query_value(Request::new(question)).await?.into_inner())
}

fn valued(councils: &[&str]) -> QueryValueRequest {
    QueryValueRequest {
        scope: Some(Scope { councils: councils.iter().map(|council| council.to_string()).collect(), ..Default::default() }),
        metrics: vec!["citizen_value".into()],
        group_by: vec![Dimension::Service.into()],
        valuation: Some(ValuationRef { id: "floor".into(), version: 0 }),
        ..Default::default()
    }
}

fn at(council: &str, sequence: u64) -> Option<CouncilAsOf> {
    Some(CouncilAsOf { council: council.into(), sequence: Some(sequence), book_time_us: 9 })
}

fn amount(central: i64) -> Option<Amount> {
    Some(Amount { low: central.to_string(), central: central.to_string(), high: central.to_string() })
}

/// A group's effects on the citizens' value: of quantity and of rate.
fn effects(keys: &[&str], quantity: i64, rate: i64) -> ChangePartial {
    let citizen = Effects { quantity: amount(quantity), rate: amount(rate), ..Default::default() };
    ChangePartial { keys: keys.iter().map(|id| key(Dimension::Service, id)).collect(), citizen: Some(citizen), ..Default::default() }
}

fn answer(council: &str, groups: Vec<Partial>, total: Partial, denominator: u64) -> AggregateResponse {
    AggregateResponse {
        groups,
        total: Some(total),
        valuation: Some(ValuationRef { id: "floor".into(), version: 1 }),
        currency: "GBP".into(),
        amount_denominator: denominator,
        as_of: at(council, 3),
        ..Default::default()
    }
}

fn service(id: &str, central: i64) -> Partial {
    value(vec![key(Dimension::Service, id)], central, 1, 1)
}

/// At first 10 thirds of a penny for "a" and 9 for "b"; then 20 halves for "a" and nothing for "b" in the one council. The other has only "c".
fn changed(fake: &Fake) {
    let first = answer("E09000001", vec![service("a", 10), service("b", 9)], value(vec![], 19, 2, 2), 3);
    let groups = vec![effects(&["a"], 30, 10), effects(&["b"], -18, 0)];
    let change = AggregateChange { from: Some(Box::new(first)), groups, total: Some(effects(&[], 12, 10)), amount_denominator: 6 };
    let second = answer("E09000001", vec![service("a", 20)], value(vec![], 20, 1, 1), 2);
    let one = AggregateResponse { change: Some(Box::new(change)), reflects: Some(reflects("E09000001")), as_of: at("E09000001", 8), ..second };
    let first = answer("E09000002", vec![], value(vec![], 0, 0, 0), 1);
    let change =
        AggregateChange { from: Some(Box::new(first)), groups: vec![effects(&["c"], 7, 0)], total: Some(effects(&[], 7, 0)), amount_denominator: 1 };
    let second = answer("E09000002", vec![service("c", 7)], value(vec![], 7, 1, 1), 1);
    let other = AggregateResponse { change: Some(Box::new(change)), reflects: Some(reflects("E09000002")), as_of: at("E09000002", 8), ..second };
    let mut answers = fake.answers.lock().unwrap();
    answers.insert("E09000001".into(), one);
    answers.insert("E09000002".into(), other);
}

fn since() -> Option<ChangeFrom> {
    Some(ChangeFrom { as_of_date: "2025-03-31".into(), ..Default::default() })
}

#[tokio::test]
async fn points_are_passed_on_and_said() {
    let fake = Fake::default();
    changed(&fake);
    let asked = QueryValueRequest { as_of_date: "2025-06-30".into(), change_from: since(), ..valued(&["E09000001"]) };
    let answer = ask(&fake, asked).await.unwrap();
    assert_eq!(answer.as_of, [at("E09000001", 8).unwrap()]);
    assert_eq!(answer.change.unwrap().from_as_of, [at("E09000001", 3).unwrap()]);
    let passed = fake.asked.lock().unwrap().pop().unwrap().0;
    assert_eq!((passed.as_of_date.as_str(), passed.as_of_sequence, passed.change_from), ("2025-06-30", None, since()));
    ask(&fake, QueryValueRequest { as_of_sequence: Some(0), ..valued(&["E09000001", "E09000001"]) }).await.unwrap();
    let passed = fake.asked.lock().unwrap().pop().unwrap().0;
    assert_eq!((passed.as_of_sequence, passed.change_from), (Some(0), None));
}

#[tokio::test]
async fn a_change_has_a_row_for_what_was_there_and_is_gone() {
    let fake = Fake::default();
    changed(&fake);
    let asked = QueryValueRequest { change_from: since(), ..valued(&["E09000001", "E09000002"]) };
    let answer = ask(&fake, asked.clone()).await.unwrap();
    let services: Vec<_> = answer.rows.iter().map(|row| row.keys[0].value.as_str()).collect();
    assert_eq!(services, ["a", "b", "c"]);
    let change = answer.change.unwrap();
    let text = |row: &tandem_proto::v1::ChangeRow| {
        let metric = &row.metrics[0];
        let all = [&metric.from, &metric.to, &metric.change, &metric.quantity, &metric.correction, &metric.rate, &metric.coverage];
        all.map(|amount| amount.as_ref().map_or_else(|| "none".into(), |amount| format!("{} ({})", amount.central, amount.exact))).join(", ")
    };
    // In sixths of a penny: 20 and then 60, of which 30 are of quantity and 10 of rate.
    assert_eq!(text(&change.rows[0]), "3 (20), 10 (60), 7 (40), 5 (30), 0 (0), 2 (10), 0 (0)");
    assert_eq!(text(&change.rows[1]), "3 (18), none, -3 (-18), -3 (-18), 0 (0), 0 (0), 0 (0)");
    assert_eq!(text(&change.rows[2]), "none, 7 (42), 7 (42), 7 (42), 0 (0), 0 (0), 0 (0)");
    assert_eq!(text(change.total.as_ref().unwrap()), "6 (38), 17 (102), 11 (64), 9 (54), 0 (0), 2 (10), 0 (0)");
    assert_eq!((change.amount_denominator, change.from_valuation.unwrap().version, change.effects.len()), (6, 1, 4));
    assert_eq!(change.from_as_of.len(), 2);

    // Pages have the changes of their own rows.
    let first = ask(&fake, QueryValueRequest { page_size: 2, ..asked.clone() }).await.unwrap();
    let page = QueryValueRequest { page_size: 2, page_token: first.next_page_token.clone(), ..asked };
    let second = ask(&fake, page).await.unwrap();
    assert_eq!((first.change.unwrap().rows.as_slice(), second.next_page_token.as_str()), (&change.rows[..2], ""));
    let second = second.change.unwrap();
    assert_eq!((second.rows.as_slice(), second.total), (&change.rows[2..], None));
}

#[tokio::test]
async fn effects_that_do_not_add_up_are_never_shown() {
    let fake = Fake::default();
    changed(&fake);
    fake.answers.lock().unwrap().get_mut("E09000001").unwrap().change.as_mut().unwrap().groups[0] = effects(&["a"], 30, 11);
    let status = ask(&fake, QueryValueRequest { change_from: since(), ..valued(&["E09000001"]) }).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
}

#[tokio::test]
async fn points_that_cannot_be_asked_are_refused_with_their_field() {
    let fake = Fake::default();
    let two = || valued(&["E09000001", "E09000002"]);
    let one = || valued(&["E09000001"]);
    let from = |from: ChangeFrom| QueryValueRequest { change_from: Some(from), ..one() };
    let nothing = ChangeFrom::default;
    let cases = [
        (QueryValueRequest { as_of_date: "2025-02-30".into(), ..one() }, "as_of_date", "YYYY-MM-DD"),
        (QueryValueRequest { as_of_date: "2025-03-31".into(), as_of_sequence: Some(3), ..one() }, "as_of_date", "give one of them"),
        (QueryValueRequest { as_of_sequence: Some(3), ..two() }, "as_of_sequence", "2 are asked"),
        (from(nothing()), "change_from", "says nothing"),
        (from(ChangeFrom { as_of_date: "yesterday".into(), ..nothing() }), "change_from.as_of_date", "YYYY-MM-DD"),
        (from(ChangeFrom { as_of_date: "2025-03-31".into(), as_of_sequence: Some(1), ..nothing() }), "change_from.as_of_date", "give one of them"),
        (from(ChangeFrom { valuation: Some(ValuationRef::default()), ..nothing() }), "change_from.valuation.id", "required"),
        (
            QueryValueRequest { change_from: Some(ChangeFrom { as_of_sequence: Some(1), ..nothing() }), ..two() },
            "change_from.as_of_sequence",
            "2 are asked",
        ),
        (
            QueryValueRequest { as_of_date: "2025-03-30".into(), change_from: since(), ..one() },
            "change_from.as_of_date",
            "is after as_of_date, 2025-03-30",
        ),
        (
            QueryValueRequest { as_of_sequence: Some(3), ..from(ChangeFrom { as_of_sequence: Some(4), ..nothing() }) },
            "change_from.as_of_sequence",
            "is after as_of_sequence, 3",
        ),
        (QueryValueRequest { metrics: vec!["entries".into()], change_from: since(), ..one() }, "metrics[0]", "citizen_value, state_value"),
        (QueryValueRequest { valuation: None, change_from: since(), ..one() }, "valuation", "required"),
    ];
    for (question, field, words) in cases {
        let status = ask(&fake, question).await.unwrap_err();
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec![field.to_owned()]), "{status}");
        assert!(status.message().contains(words) || format!("{status:?}").contains(words), "{field}, {words}: {status}");
    }
    assert!(fake.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn tokens_are_of_one_point() {
    let fake = Fake::default();
    let groups = ["a", "b"].map(|id| exchanges(vec![key(Dimension::Service, id)], 1, 1)).to_vec();
    fake.answer("E09000001", groups, exchanges(vec![], 2, 2));
    let first = ask(&fake, QueryValueRequest { page_size: 1, as_of_sequence: Some(3), ..question() }).await.unwrap();
    let next = QueryValueRequest { page_size: 1, page_token: first.next_page_token, as_of_sequence: Some(4), ..question() };
    assert_eq!(fields(&ask(&fake, next).await.unwrap_err()), ["page_token"]);
}
