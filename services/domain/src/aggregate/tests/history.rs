//! Histories for tests: events in plain values, written as a client would and folded by the real fold.

use super::areas::AreaRow;
use crate::date::Span;
use crate::event::{Parts, Side};
use crate::fold::{Intake, fold};
use crate::memory::Memory;
use crate::protobuf::put_varint;
use crate::record::Record;

pub const COUNCIL: &str = "E09000001";

/// A contribution or a state input.
#[derive(Clone, Debug)]
pub struct Gift {
    pub id: u128,
    pub side: Side,
    pub service: &'static str,
    pub measure: &'static str,
    pub quantity: i64,
    pub area: &'static str,
    pub exchange: String,
    pub evidence: i64,
    pub occurred: Span,
    /// Empty: none.
    pub party: String,
}

#[derive(Clone, Debug)]
pub struct Rate {
    pub measure: &'static str,
    pub per_quantity: i64,
    pub low: i64,
    pub central: i64,
    pub high: i64,
    /// Empty: the valuation is constant.
    pub from: &'static str,
}

/// An observation of an indicator.
#[derive(Clone, Debug)]
pub struct Seen {
    pub id: u128,
    pub source: &'static str,
    pub service: &'static str,
    pub indicator: &'static str,
    pub area: &'static str,
    pub period: Span,
    pub numerator: i64,
    pub denominator: i64,
}

