//! What happened.

use super::catalogue::{Area, Indicator, Measure, Service, Valuation};
use super::reader::Reader;
use super::{EventId, Invalid};
use crate::date::{EARLIEST, Span};
use crate::protobuf::{Fields, Value};

/// How well an entry is evidenced. The numbers are those of the proto and of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// The giver says so.
    SelfReported = 1,
    /// Another citizen confirms it.
    PeerConfirmed = 2,
    /// A professional recorded it.
    Professional = 3,
    /// A device measured it.
    Sensor = 4,
    /// Estimated.
    Assumed = 5,
}

impl Evidence {
    /// From its number.
    pub fn from_number(number: u8) -> Option<Self> {
        use Evidence::*;
        [SelfReported, PeerConfirmed, Professional, Sensor, Assumed].get(usize::from(number).wrapping_sub(1)).copied()
    }
}

impl Evidence {
    /// Its name in the proto, without the enum's.
    pub fn name(self) -> &'static str {
        match self {
            Self::SelfReported => "SELF_REPORTED",
            Self::PeerConfirmed => "PEER_CONFIRMED",
            Self::Professional => "PROFESSIONAL",
            Self::Sensor => "SENSOR",
            Self::Assumed => "ASSUMED",
        }
    }
}

/// Who chose how an individual budget is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// The citizen.
    Citizen = 1,
    /// The council.
    Council = 2,
    /// Both together.
    Jointly = 3,
}

/// What contributions, state inputs and pledges have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given<'a> {
    /// The service.
    pub service: &'a str,
    /// The measure.
    pub measure: &'a str,
    /// In the measure's smallest unit, 1 to 10^15.
    pub quantity: u64,
    /// "scheme:code".
    pub area: Option<&'a str>,
    /// The exchange.
    pub exchange: Option<&'a str>,
}

/// A citizen gave something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contribution<'a> {
    /// What.
    pub given: Given<'a>,
    /// How well it is evidenced.
    pub evidence: Evidence,
    /// The pledge that it fulfils: its source, if not the event's own, and its event id.
    pub pledge: Option<(Option<&'a str>, EventId)>,
}

/// A public body gave something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateInput<'a> {
    /// What.
    pub given: Given<'a>,
    /// How well it is evidenced.
    pub evidence: Evidence,
    /// Who gave it, if not the council.
    pub providing_body: Option<&'a str>,
    /// Money of an individual budget.
    pub individual_budget: bool,
    /// Who chose how it is spent.
    pub chosen_by: Option<ChosenBy>,
}

/// A promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pledge<'a> {
    /// What.
    pub given: Given<'a>,
    /// For when.
    pub period: Span,
}

/// One observation of an indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The service.
    pub service: &'a str,
    /// The indicator.
    pub indicator: &'a str,
    /// "scheme:code"; none: the whole council.
    pub area: Option<&'a str>,
    /// When.
    pub period: Span,
    /// Numerator.
    pub numerator: i64,
    /// Denominator, at least 1.
    pub denominator: i64,
}

/// Cancels an earlier event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reversal<'a> {
    /// What.
    pub target_event_id: EventId,
    /// Its source, if not the event's own.
    pub target_source: Option<&'a str>,
    /// Number of the ReversalReason.
    pub reason: u8,
}

