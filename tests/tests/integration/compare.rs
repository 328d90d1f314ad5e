//! Every answer of a server against the model's.

use std::collections::BTreeMap;
use std::fmt::Debug;
use tandem_proto::v1::{self, CatalogueKind, QueryValueRequest, QueryValueResponse, SuspenseReason, ValueRow};
use tandem_tests::client::{query, read_book};
use tandem_tests::model::{self, Answer, Council, Expected, Figures, Model, Prices, Ratio, RowKey, State};
use tandem_tests::random::Random;
use tandem_tests::{book, questions};
use tonic::Code;
use tonic::transport::Channel;

/// The model of what the books hold, each verified on the way.
pub async fn model_of(channel: &Channel, councils: &[String]) -> Model {
    let mut model = Model::default();
    for council in councils {
        let entries = read_book(channel, council).await.unwrap();
        book::verify(&entries).unwrap_or_else(|error| panic!("book of {council}: {error}"));
        let size =
            query(channel).get_status(v1::GetStatusRequest { councils: vec![council.clone()], ..Default::default() }).await.unwrap().into_inner();
        let reflected = size.councils.first().and_then(|status| status.reflects.as_ref()).map_or(0, |reflects| reflects.entries);
        assert_eq!(entries.len() as u64, reflected, "entries of {council} as the status has them");
        for entry in &entries {
            // The book does not tell when a frame was appended; its own time has the same effect, if it is right.
            model.take(council, entry.book_time_us, &prost::Message::encode_to_vec(entry.record.as_ref().unwrap()));
        }
        if !entries.is_empty() {
            let times: Vec<_> = model.councils[council].entries.iter().map(|entry| entry.book_time_us).collect();
            assert_eq!(times, entries.iter().map(|entry| entry.book_time_us).collect::<Vec<_>>(), "book times of {council}");
        }
    }
    model
}

/// Asks everything there is to ask and so many random questions of value.
pub async fn compare_all(channel: &Channel, model: &Model, random: &mut Random, questions: usize) {
    for council in model.councils.values() {
        status(channel, council).await;
        exchanges(channel, council).await;
        statements(channel, council).await;
        suspense(channel, council).await;
        entries(channel, council, random).await;
        catalogue(channel, council).await;
    }
    for _ in 0..questions {
        let question = questions::random(model, random);
        ask(channel, model, &question).await;
    }
}

/// Asks one question of value and compares the answer.
pub async fn ask(channel: &Channel, model: &Model, question: &QueryValueRequest) {
    let answer = query(channel).query_value(question.clone()).await;
    match (model::answer(model, question), answer) {
        (Some(expected), Ok(answer)) => same_answer(question, &expected, &answer.into_inner()),
        (None, Err(status)) => assert!(matches!(status.code(), Code::NotFound | Code::FailedPrecondition), "{status:?} to {question:?}"),
        (expected, answer) => panic!("to {question:?}\n  the model says {expected:?}\n  the server {answer:?}"),
    }
}

pub fn same_answer(question: &QueryValueRequest, expected: &Answer, answer: &QueryValueResponse) {
    assert_eq!(answer.next_page_token, "", "questions here fit a page");
    let keys = |row: &ValueRow| -> Vec<RowKey> {
        row.keys.iter().map(|key| RowKey { value: key.value.clone(), coarser: key.coarser, overlaps: key.overlaps }).collect()
    };
    let rows: BTreeMap<_, _> = answer.rows.iter().map(|row| (keys(row), row)).collect();
    assert_eq!(rows.len(), answer.rows.len(), "no two rows of {question:?} have the same keys");
    for keys in expected.rows.keys().chain(rows.keys()) {
        let (ours, theirs) = (expected.rows.get(keys), rows.get(keys));
        assert!(ours.is_some() == theirs.is_some(), "row {keys:?} of {question:?}\n  model  {ours:?}\n  server {theirs:?}");
    }
    for (keys, figures) in &expected.rows {
        same_row(question, &format!("{keys:?}"), figures, expected.prices.as_ref(), rows[keys]);
    }
    same_row(question, "total", &expected.total, expected.prices.as_ref(), answer.total.as_ref().expect("a total on the first page"));
}

