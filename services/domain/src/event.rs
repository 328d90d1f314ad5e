//! Events: what a client sends, read from its own bytes without copying, and checked once, at the edge.

mod body;
mod catalogue;
mod reader;

pub use body::{Body, ChosenBy, Contribution, Evidence, Given, Outcome, Pledge, Reversal, StateInput};
pub use catalogue::{Area, Basis, Direction, Indicator, Measure, Rate, Role, Service, ServiceMode, Side, Valuation};

use crate::date::{DAY_US, Date, EARLIEST, Span};
use crate::protobuf::{Fields, Value};
use reader::Reader;
pub use reader::{is_council, parse_uuid};

/// Largest event, encoded.
pub const EVENT_BYTES_MAX: usize = 16 * 1024;
/// Longest identifier.
pub const ID_BYTES_MAX: usize = 128;
/// Largest quantity.
pub const QUANTITY_MAX: u64 = 1_000_000_000_000_000;

/// A UUID's 16 bytes.
pub type EventId = [u8; 16];

/// What is wrong with an event, for the one who sent it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {description}")]
pub struct Invalid {
    /// Path of the field from Event.
    pub field: String,
    /// What is wrong and which limit holds.
    pub description: String,
}

impl Invalid {
    /// About one field.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }
}

/// The three parts of an event, as the client's own bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts<'a> {
    /// Event.envelope.
    pub envelope: &'a [u8],
    /// Event.facts.
    pub facts: &'a [u8],
    /// Event.person; empty if there is none.
    pub person: &'a [u8],
}

/// Cuts an Event into its parts. Anything else in it would be covered by no commitment, so it is refused.
pub fn split(event: &[u8]) -> Result<Parts<'_>, Invalid> {
    if event.len() > EVENT_BYTES_MAX {
        return Err(Invalid::new("event", format!("is {} bytes; the limit is {EVENT_BYTES_MAX}", event.len())));
    }
    let mut parts = Parts::default();
    let mut seen = 0u8;
    for field in Fields::new(event) {
        let field = field.map_err(|_| Invalid::new("event", "is not a protobuf message"))?;
        let (Value::Bytes(bytes), 1..=3) = (field.value, field.number) else {
            return Err(Invalid::new("event", format!("has an unknown field {}; only envelope, facts and person may be extended", field.number)));
        };
        if seen & 1 << field.number != 0 {
            return Err(Invalid::new("event", format!("has field {} twice", field.number)));
        }
        seen |= 1 << field.number;
        match field.number {
            1 => parts.envelope = bytes,
            2 => parts.facts = bytes,
            _ => parts.person = bytes,
        }
    }
    Ok(parts)
}

/// Who says so, about which council, and when it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// UUID.
    pub event_id: EventId,
    /// The council.
    pub council: &'a str,
    /// The reporting system.
    pub source: &'a str,
    /// When it happened.
    pub occurred: Span,
}

impl<'a> Envelope<'a> {
    /// Reads and checks an envelope.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let reader = Reader::new("envelope", bytes);
        let (mut event_id, mut council, mut source, mut start, mut end) = (None, "", "", "", "");
        for field in reader.fields() {
            match field? {
                (1, value) => event_id = Some(reader.text("event_id", value)?),
                (2, value) => council = reader.text("council", value)?,
                (3, value) => source = reader.text("source", value)?,
                (4, value) => start = reader.text("occurred_start", value)?,
                (5, value) => end = reader.text("occurred_end", value)?,
                _ => {}
            }
        }
        Ok(Self {
            event_id: reader.uuid("event_id", event_id.unwrap_or_default())?,
            council: reader.council(council)?,
            source: reader.id("source", source)?,
            occurred: reader.span("occurred_start", start, "occurred_end", end)?,
        })
    }
}

/// Who took part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Person<'a> {
    /// Who gave.
    pub actor: Option<&'a str>,
    /// Number of the ActorKind.
    pub actor_kind: u8,
    /// Whom it was for.
    pub recipient: Option<&'a str>,
}

impl<'a> Person<'a> {
    /// Reads and checks a person part.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let reader = Reader::new("person", bytes);
        let mut person = Self::default();
        for field in reader.fields() {
            match field? {
                (1, value) => person.actor = reader.optional_id("actor", reader.text("actor", value)?)?,
                (2, value) => person.actor_kind = reader.number("actor_kind", value, 0..=4)? as u8,
                (3, value) => person.recipient = reader.optional_id("recipient", reader.text("recipient", value)?)?,
                (4, value) => drop(reader.words("source_key", reader.text("source_key", value)?, 0..=128)?),
                (5, value) => drop(reader.words("notes", reader.text("notes", value)?, 0..=4_096)?),
                _ => {}
            }
        }
        Ok(person)
    }
}

/// The body's field number in Facts: the last length-delimited field from 1 to 127, or 0. It needs no knowledge of bodies, so that
/// the book does not depend on this version's.
pub fn kind(facts: &[u8]) -> u8 {
    let is_body = |field: &crate::protobuf::Field| matches!(field.value, Value::Bytes(_)) && field.number <= 127;
    Fields::new(facts).map_while(Result::ok).filter(is_body).last().map_or(0, |field| field.number as u8)
}

/// What the gateway needs to know of an event that it accepts.
#[derive(Clone, Copy, Debug)]
pub struct Checked<'a> {
    /// Its envelope.
    pub envelope: Envelope<'a>,
    /// The service that its body names.
    pub service: Option<&'a str>,
    /// The measure that its body names.
    pub measure: Option<&'a str>,
    /// The indicator that its body names.
    pub indicator: Option<&'a str>,
}

/// Checks an event as the gateway must before it is recorded; `now_us` is the gateway's clock, microseconds since 1970 UTC.
pub fn check<'a>(parts: &Parts<'a>, now_us: u64) -> Result<Checked<'a>, Invalid> {
    let envelope = Envelope::decode(parts.envelope)?;
    let latest = Date::of_instant(now_us + DAY_US);
    if envelope.occurred.start < EARLIEST {
        return Err(Invalid::new("envelope.occurred_start", format!("is before {EARLIEST}")));
    }
    if envelope.occurred.start > latest {
        return Err(Invalid::new("envelope.occurred_start", format!("is more than 24 hours in the future (after {latest})")));
    }
    if parts.facts.is_empty() {
        return Err(Invalid::new("facts", "is required"));
    }
    let bodies = Fields::new(parts.facts).filter(|field| matches!(field, Ok(field) if field.number <= 127)).count();
    if bodies > 1 {
        return Err(Invalid::new("facts", "has more than one body"));
    }
    let body = Body::decode(parts.facts)?;
    if kind(parts.facts) == 0 {
        return Err(Invalid::new("facts", "has no body"));
    }
    Person::decode(parts.person)?;
    let (service, measure, indicator) = body.names();
    Ok(Checked { envelope, service, measure, indicator })
}

#[cfg(test)]
mod tests;
