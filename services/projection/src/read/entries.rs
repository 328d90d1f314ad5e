//! A book's entries for those who replay it.

use super::entry::sequence_of;
use super::view::{View, corrupt};
use super::{Readable, check_council};
use crate::book::Commitments;
use tandem_domain::record::{COMMITMENT_BYTES, Record};
use tandem_domain::rows::read_entry;
use tandem_domain::tables::Table;
use tandem_proto::v1::{Entry, ReadEntriesRequest, Record as RecordMessage};
use tandem_wire::status::Failure;

/// Bytes of one message, about: well below the 4 MiB that clients take by default.
const CHUNK_BYTES: usize = 1 << 20;
/// Entries that one snapshot is held for at most: a filter that matches nothing holds none for long.
const VISITED_MAX: usize = 65_536;
/// What an entry takes in a message beyond its record.
const ENTRY_OVERHEAD: usize = COMMITMENT_BYTES + 32;

/// A question for entries, checked.
#[derive(Clone, Debug)]
pub struct EntriesQuestion {
    /// The council.
    pub council: String,
    /// The next sequence to look at.
    pub from: u64,
    /// Stop before this one.
    pub to: Option<u64>,
    /// Whether to go on at the end of the book.
    pub follow: bool,
    /// Which kinds are wanted; `None`: all.
    kinds: Option<u128>,
}

/// Some entries, and where to go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// Those wanted.
    pub entries: Vec<Entry>,
    /// The next sequence to look at.
    pub next: u64,
    /// Whether the book, or what was asked of it, ended here.
    pub at_end: bool,
}

impl EntriesQuestion {
    /// Checks a request.
    pub fn new(request: &ReadEntriesRequest) -> Result<Self, Failure> {
        check_council(&request.council)?;
        if let Some(to) = request.to_sequence.filter(|to| *to < request.from_sequence) {
            return Err(Failure::invalid("to_sequence", format!("is {to}, before from_sequence {}", request.from_sequence)));
        }
        if let Some(kind) = request.kinds.iter().find(|kind| **kind > 127) {
            return Err(Failure::invalid("kinds", format!("has {kind}; the limits are 0 and 127")));
        }
        let kinds = request.kinds.iter().fold(0u128, |set, kind| set | 1 << kind);
        Ok(Self {
            council: request.council.clone(),
            from: request.from_sequence,
            to: request.to_sequence,
            follow: request.follow,
            kinds: (!request.kinds.is_empty()).then_some(kinds),
        })
    }

    fn wants(&self, kind: u8) -> bool {
        self.kinds.is_none_or(|kinds| kinds & 1 << (kind & 0x7f) != 0)
    }
}

/// The next entries under one snapshot. A question that begins beyond the end of the book gets none and is at the end.
pub fn read_entries<R: Readable>(view: &View<'_, R>, question: &EntriesQuestion) -> Result<Chunk, Failure> {
    let end = view.book()?.map_or(0, |book| book.entries);
    let end = question.to.map_or(end, |to| to.min(end));
    let mut chunk = Chunk { entries: Vec::new(), next: question.from, at_end: question.from >= end };
    if chunk.at_end {
        return Ok(chunk);
    }
    let (mut bytes, mut visited) = (0, 0);
    let mut commitments = Commitments::new(view.rows(), view.council());
    view.scan(Table::Entry, &view.key(Table::Entry), &question.from.to_be_bytes(), |rest, row| {
        let sequence = sequence_of(rest)?;
        if sequence != chunk.next {
            return Err(Failure::Internal(format!("the book of {} lacks sequence {}", view.council(), chunk.next)));
        }
        let (mut entry, kind) = shown(sequence, row)?;
        if question.wants(kind) {
            // What the tree holds: the record may have lost its person part since.
            entry.commitment = commitments.of(sequence).map_err(Into::into)?.to_vec();
            bytes += row.len() + ENTRY_OVERHEAD;
            chunk.entries.push(entry);
        }
        visited += 1;
        chunk.next += 1;
        Ok(chunk.next < end && bytes < CHUNK_BYTES && visited < VISITED_MAX)
    })?;
    chunk.at_end = chunk.next >= end;
    if chunk.next == question.from {
        return Err(Failure::Internal(format!("the book of {} lacks sequence {}", view.council(), chunk.next)));
    }
    Ok(chunk)
}

/// An entry, without its commitment, and its kind.
fn shown(sequence: u64, row: &[u8]) -> Result<(Entry, u8), Failure> {
    let (book_time_us, bytes) = read_entry(row).map_err(corrupt)?;
    // The gateway writes records; one that could not be read would be an empty one to the fold, too.
    let record = Record::decode(bytes).unwrap_or_default();
    let message = RecordMessage {
        envelope: record.parts.envelope.into(),
        facts: record.parts.facts.into(),
        person: record.parts.person.into(),
        received_us: record.received_us,
        principal: record.principal.into(),
        officer: record.officer,
        facts_salt: record.facts_salt.into(),
        person_salt: record.person_salt.into(),
    };
    Ok((Entry { sequence, book_time_us, commitment: Vec::new(), record: Some(message) }, record.kind()))
}