fn same_row(question: &QueryValueRequest, which: &str, figures: &Figures, prices: Option<&Prices>, row: &ValueRow) {
    let expected: Vec<_> =
        question.metrics.iter().flat_map(|metric| model::expected(metric, figures, prices).into_iter().map(|one| (metric.as_str(), one))).collect();
    let names = |(metric, one): &(&str, Expected)| format!("{metric} {}", one.part);
    let ours: Vec<_> = expected.iter().map(names).collect();
    let theirs: Vec<_> = row.values.iter().map(|value| format!("{} {}", value.metric, value.part)).collect();
    assert_eq!(ours, theirs, "figures of row {which} to {question:?}");
    for ((metric, one), value) in expected.iter().zip(&row.values) {
        let context = || format!("{metric} {} of row {which} to {question:?}\n  model {one:?}\n  server {value:?}\n  from {figures:?}", one.part);
        assert_eq!((&one.central, &one.low, &one.high), (&value.central, &value.low, &value.high), "{}", context());
        assert!(one.unit.is_empty() || one.unit == value.unit, "unit of {}", context());
        if let (Some(coverage), Some(theirs)) = (one.coverage, &value.coverage) {
            assert_eq!(coverage, (theirs.covered, theirs.total), "coverage of {}", context());
        }
        if let (Some(ratio), Some(numerator), Some(denominator)) = (&one.ratio, &value.numerator, &value.denominator) {
            let theirs = Ratio { numerator: numerator.parse().unwrap(), denominator: denominator.parse().unwrap() };
            assert_eq!(ratio.reduced(), theirs.reduced(), "ratio of {}", context());
        }
    }
}

async fn status(channel: &Channel, council: &Council) {
    let request = v1::GetStatusRequest { councils: vec![council.code.clone()], ..Default::default() };
    let answer = query(channel).get_status(request).await.unwrap().into_inner();
    let theirs = &answer.councils[0];
    let [entries, applied, suspended, _, reversed, book_time_us] = council.counts();
    let reflects = theirs.reflects.as_ref().unwrap();
    let ours = (entries, applied, suspended, reversed, book_time_us, 0);
    let theirs = (reflects.entries, theirs.applied, theirs.suspended, theirs.reversed, reflects.book_time_us, theirs.cures_pending);
    assert_eq!(ours, theirs, "entries, applied, suspended, reversed, book time, cures pending of {}", council.code);
}

/// All pages of a list.
macro_rules! pages {
    ($channel:expr, $method:ident, $request:expr, $items:ident) => {{
        let mut request = $request;
        let mut items = Vec::new();
        loop {
            let answer = query($channel).$method(request.clone()).await.unwrap().into_inner();
            items.extend(answer.$items);
            if answer.next_page_token.is_empty() {
                break items;
            }
            request.page_token = answer.next_page_token;
        }
    }};
}

async fn exchanges(channel: &Channel, council: &Council) {
    let request = v1::ListExchangesRequest {
        council: council.code.clone(),
        page_size: (3 + council.exchanges.len() as u32 / 20).min(1_000),
        ..Default::default()
    };
    let listed = pages!(channel, list_exchanges, request, exchanges);
    let ours: Vec<_> = council.exchanges.keys().map(|id| model::exchange(council, id).unwrap()).collect();
    same_list("exchange", &ours.iter().map(|(exchange, _)| exchange.clone()).collect::<Vec<_>>(), &listed);
    let share = ours.len().div_ceil(300).max(1);
    for (exchange, postings) in ours.into_iter().step_by(share) {
        let request = v1::GetExchangeRequest { council: council.code.clone(), exchange: exchange.id.clone(), page_size: 7, ..Default::default() };
        let first = query(channel).get_exchange(request.clone()).await.unwrap().into_inner();
        assert_eq!(Some(&exchange), first.exchange.as_ref());
        same_list(&format!("posting of {}", exchange.id), &postings, &pages!(channel, get_exchange, request, postings));
    }
}

