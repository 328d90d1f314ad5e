//! The value question, answered by going over every live entry and every exchange.

use super::Model;
use super::calendar::{day_number, unit, unit_span};
use super::council::{Council, Exchange};
use super::entry::Entry;
use super::money::{Amount, Prices};
use std::collections::{BTreeMap, BTreeSet};
use tandem_proto::v1::{Dimension, EvidenceGrade, QueryValueRequest, Scope, Side};

/// One key of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowKey {
    /// As the answer has it.
    pub value: String,
    /// The entries span more than the unit asked.
    pub coarser: bool,
    /// They reach beyond the scope's period.
    pub overlaps: bool,
}

/// One measure's sums; contra measures are subtracted from their base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quantity {
    /// Sum.
    pub quantity: i128,
    /// The part in two-sided exchanges.
    pub matched: i128,
    /// Entries.
    pub count: u64,
    /// Entries in two-sided exchanges.
    pub matched_count: u64,
}

/// What a row adds up to.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "tandem.internal.v1.Partial says what each means")]
pub struct Figures {
    /// By base measure, side and unit: councils may define one id differently, and what has another unit is not added.
    pub quantities: BTreeMap<(String, i32, String), Quantity>,
    pub value: [Amount; 2],
    pub matched_value: [Amount; 2],
    pub count: [u64; 2],
    pub priced: [u64; 2],
    pub matched_count: [u64; 2],
    pub matched_priced: [u64; 2],
    pub unpriced_measures: BTreeSet<String>,
    pub actors: BTreeSet<(String, String)>,
    pub contributions: u64,
    pub contributions_with_actor: u64,
    pub opened: u64,
    pub two_sided: u64,
    pub one_sided: [u64; 2],
    pub one_sided_value: [Amount; 2],
    pub one_sided_priced: [u64; 2],
    pub latencies: Vec<u32>,
    pub reciprocal: Amount,
    pub both_sides: Amount,
    pub exchanges_priced: u64,
    pub exchanges_unpriced_measures: BTreeSet<String>,
}

/// The whole answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// By keys.
    pub rows: BTreeMap<Vec<RowKey>, Figures>,
    /// The whole scope.
    pub total: Figures,
    /// The valuation; none: none was asked.
    pub prices: Option<Prices>,
}

/// Metrics of exchanges taken whole, by home.
pub const OF_EXCHANGES: [&str; 4] = ["reciprocity", "response_rate", "one_sided", "match_latency"];

/// Answers a question. None: a council has not published the valuation, or defines no area in the vintage asked.
pub fn answer(model: &Model, question: &QueryValueRequest) -> Option<Answer> {
    let scope = question.scope.clone().unwrap_or_default();
    let councils: Vec<&Council> = scope.councils.iter().filter_map(|code| model.councils.get(code)).collect();
    if !question.area_vintage.is_empty() && !councils.iter().all(|council| council.has_vintage(&question.area_vintage)) {
        return None;
    }
    let prices = match &question.valuation {
        None => None,
        Some(asked) => Some(Prices::find(councils.iter().copied(), asked)?),
    };
    let mut answer = Answer { prices, ..Answer::default() };
    let of_exchanges = |metric: &String| OF_EXCHANGES.contains(&metric.as_str());
    let (want_exchanges, want_entries) = (question.metrics.iter().any(of_exchanges), !question.metrics.iter().all(of_exchanges));
    for council in councils {
        let within = Within { council, scope: &scope, question };
        for entry in council.live().filter(|entry| want_entries && entry.given().is_some()) {
            let given = entry.given().expect("filtered");
            let day = unit(&entry.start, &entry.end, "day");
            if let Some(overlaps) = within.entry(entry, &day) {
                let place = Place { service: given.service, area: given.area, unit: &day, entry: Some(entry) };
                answer.add(&within, &place, overlaps, |figures, prices| figures.add_entry(council, entry, prices));
            }
        }
        for exchange in council.exchanges.values().filter(|exchange| want_exchanges && exchange.live != [0, 0]) {
            let (service, area, month) = &exchange.home;
            if let Some(overlaps) = within.home(service, area, month) {
                let place = Place { service, area, unit: month, entry: None };
                answer.add(&within, &place, overlaps, |figures, prices| figures.add_exchange(council, exchange, question, prices));
            }
        }
    }
    Some(answer)
}

/// Where an entry, or an exchange by its home, is counted.
struct Place<'a> {
    service: &'a str,
    area: &'a str,
    unit: &'a str,
    entry: Option<&'a Entry>,
}

