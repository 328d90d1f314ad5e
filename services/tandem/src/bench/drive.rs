//! Sends requests at their pace and times the answers.

use super::codec::Gateway;
use super::load::Encoded;
use super::pace::Pace;
use crate::client::Server;
use anyhow::ensure;
use clap::ValueEnum;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tandem_proto::v1::{RecordBatchResponse, RecordResponse, RecordStreamResponse};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// Which call records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Record: one event a call
    Unary,
    /// RecordBatch
    Batch,
    /// RecordStream
    Stream,
}

/// How to send.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Which call.
    pub mode: Mode,
    /// TCP connections.
    pub connections: usize,
    /// Requests without an answer, over all connections.
    pub in_flight: usize,
}

/// One answered request.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When it was to be sent, microseconds since the start.
    pub intended_us: u64,
    /// From then to its answer, microseconds.
    pub latency_us: u64,
    /// Events acknowledged.
    pub events: u32,
}

/// The position acknowledged last, and when.
pub type Newest = Arc<Mutex<Option<(String, Instant)>>>;

/// What came of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Answered requests, in no order.
    pub samples: Vec<Sample>,
    /// The last position of every worker: all that was acknowledged is at or before one of them.
    pub positions: Vec<String>,
    /// Events that were refused, or whose request failed.
    pub failed: u64,
    /// The first failure.
    pub failure: Option<String>,
}

/// Sends all requests that the pace lets go.
pub async fn drive(server: &Server, requests: &Arc<[Encoded]>, pace: &Arc<Pace>, how: How, newest: &Newest) -> anyhow::Result<Outcome> {
    ensure!(how.connections >= 1 && how.in_flight >= how.connections, "--in-flight must be at least --connections, which must be at least 1");
    let mut workers = JoinSet::new();
    for connection in 0..how.connections {
        let gateway = Gateway::new(server.connect().await?);
        // What does not divide goes to the first ones.
        let window = how.in_flight / how.connections + usize::from(connection < how.in_flight % how.connections);
        let worker = || Worker {
            requests: Arc::clone(requests),
            pace: Arc::clone(pace),
            newest: Arc::clone(newest),
            outcome: Outcome::default(),
            position: None,
        };
        match how.mode {
            Mode::Stream => drop(workers.spawn(worker().stream(gateway, window))),
            mode => (0..window).for_each(|_| drop(workers.spawn(worker().calls(gateway.clone(), mode)))),
        }
    }
    let mut outcome = Outcome::default();
    while let Some(worker) = workers.join_next().await {
        let part = worker?;
        outcome.samples.extend(part.samples);
        outcome.positions.extend(part.positions);
        outcome.failed += part.failed;
        outcome.failure = outcome.failure.or(part.failure);
    }
    Ok(outcome)
}

struct Worker {
    requests: Arc<[Encoded]>,
    pace: Arc<Pace>,
    newest: Newest,
    outcome: Outcome,
    position: Option<String>,
}

impl Worker {
    /// One call after the other.
    async fn calls(mut self, mut gateway: Gateway, mode: Mode) -> Outcome {
        while let Some((index, intended)) = self.pace.next().await {
            let Encoded { body, events } = self.requests[index].clone();
            let answer = match mode {
                Mode::Unary => {
                    gateway.unary::<RecordResponse>("/tandem.v1.GatewayService/Record", body).await.map(|answer| (1, Some(answer.position)))
                }
                _ => gateway.unary::<RecordBatchResponse>("/tandem.v1.GatewayService/RecordBatch", body).await.map(|answer| {
                    let position = answer.positions.into_iter().next_back();
                    (answer.recorded, position.map(|position| position.position))
                }),
            };
            match answer {
                Ok((recorded, position)) => self.answered(intended, events, recorded, position),
                Err(status) => self.failed(events.into(), &status),
            }
        }
        self.end()
    }

    /// One stream with `window` requests in flight.
    async fn stream(mut self, mut gateway: Gateway, window: usize) -> Outcome {
        let (sender, receiver) = mpsc::channel(window);
        let answers = gateway.stream::<RecordStreamResponse>("/tandem.v1.GatewayService/RecordStream", ReceiverStream::new(receiver)).await;
        let mut answers = match answers {
            Ok(answers) => answers,
            Err(status) => {
                self.failed(0, &status);
                return self.end();
            }
        };
        // Answers come in the order of the requests.
        let (sent, mut waiting) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(window));
        let (pace, requests, places) = (Arc::clone(&self.pace), Arc::clone(&self.requests), Arc::clone(&room));
        let sending = tokio::spawn(async move {
            while let Ok(place) = places.acquire().await {
                place.forget();
                let Some((index, intended)) = pace.next().await else { break };
                let request = &requests[index];
                if sent.send((intended, request.events)).is_err() || sender.send(request.body.clone()).await.is_err() {
                    break;
                }
            }
        });
        loop {
            let answer = answers.message().await;
            if matches!(answer, Ok(None)) {
                break;
            }
            let Some((intended, events)) = waiting.recv().await else { break };
            match answer {
                Ok(Some(answer)) => {
                    let position = answer.positions.into_iter().next_back();
                    self.answered(intended, events, answer.recorded, position.map(|position| position.position));
                    room.add_permits(1);
                }
                Ok(None) => break,
                Err(status) => {
                    self.failed(events.into(), &status);
                    break;
                }
            }
        }
        sending.abort();
        waiting.close();
        while let Some((_, events)) = waiting.recv().await {
            self.failed(events.into(), &Status::unavailable("the server ended the stream early"));
        }
        self.end()
    }

    fn answered(&mut self, intended: Instant, events: u32, recorded: u32, position: Option<String>) {
        let now = Instant::now();
        let micros = |from: Instant, to: Instant| to.saturating_duration_since(from).as_micros() as u64;
        self.outcome.samples.push(Sample { intended_us: micros(self.pace.start(), intended), latency_us: micros(intended, now), events: recorded });
        if recorded < events {
            self.failed(u64::from(events - recorded), &Status::invalid_argument("events were refused"));
        }
        let Some(position) = position else { return };
        // Whoever finds it taken leaves it to the others.
        if let Ok(mut newest) = self.newest.try_lock() {
            *newest = Some((position.clone(), now));
        }
        self.position = Some(position);
    }

    fn failed(&mut self, events: u64, status: &Status) {
        self.outcome.failed += events.max(1);
        self.outcome.failure.get_or_insert_with(|| format!("{:?}: {}", status.code(), status.message()));
    }

    fn end(mut self) -> Outcome {
        self.outcome.positions.extend(self.position);
        self.outcome
    }
}

/// The position acknowledged last so far.
pub fn newest(newest: &Newest) -> Option<(String, Instant)> {
    newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
