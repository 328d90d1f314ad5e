//! What is copied: a log's frames, and, where those were trimmed, the entries of the books that hold their records.

use super::group::{Batch, Grouping};
use anyhow::{Context, bail, ensure};
use std::path::Path;
use tandem_log::{AnyLog, EventLog, StoredFrame};
use tandem_projection::Archive;

/// Bytes of one read.
const READ_BYTES: usize = 4 << 20;

/// A log and the archives of projections of it.
pub struct Source {
    log: AnyLog,
    archives: Vec<Archive>,
}

/// What was copied of one partition, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Frames that were read.
    pub frames: u64,
    /// Records of those.
    pub records: u64,
    /// Entries that were taken from a book, since their frames are trimmed.
    pub entries: u64,
}

impl Source {
    /// Of a log; directories of projections of it, which need not be there unless frames were trimmed.
    pub fn new(log: AnyLog, projections: &[&Path]) -> anyhow::Result<Self> {
        let mut archives = Vec::new();
        for path in projections.iter().filter(|path| path.is_dir()) {
            let archive = Archive::open(path).with_context(|| format!("cannot read the books in {}", path.display()))?;
            ensure!(archive.log() == log.id(), "the books in {} are of log {}, not of {}: name others", path.display(), archive.log(), log.id());
            archives.push(archive);
        }
        Ok(Self { log, archives })
    }

    /// The log.
    pub fn log(&self) -> &AnyLog {
        &self.log
    }

    /// Hands over everything, each council's records in order; until `take` fails.
    pub fn read(&self, take: &mut dyn FnMut(Batch) -> anyhow::Result<()>) -> anyhow::Result<Copied> {
        let mut copied = Copied::default();
        for partition in 0..self.log.partitions() {
            let (start, end) = (self.log.start(partition)?, self.log.end_now(partition)?);
            let from = if start == 0 { (0, 0) } else { self.read_books(partition, start, &mut copied, take)? };
            self.read_frames(partition, from, end, &mut copied, take)?;
        }
        Ok(copied)
    }

    /// The books of a partition whose first frames are trimmed; says from which record on the log has to be read.
    fn read_books(
        &self,
        partition: u32,
        start: u64,
        copied: &mut Copied,
        take: &mut dyn FnMut(Batch) -> anyhow::Result<()>,
    ) -> anyhow::Result<(u64, u32)> {
        for archive in &self.archives {
            let cursor = archive.cursor(partition)?;
            if cursor.0 < start {
                continue;
            }
            for (council, last) in archive.councils(partition)? {
                ensure!(
                    last < cursor,
                    "the book of {council} is ahead of its partition, which another council's cures hold up: start the server, wait until `tandem status` shows no lag, stop it, and copy again"
                );
                let (mut grouping, mut failed) = (Grouping::new(&council), None);
                archive.entries(&council, 0, |book_time_us, record| {
                    copied.entries += 1;
                    failed = grouping.add(book_time_us, record).and_then(|batch| take(batch).err());
                    failed.is_none()
                })?;
                match failed {
                    Some(error) => return Err(error),
                    None => grouping.finish().map_or(Ok(()), &mut *take)?,
                }
            }
            return Ok(cursor);
        }
        bail!(
            "partition {partition} begins at offset {start}: what was before is only in the books; name the directory of a projection that has folded it, with --projection"
        )
    }

    fn read_frames(
        &self,
        partition: u32,
        (mut from, mut index): (u64, u32),
        end: u64,
        copied: &mut Copied,
        take: &mut dyn FnMut(Batch) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        while from < end {
            let frames = self.log.read(partition, from, READ_BYTES)?;
            for stored in frames.iter().filter(|stored| stored.offset < end) {
                from = stored.offset + 1;
                copied.frames += 1;
                if let Some(batch) = batch(stored, std::mem::take(&mut index))? {
                    copied.records += batch.records.len() as u64;
                    take(batch)?;
                }
            }
        }
        Ok(())
    }
}

/// The records of a frame from an index on.
fn batch(stored: &StoredFrame, from: u32) -> anyhow::Result<Option<Batch>> {
    let frame = stored.parse()?;
    let records: Vec<_> = frame.records.iter().skip(from as usize).map(|record| stored.bytes.slice_ref(record)).collect();
    Ok((!records.is_empty()).then(|| Batch { council: frame.council.into(), records, append_us: stored.append_us }))
}
