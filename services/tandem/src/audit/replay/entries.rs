//! A book's entries from the server, each checked against the commitment that the signed tree holds of it.

use super::feed::Feed;
use super::sample::Sample;
use crate::audit::independent::Recount;
use crate::audit::shelf::Shelf;
use crate::audit::verdict::Failure;
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tandem_book::bundle;
use tandem_book::checkpoint::Checkpoint;
use tandem_book::nodes::Tiles;
use tandem_book::tile::{FULL, Kind, Tile};
use tandem_book::tree::{Frontier, leaf_hash};
use tandem_domain::event::Parts;
use tandem_domain::record::{COMMITMENT_BYTES, Record};
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{self, Entry, Envelope, Facts, Person};

/// Length of a salt.
const SALT_BYTES: usize = 16;

/// What was read so far.
pub struct Entries {
    council: String,
    frontier: Frontier,
    book_time: u64,
    /// A hash of each whole bundle of commitments, to find where a book parts from what was read.
    bundles: Vec<[u8; 32]>,
    open: Vec<u8>,
    /// What is looked at one by one.
    pub sample: Sample,
    /// The second opinion, if it is asked for.
    pub recount: Option<Recount>,
    /// Entries whose person is forgotten: what they said of it cannot be checked.
    pub forgotten: u64,
}

impl Entries {
    /// Nothing yet.
    pub fn new(council: &str, sample: Sample, recount: Option<Recount>) -> Self {
        let (frontier, bundles, open) = (Frontier::new(), Vec::new(), Vec::new());
        Self { council: council.into(), frontier, book_time: 0, bundles, open, sample, recount, forgotten: 0 }
    }

    /// How many there are.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Checks the next entries and hands them to the fold. False: the fold has ended.
    pub fn take(&mut self, entries: Vec<Entry>, feed: &Arc<Feed>, done: &AtomicU64) -> Result<bool, Failure> {
        for entry in entries {
            let commitment = self.check(&entry)?;
            self.append(&commitment);
            self.offer(&entry);
            if let Some(recount) = &mut self.recount {
                recount.take(&entry);
            }
            done.fetch_add(1, Ordering::Relaxed);
            if !feed.push(entry.record.unwrap_or_default(), entry.book_time_us) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// That an entry is the next, at a time that it can have, and what its commitment says. Gives the commitment as it is computed here.
    fn check(&mut self, entry: &Entry) -> Result<[u8; COMMITMENT_BYTES], Failure> {
        let (sequence, wrong) = (self.size(), |why: String| Err(Failure::wrong(format!("{}: entry {}: {why}", self.council, self.frontier.size()))));
        if entry.sequence != sequence {
            return wrong(format!("the server gives entry {} in its place", entry.sequence));
        }
        let Some(record) = &entry.record else { return wrong("the server withholds its contents".into()) };
        if entry.book_time_us < self.book_time {
            return wrong(format!("its book time, {} µs, is before the {} µs of the entry before it", entry.book_time_us, self.book_time));
        }
        if entry.book_time_us > self.book_time.max(record.received_us) {
            return wrong(format!("its book time, {} µs, is after it was received, {} µs", entry.book_time_us, record.received_us));
        }
        let computed = commitment(record, entry.book_time_us);
        let is_forgotten = record.person_salt.is_empty() && record.person.is_empty();
        let covered = if is_forgotten { COMMITMENT_BYTES - 32 } else { COMMITMENT_BYTES };
        if entry.commitment.len() != COMMITMENT_BYTES || entry.commitment[..covered] != computed[..covered] {
            let part = match () {
                () if entry.commitment.len() != COMMITMENT_BYTES => "length",
                () if entry.commitment[..10] != computed[..10] => "kind or book time",
                () if entry.commitment[10..42] != computed[10..42] => "envelope or facts",
                () => "person part",
            };
            return wrong(format!("its contents are not what it commits to: its {part} was changed"));
        }
        let salts = [record.facts_salt.len(), if is_forgotten { SALT_BYTES } else { record.person_salt.len() }];
        if salts != [SALT_BYTES; 2] {
            return wrong("its salts are not 16 bytes each".into());
        }
        self.forgotten += u64::from(is_forgotten);
        self.book_time = entry.book_time_us;
        let mut held = computed;
        held[covered..].copy_from_slice(&entry.commitment[covered..]);
        Ok(held)
    }

    fn append(&mut self, commitment: &[u8; COMMITMENT_BYTES]) {
        self.frontier.append(leaf_hash(commitment));
        bundle::push(&mut self.open, commitment);
        if self.size().is_multiple_of(u64::from(FULL)) {
            self.bundles.push(hash(&self.open));
            self.open.clear();
        }
    }

    fn offer(&mut self, entry: &Entry) {
        let Some(record) = &entry.record else { return };
        let envelope = Envelope::decode(&*record.envelope).unwrap_or_default();
        let person = Person::decode(&*record.person).unwrap_or_default();
        let exchange = match Facts::decode(&*record.facts).ok().and_then(|facts| facts.body) {
            Some(Body::ContributionRecorded(of)) => of.exchange,
            Some(Body::StateInputRecorded(of)) => of.exchange,
            _ => String::new(),
        };
        let who = if person.actor.is_empty() { person.recipient } else { person.actor };
        self.sample.offer(&who, &exchange, &envelope.event_id);
    }

    /// That what was read is the signed book. `tiles`: where the book's files are, to say where it parts from that.
    pub fn is_book(&self, checkpoint: &Checkpoint, tiles: Option<&Shelf<'_>>) -> Result<(), Failure> {
        if self.frontier.root() == checkpoint.root {
            return Ok(());
        }
        let place = match tiles {
            None => "--url of the book's files would show where".to_owned(),
            Some(shelf) => self.place(shelf, checkpoint.size),
        };
        let why = "the entries that the server gives are not those of its signed book: their commitments lead to another root";
        Err(Failure::wrong(format!("{}: {why}; {place}", checkpoint.origin)))
    }

    /// The bundle in which what was read parts from the book's files.
    fn place(&self, shelf: &Shelf<'_>, size: u64) -> String {
        for index in 0..size.div_ceil(u64::from(FULL)) {
            let Some(tile) = Tile::at(Kind::Entries, index, size) else { break };
            let (first, last) = (index * u64::from(FULL), index * u64::from(FULL) + u64::from(tile.width()) - 1);
            let own = self.bundles.get(index as usize).copied().unwrap_or_else(|| hash(&self.open));
            match shelf.read(tile) {
                Ok(bytes) if hash(&bytes) == own => {}
                Ok(bytes) if tile.is_full() => return format!("the first that differs is one of {first} to {last} ({} bytes there)", bytes.len()),
                Ok(bytes) => return format!("the first that differs is {}", first + first_other(&bytes, &self.open)),
                Err(error) => return format!("where could not be seen: {error}"),
            }
        }
        "the book's files are those that were read, so that the checkpoint is of others".into()
    }
}

fn first_other(a: &[u8], b: &[u8]) -> u64 {
    (a.iter().zip(b).take_while(|(a, b)| a == b).count() / (2 + COMMITMENT_BYTES)) as u64
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).into()
}

/// What the book holds of a record at a time.
pub fn commitment(record: &v1::Record, book_time_us: u64) -> [u8; COMMITMENT_BYTES] {
    let parts = Parts { envelope: &record.envelope, facts: &record.facts, person: &record.person };
    let record = Record {
        parts,
        received_us: record.received_us,
        principal: &record.principal,
        officer: record.officer,
        facts_salt: &record.facts_salt,
        person_salt: &record.person_salt,
    };
    record.commitment(book_time_us)
}
