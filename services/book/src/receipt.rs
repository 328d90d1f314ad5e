//! Receipts: the proof that one event is in a book, as a file (c2sp.org/tlog-proof v1) that verifies offline, from the client's own bytes.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64 of what is needed, beside the event, to compute the commitment: see Extra>
//! index <sequence of the entry>
//! <base64 of a hash: the inclusion proof, from the leaf's sibling up>
//! …
//!
//! <the signed checkpoint>
//! ```

use crate::checkpoint::{self, Trust};
use crate::error::Error;
use crate::note::{NOTE_BYTES_MAX, Verified};
use crate::proof::{HASHES_MAX, verify_inclusion};
use crate::text::{base64, decimal, hash, shown, to_base64};
use crate::tree::{Hash, leaf_hash};
use std::fmt;
use tandem_domain::event::{self, Envelope};
use tandem_domain::record::{COMMITMENT_BYTES, Record};

/// First line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Largest receipt: a note and, before it, less than 8 KiB of extra, index and hashes.
pub const RECEIPT_BYTES_MAX: usize = NOTE_BYTES_MAX + 8_192;
/// The one version of commitments.
const COMMITMENT_VERSION: u8 = 1;
/// Length of a salt.
const SALT_BYTES: usize = 16;
/// The part of a kind that says that an officer recorded it.
const OFFICER: u8 = 0x80;

/// A proof as its file has it. Nothing in it is true until [`Receipt::verify`] says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Opaque to the format; ours is an [`Extra`]. None: there is no such line.
    pub extra: Option<Vec<u8>>,
    /// The entry's sequence in the book.
    pub index: u64,
    /// The inclusion proof, from the leaf's sibling up.
    pub proof: Vec<Hash>,
    /// The signed checkpoint, word for word.
    pub checkpoint: String,
}

/// What a commitment needs beside the client's event, in a fixed byte form:
///
/// `commitment version (1), 1 ‖ kind (1) ‖ book time (8, microseconds since 1970 UTC, big-endian) ‖ facts salt (16) ‖ person`
///
/// where `person` is the person salt (16): 42 bytes in all; or, once the person is forgotten and the salt with it, the 32 bytes
/// that the commitment has for the person part: 58 bytes in all. Kind is as in the commitment: the number of the body in Facts, plus 128
/// if an officer recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extra {
    /// Kind of the entry.
    pub kind: u8,
    /// Book time of the entry, microseconds since 1970 UTC.
    pub book_time_us: u64,
    /// Salt of the envelope and the facts.
    pub facts_salt: [u8; SALT_BYTES],
    /// Of the person part.
    pub person: PersonProof,
}

/// What a receipt has of the person part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonProof {
    /// Its salt: the person part is proved too.
    Salt([u8; SALT_BYTES]),
    /// The person was forgotten: only the hash is left, and what the person part said cannot be proved any more.
    Forgotten([u8; 32]),
}

/// What a receipt proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proved {
    /// The book.
    pub origin: String,
    /// The entry's sequence in it.
    pub sequence: u64,
    /// Size of the book at the checkpoint.
    pub size: u64,
    /// Book time of the entry, microseconds since 1970 UTC.
    pub book_time_us: u64,
    /// Number of the body in Facts, 0 to 127.
    pub kind: u8,
    /// Whether an officer recorded it.
    pub officer: bool,
    /// Whether the event's person part is proved too. It is not once the person is forgotten.
    pub person: bool,
    /// The trusted witnesses that saw this book, with the time.
    pub cosigned: Vec<Verified>,
}

impl Extra {
    /// Of a record in the book. `commitment` is that of the entry; it is needed where the person is forgotten, and has to be the record's.
    pub fn of(record: &Record<'_>, commitment: &[u8; COMMITMENT_BYTES]) -> Result<Self, Error> {
        let what = "record";
        let salt = |salt: &[u8], name: &str| {
            <[u8; SALT_BYTES]>::try_from(salt)
                .map_err(|_| Error::malformed(what, format!("the {name} salt is {} bytes, not {SALT_BYTES}", salt.len())))
        };
        let person = if record.person_salt.is_empty() {
            PersonProof::Forgotten(std::array::from_fn(|at| commitment[COMMITMENT_BYTES - 32 + at]))
        } else {
            PersonProof::Salt(salt(record.person_salt, "person")?)
        };
        let book_time_us = commitment[2..10].iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        let extra = Self { kind: record.kind(), book_time_us, facts_salt: salt(record.facts_salt, "facts")?, person };
        if extra.commitment(record.parts)? != *commitment {
            return Err(Error::malformed(what, "is not what the entry commits to"));
        }
        Ok(extra)
    }

