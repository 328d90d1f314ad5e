//! Every view, computed anew from the entries. Names are texts here, units of time too.

use super::calendar::{day_number, unit, utc_day, utc_month};
use super::council::{Council, Exchange};
use super::entry::{Entry, State};
use std::collections::{BTreeMap, BTreeSet};
use tandem_proto::v1::facts::Body;

/// A sum, and the part of it that stands in two-sided exchanges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Sum of quantities.
    pub quantity: i128,
    /// Entries.
    pub count: i64,
    /// Of quantities in two-sided exchanges.
    pub matched_quantity: i128,
    /// Of entries in two-sided exchanges.
    pub matched_count: i64,
    /// Contributions with an actor.
    pub actor_count: i64,
}

impl Cell {
    /// Adds a quantity so many times, and to the matched part so many times.
    pub fn add(&mut self, quantity: i64, live: i64, matched: i64, has_actor: bool) {
        self.actor_count += if has_actor { live } else { 0 };
        self.quantity += i128::from(quantity) * i128::from(live);
        self.count += live;
        self.matched_quantity += i128::from(quantity) * i128::from(matched);
        self.matched_count += matched;
    }
}

/// One entry as accounts show it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the proto's Posting says what each means")]
pub struct Posting {
    pub sequence: u64,
    pub service: String,
    pub measure: String,
    pub side: i32,
    pub evidence: i32,
    pub quantity: i64,
    pub area: String,
    pub start: String,
    pub end: String,
    pub actor: String,
    pub recipient: String,
    pub reversed_by: Option<u64>,
}

/// A line of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Received, not given.
    pub received: bool,
    /// It names an exchange.
    pub in_exchange: bool,
    /// The entry.
    pub posting: Posting,
}

/// What one measure adds up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its side.
    pub side: i32,
    /// Sum of live quantities.
    pub quantity: i128,
    /// Live entries.
    pub count: u64,
}

/// An exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeView {
    /// Number of the proto's ExchangeState.
    pub state: i32,
    /// Service, area, unit.
    pub home: (String, String, String),
    /// First day of the citizens' side.
    pub first_citizen: Option<String>,
    /// First day of the state's side.
    pub first_state: Option<String>,
    /// By measure.
    pub accounts: BTreeMap<String, Account>,
    /// Postings in order of effect.
    pub postings: Vec<Posting>,
}

impl ExchangeView {
    /// The earlier of both sides' first days.
    pub fn first_day(&self) -> Option<&String> {
        self.first_citizen.iter().chain(&self.first_state).min()
    }

    /// Days between both sides' first days.
    pub fn latency_days(&self) -> Option<u32> {
        Some(day_number(self.first_citizen.as_ref()?).abs_diff(day_number(self.first_state.as_ref()?)))
    }
}

type Key<const N: usize> = [String; N];

/// All of them. Cells that are zero throughout are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Views {
    /// Entries, applied, suspended, duplicates, reversed; book time.
    pub counts: [u64; 6],
    /// (event id, source) to sequences.
    pub index: BTreeMap<(String, String), Vec<u64>>,
    /// (catalogue kind, id, vintage or version) to sequence and facts.
    pub definitions: BTreeMap<(i32, String, String), (u64, Vec<u8>)>,
    /// Reason and wait, by sequence.
    pub suspense: BTreeMap<u64, (i32, Option<String>)>,
    /// What waits for what: kind of cause, cause, sequence.
    pub waiting: BTreeSet<(u8, String, u64)>,
    /// Cured by and reversed by, by sequence.
    pub verdicts: BTreeMap<u64, (Option<u64>, Option<u64>)>,
    /// By id.
    pub exchanges: BTreeMap<String, ExchangeView>,
    /// Service, measure, evidence, unit of a day or more.
    pub day_cells: BTreeMap<Key<4>, Cell>,
    /// As `day_cells`, and the day of the effect.
    pub day_journal: BTreeMap<Key<5>, Cell>,
    /// Service, measure, evidence, unit of a month or more.
    pub month_cells: BTreeMap<Key<4>, Cell>,
    /// As `month_cells`, and area, and the month of the effect.
    pub area_cells: BTreeMap<Key<6>, Cell>,
    /// Service, measure, evidence, area, first day, last day: of what is longer than a day.
    pub span_cells: BTreeMap<Key<6>, Cell>,
    /// Service, unit, area, state, first day: exchanges.
    pub homes: BTreeMap<Key<5>, i64>,
    /// Service, unit, area, days: two-sided exchanges.
    pub latencies: BTreeMap<Key<4>, i64>,
    /// By actor, first day and sequence.
    pub statements: BTreeMap<(String, String, u64), Line>,
    /// Service, roll ("month", "year") and unit: actors.
    pub participants: BTreeMap<Key<3>, BTreeSet<String>>,
    /// Service, measure, unit, area.
    pub pledges: BTreeMap<Key<4>, (i128, i64)>,
    /// Source and event id of a pledge: what it has had.
    pub fulfilments: BTreeMap<(String, String), (i128, i64)>,
    /// Indicator, service, area, first day, last day, source: observations in order of effect; sequence, numerator, denominator.
    pub outcomes: BTreeMap<Key<6>, Vec<(u64, i64, i64)>>,
}

