//! How far the projection is behind what is acknowledged.

use super::drive::{Newest, newest};
use crate::client::Connection;
use crate::generate::folded::{records, status, until_folded};
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, JoinSet};

/// Time between two samples.
const TICK: Duration = Duration::from_secs(1);

/// The lag at one moment.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Lag {
    /// When the position was acknowledged, milliseconds since the start.
    pub at_ms: u64,
    /// From then until an answer reflected it, milliseconds.
    pub lag_ms: u64,
}

/// What was folded at one moment.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Folded {
    /// When, milliseconds since the start.
    pub at_ms: u64,
    /// The council's entries and duplicates.
    pub records: u64,
    /// Frames that the log has and the projection not yet, over all partitions.
    pub frames_behind: u64,
}

/// What a probe saw, by time.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Seen {
    /// Lags.
    pub lags: Vec<Lag>,
    /// Progress.
    pub folded: Vec<Folded>,
}

impl Seen {
    /// The lag at a time: of the first position acknowledged then or later, or else of the last.
    pub fn lag_at(&self, at_ms: u64) -> Option<u64> {
        self.lags.iter().find(|lag| lag.at_ms >= at_ms).or(self.lags.last()).map(|lag| lag.lag_ms)
    }

    /// The frames behind at a time.
    pub fn frames_behind_at(&self, at_ms: u64) -> Option<u64> {
        self.folded.iter().find(|folded| folded.at_ms >= at_ms).or(self.folded.last()).map(|folded| folded.frames_behind)
    }
}

/// Samples once a second until it is ended.
pub struct Probe {
    running: JoinHandle<()>,
    done: tokio::sync::watch::Sender<bool>,
    seen: tokio::sync::mpsc::UnboundedReceiver<Finding>,
}

enum Finding {
    Lag(Lag),
    Folded(Folded),
}

impl Probe {
    /// Starts; `start` is the zero of its times.
    pub fn start(connection: Connection, council: String, newest: Newest, start: Instant) -> Self {
        let (findings, seen) = tokio::sync::mpsc::unbounded_channel();
        let (done, mut ended) = tokio::sync::watch::channel(false);
        let running = tokio::spawn(async move {
            let mut waiting = JoinSet::new();
            let mut last = None;
            let mut ticks = tokio::time::interval(TICK);
            loop {
                tokio::select! {
                    _ = ended.changed() => break,
                    _ = ticks.tick() => {}
                }
                let (connection, council, findings) = (connection.clone(), council.clone(), findings.clone());
                let position = self::newest(&newest).filter(|(position, _)| last.as_ref() != Some(position));
                last = position.as_ref().map(|(position, _)| position.clone()).or(last);
                waiting.spawn(async move { sample(connection, &council, position, start, &findings).await });
            }
            while waiting.join_next().await.is_some() {}
        });
        Self { running, done, seen }
    }

    /// Ends it, when the last position that it asked for is folded.
    pub async fn end(mut self) -> anyhow::Result<Seen> {
        let _ = self.done.send(true);
        self.running.await?;
        let mut seen = Seen::default();
        while let Some(finding) = self.seen.recv().await {
            match finding {
                Finding::Lag(lag) => seen.lags.push(lag),
                Finding::Folded(folded) => seen.folded.push(folded),
            }
        }
        seen.lags.sort_by_key(|lag| lag.at_ms);
        seen.folded.sort_by_key(|folded| folded.at_ms);
        Ok(seen)
    }
}

/// One tick's: progress now, and how long the newest position takes. A failure leaves a gap; the run itself will say what is wrong.
async fn sample(
    connection: Connection,
    council: &str,
    newest: Option<(String, Instant)>,
    start: Instant,
    findings: &tokio::sync::mpsc::UnboundedSender<Finding>,
) {
    let at_ms = |at: Instant| at.saturating_duration_since(start).as_millis() as u64;
    let now = Instant::now();
    if let Ok(answer) = status(connection.clone(), council, &[]).await {
        let frames_behind = answer.partitions.iter().map(|partition| partition.log_frames.saturating_sub(partition.applied_frames)).sum();
        let _ = findings.send(Finding::Folded(Folded { at_ms: at_ms(now), records: records(&answer), frames_behind }));
    }
    let Some((position, acknowledged)) = newest else { return };
    if until_folded(connection, council, &[position]).await.is_ok() {
        let _ = findings.send(Finding::Lag(Lag { at_ms: at_ms(acknowledged), lag_ms: acknowledged.elapsed().as_millis() as u64 }));
    }
}
