//! Events to fold: some by hand, many by chance.

use crate::support::MemoryLog;
use prost::Message;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use tandem_domain::position::Position;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{
    AreaDefined, ContributionRecorded, EntryReversed, Envelope, Facts, IndicatorDefined, MeasureDefined, OutcomeObserved, Person, PledgeMade, Record,
    ServiceDefined, StateInputRecorded,
};

/// 2026-01-02 00:00 UTC: when the first frame is appended.
pub const START_US: u64 = 1_767_312_000_000_000;

/// An event id by number.
pub fn id(number: u64) -> String {
    format!("0190a000-0000-7000-8000-{number:012x}")
}

/// A record of any body.
pub fn record(council: &str, number: u64, day: &str, body: Body, actor: &str, recipient: &str) -> Record {
    let envelope =
        Envelope { event_id: id(number), council: council.into(), source: "school/north".into(), occurred_start: day.into(), ..Default::default() };
    let person = Person { actor: actor.into(), recipient: recipient.into(), ..Default::default() };
    Record {
        envelope: envelope.encode_to_vec(),
        facts: Facts { body: Some(body) }.encode_to_vec(),
        person: person.encode_to_vec(),
        received_us: START_US + number,
        principal: "local".into(),
        facts_salt: vec![number as u8; 16],
        person_salt: vec![!number as u8; 16],
        ..Default::default()
    }
}

pub fn service() -> Body {
    Body::ServiceDefined(ServiceDefined { id: "tutoring".into(), name: "Tutoring".into(), mode: 1, ..Default::default() })
}

pub fn measure(id: &str, side: i32) -> Body {
    Body::MeasureDefined(MeasureDefined { id: id.into(), name: format!("Minutes of {id}"), side, unit: "min".into(), role: 1, ..Default::default() })
}

pub fn gives(quantity: i64, exchange: &str) -> Body {
    Body::ContributionRecorded(ContributionRecorded {
        service: "tutoring".into(),
        measure: "homework".into(),
        quantity,
        area: "ward:1".into(),
        exchange: exchange.into(),
        evidence: 1,
        ..Default::default()
    })
}

pub fn inputs(quantity: i64, exchange: &str) -> Body {
    Body::StateInputRecorded(StateInputRecorded {
        service: "tutoring".into(),
        measure: "teaching".into(),
        quantity,
        exchange: exchange.into(),
        evidence: 3,
        ..Default::default()
    })
}

pub fn reverses(number: u64) -> Body {
    Body::EntryReversed(EntryReversed { target_event_id: id(number), target_source: String::new(), reason: 2 })
}

/// The catalogue that the bodies above need.
pub fn catalogue(council: &str) -> Vec<Record> {
    let bodies = [service(), measure("homework", 1), measure("teaching", 2)];
    (1_000_000..).zip(bodies).map(|(number, body)| record(council, number, "2026-01-01", body, "", "")).collect()
}

/// Councils of a random history: they live in different partitions.
pub const COUNCILS: [&str; 4] = ["E09000001", "E09000002", "E09000003", "north-ward"];

/// One frame of a random history.
#[derive(Clone)]
pub struct Planned {
    pub council: &'static str,
    pub records: Vec<Record>,
}

/// A random history: late definitions, duplicates, conflicts, reversals before and after their targets, exchanges that become two-sided.
pub fn random(seed: u64, frames: usize) -> Vec<Planned> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut sent: Vec<Vec<Record>> = vec![Vec::new(); COUNCILS.len()];
    let mut number = 0;
    let mut plan = Vec::new();
    for _ in 0..frames {
        let council = random.random_range(0..COUNCILS.len());
        let mut records = Vec::new();
        for _ in 0..random.random_range(1..40) {
            let earlier = &sent[council];
            let record = match random.random_range(0..20) {
                0 if !earlier.is_empty() => earlier[random.random_range(0..earlier.len())].clone(),
                1 if !earlier.is_empty() => Record { person: Vec::new(), ..earlier[random.random_range(0..earlier.len())].clone() },
                _ => {
                    number += 1;
                    random_record(&mut random, COUNCILS[council], number)
                }
            };
            sent[council].push(record.clone());
            records.push(record);
        }
        plan.push(Planned { council: COUNCILS[council], records });
    }
    plan
}

fn random_record(random: &mut StdRng, council: &str, number: u64) -> Record {
    let exchange = format!("plan-{}", random.random_range(0..60));
    let exchange = if random.random_bool(0.2) { "" } else { exchange.as_str() };
    let quantity = random.random_range(1..500);
    let body = match random.random_range(0..100) {
        0 => service(),
        1 => measure("homework", 1),
        2 => measure("teaching", 2),
        3 => Body::IndicatorDefined(IndicatorDefined { id: "pass".into(), name: "Pass".into(), unit: "%".into(), decimal_places: 0, direction: 1 }),
        4 => Body::AreaDefined(AreaDefined { area: "ward:1".into(), vintage: format!("v{quantity}"), ..Default::default() }),
        5..15 => reverses(random.random_range(number.saturating_sub(40)..number + 20)),
        15..20 => Body::OutcomeObserved(OutcomeObserved {
            service: "tutoring".into(),
            indicator: "pass".into(),
            period_start: "2026-01-01".into(),
            numerator: quantity,
            denominator: 500,
            ..Default::default()
        }),
        20..25 => Body::PledgeMade(PledgeMade {
            service: "tutoring".into(),
            measure: "homework".into(),
            quantity,
            period_start: "2026-02-01".into(),
            ..Default::default()
        }),
        25..60 => inputs(quantity, exchange),
        _ => gives(quantity, exchange),
    };
    let day = format!("2025-{:02}-{:02}", random.random_range(1..13), random.random_range(1..29));
    let actor = format!("actor-{}", random.random_range(0..30));
    let (actor, recipient) = match &body {
        Body::StateInputRecorded(_) if random.random_bool(0.5) => ("", actor.as_str()),
        Body::StateInputRecorded(_) => ("", ""),
        _ if random.random_bool(0.1) => ("", ""),
        _ => (actor.as_str(), ""),
    };
    record(council, number, &day, body, actor, recipient)
}

/// Appends frames; the n-th of the whole history is appended n milliseconds after the start.
pub fn append(log: &Arc<MemoryLog>, plan: &[Planned], first: usize) -> Vec<Position> {
    let push = |(at, planned): (usize, &Planned)| log.push(planned.council, &planned.records, START_US + (at as u64) * 1_000);
    (first..).zip(plan).map(push).collect()
}

/// A seed to print, or to repeat.
pub fn seed() -> u64 {
    std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random)
}