impl Council {
    /// All views.
    pub fn views(&self) -> Views {
        let mut views = Views { counts: self.counts(), ..Views::default() };
        for (key, sequences) in &self.by_key {
            views.index.insert((key.id_text(), key.source.clone()), sequences.clone());
        }
        for (key, sequence) in &self.definitions {
            views.definitions.insert(key.clone(), (*sequence, self.entry(*sequence).record.facts.clone()));
        }
        for entry in &self.entries {
            views.stands(entry);
        }
        for (id, exchange) in &self.exchanges {
            let view = self.exchange_view(exchange);
            views.counts_exchange(&view);
            views.exchanges.insert(id.clone(), view);
        }
        for moved in &self.moves {
            views.cells(self.entry(moved.sequence), moved.live, moved.matched, moved.book_time_us);
        }
        for sequence in self.effects.iter().filter(|sequence| self.entry(**sequence).is_live()) {
            views.live(self.entry(*sequence));
        }
        views.drop_zeros();
        views
    }

    /// Entries, applied, suspended, duplicates, reversed; book time.
    pub fn counts(&self) -> [u64; 6] {
        let suspended = self.entries.iter().filter(|entry| matches!(entry.state, State::Suspended(..))).count() as u64;
        let reversed = self.entries.iter().filter(|entry| entry.state == State::Reversed).count() as u64;
        let entries = self.entries.len() as u64;
        [entries, entries - suspended, suspended, self.duplicates, reversed, self.book_time_us()]
    }

    /// An exchange as it stands.
    pub fn exchange_view(&self, exchange: &Exchange) -> ExchangeView {
        let mut view = ExchangeView {
            state: match exchange.live {
                [0, 0] => 4,
                [_, 0] => 1,
                [0, _] => 2,
                _ => 3,
            },
            home: exchange.home.clone(),
            first_citizen: None,
            first_state: None,
            accounts: BTreeMap::new(),
            postings: exchange.postings.iter().map(|sequence| posting_of(self.entry(*sequence))).collect(),
        };
        for posting in view.postings.iter().filter(|posting| posting.reversed_by.is_none()) {
            let first = if posting.side == 1 { &mut view.first_citizen } else { &mut view.first_state };
            if first.as_ref().is_none_or(|first| posting.start < *first) {
                *first = Some(posting.start.clone());
            }
            let account = view.accounts.entry(posting.measure.clone()).or_insert(Account { side: posting.side, quantity: 0, count: 0 });
            account.quantity += i128::from(posting.quantity);
            account.count += 1;
        }
        view
    }
}

/// A contribution or state input as a posting.
pub(super) fn posting_of(entry: &Entry) -> Posting {
    let given = entry.given().expect("postings have a quantity");
    let is_citizen = given.side as i32 == 1;
    Posting {
        sequence: entry.sequence,
        service: given.service.to_owned(),
        measure: given.measure.to_owned(),
        side: given.side as i32,
        evidence: given.evidence,
        quantity: given.quantity,
        area: given.area.to_owned(),
        start: entry.start.clone(),
        end: entry.end.clone(),
        actor: entry.actor.clone().filter(|_| is_citizen).unwrap_or_default(),
        recipient: entry.recipient.clone().filter(|_| !is_citizen).unwrap_or_default(),
        reversed_by: entry.reversed_by,
    }
}

impl Views {
    /// What shows of an entry whatever its state.
    fn stands(&mut self, entry: &Entry) {
        if let State::Suspended(reason, wait) = &entry.state {
            self.suspense.insert(entry.sequence, (*reason as i32, wait.as_ref().map(ToString::to_string)));
            if let Some(wait) = wait {
                self.waiting.insert((wait_kind(wait), wait.to_string(), entry.sequence));
            }
            return;
        }
        if entry.cured_by.is_some() || entry.reversed_by.is_some() {
            self.verdicts.insert(entry.sequence, (entry.cured_by, entry.reversed_by));
        }
        if entry.given().is_some() {
            let posting = posting_of(entry);
            let received = posting.side == 2;
            let who = if received { posting.recipient.clone() } else { posting.actor.clone() };
            if !who.is_empty() {
                let in_exchange = entry.given().is_some_and(|given| !given.exchange.is_empty());
                self.statements.insert((who, entry.start.clone(), entry.sequence), Line { received, in_exchange, posting });
            }
        }
    }

