//! The course of an import: read and map on one side, send and count on the other.

use super::bar::Bar;
use super::catalogue::{self, Definitions};
use super::gateway::{Batch, Stream};
use super::packs::{self, PackRows, Read};
use super::rejects::Rejects;
use super::resume::Progress;
use super::rows::Rows;
use super::standing::{self, Counts};
use super::summary::Summary;
use crate::client::Connection;
use anyhow::Context;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tandem_proto::v1::{Event, RecordStreamResponse};
use tokio::sync::{mpsc, watch};

/// Between two states kept for `--resume`.
const KEEP_EVERY: Duration = Duration::from_secs(1);

/// Who takes the events, and who says what became of them.
#[derive(Clone)]
pub struct Connections {
    /// Takes events.
    pub gateway: Connection,
    /// Answers questions.
    pub query: Connection,
}

/// An import over connections; without them, a dry run.
pub struct Import {
    /// What it did so far.
    pub summary: Summary,
    connections: Option<Connections>,
    definitions: Definitions,
    require_known: bool,
    patience: Duration,
    before: Counts,
    stop: watch::Receiver<bool>,
}

/// Where one file's results go.
pub struct FileState {
    rejects: Rejects,
    bar: Bar,
    progress: Option<(PathBuf, Progress)>,
    kept: Instant,
    rows: u64,
}

impl Import {
    /// An import that ends early when `stop` says so.
    pub fn new(
        connections: Option<Connections>,
        definitions: Definitions,
        require_known: bool,
        patience: Duration,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let summary = Summary { dry_run: connections.is_none(), ..Summary::default() };
        Self { summary, connections, definitions, require_known, patience, before: Counts::default(), stop }
    }

    /// Imports one file from the row after `done` on.
    pub async fn file(&mut self, rows: Rows, done: u64, mut state: FileState) -> anyhow::Result<()> {
        let mut packs = packs::start(rows, done);
        let result = match self.connections.clone() {
            Some(connections) => self.send(connections.gateway, &mut packs, &mut state).await,
            None => self.count(&mut packs, &mut state).await,
        };
        let FileState { rejects, bar, progress, .. } = state;
        bar.finish();
        self.summary.rejects_files.extend(rejects.finish()?);
        let is_whole = result.is_ok() && !self.summary.interrupted;
        if let Some((path, progress)) = progress {
            match is_whole {
                true => drop(std::fs::remove_file(path)),
                false => progress
                    .write(&path)
                    .with_context(|| format!("cannot keep the progress in {}; send the whole file again, which is safe", path.display()))?,
            }
        }
        result
    }

    /// A dry run: everything but sending.
    async fn count(&mut self, packs: &mut mpsc::Receiver<Read>, state: &mut FileState) -> anyhow::Result<()> {
        while let Some(pack) = self.next(packs).await? {
            let events = pack.events.len();
            for council in councils(&pack.events) {
                self.summary.positions.entry(council).or_default();
            }
            self.account(pack.of, events, RecordStreamResponse::default(), state)?;
        }
        Ok(())
    }

    async fn send(&mut self, connection: Connection, packs: &mut mpsc::Receiver<Read>, state: &mut FileState) -> anyhow::Result<()> {
        let mut stream = Stream::new(connection, self.require_known);
        let result = self.send_all(&mut stream, packs, state).await;
        // After a torn file, what was read is durable before the error is reported.
        while let Some((batch, answer)) = stream.answer().await? {
            self.account(batch.of, batch.events.len(), answer, state)?;
        }
        result
    }

    async fn send_all(&mut self, stream: &mut Stream<PackRows>, packs: &mut mpsc::Receiver<Read>, state: &mut FileState) -> anyhow::Result<()> {
        while let Some(pack) = self.next(packs).await? {
            for council in councils(&pack.events) {
                self.prepare(council).await?;
            }
            if pack.events.is_empty() {
                // Rows count in their order, so those before this pack come first.
                while let Some((batch, answer)) = stream.answer().await? {
                    self.account(batch.of, batch.events.len(), answer, state)?;
                }
                self.account(pack.of, 0, RecordStreamResponse::default(), state)?;
            } else if let Some((batch, answer)) = stream.send(Batch { events: pack.events, of: pack.of }).await? {
                self.account(batch.of, batch.events.len(), answer, state)?;
            }
        }
        Ok(())
    }

