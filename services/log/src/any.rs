//! Either backend, chosen when the program starts.

use crate::{Copying, EmbeddedLog, Error, EventLog, KafkaLog, Statistics, StoredFrame};
use bytes::Bytes;
use std::time::Duration;
use tandem_domain::position::{LogId, Position};

/// A log of either kind. Its methods are those of the log in it.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a process has one of it")]
pub enum AnyLog {
    /// In RocksDB, in this process.
    Embedded(EmbeddedLog),
    /// In a topic of Apache Kafka.
    Kafka(KafkaLog),
}

impl AnyLog {
    /// What it has done since it was opened, and what is going on in it.
    pub fn statistics(&self) -> Statistics {
        match self {
            Self::Embedded(log) => log.statistics(),
            Self::Kafka(log) => log.statistics(),
        }
    }
}

impl From<EmbeddedLog> for AnyLog {
    fn from(log: EmbeddedLog) -> Self {
        Self::Embedded(log)
    }
}

impl From<KafkaLog> for AnyLog {
    fn from(log: KafkaLog) -> Self {
        Self::Kafka(log)
    }
}

impl EventLog for AnyLog {
    fn id(&self) -> LogId {
        match self {
            Self::Embedded(log) => log.id(),
            Self::Kafka(log) => log.id(),
        }
    }

    fn partitions(&self) -> u32 {
        match self {
            Self::Embedded(log) => log.partitions(),
            Self::Kafka(log) => log.partitions(),
        }
    }

    async fn append(&self, council: &str, records: Vec<Bytes>) -> Result<Position, Error> {
        match self {
            Self::Embedded(log) => log.append(council, records).await,
            Self::Kafka(log) => log.append(council, records).await,
        }
    }

    async fn try_append(&self, council: &str, records: Vec<Bytes>) -> Result<Position, Error> {
        match self {
            Self::Embedded(log) => log.try_append(council, records).await,
            Self::Kafka(log) => log.try_append(council, records).await,
        }
    }

    fn read(&self, partition: u32, from: u64, bytes_max: usize) -> Result<Vec<StoredFrame>, Error> {
        match self {
            Self::Embedded(log) => log.read(partition, from, bytes_max),
            Self::Kafka(log) => log.read(partition, from, bytes_max),
        }
    }

    fn start(&self, partition: u32) -> Result<u64, Error> {
        match self {
            Self::Embedded(log) => log.start(partition),
            Self::Kafka(log) => log.start(partition),
        }
    }

    fn end(&self, partition: u32) -> Result<u64, Error> {
        match self {
            Self::Embedded(log) => log.end(partition),
            Self::Kafka(log) => log.end(partition),
        }
    }

    fn end_now(&self, partition: u32) -> Result<u64, Error> {
        match self {
            Self::Embedded(log) => log.end_now(partition),
            Self::Kafka(log) => log.end_now(partition),
        }
    }

    fn wait(&self, offsets: &[u64], timeout: Duration) -> bool {
        match self {
            Self::Embedded(log) => log.wait(offsets, timeout),
            Self::Kafka(log) => log.wait(offsets, timeout),
        }
    }

    fn trim(&self, partition: u32, before: u64) -> Result<(), Error> {
        match self {
            Self::Embedded(log) => log.trim(partition, before),
            Self::Kafka(log) => log.trim(partition, before),
        }
    }

    fn close(&self) {
        match self {
            Self::Embedded(log) => log.close(),
            Self::Kafka(log) => log.close(),
        }
    }
}

impl Copying for AnyLog {
    async fn append_copy(&self, council: &str, records: Vec<Bytes>, original_append_us: u64) -> Result<Position, Error> {
        match self {
            Self::Embedded(log) => log.append_copy(council, records, original_append_us).await,
            Self::Kafka(log) => log.append_copy(council, records, original_append_us).await,
        }
    }
}