async fn statements(channel: &Channel, council: &Council) {
    for number in 0..10 {
        let actor = format!("actor-{number}");
        for (from, to) in [("", ""), ("2024-12-01", "2025-02-10"), ("2025-03-01", "")] {
            let request = v1::GetStatementRequest {
                council: council.code.clone(),
                actor: actor.clone(),
                period_start: from.into(),
                period_end: to.into(),
                page_size: 4,
                ..Default::default()
            };
            let ours = model::statement(council, &actor, from, to);
            let first = query(channel).get_statement(request.clone()).await.unwrap().into_inner();
            let context = format!("statement of {actor} from {from:?} to {to:?}");
            same_list(&format!("{context}: given"), &ours.given, &first.given);
            same_list(&format!("{context}: received"), &ours.received, &first.received);
            same_list(&format!("{context}: line"), &ours.lines, &pages!(channel, get_statement, request, lines));
            let by_sequence = |mut shared: Vec<v1::SharedInput>| {
                shared.sort_by_key(|shared| shared.posting.as_ref().map(|posting| posting.sequence));
                shared
            };
            if ours.shared.len() > 1_000 {
                // Which of them are listed is not said.
                assert!(first.shared.len() == 1_000 && first.shared.iter().all(|shared| ours.shared.contains(shared)), "{context}: shared");
                continue;
            }
            same_list(&format!("{context}: shared"), &by_sequence(ours.shared), &by_sequence(first.shared));
        }
    }
}

async fn suspense(channel: &Channel, council: &Council) {
    let suspended = |reasons: &[i32]| -> Vec<_> {
        let fits =
            |entry: &&model::Entry| matches!(&entry.state, State::Suspended(reason, _) if reasons.is_empty() || reasons.contains(&(*reason as i32)));
        council.entries.iter().filter(fits).map(model::status).collect()
    };
    for reasons in [vec![], vec![SuspenseReason::Conflict as i32], vec![SuspenseReason::UnknownTarget as i32, SuspenseReason::UnknownMeasure as i32]]
    {
        let ours = suspended(&reasons);
        let request = v1::ListSuspenseRequest { council: council.code.clone(), reasons, page_size: 5, ..Default::default() };
        let total = query(channel).list_suspense(request.clone()).await.unwrap().into_inner().total;
        assert_eq!(total, council.counts()[2], "entries in suspense in all");
        same_list("suspense", &ours, &pages!(channel, list_suspense, request, entries));
    }
}

/// Every entry of some ids.
async fn entries(channel: &Channel, council: &Council, random: &mut Random) {
    let share = (council.by_key.len() as u64 / 400).max(1);
    for (key, sequences) in &council.by_key {
        if random.below(share) != 0 {
            continue;
        }
        let request =
            v1::GetEntryRequest { council: council.code.clone(), event_id: key.id_text(), source: key.source.clone(), ..Default::default() };
        let answer = query(channel).get_entry(request).await.unwrap().into_inner();
        let ours: Vec<_> = sequences.iter().map(|sequence| model::status(council.entry(*sequence))).collect();
        same_list("entry", &ours, &answer.entries);
    }
}

async fn catalogue(channel: &Channel, council: &Council) {
    for kind in [CatalogueKind::Service, CatalogueKind::Measure, CatalogueKind::Indicator, CatalogueKind::Area, CatalogueKind::Valuation] {
        let request = v1::GetCatalogueRequest { council: council.code.clone(), kind: kind.into(), page_size: 2, ..Default::default() };
        let theirs = pages!(channel, get_catalogue, request, items);
        same_list(kind.as_str_name(), &model::catalogue(council, kind.into()), &theirs);
    }
}

/// Lists that should be equal, with the first difference for people.
pub fn same_list<T: PartialEq + Debug>(what: &str, ours: &[T], theirs: &[T]) {
    for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!(ours == theirs, "{what} {at}\n  model  {ours:?}\n  server {theirs:?}");
    }
    assert!(
        ours.len() == theirs.len(),
        "{what}: the model has {}, the server {}; the first too many is {:?}",
        ours.len(),
        theirs.len(),
        ours.get(theirs.len()).or(theirs.get(ours.len()))
    );
}
