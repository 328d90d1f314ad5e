//! Reads from anywhere: one at a time, some milliseconds each. Who reads on where it stopped gets the tail instead.

use super::client::{Heard, io};
use super::fetched::{self, Fetched};
use super::format::{Identity, to_kafka};
use super::options::Options;
use crate::{Error, StoredFrame, lock};
use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::Offset;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often a read looks whether its time is up.
const POLL: Duration = Duration::from_millis(100);

/// The client for it.
pub(super) struct Lookup {
    topic: String,
    identity: Identity,
    heard: Heard,
    timeout: Duration,
    client: Mutex<BaseConsumer<Heard>>,
}

/// Which frames are wanted: of one partition, `from..end`, as many as fit in `bytes_max` but one at least.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub partition: u32,
    pub from: u64,
    pub end: u64,
    pub bytes_max: usize,
}

/// Frames that were found so far.
#[derive(Debug)]
pub(super) struct Found {
    wanted: Wanted,
    bytes: usize,
    pub frames: Vec<StoredFrame>,
}

impl Found {
    pub fn new(wanted: Wanted) -> Self {
        Self { wanted, bytes: 0, frames: Vec::new() }
    }

    /// The offset that comes next.
    pub fn next(&self) -> u64 {
        self.frames.last().map_or(self.wanted.from, |frame| frame.offset + 1)
    }

    /// Whether a frame of so many bytes, the next one, is wanted too.
    pub fn has_room(&self, offset: u64, bytes: usize) -> bool {
        offset < self.wanted.end && (self.frames.is_empty() || self.bytes + bytes <= self.wanted.bytes_max)
    }

    /// Whether all was found.
    pub fn is_whole(&self) -> bool {
        self.next() >= self.wanted.end
    }

    pub fn push(&mut self, frame: StoredFrame) {
        self.bytes += frame.bytes.len();
        self.frames.push(frame);
    }
}

impl Lookup {
    pub fn open(options: &Options, identity: Identity, heard: &Heard) -> Result<Self, Error> {
        let client = BaseConsumer::from_config_and_context(&options.lookup(), heard.clone());
        let client = client.map_err(|error| io("no consumer can be made of the Kafka settings", &error, &heard.0))?;
        Ok(Self { topic: options.topic.clone(), identity, heard: heard.clone(), timeout: options.request_timeout, client: Mutex::new(client) })
    }

    /// Frames that are known to be there.
    pub fn read(&self, wanted: Wanted) -> Result<Vec<StoredFrame>, Error> {
        let failed = |error: KafkaError| io(&format!("cannot read the Kafka topic {}", self.topic), &error, &self.heard.0);
        let client = lock(&self.client);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, wanted.partition as i32, Offset::Offset(to_kafka(wanted.from))).map_err(failed)?;
        client.assign(&list).map_err(failed)?;
        let mut found = self.collect(&client, wanted);
        if let Err(Absent::OutOfRange(_)) = found {
            // It may be what is left of a read before this one.
            client.assign(&list).map_err(failed)?;
            found = self.collect(&client, wanted);
        }
        client.unassign().map_err(failed)?;
        found.map_err(|absent| match absent {
            Absent::OutOfRange(error) => failed(error),
            Absent::Other(error) => error,
        })
    }

    fn collect(&self, client: &BaseConsumer<Heard>, wanted: Wanted) -> Result<Vec<StoredFrame>, Absent> {
        let deadline = Instant::now() + self.timeout;
        let mut found = Found::new(wanted);
        while !found.is_whole() {
            match client.poll(POLL) {
                Some(Ok(message)) => {
                    if message.partition() as u32 != wanted.partition || message.offset() != to_kafka(found.next()) {
                        continue; // of a read before
                    }
                    if !found.has_room(found.next(), message.payload_len()) {
                        break;
                    }
                    match fetched::read(&message, self.identity) {
                        Ok(Fetched::Frame(frame)) => found.push(frame),
                        Ok(Fetched::Header) => {}
                        // What is before it can be read.
                        Err(_) if !found.frames.is_empty() => break,
                        Err(error) => return Err(Absent::Other(error)),
                    }
                }
                Some(Err(error)) if found.frames.is_empty() && is_out_of_range(&error) => return Err(Absent::OutOfRange(error)),
                _ if Instant::now() < deadline => {}
                _ if !found.frames.is_empty() => break,
                _ => return Err(Absent::Other(late(&self.topic, wanted.partition, wanted.from, self.timeout, &self.heard))),
            }
        }
        Ok(found.frames)
    }
}

/// Why frames did not come.
enum Absent {
    /// The brokers say that nothing is there: the caller looks why.
    OutOfRange(KafkaError),
    Other(Error),
}

fn is_out_of_range(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AutoOffsetReset, OffsetOutOfRange};
    matches!(error.rdkafka_error_code(), Some(AutoOffsetReset | OffsetOutOfRange))
}

/// A frame that is known to be there does not come.
pub(super) fn late(topic: &str, partition: u32, offset: u64, timeout: Duration, heard: &Heard) -> Error {
    let seconds = timeout.as_secs_f32();
    let trouble = heard.0.told();
    Error::Io {
        what: format!("the brokers did not give offset {offset} of partition {partition} of the Kafka topic {topic} within {seconds} s{trouble}"),
    }
}
