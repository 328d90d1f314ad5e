//! A projection that is gone.

use crate::support::{Ledger, Served, councils, councils_of, open, over, settings, until};
use futures::StreamExt;
use tandem_log::{EmbeddedLog, EventLog, embedded};
use tandem_proto::v1::audit_service_server::AuditService;
use tandem_proto::v1::query_service_server::QueryService;
use tandem_proto::v1::*;
use tandem_query::{Books, QueryServer};
use tandem_tests::random::{Random, seeds, with_seed};
use tandem_wire::connect::{Connection, Credentials};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

fn with_random<F: Future<Output = ()>>(test: impl Fn(Random) -> F) {
    for seed in seeds(1) {
        with_seed(seed, |random| tokio::runtime::Runtime::new().unwrap().block_on(test(random)));
    }
}

/// Entries by council.
fn question(councils: Vec<String>, allow_partial: bool) -> QueryValueRequest {
    let scope = Some(Scope { councils, ..Default::default() });
    QueryValueRequest { scope, metrics: vec!["entries".into()], group_by: vec![Dimension::Council.into()], allow_partial, ..Default::default() }
}

async fn ask(server: &QueryServer<Connection>, question: QueryValueRequest) -> Result<QueryValueResponse, Status> {
    server.query_value(Request::new(question)).await.map(tonic::Response::into_inner)
}

/// It says that it is away, what is missing, and when to ask again.
#[track_caller]
fn is_missing(status: &Status, what: &str) {
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(status.message().contains(what), "{status} does not name {what}");
    assert!(status.get_details_retry_info().is_some_and(|info| info.retry_delay.is_some()), "{status}");
}

#[test]
fn what_is_missing_is_said_and_never_left_out_in_silence() {
    with_random(|mut random| async move {
        let ledger = Ledger::start(&mut random).await;
        let [first, second] = [&[0, 1][..], &[2, 3]].map(|held| Served::start(ledger.project(&format!("{held:?}"), held), "127.0.0.1:0"));
        let server = over(&[&first, &second]).await;
        let (here, gone) = (councils_of(&[0, 1]), councils_of(&[2, 3]));
        let all = ask(&server, question(councils(), false)).await.unwrap();
        let watch = async |allow_partial| {
            let query = Some(question(councils(), allow_partial));
            server.watch_value(Request::new(WatchValueRequest { query })).await.unwrap().into_inner()
        };
        let (mut strict, mut partial) = (watch(false).await, watch(true).await);
        assert_eq!(strict.next().await.unwrap().unwrap().answer, Some(all.clone()));
        assert!(partial.next().await.unwrap().unwrap().answer.unwrap().missing_councils.is_empty());

        let address = second.kill();
        // At once, be it noticed or not: an error, or everything that is asked for.
        is_missing(&ask(&server, question(councils(), false)).await.unwrap_err(), "the book of");
        until("it is noticed", || server.books().missing().is_some()).await;
        is_missing(&ask(&server, question(gone[..1].to_vec(), false)).await.unwrap_err(), &gone[0]);
        is_missing(&ask(&server, question(gone.clone(), true)).await.unwrap_err(), "the book of");
        let some = ask(&server, question(councils(), true)).await.unwrap();
        let expected = ask(&server, question(here.clone(), false)).await.unwrap();
        assert_eq!((&some.missing_councils, &some.rows, &some.total, &some.reflects), (&gone, &expected.rows, &expected.total, &expected.reflects));
        assert!(expected.missing_councils.is_empty());

        // What is folded elsewhere can not be waited for.
        let waiting = QueryValueRequest { at_least: ledger.positions.clone(), ..question(here.clone(), false) };
        is_missing(&ask(&server, waiting).await.unwrap_err(), "partition");
        let status = async |request| server.get_status(Request::new(request)).await.map(tonic::Response::into_inner);
        is_missing(&status(GetStatusRequest::default()).await.unwrap_err(), "partitions 2, 3");
        is_missing(&status(GetStatusRequest { councils: gone.clone(), ..Default::default() }).await.unwrap_err(), "partitions 2, 3");
        for request in
            [GetStatusRequest { allow_partial: true, ..Default::default() }, GetStatusRequest { councils: here.clone(), ..Default::default() }]
        {
            let some = status(request).await.unwrap();
            let named: Vec<String> = some.councils.into_iter().map(|council| council.reflects.unwrap().council).collect();
            assert_eq!((named, some.missing_partitions), (here.clone(), vec![2, 3]));
        }
        is_missing(&server.audit().list_books(Request::new(ListBooksRequest::default())).await.unwrap_err(), "partitions 2, 3");
        let books =
            server.audit().list_books(Request::new(ListBooksRequest { allow_partial: true, ..Default::default() })).await.unwrap().into_inner();
        assert_eq!((books.books.len(), books.missing_partitions), (here.len(), vec![2, 3]));

        // Watches: one ends with the reason, the other goes on with what is there, and with all when it is back.
        is_missing(&strict.next().await.unwrap().unwrap_err(), "the book of");
        let told = partial.next().await.unwrap().unwrap().answer.unwrap();
        assert_eq!((told.missing_councils, told.rows), (gone, expected.rows));
        let second = Served::start(ledger.project("[2, 3]", &[2, 3]), &address.to_string());
        until("it is found again", || server.books().missing().is_none()).await;
        assert_eq!(ask(&server, question(councils(), false)).await.unwrap(), all);
        loop {
            let told = partial.next().await.unwrap().unwrap().answer.unwrap();
            if told.missing_councils.is_empty() {
                assert_eq!(told.rows, all.rows);
                break;
            }
        }
        drop(second);
    });
}

