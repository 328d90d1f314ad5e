//! The RocksDB of one log: opened with care, written by one thread, read by many.

use super::acknowledged::{self, Acknowledged};
use super::keys::{self, FrameKey, frame_key, offset_in, open_frame, seal_frame};
use super::{directory, manifest, settings};
use crate::{Error, StoredFrame};
use bytes::Bytes;
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{DB, ErrorKind, WriteBatch};
use std::path::{Path, PathBuf};
use tandem_domain::position::LogId;

/// The log's rows.
pub(super) struct Store {
    db: DB,
    pub id: LogId,
    pub partitions: u32,
}

/// Where the partitions begin and end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub starts: Vec<u64>,
    pub ends: Vec<u64>,
    /// The newest append time of all that were ever given.
    pub append_us: u64,
}

impl Extent {
    /// How many frames were ever acknowledged, trimmed ones included: offsets count from 0 without a gap.
    pub fn frames(&self) -> u64 {
        self.ends.iter().sum()
    }
}

/// A frame to be written.
pub(super) struct NewFrame {
    pub partition: u32,
    pub offset: u64,
    /// The append time that counts: of a copy the original one.
    pub append_us: u64,
    /// The encoded frame, behind [`keys::FRAME_HEADER`] free bytes.
    pub value: Vec<u8>,
}

/// A log that was opened: its rows, the file that counts what is acknowledged, and its extent.
pub(super) struct Opened {
    pub store: Store,
    pub acknowledged: Acknowledged,
    pub extent: Extent,
}

/// Opens the log in a directory, or makes a new one there. Nothing is written before the log is known to be whole: opening it for
/// writing would remove files that a damaged list of files no longer names.
pub(super) fn open(path: &Path, partitions: u32, write_buffer_bytes: usize) -> Result<Opened, Error> {
    directory::create(path)?;
    let mut acknowledged = Acknowledged::lock(path)?;
    let damaged = |what: String| Error::Damaged { path: path.into(), what };
    let least = acknowledged.read()?.map_err(|what| damaged(format!("{what}: {}", remedy())))?;
    let exists = path.join("CURRENT").exists();
    if !exists && least.is_some() {
        return Err(damaged("the file CURRENT is missing: restore the directory from a backup".into()));
    }

    if exists {
        manifest::check(path).map_err(damaged)?;
        let options = settings::database(write_buffer_bytes, false);
        let db = DB::open_for_read_only(&options, path, false).map_err(|error| open_error(path, &error))?;
        if let Some(store) = Store::identify(db, path, partitions)? {
            check(&store, &store.extent(path)?, least).map_err(damaged)?;
        } else if least.is_some() {
            return Err(damaged("the row that says which log this is is missing: restore the directory from a backup".into()));
        }
    }

    let options = settings::database(write_buffer_bytes, !exists);
    let db = DB::open(&options, path).map_err(|error| open_error(path, &error))?;
    let store = Store::identify_or_begin(db, path, partitions)?;
    let extent = store.extent(path)?;
    // Now what was found is durable: RocksDB has written it to new files. From here on the log may not fall behind it.
    acknowledged.begin(store.id, extent.frames())?;
    directory::sync(path)?;
    Ok(Opened { store, acknowledged, extent })
}

/// Reads what log a directory holds and where its partitions begin and end, and writes nothing. Nobody may use it meanwhile.
pub(super) fn look(path: &Path) -> Result<(LogId, Extent), Error> {
    let damaged = |what: String| Error::Damaged { path: path.into(), what };
    manifest::check(path).map_err(damaged)?;
    let options = settings::database(16 << 20, false);
    let open = || DB::open_for_read_only(&options, path, false).map_err(|error| open_error(path, &error));
    let value = open()?.get(keys::log_key()).map_err(|error| open_error(path, &error))?;
    let value = value.ok_or_else(|| damaged("it holds no log".into()))?;
    let (_, partitions) = keys::open_log(&value).map_err(|what| damaged(what.into()))?;
    let store = Store::identify(open()?, path, partitions)?.ok_or_else(|| damaged("it holds no log".into()))?;
    Ok((store.id, store.extent(path)?))
}

