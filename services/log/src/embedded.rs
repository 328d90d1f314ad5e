//! The log in RocksDB, in this process: no server to install.
//!
//! ```text
//!  append ─▶ queue ─▶ one writer: frames, one batch, one fsync ─▶ RocksDB ─▶ `acknowledged` ─▶ end moves, answers
//!            bounded                                              │
//!  read, wait ◀───────────────────────────────────────────────────┘ up to the end
//! ```
//!
//! **After a failed commit** or trim (a full or a broken disk) the log takes no more of either until it is opened again. Whether one whose
//! fsync failed is durable cannot be found out by trying again: the operating system may have dropped the pages and forgotten that it
//! did. So nothing that could rest on it is acknowledged; readers do not see it either, until reopening has shown what is there and made
//! that durable.
//!
//! **Opening** takes the directory's lock, looks at everything read-only, and goes on only if the log can be all of what was
//! acknowledged. A single append is atomic here: after a crash all of its records are there, or none.

mod acknowledged;
mod copy;
mod directory;
#[cfg(feature = "testing")]
mod faults;
mod keys;
mod manifest;
mod settings;
mod store;
mod writer;

pub use copy::{Copied, look};
#[cfg(feature = "testing")]
pub use faults::{Fault, Faults};

use crate::ends::Ends;
use crate::queue::Queue;
use crate::{Copying, Error, EventLog, PARTITIONS_MAX, Statistics, StoredFrame, lock, queue};
use bytes::Bytes;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::{Opened, Store};
use tandem_domain::position::{LogId, Position};
use writer::Writer;

/// How an embedded log is set up.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Partitions, 1 to 65,536: fixed when the log is made, and refused if they differ when it is opened again.
    pub partitions: u32,
    /// Bytes, about, of the appends in the queue and in the writer's hands. More than what streams of the gateway may have on their way
    /// (64 MiB), so that they do not starve single calls.
    pub queue_bytes_max: usize,
    /// Appends in the queue and in the writer's hands: a batch of the gateway may hold 10,000 councils, each of which is one.
    pub queue_appends_max: usize,
    /// RocksDB's write buffer, bytes; there are up to four.
    pub write_buffer_bytes: usize,
    /// The log's clock: microseconds since 1970 UTC.
    pub clock: fn() -> u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            partitions: 16,
            queue_bytes_max: queue::BYTES_MAX,
            queue_appends_max: queue::APPENDS_MAX,
            write_buffer_bytes: 16 * 1024 * 1024,
            clock: machine_clock,
        }
    }
}

fn machine_clock() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

#[derive(Debug, Default)]
struct Counters {
    commits: AtomicU64,
    frames: AtomicU64,
    records: AtomicU64,
    bytes: AtomicU64,
}

/// What the handle and the writer share.
struct Shared {
    store: Store,
    queue: Queue,
    ends: Ends,
    starts: Box<[AtomicU64]>,
    /// The newest append time.
    append_us: AtomicU64,
    counters: Counters,
    #[cfg(feature = "testing")]
    faults: Faults,
}

/// The log in RocksDB. See the module's documentation.
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Held while a partition is trimmed.
    trim: Mutex<()>,
}

impl std::fmt::Debug for EmbeddedLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedLog").field("path", &self.shared.store.path()).field("id", &self.id()).finish_non_exhaustive()
    }
}

