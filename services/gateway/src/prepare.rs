//! Events in, records out: every event is checked, and the good ones are encoded as `Record` messages around the client's own bytes.
//!
//! This is the path that every event of every council takes: no allocation for a good event, one buffer, one draw of random bytes and
//! one reading of the clock for a batch.

use bytes::Bytes;
use futures::future::BoxFuture;
use rand::Rng;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use tandem_domain::event::{self, Checked, Invalid, Parts};
use tandem_domain::protobuf::{Fields, Value, put_varint};
use tandem_proto::v1::Refusal;
use tandem_wire::auth::{Principal, Role};
use tandem_wire::status::Failure;

/// What the gateway's catalogue knows. A view that lags is allowed to say no.
pub trait Known: Send + Sync + 'static {
    /// Gets ready to be asked about these councils, which may take a while for what is learned from elsewhere.
    fn learn<'a>(&'a self, councils: BTreeSet<&'a str>) -> BoxFuture<'a, Result<(), Failure>> {
        let _ = councils;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Whether the council has defined this service.
    fn service(&self, council: &str, id: &str) -> bool;
    /// Whether the council has defined this measure.
    fn measure(&self, council: &str, id: &str) -> bool;
    /// Whether the council has defined this indicator.
    fn indicator(&self, council: &str, id: &str) -> bool;
}

/// Salts of one record: two of 16 bytes.
const SALTS: usize = 32;
/// What a record has beyond the event and the stamp, at most: tags and lengths of three parts of at most 16 KiB, and two salts.
const RECORD_OVERHEAD: usize = 3 * (1 + 3) + 2 * (1 + 1) + SALTS;
/// What an event costs in memory beyond its bytes, about: its record's overhead and stamp, and the handles on both.
pub(crate) const EVENT_OVERHEAD: usize = 192;

/// What holds for all events of one request.
pub(crate) struct Rules<'a> {
    pub principal: &'a Principal,
    /// Set if the caller asked to refuse what this does not know.
    pub known: Option<&'a dyn Known>,
    /// The gateway's clock, microseconds since 1970 UTC.
    pub now_us: u64,
}

/// Why an event is refused.
#[derive(Debug)]
pub(crate) enum Refused {
    Invalid(Invalid),
    Forbidden(Invalid),
    Unknown(Invalid),
}

impl Refused {
    fn about(self) -> Invalid {
        match self {
            Self::Invalid(about) | Self::Forbidden(about) | Self::Unknown(about) => about,
        }
    }
}

/// One council's records, in the order of their events.
#[derive(Debug)]
pub(crate) struct Group {
    pub council: String,
    pub records: Vec<Bytes>,
}

/// What came of a request's events.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    pub groups: Vec<Group>,
    pub recorded: u32,
    pub bytes: u64,
    pub refused: Vec<(u32, Refused)>,
}

/// Checks and encodes.
pub(crate) fn prepare(events: &[Bytes], rules: &Rules<'_>) -> Prepared {
    let stamp = stamp(rules);
    let bytes: usize = events.iter().map(Bytes::len).sum();
    let mut buffer = Vec::with_capacity(bytes + events.len() * (RECORD_OVERHEAD + stamp.len()));
    let mut salts = vec![0; events.len() * SALTS];
    rand::rng().fill_bytes(&mut salts);

    let mut groups = Groups::default();
    let mut prepared = Prepared::default();
    let mut allowed = None;
    for (index, (event, salts)) in events.iter().zip(salts.chunks_exact(SALTS)).enumerate() {
        match examine(event, rules, &mut allowed) {
            Ok((parts, council)) => {
                let start = buffer.len();
                put_record(&mut buffer, &parts, &stamp, salts);
                groups.add(council, start..buffer.len());
                prepared.recorded += 1;
                prepared.bytes += event.len() as u64;
            }
            Err(refused) => prepared.refused.push((index as u32, refused)), // at most 10,000
        }
    }
    prepared.groups = groups.cut(buffer.into());
    prepared
}

/// The councils of those events that can be read and may be written by the principal.
pub(crate) fn councils<'a>(events: &'a [Bytes], principal: &Principal) -> BTreeSet<&'a str> {
    let envelope = |event: &'a Bytes| event::Envelope::decode(event::split(event).ok()?.envelope).ok();
    events.iter().filter_map(envelope).map(|envelope| envelope.council).filter(|council| principal.may_council(council)).collect()
}