/// Whether a log that was found can be all of what was acknowledged.
fn check(store: &Store, extent: &Extent, least: Option<(LogId, u64)>) -> Result<(), String> {
    match least {
        Some((id, _)) if id != store.id => {
            Err(format!("its rows are of the log {}, its file {} is of the log {id}: restore both", store.id, acknowledged::NAME))
        }
        Some((_, frames)) if frames > extent.frames() => {
            let found = extent.frames();
            Err(format!("{frames} frames were acknowledged, but only {found} are there: {}", remedy()))
        }
        None if extent.frames() > 0 => {
            tracing::warn!(frames = extent.frames(), "the log's file `acknowledged` is missing; taking what is there for all that was acknowledged");
            Ok(())
        }
        _ => Ok(()),
    }
}

fn remedy() -> String {
    format!("restore the directory from a backup, or, to go on with what is left, remove the file {} in it", acknowledged::NAME)
}

/// What RocksDB says, in one line.
fn one_line(error: &rocksdb::Error) -> String {
    error.as_ref().replace(['\n', '\r'], " ")
}

fn open_error(path: &Path, error: &rocksdb::Error) -> Error {
    let what = one_line(error);
    // Its lock knows processes that do not know ours.
    if what.contains("lock ") && what.contains("LOCK") {
        return Error::InUse { path: path.into() };
    }
    match error.kind() {
        ErrorKind::IOError if !what.contains("No such file") => Error::Io { what: format!("cannot open the log in {}: {what}", path.display()) },
        _ => Error::Damaged { path: path.into(), what: format!("{what}: restore the directory from a backup") },
    }
}

/// What a read found, if it is not what it should be.
fn read_error(partition: u32, offset: u64, error: &rocksdb::Error) -> Error {
    let what = one_line(error);
    match error.kind() {
        ErrorKind::IOError if !what.contains("No such file") => {
            Error::Io { what: format!("cannot read offset {offset} of partition {partition}: {what}") }
        }
        _ => Error::Corrupt { partition, offset, what },
    }
}

impl Store {
    /// The log that a database holds; `None` if it holds nothing at all.
    fn identify(db: DB, path: &Path, partitions: u32) -> Result<Option<Self>, Error> {
        let damaged = |what: &str| Error::Damaged { path: path.into(), what: format!("{what}: restore the directory from a backup") };
        let Some(value) = db.get(keys::log_key()).map_err(|error| open_error(path, &error))? else {
            let mut rows = db.raw_iterator();
            rows.seek_to_first();
            rows.status().map_err(|error| open_error(path, &error))?;
            return if rows.valid() { Err(damaged("the row that says which log this is is missing")) } else { Ok(None) };
        };
        let (id, found) = keys::open_log(&value).map_err(damaged)?;
        if found != partitions {
            let what = format!("has {found} partitions, not {partitions}, and keeps them for ever: open it with {found}, or copy it to a new log");
            return Err(Error::Mismatch { path: path.into(), what });
        }
        Ok(Some(Self { db, id, partitions }))
    }

    /// The log that a database holds, or a new one with a random id.
    fn identify_or_begin(db: DB, path: &Path, partitions: u32) -> Result<Self, Error> {
        let mut rows = db.raw_iterator();
        rows.seek_to_first();
        let empty = !rows.valid();
        drop(rows);
        if empty {
            let mut batch = WriteBatch::default();
            batch.put(keys::log_key(), keys::log_value(LogId(rand::random()), partitions));
            db.write_opt(batch, &settings::synced()).map_err(|error| open_error(path, &error))?;
        }
        Self::identify(db, path, partitions)?.ok_or_else(|| Error::Io { what: format!("the log in {} lost its first row", path.display()) })
    }

    /// Where each partition begins and ends.
    fn extent(&self, path: &Path) -> Result<Extent, Error> {
        let mut extent = Extent { starts: Vec::new(), ends: Vec::new(), append_us: 0 };
        for partition in 0..self.partitions {
            let (start, trimmed_us) = self.trimmed(path, partition)?;
            let (end, append_us) = self.last(partition, start).map_err(|what| {
                let what = format!("the newest frame of partition {partition} cannot be read ({what}): restore the directory from a backup");
                Error::Damaged { path: path.into(), what }
            })?;
            extent.starts.push(start);
            extent.ends.push(end);
            extent.append_us = extent.append_us.max(trimmed_us).max(append_us);
        }
        Ok(extent)
    }

