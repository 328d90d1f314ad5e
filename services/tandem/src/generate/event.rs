//! From a plan's step to the event that a reporting system would send.

use super::dice::{Dice, Stream, fingerprint};
use super::plan::{Act, Plan, Step};
use super::world::World;
use prost_types::Timestamp;
use tandem_domain::date::Date;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{
    ChosenBy, ContributionRecorded, EntryReversed, Envelope, Event, Facts, OutcomeObserved, Person, PledgeMade, ReversalReason, StateInputRecorded,
};

/// A service that is never defined.
pub const UNLISTED_SERVICE: &str = "unlisted/service";
/// A measure that is never defined.
pub const UNLISTED_MEASURE: &str = "unlisted/measure";

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// From this number on, steps are none of a plan's.
const NO_STEP: u64 = 128;

/// The event of the `index`-th step.
pub fn of_step(world: &World, plan: &Plan, steps: &[Step], index: usize) -> Event {
    let step = &steps[index];
    match step.act {
        Act::Repeat(of) => of_step(world, plan, steps, usize::from(of)),
        Act::Conflict(of) => Writer { world, plan, steps, step }.event(steps[usize::from(of)].act, usize::from(of)),
        act => Writer { world, plan, steps, step }.event(act, index),
    }
}

/// The event of a definition, the `index`-th of all.
pub fn of_definition(world: &World, index: u64, body: Body) -> Event {
    let shape = &world.shape;
    let envelope = Envelope {
        event_id: event_id(world, 1 << 63 | index, shape.first_day, index.min(DAY_MS - 1)),
        council: shape.council.clone(),
        source: "catalogue".into(),
        occurred_start: shape.first_day.to_string(),
        occurred_end: String::new(),
        occurred_at: None,
    };
    Event { envelope: Some(envelope), facts: Some(Facts { body: Some(body) }), person: None }
}

/// The time of day, in milliseconds, at which a step is sent: between six and ten.
pub fn sent_ms(world: &World, plan: &Plan, index: usize) -> u32 {
    Dice::new(world.shape.seed, Stream::Clock, plan.number << 8 | index as u64).between(6 * 3_600_000, 22 * 3_600_000 - 1) as u32
}

/// The UUID of the `number`-th event: version 7 of the time of sending, or version 4. Different for every number, by 64 bits that are.
fn event_id(world: &World, number: u64, sent: Date, ms: u64) -> String {
    let seed = world.shape.seed;
    let (high, low) = (fingerprint(seed, Stream::IdHigh, number), fingerprint(seed, Stream::IdLow, number));
    // 62 of the 64 bits that are never twice the same go to the lower half, the other two to the upper.
    let upper = match world.shape.random_ids {
        true => high & 0xffff_ffff_ffff_0ffc | 0x4000 | low >> 62,
        false => (sent.0 as u64 * DAY_MS + ms) << 16 | 0x7000 | high & 0x0ffc | low >> 62,
    };
    let lower = low & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
    uuid::Uuid::from_u64_pair(upper, lower).hyphenated().to_string()
}

struct Writer<'a> {
    world: &'a World,
    plan: &'a Plan,
    steps: &'a [Step],
    step: &'a Step,
}

