//! The log: what was acknowledged, durable and in order. One trait, [`EventLog`], whose documentation is the contract; [`EmbeddedLog`],
//! which keeps it in RocksDB in this process; [`KafkaLog`], which keeps it in a topic of Apache Kafka; [`AnyLog`], either of them; and the
//! suite that every backend passes (`conformance`, with the feature `testing`).

mod any;
mod assembly;
#[cfg(feature = "testing")]
pub mod conformance;
pub mod embedded;
mod ends;
mod error;
mod frame;
pub mod kafka;
mod queue;

pub use any::AnyLog;
pub use embedded::EmbeddedLog;
pub use error::Error;
pub use frame::{FRAME_BYTES_MAX, Frame, Malformed, RECORD_BYTES_MAX, StoredFrame};
pub use kafka::KafkaLog;

use bytes::Bytes;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tandem_domain::position::{LogId, Position};

/// Largest append: the bytes of all its records.
pub const APPEND_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most partitions of a log.
pub const PARTITIONS_MAX: u32 = 65_536;

/// An ordered, durable log of frames in a fixed number of partitions.
///
/// ```text
///                  trimmed          readable, never changes          appended here
///  partition 0   ┄┄┄┄┄┄┄┄┄┄┄┃ 17 │ 18 │ 19 │ 20 │ 21 │ 22 ┃ ◀── append(council, records)
///  partition 1      ┄┄┄┄┄┄┄┄┃ 4  │ 5  ┃     ▲             ▲
///        …                  ▲         ▲     │          end = 23: the offset that comes next
///                         start      end    │
///                                           a frame: records 0, 1, 2 … of one council, at most 900 KiB
/// ```
///
/// **Position.** A record stands at (log id, partition, offset of its frame, index in the frame). A council lives in one partition for
/// ever ([`tandem_domain::position::partition_of`]); within it, offset and then index are the order in which the council's records were
/// appended. Between councils an order means nothing. Offsets grow, mostly by one; only `start` and `end` say where a partition begins
/// and ends. A position never means another record, neither after a restart nor after a crash, once its append was acknowledged or the
/// record was read.
///
/// **Order.** Records of one append keep their order. Appends to one council are recorded in the order in which they are called or, more
/// exactly, in which their futures are polled for the first time; whether one waits for room makes no difference. Other appends'
/// records may stand between those of one append, never within a frame of another council.
///
/// **Durable.** `Ok` means that the records will be read, at that position and with those bytes, after a crash of the process or of the
/// machine: the disk has confirmed them (embedded: fdatasync; Kafka: all in-sync replicas). What the disk itself loses afterwards is
/// found when it is read, as [`Error::Corrupt`] or [`Error::Damaged`], and never passed off as the log.
///
/// **Errors of an append.** [`Error::nothing_recorded`] tells which errors mean that nothing is or will be recorded: [`Error::Overloaded`],
/// [`Error::Closed`], [`Error::Invalid`], [`Error::Failed`]. After any other the outcome is unknown: the first of the records, up to any
/// number of them, may be recorded. So it is if the future is dropped after its first poll, except that what still waits for room is then
/// given up. After an append whose durability is unknown a backend acknowledges nothing whose durability rests on it: the embedded log
/// takes no more appends ([`Error::Failed`]) until it is opened again, but can be read.
///
/// **Reading.** A reader sees a frame only once it is durable; then it is there for every reader, until it is trimmed. Reading works
/// while the log is appended to, after it failed, and after it was closed.
///
/// **Time.** A frame's append time is part of what is stored: the same for every reader, whenever it reads. It comes from the log's clock.
/// The embedded log's never goes backwards within a partition, whatever the clock does. Kafka's is the leading broker's clock in
/// milliseconds, and goes back if that does, or if another broker leads whose clock is behind: whoever needs a time that never goes back
/// takes the highest so far in an order that is the same for all, as book time does within a council. (A highest in the partition would
/// depend on how much of it is trimmed.) A frame that is a copy from another log keeps the time it had there.
///
/// **Blocking.** Appends are asynchronous and need no particular runtime. `read`, `wait`, `trim` and `close` block: call them on threads
/// that may.
pub trait EventLog: Send + Sync + 'static {
    /// The log's identity: random, chosen when it was made, the same for ever.
    fn id(&self) -> LogId;

    /// The number of partitions, the same for ever.
    fn partitions(&self) -> u32;

    /// Appends one council's encoded `Record` messages, at least one, each at most [`RECORD_BYTES_MAX`], together at most
    /// [`APPEND_BYTES_MAX`], and answers with the position of the last when all are durable. Waits for room if the log's queue is full.
    fn append(&self, council: &str, records: Vec<Bytes>) -> impl Future<Output = Result<Position, Error>> + Send;

    /// The same, but refuses at once with [`Error::Overloaded`] if the log's queue is full.
    fn try_append(&self, council: &str, records: Vec<Bytes>) -> impl Future<Output = Result<Position, Error>> + Send;

    /// Frames of a partition from an offset on, in order: as many as fit in `bytes_max`, but one if there is any. None if `from` is the
    /// end. [`Error::Trimmed`] below the start, [`Error::BeyondEnd`] above the end. To read on, ask from the last frame's offset + 1.
    fn read(&self, partition: u32, from: u64, bytes_max: usize) -> Result<Vec<StoredFrame>, Error>;

    /// The first offset of a partition that is not trimmed: at most that of its first frame, and the end if it has none.
    fn start(&self, partition: u32) -> Result<u64, Error>;

    /// The offset after the last frame of a partition. Never goes back, and never beyond what is durable. What was acknowledged by this
    /// log is below it; what another process appended to the same topic may take some tenths of a second to be.
    fn end(&self, partition: u32) -> Result<u64, Error>;

    /// The same, but what was acknowledged before the call, by whichever process, is below it. It may cost a round trip.
    fn end_now(&self, partition: u32) -> Result<u64, Error> {
        self.end(partition)
    }

    /// Waits until the end of some partition p is above `offsets[p]`, or the time is up, or the log is closed; says whether the first is
    /// so. With the offsets that are to be read next it waits for something to read. Partitions that are not in the slice, and those at
    /// `u64::MAX`, are not waited for. On a closed log it does not wait at all.
    fn wait(&self, offsets: &[u64], timeout: Duration) -> bool;

    /// Forgets the frames of a partition below an offset, which becomes its start, for ever; only the newest frame of a Kafka partition
    /// stays in any case, since the log is known by it. Below the start it does nothing; above the end it is [`Error::BeyondEnd`]. For frames that are durable elsewhere, in the book. It costs about a small append, and the disk's
    /// space comes back by and by.
    fn trim(&self, partition: u32, before: u64) -> Result<(), Error>;

    /// Takes no more appends: those that wait for room get [`Error::Closed`], those in the queue are finished before this returns.
    /// Dropping the log closes it too.
    fn close(&self);
}

/// A log that takes copies from another: what `tandem log copy` writes to.
pub trait Copying: EventLog {
    /// As [`EventLog::append`], for records that stood in another log: their frames carry the append time there (microseconds since 1970
    /// UTC), which every reader of this log then takes for theirs. 0 is an append of now. Order is that of all appends; appends share a frame
    /// only if their times are equal.
    fn append_copy(&self, council: &str, records: Vec<Bytes>, original_append_us: u64) -> impl Future<Output = Result<Position, Error>> + Send;
}

/// What a log has done since it was opened, and what is going on in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Commits: of the embedded log each with one fsync, of Kafka each what was sent at once.
    pub commits: u64,
    /// Frames.
    pub frames: u64,
    /// Records.
    pub records: u64,
    /// Bytes of frames as stored.
    pub bytes: u64,
    /// Bytes, about, in the queue and in the writer's hands, at this moment.
    pub queue_bytes: usize,
    /// Appends in the queue and in the writer's hands, at this moment.
    pub queue_appends: usize,
    /// Appends that wait for room in the queue, at this moment.
    pub appends_waiting: usize,
    /// Whether something failed so that the log takes no more appends.
    pub failed: bool,
}

/// A panic elsewhere leaves nothing half-done under these locks.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
