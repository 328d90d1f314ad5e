//! An entry as the fold works on it: decoded once, names as slots.

use super::exchange::Exchanges;
use super::index::Index;
use super::names::{NONE, Names, Slot};
use crate::date::{Date, Span};
use crate::event::{self, Body, Envelope, EventId, Evidence, Given, Person, Side};
use crate::record::Record;
use crate::tables::NameKind;

/// Where the names, keys and exchanges that entries speak of are kept.
#[derive(Default)]
pub(super) struct Spoken {
    pub(super) names: Names,
    pub(super) index: Index,
    pub(super) exchanges: Exchanges,
}

/// A decoded entry.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// Place of its key in the index; none: it has no identity.
    pub(super) key: Option<u32>,
    /// Slot of its source.
    pub(super) source: Slot,
    /// The body's field number.
    pub(super) kind: u8,
    pub(super) officer: bool,
    pub(super) received_us: u64,
    pub(super) occurred: Span,
    pub(super) act: Act,
}

/// What it does.
#[derive(Clone, Copy)]
pub(super) enum Act {
    /// Nothing that this version knows.
    Unknown,
    /// A contribution or state input.
    Give(Gift),
    Pledge(Gift, Span),
    Observe(Observed),
    /// The target's place in the index.
    Reverse(u32),
    DefineService(Slot),
    /// The measure and what it is a contra measure of, or NONE.
    DefineMeasure(Slot, Slot),
    DefineIndicator(Slot),
    DefineArea,
    PublishValuation,
}

/// What contributions, state inputs and pledges say.
#[derive(Clone, Copy)]
pub(super) struct Gift {
    pub(super) side: Side,
    pub(super) service: Slot,
    pub(super) measure: Slot,
    pub(super) area: Slot,
    /// Place of the exchange.
    pub(super) exchange: Option<u32>,
    pub(super) quantity: u64,
    pub(super) evidence: Evidence,
    /// The actor of a contribution, the recipient of a state input.
    pub(super) party: Slot,
    /// The pledge that it fulfils.
    pub(super) pledge: Option<(Slot, EventId)>,
}

/// An observation.
#[derive(Clone, Copy)]
pub(super) struct Observed {
    pub(super) service: Slot,
    pub(super) indicator: Slot,
    pub(super) area: Slot,
    pub(super) period: Span,
    pub(super) numerator: i64,
    pub(super) denominator: i64,
}

impl Entry {
    /// Decodes a record of `council`.
    pub(super) fn decode(record: &[u8], council: &str, spoken: &mut Spoken) -> Self {
        // A record that is no Record message counts as one without fields.
        let record = Record::decode(record).unwrap_or_default();
        let day = Span::day(Date(0));
        let kind = event::kind(record.parts.facts);
        let nobody =
            Self { key: None, source: NONE, kind, officer: record.officer, received_us: record.received_us, occurred: day, act: Act::Unknown };
        let Some(envelope) = Envelope::decode(record.parts.envelope).ok().filter(|envelope| envelope.council == council) else {
            return nobody;
        };
        let source = spoken.names.slot(NameKind::Source, envelope.source);
        let key = Some(spoken.index.place(source, envelope.event_id));
        let act = Act::decode(&record, source, spoken);
        Self { key, source, occurred: envelope.occurred, act, ..nobody }
    }
}

impl Act {
    /// Whether its facts are kept as they are.
    pub(super) fn defines(&self) -> bool {
        use Act::*;
        matches!(self, DefineService(_) | DefineMeasure(..) | DefineIndicator(_) | DefineArea | PublishValuation)
    }

    fn decode(record: &Record<'_>, source: Slot, spoken: &mut Spoken) -> Self {
        let Ok(body) = Body::decode(record.parts.facts) else {
            return Self::Unknown;
        };
        let names = &mut spoken.names;
        match body {
            Body::Contribution(contribution) => {
                let actor = Person::decode(record.parts.person).unwrap_or_default().actor;
                let gift = gift(spoken, &contribution.given, Side::Citizen, contribution.evidence, actor);
                let names = &mut spoken.names;
                let pledge = contribution.pledge.map(|(of, id)| (of.map_or(source, |of| names.slot(NameKind::Source, of)), id));
                Self::Give(Gift { pledge, ..gift })
            }
            Body::StateInput(input) => {
                let recipient = Person::decode(record.parts.person).unwrap_or_default().recipient;
                Self::Give(gift(spoken, &input.given, Side::State, input.evidence, recipient))
            }
            // Neither evidence nor actor of a pledge has an effect, nor has the exchange that it names.
            Body::Pledge(pledge) => {
                let given = Given { exchange: None, ..pledge.given };
                Self::Pledge(gift(spoken, &given, Side::Citizen, Evidence::SelfReported, None), pledge.period)
            }
            Body::Outcome(outcome) => Self::Observe(Observed {
                service: names.slot(NameKind::Service, outcome.service),
                indicator: names.slot(NameKind::Indicator, outcome.indicator),
                area: names.optional(NameKind::Area, outcome.area),
                period: outcome.period,
                numerator: outcome.numerator,
                denominator: outcome.denominator,
            }),
            Body::Reversal(reversal) => {
                let of = reversal.target_source.map_or(source, |of| names.slot(NameKind::Source, of));
                Self::Reverse(spoken.index.place(of, reversal.target_event_id))
            }
            Body::Service(service) => Self::DefineService(names.slot(NameKind::Service, service.id)),
            Body::Measure(measure) => {
                Self::DefineMeasure(names.slot(NameKind::Measure, measure.id), names.optional(NameKind::Measure, measure.contra_of))
            }
            Body::Indicator(indicator) => Self::DefineIndicator(names.slot(NameKind::Indicator, indicator.id)),
            Body::Area(_) => Self::DefineArea,
            Body::Valuation(_) => Self::PublishValuation,
            Body::Unknown => Self::Unknown,
        }
    }
}

fn gift(spoken: &mut Spoken, given: &Given<'_>, side: Side, evidence: Evidence, party: Option<&str>) -> Gift {
    let names = &mut spoken.names;
    Gift {
        side,
        service: names.slot(NameKind::Service, given.service),
        measure: names.slot(NameKind::Measure, given.measure),
        area: names.optional(NameKind::Area, given.area),
        exchange: given.exchange.map(|exchange| spoken.exchanges.place(exchange)),
        quantity: given.quantity,
        evidence,
        party: names.optional(NameKind::Actor, party),
        pledge: None,
    }
}
