//! A second opinion: totals of a book by rules that are written here once more, plainly, and share no code with the fold, its reading of
//! events or its arithmetic. It knows `services/FOLD.md` and the published messages, keeps one small row for each entry, and counts at the end.
//!
//! It takes what a gateway lets through: bodies that only a broken log could hold are not told apart as finely as the fold does.

mod judge;
mod money;
mod tally;

pub use money::Price;
pub use tally::{Tally, cells_label};

use prost::Message;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::rc::Rc;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{Entry, Envelope, Facts, IndicatorDefined, MeasureDefined, Person, ValuationPublished};

/// Live entries that an exchange holds at most.
const EXCHANGE_FULL: u64 = 65_536;

/// A name, kept once.
type Name = Rc<str>;
/// Which event: its source and its id.
type EventKey = (Name, Name);

/// What an entry in suspense waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Wait {
    Service(Name),
    Measure(Name),
    Indicator(Name),
    Target(EventKey),
    Exchange(Name),
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Suspended,
    Applied,
    Reversed,
}

/// What of a body matters here.
#[derive(Clone, Debug)]
enum Kept {
    Given(Box<Given>),
    Pledge { service: Name, measure: Name },
    Outcome { service: Name, indicator: Name },
    Reversal { target: EventKey, is_permitted: bool },
    Service(Name),
    Measure(Box<MeasureDefined>),
    Indicator(Box<IndicatorDefined>),
    Valuation(Box<ValuationPublished>),
    Area,
}

/// A contribution or a state input.
#[derive(Clone, Debug)]
struct Given {
    is_citizen: bool,
    service: Name,
    measure: Name,
    quantity: i64,
    exchange: Option<Name>,
    actor: Option<Name>,
    unit: Name,
}

struct Row {
    kept: Option<Kept>,
    key: Option<EventKey>,
    /// The body's field number.
    kind: u32,
    state: State,
}

/// The book so far.
#[derive(Default)]
pub struct Recount {
    council: String,
    rows: Vec<Row>,
    names: HashSet<Name>,
    /// The first entry of each event.
    first: HashMap<EventKey, usize>,
    services: BTreeSet<Name>,
    measures: BTreeMap<String, MeasureDefined>,
    indicators: BTreeMap<String, IndicatorDefined>,
    valuations: BTreeMap<(String, u32), ValuationPublished>,
    /// Live entries on the citizens' and on the state's side.
    exchanges: BTreeMap<Name, [u64; 2]>,
    waiting: HashMap<Wait, BTreeSet<usize>>,
    due: VecDeque<Wait>,
}

impl Recount {
    /// Of a council.
    pub fn new(council: &str) -> Self {
        Self { council: council.to_owned(), ..Self::default() }
    }

    fn name(&mut self, text: &str) -> Name {
        if let Some(name) = self.names.get(text) {
            return name.clone();
        }
        let name: Name = text.into();
        self.names.insert(name.clone());
        name
    }

    /// Takes the next entry.
    pub fn take(&mut self, entry: &Entry) {
        let row = self.read(entry);
        let at = self.rows.len();
        let is_conflict = row.key.as_ref().is_some_and(|key| self.first.contains_key(key));
        if let Some(key) = row.key.clone().filter(|_| !is_conflict) {
            self.first.insert(key, at);
        }
        let is_known = row.kept.is_some();
        self.rows.push(row);
        if !is_conflict && is_known {
            self.settle(at);
        }
        self.cure();
    }

    fn read(&mut self, entry: &Entry) -> Row {
        let nothing = Row { kept: None, key: None, kind: 0, state: State::Suspended };
        let Some(record) = &entry.record else { return nothing };
        let envelope = Envelope::decode(&*record.envelope).ok();
        let Some(envelope) = envelope.filter(|envelope| envelope.council == self.council && envelope.event_id.len() == 36) else { return nothing };
        let key = (self.name(&envelope.source), self.name(&envelope.event_id));
        let body = Facts::decode(&*record.facts).ok().and_then(|facts| facts.body);
        let person = Person::decode(&*record.person).unwrap_or_default();
        let kind = u32::from(entry.commitment.get(1).copied().unwrap_or_default() & 0x7f);
        let kept = body.and_then(|body| self.keep(body, &envelope, &person, &key, record.officer));
        Row { kept, key: Some(key), kind, state: State::Suspended }
    }

