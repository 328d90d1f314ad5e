//! Contributions and what answers them.

use super::catalogue::{INDICATORS, MEASURES, SERVICES};
use super::{Generator, Parts, SOURCES};
use crate::model::EventKey;
use crate::random::Random;
use prost::Message;
use tandem_domain::date::Date;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{ContributionRecorded, EntryReversed, Facts, OutcomeObserved, Person, PledgeMade, StateInputRecorded};

const AREAS: [&str; 4] = ["", "ward:1", "ward:2", "lsoa21:E01000001"];
/// 2024-11-01.
const FIRST_DAY: i32 = 20_028;

/// A span: mostly a day, sometimes longer, up to years. Days lie near enough to each other to meet.
pub(super) fn span(random: &mut Random) -> (String, String) {
    let start = FIRST_DAY + random.below(160) as i32;
    let days = match random.below(100) {
        0..=59 => return (Date(start).to_string(), String::new()),
        60..=69 => 0,
        70..=84 => random.below(9) as i32,
        85..=92 => random.below(40) as i32,
        93..=96 => random.below(100) as i32,
        _ => random.below(800) as i32,
    };
    (Date(start).to_string(), Date(start + days).to_string())
}

impl Generator {
    fn service(&mut self) -> String {
        let undefined = self.random.percent(3);
        (if undefined { "never/defined" } else { *self.random.pick(&SERVICES) }).to_owned()
    }

    /// A measure of this side (1 or 2), mostly.
    fn measure(&mut self, side: i32) -> String {
        if self.random.percent(3) {
            return "never-defined".to_owned();
        }
        let side = if self.random.percent(4) { 3 - side } else { side };
        let of_side: Vec<_> = MEASURES.iter().filter(|measure| measure.side as i32 == side).collect();
        self.random.pick(&of_side).id.to_owned()
    }

    fn area(&mut self) -> String {
        (*self.random.pick(&AREAS)).to_owned()
    }

    fn exchange(&mut self) -> String {
        match self.random.below(100) {
            0..=29 => String::new(),
            30..=39 => format!("rare:{}", self.random.below(100)),
            _ => format!("case:{}", self.random.below(14)),
        }
    }

    fn quantity(&mut self) -> i64 {
        if self.random.percent(3) { 1_000_000_000_000_000 } else { 1 + self.random.below(500) as i64 }
    }

    fn somebody(&mut self, chance: u64) -> String {
        if self.random.percent(chance) { format!("actor-{}", self.random.below(9)) } else { String::new() }
    }

    pub(super) fn contribution(&mut self) -> Parts {
        let pledge = if self.random.percent(15) { self.target(4) } else { None };
        let key = self.key();
        let (pledge_event_id, pledge_source) = match pledge {
            None => (String::new(), String::new()),
            Some(pledge) if pledge.source == key.source && self.random.percent(50) => (pledge.id_text(), String::new()),
            Some(pledge) => (pledge.id_text(), pledge.source),
        };
        let body = Body::ContributionRecorded(ContributionRecorded {
            service: self.service(),
            measure: self.measure(1),
            quantity: self.quantity(),
            area: self.area(),
            exchange: self.exchange(),
            evidence: 1 + self.random.below(5) as i32,
            pledge_event_id,
            pledge_source,
        });
        let person = Person { actor: self.somebody(75), actor_kind: 1, recipient: self.somebody(5), ..Person::default() };
        self.keep_as(key, body, person)
    }

    pub(super) fn state_input(&mut self) -> Parts {
        let body = Body::StateInputRecorded(StateInputRecorded {
            service: self.service(),
            measure: self.measure(2),
            quantity: self.quantity(),
            area: self.area(),
            exchange: self.exchange(),
            evidence: 1 + self.random.below(5) as i32,
            ..StateInputRecorded::default()
        });
        let person = Person { actor: self.somebody(5), recipient: self.somebody(30), ..Person::default() };
        self.keep(body, person)
    }

    pub(super) fn outcome(&mut self) -> Parts {
        // Few periods, so that observations replace each other.
        let month = 1 + self.random.below(3);
        let body = Body::OutcomeObserved(OutcomeObserved {
            service: self.service(),
            indicator: (*self.random.pick(&INDICATORS)).to_owned(),
            area: self.area(),
            period_start: format!("2025-0{month}-01"),
            period_end: if self.random.percent(50) { String::new() } else { format!("2025-0{month}-28") },
            numerator: self.random.below(1_000) as i64 - 300,
            denominator: 1 + self.random.below(1_000) as i64,
        });
        self.keep(body, Person::default())
    }

