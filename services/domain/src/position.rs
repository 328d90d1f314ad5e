//! Where a record stands in a log, and in which partition a council lives.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::fmt;

/// A log's random identity: positions of one log mean nothing in another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId(pub [u8; 16]);

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogId({self})")
    }
}

/// Where a record stands: the `index`-th record of the frame at `offset` of `partition`. Ordered within one council only.
///
/// As a token it is the base64url text, without padding, of log id ‖ partition (4) ‖ offset (8) ‖ index (4), big-endian: 43 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The log.
    pub log: LogId,
    /// The partition, from 0.
    pub partition: u32,
    /// Offset of the frame in the partition, from 0.
    pub offset: u64,
    /// Index of the record in the frame, from 0.
    pub index: u32,
}

/// Length of a position's bytes.
const BYTES: usize = 16 + 4 + 8 + 4;

impl Position {
    /// The opaque token.
    pub fn token(&self) -> String {
        let mut bytes = [0; BYTES];
        bytes[..16].copy_from_slice(&self.log.0);
        bytes[16..20].copy_from_slice(&self.partition.to_be_bytes());
        bytes[20..28].copy_from_slice(&self.offset.to_be_bytes());
        bytes[28..].copy_from_slice(&self.index.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token; `None` if it is not one.
    pub fn from_token(token: &str) -> Option<Self> {
        let bytes: [u8; BYTES] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
        let number = |range: std::ops::Range<usize>| bytes[range].iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
        let mut log = [0; 16];
        log.copy_from_slice(&bytes[..16]);
        Some(Self { log: LogId(log), partition: number(16..20) as u32, offset: number(20..28), index: number(28..32) as u32 })
    }
}

/// The partition in which a council lives, for ever: the first 8 bytes of SHA-256(council), big-endian, modulo `partitions`.
pub fn partition_of(council: &str, partitions: u32) -> u32 {
    let digest = Sha256::digest(council.as_bytes());
    let head = digest[..8].iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
    (head % u64::from(partitions.max(1))) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_a_fixed_vector() {
        let position = Position { log: LogId([7; 16]), partition: 3, offset: 0x0102_0304_0506_0708, index: 9 };
        assert_eq!(position.token(), "BwcHBwcHBwcHBwcHBwcHBwAAAAMBAgMEBQYHCAAAAAk");
        assert_eq!(Position::from_token(&position.token()), Some(position));
        for bad in ["", "x", "BwcHBwcHBwcHBwcHBwcHBwAAAAMBAgMEBQYHCAAAAAk=", "BwcHBwcHBwcHBwcHBwcHBwAAAAMBAgMEBQYHCAAAAA"] {
            assert_eq!(Position::from_token(bad), None);
        }
    }

    #[test]
    fn partition_is_a_fixed_vector() {
        // SHA-256("E09000001") begins fe20e7afdee27d89, says sha256sum.
        assert_eq!(partition_of("E09000001", 1), 0);
        assert_eq!([16, 4].map(|partitions| partition_of("E09000001", partitions)), [9, 1]);
    }
}
