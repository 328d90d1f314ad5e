//! The one thread that writes. It takes whatever has come in while the last commit was under way, makes that durable with one fsync,
//! and answers all of it: the more come at once, the less each costs.

use super::Shared;
use super::acknowledged::Acknowledged;
use super::keys::FRAME_HEADER;
use super::store::{Extent, NewFrame};
use crate::Error;
use crate::assembly::{Assembly, Building, Placed};
use crate::queue::{Append, Taken};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tandem_domain::position::Position;

/// Bytes of a commit, about: enough that its fsync is a small part of it (8 MiB take about 5 ms), and little enough that nobody waits
/// long for others' bytes.
const COMMIT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Buffers kept for the next commit, and how large they may be: those of a few large frames, or of many small ones.
const SPARE_BUFFERS_MAX: usize = 1_024;
const SPARE_BYTES_MAX: usize = 2 * COMMIT_BYTES_MAX;

/// The thread's own state.
pub(super) struct Writer {
    shared: Arc<Shared>,
    acknowledged: Acknowledged,
    /// The offset that comes next in each partition.
    next: Vec<u64>,
    append_us: u64,
    clock: fn() -> u64,
    spare: Vec<Vec<u8>>,
}

/// If the thread dies of a fault of ours, nobody may wait for it for ever.
struct Watch<'a>(&'a Shared);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.queue.fail(Error::Failed { why: "the log's writer died".into() });
        }
    }
}

impl Writer {
    pub fn new(shared: Arc<Shared>, acknowledged: Acknowledged, extent: Extent, clock: fn() -> u64) -> Self {
        Self { shared, acknowledged, next: extent.ends, append_us: extent.append_us, clock, spare: Vec::new() }
    }

    /// Runs until the queue is closed and empty, or until a commit fails.
    pub fn run(mut self) {
        let shared = self.shared.clone();
        let _watch = Watch(&shared);
        let mut taken = Taken::default();
        while shared.queue.take(&mut taken, COMMIT_BYTES_MAX) {
            match self.commit(&taken.appends) {
                Ok(positions) => answer(&mut taken.appends, positions),
                Err(why) => {
                    self.fail(&mut taken.appends, why);
                    return;
                }
            }
        }
    }

    /// Makes appends durable; says where the last record of each stands.
    fn commit(&mut self, appends: &[Append]) -> Result<Vec<Position>, String> {
        let log = self.shared.store.id;
        let mut assembly = Assembly::new(self.shared.store.partitions, FRAME_HEADER, &mut self.spare);
        let placed: Vec<_> = appends.iter().map(|append| assembly.add(append)).collect();
        let building = assembly.finish();
        let records = building.iter().map(|frame| u64::from(frame.records)).sum();
        self.append_us = self.append_us.max((self.clock)());
        let mut frames: Vec<_> = building.into_iter().map(|building| self.number(building)).collect();
        self.persist(&mut frames)?;
        let position = |at: &Placed| Position { log, partition: frames[at.last()].partition, offset: frames[at.last()].offset, index: at.index };
        let positions = placed.iter().map(position).collect();
        self.acknowledged.advance(self.shared.store.id, self.next.iter().sum()).map_err(|error| error.to_string())?;
        // Before the answers: who got one reads what it wrote.
        self.shared.append_us.fetch_max(self.append_us, Relaxed);
        self.shared.ends.advance(&self.next);
        self.count(&frames, records);
        self.keep(frames);
        Ok(positions)
    }

    /// Gives a frame the offset that comes next, and its time.
    fn number(&mut self, building: Building) -> NewFrame {
        let Building { partition, value, original_append_us, .. } = building;
        let offset = self.next[partition as usize];
        self.next[partition as usize] += 1;
        NewFrame { partition, offset, append_us: if original_append_us > 0 { original_append_us } else { self.append_us }, value }
    }

    fn persist(&self, frames: &mut [NewFrame]) -> Result<(), String> {
        #[cfg(feature = "testing")]
        return self.shared.faults.around(|| self.shared.store.write(frames));
        #[cfg(not(feature = "testing"))]
        self.shared.store.write(frames)
    }

    fn count(&self, frames: &[NewFrame], records: u64) {
        let counters = &self.shared.counters;
        counters.commits.fetch_add(1, Relaxed);
        counters.frames.fetch_add(frames.len() as u64, Relaxed);
        counters.records.fetch_add(records, Relaxed);
        counters.bytes.fetch_add(frames.iter().map(|frame| frame.value.len() as u64).sum(), Relaxed);
    }

    /// Keeps some of the buffers for the next commit.
    fn keep(&mut self, frames: Vec<NewFrame>) {
        let mut bytes: usize = self.spare.iter().map(Vec::capacity).sum();
        for NewFrame { value, .. } in frames {
            bytes += value.capacity();
            if bytes > SPARE_BYTES_MAX || self.spare.len() >= SPARE_BUFFERS_MAX {
                return;
            }
            self.spare.push(value);
        }
    }

    /// After a commit that may or may not be durable the log takes no more: what would be acknowledged later could rest on it, and
    /// whether it is there shows only when the log is opened again.
    fn fail(&self, appends: &mut Vec<Append>, why: String) {
        tracing::error!(path = %self.shared.store.path().display(), why, "a commit failed; the log takes no more appends until it is opened again");
        self.shared.queue.fail(Error::Failed { why: why.clone() });
        for append in appends.drain(..) {
            let _ = append.answer.send(Err(Error::OutcomeUnknown { why: why.clone() }));
        }
    }
}

/// Answers each. Whoever does not wait any more does not need it.
fn answer(appends: &mut Vec<Append>, positions: Vec<Position>) {
    for (append, position) in appends.drain(..).zip(positions) {
        let _ = append.answer.send(Ok(position));
    }
}
