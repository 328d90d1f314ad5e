//! The catalogue in a pack: every entry of the book that defines something, with what its commitment needs, so that nobody has to ask
//! the server what the figures mean. No entry with a definition can be left out: the book's own commitments say which there are.
//!
//! A file of one JSON document a line, in the book's order, see [`Line`].

use super::source::{Source, read_file};
use super::verdict::Failure;
use crate::ask::facts;
use crate::client::{Server, explain};
use crate::output;
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;
use tandem_book::bundle;
use tandem_book::tile::{FULL, Kind, Tile};
use tandem_domain::event::Parts;
use tandem_domain::record::{COMMITMENT_BYTES, Record};
use tandem_proto::v1::audit_service_client::AuditServiceClient;
use tandem_proto::v1::{Entry, Facts, ReadEntriesRequest};

/// The file.
pub const FILE: &str = "catalogue.jsonl";
/// Largest file of a catalogue.
pub const BYTES_MAX: usize = 1 << 30;
/// Largest answer of a server.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Kinds of entries that define something: services, measures, indicators, areas, valuations.
const KINDS: std::ops::RangeInclusive<u8> = 16..=20;
/// The part of a kind that says that an officer recorded it.
const OFFICER: u8 = 0x80;
/// In a commitment: where the hash of the person part begins.
const PERSON_AT: usize = COMMITMENT_BYTES - 32;

/// One entry. The field names stay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// Its sequence in the book.
    sequence: u64,
    /// Book time, RFC 3339 in UTC, for people: the commitment has it.
    book_time: Option<String>,
    /// The event's envelope as it was sent, base64.
    envelope: String,
    /// Its facts as they were sent, base64.
    facts: String,
    /// The salt of both, base64.
    facts_salt: String,
    /// What the facts say.
    definition: Value,
}

impl Line {
    fn of(entry: &Entry) -> Self {
        let record = entry.record.clone().unwrap_or_default();
        Self {
            sequence: entry.sequence,
            book_time: output::instant(entry.book_time_us),
            envelope: STANDARD.encode(&record.envelope),
            facts: STANDARD.encode(&record.facts),
            facts_salt: STANDARD.encode(&record.facts_salt),
            definition: definition(&record.facts),
        }
    }

    /// That it is what the book commits to, and says what it means.
    fn check(&self, sequence: u64, commitment: &[u8]) -> Result<(), String> {
        let bytes = |name: &str, text: &str| STANDARD.decode(text).map_err(|error| format!("its {name} is not standard base64: {error}"));
        let (envelope, facts, salt) = (bytes("envelope", &self.envelope)?, bytes("facts", &self.facts)?, bytes("facts_salt", &self.facts_salt)?);
        if self.sequence != sequence {
            return Err(format!("it is of entry {}, where entry {sequence} of the book belongs", self.sequence));
        }
        let time = commitment[2..10].iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        let parts = Parts { envelope: &envelope, facts: &facts, person: &[] };
        let record = Record { parts, officer: commitment[1] & OFFICER != 0, facts_salt: &salt, ..Record::default() };
        if record.commitment(time)[..PERSON_AT] != commitment[..PERSON_AT] {
            return Err("its envelope, facts or salt are not those that the book commits to".into());
        }
        if self.book_time != output::instant(time) {
            return Err("its book_time is not the one that the book has".into());
        }
        if !says_no_more(&self.definition, &definition(&facts)) {
            return Err("its definition is not what its facts say".into());
        }
        Ok(())
    }
}

fn definition(bytes: &[u8]) -> Value {
    Facts::decode(bytes).map_or(Value::Null, |body| facts::facts(&body))
}

/// Whether all that is written is also read: a later version may read more out of the same facts.
fn says_no_more(written: &Value, read: &Value) -> bool {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => {
            !written.is_empty() && written.iter().all(|(name, value)| read.get(name).is_some_and(|own| says_no_more(value, own)))
        }
        (Value::Array(written), Value::Array(read)) => {
            written.len() == read.len() && written.iter().zip(read).all(|(written, read)| says_no_more(written, read))
        }
        (written, read) => written == read,
    }
}

/// The file's text of the first `size` entries, from a server.
pub fn fetch(server: &Server, council: &str, size: u64) -> anyhow::Result<String> {
    let handle = tokio::runtime::Handle::current();
    handle.block_on(async {
        let mut client = AuditServiceClient::new(server.connect().await?).max_decoding_message_size(ANSWER_BYTES_MAX);
        let kinds = KINDS.map(u32::from).collect();
        let request = ReadEntriesRequest { council: council.into(), to_sequence: Some(size), kinds, ..Default::default() };
        let mut stream = client.read_entries(request).await.map_err(|status| explain(&status))?.into_inner();
        let mut text = String::new();
        while let Some(answer) = stream.message().await.map_err(|status| explain(&status))? {
            for entry in &answer.entries {
                text += &serde_json::to_string(&Line::of(entry))?;
                text.push('\n');
            }
        }
        Ok(text)
    })
}

/// Checks a pack's catalogue against its bundles, which have been verified: that every entry with a definition is in it, and nothing else.
/// A pack without one has nothing to check.
pub fn check(directory: &Path, source: &dyn Source, size: u64) -> Result<(), Failure> {
    let path = directory.join(FILE);
    if !path.exists() {
        return Ok(());
    }
    let bytes = read_file(&path, BYTES_MAX).with_context(|| format!("{} cannot be read", path.display()))?;
    let wrong = |why: String| Failure::wrong(format!("{FILE}: {why}"));
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("is not UTF-8".into()))?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(wrong("does not end with a newline".into()));
    }
    let mut lines = (1..).zip(text.lines());
    for tile in (0..).map_while(|index| Tile::at(Kind::Entries, index, size)) {
        let limit = usize::from(FULL) * (2 + COMMITMENT_BYTES);
        let bytes = source.read(&tile.to_string(), limit).map_err(|unread| Failure::unchecked(unread.why))?;
        for (sequence, commitment) in (tile.index() * u64::from(FULL)..).zip(bundle::entries(tile, &bytes)?) {
            if !commitment.get(1).is_some_and(|kind| KINDS.contains(&(kind & !OFFICER))) || commitment.len() != COMMITMENT_BYTES {
                continue;
            }
            let (number, line) = lines.next().ok_or_else(|| wrong(format!("ends before entry {sequence}, which defines something")))?;
            let parsed: Line = serde_json::from_str(line).map_err(|error| wrong(format!("line {number} is no entry of a catalogue: {error}")))?;
            parsed.check(sequence, commitment).map_err(|why| wrong(format!("line {number}: {why}")))?;
        }
    }
    match lines.next() {
        None => Ok(()),
        Some((number, _)) => Err(wrong(format!("line {number} is of no entry of this book that defines something"))),
    }
}