#[test]
fn a_second_holder_takes_over_without_a_failure() {
    with_random(|mut random| async move {
        let ledger = Ledger::start(&mut random).await;
        let all: Vec<u32> = (0..4).collect();
        let [first, second] = ["first", "second"].map(|name| Served::start(ledger.project(name, &all), "127.0.0.1:0"));
        let server = over(&[&first, &second]).await;
        let at_least = ledger.positions.clone();
        let expected = ask(&server, QueryValueRequest { at_least, ..question(councils(), false) }).await.unwrap();
        let query = Some(question(councils(), false));
        let mut watch = server.watch_value(Request::new(WatchValueRequest { query })).await.unwrap().into_inner();
        assert_eq!(watch.next().await.unwrap().unwrap().answer.unwrap().rows, expected.rows);
        first.kill();
        for _ in 0..20 {
            let answer = ask(&server, question(councils(), false)).await.unwrap();
            assert_eq!((answer.rows, answer.total), (expected.rows.clone(), expected.total.clone()));
        }
        // The watch has gone over too: it tells what is recorded next.
        let council = councils()[0].clone();
        let mut generator = tandem_tests::events::Generator::new(&council, Random::new(random.bits()), tandem_tests::events::Manner::Acceptable);
        let events = (0..400).map(|_| generator.event()).collect();
        ledger.record(events).await;
        assert_ne!(watch.next().await.unwrap().unwrap().answer.unwrap().rows, expected.rows);
    });
}

#[test]
fn the_one_that_is_far_enough_is_asked() {
    with_random(|mut random| async move {
        let ledger = Ledger::start(&mut random).await;
        let all: Vec<u32> = (0..4).collect();
        let behind = Served::start(ledger.project("behind", &all), "127.0.0.1:0");
        let ahead = Served::start(ledger.project("ahead", &all), "127.0.0.1:0");
        let server = over(&[&behind, &ahead]).await;
        ask(&server, QueryValueRequest { at_least: ledger.positions.clone(), ..question(councils(), false) }).await.unwrap();
        // One that has failed to fold stays where it is, and says so: the other one answers every time.
        behind.projection.stop().unwrap();
        for _ in 0..20 {
            let answer = ask(&server, QueryValueRequest { at_least: ledger.positions.clone(), ..question(councils(), false) }).await.unwrap();
            assert_eq!(answer.reflects.len(), councils().len());
        }
    });
}

#[test]
fn projections_of_another_log_are_refused() {
    with_random(|mut random| async move {
        let ledger = Ledger::start(&mut random).await;
        let own = Served::start(ledger.project("own", &[0, 1, 2, 3]), "127.0.0.1:0");
        let directory = tempfile::tempdir().unwrap();
        let options = embedded::Options { partitions: 4, ..Default::default() };
        let log = std::sync::Arc::new(EmbeddedLog::open(directory.path().join("log"), options).unwrap());
        assert_ne!(log.id(), ledger.log.id());
        let foreign = Served::start(open(&directory.path().join("projection"), &log, &[0, 1, 2, 3]), "127.0.0.1:0");
        let server = over(&[&own]).await;
        let both = QueryServer::new(Books::at(&[own.url(), foreign.url()], Credentials::default()).unwrap(), settings());
        until("one of them is refused", || both.books().report().contains("it is of log")).await;
        // Whichever answered first, it is never both.
        let (status, expected) = (GetStatusRequest::default(), [ledger.log.id().to_string(), log.id().to_string()]);
        let answer = both.get_status(Request::new(status.clone())).await.unwrap().into_inner();
        assert!(expected.contains(&answer.log_id));
        assert_eq!(server.get_status(Request::new(status)).await.unwrap().into_inner().log_id, expected[0]);
    });
}