/// Whether an event may be recorded. `allowed` is the council and source that were last found to be the principal's own: neighbours
/// mostly share them.
fn examine<'a>(event: &'a [u8], rules: &Rules<'_>, allowed: &mut Option<(&'a str, &'a str)>) -> Result<(Parts<'a>, &'a str), Refused> {
    let parts = event::split(event).map_err(Refused::Invalid)?;
    let checked = event::check(&parts, rules.now_us).map_err(Refused::Invalid)?;
    let (council, source) = (checked.envelope.council, checked.envelope.source);
    if *allowed != Some((council, source)) {
        may_write(rules.principal, council, source)?;
        *allowed = Some((council, source));
    }
    if let Some(known) = rules.known {
        must_know(known, council, &checked)?;
    }
    Ok((parts, council))
}

fn may_write(principal: &Principal, council: &str, source: &str) -> Result<(), Refused> {
    let refuse = |field: &str, what: &str, id: &str| {
        let text = format!("principal {} may not write {what} {id}: ask whoever keeps the tokens file", principal.name());
        Err(Refused::Forbidden(Invalid::new(field, text)))
    };
    if !principal.may_council(council) {
        return refuse("envelope.council", "to council", council);
    }
    if !principal.may_source(source) {
        return refuse("envelope.source", "as source", source);
    }
    Ok(())
}

fn must_know(known: &dyn Known, council: &str, checked: &Checked<'_>) -> Result<(), Refused> {
    let refuse = |what: &str, id: &str| {
        let text = format!("{what} {id} is not in the catalogue of {council}: define it first, or unset require_known to let the event wait for it");
        Err(Refused::Unknown(Invalid::new(format!("facts.{what}"), text)))
    };
    match *checked {
        Checked { service: Some(id), .. } if !known.service(council, id) => refuse("service", id),
        Checked { measure: Some(id), .. } if !known.measure(council, id) => refuse("measure", id),
        Checked { indicator: Some(id), .. } if !known.indicator(council, id) => refuse("indicator", id),
        _ => Ok(()),
    }
}

/// Fields 4 to 6 of every record of a request: when, from whom, whether an officer.
fn stamp(rules: &Rules<'_>) -> Vec<u8> {
    let name = rules.principal.name();
    let mut out = Vec::with_capacity(16 + name.len());
    out.push(4 << 3 | 1);
    out.extend_from_slice(&rules.now_us.to_le_bytes());
    put_bytes(&mut out, 5, name.as_bytes());
    if rules.principal.has(Role::Officer) {
        out.extend_from_slice(&[6 << 3, 1]);
    }
    out
}

/// One `Record` of frame.proto, as prost would encode it.
fn put_record(out: &mut Vec<u8>, parts: &Parts<'_>, stamp: &[u8], salts: &[u8]) {
    put_bytes(out, 1, parts.envelope);
    put_bytes(out, 2, parts.facts);
    put_bytes(out, 3, parts.person);
    out.extend_from_slice(stamp);
    put_bytes(out, 7, &salts[..SALTS / 2]);
    put_bytes(out, 8, &salts[SALTS / 2..]);
}

/// A length-delimited field with a number below 16; nothing if it is empty, as proto3 has it.
fn put_bytes(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    if !bytes.is_empty() {
        out.push(number << 3 | 2);
        put_varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
}

type Range = std::ops::Range<usize>;

/// Where each council's records are in the buffer.
#[derive(Default)]
struct Groups<'a> {
    groups: Vec<(&'a str, Vec<Range>)>,
    by_council: FxHashMap<&'a str, usize>,
    last: usize,
}

impl<'a> Groups<'a> {
    fn add(&mut self, council: &'a str, record: Range) {
        if self.groups.get(self.last).is_none_or(|(last, _)| *last != council) {
            self.last = *self.by_council.entry(council).or_insert(self.groups.len());
            if self.last == self.groups.len() {
                self.groups.push((council, Vec::new()));
            }
        }
        self.groups[self.last].1.push(record);
    }

    fn cut(self, buffer: Bytes) -> Vec<Group> {
        let slice = |record: Range| buffer.slice(record);
        let group = |(council, records): (&str, Vec<Range>)| Group { council: council.into(), records: records.into_iter().map(slice).collect() };
        self.groups.into_iter().map(group).collect()
    }
}

/// What the caller is told of a refused event.
pub(crate) fn refusal(index: u32, event: &[u8], refused: Refused) -> Refusal {
    let Invalid { field, description } = refused.about();
    Refusal { index, event_id: event_id(event).unwrap_or_default().into(), field, description }
}

/// The event id as sent, if one can be read and is not absurdly long.
fn event_id(event: &[u8]) -> Option<&str> {
    let first = |message, number| {
        let texts = Fields::new(message).map_while(Result::ok).filter(move |field| field.number == number);
        texts.filter_map(|field| if let Value::Bytes(bytes) = field.value { Some(bytes) } else { None }).next()
    };
    let id = first(first(event, 1)?, 1)?;
    std::str::from_utf8(id).ok().filter(|id| id.len() <= event::ID_BYTES_MAX)
}

#[cfg(test)]
#[path = "prepare_tests.rs"]
mod tests;
