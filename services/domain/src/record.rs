//! The record as the log keeps it (`proto/tandem/v1/frame.proto`), read without a copy, and what the book commits to of it.

use crate::event::{self, Parts};
use crate::protobuf::{Fields, Malformed, Value, put_varint};
use sha2::{Digest, Sha256};

/// Length of a commitment: version, kind, book time, two hashes.
pub const COMMITMENT_BYTES: usize = 1 + 1 + 8 + 32 + 32;
/// Version of the commitment.
const VERSION: u8 = 1;
/// What an officer's record adds to its kind.
const OFFICER: u8 = 0x80;

/// A record, borrowed from its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record<'a> {
    /// The event's three parts, as the client wrote them.
    pub parts: Parts<'a>,
    /// The gateway's clock when it accepted the event: microseconds since 1970 UTC.
    pub received_us: u64,
    /// The authenticated principal.
    pub principal: &'a str,
    /// Whether the principal is an officer.
    pub officer: bool,
    /// 16 random bytes.
    pub facts_salt: &'a [u8],
    /// 16 random bytes; empty once the person is forgotten.
    pub person_salt: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads an encoded `Record`. Unknown fields are passed over.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut record = Self::default();
        for field in Fields::new(bytes) {
            let field = field?;
            match (field.number, field.value) {
                (1, Value::Bytes(bytes)) => record.parts.envelope = bytes,
                (2, Value::Bytes(bytes)) => record.parts.facts = bytes,
                (3, Value::Bytes(bytes)) => record.parts.person = bytes,
                (4, Value::Fixed64(micros)) => record.received_us = micros,
                (5, Value::Bytes(bytes)) => record.principal = std::str::from_utf8(bytes).map_err(|_| Malformed)?,
                (6, Value::Varint(officer)) => record.officer = officer != 0,
                (7, Value::Bytes(bytes)) => record.facts_salt = bytes,
                (8, Value::Bytes(bytes)) => record.person_salt = bytes,
                (1..=8, _) => return Err(Malformed),
                _ => {}
            }
        }
        Ok(record)
    }

    /// Appends the record's encoding, as every protobuf library would write it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_bytes(out, 1, self.parts.envelope);
        put_bytes(out, 2, self.parts.facts);
        put_bytes(out, 3, self.parts.person);
        if self.received_us != 0 {
            out.push(4 << 3 | 1);
            out.extend_from_slice(&self.received_us.to_le_bytes());
        }
        put_bytes(out, 5, self.principal.as_bytes());
        if self.officer {
            out.extend_from_slice(&[6 << 3, 1]);
        }
        put_bytes(out, 7, self.facts_salt);
        put_bytes(out, 8, self.person_salt);
    }

    /// Number of the body in Facts, 0 if there is none, plus 128 if an officer recorded it.
    pub fn kind(&self) -> u8 {
        event::kind(self.parts.facts) | if self.officer { OFFICER } else { 0 }
    }

    /// What the book's tree holds of this record.
    pub fn commitment(&self, book_time_us: u64) -> [u8; COMMITMENT_BYTES] {
        let mut head = Vec::with_capacity(11);
        head.push(1 << 3 | 2);
        put_varint(&mut head, self.parts.envelope.len() as u64);
        let facts = Sha256::new().chain_update(self.facts_salt).chain_update(&head).chain_update(self.parts.envelope).chain_update(self.parts.facts);
        let person = Sha256::new().chain_update(self.person_salt).chain_update(self.parts.person);
        let mut out = [0; COMMITMENT_BYTES];
        out[0] = VERSION;
        out[1] = self.kind();
        out[2..10].copy_from_slice(&book_time_us.to_be_bytes());
        out[10..42].copy_from_slice(&facts.finalize());
        out[42..].copy_from_slice(&person.finalize());
        out
    }
}

/// RFC 6962, section 2.1: the hash of a leaf.
pub fn leaf_hash(commitment: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(commitment).finalize().into()
}

fn put_bytes(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    if !bytes.is_empty() {
        out.push(number << 3 | 2);
        put_varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