impl EmbeddedLog {
    /// Opens the log in a directory, or makes a new one there. Blocks while what a crash left is read, up to some tens of megabytes.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        if !(1..=PARTITIONS_MAX).contains(&options.partitions) {
            return Err(Error::Invalid(format!("a log has 1 to {} partitions, not {}", PARTITIONS_MAX, options.partitions)));
        }
        let path = path.as_ref();
        let Opened { store, acknowledged, extent } = store::open(path, options.partitions, options.write_buffer_bytes)?;
        tracing::info!(path = %path.display(), id = %store.id, partitions = options.partitions, frames = extent.frames(), "log opened");
        let shared = Arc::new(Shared {
            store,
            queue: Queue::new(options.queue_bytes_max, options.queue_appends_max),
            ends: Ends::new(&extent.ends),
            starts: extent.starts.iter().map(|&start| AtomicU64::new(start)).collect(),
            append_us: extent.append_us.into(),
            counters: Counters::default(),
            #[cfg(feature = "testing")]
            faults: Faults::default(),
        });
        let writer = Writer::new(shared.clone(), acknowledged, extent, options.clock);
        let thread = std::thread::Builder::new().name("log-writer".into()).spawn(move || writer.run());
        let thread = thread.map_err(|error| Error::Io { what: format!("cannot start the log's writer thread: {error}") })?;
        Ok(Self { shared, writer: Mutex::new(Some(thread)), trim: Mutex::default() })
    }

    /// What it has done and is doing.
    pub fn statistics(&self) -> Statistics {
        let Counters { commits, frames, records, bytes } = &self.shared.counters;
        let (queue_bytes, queue_appends, appends_waiting) = self.shared.queue.load();
        Statistics {
            commits: commits.load(Relaxed),
            frames: frames.load(Relaxed),
            records: records.load(Relaxed),
            bytes: bytes.load(Relaxed),
            queue_bytes,
            queue_appends,
            appends_waiting,
            failed: self.failure().is_some(),
        }
    }

    /// Disturbs the log's commits.
    #[cfg(feature = "testing")]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Why the log takes no more appends, if a commit failed.
    fn failure(&self) -> Option<Error> {
        self.shared.queue.shut().filter(|why| *why != Error::Closed)
    }

    fn checked(&self, partition: u32) -> Result<usize, Error> {
        match self.shared.starts.len() {
            partitions if (partition as usize) < partitions => Ok(partition as usize),
            partitions => Err(Error::Invalid(format!("partition {partition} does not exist: the log has {partitions}"))),
        }
    }

    fn within(&self, partition: u32, offset: u64) -> Result<(u64, u64), Error> {
        let at = self.checked(partition)?;
        let end = self.shared.ends.get(at);
        if offset > end {
            return Err(Error::BeyondEnd { partition, offset, end });
        }
        Ok((self.shared.starts[at].load(SeqCst), end))
    }
}

impl EventLog for EmbeddedLog {
    fn id(&self) -> LogId {
        self.shared.store.id
    }

    fn partitions(&self) -> u32 {
        self.shared.store.partitions
    }

    async fn append(&self, council: &str, records: Vec<Bytes>) -> Result<Position, Error> {
        self.shared.queue.append(council, records, true).await
    }

    async fn try_append(&self, council: &str, records: Vec<Bytes>) -> Result<Position, Error> {
        self.shared.queue.append(council, records, false).await
    }

    fn read(&self, partition: u32, from: u64, bytes_max: usize) -> Result<Vec<StoredFrame>, Error> {
        let trimmed = |start| Error::Trimmed { partition, offset: from, start };
        let (start, end) = self.within(partition, from)?;
        if from < start {
            return Err(trimmed(start));
        }
        let result = self.shared.store.read(partition, from, end, bytes_max);
        match result {
            // Not missing if it was trimmed in this moment.
            Err(Error::Corrupt { .. }) if from < self.start(partition)? => Err(trimmed(self.start(partition)?)),
            result => result,
        }
    }

    fn start(&self, partition: u32) -> Result<u64, Error> {
        Ok(self.shared.starts[self.checked(partition)?].load(SeqCst))
    }

    fn end(&self, partition: u32) -> Result<u64, Error> {
        Ok(self.shared.ends.get(self.checked(partition)?))
    }

    fn wait(&self, offsets: &[u64], timeout: Duration) -> bool {
        self.shared.ends.wait(offsets, timeout)
    }

    fn trim(&self, partition: u32, before: u64) -> Result<(), Error> {
        let _one_at_a_time = lock(&self.trim);
        let (start, _) = self.within(partition, before)?;
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        if before <= start {
            return Ok(());
        }
        // First, so that a reader who finds a frame gone knows why.
        self.shared.starts[partition as usize].store(before, SeqCst);
        let result = self.shared.store.trim(partition, start, before, self.shared.append_us.load(Relaxed));
        // It is a write like any other: what comes after it in RocksDB's log could rest on it.
        result.inspect_err(|error| self.shared.queue.fail(Error::Failed { why: error.to_string() }))
    }

    fn close(&self) {
        self.shared.queue.close();
        // A second caller waits here until the first has seen the writer end.
        let mut writer = lock(&self.writer);
        if let Some(thread) = writer.take() {
            // What it panicked of was said then, and all who waited for it were told.
            let _ = thread.join();
        }
        self.shared.ends.close();
    }
}

impl Copying for EmbeddedLog {
    async fn append_copy(&self, council: &str, records: Vec<Bytes>, original_append_us: u64) -> Result<Position, Error> {
        self.shared.queue.append_as(council, records, original_append_us, true).await
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.close();
    }
}