impl Writer<'_> {
    /// The event that does `act`, under the id of step `index`.
    fn event(&self, act: Act, index: usize) -> Event {
        let (step, shape) = (self.step, &self.world.shape);
        let first = shape.date(i64::from(step.first_day));
        let envelope = Envelope {
            event_id: self.id(index),
            council: shape.council.clone(),
            source: self.source(act).into(),
            occurred_start: first.to_string(),
            occurred_end: if step.last_day > step.first_day { shape.date(i64::from(step.last_day)).to_string() } else { String::new() },
            // Some systems know the instant.
            occurred_at: (step.spice.is_multiple_of(4))
                .then(|| Timestamp { seconds: i64::from(first.0) * 86_400 + 28_800 + i64::from(step.spice) / 4, nanos: 0 }),
        };
        Event { envelope: Some(envelope), facts: Some(Facts { body: Some(self.body(act)) }), person: self.person(act) }
    }

    fn id(&self, index: usize) -> String {
        let number = self.plan.number << 8 | index as u64;
        let sent = self.world.shape.date(i64::from(self.steps.get(index).map_or(u32::from(self.plan.day), |step| step.sent_day)));
        event_id(self.world, number, sent, sent_ms(self.world, self.plan, index).into())
    }

    fn source(&self, act: Act) -> &'static str {
        let kind = self.world.catalogue.services[usize::from(self.plan.service)].kind;
        match act {
            Act::StateInput | Act::Outcome => kind.state_source,
            Act::Reversal(of) | Act::SecondReversal(of) | Act::ReversalOfReversal(of) => self.source(self.steps[usize::from(of)].act),
            _ => kind.citizen_source,
        }
    }

    fn body(&self, act: Act) -> Body {
        let step = self.step;
        match act {
            Act::StateInput => Body::StateInputRecorded(self.state_input()),
            Act::Pledge => Body::PledgeMade(self.pledge()),
            Act::Outcome => Body::OutcomeObserved(self.outcome()),
            Act::Reversal(of) | Act::SecondReversal(of) | Act::ReversalOfReversal(of) => self.reversal(usize::from(of)),
            Act::StrayReversal => self.reversal((NO_STEP + u64::from(step.spice % 100)) as usize),
            Act::UnlistedService => Body::ContributionRecorded(ContributionRecorded { service: UNLISTED_SERVICE.into(), ..self.contribution() }),
            Act::UnlistedMeasure => Body::ContributionRecorded(ContributionRecorded { measure: UNLISTED_MEASURE.into(), ..self.contribution() }),
            _ => Body::ContributionRecorded(self.contribution()),
        }
    }

    fn service(&self) -> String {
        self.world.catalogue.services[usize::from(self.plan.service)].id.clone()
    }

    fn measure(&self) -> String {
        self.world.catalogue.measures[self.step.measure as usize].id.clone()
    }

    fn area(&self) -> String {
        self.step.area.map(|area| self.world.catalogue.areas[area as usize].id.clone()).unwrap_or_default()
    }

    fn exchange(&self) -> String {
        self.plan.exchange().map(|number| self.world.exchange(self.plan.service.into(), number)).unwrap_or_default()
    }

    fn contribution(&self) -> ContributionRecorded {
        ContributionRecorded {
            service: self.service(),
            measure: self.measure(),
            quantity: self.step.quantity as i64,
            area: self.area(),
            exchange: self.exchange(),
            evidence: self.step.evidence.into(),
            pledge_event_id: self.step.pledge.map(|pledge| self.id(pledge.into())).unwrap_or_default(),
            pledge_source: String::new(),
        }
    }

    fn state_input(&self) -> StateInputRecorded {
        let (step, spice) = (self.step, self.step.spice);
        let chosen_by = step.chosen_by(self.world);
        StateInputRecorded {
            service: self.service(),
            measure: self.measure(),
            quantity: step.quantity as i64,
            area: self.area(),
            exchange: self.exchange(),
            evidence: step.evidence.into(),
            providing_body: if spice.is_multiple_of(5) { format!("provider-{}", spice % 20) } else { String::new() },
            individual_budget: chosen_by.is_some(),
            chosen_by: chosen_by.unwrap_or(ChosenBy::Unspecified) as i32,
        }
    }

    fn pledge(&self) -> PledgeMade {
        let shape = &self.world.shape;
        PledgeMade {
            service: self.service(),
            measure: self.measure(),
            quantity: self.step.quantity as i64,
            area: self.area(),
            exchange: self.exchange(),
            period_start: shape.date(i64::from(self.step.first_day)).to_string(),
            period_end: shape.date(i64::from(self.step.first_day) + 27).to_string(),
        }
    }

    /// A share among those observed, in hundredths of a per cent times the number observed.
    fn outcome(&self) -> OutcomeObserved {
        let step = self.step;
        let period = step.period_observed(self.world).span();
        OutcomeObserved {
            service: self.service(),
            indicator: self.world.catalogue.indicator(step.measure).into(),
            area: self.area(),
            period_start: period.start.to_string(),
            period_end: period.end.to_string(),
            numerator: (step.quantity * step.observed()) as i64,
            denominator: step.observed() as i64,
        }
    }

    fn reversal(&self, of: usize) -> Body {
        use ReversalReason::{Duplicate, Error, Refund, Superseded, Withdrawn};
        let reason = [Duplicate, Error, Withdrawn, Refund, Superseded][usize::from(self.step.spice % 5)];
        Body::EntryReversed(EntryReversed { target_event_id: self.id(of), target_source: String::new(), reason: reason as i32 })
    }

    /// The person part: pseudonyms, and in one of eight the row's key in its system.
    fn person(&self, act: Act) -> Option<Person> {
        let actor = self.step.actor.map(|number| self.world.actor(number)).unwrap_or_default();
        let kind = self.world.catalogue.services[usize::from(self.plan.service)].kind.actors;
        let source_key = if self.step.spice % 8 == 1 { format!("row-{}-{}", self.plan.number, self.step.spice) } else { String::new() };
        let person = match act {
            Act::StateInput => Person { recipient: actor, source_key, ..Person::default() },
            Act::Outcome | Act::Reversal(_) | Act::SecondReversal(_) | Act::ReversalOfReversal(_) | Act::StrayReversal => Person::default(),
            _ if actor.is_empty() => Person { source_key, ..Person::default() },
            _ => Person { actor, actor_kind: kind as i32, source_key, ..Person::default() },
        };
        (person != Person::default()).then_some(person)
    }
}
