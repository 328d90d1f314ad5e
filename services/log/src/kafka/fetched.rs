//! A message as it is fetched, and what it is.

use super::format::{Identity, Kind, foreign, from_kafka, kind};
use crate::{Error, StoredFrame, frame};
use bytes::Bytes;
use rdkafka::message::{BorrowedMessage, Message};

/// What a fetched message is to this log.
pub(super) enum Fetched {
    /// One of its frames.
    Frame(StoredFrame),
    /// What it begins with: no frame, but it takes an offset if it is not the first.
    Header,
}

/// Reads a message; an error if it is none of this log's.
pub(super) fn read(message: &BorrowedMessage<'_>, identity: Identity) -> Result<Fetched, Error> {
    let (partition, offset) = (message.partition() as u32, from_kafka(message.offset()));
    let value = message.payload().unwrap_or_default();
    match kind(message.key(), value).map_err(|what| foreign(partition, offset, what))? {
        Kind::Header(_) if message.offset() == 0 => Ok(Fetched::Header),
        Kind::Frame(found) if found == identity => {
            let original = frame::original_append_us(value);
            let append_us = if original > 0 { original } else { milliseconds(message) * 1_000 };
            Ok(Fetched::Frame(StoredFrame { partition, offset, append_us, bytes: Bytes::copy_from_slice(value) }))
        }
        Kind::Frame(found) => Err(foreign(partition, offset, &format!("it is of the log {}, and this is the log {}", found.id, identity.id))),
        Kind::Header(_) => Err(foreign(partition, offset, "another log begins there")),
    }
}

fn milliseconds(message: &BorrowedMessage<'_>) -> u64 {
    message.timestamp().to_millis().and_then(|at| u64::try_from(at).ok()).unwrap_or(0)
}