    /// The next pack; none at the end or when the import is to stop.
    async fn next(&mut self, packs: &mut mpsc::Receiver<Read>) -> anyhow::Result<Option<packs::Pack>> {
        tokio::select! {
            biased;
            Ok(_) = self.stop.wait_for(|stop| *stop) => {
                self.summary.interrupted = true;
                Ok(None)
            }
            pack = packs.recv() => Ok(pack.transpose()?),
        }
    }

    /// Before a council's first event: its catalogue is recorded, and its counters are read.
    async fn prepare(&mut self, council: String) -> anyhow::Result<()> {
        let (false, Some(connections)) = (self.summary.positions.contains_key(&council), &self.connections) else { return Ok(()) };
        let recorded = catalogue::record_definitions(connections.gateway.clone(), &council, &self.definitions).await?;
        self.summary.definitions += recorded.definitions;
        let position = BTreeMap::from([(council, recorded.position)]);
        let counts = standing::counts(connections.query.clone(), &position, self.patience).await?;
        self.before.applied += counts.applied;
        self.before.duplicate += counts.duplicate;
        self.before.suspended += counts.suspended;
        self.summary.positions.extend(position);
        Ok(())
    }

    /// Counts a pack whose events are durable or refused.
    fn account(&mut self, of: PackRows, events: usize, answer: RecordStreamResponse, state: &mut FileState) -> anyhow::Result<()> {
        let summary = &mut self.summary;
        summary.events += events as u64;
        summary.done_before += of.done_before;
        for (reason, number) in of.skipped {
            *summary.skipped.entry(reason).or_default() += number;
        }
        let mut rejected = of.rejected;
        let mut refused_rows = BTreeSet::new();
        for refusal in answer.refusals {
            // A row of several events is one rejected row, for its first reason.
            let row = of.row_of_event.get(refusal.index as usize).copied().context("the server refused an event that was not in the batch")?;
            if refused_rows.insert(row) {
                let (line, values) = &of.sources[row];
                rejected.push((*line, format!("{}: {}", refusal.field, refusal.description), values.clone()));
            }
        }
        rejected.sort_by_key(|(line, ..)| *line);
        summary.rejected += of.rejected_before + rejected.len() as u64;
        for (line, reason, values) in &rejected {
            state.rejects.add(*line, reason, values)?;
        }
        summary.positions.extend(answer.positions.into_iter().map(|position| (position.council, position.position)));
        summary.read += of.rows_through - state.rows;
        state.advance(of.rows_through);
        Ok(())
    }

    /// Waits until everything sent is folded, and finds out what became of it.
    pub async fn finish(&mut self) -> anyhow::Result<()> {
        let Some(connections) = self.connections.clone().filter(|_| !self.summary.positions.is_empty()) else { return Ok(()) };
        let after = standing::counts(connections.query, &self.summary.positions, self.patience).await;
        let after = after.context("everything is durable, but what became of it could not be asked (see `tandem status`)")?;
        self.summary.counts = Some(after.since(self.before));
        Ok(())
    }
}

impl FileState {
    /// Where one file's results go; `progress` is where its progress is kept and what it is the progress of.
    pub fn new(rejects: Rejects, bar: Bar, progress: Option<(PathBuf, Progress)>) -> Self {
        Self { rejects, bar, progress, kept: Instant::now(), rows: 0 }
    }

    /// Rows up to here are done. What cannot be kept now is tried again later, and at the end an error.
    fn advance(&mut self, rows: u64) {
        self.rows = rows;
        self.bar.show(rows);
        let Some((path, progress)) = &mut self.progress else { return };
        // While rows are read that an earlier run has sent, what it kept stays true.
        progress.rows = progress.rows.max(rows);
        if self.kept.elapsed() >= KEEP_EVERY {
            self.kept = Instant::now();
            drop(progress.write(path));
        }
    }
}

/// The councils of events, each once.
fn councils(events: &[Event]) -> BTreeSet<String> {
    events.iter().filter_map(|event| event.envelope.as_ref()).map(|envelope| envelope.council.clone()).collect()
}
