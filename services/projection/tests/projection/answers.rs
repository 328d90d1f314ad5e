//! What is answered, on a history small enough to check by eye.

use crate::history::{catalogue, gives, id, inputs, record, reverses};
use crate::support::Running;
use std::collections::BTreeSet;
use tandem_proto::internal::v1::projection_service_server::ProjectionService;
use tandem_proto::internal::v1::{
    GetCatalogueRequest, GetEntryRequest, GetExchangeRequest, GetStatementRequest, GetStatusRequest, ListBooksRequest, ListExchangesRequest,
    ListSuspenseRequest,
};
use tandem_proto::v1;
use tandem_proto::v1::{EntryState, ExchangeState, SuspenseReason};
use tonic::{Code, Request};

const COUNCIL: &str = "E09000001";

/// Calls with a wrapped message and unwraps the answer.
macro_rules! ask {
    ($running:expr, $method:ident, $wrapper:ident, $request:expr $(, $also:ident)?) => {
        $running.server.$method(Request::new($wrapper { request: Some($request) $(, $also: vec![])? })).await.map(|answer| answer.into_inner().response.unwrap())
    };
}

/// ana and ben give in plan-7, the school answers; cy is alone in plan-8; something waits.
async fn scenario() -> (Running, String) {
    let running = Running::start(2);
    let day = |number, day: &str, body, actor, recipient| record(COUNCIL, number, day, body, actor, recipient);
    let mut records = catalogue(COUNCIL);
    records.extend([
        day(1, "2026-01-05", gives(90, "plan-7"), "ana", ""),
        day(2, "2026-01-06", gives(30, "plan-7"), "ben", ""),
        day(3, "2026-01-07", inputs(45, "plan-7"), "", ""),
        day(4, "2026-01-08", inputs(20, "plan-7"), "", "ana"),
        day(5, "2026-01-09", gives(10, "plan-8"), "cy", ""),
        day(6, "2026-01-10", gives(7, "plan-7"), "ana", ""),
        day(7, "2026-01-11", reverses(6), "", ""),
        day(8, "2026-01-12", reverses(99), "", ""),
        day(1, "2026-01-13", gives(91, "plan-7"), "ana", ""),
        day(5, "2026-01-09", gives(10, "plan-8"), "cy", ""),
    ]);
    let last = running.log.push(COUNCIL, &records, 1).token();
    ask!(running, get_status, GetStatusRequest, v1::GetStatusRequest { at_least: vec![last.clone()], ..Default::default() }, partitions).unwrap();
    (running, last)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_has_both_sides_and_its_postings() {
    let (running, last) = scenario().await;
    let asked = v1::GetExchangeRequest { council: COUNCIL.into(), exchange: "plan-7".into(), ..Default::default() };
    let answer = ask!(running, get_exchange, GetExchangeRequest, asked.clone()).unwrap();
    let exchange = answer.exchange.unwrap();
    assert_eq!((exchange.state(), exchange.live_entries), (ExchangeState::TwoSided, 4));
    assert_eq!([exchange.home_service, exchange.home_area, exchange.home_month], ["tutoring", "ward:1", "2026-01"]);
    assert_eq!([exchange.first_citizen_day, exchange.first_state_day], ["2026-01-05", "2026-01-07"]);
    let accounts: Vec<_> =
        exchange.accounts.iter().map(|account| (account.measure.as_str(), account.quantity.as_str(), account.unit.as_str())).collect();
    assert_eq!(accounts, [("homework", "120", "min"), ("teaching", "65", "min")]);
    assert_eq!(
        answer.postings.iter().map(|posting| (posting.sequence, posting.quantity)).collect::<Vec<_>>(),
        [(3, 90), (4, 30), (5, 45), (6, 20), (8, 7)]
    );
    assert_eq!(answer.postings[4].reversed_by, Some(9));
    let reflects = answer.reflects.unwrap();
    assert_eq!((reflects.position, reflects.entries), (last, 12));
    let missing = v1::GetExchangeRequest { exchange: "plan-9".into(), ..asked };
    assert_eq!(ask!(running, get_exchange, GetExchangeRequest, missing).unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_sums_what_is_mine_and_lists_what_is_shared() {
    let (running, _) = scenario().await;
    let asked = |actor: &str| v1::GetStatementRequest { council: COUNCIL.into(), actor: actor.into(), ..Default::default() };
    let answer = ask!(running, get_statement, GetStatementRequest, asked("ana")).unwrap();
    let sums = |accounts: &[v1::Account]| accounts.iter().map(|sum| (sum.measure.clone(), sum.quantity.clone(), sum.count)).collect::<Vec<_>>();
    assert_eq!(sums(&answer.given), [("homework".to_owned(), "90".to_owned(), 1)]);
    assert_eq!(sums(&answer.received), [("teaching".to_owned(), "20".to_owned(), 1)]);
    let line = |line: &v1::StatementLine| {
        let posting = line.posting.clone().unwrap();
        (posting.sequence, line.received, posting.reversed_by, posting.exchange)
    };
    let plan = || "plan-7".to_owned();
    assert_eq!(answer.lines.iter().map(line).collect::<Vec<_>>(), [(3, false, None, plan()), (6, true, None, plan()), (8, false, Some(9), plan())]);
    let shared: Vec<_> = answer.shared.iter().map(|shared| (shared.posting.as_ref().unwrap().sequence, shared.shared_with)).collect();
    assert_eq!(shared, [(5, 2)]);
    // A period by the first day; nobody; nothing.
    let january = v1::GetStatementRequest { period_start: "2026-01-06".into(), period_end: "2026-01-08".into(), ..asked("ana") };
    let answer = ask!(running, get_statement, GetStatementRequest, january).unwrap();
    assert_eq!((answer.given.len(), sums(&answer.received).len(), answer.lines.len()), (0, 1, 1));
    assert!(ask!(running, get_statement, GetStatementRequest, asked("nobody")).unwrap().lines.is_empty());
    for (wrong, why) in [
        (asked(""), "actor: is required"),
        (v1::GetStatementRequest { council: "?".into(), ..asked("ana") }, "council: must be 2 to 32 bytes of [A-Za-z0-9_-]"),
        (v1::GetStatementRequest { page_size: 1_001, ..asked("ana") }, "page_size: is 1001; the limits are 1 and 1000"),
        (v1::GetStatementRequest { period_end: "2026-02-30".into(), ..asked("ana") }, "period_end: must be a date \"YYYY-MM-DD\""),
    ] {
        let status = ask!(running, get_statement, GetStatementRequest, wrong).unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, why));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_id_has_entries_with_their_states() {
    let (running, _) = scenario().await;
    let asked = |number| v1::GetEntryRequest { council: COUNCIL.into(), event_id: id(number), ..Default::default() };
    let answer = ask!(running, get_entry, GetEntryRequest, asked(1)).unwrap();
    let states: Vec<_> = answer.entries.iter().map(|entry| (entry.sequence, entry.state(), entry.reason())).collect();
    assert_eq!(states, [(3, EntryState::Applied, SuspenseReason::Unspecified), (11, EntryState::Suspended, SuspenseReason::Conflict)]);
    let entry = &answer.entries[0];
    assert_eq!((entry.source.as_str(), entry.event_id.clone(), entry.kind, entry.occurred_start.as_str()), ("school/north", id(1), 1, "2026-01-05"));
    assert!(entry.facts.is_some());
    let reversed = &ask!(running, get_entry, GetEntryRequest, asked(6)).unwrap().entries[0];
    assert_eq!((reversed.state(), reversed.reversed_by), (EntryState::Reversed, Some(9)));
    let waiting = &ask!(running, get_entry, GetEntryRequest, asked(8)).unwrap().entries[0];
    assert_eq!((waiting.reason(), waiting.waits_for.clone()), (SuspenseReason::UnknownTarget, format!("school/north/{}", id(99))));
    let elsewhere = v1::GetEntryRequest { source: "school/south".into(), ..asked(1) };
    assert_eq!(ask!(running, get_entry, GetEntryRequest, elsewhere).unwrap_err().code(), Code::NotFound);
    let named = v1::GetEntryRequest { source: "school/north".into(), ..asked(1) };
    assert_eq!(ask!(running, get_entry, GetEntryRequest, named).unwrap().entries.len(), 2);
    let wrong = v1::GetEntryRequest { event_id: "1".into(), ..asked(1) };
    assert_eq!(ask!(running, get_entry, GetEntryRequest, wrong).unwrap_err().message(), "event_id: must be a UUID of 36 lower-case characters");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_together_are_the_whole_and_their_tokens_are_theirs_alone() {
    let (running, _) = scenario().await;
    let asked = v1::GetExchangeRequest { council: COUNCIL.into(), exchange: "plan-7".into(), page_size: 2, ..Default::default() };
    let (mut sequences, mut token) = (Vec::new(), String::new());
    let mut tokens = BTreeSet::new();
    loop {
        let page = ask!(running, get_exchange, GetExchangeRequest, v1::GetExchangeRequest { page_token: token, ..asked.clone() }).unwrap();
        sequences.extend(page.postings.iter().map(|posting| posting.sequence));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        tokens.insert(token.clone());
    }
    assert_eq!((sequences, tokens.len()), (vec![3, 4, 5, 6, 8], 2));
    let mut lines = Vec::new();
    let asked = v1::GetStatementRequest { council: COUNCIL.into(), actor: "ana".into(), page_size: 1, ..Default::default() };
    loop {
        let page = ask!(running, get_statement, GetStatementRequest, v1::GetStatementRequest { page_token: token, ..asked.clone() }).unwrap();
        assert_eq!(page.given.is_empty(), !lines.is_empty(), "sums are on the first page");
        lines.extend(page.lines.iter().map(|line| line.posting.as_ref().unwrap().sequence));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(lines, [3, 6, 8]);
    for token in tokens.iter().cloned().chain(["x".into(), "AAAA".into()]) {
        let status = ask!(running, get_statement, GetStatementRequest, v1::GetStatementRequest { page_token: token, ..asked.clone() }).unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().starts_with("page_token: is not a token of this question"), "{}", status.message());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_filter_and_page() {
    let (running, _) = scenario().await;
    let exchanges = v1::ListExchangesRequest { council: COUNCIL.into(), ..Default::default() };
    let ids = |answer: v1::ListExchangesResponse| answer.exchanges.into_iter().map(|exchange| exchange.id).collect::<Vec<_>>();
    assert_eq!(ids(ask!(running, list_exchanges, ListExchangesRequest, exchanges.clone()).unwrap()), ["plan-7", "plan-8"]);
    let one_sided = v1::ListExchangesRequest { states: vec![1], home_service: "tutoring".into(), ..exchanges.clone() };
    assert_eq!(ids(ask!(running, list_exchanges, ListExchangesRequest, one_sided).unwrap()), ["plan-8"]);
    let elsewhere = v1::ListExchangesRequest { home_service: "waste".into(), ..exchanges.clone() };
    assert!(ids(ask!(running, list_exchanges, ListExchangesRequest, elsewhere).unwrap()).is_empty());
    let first = ask!(running, list_exchanges, ListExchangesRequest, v1::ListExchangesRequest { page_size: 1, ..exchanges.clone() }).unwrap();
    let next = v1::ListExchangesRequest { page_token: first.next_page_token, ..exchanges };
    let next = ask!(running, list_exchanges, ListExchangesRequest, next).unwrap();
    assert_eq!((next.next_page_token.clone(), ids(next)), (String::new(), vec!["plan-8".to_owned()]));

    let suspense = v1::ListSuspenseRequest { council: COUNCIL.into(), page_size: 1, ..Default::default() };
    let first = ask!(running, list_suspense, ListSuspenseRequest, suspense.clone()).unwrap();
    assert_eq!((first.entries[0].sequence, first.total), (10, 2));
    let second = v1::ListSuspenseRequest { page_token: first.next_page_token, ..suspense.clone() };
    let second = ask!(running, list_suspense, ListSuspenseRequest, second).unwrap();
    assert_eq!((second.entries[0].sequence, second.next_page_token.as_str()), (11, ""));
    let conflicts = v1::ListSuspenseRequest { reasons: vec![SuspenseReason::Conflict as i32], ..suspense };
    assert_eq!(ask!(running, list_suspense, ListSuspenseRequest, conflicts).unwrap().entries[0].sequence, 11);

    let measures = v1::GetCatalogueRequest { council: COUNCIL.into(), kind: 2, page_size: 1, ..Default::default() };
    let first = ask!(running, get_catalogue, GetCatalogueRequest, measures.clone()).unwrap();
    let second = v1::GetCatalogueRequest { page_token: first.next_page_token.clone(), ..measures.clone() };
    let second = ask!(running, get_catalogue, GetCatalogueRequest, second).unwrap();
    let name = |answer: &v1::GetCatalogueResponse| match answer.items[0].definition.as_ref().unwrap() {
        v1::catalogue_item::Definition::Measure(measure) => (answer.items[0].sequence, measure.id.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!([name(&first), name(&second)], [(1, "homework".to_owned()), (2, "teaching".to_owned())]);
    let unsaid = v1::GetCatalogueRequest { kind: 0, ..measures };
    assert_eq!(ask!(running, get_catalogue, GetCatalogueRequest, unsaid).unwrap_err().message(), "kind: is required");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_books_count_everything() {
    let (running, last) = scenario().await;
    let other = running.log.push("E09000002", &catalogue("E09000002"), 1).token();
    let asked = v1::GetStatusRequest { at_least: vec![last, other], page_size: 1, ..Default::default() };
    let first = ask!(running, get_status, GetStatusRequest, asked.clone(), partitions).unwrap();
    let council = &first.councils[0];
    assert_eq!(council.reflects.as_ref().unwrap().council, COUNCIL);
    let counts = [council.applied, council.suspended, council.duplicates, council.reversed, council.cures_pending];
    assert_eq!(counts, [10, 2, 1, 1, 0]);
    assert!(first.partitions.iter().all(|partition| partition.applied_frames == partition.log_frames));
    assert_eq!(first.log_id, "07".repeat(16));
    let second =
        ask!(running, get_status, GetStatusRequest, v1::GetStatusRequest { page_token: first.next_page_token, ..asked }, partitions).unwrap();
    assert_eq!((second.councils.len(), second.next_page_token.as_str()), (1, ""));
    let named = v1::GetStatusRequest { councils: vec!["E09000009".into(), COUNCIL.into()], ..Default::default() };
    let named = ask!(running, get_status, GetStatusRequest, named, partitions).unwrap();
    let positions: Vec<_> = named.councils.iter().map(|council| council.reflects.as_ref().unwrap().position.is_empty()).collect();
    assert_eq!(positions, [false, true]);

    let books = ask!(running, list_books, ListBooksRequest, v1::ListBooksRequest { page_size: 1, ..Default::default() }, partitions).unwrap();
    assert_eq!((books.books[0].council.as_str(), books.books[0].size), (COUNCIL, 12));
    let rest =
        ask!(running, list_books, ListBooksRequest, v1::ListBooksRequest { page_token: books.next_page_token, ..Default::default() }, partitions)
            .unwrap();
    assert_eq!((rest.books[0].council.as_str(), rest.books[0].size, rest.next_page_token.as_str()), ("E09000002", 3, ""));

    let known = running.projection.known();
    assert!(known.service(COUNCIL, "tutoring") && known.measure(COUNCIL, "homework") && known.measure(COUNCIL, "homework"));
    assert!(!known.service("E09000009", "tutoring") && !known.measure(COUNCIL, "tutoring") && !known.indicator(COUNCIL, "pass"));
}
