//! The file `acknowledged`: how many frames the log has acknowledged, so that a log that lost its newest part is not taken for whole.
//!
//! After a crash, RocksDB reads its write-ahead log up to the first thing that it cannot read, and takes that for the torn end of a write
//! that was under way. That is right for what was never acknowledged, and silent loss if a disk has damaged something older. This file
//! tells the two apart: it is written after each commit is durable and before it is acknowledged, without waiting for the disk. So it
//! never says more than what is durable; after a crash of the process it is exact; after one of the machine it lags by what the
//! operating system had not written back, mostly some seconds.
//!
//! It holds two slots of 512 bytes, written in turn, so that one is always whole:
//! `tandem` and two zero bytes ‖ log id (16) ‖ frames (8, big-endian) ‖ CRC-32 of those (4), then zeros. It is also the directory's lock.

use super::directory;
use crate::Error;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use tandem_domain::position::LogId;

/// Its name in the log's directory.
pub(super) const NAME: &str = "acknowledged";

/// A sector: disks write it whole or not at all.
const SLOT: usize = 512;
const MAGIC: &[u8; 8] = b"tandem\0\0";
const RECORD: usize = 8 + 16 + 8 + 4;

/// The file, locked.
#[derive(Debug)]
pub(super) struct Acknowledged {
    file: File,
    path: PathBuf,
    turn: bool,
}

impl Acknowledged {
    /// Opens and locks it; it is empty if it was not there.
    pub fn lock(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(NAME);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(|error| directory::io("open", &path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path, turn: false }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { path: directory.into() }),
            Err(TryLockError::Error(error)) => Err(directory::io("lock", &path, &error)),
        }
    }

    /// What it says: which log, and how many frames at least. `None` if nothing was ever written to it; an error's text if what was
    /// written cannot be read.
    pub fn read(&self) -> Result<Result<Option<(LogId, u64)>, String>, Error> {
        let mut bytes = Vec::with_capacity(2 * SLOT);
        let mut at = 0;
        loop {
            let mut part = [0; 2 * SLOT];
            match self.file.read_at(&mut part, at) {
                Ok(0) => break,
                Ok(length) => bytes.extend_from_slice(&part[..length]),
                Err(error) => return Err(directory::io("read", &self.path, &error)),
            }
            at = bytes.len() as u64;
        }
        let newest = bytes.chunks(SLOT).filter_map(parse).max_by_key(|&(_, frames)| frames);
        Ok(match newest {
            Some(newest) => Ok(Some(newest)),
            // All zeros: the machine stopped before the first write of it was durable, so nothing was ever acknowledged.
            None if bytes.iter().all(|&byte| byte == 0) => Ok(None),
            None => Err(format!("{NAME} cannot be read")),
        })
    }

    /// Writes both slots and waits until they are durable.
    pub fn begin(&mut self, id: LogId, frames: u64) -> Result<(), Error> {
        let mut slots = vec![0; 2 * SLOT];
        for slot in slots.chunks_mut(SLOT) {
            slot[..RECORD].copy_from_slice(&record(id, frames));
        }
        let written = self.file.write_all_at(&slots, 0).and_then(|()| self.file.set_len(slots.len() as u64)).and_then(|()| self.file.sync_all());
        written.map_err(|error| directory::io("write", &self.path, &error))
    }

    /// Says that so many frames are durable, without waiting for the disk.
    pub fn advance(&mut self, id: LogId, frames: u64) -> Result<(), Error> {
        self.turn = !self.turn;
        let at = if self.turn { SLOT as u64 } else { 0 };
        self.file.write_all_at(&record(id, frames), at).map_err(|error| directory::io("write", &self.path, &error))
    }
}

fn record(id: LogId, frames: u64) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..8].copy_from_slice(MAGIC);
    record[8..24].copy_from_slice(&id.0);
    record[24..32].copy_from_slice(&frames.to_be_bytes());
    let checksum = crc32fast::hash(&record[..32]);
    record[32..].copy_from_slice(&checksum.to_be_bytes());
    record
}

fn parse(slot: &[u8]) -> Option<(LogId, u64)> {
    let (record, _) = slot.split_first_chunk::<RECORD>()?;
    let (magic, rest) = record[..32].split_first_chunk::<8>()?;
    let (id, frames) = rest.split_first_chunk::<16>()?;
    let sound = magic == MAGIC && crc32fast::hash(&record[..32]).to_be_bytes() == record[32..];
    sound.then_some((LogId(*id), u64::from_be_bytes(frames.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const ID: LogId = LogId([5; 16]);

    #[test]
    fn says_what_was_written_last() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = Acknowledged::lock(directory.path()).unwrap();
        assert_eq!(file.read().unwrap(), Ok(None));
        file.begin(ID, 3).unwrap();
        assert_eq!(file.read().unwrap(), Ok(Some((ID, 3))));
        for frames in 4..10 {
            file.advance(ID, frames).unwrap();
            assert_eq!(file.read().unwrap(), Ok(Some((ID, frames))));
        }
    }

    #[test]
    fn one_torn_slot_does_no_harm_and_two_are_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(NAME);
        let mut file = Acknowledged::lock(directory.path()).unwrap();
        file.begin(ID, 3).unwrap();
        file.advance(ID, 4).unwrap(); // in the second slot
        let good = fs::read(&path).unwrap();
        for (damaged, expected) in [(vec![SLOT + 30], Ok(Some((ID, 3)))), (vec![30], Ok(Some((ID, 4)))), (vec![0, SLOT], Err(()))] {
            let mut bytes = good.clone();
            damaged.iter().for_each(|&at| bytes[at] ^= 1);
            fs::write(&path, bytes).unwrap();
            assert_eq!(file.read().unwrap().map_err(drop), expected, "{damaged:?}");
        }
        fs::write(&path, vec![0; 2 * SLOT]).unwrap();
        assert_eq!(file.read().unwrap(), Ok(None));
    }

    #[test]
    fn it_is_a_lock() {
        let directory = tempfile::tempdir().unwrap();
        let held = Acknowledged::lock(directory.path()).unwrap();
        let refused = Acknowledged::lock(directory.path()).unwrap_err();
        assert_eq!(refused, Error::InUse { path: directory.path().into() });
        drop(held);
        Acknowledged::lock(directory.path()).unwrap();
    }
}