    fn keep(&mut self, body: Body, envelope: &Envelope, person: &Person, key: &EventKey, officer: bool) -> Option<Kept> {
        let end = if envelope.occurred_end.is_empty() { &envelope.occurred_start } else { &envelope.occurred_end };
        Some(match body {
            Body::ContributionRecorded(of) => {
                let actor = Some(person.actor.as_str()).filter(|actor| !actor.is_empty()).map(|actor| self.name(actor));
                self.given(true, [&of.service, &of.measure, &of.exchange], of.quantity, actor, &envelope.occurred_start, end)?
            }
            Body::StateInputRecorded(of) => {
                self.given(false, [&of.service, &of.measure, &of.exchange], of.quantity, None, &envelope.occurred_start, end)?
            }
            Body::PledgeMade(of) => Kept::Pledge { service: self.name(&of.service), measure: self.name(&of.measure) },
            Body::OutcomeObserved(of) => Kept::Outcome { service: self.name(&of.service), indicator: self.name(&of.indicator) },
            Body::EntryReversed(of) => {
                let source = if of.target_source.is_empty() { key.0.clone() } else { self.name(&of.target_source) };
                let is_permitted = officer || source == key.0;
                Kept::Reversal { target: (source, self.name(&of.target_event_id)), is_permitted }
            }
            Body::ServiceDefined(of) => Kept::Service(self.name(&of.id)),
            Body::MeasureDefined(of) => Kept::Measure(Box::new(of)),
            Body::IndicatorDefined(of) => Kept::Indicator(Box::new(of)),
            Body::ValuationPublished(of) => Kept::Valuation(Box::new(of)),
            Body::AreaDefined(_) => Kept::Area,
        })
    }

    fn given(&mut self, is_citizen: bool, names: [&String; 3], quantity: i64, actor: Option<Name>, start: &str, end: &str) -> Option<Kept> {
        let [service, measure, exchange] = names;
        if quantity < 1 || service.is_empty() || measure.is_empty() {
            return None;
        }
        let exchange = Some(exchange).filter(|exchange| !exchange.is_empty()).map(|exchange| self.name(exchange));
        let (service, measure, unit) = (self.name(service), self.name(measure), self.name(&unit(start, end)));
        Some(Kept::Given(Box::new(Given { is_citizen, service, measure, quantity, exchange, actor, unit })))
    }

    /// Judges an entry, and lets it take effect or wait.
    fn settle(&mut self, at: usize) {
        let Some(kept) = self.rows[at].kept.clone() else { return };
        match self.judge(&kept) {
            Err(Some(wait)) => drop(self.waiting.entry(wait).or_default().insert(at)),
            Err(None) => {}
            Ok(()) => {
                self.rows[at].state = State::Applied;
                self.take_effect(at, kept);
            }
        }
    }

    fn take_effect(&mut self, at: usize, kept: Kept) {
        let key = self.rows[at].key.clone();
        match kept {
            Kept::Given(given) => {
                self.post(&given, true);
                self.due.extend(key.map(Wait::Target));
            }
            Kept::Pledge { .. } | Kept::Outcome { .. } => self.due.extend(key.map(Wait::Target)),
            Kept::Reversal { target, .. } => {
                let target = self.first[&target];
                self.rows[target].state = State::Reversed;
                if let Some(Kept::Given(given)) = self.rows[target].kept.clone() {
                    self.post(&given, false);
                }
            }
            Kept::Service(id) => {
                if self.services.insert(id.clone()) {
                    self.due.push_back(Wait::Service(id));
                }
            }
            Kept::Measure(of) => {
                let id = self.name(&of.id);
                if self.measures.insert(of.id.clone(), *of).is_none() {
                    self.due.push_back(Wait::Measure(id));
                }
            }
            Kept::Indicator(of) => {
                let id = self.name(&of.id);
                if self.indicators.insert(of.id.clone(), *of).is_none() {
                    self.due.push_back(Wait::Indicator(id));
                }
            }
            Kept::Valuation(of) => drop(self.valuations.insert((of.id.clone(), of.version), *of)),
            Kept::Area => {}
        }
    }

    /// A quantity comes into its exchange or goes out of it.
    fn post(&mut self, given: &Given, comes: bool) {
        let Some(id) = &given.exchange else { return };
        let live = self.exchanges.entry(id.clone()).or_default();
        let was_full = live[0] + live[1] >= EXCHANGE_FULL;
        let side = &mut live[usize::from(!given.is_citizen)];
        if comes {
            *side += 1;
        } else {
            *side -= 1;
            if was_full {
                self.due.push_back(Wait::Exchange(id.clone()));
            }
        }
    }

    /// Every cure that is due, first in, first out.
    fn cure(&mut self) {
        while let Some(cause) = self.due.pop_front() {
            for at in self.waiting.get(&cause).cloned().unwrap_or_default() {
                if matches!(&cause, Wait::Exchange(id) if self.is_full(id)) {
                    break;
                }
                if let Some(waiting) = self.waiting.get_mut(&cause) {
                    waiting.remove(&at);
                }
                self.settle(at);
            }
        }
    }

    fn is_full(&self, exchange: &Name) -> bool {
        self.exchanges.get(exchange).is_some_and(|live| live[0] + live[1] >= EXCHANGE_FULL)
    }
}

/// The smallest of month, quarter, year and "ever" that holds both days, by their text.
fn unit(start: &str, end: &str) -> String {
    let quarter = |day: &str| day.get(5..7).and_then(|month| month.parse::<u32>().ok()).map(|month| month.div_ceil(3));
    match (start.get(..7), start.get(..4)) {
        (Some(month), _) if end.get(..7) == Some(month) => month.to_owned(),
        (_, Some(year)) if end.get(..4) == Some(year) => match quarter(start) {
            Some(number) if quarter(end) == Some(number) => format!("{year}-Q{number}"),
            _ => year.to_owned(),
        },
        _ => "ever".to_owned(),
    }
}

#[cfg(test)]
mod tests;
