//! A record in a book, and what became of it.

use prost::Message;
use std::fmt;
use tandem_domain::event;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{Facts, Record, Side, SuspenseReason};

/// Which event an entry is: its source and its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey {
    /// The reporting system.
    pub source: String,
    /// UUID.
    pub event_id: [u8; 16],
}

impl EventKey {
    /// From a UUID's text.
    pub fn new(source: &str, event_id: &str) -> Self {
        Self { source: source.to_owned(), event_id: event::parse_uuid(event_id).expect("a UUID") }
    }

    /// The UUID's text.
    pub fn id_text(&self) -> String {
        uuid_text(&self.event_id)
    }
}

/// 36 lower-case characters.
pub(crate) fn uuid_text(id: &[u8; 16]) -> String {
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// What an entry in suspense waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// A service's definition.
    Service(String),
    /// A measure's.
    Measure(String),
    /// An indicator's.
    Indicator(String),
    /// An effect of this event.
    Target(EventKey),
    /// Room in this exchange.
    Exchange(String),
}

/// As `EntryStatus.waits_for` shows it.
impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(id) | Self::Measure(id) | Self::Indicator(id) | Self::Exchange(id) => f.write_str(id),
            Self::Target(key) => write!(f, "{}/{}", key.source, key.id_text()),
        }
    }
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// No effect yet.
    Suspended(SuspenseReason, Option<Wait>),
    /// In effect.
    Applied,
    /// Cancelled.
    Reversed,
}

/// An entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the book.
    pub sequence: u64,
    /// Book time.
    pub book_time_us: u64,
    /// The record.
    pub record: Record,
    /// The body's field number.
    pub kind: u8,
    /// Who it is; none: its envelope cannot be read.
    pub key: Option<EventKey>,
    /// First occurred day; empty without a key.
    pub start: String,
    /// Last occurred day.
    pub end: String,
    /// The body; none: unknown or unreadable.
    pub body: Option<Body>,
    /// Who gave.
    pub actor: Option<String>,
    /// Whom it was for.
    pub recipient: Option<String>,
    /// What became of it.
    pub state: State,
    /// Sequence of the entry that cured it.
    pub cured_by: Option<u64>,
    /// Sequence of its reversal.
    pub reversed_by: Option<u64>,
}

/// What contributions and state inputs have in common.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// Service.
    pub service: &'a str,
    /// Measure, as recorded.
    pub measure: &'a str,
    /// Quantity.
    pub quantity: i64,
    /// Area; empty: none.
    pub area: &'a str,
    /// Exchange; empty: none.
    pub exchange: &'a str,
    /// Evidence grade.
    pub evidence: i32,
    /// Citizen for contributions, state for state inputs.
    pub side: Side,
}

impl Entry {
    /// Reads a record. Which envelopes, facts and person parts pass is the domain's to say; what stands in them, prost's.
    pub(super) fn read(council: &str, bytes: &[u8]) -> Self {
        let record = Record::decode(bytes).expect("logs hold records");
        let envelope = event::Envelope::decode(&record.envelope).ok().filter(|envelope| envelope.council == council);
        let known = matches!(event::Body::decode(&record.facts), Ok(body) if body != event::Body::Unknown);
        let body = Facts::decode(record.facts.as_slice()).ok().and_then(|facts| facts.body).filter(|_| known);
        let person = event::Person::decode(&record.person).unwrap_or_default();
        let text = |text: Option<&str>| text.map(str::to_owned);
        Self {
            sequence: 0,
            book_time_us: 0,
            kind: event::kind(&record.facts),
            key: envelope.map(|envelope| EventKey { source: envelope.source.to_owned(), event_id: envelope.event_id }),
            start: envelope.map(|envelope| envelope.occurred.start.to_string()).unwrap_or_default(),
            end: envelope.map(|envelope| envelope.occurred.end.to_string()).unwrap_or_default(),
            body: body.filter(|_| envelope.is_some()),
            actor: text(person.actor),
            recipient: text(person.recipient),
            state: State::Suspended(SuspenseReason::UnknownBody, None),
            cured_by: None,
            reversed_by: None,
            record,
        }
    }

    /// What it gives, if it is a contribution or a state input.
    pub fn given(&self) -> Option<Given<'_>> {
        match self.body.as_ref()? {
            Body::ContributionRecorded(c) => Some(Given {
                service: &c.service,
                measure: &c.measure,
                quantity: c.quantity,
                area: &c.area,
                exchange: &c.exchange,
                evidence: c.evidence,
                side: Side::Citizen,
            }),
            Body::StateInputRecorded(s) => Some(Given {
                service: &s.service,
                measure: &s.measure,
                quantity: s.quantity,
                area: &s.area,
                exchange: &s.exchange,
                evidence: s.evidence,
                side: Side::State,
            }),
            _ => None,
        }
    }

    /// Whether it has its effect now.
    pub fn is_live(&self) -> bool {
        self.state == State::Applied
    }

    /// The source that a reversal or a contribution means: the one it names, or its own.
    pub(super) fn key_of(&self, source: &str, event_id: &str) -> EventKey {
        let own = || self.key.as_ref().map_or("", |key| &key.source);
        EventKey::new(if source.is_empty() { own() } else { source }, event_id)
    }

    /// The 74 bytes that the book's tree holds, by the formula in frame.proto.
    pub fn commitment(&self) -> Vec<u8> {
        crate::book::commitment(&self.record, self.book_time_us)
    }
}
