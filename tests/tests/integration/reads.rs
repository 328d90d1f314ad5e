//! How answers are read: positions, pages, streams, and what every server has.

use crate::compare::{model_of, same_list};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use tandem_domain::position::{LogId, Position};
use tandem_proto::v1::{Dimension, GetEntryRequest, ListBooksRequest, QueryValueRequest, ReadEntriesRequest, Scope, Side, WatchValueRequest};
use tandem_tests::client::{Gateway, audit, batch_request, connect, query, record_request};
use tandem_tests::events::Parts;
use tandem_tests::given::{COUNCIL, contributed, contribution, event_id, measure_defined, service_defined, taught};
use tandem_tests::server::{PATIENCE, Server};
use tempfile::TempDir;
use tokio_stream::StreamExt;
use tonic::Code;
use tonic::transport::Channel;

/// A server with a small catalogue.
async fn start() -> (Server, Channel, TempDir) {
    let data_dir = tempfile::tempdir().unwrap();
    let server = Server::start(data_dir.path()).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    let catalogue = [service_defined(1), measure_defined(2, "tutoring", Side::Citizen), measure_defined(3, "teaching", Side::State)];
    record(&channel, &catalogue).await;
    (server, channel, data_dir)
}

/// Records a batch, and gives its last position.
async fn record(channel: &Channel, batch: &[Parts]) -> String {
    let mut answer = Gateway::new(channel).batch(batch_request(batch, false)).await.unwrap();
    assert_eq!((answer.recorded as usize, answer.positions.len()), (batch.len(), 1));
    answer.positions.remove(0).position
}

async fn end(channel: &Channel) {
    crate::stop::wait_until_folded(channel).await;
    model_of(channel, &[COUNCIL.to_owned()]).await;
}