    pub(super) fn pledge(&mut self) -> Parts {
        let (period_start, period_end) = span(&mut self.random);
        let body = Body::PledgeMade(PledgeMade {
            service: self.service(),
            measure: self.measure(1),
            quantity: self.quantity(),
            area: self.area(),
            exchange: self.exchange(),
            period_start,
            period_end,
        });
        let person = Person { actor: self.somebody(75), ..Person::default() };
        self.keep(body, person)
    }

    /// Something to name: mostly of this kind (0: any), sometimes one that is still to come, sometimes one that never comes.
    fn target(&mut self, kind: u8) -> Option<EventKey> {
        match self.random.below(100) {
            0..=74 => {
                let of_kind: Vec<_> = self.made.iter().filter(|made| kind == 0 || made.kind == kind).collect();
                if of_kind.is_empty() { None } else { Some(self.random.pick(&of_kind).key.clone()) }
            }
            75..=92 => {
                let key = self.promised.last().cloned().filter(|_| self.random.percent(30));
                let key = key.unwrap_or(EventKey { source: (*self.random.pick(&SOURCES)).to_owned(), event_id: self.random.bytes() });
                self.promised.push(key.clone());
                self.promised.dedup();
                Some(key)
            }
            _ => Some(EventKey { source: (*self.random.pick(&SOURCES)).to_owned(), event_id: self.random.bytes() }),
        }
    }

    pub(super) fn reversal(&mut self) -> Parts {
        let Some(target) = self.target(0) else {
            return self.contribution();
        };
        let mut key = self.key();
        // Mostly from the right source; an own id as target means the reversal itself.
        if self.random.percent(80) && !self.promised.contains(&key) {
            key.source.clone_from(&target.source);
        }
        let itself = self.random.percent(2);
        let target = if itself { key.clone() } else { target };
        let target_source = if key.source == target.source && self.random.percent(60) { String::new() } else { target.source.clone() };
        let reason = 1 + self.random.below(5) as i32;
        self.keep_as(key, Body::EntryReversed(EntryReversed { target_event_id: target.id_text(), target_source, reason }), Person::default())
    }

    /// A contribution of "tutoring" to an exchange, or a state input of "teaching"; `number` makes the id, the day and the quantity.
    pub fn to_exchange(&mut self, exchange: &str, number: u64, is_citizen: bool) -> Parts {
        let (service, exchange, quantity, evidence) = (SERVICES[0].to_owned(), exchange.to_owned(), 1 + number as i64, 1);
        let body = if is_citizen {
            let measure = "tutoring".to_owned();
            Body::ContributionRecorded(ContributionRecorded { service, measure, quantity, exchange, evidence, ..Default::default() })
        } else {
            let measure = "teaching".to_owned();
            Body::StateInputRecorded(StateInputRecorded { service, measure, quantity, exchange, evidence, ..Default::default() })
        };
        self.keep_as(numbered(number), body, Person::default())
    }

    /// Reverses what [`Generator::to_exchange`] made.
    pub fn reversal_of(&mut self, number: u64) -> Parts {
        let event_id = self.random.bytes();
        let body = EntryReversed { target_event_id: numbered(number).id_text(), target_source: String::new(), reason: 1 };
        self.keep_as(EventKey { source: "crm".into(), event_id }, Body::EntryReversed(body), Person::default())
    }

    /// Facts that do not pass the checks.
    pub(super) fn bad_facts(&mut self) -> Vec<u8> {
        let body = match self.random.below(3) {
            0 => Body::ContributionRecorded(ContributionRecorded { quantity: -5, ..ContributionRecorded::default() }),
            1 => Body::EntryReversed(EntryReversed { target_event_id: "no uuid".into(), target_source: String::new(), reason: 1 }),
            _ => Body::PledgeMade(PledgeMade::default()),
        };
        Facts { body: Some(body) }.encode_to_vec()
    }
}

fn numbered(number: u64) -> EventKey {
    EventKey { source: "crm".into(), event_id: u128::from(number).to_be_bytes() }
}
