//! The log in a topic of Apache Kafka: when one machine is not enough.
//!
//! ```text
//!  append ─▶ queue ─▶ one writer: frames ─▶ librdkafka, idempotent, acks=all ─▶ brokers ─▶ delivery report: end moves, answers
//!            bounded                                                              │
//!  read, wait ◀── lanes, fetched ahead ◀── one consumer, partitions by hand ◀─────┘ up to the high watermark
//! ```
//!
//! One topic is one log. Its partitions are the log's; a frame is one message. Nothing is kept in Kafka but these messages: no consumer
//! group, no committed offset, no transaction. See [`format`] for what is stored, `topic` for what a topic must be like.
//!
//! **After a failed append** the log goes on: whether it is recorded says the topic itself, to every reader alike, and nothing that is
//! acknowledged later rests on it.
//!
//! **While brokers are away** appends wait, up to [`Options::delivery_timeout`], then their outcome is unknown; the queue's bound is all
//! that is kept. Reads of what is not fetched yet wait up to [`Options::request_timeout`], then they are [`Error::Io`]: trying again helps.

mod bounds;
mod client;
mod fetched;
mod format;
mod lookup;
mod options;
mod round;
mod tail;
mod topic;
mod writer;

pub use options::{Create, Options, parse_setting};

use crate::{Copying, Error, EventLog, Statistics, StoredFrame, lock};
use bounds::Bounds;
use bytes::Bytes;
use client::Heard;
use format::{Identity, to_kafka};
use lookup::{Lookup, Wanted};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tail::Tail;
use tandem_domain::position::{LogId, Position};
use topic::Topic;
use writer::{Appending, Writer};

/// The log in a topic. See the module's documentation.
pub struct KafkaLog {
    identity: Identity,
    options: Options,
    heard: Heard,
    bounds: Arc<Bounds>,
    appending: Arc<Appending>,
    writer: Mutex<Option<JoinHandle<()>>>,
    tail: Tail,
    lookup: Lookup,
    /// Where the last read from anywhere stopped, by partition: who goes on there reads on.
    stopped: Vec<AtomicU64>,
    /// Held while a partition is trimmed.
    trim: Mutex<()>,
}

impl std::fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaLog").field("topic", &self.options.topic).field("id", &self.identity.id).finish_non_exhaustive()
    }
}

impl KafkaLog {
    /// Opens the log in a topic, or makes the topic, if that is asked for and it is not there. Blocks until the brokers have answered;
    /// refuses a topic that is no log, not this log, or not set so that it keeps what it promises, and says what to set.
    pub fn open(options: Options) -> Result<Self, Error> {
        options.check()?;
        let heard = Heard::default();
        let identity = Topic::new(&options, &heard)?.open()?;
        Self::start(options, identity, heard)
    }

    /// Opens the log in a topic of librdkafka's mock cluster, which knows no settings of topics: nothing is checked but which log it is, and a
    /// topic that is empty becomes a new one.
    #[cfg(feature = "testing")]
    pub fn open_on_mock(options: Options) -> Result<Self, Error> {
        options.check()?;
        let heard = Heard::default();
        let identity = Topic::new(&options, &heard)?.open_on_mock()?;
        Self::start(options, identity, heard)
    }

    fn start(options: Options, identity: Identity, heard: Heard) -> Result<Self, Error> {
        let partitions = identity.partitions;
        if let Some(partition) = options.read.iter().flatten().find(|partition| **partition >= partitions) {
            return Err(Error::Invalid(format!("partition {partition} cannot be read: the Kafka topic {} has {partitions}", options.topic)));
        }
        let bounds = Bounds::open(&options, partitions, &heard)?;
        let appending = Arc::new(Appending::new(&options, bounds.clone()));
        let writer = Writer::new(appending.clone(), options.clone(), identity, heard.clone())?;
        let tail = Tail::open(&options, identity, bounds.clone(), &heard)?;
        let lookup = Lookup::open(&options, identity, &heard)?;
        let thread = std::thread::Builder::new().name("log-writer".into()).spawn(move || writer.run());
        let thread = thread.map_err(|error| Error::Io { what: format!("cannot start the log's writer thread: {error}") })?;
        tracing::info!(topic = options.topic, id = %identity.id, partitions, "log opened");
        let stopped = (0..partitions).map(|_| AtomicU64::new(u64::MAX)).collect();
        let (writer, trim) = (Mutex::new(Some(thread)), Mutex::default());
        Ok(Self { identity, options, heard, bounds, appending, writer, tail, lookup, stopped, trim })
    }