impl Answer {
    fn add(&mut self, within: &Within<'_>, place: &Place<'_>, overlaps: bool, add: impl Fn(&mut Figures, Option<&Prices>)) {
        // What only overlaps the period is reported apart: by its own unit, if the question has no calendar. It is not in the total.
        let mut keys = within.keys(place, overlaps);
        if overlaps && !keys.iter().any(|key| key.overlaps) {
            keys.push(RowKey { value: place.unit.to_owned(), coarser: false, overlaps });
        }
        add(self.rows.entry(keys).or_default(), self.prices.as_ref());
        if !overlaps {
            add(&mut self.total, self.prices.as_ref());
        }
    }
}

/// A council and what is asked of it.
struct Within<'a> {
    council: &'a Council,
    scope: &'a Scope,
    question: &'a QueryValueRequest,
}

impl Within<'_> {
    /// None: the entry is out of scope. Otherwise whether it only overlaps the period.
    fn entry(&self, entry: &Entry, day: &str) -> Option<bool> {
        let (given, scope) = (entry.given()?, self.scope);
        let base = base_of(self.council, given.measure);
        let measure = |id: &str| any(&scope.measures, id);
        let fits = any(&scope.services, given.service)
            && any(&scope.areas, given.area)
            && (measure(given.measure) || measure(&base))
            && (scope.sides.is_empty() || scope.sides.contains(&(given.side as i32)))
            && (scope.evidence.is_empty() || scope.evidence.contains(&given.evidence));
        if fits { self.period(day) } else { None }
    }

    /// The same for an exchange, by its home.
    fn home(&self, service: &str, area: &str, month: &str) -> Option<bool> {
        if any(&self.scope.services, service) && any(&self.scope.areas, area) { self.period(month) } else { None }
    }

    fn period(&self, unit: &str) -> Option<bool> {
        let (start, end) = unit_span(unit);
        let (from, to) = (self.scope.period_start.as_str(), self.scope.period_end.as_str());
        let to = if to.is_empty() { "9999-12-31" } else { to };
        if end.as_str() < from || start.as_str() > to {
            return None;
        }
        Some(start.as_str() < from || end.as_str() > to)
    }

    fn keys(&self, place: &Place<'_>, overlaps: bool) -> Vec<RowKey> {
        let key = |dimension: &Dimension| {
            let plain = |value: String| RowKey { value, coarser: false, overlaps: false };
            let given = place.entry.and_then(Entry::given);
            match dimension {
                Dimension::Council => plain(self.council.code.clone()),
                Dimension::Service => plain(place.service.to_owned()),
                Dimension::Area => plain(place.area.to_owned()),
                Dimension::Measure => plain(given.map(|given| base_of(self.council, given.measure)).unwrap_or_default()),
                Dimension::Side => plain(given.map(|given| name(given.side.as_str_name(), "SIDE_")).unwrap_or_default()),
                Dimension::Evidence => plain(given.map(|given| grade(given.evidence)).unwrap_or_default()),
                Dimension::Day => calendar(place.unit, "day", overlaps),
                Dimension::Month => calendar(place.unit, "month", overlaps),
                Dimension::Quarter => calendar(place.unit, "quarter", overlaps),
                Dimension::Year => calendar(place.unit, "year", overlaps),
                Dimension::Decile => plain(self.council.decile(place.area, &self.question.area_vintage)),
                Dimension::ParentArea => plain(self.council.parent(place.area, &self.question.area_vintage)),
                Dimension::Unspecified => unreachable!("refused"),
            }
        };
        let dimensions = self.question.group_by.iter().map(|number| Dimension::try_from(*number).expect("a dimension"));
        dimensions.map(|dimension| key(&dimension)).collect()
    }
}

fn any(of: &[String], id: &str) -> bool {
    of.is_empty() || of.iter().any(|one| one == id)
}

fn name(text: &str, prefix: &str) -> String {
    text.trim_start_matches(prefix).to_owned()
}

fn grade(number: i32) -> String {
    name(EvidenceGrade::try_from(number).expect("checked").as_str_name(), "EVIDENCE_GRADE_")
}

fn base_of(council: &Council, measure: &str) -> String {
    match council.measure(measure) {
        Some(defined) if !defined.contra_of.is_empty() => defined.contra_of.clone(),
        _ => measure.to_owned(),
    }
}