fn question(metrics: &[&str], group_by: &[Dimension]) -> QueryValueRequest {
    QueryValueRequest {
        scope: Some(Scope { councils: vec![COUNCIL.into()], ..Scope::default() }),
        metrics: metrics.iter().map(|metric| (*metric).to_owned()).collect(),
        group_by: group_by.iter().map(|dimension| (*dimension).into()).collect(),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_reflects_at_least_what_it_is_asked_to() {
    let (_server, channel, _data_dir) = start().await;
    for number in 10..60 {
        let position = Gateway::new(&channel).record(record_request(&contributed(number, contribution()).event(), false)).await.unwrap().position;
        let asked = QueryValueRequest { at_least: vec![position], ..question(&["entries"], &[]) };
        let answer = query(&channel).query_value(asked).await.unwrap().into_inner();
        let entries = answer.total.unwrap().values[0].central.clone();
        assert_eq!(entries, Some((number - 9).to_string()), "one's own write is in the answer");
        assert_eq!(answer.reflects[0].entries, number - 6);
    }
    end(&channel).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_that_cannot_be_are_refused() {
    let (_server, channel, _data_dir) = start().await;
    let token = record(&channel, &[contributed(10, contribution())]).await;
    let position = Position::from_token(&token).unwrap();
    let elsewhere = Position { log: LogId([9; 16]), ..position }.token();
    let beyond = Position { offset: position.offset + 1_000, ..position }.token();
    for (what, token) in [("of another log", elsewhere), ("beyond the end", beyond), ("not one", "x".into())] {
        let asked = QueryValueRequest { at_least: vec![token.clone()], ..question(&["entries"], &[]) };
        let status = query(&channel).query_value(asked).await.unwrap_err();
        assert!(matches!(status.code(), Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange), "{what}: {status:?}");
        let asked = GetEntryRequest { council: COUNCIL.into(), event_id: event_id(10), at_least: vec![token], ..Default::default() };
        let status = query(&channel).get_entry(asked).await.unwrap_err();
        assert!(matches!(status.code(), Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange), "{what}: {status:?}");
    }
    end(&channel).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_every_size_are_the_whole() {
    let (_server, channel, _data_dir) = start().await;
    let day = |day: u64| {
        let mut envelope = tandem_tests::given::envelope(100 + day);
        envelope.occurred_start = format!("2025-03-{:02}", day + 1);
        let exchange = format!("plan:{day}");
        let body = tandem_proto::v1::facts::Body::ContributionRecorded(tandem_proto::v1::ContributionRecorded { exchange, ..contribution() });
        Parts::new(&envelope, body, &tandem_tests::given::ana())
    };
    let position = record(&channel, &(0..23).map(day).collect::<Vec<_>>()).await;
    let asked = QueryValueRequest { at_least: vec![position.clone()], ..question(&["quantity", "participants"], &[Dimension::Day]) };
    let whole = query(&channel).query_value(asked.clone()).await.unwrap().into_inner();
    assert_eq!((whole.rows.len(), whole.next_page_token.as_str()), (23, ""));
    for page_size in [1, 7, 22, 23, 24] {
        let (mut rows, mut token, mut totals) = (Vec::new(), String::new(), 0);
        loop {
            let page = QueryValueRequest { page_size, page_token: token, ..asked.clone() };
            let page = query(&channel).query_value(page).await.unwrap().into_inner();
            assert!(page.rows.len() <= page_size as usize);
            rows.extend(page.rows);
            totals += usize::from(page.total.is_some());
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        same_list("row", &whole.rows, &rows);
        assert_eq!(totals, 1, "the total is on the first page only");
    }

    let first = QueryValueRequest { page_size: 5, ..asked.clone() };
    let token = query(&channel).query_value(first).await.unwrap().into_inner().next_page_token;
    let other = QueryValueRequest { page_token: token.clone(), ..question(&["quantity"], &[Dimension::Month]) };
    assert_eq!(query(&channel).query_value(other).await.unwrap_err().code(), Code::InvalidArgument, "a token of another question");
    let list = tandem_proto::v1::ListExchangesRequest { council: COUNCIL.into(), page_token: token, ..Default::default() };
    assert_eq!(query(&channel).list_exchanges(list).await.unwrap_err().code(), Code::InvalidArgument, "a token of another call");
    end(&channel).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_hears_of_a_change() {
    let (_server, channel, _data_dir) = start().await;
    let asked = WatchValueRequest { query: Some(question(&["entries", "response_rate"], &[])) };
    let mut answers = query(&channel).watch_value(asked).await.unwrap().into_inner();
    let mut until = async |entries: &str, rate: Option<&str>| {
        let heard = async {
            loop {
                let total = answers.next().await.unwrap().unwrap().answer.unwrap().total.unwrap();
                let rates = total.values.iter().find(|value| value.metric == "response_rate").unwrap();
                if (total.values[0].central.as_deref(), rates.central.as_deref()) == (Some(entries), rate) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.expect("the watch tells of it");
    };
    until("0", None).await;
    record(&channel, &[contributed(10, contribution())]).await;
    until("1", Some("0.000000")).await;
    record(&channel, &[taught(11)]).await;
    until("2", Some("1.000000")).await;
    end(&channel).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_is_read_from_anywhere_and_followed() {
    let (_server, channel, _data_dir) = start().await;
    let batch: Vec<_> = (10..40).map(|number| if number % 3 == 0 { taught(number) } else { contributed(number, contribution()) }).collect();
    record(&channel, &batch).await;
    crate::stop::wait_until_folded(&channel).await;
    let books = audit(&channel).list_books(ListBooksRequest::default()).await.unwrap().into_inner();
    assert_eq!(books.books.iter().map(|book| (book.council.as_str(), book.size)).collect::<Vec<_>>(), [(COUNCIL, 33)]);

    let read = async |request: ReadEntriesRequest| {
        let mut answers = audit(&channel).read_entries(ReadEntriesRequest { council: COUNCIL.into(), ..request }).await.unwrap().into_inner();
        let mut sequences = Vec::new();
        while let Some(answer) = answers.next().await {
            sequences.extend(answer.unwrap().entries.iter().map(|entry| entry.sequence));
        }
        sequences
    };
    let part = read(ReadEntriesRequest { from_sequence: 5, to_sequence: Some(9), ..Default::default() }).await;
    assert_eq!(part, [5, 6, 7, 8]);
    let definitions = read(ReadEntriesRequest { kinds: vec![16, 17], ..Default::default() }).await;
    assert_eq!(definitions, [0, 1, 2]);

    let follow = ReadEntriesRequest { council: COUNCIL.into(), from_sequence: 30, follow: true, ..Default::default() };
    let mut answers = audit(&channel).read_entries(follow).await.unwrap().into_inner();
    let mut sequences = Vec::new();
    for number in 40..45 {
        record(&channel, &[contributed(number, contribution())]).await;
        while sequences.last().is_none_or(|last| *last < number - 7) {
            let answer = tokio::time::timeout(PATIENCE, answers.next()).await.expect("the book goes on").unwrap().unwrap();
            sequences.extend(answer.entries.iter().map(|entry| entry.sequence));
        }
    }
    assert_eq!(sequences, (30..38).collect::<Vec<_>>());
    drop(answers);
    end(&channel).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_server_has_health_reflection_and_metrics() {
    let (server, channel, _data_dir) = start().await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    for service in ["", "tandem.v1.GatewayService", "tandem.v1.QueryService", "tandem.v1.AuditService"] {
        let request = tonic_health::pb::HealthCheckRequest { service: service.into() };
        let status = health.check(request).await.unwrap_or_else(|status| panic!("health of {service:?}: {status:?}")).into_inner();
        assert_eq!(status.status(), tonic_health::pb::health_check_response::ServingStatus::Serving, "{service}");
    }

    use tonic_reflection::pb::v1 as reflection;
    let mut client = reflection::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let request = reflection::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(reflection::server_reflection_request::MessageRequest::ListServices(String::new())),
    };
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap().message_response;
    let Some(reflection::server_reflection_response::MessageResponse::ListServicesResponse(list)) = answer else {
        panic!("no list of services: {answer:?}");
    };
    let services: BTreeSet<_> = list.service.into_iter().map(|service| service.name).collect();
    for service in ["tandem.v1.GatewayService", "tandem.v1.QueryService", "tandem.v1.AuditService", "grpc.health.v1.Health"] {
        assert!(services.contains(service), "{service} is not in {services:?}");
    }

    record(&channel, &[contributed(10, contribution())]).await;
    end(&channel).await;
    let metrics = get(&server.http, "/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200") && metrics.contains("tandem_"), "{metrics}");
    assert!(get(&server.http, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(get(&server.http, "/readyz").starts_with("HTTP/1.1 200"));
}

/// A plain HTTP request.
fn get(address: &str, path: &str) -> String {
    let mut socket = std::net::TcpStream::connect(address).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}
