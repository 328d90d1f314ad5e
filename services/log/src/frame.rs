//! The frame of `proto/tandem/v1/frame.proto`, written around records that are already encoded and read without copying them.

use crate::Error;
use bytes::Bytes;
use tandem_domain::is_council;
use tandem_domain::protobuf::{Fields, Value, put_varint};

/// Largest frame, encoded: below the 1 MB that Kafka takes by default, with room for its own header.
pub const FRAME_BYTES_MAX: usize = 900 * 1024;
/// Largest record, encoded: an event of 16 KiB, and what the gateway adds to it, several times over.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;

/// The format version that this code writes, and the only one it reads.
const VERSION: u64 = 1;

/// What a record takes in a frame: tag, length, itself.
pub(crate) fn length_in_frame(record: &[u8]) -> usize {
    let length_bytes = match record.len() {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        _ => 3, // RECORD_BYTES_MAX is below 2^21
    };
    1 + length_bytes + record.len()
}

/// Begins a frame: version and council, as prost would encode them.
pub(crate) fn begin(out: &mut Vec<u8>, council: &str) {
    out.extend_from_slice(&[1 << 3, VERSION as u8, 2 << 3 | 2, council.len() as u8]); // a council has at most 32 bytes
    out.extend_from_slice(council.as_bytes());
}

/// Adds a record to a frame.
pub(crate) fn push(out: &mut Vec<u8>, record: &[u8]) {
    out.push(3 << 3 | 2);
    put_varint(out, record.len() as u64);
    out.extend_from_slice(record);
}

/// What the time of a copy takes in a frame: tag and fixed64.
pub(crate) fn length_of_original(original_append_us: u64) -> usize {
    if original_append_us == 0 { 0 } else { 1 + 8 }
}

/// Ends a frame: with the original append time, if it is a copy.
pub(crate) fn end(out: &mut Vec<u8>, original_append_us: u64) {
    if original_append_us > 0 {
        out.push(4 << 3 | 1);
        out.extend_from_slice(&original_append_us.to_le_bytes());
    }
}

/// The original append time of a frame, without a look at its records; 0 if it is no copy, or no frame.
pub(crate) fn original_append_us(bytes: &[u8]) -> u64 {
    let mut fields = Fields::new(bytes);
    let mut original = 0;
    while let Ok(Some(field)) = fields.next().transpose() {
        if let (4, Value::Fixed64(at)) = (field.number, field.value) {
            original = at;
        }
    }
    original
}

/// Bytes that are not a frame; says what is wrong with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a frame: {0}")]
pub struct Malformed(pub &'static str);

/// A frame's contents, borrowed from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The council of every record.
    pub council: &'a str,
    /// Encoded `Record` messages, at least one; the n-th has index n in its position. They are not looked into here.
    pub records: Vec<&'a [u8]>,
    /// Microseconds since 1970 UTC; zero unless the frame is a copy from another log.
    pub original_append_us: u64,
}

impl<'a> Frame<'a> {
    /// Reads a frame. Only what a log writes is one: version, council, records and perhaps the original append time, in this order.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() > FRAME_BYTES_MAX {
            return Err(Malformed("larger than 900 KiB"));
        }
        let mut fields = Fields::new(bytes);
        let mut next = || fields.next().transpose().map_err(|_| Malformed("not a protobuf message"));
        match next()?.map(|field| (field.number, field.value)) {
            Some((1, Value::Varint(VERSION))) => {}
            Some((1, Value::Varint(_))) => return Err(Malformed("of a version that this program does not know")),
            _ => return Err(Malformed("no version")),
        }
        let council = match next()?.map(|field| (field.number, field.value)) {
            Some((2, Value::Bytes(council))) => std::str::from_utf8(council).ok().filter(|council| is_council(council)),
            _ => None,
        };
        let mut frame =
            Self { council: council.ok_or(Malformed("no council"))?, records: Vec::with_capacity(bytes.len() / 256 + 1), original_append_us: 0 };
        while let Some(field) = next()? {
            match (field.number, field.value) {
                (3, Value::Bytes(record)) if frame.original_append_us == 0 => frame.records.push(record),
                (4, Value::Fixed64(at)) if frame.original_append_us == 0 && at > 0 => frame.original_append_us = at,
                _ => return Err(Malformed("has a field that does not belong there")),
            }
        }
        if frame.records.is_empty() {
            return Err(Malformed("no records"));
        }
        Ok(frame)
    }
}

/// A frame as it stands in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFrame {
    /// The partition it stands in.
    pub partition: u32,
    /// Its offset there; the next frame's is higher, mostly by one.
    pub offset: u64,
    /// When it was appended: microseconds since 1970 UTC by the log's clock, or `original_append_us` if it is a copy.
    pub append_us: u64,
    /// The encoded `Frame`. A record that [`StoredFrame::parse`] finds becomes `Bytes` without a copy by `bytes.slice_ref(record)`.
    pub bytes: Bytes,
}

impl StoredFrame {
    /// Its contents.
    pub fn parse(&self) -> Result<Frame<'_>, Error> {
        Frame::parse(&self.bytes).map_err(|malformed| Error::malformed(self.partition, self.offset, malformed))
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
