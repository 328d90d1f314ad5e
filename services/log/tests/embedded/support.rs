//! Logs in directories of their own, and what is in them.

use bytes::Bytes;
use std::path::Path;
use tandem_domain::position::Position;
use tandem_log::conformance::Setup;
use tandem_log::embedded::Options;
use tandem_log::{EmbeddedLog, Error, EventLog, StoredFrame};

/// A new place for a log.
pub fn place() -> impl Fn(&Setup) -> EmbeddedLog {
    let directory = tempfile::tempdir().unwrap();
    move |setup| {
        let options = Options { partitions: setup.partitions, queue_bytes_max: setup.queue_bytes_max, ..Default::default() };
        EmbeddedLog::open(directory.path().join("log"), options).unwrap()
    }
}

/// Options of a log whose write buffer is full after a few frames, so that all kinds of files appear soon.
pub fn small() -> Options {
    Options { partitions: 3, write_buffer_bytes: 64 * 1024, ..Default::default() }
}

pub fn open(path: &Path) -> EmbeddedLog {
    EmbeddedLog::open(path, small()).unwrap()
}

/// Lets a future run to its end.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Appends one record.
pub fn append(log: &EmbeddedLog, council: &str, record: &[u8]) -> Result<Position, Error> {
    run(log.append(council, vec![Bytes::copy_from_slice(record)]))
}

/// Everything that can be read; the first thing that cannot is the error.
pub fn read_all(log: &EmbeddedLog) -> Result<Vec<StoredFrame>, Error> {
    let mut frames = Vec::new();
    for partition in 0..log.partitions() {
        let mut from = log.start(partition)?;
        while from < log.end(partition)? {
            frames.extend(log.read(partition, from, 100_000)?);
            from = frames.last().map_or(from, |frame: &StoredFrame| frame.offset + 1);
        }
    }
    Ok(frames)
}

/// The records of a council, in order.
pub fn book(log: &EmbeddedLog, council: &str) -> Vec<Vec<u8>> {
    let of = |stored: &StoredFrame| {
        let frame = stored.parse().unwrap();
        let records = if frame.council == council { frame.records } else { vec![] };
        records.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    read_all(log).unwrap().iter().flat_map(of).collect()
}

/// A copy of a directory's files.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        // RocksDB removes files of its own in the meantime.
        match std::fs::copy(entry.path(), to.join(entry.file_name())) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            result => drop(result.unwrap()),
        }
    }
}