    fn counts_exchange(&mut self, view: &ExchangeView) {
        let (service, area, unit) = view.home.clone();
        let Some(first) = view.first_day() else {
            return;
        };
        *self.homes.entry([service.clone(), unit.clone(), area.clone(), view.state.to_string(), first.clone()]).or_default() += 1;
        if let Some(days) = view.latency_days() {
            *self.latencies.entry([service, unit, area, days.to_string()]).or_default() += 1;
        }
    }

    fn cells(&mut self, entry: &Entry, live: i64, matched: i64, book_time_us: u64) {
        let given = entry.given().expect("only quantities move");
        let (service, measure, evidence) = (given.service.to_owned(), given.measure.to_owned(), given.evidence.to_string());
        let day = unit(&entry.start, &entry.end, "day");
        let month = unit(&entry.start, &entry.end, "month");
        let has_actor = given.side as i32 == 1 && entry.actor.is_some();
        let add = |cell: &mut Cell| cell.add(given.quantity, live, matched, has_actor);
        add(self.day_cells.entry([service.clone(), measure.clone(), evidence.clone(), day.clone()]).or_default());
        add(self.day_journal.entry([service.clone(), measure.clone(), evidence.clone(), day, utc_day(book_time_us)]).or_default());
        add(self.month_cells.entry([service.clone(), measure.clone(), evidence.clone(), month.clone()]).or_default());
        if entry.start != entry.end {
            let key = [service.clone(), measure.clone(), evidence.clone(), given.area.to_owned(), entry.start.clone(), entry.end.clone()];
            add(self.span_cells.entry(key).or_default());
        }
        add(self.area_cells.entry([service, measure, evidence, month, given.area.to_owned(), utc_month(book_time_us)]).or_default());
    }

    /// What a live entry adds to, in order of effect.
    fn live(&mut self, entry: &Entry) {
        let (start, end) = (&entry.start, &entry.end);
        match entry.body.as_ref().expect("live entries have a body") {
            Body::ContributionRecorded(c) => {
                if let Some(actor) = &entry.actor {
                    for roll in ["month", "year"] {
                        let key = [c.service.clone(), roll.to_owned(), unit(start, end, roll)];
                        self.participants.entry(key).or_default().insert(actor.clone());
                    }
                }
                if !c.pledge_event_id.is_empty() {
                    let pledge = entry.key_of(&c.pledge_source, &c.pledge_event_id);
                    add(self.fulfilments.entry((pledge.source.clone(), pledge.id_text())).or_default(), c.quantity);
                }
            }
            Body::PledgeMade(p) => {
                let key =
                    [p.service.clone(), p.measure.clone(), unit(&p.period_start, last(&p.period_start, &p.period_end), "month"), p.area.clone()];
                add(self.pledges.entry(key).or_default(), p.quantity);
            }
            Body::OutcomeObserved(o) => {
                let source = entry.key.as_ref().map(|key| key.source.clone()).unwrap_or_default();
                let period = (o.period_start.clone(), last(&o.period_start, &o.period_end).to_owned());
                let key = [o.indicator.clone(), o.service.clone(), o.area.clone(), period.0, period.1, source];
                self.outcomes.entry(key).or_default().push((entry.sequence, o.numerator, o.denominator));
            }
            _ => {}
        }
    }

    fn drop_zeros(&mut self) {
        self.day_cells.retain(|_, cell| *cell != Cell::default());
        self.day_journal.retain(|_, cell| *cell != Cell::default());
        self.month_cells.retain(|_, cell| *cell != Cell::default());
        self.area_cells.retain(|_, cell| *cell != Cell::default());
        self.span_cells.retain(|_, cell| *cell != Cell::default());
    }
}

fn add(to: &mut (i128, i64), quantity: i64) {
    to.0 += i128::from(quantity);
    to.1 += 1;
}

/// The last day of a period: the first, if none is said.
pub(super) fn last<'a>(start: &'a str, end: &'a str) -> &'a str {
    if end.is_empty() { start } else { end }
}

fn wait_kind(wait: &super::Wait) -> u8 {
    match wait {
        super::Wait::Service(_) => 1,
        super::Wait::Measure(_) => 2,
        super::Wait::Indicator(_) => 3,
        super::Wait::Target(_) => 4,
        super::Wait::Exchange(_) => 5,
    }
}