    /// What it has done since it was opened, and what is going on in it.
    pub fn statistics(&self) -> Statistics {
        let writer::Counters { rounds, frames, records, bytes } = &self.appending.counters;
        let (queue_bytes, queue_appends, appends_waiting) = self.appending.queue.load();
        Statistics {
            commits: rounds.load(Relaxed),
            frames: frames.load(Relaxed),
            records: records.load(Relaxed),
            bytes: bytes.load(Relaxed),
            queue_bytes,
            queue_appends,
            appends_waiting,
            failed: self.appending.queue.shut().is_some_and(|why| why != Error::Closed),
        }
    }

    /// The end of a partition, and an offset that is not beyond it.
    fn within(&self, partition: u32, offset: u64) -> Result<u64, Error> {
        let mut end = self.end(partition)?;
        if offset > end {
            end = self.end_now(partition)?;
        }
        if offset > end { Err(Error::BeyondEnd { partition, offset, end }) } else { Ok(end) }
    }

    fn fetch(&self, wanted: Wanted) -> Result<Vec<StoredFrame>, Error> {
        if let Some(frames) = self.tail.read(wanted)? {
            return Ok(frames);
        }
        let stopped = &self.stopped[wanted.partition as usize];
        if stopped.load(SeqCst) == wanted.from {
            self.tail.follow(wanted.partition, wanted.from);
            if let Some(frames) = self.tail.read(wanted)? {
                return Ok(frames);
            }
        }
        let frames = self.lookup.read(wanted)?;
        stopped.store(frames.last().map_or(u64::MAX, |frame| frame.offset + 1), SeqCst);
        Ok(frames)
    }
}

impl EventLog for KafkaLog {
    fn id(&self) -> LogId {
        self.identity.id
    }

    fn partitions(&self) -> u32 {
        self.identity.partitions
    }

    async fn append(&self, council: &str, records: Vec<Bytes>) -> Result<Position, Error> {
        self.appending.queue.append(council, records, true).await
    }

    async fn try_append(&self, council: &str, records: Vec<Bytes>) -> Result<Position, Error> {
        self.appending.queue.append(council, records, false).await
    }

    fn read(&self, partition: u32, from: u64, bytes_max: usize) -> Result<Vec<StoredFrame>, Error> {
        let end = self.within(partition, from)?;
        let trimmed = |start| Err(Error::Trimmed { partition, offset: from, start });
        let start = self.bounds.start_of(partition)?;
        if from < start {
            return trimmed(start);
        }
        if from == end {
            return Ok(Vec::new());
        }
        self.fetch(Wanted { partition, from, end, bytes_max }).or_else(|error| match self.bounds.start_now(partition) {
            // Not missing if it was trimmed in this moment.
            Ok(start) if from < start => trimmed(start),
            _ => Err(error),
        })
    }

    fn start(&self, partition: u32) -> Result<u64, Error> {
        self.bounds.start_of(partition)
    }

    fn end(&self, partition: u32) -> Result<u64, Error> {
        self.bounds.end_of(partition)
    }

    fn end_now(&self, partition: u32) -> Result<u64, Error> {
        self.bounds.end_now(partition)
    }

    fn wait(&self, offsets: &[u64], timeout: Duration) -> bool {
        self.bounds.want();
        // They are to be read next: frames that come are fetched at once, and wake this up.
        for (partition, &offset) in (0..self.identity.partitions).zip(offsets) {
            if offset != u64::MAX && !self.tail.follows(partition) {
                self.tail.follow(partition, offset);
            }
        }
        self.bounds.ends.wait(offsets, timeout)
    }

    fn trim(&self, partition: u32, before: u64) -> Result<(), Error> {
        let _one_at_a_time = lock(&self.trim);
        let end = self.within(partition, before)?;
        // The newest frame stays: by its key the log is known.
        let before = before.min(end.saturating_sub(1));
        if before <= self.bounds.start_of(partition)? {
            return Ok(());
        }
        topic::delete_records(&self.options, &self.heard, partition, to_kafka(before))?;
        self.bounds.trimmed(partition as usize, before);
        Ok(())
    }

    fn close(&self) {
        self.appending.queue.close();
        // A second caller waits here until the first has seen the writer end.
        let mut writer = lock(&self.writer);
        if let Some(thread) = writer.take() {
            // What it panicked of was said then, and all who waited for it were told.
            let _ = thread.join();
        }
        self.bounds.close();
    }
}

impl Copying for KafkaLog {
    async fn append_copy(&self, council: &str, records: Vec<Bytes>, original_append_us: u64) -> Result<Position, Error> {
        self.appending.queue.append_as(council, records, original_append_us, true).await
    }
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        self.close();
        self.tail.end();
        self.bounds.end();
    }
}
