//! One council's book: intake and cures.

use super::entry::{Entry, EventKey, State, Wait};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tandem_proto::v1::{IndicatorDefined, MeasureDefined, SuspenseReason};

/// One council.
#[derive(Clone, Debug, Default)]
pub struct Council {
    /// Its code.
    pub code: String,
    /// The book.
    pub entries: Vec<Entry>,
    /// Records that were exact duplicates.
    pub duplicates: u64,
    /// Entries of each event, in order.
    pub by_key: BTreeMap<EventKey, Vec<u64>>,
    /// Which entry gave each definition its present form: by catalogue kind (1 to 5), id, and vintage or version.
    pub definitions: BTreeMap<(i32, String, String), u64>,
    /// Exchanges that an entry ever took effect in.
    pub exchanges: BTreeMap<String, Exchange>,
    /// Every coming and going of quantities, in order: what journals are made of.
    pub moves: Vec<Move>,
    /// Entries in the order in which they took effect.
    pub effects: Vec<u64>,
    pub(super) waiting: BTreeMap<Wait, BTreeSet<u64>>,
    pub(super) causes: VecDeque<Wait>,
}

/// An exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Service, area (empty: none) and month-or-larger unit of the first entry that took effect in it.
    pub home: (String, String, String),
    /// Its entries in the order in which they took effect.
    pub postings: Vec<u64>,
    /// How many of them are live on the citizens' side and on the state's.
    pub live: [u64; 2],
}

impl Exchange {
    /// Whether both sides have a live entry.
    pub fn is_two_sided(&self) -> bool {
        self.live[0] > 0 && self.live[1] > 0
    }
}

/// A quantity comes into or goes out of its cells (`live`), or out of or into their matched columns (`matched`): 1, 0 or -1 times.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    /// Whose quantity.
    pub sequence: u64,
    /// Into the cells.
    pub live: i64,
    /// Into the matched columns.
    pub matched: i64,
    /// Book time of the effect that did it.
    pub book_time_us: u64,
}

/// Live entries that an exchange holds at most (DESIGN.md section 5).
pub(super) const EXCHANGE_LIVE_MAX: u64 = 65_536;

impl Council {
    /// An empty book.
    pub fn new(code: &str) -> Self {
        Self { code: code.to_owned(), ..Self::default() }
    }

    /// Intake, rules 1 to 5 of FOLD.md, for one record.
    pub fn take(&mut self, append_us: u64, record: &[u8]) {
        let mut entry = Entry::read(&self.code, record);
        let earlier = entry.key.as_ref().and_then(|key| self.by_key.get(key)).cloned().unwrap_or_default();
        let parts = |entry: &Entry| (entry.record.envelope.clone(), entry.record.facts.clone(), entry.record.person.clone());
        if earlier.iter().any(|sequence| parts(self.entry(*sequence)) == parts(&entry)) {
            self.duplicates += 1;
            return;
        }
        let sequence = self.entries.len() as u64;
        entry.sequence = sequence;
        entry.book_time_us = self.book_time_us().max(entry.record.received_us.min(append_us));
        if let Some(key) = &entry.key {
            self.by_key.entry(key.clone()).or_default().push(sequence);
        }
        let identified = entry.key.is_some();
        self.entries.push(entry);
        if !earlier.is_empty() {
            self.suspend(sequence, SuspenseReason::Conflict, None);
        } else if identified {
            self.settle(sequence, None);
        } else {
            self.suspend(sequence, SuspenseReason::UnknownBody, None);
        }
        self.cure();
    }

    /// An entry by its sequence.
    pub fn entry(&self, sequence: u64) -> &Entry {
        &self.entries[sequence as usize]
    }

    pub(super) fn entry_mut(&mut self, sequence: u64) -> &mut Entry {
        &mut self.entries[sequence as usize]
    }

    /// Book time of the last entry.
    pub fn book_time_us(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.book_time_us)
    }

    /// Judges an entry and does what comes of it. `cured_by` is the entry that cures it, if this is a cure.
    fn settle(&mut self, sequence: u64, cured_by: Option<u64>) {
        match self.judge(self.entry(sequence)) {
            Err((reason, wait)) => self.suspend(sequence, reason, wait),
            Ok(()) => {
                let entry = self.entry_mut(sequence);
                entry.state = State::Applied;
                entry.cured_by = cured_by;
                self.effects.push(sequence);
                self.take_effect(sequence);
            }
        }
    }

    fn suspend(&mut self, sequence: u64, reason: SuspenseReason, wait: Option<Wait>) {
        if let Some(wait) = &wait {
            self.waiting.entry(wait.clone()).or_default().insert(sequence);
        }
        self.entry_mut(sequence).state = State::Suspended(reason, wait);
    }

    /// Carries out every cure that is due, first in first out.
    fn cure(&mut self) {
        while let Some(cause) = self.causes.pop_front() {
            let last = self.entries.len() as u64 - 1;
            let visits = self.waiting.get(&cause).cloned().unwrap_or_default();
            for sequence in visits {
                if matches!(&cause, Wait::Exchange(id) if self.is_full(id)) {
                    break;
                }
                self.waiting.entry(cause.clone()).or_default().remove(&sequence);
                self.settle(sequence, Some(last));
            }
        }
    }

    /// Whether an exchange can take no more.
    pub(super) fn is_full(&self, exchange: &str) -> bool {
        self.exchanges.get(exchange).is_some_and(|exchange| exchange.live[0] + exchange.live[1] >= EXCHANGE_LIVE_MAX)
    }

    fn definition(&self, kind: i32, id: &str) -> Option<&tandem_proto::v1::facts::Body> {
        let sequence = self.definitions.get(&(kind, id.to_owned(), String::new()))?;
        self.entry(*sequence).body.as_ref()
    }

    /// Whether a service is defined.
    pub fn has_service(&self, id: &str) -> bool {
        self.definition(1, id).is_some()
    }

    /// A measure in force.
    pub fn measure(&self, id: &str) -> Option<&MeasureDefined> {
        match self.definition(2, id)? {
            tandem_proto::v1::facts::Body::MeasureDefined(measure) => Some(measure),
            _ => None,
        }
    }

    /// An indicator in force.
    pub fn indicator(&self, id: &str) -> Option<&IndicatorDefined> {
        match self.definition(3, id)? {
            tandem_proto::v1::facts::Body::IndicatorDefined(indicator) => Some(indicator),
            _ => None,
        }
    }

    /// Entries that have their effect now.
    pub fn live(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.is_live())
    }

    /// Whether an entry stands in a two-sided exchange.
    pub fn is_matched(&self, entry: &Entry) -> bool {
        let exchange = entry.given().and_then(|given| self.exchanges.get(given.exchange));
        entry.is_live() && exchange.is_some_and(Exchange::is_two_sided)
    }
}