#[derive(Clone, Debug)]
pub enum Event {
    Service(&'static str),
    /// Id, side, unit, contra of.
    Measure(&'static str, Side, &'static str, &'static str),
    /// Id, version, rates. All are marked as maintained.
    Valuation(&'static str, i64, Vec<Rate>),
    Area(AreaRow),
    Gift(Gift),
    /// Id of what is cancelled.
    Reversal(u128),
    /// Id, unit, decimal places; 1: higher is better, 2: lower.
    Indicator(&'static str, &'static str, i64, i64),
    Outcome(Seen),
    /// Id and source of an outcome that is cancelled.
    OutcomeReversal(u128, &'static str),
}

/// Mode of a service: transactional if it is part of another, else relational.
pub fn mode(service: &str) -> i64 {
    if service.contains('/') { 3 } else { 1 }
}

/// A protobuf message that grows.
#[derive(Default)]
pub struct Message(Vec<u8>);

impl Message {
    pub fn text(mut self, number: u64, text: &str) -> Self {
        if !text.is_empty() {
            put_varint(&mut self.0, number << 3 | 2);
            put_varint(&mut self.0, text.len() as u64);
            self.0.extend_from_slice(text.as_bytes());
        }
        self
    }

    pub fn number(mut self, number: u64, value: i64) -> Self {
        put_varint(&mut self.0, number << 3);
        put_varint(&mut self.0, value as u64);
        self
    }

    pub fn message(mut self, number: u64, message: Self) -> Self {
        put_varint(&mut self.0, number << 3 | 2);
        put_varint(&mut self.0, message.0.len() as u64);
        self.0.extend(message.0);
        self
    }
}

pub fn uuid(id: u128) -> String {
    let hex = format!("{id:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn facts(event: &Event) -> Message {
    let message = Message::default;
    match event {
        Event::Service(id) => message().message(16, message().text(1, id).text(2, id).number(3, mode(id))),
        Event::Measure(id, side, unit, contra_of) => {
            message().message(17, message().text(1, id).text(2, id).number(3, *side as i64).text(4, unit).number(5, 1).text(6, contra_of))
        }
        Event::Valuation(id, version, rates) => {
            let basis = if rates.iter().any(|rate| rate.from.is_empty()) { 2 } else { 1 };
            let valuation = message().text(1, id).number(2, *version).text(3, id).text(4, "GBP").number(6, basis).number(11, 1);
            let rate = |rate: &Rate| {
                let amounts = message().text(1, rate.measure).number(2, rate.per_quantity).number(3, rate.central);
                amounts.number(4, rate.low).number(5, rate.high).text(6, rate.from)
            };
            message().message(20, rates.iter().fold(valuation, |valuation, one| valuation.message(12, rate(one))))
        }
        Event::Area(row) => {
            let mut area = message().text(1, row.area).text(2, row.vintage).text(4, row.parent);
            area = if row.decile > 0 { area.number(5, row.decile) } else { area };
            area = if row.population >= 0 { area.number(6, row.population) } else { area };
            message().message(19, area)
        }
        Event::Gift(gift) => {
            let given = message().text(1, gift.service).text(2, gift.measure).number(3, gift.quantity);
            let given = given.text(4, gift.area).text(5, &gift.exchange).number(6, gift.evidence);
            message().message(gift.side as u64, given)
        }
        Event::Indicator(id, unit, places, direction) => {
            message().message(18, message().text(1, id).text(2, id).text(3, unit).number(4, *places).number(5, *direction))
        }
        Event::Outcome(seen) => {
            let of = message().text(1, seen.service).text(2, seen.indicator).text(3, seen.area);
            let period = of.text(4, &seen.period.start.to_string()).text(5, &seen.period.end.to_string());
            message().message(3, period.number(6, seen.numerator).number(7, seen.denominator))
        }
        Event::Reversal(target) | Event::OutcomeReversal(target, _) => message().message(5, message().text(1, &uuid(*target)).number(3, 2)),
    }
}

/// The UTC day on which the first event is recorded.
pub const FIRST_DAY: i32 = 20_000;
/// Every event is recorded ten days after the one before, so that journals have many months.
pub const TEN_DAYS_US: u64 = 10 * crate::date::DAY_US;

/// An encoded record, recorded so long after the one before.
pub fn record(at: usize, event: &Event, step_us: u64) -> Vec<u8> {
    let (id, span, person) = match event {
        Event::Gift(gift) => {
            let field = if gift.side == Side::Citizen { 1 } else { 3 };
            (gift.id, Some(gift.occurred), Message::default().text(field, &gift.party))
        }
        Event::Outcome(seen) => (seen.id, None, Message::default()),
        _ => (1 << 100 | at as u128, None, Message::default()),
    };
    let source = match event {
        Event::Outcome(Seen { source, .. }) | Event::OutcomeReversal(_, source) => source,
        _ => "office",
    };
    encoded_of(source, received_us(at, step_us), id, span, &facts(event), &person)
}

/// The record of any event of the office.
pub fn encoded(at: usize, id: u128, span: Option<Span>, facts: &Message, person: &Message) -> Vec<u8> {
    encoded_of("office", received_us(at, TEN_DAYS_US), id, span, facts, person)
}

fn received_us(at: usize, step_us: u64) -> u64 {
    FIRST_DAY as u64 * crate::date::DAY_US + at as u64 * step_us
}

fn encoded_of(source: &str, received_us: u64, id: u128, span: Option<Span>, facts: &Message, person: &Message) -> Vec<u8> {
    let (start, end) = span.map_or(("2025-01-01".to_owned(), String::new()), |span| (span.start.to_string(), span.end.to_string()));
    let envelope = Message::default().text(1, &uuid(id)).text(2, COUNCIL).text(3, source).text(4, &start).text(5, &end);
    let parts = Parts { envelope: &envelope.0, facts: &facts.0, person: &person.0 };
    let mut out = Vec::new();
    Record { parts, received_us, principal: "local", officer: false, facts_salt: &[1; 16], person_salt: &[2; 16] }.encode(&mut out);
    out
}

/// The rows that a history folds into, after each of its events.
pub fn folded_one_by_one(events: &[Event]) -> Vec<Memory> {
    let mut memory = Memory::new();
    let after = |(at, event): (usize, &Event)| {
        let record = record(at, event, TEN_DAYS_US);
        let intake = [Intake { record: &record, append_us: u64::MAX, offset: at as u64, index: 0 }];
        let rows = memory.clone();
        let done = fold(&rows, COUNCIL, 0, &intake, usize::MAX, &mut memory).unwrap();
        assert!((done.taken, done.cures_pending) == (1, false));
        memory.clone()
    };
    events.iter().enumerate().map(after).collect()
}

/// The rows that a history folds into.
pub fn folded(events: &[Event]) -> Memory {
    folded_every(TEN_DAYS_US, events)
}

/// The same of events that are recorded so long after each other.
pub fn folded_every(step_us: u64, events: &[Event]) -> Memory {
    folded_records(&events.iter().enumerate().map(|(at, event)| record(at, event, step_us)).collect::<Vec<_>>())
}

/// The rows that records fold into.
pub fn folded_records(records: &[Vec<u8>]) -> Memory {
    let mut memory = Memory::new();
    let intake = |(at, record)| Intake { record, append_us: u64::MAX, offset: at as u64, index: 0 };
    let mut intake = records.iter().map(Vec::as_slice).enumerate().map(intake).collect::<Vec<_>>();
    while !intake.is_empty() {
        let rows = memory.clone();
        let done = fold(&rows, COUNCIL, 0, &intake, usize::MAX, &mut memory).unwrap();
        assert!(!done.cures_pending);
        intake.drain(..done.taken);
    }
    memory
}