    fn trimmed(&self, path: &Path, partition: u32) -> Result<(u64, u64), Error> {
        match self.db.get(keys::start_key(partition)).map_err(|error| open_error(path, &error))? {
            None => Ok((0, 0)),
            Some(value) => keys::open_start(partition, &value).ok_or_else(|| {
                let what = format!("the row that says where partition {partition} begins cannot be read: restore the directory from a backup");
                Error::Damaged { path: path.into(), what }
            }),
        }
    }

    /// A partition's end, and its last frame's append time.
    fn last(&self, partition: u32, start: u64) -> Result<(u64, u64), String> {
        let mut rows = self.db.raw_iterator_opt(settings::range(&frame_key(partition, start), &frame_key(partition, u64::MAX)));
        rows.seek_to_last();
        rows.status().map_err(|error| one_line(&error))?;
        let Some((key, value)) = rows.item() else {
            return Ok((start, 0));
        };
        let offset = offset_in(partition, key).ok_or("it has a key that no log writes")?;
        let (append_us, _) = open_frame(key, value).ok_or("its checksum is wrong")?;
        Ok((offset + 1, append_us))
    }

    /// Makes frames durable, all in one.
    pub fn write(&self, frames: &mut [NewFrame]) -> Result<(), String> {
        let bytes: usize = frames.iter().map(|frame| frame.value.len() + size_of::<FrameKey>() + 16).sum();
        let mut batch = WriteBatch::with_capacity_bytes(bytes);
        for NewFrame { partition, offset, append_us, value } in frames {
            let key = frame_key(*partition, *offset);
            seal_frame(&key, *append_us, value);
            batch.put(key, &*value);
        }
        self.db.write_opt(batch, &settings::synced()).map_err(|error| one_line(&error))
    }

    /// Frames of `from..end`, all of which must be there.
    pub fn read(&self, partition: u32, from: u64, end: u64, bytes_max: usize) -> Result<Vec<StoredFrame>, Error> {
        let mut frames = Vec::new();
        let mut bytes = 0;
        let mut expected = from;
        let mut rows = self.db.raw_iterator_opt(settings::range(&frame_key(partition, from), &frame_key(partition, end)));
        rows.seek_to_first();
        while let Some((key, value)) = rows.item() {
            if offset_in(partition, key) != Some(expected) {
                return Err(corrupt(partition, expected, "it is missing"));
            }
            let (append_us, frame) = open_frame(key, value).ok_or_else(|| corrupt(partition, expected, "its checksum is wrong"))?;
            bytes += frame.len();
            if bytes > bytes_max && !frames.is_empty() {
                return Ok(frames);
            }
            frames.push(StoredFrame { partition, offset: expected, append_us, bytes: Bytes::copy_from_slice(frame) });
            expected += 1;
            rows.next();
        }
        match rows.status() {
            Err(error) => Err(read_error(partition, expected, &error)),
            Ok(()) if expected < end => Err(corrupt(partition, expected, "it is missing")),
            Ok(()) => Ok(frames),
        }
    }

    /// Forgets frames `from..before`; durable when it returns.
    pub fn trim(&self, partition: u32, from: u64, before: u64, append_us: u64) -> Result<(), Error> {
        let mut batch = WriteBatch::default();
        batch.delete_range(frame_key(partition, from), frame_key(partition, before));
        batch.put(keys::start_key(partition), keys::start_value(partition, before, append_us));
        let failed = |error| Error::Io { what: format!("cannot trim partition {partition} to {before}: {}", one_line(&error)) };
        self.db.write_opt(batch, &settings::synced()).map_err(failed)
    }

    /// Copies what is written into a directory that is not there: files that never change are hard links. Writing goes on.
    pub fn copy(&self, into: &Path) -> Result<(), Error> {
        let failed = |error| Error::Io { what: format!("cannot copy the log to {}: {}", into.display(), one_line(&error)) };
        Checkpoint::new(&self.db).and_then(|checkpoint| checkpoint.create_checkpoint(into)).map_err(failed)
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.db.path().into()
    }
}

fn corrupt(partition: u32, offset: u64, what: &str) -> Error {
    Error::Corrupt { partition, offset, what: what.into() }
}
