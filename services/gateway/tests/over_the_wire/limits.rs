//! What happens when there is too much.

use crate::support::*;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tandem_gateway::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX, Limits, Settings};
use tandem_proto::v1::*;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

fn one(n: usize) -> RecordRequest {
    RecordRequest { event: Some(event(n, "E09000001")), require_known: false }
}

fn many(numbers: std::ops::Range<usize>) -> RecordBatchRequest {
    RecordBatchRequest { events: events(numbers, "E09000001"), require_known: false }
}

fn assert_overloaded(status: &Status) {
    assert_eq!((status.code(), reason(status).as_str()), (Code::ResourceExhausted, "OVERLOADED"), "{status:?}");
    assert!(status.get_error_details().retry_info().and_then(|info| info.retry_delay).is_some_and(|delay| delay > Duration::ZERO));
}

/// `count` events of about `bytes` each.
fn large(count: usize, bytes: usize) -> Vec<Event> {
    let mut events = events(0..count, "E09000001");
    for event in &mut events {
        event.person.as_mut().unwrap().notes = "x".repeat(bytes.min(4_096));
    }
    events
}

#[tokio::test]
async fn batches_have_limits() {
    let running = Running::start(Settings::default()).await;
    let mut client = running.client();
    assert_eq!(client.record_batch(many(0..BATCH_EVENTS_MAX)).await.unwrap().into_inner().recorded as usize, BATCH_EVENTS_MAX);
    let status = client.record_batch(many(0..BATCH_EVENTS_MAX + 1)).await.unwrap_err();
    assert_eq!((status.code(), field(&status).as_str()), (Code::InvalidArgument, "events"));
    assert!(status.message().contains("10001") && status.message().contains("10000"), "{status:?}");

    // A little too large is decoded and told its size; much too large is not even read.
    let a_little = BATCH_BYTES_MAX / 4_096;
    let status = client.record_batch(RecordBatchRequest { events: large(a_little, 4_096), require_known: false }).await.unwrap_err();
    assert_eq!((status.code(), field(&status).as_str()), (Code::InvalidArgument, "events"), "{status:?}");
    let status = client.record_batch(RecordBatchRequest { events: large(2 * a_little, 4_096), require_known: false }).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "UNREADABLE_REQUEST"), "{status:?}");
    assert!(status.message().contains("4194304"), "{status:?}");
    assert_eq!(running.log.records("E09000001").len(), BATCH_EVENTS_MAX);
    running.idle().await;
}

#[tokio::test]
async fn a_much_too_large_event_is_not_read() {
    let running = Running::start(Settings::default()).await;
    let mut event = event(1, "E09000001");
    event.person.as_mut().unwrap().notes = "x".repeat(100_000);
    let status = running.client().record(RecordRequest { event: Some(event), require_known: false }).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "UNREADABLE_REQUEST"), "{status:?}");
    assert!(status.message().contains("16384"), "{status:?}");
}

#[tokio::test]
async fn a_full_log_is_overload_with_a_time_to_retry() {
    let running = Running::start(Settings::default()).await;
    running.log.full.store(true, SeqCst);
    assert_overloaded(&running.client().record(one(1)).await.unwrap_err());
    assert_overloaded(&running.client().record_batch(many(0..5)).await.unwrap_err());
    assert_eq!(running.gateway.metrics().requests_overloaded.load(SeqCst), 2);
    running.log.full.store(false, SeqCst);
    running.client().record(one(1)).await.unwrap();
    running.idle().await;
}

#[tokio::test]
async fn calls_beyond_the_limit_are_refused_at_once_and_the_others_kept() {
    let running = Running::with_limits(Limits { records_max: 3, batches_max: 2, ..Default::default() }).await;
    running.log.hold("E09000001");
    let mut client = running.client();
    let mut records = tokio::task::JoinSet::new();
    let mut batches = tokio::task::JoinSet::new();
    for n in 0..3 {
        let mut client = client.clone();
        records.spawn(async move { client.record(one(n)).await });
    }
    for n in 0..2 {
        let mut client = client.clone();
        batches.spawn(async move { client.record_batch(many(n * 10..n * 10 + 10)).await });
    }
    until("all are in flight", || running.log.waiting() == 5).await;
    assert!(running.gateway.in_flight().bytes > 0);
    assert_overloaded(&client.record(one(9)).await.unwrap_err());
    assert_overloaded(&client.record_batch(many(0..5)).await.unwrap_err());
    running.log.release();
    assert!(records.join_all().await.iter().all(Result::is_ok));
    assert!(batches.join_all().await.iter().all(Result::is_ok));
    client.record(one(9)).await.unwrap();
    running.idle().await;
}

#[tokio::test]
async fn bytes_beyond_the_budget_are_refused_and_given_back() {
    let running = Running::with_limits(Limits { unary_bytes_max: 10_000, ..Default::default() }).await;
    running.log.hold("E09000001");
    let mut client = running.client();
    let mut other = client.clone();
    // A request larger than the whole budget gets all of it rather than none for ever.
    let first = tokio::spawn(async move { other.record_batch(many(0..100)).await });
    until("it is in flight", || running.log.waiting() == 1).await;
    assert_eq!(running.gateway.in_flight().bytes, 10_000);
    assert_overloaded(&client.record(one(200)).await.unwrap_err());
    running.log.release();
    first.await.unwrap().unwrap();
    client.record(one(200)).await.unwrap();
    running.idle().await;
}

#[tokio::test]
async fn a_client_that_gives_up_leaves_nothing() {
    let running = Running::start(Settings::default()).await;
    running.log.hold("E09000001");
    let mut client = running.client();
    let call = tokio::spawn(async move { client.record_batch(many(0..100)).await });
    until("it is in flight", || running.log.waiting() == 1).await;
    call.abort();
    running.idle().await;
}

#[tokio::test]
async fn a_log_that_does_not_answer_is_an_unknown_outcome() {
    let running = Running::with_limits(Limits { append_time_max: Duration::from_millis(20), ..Default::default() }).await;
    running.log.hold("E09000001");
    for status in [running.client().record(one(1)).await.unwrap_err(), running.client().record_batch(many(0..5)).await.unwrap_err()] {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "OUTCOME_UNKNOWN"));
        assert!(status.message().contains("send the same event ids again"), "{status:?}");
    }
    running.idle().await;
}

#[tokio::test]
async fn a_request_that_never_arrives_gives_its_slot_back() {
    let running = Running::with_limits(Limits { records_max: 1, read_time_max: Duration::from_millis(20), ..Default::default() }).await;
    let mut grpc = tonic::client::Grpc::new(running.channel.clone());
    grpc.ready().await.unwrap();
    let nothing = tokio_stream::pending::<RecordRequest>();
    let path = "/tandem.v1.GatewayService/Record".parse().unwrap();
    let codec = tonic_prost::ProstCodec::<RecordRequest, RecordResponse>::new();
    let status = grpc.client_streaming(Request::new(nothing), path, codec).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"), "{status:?}");
    assert!(status.message().contains("nothing was recorded"));
    running.idle().await;
    running.client().record(one(1)).await.unwrap();
}

#[tokio::test]
async fn a_stopping_gateway_takes_no_more() {
    let running = Running::start(Settings::default()).await;
    running.gateway.drain();
    let status = running.client().record(one(1)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "UNAVAILABLE"));
    assert!(status.get_error_details().retry_info().is_some());
}
