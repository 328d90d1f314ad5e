//! `RecordStream`.

use crate::support::*;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tandem_gateway::{Limits, Settings};
use tandem_proto::v1::*;
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};

/// Batch `n`: ten events of a council.
fn batch(n: usize, council: &str) -> RecordStreamRequest {
    RecordStreamRequest { events: events(n * 10..n * 10 + 10, council), require_known: false, batch: n as u64 }
}

/// An open stream: what is sent, and what comes back.
async fn open(running: &Running) -> (Sender<RecordStreamRequest>, Streaming<RecordStreamResponse>) {
    let (sender, receiver) = channel(1);
    let answers = running.client().record_stream(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    (sender, answers)
}

/// Sends batches until told to stop; the task ends when the stream does.
fn flood(sender: Sender<RecordStreamRequest>, council: &'static str) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        for n in 0.. {
            if sender.send(batch(n, council)).await.is_err() {
                return;
            }
        }
    })
}

#[tokio::test]
async fn many_batches_are_answered_and_recorded_in_order() {
    const BATCHES: usize = 500;
    let running = Running::start(Settings::default()).await;
    let (sender, mut answers) = open(&running).await;
    let sending = tokio::spawn(async move {
        for n in 0..BATCHES {
            sender.send(batch(n, "E09000001")).await.unwrap();
        }
    });
    for n in 0..BATCHES {
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!((answer.batch, answer.recorded, answer.positions.len()), (n as u64, 10, 1));
    }
    assert!(answers.message().await.unwrap().is_none());
    sending.await.unwrap();
    assert_eq!(ids(&running.log.records("E09000001")), (0..BATCHES * 10).map(id).collect::<Vec<_>>());
    running.idle().await;
}

#[tokio::test]
async fn a_slow_council_holds_up_the_answers_but_not_the_records() {
    let running = Running::start(Settings::default()).await;
    running.log.hold("AA");
    let (sender, mut answers) = open(&running).await;
    for (n, council) in ["AA", "BB", "CC", "AA"].into_iter().enumerate() {
        sender.send(batch(n, council)).await.unwrap();
    }
    until("the others are recorded", || running.log.records("BB").len() == 10 && running.log.records("CC").len() == 10).await;
    assert!(running.log.records("AA").is_empty());
    running.log.release();
    drop(sender);
    for n in 0..4 {
        assert_eq!(answers.message().await.unwrap().unwrap().batch, n);
    }
    assert!(answers.message().await.unwrap().is_none());
    assert_eq!(ids(&running.log.records("AA")), [0..10, 30..40].into_iter().flatten().map(id).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_bad_event_is_refused_and_the_stream_goes_on() {
    let running = Running::start(Settings::default()).await;
    let (sender, mut answers) = open(&running).await;
    let mut bad = batch(0, "E09000001");
    bad.events[3].facts = None;
    sender.send(bad).await.unwrap();
    sender.send(batch(1, "E09000001")).await.unwrap();
    drop(sender);
    let answer = answers.message().await.unwrap().unwrap();
    assert_eq!((answer.recorded, answer.refusals.len()), (9, 1));
    assert_eq!((answer.refusals[0].index, answer.refusals[0].field.as_str(), answer.refusals[0].event_id.clone()), (3, "facts", id(3)));
    assert_eq!(answers.message().await.unwrap().unwrap().recorded, 10);
}

#[tokio::test]
async fn a_bad_batch_ends_the_stream_after_the_answers_before_it() {
    let running = Running::start(Settings::default()).await;
    let (sender, mut answers) = open(&running).await;
    sender.send(batch(0, "E09000001")).await.unwrap();
    sender.send(RecordStreamRequest::default()).await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().recorded, 10);
    let status = answers.message().await.unwrap_err();
    assert_eq!((status.code(), field(&status).as_str()), (Code::InvalidArgument, "events"));
    running.idle().await;
}

#[tokio::test]
async fn only_a_window_of_batches_is_read() {
    let running = Running::with_limits(Limits { stream_batches_max: 5, ..Default::default() }).await;
    running.log.hold("E09000001");
    let (sender, mut answers) = open(&running).await;
    let flooding = flood(sender, "E09000001");
    until("the window is full", || running.log.waiting() == 5).await;
    // Whatever else the server had to do, it has now had the time for it, and took no sixth.
    running.client().record(RecordRequest { event: Some(event(0, "other")), require_known: false }).await.unwrap();
    assert_eq!(running.log.waiting(), 5);
    running.log.release();
    for n in 0..100 {
        assert_eq!(answers.message().await.unwrap().unwrap().batch, n);
    }
    drop(answers);
    flooding.abort();
    running.idle().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_is_not_read_either_and_then_given_up() {
    let limits = Limits { stream_batches_max: 5, stream_stall_max: Duration::from_secs(1), ..Default::default() };
    let running = Running::with_limits(limits).await;
    let (sender, mut answers) = open(&running).await;
    let flooding = flood(sender, "E09000001");
    // The transport takes answers until its own windows are full; then no batch is read any more.
    running.idle().await;
    let recorded = running.log.records("E09000001").len();
    assert!(recorded > 5 * 10, "{recorded}"); // batches of ten; they were answered, and taken by the transport
    // What was recorded was answered; and then the client is told why it ends.
    let mut answered = 0;
    let status = loop {
        match answers.message().await {
            Ok(answer) => answered += answer.expect("not the end").recorded as usize,
            Err(status) => break status,
        }
    };
    assert_eq!((status.code(), answered), (Code::DeadlineExceeded, recorded), "{status:?}");
    flooding.await.unwrap();
}

#[tokio::test]
async fn bytes_in_flight_are_bounded_over_all_streams() {
    let running = Running::with_limits(Limits { streams_bytes_max: 20_000, stream_bytes_max: 8_000, ..Default::default() }).await;
    running.log.hold("E09000001");
    let mut streams = Vec::new();
    for _ in 0..10 {
        let (sender, answers) = open(&running).await;
        streams.push((flood(sender, "E09000001"), answers));
    }
    until("the budget is nearly taken", || running.gateway.in_flight().bytes > 20_000 - 4_000).await;
    // Ten events are charged about 3 kB each batch, so no more than six can be in the log's hands.
    assert!(running.log.waiting() <= 6, "{}", running.log.waiting());
    running.log.release();
    for (_, answers) in &mut streams {
        for n in 0..20 {
            assert_eq!(answers.message().await.unwrap().unwrap().batch, n);
        }
    }
    drop(streams);
    running.idle().await;
}

#[tokio::test]
async fn a_client_that_vanishes_leaves_nothing() {
    let running = Running::start(Settings::default()).await;
    running.log.hold("E09000001");
    for _ in 0..20 {
        let (sender, answers) = open(&running).await;
        let flooding = flood(sender, "E09000001");
        until("batches are in flight", || running.log.waiting() > 3).await;
        drop(answers);
        flooding.abort();
        running.idle().await;
    }
    running.log.release();
    running.client().record(RecordRequest { event: Some(event(1, "E09000001")), require_known: false }).await.unwrap();
}

#[tokio::test]
async fn streams_beyond_the_limit_are_refused() {
    let running = Running::with_limits(Limits { streams_max: 1, ..Default::default() }).await;
    let (sender, answers) = open(&running).await;
    let status = running.client().record_stream(tokio_stream::empty()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "OVERLOADED"));
    drop((sender, answers));
    running.idle().await;
    running.client().record_stream(tokio_stream::empty()).await.unwrap();
}

#[tokio::test]
async fn a_full_log_is_waited_for() {
    let running = Running::start(Settings::default()).await;
    running.log.full.store(true, SeqCst);
    let (sender, mut answers) = open(&running).await;
    sender.send(batch(0, "E09000001")).await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().recorded, 10);
}