    /// The byte form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![COMMITMENT_VERSION, self.kind];
        out.extend_from_slice(&self.book_time_us.to_be_bytes());
        out.extend_from_slice(&self.facts_salt);
        match &self.person {
            PersonProof::Salt(salt) => out.extend_from_slice(salt),
            PersonProof::Forgotten(hash) => out.extend_from_slice(hash),
        }
        out
    }

    /// Reads the byte form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let refuse = |why: String| Error::malformed("receipt, extra", why);
        let (Some((head, person)), 42 | 58) = (bytes.split_first_chunk::<26>(), bytes.len()) else {
            return Err(refuse(format!("is {} bytes; it has 42, or 58 once the person is forgotten", bytes.len())));
        };
        if head[0] != COMMITMENT_VERSION {
            return Err(refuse(format!("has version {}; this program knows {COMMITMENT_VERSION}", head[0])));
        }
        let person = match <[u8; SALT_BYTES]>::try_from(person) {
            Ok(salt) => PersonProof::Salt(salt),
            Err(_) => PersonProof::Forgotten(person.try_into().map_err(|_| refuse("has a person part of no known length".to_owned()))?),
        };
        let book_time_us = head[2..10].iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        Ok(Self { kind: head[1], book_time_us, facts_salt: std::array::from_fn(|at| head[10 + at]), person })
    }

    /// The commitment of these parts of an event, as the book has it. The kind has to be that of the facts.
    fn commitment(&self, parts: event::Parts<'_>) -> Result<[u8; COMMITMENT_BYTES], Error> {
        let person_salt: &[u8] = if let PersonProof::Salt(salt) = &self.person { salt } else { &[] };
        let record = Record { parts, officer: self.kind & OFFICER != 0, facts_salt: &self.facts_salt, person_salt, ..Record::default() };
        if record.kind() != self.kind {
            let (what, by) = ("the kind of the event".to_owned(), "the receipt".to_owned());
            return Err(Error::Differs { what, found: record.kind().to_string(), by, expected: self.kind.to_string() });
        }
        let mut commitment = record.commitment(self.book_time_us);
        if let PersonProof::Forgotten(hash) = &self.person {
            commitment[COMMITMENT_BYTES - hash.len()..].copy_from_slice(hash);
        }
        Ok(commitment)
    }
}

impl Receipt {
    /// Reads the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let refuse = |why: &str| Error::malformed("receipt", why);
        if bytes.len() > RECEIPT_BYTES_MAX {
            return Err(refuse(&format!("is {} bytes; the limit is {RECEIPT_BYTES_MAX}", bytes.len())));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| refuse(&format!("is not UTF-8 from byte {} on", error.valid_up_to())))?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or_else(|| refuse("has no empty line before its checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        match lines.next() {
            Some(HEADER) => {}
            other => return Err(refuse(&format!("the first line is {}, not {HEADER}", shown(other.unwrap_or_default())))),
        }
        let extra = lines.next_if(|line| line.starts_with("extra ")).map(|line| base64("receipt, extra", &line["extra ".len()..])).transpose()?;
        if extra.as_ref().is_some_and(Vec::is_empty) {
            return Err(refuse("has an extra line with nothing in it"));
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).ok_or_else(|| refuse("has no index line where one belongs"))?;
        let index = decimal("receipt, index", index)?;
        let proof = (0..).zip(lines.take(HASHES_MAX + 1)).map(|(at, line)| hash(&format!("receipt, hash {at} of the proof"), line));
        let proof: Vec<Hash> = proof.collect::<Result<_, _>>()?;
        if proof.len() > HASHES_MAX {
            return Err(refuse(&format!("has more than {HASHES_MAX} hashes")));
        }
        Ok(Self { extra, index, proof, checkpoint: checkpoint.to_owned() })
    }

    /// Checks that the client's own event, an encoded `tandem.v1.Event`, is in the book of which `trust` speaks.
    pub fn verify(&self, event: &[u8], trust: &Trust) -> Result<Proved, Error> {
        let opened = checkpoint::open(self.checkpoint.as_bytes(), trust)?;
        let extra =
            Extra::from_bytes(self.extra.as_deref().ok_or_else(|| Error::malformed("receipt", "has no extra line, which a commitment needs"))?)?;
        let invalid = |error: event::Invalid| Error::malformed("event", error.to_string());
        let parts = event::split(event).map_err(invalid)?;
        let council = Envelope::decode(parts.envelope).map_err(invalid)?.council;
        let origin = opened.checkpoint.origin;
        if origin.rsplit('/').next() != Some(council) {
            let (what, by) = ("the event's council".to_owned(), "the receipt's book".to_owned());
            return Err(Error::Differs { what, found: council.to_owned(), by, expected: origin });
        }
        let leaf = leaf_hash(&extra.commitment(parts)?);
        verify_inclusion(&leaf, self.index, opened.checkpoint.size, &self.proof, &opened.checkpoint.root)?;
        Ok(Proved {
            origin,
            sequence: self.index,
            size: opened.checkpoint.size,
            book_time_us: extra.book_time_us,
            kind: extra.kind & !OFFICER,
            officer: extra.kind & OFFICER != 0,
            person: matches!(extra.person, PersonProof::Salt(_)),
            cosigned: opened.cosigned,
        })
    }
}

/// The file.
impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", to_base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", to_base64(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