/// The unit asked, or the entry's own if that is larger.
fn calendar(place: &str, asked: &str, overlaps: bool) -> RowKey {
    let grains = ["day", "month", "quarter", "year", "ever"];
    let rank = |grain: &str| grains.iter().position(|one| *one == grain);
    let coarser = rank(grain_of(place)) > rank(asked);
    let (start, end) = unit_span(place);
    let value = if coarser { place.to_owned() } else { unit(&start, &end, asked) };
    RowKey { value, coarser, overlaps }
}

fn grain_of(unit: &str) -> &'static str {
    match unit.len() {
        10 => "day",
        7 if unit.as_bytes()[5] == b'Q' => "quarter",
        7 => "month",
        _ if unit == "ever" => "ever",
        _ => "year",
    }
}

fn add(to: &mut Amount, amount: Amount) {
    to.iter_mut().zip(amount).for_each(|(to, amount)| *to += amount);
}

impl Figures {
    fn add_entry(&mut self, council: &Council, entry: &Entry, prices: Option<&Prices>) {
        let given = entry.given().expect("a quantity");
        let (measure, base) = (council.measure(given.measure).expect("defined"), base_of(council, given.measure));
        let (side, matched) = (usize::from(given.side == Side::State), council.is_matched(entry));
        let signed = if measure.contra_of.is_empty() { i128::from(given.quantity) } else { -i128::from(given.quantity) };
        let sums = self.quantities.entry((base.clone(), measure.side, measure.unit.clone())).or_default();
        sums.quantity += signed;
        sums.count += 1;
        self.count[side] += 1;
        if matched {
            sums.matched += signed;
            sums.matched_count += 1;
            self.matched_count[side] += 1;
        }
        match prices.and_then(|prices| prices.of(council, entry)) {
            Some(amount) => {
                add(&mut self.value[side], amount);
                self.priced[side] += 1;
                if matched {
                    add(&mut self.matched_value[side], amount);
                    self.matched_priced[side] += 1;
                }
            }
            None => drop(self.unpriced_measures.insert(base)),
        }
        if side == 0 {
            self.contributions += 1;
            self.contributions_with_actor += u64::from(entry.actor.is_some());
            self.actors.extend(entry.actor.iter().map(|actor| (council.code.clone(), actor.clone())));
        }
    }

    fn add_exchange(&mut self, council: &Council, exchange: &Exchange, question: &QueryValueRequest, prices: Option<&Prices>) {
        let view = council.exchange_view(exchange);
        let mut sides: [Amount; 2] = Default::default();
        let mut unpriced = BTreeSet::new();
        for entry in exchange.postings.iter().map(|sequence| council.entry(*sequence)).filter(|entry| entry.is_live()) {
            let given = entry.given().expect("a quantity");
            match prices.and_then(|prices| prices.of(council, entry)) {
                Some(amount) => add(&mut sides[usize::from(given.side == Side::State)], amount),
                None => drop(unpriced.insert(base_of(council, given.measure))),
            }
        }
        self.opened += 1;
        if let Some(days) = view.latency_days() {
            self.two_sided += 1;
            self.latencies.push(days);
            self.latencies.sort_unstable();
        } else if old_enough(view.first_day().expect("a live entry"), question) {
            let side = usize::from(exchange.live[0] == 0);
            self.one_sided[side] += 1;
            if unpriced.is_empty() {
                add(&mut self.one_sided_value[side], sides[side]);
                self.one_sided_priced[side] += 1;
            }
        }
        if unpriced.is_empty() {
            // A side that contra measures make negative counts as nothing given.
            let [citizen, state] = sides.map(|side| side.map(|amount| amount.max(0)));
            self.exchanges_priced += 1;
            add(&mut self.reciprocal, std::array::from_fn(|rate| 2 * citizen[rate].min(state[rate])));
            add(&mut self.both_sides, std::array::from_fn(|rate| citizen[rate] + state[rate]));
        }
        self.exchanges_unpriced_measures.extend(unpriced);
    }

    /// The nearest-rank percentile of latencies.
    pub fn latency(&self, percent: usize) -> Option<u32> {
        let rank = (self.latencies.len() * percent).div_ceil(100);
        self.latencies.get(rank.checked_sub(1)?).copied()
    }
}

fn old_enough(first: &str, question: &QueryValueRequest) -> bool {
    let days = question.one_sided_older_than_days;
    days == 0 || i64::from(day_number(&question.today)) - i64::from(day_number(first)) >= i64::from(days)
}
