//! `tandem audit receipt`: that one event is in a book, offline, from the client's own bytes.

use super::source::read_file;
use super::trust::Keys;
use super::verdict::{Cosigned, Failure, Verdict, cosigned};
use crate::output;
use anyhow::Context;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde::Serialize;
use std::path::PathBuf;
use tandem_book::receipt::{Proved, RECEIPT_BYTES_MAX, Receipt};
use tandem_domain::event::{self, Envelope};

/// Largest event that is read; one that a gateway takes is much smaller.
const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// Verify a receipt offline: that an event is in the book, unchanged
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Example:
  tandem audit receipt event-1.tlog-proof --event event-1.bin --key council.vkey

The event may also be in protobuf's JSON form, {\"envelope\": …}. What is proved is the bytes that were sent, and JSON is not those: it is
encoded as protobuf libraries mostly do, fields ascending and none that is unset. If the receipt proves these bytes, they are the ones; if
not, that says nothing, since yours may have been encoded otherwise or had fields that this version does not know: then the status is 2.

No server is asked. Exit status: 0 true, 1 the receipt does not prove this event, 2 could not check.")]
pub struct Args {
    /// The receipt, a c2sp.org/tlog-proof file
    receipt: PathBuf,
    /// Your own event: the bytes of the tandem.v1.Event that you sent, or its JSON form
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
    #[command(flatten)]
    keys: Keys,
    /// Print one JSON document; its fields stay as they are
    #[arg(long)]
    json: bool,
}

/// What a receipt proves. The field names are those of the JSON document and stay.
#[derive(Debug, Serialize)]
pub struct Document {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not true. Null: it is.
    reason: Option<String>,
    /// What is proved. Null: nothing.
    proved: Option<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    /// The book.
    origin: String,
    /// The entry's sequence in it.
    sequence: u64,
    /// Entries in the book at the receipt's checkpoint.
    size: u64,
    /// Book time of the entry, RFC 3339 in UTC.
    book_time: Option<String>,
    /// Its body's field number in Facts.
    kind: u8,
    /// Whether an officer recorded it.
    officer: bool,
    /// Whether the person part is proved too: not once the person is forgotten.
    person: bool,
    /// Trusted witnesses of the checkpoint.
    cosigned: Vec<Cosigned>,
}

impl From<Proved> for Entry {
    fn from(proved: Proved) -> Self {
        Self {
            sequence: proved.sequence,
            size: proved.size,
            book_time: output::instant(proved.book_time_us),
            kind: proved.kind,
            officer: proved.officer,
            person: proved.person,
            cosigned: cosigned(&proved.cosigned),
            origin: proved.origin,
        }
    }
}

/// Verifies and prints.
pub fn run(args: &Args) -> anyhow::Result<Verdict> {
    let document = judge(args);
    let line = if args.json { serde_json::to_string_pretty(&document)? } else { line(&document) };
    super::say(document.verdict, args.json, &line)?;
    Ok(document.verdict)
}

/// Verifies.
pub fn judge(args: &Args) -> Document {
    match verify(args) {
        Ok(proved) => Document { verdict: Verdict::True, reason: None, proved: Some(proved.into()) },
        Err(failure) => Document { verdict: failure.verdict, reason: Some(failure.why), proved: None },
    }
}

fn verify(args: &Args) -> Result<Proved, Failure> {
    let read = |path: &PathBuf, limit| read_file(path, limit).with_context(|| format!("cannot read {}", path.display()));
    let (receipt, event) = (read(&args.receipt, RECEIPT_BYTES_MAX)?, read(&args.event, EVENT_BYTES_MAX)?);
    let invalid = |error: event::Invalid| Failure::wrong(format!("{} is no event: {error}", args.event.display()));
    let is_json = event.trim_ascii_start().first() == Some(&b'{');
    let event = if is_json { from_json(&event).with_context(|| format!("{} is no event in JSON", args.event.display()))? } else { event };
    let parts = event::split(&event).map_err(invalid)?;
    let council = Envelope::decode(parts.envelope).map_err(invalid)?.council;
    let trust = args.keys.trust(council)?;
    let proved = Receipt::parse(&receipt)?.verify(&event, &trust);
    proved.map_err(|error| match Failure::from(error) {
        // The bytes that were sent may be others that say the same.
        failure if is_json => Failure::unchecked(format!("{}; the JSON may not give the bytes that were sent: give those", failure.why)),
        failure => failure,
    })
}

/// The bytes of an event in protobuf's JSON form. A field that the contract does not have is refused.
fn from_json(json: &[u8]) -> anyhow::Result<Vec<u8>> {
    let pool = DescriptorPool::decode(tandem_proto::DESCRIPTORS)?;
    let event = pool.get_message_by_name("tandem.v1.Event").context("the contract has no event")?;
    let mut json = serde_json::Deserializer::from_slice(json);
    let message = DynamicMessage::deserialize(event, &mut json)?;
    json.end()?;
    Ok(message.encode_to_vec())
}

/// One line.
pub fn line(document: &Document) -> String {
    match (&document.proved, &document.reason) {
        (Some(entry), _) => {
            let when = entry.book_time.as_ref().map_or(String::new(), |time| format!(", recorded {time}"));
            let person = if entry.person { "" } else { "; the person is forgotten, so that only the envelope and the facts are proved" };
            format!("true: {}: the event is entry {} of {}{when}{person}", entry.origin, entry.sequence, entry.size)
        }
        (None, reason) => {
            let word = if document.verdict == Verdict::Mismatch { "mismatch" } else { "could not check" };
            format!("{word}: {}", reason.as_deref().unwrap_or_default().replace('\n', " "))
        }
    }
}