#[tokio::test]
async fn a_failing_log_ends_the_stream_with_an_open_outcome() {
    let running = Running::start(Settings::default()).await;
    let (sender, mut answers) = open(&running).await;
    sender.send(batch(0, "E09000001")).await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().batch, 0);
    running.log.fail("E09000001", broken());
    let flooding = flood(sender, "E09000001");
    let status = answers.message().await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "OUTCOME_UNKNOWN"));
    flooding.await.unwrap();
    running.idle().await;
}

#[tokio::test]
async fn a_log_that_does_not_answer_ends_the_stream_with_an_open_outcome() {
    let running = Running::with_limits(Limits { append_time_max: Duration::from_millis(20), ..Default::default() }).await;
    running.log.hold("E09000001");
    let (sender, mut answers) = open(&running).await;
    sender.send(batch(0, "E09000001")).await.unwrap();
    let status = answers.message().await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "OUTCOME_UNKNOWN"));
    running.idle().await;
}

#[tokio::test]
async fn draining_answers_what_was_read_and_then_says_so() {
    let running = Running::start(Settings::default()).await;
    running.log.hold("E09000001");
    let (sender, mut answers) = open(&running).await;
    let flooding = flood(sender, "E09000001");
    until("the window is full", || running.log.waiting() == Limits::default().stream_batches_max).await;
    running.gateway.drain();
    running.log.release();
    let mut answered = 0;
    let status = loop {
        match answers.message().await {
            Ok(answer) => {
                assert_eq!(answer.expect("not the end").batch, answered);
                answered += 1;
            }
            Err(status) => break status,
        }
    };
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "UNAVAILABLE"));
    // Exactly what was answered is recorded.
    assert_eq!(running.log.records("E09000001").len() as u64, answered * 10);
    flooding.await.unwrap();
    running.idle().await;
}