/// The body of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// A citizen gave something.
    Contribution(Contribution<'a>),
    /// A public body gave something.
    StateInput(StateInput<'a>),
    /// An indicator was observed.
    Outcome(Outcome<'a>),
    /// A citizen promised something.
    Pledge(Pledge<'a>),
    /// An earlier event is cancelled.
    Reversal(Reversal<'a>),
    /// A service is defined.
    Service(Service<'a>),
    /// A measure is defined.
    Measure(Measure<'a>),
    /// An indicator is defined.
    Indicator(Indicator<'a>),
    /// An area is defined.
    Area(Area<'a>),
    /// A price list is published.
    Valuation(Valuation<'a>),
    /// A body that this version does not know.
    Unknown,
}

impl<'a> Body<'a> {
    /// Reads and checks the body in Facts.
    pub fn decode(facts: &'a [u8]) -> Result<Self, Invalid> {
        let mut body = Self::Unknown;
        for field in Fields::new(facts) {
            let field = field.map_err(|_| Invalid::new("facts", "is not a protobuf message"))?;
            if field.number > 127 {
                continue;
            }
            let Value::Bytes(bytes) = field.value else {
                return Err(Invalid::new("facts", format!("field {} has the wrong wire type", field.number)));
            };
            body = match field.number {
                1 => Self::Contribution(contribution(Reader::new("facts.contribution_recorded", bytes))?),
                2 => Self::StateInput(state_input(Reader::new("facts.state_input_recorded", bytes))?),
                3 => Self::Outcome(outcome(Reader::new("facts.outcome_observed", bytes))?),
                4 => Self::Pledge(pledge(Reader::new("facts.pledge_made", bytes))?),
                5 => Self::Reversal(reversal(Reader::new("facts.entry_reversed", bytes))?),
                16 => Self::Service(Service::decode(bytes)?),
                17 => Self::Measure(Measure::decode(bytes)?),
                18 => Self::Indicator(Indicator::decode(bytes)?),
                19 => Self::Area(Area::decode(bytes)?),
                20 => Self::Valuation(Valuation::decode(bytes)?),
                _ => Self::Unknown,
            };
        }
        Ok(body)
    }

    /// The service, measure and indicator that the body needs to be known.
    pub fn names(&self) -> (Option<&'a str>, Option<&'a str>, Option<&'a str>) {
        match self {
            Self::Contribution(Contribution { given, .. }) | Self::StateInput(StateInput { given, .. }) | Self::Pledge(Pledge { given, .. }) => {
                (Some(given.service), Some(given.measure), None)
            }
            Self::Outcome(outcome) => (Some(outcome.service), None, Some(outcome.indicator)),
            _ => (None, None, None),
        }
    }
}

/// Fields 1 to 5, the same in three bodies.
#[derive(Default)]
struct GivenFields<'a> {
    service: &'a str,
    measure: &'a str,
    quantity: i64,
    area: &'a str,
    exchange: &'a str,
}

impl<'a> GivenFields<'a> {
    /// Takes the field if it is one of these.
    fn take(&mut self, reader: &Reader<'a>, number: u32, value: Value<'a>) -> Result<(), Invalid> {
        match number {
            1 => self.service = reader.text("service", value)?,
            2 => self.measure = reader.text("measure", value)?,
            3 => self.quantity = reader.integer("quantity", value)?,
            4 => self.area = reader.text("area", value)?,
            5 => self.exchange = reader.text("exchange", value)?,
            _ => {}
        }
        Ok(())
    }

    fn check(self, reader: &Reader<'a>) -> Result<Given<'a>, Invalid> {
        Ok(Given {
            service: reader.id("service", self.service)?,
            measure: reader.id("measure", self.measure)?,
            quantity: reader.quantity("quantity", self.quantity)?,
            area: reader.area("area", self.area)?,
            exchange: reader.optional_id("exchange", self.exchange)?,
        })
    }
}

fn evidence(reader: &Reader<'_>, number: i64) -> Result<Evidence, Invalid> {
    let known = u8::try_from(number).ok().and_then(Evidence::from_number);
    known.ok_or_else(|| reader.invalid("evidence", "is required: 1 to 5"))
}

fn contribution(reader: Reader<'_>) -> Result<Contribution<'_>, Invalid> {
    let (mut given, mut grade, mut pledge_id, mut pledge_source) = (GivenFields::default(), 0, "", "");
    for field in reader.fields() {
        match field? {
            (6, value) => grade = reader.integer("evidence", value)?,
            (7, value) => pledge_id = reader.text("pledge_event_id", value)?,
            (8, value) => pledge_source = reader.text("pledge_source", value)?,
            (number, value) => given.take(&reader, number, value)?,
        }
    }
    let source = reader.optional_id("pledge_source", pledge_source)?;
    let pledge = match (pledge_id, source) {
        ("", None) => None,
        ("", Some(_)) => return Err(reader.invalid("pledge_event_id", "is required with pledge_source")),
        (id, source) => Some((source, reader.uuid("pledge_event_id", id)?)),
    };
    Ok(Contribution { given: given.check(&reader)?, evidence: evidence(&reader, grade)?, pledge })
}

fn state_input(reader: Reader<'_>) -> Result<StateInput<'_>, Invalid> {
    let (mut given, mut grade, mut body, mut budget, mut chosen) = (GivenFields::default(), 0, "", 0, 0);
    for field in reader.fields() {
        match field? {
            (6, value) => grade = reader.integer("evidence", value)?,
            (7, value) => body = reader.text("providing_body", value)?,
            (8, value) => budget = reader.integer("individual_budget", value)?,
            (9, value) => chosen = reader.number("chosen_by", value, 0..=3)?,
            (number, value) => given.take(&reader, number, value)?,
        }
    }
    if chosen != 0 && budget == 0 {
        return Err(reader.invalid("chosen_by", "needs individual_budget"));
    }
    Ok(StateInput {
        given: given.check(&reader)?,
        evidence: evidence(&reader, grade)?,
        providing_body: reader.optional_id("providing_body", body)?,
        individual_budget: budget != 0,
        chosen_by: [None, Some(ChosenBy::Citizen), Some(ChosenBy::Council), Some(ChosenBy::Jointly)][chosen as usize],
    })
}

fn pledge(reader: Reader<'_>) -> Result<Pledge<'_>, Invalid> {
    let (mut given, mut start, mut end) = (GivenFields::default(), "", "");
    for field in reader.fields() {
        match field? {
            (6, value) => start = reader.text("period_start", value)?,
            (7, value) => end = reader.text("period_end", value)?,
            (number, value) => given.take(&reader, number, value)?,
        }
    }
    Ok(Pledge { given: given.check(&reader)?, period: period(&reader, start, end)? })
}

fn period(reader: &Reader<'_>, start: &str, end: &str) -> Result<Span, Invalid> {
    let span = reader.span("period_start", start, "period_end", end)?;
    if span.start < EARLIEST {
        return Err(reader.invalid("period_start", format!("is before {EARLIEST}")));
    }
    Ok(span)
}

fn outcome(reader: Reader<'_>) -> Result<Outcome<'_>, Invalid> {
    const BOUND: i64 = 1_000_000_000_000_000;
    let (mut service, mut indicator, mut area, mut start, mut end, mut numerator, mut denominator) = ("", "", "", "", "", 0, 0);
    for field in reader.fields() {
        match field? {
            (1, value) => service = reader.text("service", value)?,
            (2, value) => indicator = reader.text("indicator", value)?,
            (3, value) => area = reader.text("area", value)?,
            (4, value) => start = reader.text("period_start", value)?,
            (5, value) => end = reader.text("period_end", value)?,
            (6, value) => numerator = reader.number("numerator", value, -BOUND..=BOUND)?,
            (7, value) => denominator = reader.integer("denominator", value)?,
            _ => {}
        }
    }
    Ok(Outcome {
        service: reader.id("service", service)?,
        indicator: reader.id("indicator", indicator)?,
        area: reader.area("area", area)?,
        period: period(&reader, start, end)?,
        numerator,
        denominator: reader.quantity("denominator", denominator)? as i64,
    })
}

fn reversal(reader: Reader<'_>) -> Result<Reversal<'_>, Invalid> {
    let (mut id, mut source, mut reason) = ("", "", 0);
    for field in reader.fields() {
        match field? {
            (1, value) => id = reader.text("target_event_id", value)?,
            (2, value) => source = reader.text("target_source", value)?,
            (3, value) => reason = reader.integer("reason", value)?,
            _ => {}
        }
    }
    if !(1..=5).contains(&reason) {
        return Err(reader.invalid("reason", "is required: 1 to 5"));
    }
    Ok(Reversal {
        target_event_id: reader.uuid("target_event_id", id)?,
        target_source: reader.optional_id("target_source", source)?,
        reason: reason as u8,
    })
}
