//! `Record` and `RecordBatch`.

use crate::support::*;
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use tandem_domain::position::Position;
use tandem_gateway::{Known, Settings};
use tandem_log::Error;
use tandem_proto::v1::*;
use tandem_wire::auth::Authenticator;
use tonic::{Code, Request};
use tonic_types::StatusExt;

#[tokio::test]
async fn an_event_is_recorded_as_it_was_sent() {
    let running = Running::start(Settings::default()).await;
    let sent = event(1, "E09000001");
    let answer = running.client().record(RecordRequest { event: Some(sent.clone()), require_known: false }).await.unwrap().into_inner();
    assert_eq!(Position::from_token(&answer.position).map(|position| position.index), Some(0));
    let [record] = &running.log.records("E09000001")[..] else { panic!("one record") };
    assert_eq!(record.envelope, sent.envelope.unwrap().encode_to_vec());
    assert_eq!(record.facts, sent.facts.unwrap().encode_to_vec());
    assert_eq!(record.person, sent.person.unwrap().encode_to_vec());
    assert_eq!((record.received_us, record.principal.as_str(), record.officer), (NOW_US, "local", false));
    running.idle().await;
}

#[tokio::test]
async fn councils_of_a_batch_each_get_their_order_and_position() {
    let running = Running::start(Settings::default()).await;
    let councils = ["E09000003", "E09000001", "E09000003", "E09000002", "E09000001", "E09000003"];
    let events = councils.iter().enumerate().map(|(n, council)| event(n, council)).collect();
    let answer = running.client().record_batch(RecordBatchRequest { events, require_known: false }).await.unwrap().into_inner();
    assert_eq!((answer.recorded, answer.refusals.len()), (6, 0));
    let positions: Vec<_> = answer.positions.iter().map(|at| (at.council.as_str(), Position::from_token(&at.position).unwrap().index)).collect();
    assert_eq!(positions, [("E09000003", 2), ("E09000001", 1), ("E09000002", 0)]);
    for (council, expected) in [("E09000001", &[1, 4][..]), ("E09000002", &[3]), ("E09000003", &[0, 2, 5])] {
        assert_eq!(ids(&running.log.records(council)), expected.iter().map(|&n| id(n)).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn councils_do_not_wait_for_each_other() {
    let running = Running::start(Settings::default()).await;
    running.log.hold("AA");
    let events = [events(0..2, "AA"), events(2..4, "BB")].concat();
    let mut client = running.client();
    let call = tokio::spawn(async move { client.record_batch(RecordBatchRequest { events, require_known: false }).await });
    until("the other council has its events", || running.log.records("BB").len() == 2).await;
    running.log.release();
    assert_eq!(call.await.unwrap().unwrap().into_inner().recorded, 4);
}

#[tokio::test]
async fn what_is_not_protobuf_is_the_callers_fault() {
    let running = Running::start(Settings::default()).await;
    for method in ["Record", "RecordBatch", "RecordStream"] {
        for bytes in [vec![0xff; 20], vec![0x0a, 100, 1], vec![0x08], vec![0x00], vec![0x10, 0x0a, 0x0b]] {
            let status = running.send_bytes(method, bytes.clone()).await;
            assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "UNREADABLE_REQUEST"), "{method} {bytes:?}: {status:?}");
        }
    }
    let status = running.send_bytes("Nonsense", Vec::new()).await;
    assert_eq!(status.code(), Code::Unimplemented);
    running.idle().await;
}

#[tokio::test]
async fn an_event_must_be_there() {
    let running = Running::start(Settings::default()).await;
    let status = running.client().record(RecordRequest { event: None, require_known: false }).await.unwrap_err();
    assert_eq!((status.code(), field(&status).as_str()), (Code::InvalidArgument, "event"));
    let status = running.client().record_batch(RecordBatchRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), field(&status).as_str()), (Code::InvalidArgument, "events"));
    // Two where one belongs: the generated code would merge them.
    let two = RecordBatchRequest { events: events(0..2, "E09000001"), require_known: false }.encode_to_vec();
    let status = running.send_bytes("Record", two).await;
    assert_eq!((status.code(), field(&status).as_str()), (Code::InvalidArgument, "event"));
}

const TOKENS: &str = r#"
[[principal]]
name = "bins"
token_sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b" # secret
councils = ["E09000001"]
sources = ["bins/*"]
roles = ["writer"]

[[principal]]
name = "dashboard"
token_sha256 = "e776a070909341e9f27fd82968a85025f1d944f5bacdbd29e700f74d8a1c39ce" # glance
councils = ["*"]
roles = ["reader"]

[[principal]]
name = "officer"
token_sha256 = "824ef7874151e9c8c4f7c3c821d0e5da563a40bbfad1675d991aafabecb73139" # rescue
councils = ["*"]
sources = ["*"]
roles = ["officer"]
"#;

fn with_token<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

async fn with_tokens() -> Running {
    Running::start(Settings { authenticator: Authenticator::from_toml(TOKENS).unwrap(), ..Default::default() }).await
}

