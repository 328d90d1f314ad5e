//! Lets the log forget frames that the book holds.

use super::lane::Lane;
use crate::Error;
use crate::projection::Shared;

/// Trims rarely, and always one step behind: what goes was durable here a whole step ago.
pub(super) struct Trim {
    after_bytes: Option<u64>,
    bytes: u64,
    /// Per partition the offset below which frames may go next time.
    before: Vec<u64>,
}

impl Trim {
    pub fn new(after_bytes: Option<u64>, lanes: &[Lane]) -> Self {
        Self { after_bytes, bytes: 0, before: offsets(lanes) }
    }

    /// After so many more bytes of frames were committed. A log that cannot be trimmed only grows: that is no reason to stop.
    pub fn after(&mut self, bytes: u64, shared: &Shared, lanes: &[Lane]) -> Result<(), Error> {
        self.bytes += bytes;
        if self.after_bytes.is_none_or(|limit| self.bytes < limit) {
            return Ok(());
        }
        // While a snapshot is being made it waits; the fold does not.
        let Ok(_gate) = shared.trimming.try_lock() else { return Ok(()) };
        self.bytes = 0;
        // Commits are not synced one by one; a frame may go only once what became of it cannot be lost.
        shared.store.sync()?;
        for (lane, before) in lanes.iter().zip(&self.before) {
            if let Err(error) = shared.source.trim(lane.partition, *before) {
                tracing::warn!(%error, partition = lane.partition, before, "the log was not trimmed");
            }
        }
        self.before = offsets(lanes);
        Ok(())
    }
}

/// The last folded frame stays, so that the next start can know the log by it.
fn offsets(lanes: &[Lane]) -> Vec<u64> {
    lanes.iter().map(|lane| lane.cursor.last.map_or(0, |last| last.offset.min(lane.cursor.next_offset))).collect()
}
