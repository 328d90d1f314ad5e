//! What is stored in the topic. These are storage formats: once written, they never change meaning.
//!
//! | message | key | value |
//! |---|---|---|
//! | the first of every partition | none | `tandem` and two zero bytes ‖ format version (1, = 1) ‖ log id (16) ‖ partitions (4) ‖ CRC-32 (IEEE) of those (4) |
//! | every other | log id (16) ‖ partitions (4) | encoded `Frame` |
//!
//! Numbers are big-endian. The frame at Kafka's offset n has offset n − 1 in the log, so that a new log begins at 0. When frames are trimmed
//! the first message goes too: then the keys say which log it is, and a message that somebody else wrote is never taken for a frame.

use crate::{Error, PARTITIONS_MAX};
use tandem_domain::position::LogId;

const MAGIC: &[u8; 8] = b"tandem\0\0";
const VERSION: u8 = 1;
const HEADER: usize = 8 + 1 + 16 + 4 + 4;

/// Which log a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub id: LogId,
    pub partitions: u32,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first of its partition.
    Header(Identity),
    /// A frame.
    Frame(Identity),
}

impl Identity {
    /// The key of every frame.
    pub fn key(&self) -> [u8; 20] {
        let mut key = [0; 20];
        key[..16].copy_from_slice(&self.id.0);
        key[16..].copy_from_slice(&self.partitions.to_be_bytes());
        key
    }

    fn from_key(key: &[u8]) -> Option<Self> {
        let (id, partitions) = key.split_first_chunk::<16>()?;
        let partitions = u32::from_be_bytes(partitions.try_into().ok()?);
        (1..=PARTITIONS_MAX).contains(&partitions).then_some(Self { id: LogId(*id), partitions })
    }

    /// The value of a partition's first message.
    pub fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(MAGIC);
        header[8] = VERSION;
        header[9..29].copy_from_slice(&self.key());
        let checksum = crc32fast::hash(&header[..29]);
        header[29..].copy_from_slice(&checksum.to_be_bytes());
        header
    }
}

/// What a message is, or why it is none of a log's.
pub(super) fn kind(key: Option<&[u8]>, value: &[u8]) -> Result<Kind, &'static str> {
    match key {
        Some(key) => Identity::from_key(key).map(Kind::Frame).ok_or("its key is none that a log writes"),
        None => header(value).map(Kind::Header),
    }
}

fn header(value: &[u8]) -> Result<Identity, &'static str> {
    let rest = value.strip_prefix(MAGIC).ok_or("it has no key, and does not say which log it begins")?;
    if rest.first() != Some(&VERSION) {
        return Err("it begins a log of a format that this program does not know: use a newer one");
    }
    let sound = value.len() == HEADER && crc32fast::hash(&value[..29]).to_be_bytes() == value[29..];
    Identity::from_key(value.get(9..29).unwrap_or_default()).filter(|_| sound).ok_or("it begins a log, but its checksum is wrong")
}

/// Kafka's offset of a frame.
pub(super) fn to_kafka(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX - 1).saturating_add(1)
}

/// The offset of the frame at Kafka's offset; that of the header counts as 0.
pub(super) fn from_kafka(offset: i64) -> u64 {
    u64::try_from(offset.saturating_sub(1)).unwrap_or(0)
}

/// A message that is not what it should be.
pub(super) fn foreign(partition: u32, offset: u64, what: &str) -> Error {
    Error::Corrupt { partition, offset, what: what.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: Identity = Identity { id: LogId([7; 16]), partitions: 0x0102 };

    #[test]
    fn the_first_message_is_a_fixed_vector() {
        let hex: String = IDENTITY.header().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex[..58], *"74616e64656d0000010707070707070707070707070707070700000102");
        assert_eq!(kind(None, &IDENTITY.header()), Ok(Kind::Header(IDENTITY)));
        assert_eq!(kind(Some(&IDENTITY.key()), b"whatever"), Ok(Kind::Frame(IDENTITY)));
    }

    #[test]
    fn no_altered_byte_passes() {
        let good = IDENTITY.header();
        for at in 0..good.len() {
            let mut bad = good;
            bad[at] ^= 1;
            assert!(kind(None, &bad).is_err(), "byte {at}");
        }
        for cut in 0..good.len() {
            assert!(kind(None, &good[..cut]).is_err());
        }
        for key in [&b""[..], b"a key", &[0; 20], &[0; 21]] {
            assert!(kind(Some(key), &good).is_err());
        }
    }

    #[test]
    fn offsets_begin_behind_the_first_message() {
        assert_eq!((to_kafka(0), from_kafka(1), from_kafka(0)), (1, 0, 0));
        assert_eq!(to_kafka(u64::MAX), i64::MAX);
    }
}