#[tokio::test]
async fn a_principal_writes_only_its_own() {
    let running = with_tokens().await;
    let mut client = running.client();
    let request = |event: Event| RecordRequest { event: Some(event), require_known: false };
    for request in [Request::new(request(event(0, "E09000001"))), with_token("wrong", request(event(0, "E09000001")))] {
        assert_eq!(client.record(request).await.unwrap_err().code(), Code::Unauthenticated);
    }
    let mut foreign = event(2, "E09000001");
    foreign.envelope.as_mut().unwrap().source = "care".into();
    for (event, expected) in [(event(1, "E09000002"), "envelope.council"), (foreign.clone(), "envelope.source")] {
        let status = client.record(with_token("secret", request(event))).await.unwrap_err();
        assert_eq!((status.code(), field(&status).as_str()), (Code::PermissionDenied, expected), "{status:?}");
    }
    let batch = vec![event(1, "E09000002"), event(3, "E09000001"), foreign, event(4, "E09000001")];
    let answer = client.record_batch(with_token("secret", RecordBatchRequest { events: batch, require_known: false })).await.unwrap().into_inner();
    let refusals: Vec<_> = answer.refusals.iter().map(|refusal| (refusal.index, refusal.field.as_str())).collect();
    assert_eq!(refusals, [(0, "envelope.council"), (2, "envelope.source")]);
    assert_eq!(ids(&running.log.records("E09000001")), [id(3), id(4)]);
    assert!(running.log.records("E09000001").iter().all(|record| record.principal == "bins" && !record.officer));
    assert!(running.log.records("E09000002").is_empty());
    assert_eq!(running.gateway.metrics().events_forbidden.load(SeqCst), 4);
}

#[tokio::test]
async fn roles_bind() {
    let running = with_tokens().await;
    let mut client = running.client();
    let request = RecordRequest { event: Some(event(1, "E09000002")), require_known: false };
    let status = client.record(with_token("glance", request.clone())).await.unwrap_err();
    assert_eq!((status.code(), status.message().contains("writer or officer")), (Code::PermissionDenied, true));
    client.record(with_token("rescue", request)).await.unwrap();
    assert!(running.log.records("E09000002").iter().all(|record| record.principal == "officer" && record.officer));
}

struct Catalogue;

impl Known for Catalogue {
    fn service(&self, council: &str, id: &str) -> bool {
        council == "E09000001" && id == "waste/recycling"
    }

    fn measure(&self, _: &str, id: &str) -> bool {
        id == "paper"
    }

    fn indicator(&self, _: &str, id: &str) -> bool {
        id == "recycling-rate"
    }
}

fn of_measure(n: usize, measure: &str) -> Event {
    let mut event = event(n, "E09000001");
    if let Some(facts::Body::ContributionRecorded(contribution)) = event.facts.as_mut().and_then(|facts| facts.body.as_mut()) {
        contribution.measure = measure.into();
    }
    event
}

#[tokio::test]
async fn require_known_refuses_what_the_catalogue_lacks() {
    let running = Running::start(Settings { known: Some(Arc::new(Catalogue)), ..Default::default() }).await;
    let mut client = running.client();
    for (event, what) in [(of_measure(1, "glass"), "facts.measure"), (event(2, "E09000002"), "facts.service")] {
        let status = client.record(RecordRequest { event: Some(event.clone()), require_known: true }).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "UNKNOWN_CATALOGUE_ID"));
        assert!(status.message().starts_with(what), "{status:?}");
        client.record(RecordRequest { event: Some(event), require_known: false }).await.unwrap();
    }
    let events = vec![event(3, "E09000001"), of_measure(4, "glass")];
    let answer = client.record_batch(RecordBatchRequest { events, require_known: true }).await.unwrap().into_inner();
    assert_eq!((answer.recorded, answer.refusals[0].index, answer.refusals[0].field.as_str()), (1, 1, "facts.measure"));
}

#[tokio::test]
async fn require_known_needs_a_catalogue() {
    let running = Running::start(Settings::default()).await;
    let mut client = running.client();
    let status = client.record(RecordRequest { event: Some(event(1, "E09000001")), require_known: true }).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "NO_CATALOGUE"));
    let status = client.record_batch(RecordBatchRequest { events: events(0..2, "E09000001"), require_known: true }).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(running.log.records("E09000001").is_empty());
}

#[tokio::test]
async fn a_failing_log_leaves_the_outcome_open() {
    let running = Running::start(Settings::default()).await;
    running.log.fail("E09000001", broken());
    let status = running.client().record(RecordRequest { event: Some(event(1, "E09000001")), require_known: false }).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "OUTCOME_UNKNOWN"));
    assert!(status.message().contains("same event ids again"), "{status:?}");
}

/// What a log refuses is not recorded, and may be said so; but not if another council's part of the same call may be.
#[tokio::test]
async fn a_log_that_takes_no_more_is_unavailable() {
    let running = Running::start(Settings::default()).await;
    for error in [Error::Closed, Error::Failed { why: "the disk was full".into() }] {
        running.log.fail("E09000001", error);
        let mut client = running.client();
        let status = client.record(RecordRequest { event: Some(event(1, "E09000001")), require_known: false }).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "UNAVAILABLE"));
        assert!(status.get_error_details().retry_info().is_some() && !status.message().contains("disk"), "{status:?}");
        let events = [events(0..2, "E09000001"), events(2..4, "E09000002")].concat();
        let status = client.record_batch(RecordBatchRequest { events, require_known: false }).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "OUTCOME_UNKNOWN"));
    }
}
