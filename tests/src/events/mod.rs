//! Random histories: few services, measures, actors and exchanges, so that they meet; every body, and every way to get one wrong.

mod bodies;
mod catalogue;
mod history;

pub use catalogue::{MEASURES, SERVICES};
pub use history::{Council, Taken, history};

use crate::model::EventKey;
use crate::random::Random;
use prost::Message;
use tandem_proto::v1::{Envelope, Facts, Person, facts::Body};

/// The three parts of an event, as bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Parts {
    /// Event.envelope.
    pub envelope: Vec<u8>,
    /// Event.facts.
    pub facts: Vec<u8>,
    /// Event.person.
    pub person: Vec<u8>,
}

impl Parts {
    /// From messages.
    pub fn new(envelope: &Envelope, body: Body, person: &Person) -> Self {
        Self { envelope: envelope.encode_to_vec(), facts: Facts { body: Some(body) }.encode_to_vec(), person: person.encode_to_vec() }
    }

    /// The Event message that holds them.
    pub fn event(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (number, part) in [(1, &self.envelope), (2, &self.facts), (3, &self.person)] {
            if !part.is_empty() {
                put_field(&mut out, number, part);
            }
        }
        out
    }
}

/// Appends a length-delimited field.
pub fn put_field(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, out);
    prost::encoding::encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// An event that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its source and id.
    pub key: EventKey,
    /// Its body's number.
    pub kind: u8,
    /// The event.
    pub parts: Parts,
}

/// What a generator may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Whatever bytes a log could hold.
    Anything,
    /// Only what a gateway lets through.
    Acceptable,
}

/// Makes one council's events.
#[derive(Debug)]
pub struct Generator {
    /// The council.
    pub council: String,
    random: Random,
    manner: Manner,
    made: Vec<Made>,
    /// Ids that a reversal or contribution has named before their events came.
    promised: Vec<EventKey>,
    /// The catalogue is recorded first.
    catalogue_first: bool,
}

const SOURCES: [&str; 3] = ["crm", "school/mis", "bins"];

impl Generator {
    /// For one council.
    pub fn new(council: &str, mut random: Random, manner: Manner) -> Self {
        let catalogue_first = random.percent(40);
        Self { council: council.to_owned(), random, manner, made: Vec::new(), promised: Vec::new(), catalogue_first }
    }

    /// Everything made so far, without the copies.
    pub fn made(&self) -> &[Made] {
        &self.made
    }

    /// The next event.
    pub fn event(&mut self) -> Parts {
        if self.catalogue_first && self.made.len() < SERVICES.len() + MEASURES.len() {
            let body = catalogue::in_order(self.made.len());
            return self.keep(body, Person::default());
        }
        match self.random.below(100) {
            0..=3 => self.again(),
            4..=5 => self.conflict(),
            6..=16 => {
                let body = catalogue::definition(&mut self.random);
                self.keep(body, Person::default())
            }
            17..=47 => self.contribution(),
            48..=72 => self.state_input(),
            73..=76 => self.outcome(),
            77..=81 => self.pledge(),
            82..=94 => self.reversal(),
            95..=96 => self.unknown_body(),
            _ if self.manner == Manner::Anything => self.broken(),
            _ => self.contribution(),
        }
    }

    /// The definition of this service or measure as it should be.
    pub fn define(&mut self, id: &str) -> Parts {
        let at = SERVICES.iter().chain(MEASURES.iter().map(|measure| &measure.id)).position(|one| *one == id);
        let body = catalogue::in_order(at.expect("a service or measure"));
        self.keep(body, Person::default())
    }

    /// The same bytes once more.
    fn again(&mut self) -> Parts {
        match self.made.is_empty() {
            true => self.contribution(),
            false => self.random.pick(&self.made).parts.clone(),
        }
    }

    /// An earlier event's identity with other content.
    fn conflict(&mut self) -> Parts {
        let new = self.contribution();
        let old = self.random.pick(&self.made).parts.clone();
        match self.random.below(3) {
            0 => Parts { envelope: old.envelope, ..new },
            1 => Parts { person: new.person, ..old },
            _ => Parts { facts: new.facts, ..old },
        }
    }

    fn unknown_body(&mut self) -> Parts {
        let mut facts = Vec::new();
        put_field(&mut facts, *self.random.pick(&[6, 21, 99, 127]), &self.random.bytes::<5>());
        let parts = Parts { facts, ..self.contribution() };
        let last = self.made.last_mut().expect("just made");
        last.kind = tandem_domain::event::kind(&parts.facts);
        last.parts = parts.clone();
        parts
    }

    /// What no gateway would let through.
    fn broken(&mut self) -> Parts {
        let parts = self.contribution();
        let kept = self.made.pop().expect("just made");
        let broken = match self.random.below(6) {
            0 => Parts { envelope: vec![0x0a, 0x7f, 1], ..parts },
            1 => Parts { envelope: Envelope { council: "elsewhere".into(), ..envelope_of(&parts) }.encode_to_vec(), ..parts },
            2 => Parts { envelope: Envelope { occurred_start: "2025-02-30".into(), ..envelope_of(&parts) }.encode_to_vec(), ..parts },
            3 => Parts { facts: vec![], ..parts },
            4 => Parts { facts: self.bad_facts(), ..parts },
            _ => Parts { person: vec![0x0a, 3, 0xff, 0xfe, 0xfd], ..parts },
        };
        if tandem_domain::event::Envelope::decode(&broken.envelope).is_ok() {
            self.made.push(Made { kind: tandem_domain::event::kind(&broken.facts), parts: broken.clone(), ..kept });
        }
        broken
    }

    /// An identity for a body: mostly a new one, sometimes one that was promised.
    fn key(&mut self) -> EventKey {
        if !self.promised.is_empty() && self.random.percent(30) {
            let at = self.random.below(self.promised.len() as u64) as usize;
            return self.promised.swap_remove(at);
        }
        EventKey { source: (*self.random.pick(&SOURCES)).to_owned(), event_id: self.random.bytes() }
    }

    fn keep(&mut self, body: Body, person: Person) -> Parts {
        let key = self.key();
        self.keep_as(key, body, person)
    }

    fn keep_as(&mut self, key: EventKey, body: Body, person: Person) -> Parts {
        let (occurred_start, occurred_end) = bodies::span(&mut self.random);
        let envelope = Envelope {
            event_id: key.id_text(),
            council: self.council.clone(),
            source: key.source.clone(),
            occurred_start,
            occurred_end,
            occurred_at: None,
        };
        let parts = Parts::new(&envelope, body, &person);
        self.made.push(Made { key, kind: tandem_domain::event::kind(&parts.facts), parts: parts.clone() });
        parts
    }
}

fn envelope_of(parts: &Parts) -> Envelope {
    Envelope::decode(parts.envelope.as_slice()).expect("our own envelope")
}
