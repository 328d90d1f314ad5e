//! Random histories and questions: every plan that is exact for a question must give what the recount gives.
//!
//! A failure prints its seed; `AGGREGATE_SEED=… cargo test -p tandem-domain random` runs that one.

use super::areas::AreaRow;
use super::as_of::entries;
use super::history::{COUNCIL, Event, FIRST_DAY, Gift, Rate, folded, folded_every};
use super::recount::{Recount, denominator};
use crate::aggregate::source::{Actors, Plan, Source, plan};
use crate::aggregate::{AsOf, Error, Filters, Question, ValuationAsked, aggregate, ask};
use crate::date::{DAY_US, Date, Grain, Period, Span};
use crate::event::{Evidence, Side};
use crate::memory::Memory;
use crate::metrics::{Answer, DecilePartial, Dimension, Needs};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const SERVICES: [&str; 4] = ["care", "waste/recycling", "tutoring", "parks"];
pub(super) const AREAS: [&str; 5] = ["", "lsoa21:E1", "lsoa21:E2", "ward:9", "ward:10"];
/// Areas that may be defined. Nothing happens in the last two, and some where things happen are never defined.
const DEFINED: [&str; 6] = ["lsoa21:E1", "lsoa21:E2", "ward:9", "allotment:1", "lsoa21:E3", "lsoa21:E4"];
const VINTAGES: [&str; 3] = ["imd2019", "imd2025", "2021"];
/// Id, side, unit, contra of. The last one is never defined.
const MEASURES: [(&str, Side, &str, &str); 10] = [
    ("help", Side::Citizen, "min", ""),
    ("help-back", Side::Citizen, "min", "help"),
    ("sorted", Side::Citizen, "g", ""),
    ("reports", Side::Citizen, "{item}", ""),
    ("sorted-back", Side::Citizen, "g", "sorted"),
    ("teaching", Side::State, "min", ""),
    ("cash", Side::State, "GBP", ""),
    ("refund", Side::State, "GBP", "cash"),
    ("dollars", Side::State, "USD", ""),
    ("visits", Side::State, "{visit}", ""),
];

/// A splitmix generator: the same seed, the same numbers.
pub struct Chance(pub u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    /// Some of them, perhaps none.
    pub fn some<T: Clone>(&mut self, of: &[T], one_in: usize) -> Vec<T> {
        if !self.one_in(one_in) {
            return Vec::new();
        }
        (0..1 + self.below(2)).map(|_| self.pick(of)).collect()
    }

    pub fn span(&mut self) -> Span {
        let first = Date::parse("2024-11-20").unwrap().0;
        let start = Date(first + self.below(260) as i32);
        let days = if self.one_in(4) { self.pick(&[1, 5, 20, 40, 90, 300]) } else { 0 };
        Span { start, end: Date(start.0 + days) }
    }

    fn gift(&mut self, id: u128, exchanges: usize) -> Gift {
        let (measure, side, ..) = self.pick(&MEASURES);
        // Now and then the wrong side.
        let side = if self.one_in(30) { [Side::Citizen, Side::State][self.below(2)] } else { side };
        let exchange = match self.below(4) {
            0 => String::new(),
            1 => "big".to_owned(),
            _ => format!("plan-{}", self.below(exchanges)),
        };
        let party = if self.one_in(3) { String::new() } else { format!("person-{}", self.below(9)) };
        let most = if self.one_in(5) { 1_000_000 } else { 90 };
        let quantity = 1 + self.below(most) as i64;
        let (evidence, occurred) = (1 + self.below(5) as i64, self.span());
        Gift { id, side, service: self.pick(&SERVICES), measure, quantity, area: self.pick(&AREAS), exchange, evidence, occurred, party }
    }

    /// A definition; one in a few has no decile, no parent or, unless all are populated, no population.
    fn area(&mut self, populated: bool) -> AreaRow {
        let (area, vintage) = (self.pick(&DEFINED), self.pick(&VINTAGES));
        let decile = if self.one_in(4) { 0 } else { 1 + self.below(10) as i64 };
        let population = if !populated && self.one_in(3) { -1 } else { self.below(3_000) as i64 };
        AreaRow { area, vintage, parent: self.pick(&["", "ward:9", "district:1", "district:2"]), decile, population }
    }

    pub(super) fn history(&mut self) -> Vec<Event> {
        // The last service and the last measure are never defined; some others are defined late.
        let mut events: Vec<Event> = valuations();
        let mut late = Vec::new();
        for id in &SERVICES[..3] {
            if self.one_in(3) {
                late.push(Event::Service(id))
            } else {
                events.push(Event::Service(id))
            };
        }
        for (id, side, unit, contra_of) in &MEASURES[..9] {
            let event = Event::Measure(id, *side, unit, contra_of);
            let has_contra = MEASURES.iter().any(|(_, _, _, base)| base == id);
            if !has_contra && self.one_in(4) {
                late.push(event)
            } else {
                events.push(event)
            };
        }
        let exchanges = 3 + self.below(30);
        let many = 120 + self.below(200);
        for id in 1..=many as u128 {
            let gift = self.gift(id, exchanges);
            events.push(Event::Gift(gift.clone()));
            match self.below(12) {
                0 => events.push(Event::Gift(gift)),
                1 => events.push(Event::Gift(self.gift(id, exchanges))),
                2 | 3 => events.push(Event::Reversal(1 + self.below(many) as u128)),
                4 if !late.is_empty() => events.push(late.remove(0)),
                _ => {}
            }
        }
        events.extend(late);
        // Some histories have few definitions of areas, one in a few none at all.
        let areas = if self.one_in(4) { 0 } else { 1 + self.below(24) };
        let populated = self.one_in(2);
        for _ in 0..areas {
            let at = self.below(events.len());
            events.insert(at, Event::Area(self.area(populated)));
        }
        events
    }

    pub(super) fn question(&mut self) -> Question {
        let exchanges = self.one_in(3);
        let deciles = !exchanges && self.one_in(3);
        let needs = Needs {
            cells: self.one_in(2) || !exchanges,
            measures: self.one_in(3),
            exchanges,
            exchange_values: exchanges && self.one_in(2),
            participants: self.one_in(2),
            residents: deciles || self.one_in(3),
            deciles,
            ..Needs::default()
        };
        let beyond_homes = [Dimension::Measure, Dimension::Side, Dimension::Day, Dimension::Evidence];
        let mut group_by: Vec<Dimension> = Vec::new();
        for _ in 0..self.below(4) {
            let dimension = if self.one_in(4) { self.pick(&[Dimension::Decile, Dimension::ParentArea]) } else { self.pick(&Dimension::ALL) };
            let calendar_twice = dimension.grain().is_some() && group_by.iter().any(|other| other.grain().is_some());
            let beyond_home = exchanges && beyond_homes.contains(&dimension);
            let one_decile = deciles && matches!(dimension, Dimension::Area | Dimension::Decile);
            if !(group_by.contains(&dimension) || calendar_twice || beyond_home || one_decile) {
                group_by.push(dimension);
            }
        }
        let texts = |of: &[&str]| of.iter().map(|text| text.to_string()).collect::<Vec<_>>();
        let mut filters = Filters {
            services: self.some(&texts(&["care", "tutoring", "parks", "nowhere"]), 4),
            areas: self.some(&texts(&["lsoa21:E1", "ward:9", "ward:nowhere"]), 5),
            ..Filters::default()
        };
        if !exchanges {
            filters.measures = self.some(&texts(&["help", "help-back", "sorted", "cash", "nothing"]), 4);
            filters.sides = self.some(&[Side::Citizen, Side::State], 5);
            filters.evidence = self.some(&[Evidence::SelfReported, Evidence::Sensor], 5);
        }
        (filters.start, filters.end) = self.period();
        let valuation = (!self.one_in(3)).then(|| {
            let (id, version) = self.pick(&[("dated", None), ("dated", Some(1)), ("dated", Some(2)), ("monthly", Some(1)), ("constant", None)]);
            ValuationAsked { id: id.to_owned(), version }
        });
        let one_sided_older_than_days = self.pick(&[0, 0, 30, 100]);
        let today = Some(Date(20_240 + self.below(60) as i32));
        let area_vintage = self.one_in(3).then(|| self.pick(&VINTAGES).to_owned());
        Question { filters, group_by, valuation, needs, one_sided_older_than_days, today, area_vintage, ..Question::default() }
    }

    /// One whose answer as of a point is that of a shorter book: what is said of areas is always today's.
    pub(super) fn question_of_a_point(&mut self) -> Question {
        let mut question = self.question();
        question.group_by.retain(|dimension| !matches!(dimension, Dimension::Decile | Dimension::ParentArea));
        (question.area_vintage, question.needs.deciles, question.needs.residents) = (None, false, false);
        question
    }

    /// Open, on the bounds of months, quarters and years, or anywhere.
    pub(super) fn period(&mut self) -> (Option<Date>, Option<Date>) {
        let date = |text| Date::parse(text);
        match self.below(5) {
            0 | 1 => (None, None),
            2 => (date(self.pick(&["2025-01-01", "2025-02-01", "2024-12-01"])), date(self.pick(&["2025-03-31", "2025-12-31", "2025-05-31"]))),
            3 => (date(self.pick(&["2025-01-17", "2025-04-01"])), None),
            _ => {
                let (a, b) = (self.span().start, self.span().end);
                (Some(a.min(b)), Some(a.max(b)).filter(|_| !self.one_in(4)))
            }
        }
    }
}

pub(super) fn valuations() -> Vec<Event> {
    let rate = |measure, per_quantity, central, from| Rate { measure, per_quantity, low: central - 5, central, high: central + 11, from };
    let dated = vec![rate("help", 60, 1_144, "2024-04-01"), rate("help", 60, 1_221, "2025-04-01"), rate("teaching", 7, 990, "2025-01-01")];
    let newer = vec![
        rate("help", 60, 1_144, "2024-12-10"),
        rate("help", 45, 1_221, "2025-02-13"),
        rate("help-back", 60, 1_000, "2025-01-01"),
        rate("sorted", 1_000, 126, "2025-03-01"),
        rate("sorted", 1_000, 131, "2025-03-20"),
        rate("teaching", 7, 990, "2024-01-01"),
    ];
    // Only on first days of months: inside quarters and years, and between them.
    let monthly = vec![
        rate("help", 60, 1_144, "2024-12-01"),
        rate("help", 60, 1_221, "2025-02-01"),
        rate("help", 50, 1_300, "2025-04-01"),
        rate("help-back", 60, 900, "2025-05-01"),
        rate("sorted", 1_000, 126, "2025-01-01"),
        rate("reports", 3, 40, "2025-03-01"),
        rate("teaching", 7, 990, "2025-06-01"),
    ];
    let constant = vec![rate("help", 60, 1_221, ""), rate("sorted", 9, 14, ""), rate("teaching", 60, 3_000, ""), rate("dollars", 1, 80, "")];
    vec![
        Event::Valuation("dated", 1, dated),
        Event::Valuation("dated", 2, newer),
        Event::Valuation("monthly", 1, monthly),
        Event::Valuation("constant", 10, constant),
    ]
}

/// The vintages in which any area is defined, ascending.
fn vintages(events: &[Event]) -> Vec<String> {
    let vintage = |event: &Event| match event {
        Event::Area(row) => Some(row.vintage.to_owned()),
        _ => None,
    };
    events.iter().filter_map(vintage).collect::<BTreeSet<_>>().into_iter().collect()
}

/// What of areas an answer has.
fn joined(answer: &Answer) -> BTreeSet<&'static str> {
    let mut seen = BTreeSet::new();
    for group in &answer.groups {
        let key = |dimension| group.keys.iter().any(|key| key.dimension == dimension && !key.value.is_empty());
        let decile = |has: fn(&DecilePartial) -> bool| group.deciles.iter().any(has);
        let all = [
            ("by decile", key(Dimension::Decile)),
            ("by parent", key(Dimension::ParentArea)),
            ("exchanges by decile", key(Dimension::Decile) && group.exchanges.two_sided > 0),
            ("participants of several by decile", key(Dimension::Decile) && group.participants > 2 && group.residents.known().is_some()),
            ("some residents unknown", group.residents.areas_with_population > 0 && group.residents.known().is_none()),
            ("value in a decile with residents", decile(|one| one.citizen.value.central > 0 && one.residents.known().is_some())),
            ("matched in a decile", decile(|one| one.state.matched_count > 0)),
            ("residents without entries", decile(|one| one.citizen.count + one.state.count == 0 && one.residents.population > 0)),
        ];
        seen.extend(all.into_iter().filter(|(_, has)| *has).map(|(what, _)| what));
    }
    seen
}

/// How often each plan, and each case of what is joined, was compared.
type Compared = BTreeMap<String, u32>;

fn compare(seed: u64, compared: &mut Compared) {
    let mut chance = Chance(seed);
    let events = chance.history();
    let (rows, recount) = (folded(&events), Recount::new(&events));
    for number in 0..60 {
        let question = chance.question();
        let place = format!("AGGREGATE_SEED={seed}, question {number}: {question:?}");
        if let Err(Error::UnknownVintage { vintage, known }) = ask(&rows, COUNCIL, &question).map(drop) {
            assert_eq!(question.area_vintage, Some(vintage), "{place}");
            assert_eq!(known, vintages(&events), "{place}");
            assert!(!known.contains(question.area_vintage.as_ref().unwrap()), "{place}");
            continue;
        }
        compare_plans(&rows, &recount, &question, &place, compared);
        check_denominator(&rows, &question, &place);
    }
}

/// As of days: of a history with one event every ten days, of one with some on each day, and of one with days that have none between.
fn compare_as_of(seed: u64, compared: &mut Compared) {
    let mut chance = Chance(seed);
    let events = chance.history();
    for step_us in [10 * DAY_US, 7 * HOUR_US, 27 * HOUR_US] {
        let rows = folded_every(step_us, &events);
        for number in 0..80 {
            let day = |at: usize| FIRST_DAY + (at as u64 * step_us / DAY_US) as i32;
            // Valuations come first: those of today are used, whatever the day.
            let at = chance.below(events.len() - valuations().len()) + valuations().len();
            // Often the last day of a month, which journals by area tell apart.
            let whole_month = chance.one_in(2);
            let asked = Period::of(Date(day(at)), if whole_month { Grain::Month } else { Grain::Day }).span().end;
            let so_far = (0..events.len()).take_while(|at| day(*at) <= asked.0).count();
            let as_of = match chance.below(3) {
                // The same by a sequence, or one that may lie within a day.
                0 if number % 2 == 0 => AsOf::Sequence(entries(&folded_every(step_us, &events[..=at])) - 1),
                _ => AsOf::Recorded(asked),
            };
            let so_far = if as_of == AsOf::Recorded(asked) { so_far } else { at + 1 };
            let question = Question { as_of: Some(as_of), ..chance.question_of_a_point() };
            let place = format!("AGGREGATE_SEED={seed}, every {step_us} us, question {number}: {question:?}");
            compare_plans(&rows, &Recount::new(&events[..so_far]), &question, &place, compared);
        }
    }
}

const HOUR_US: u64 = DAY_US / 24;

/// Every plan that is exact for a question, the chosen one too, gives what the recount gives.
fn compare_plans(rows: &Memory, recount: &Recount, question: &Question, place: &str, compared: &mut Compared) {
    let (groups, total) = recount.answer(question);
    let asked = ask(rows, COUNCIL, question).unwrap();
    let mut plans = vec![plan(&asked)];
    for quantities in [Source::Months, Source::Days, Source::Areas, Source::AreaJournal, Source::Entries] {
        for actors in [Actors::Years, Actors::Months, Actors::Lines] {
            if asked.is_exact_by(quantities) && asked.has_actors_in(actors) {
                plans.push(Plan { quantities, actors });
            }
        }
    }
    for plan in plans {
        let mut answer = asked.answer(plan).unwrap();
        answer.attach_residents().unwrap();
        assert_eq!(answer.total, total, "{plan:?}, {place}");
        for group in &answer.groups {
            assert_eq!(Some(group), groups.get(&group.keys), "{plan:?}, {place}");
        }
        let keys: Vec<_> = answer.groups.iter().map(|group| group.keys.clone()).collect();
        assert_eq!(keys, groups.keys().cloned().collect::<Vec<_>>(), "{plan:?}, {place}");
        *compared.entry(format!("{plan:?}")).or_default() += 1;
        joined(&answer).into_iter().for_each(|what| *compared.entry(what.to_owned()).or_default() += 1);
    }
}

fn check_denominator(rows: &Memory, question: &Question, place: &str) {
    let answer = aggregate(rows, COUNCIL, question).unwrap();
    let published = valuations();
    let used = answer.valuation.map(|used| (used.id, used.version));
    let asked = question.valuation.as_ref().map(|asked| (asked.id.clone(), asked.version.unwrap_or(if asked.id == "dated" { 2 } else { 10 })));
    assert_eq!(used, asked, "{place}");
    let expected = published.iter().find_map(|event| match event {
        Event::Valuation(id, version, rates) if used == Some((id.to_string(), *version as u32)) => Some(denominator(rates) as u64),
        _ => None,
    });
    assert_eq!(answer.denominator, expected.unwrap_or(1), "{place}");
}

#[test]
fn every_plan_gives_what_a_recount_gives() {
    let mut compared = Compared::new();
    match std::env::var("AGGREGATE_SEED") {
        Ok(seed) => compare(seed.parse().expect("a number"), &mut compared),
        Err(_) => {
            for seed in 1..=8 {
                compare(seed, &mut compared);
            }
            // Every combination of sources came to be compared.
            let plans = compared.keys().filter(|plan| plan.starts_with("Plan")).count();
            assert_eq!((plans, compared.len() - plans), (15, 8), "{compared:?}");
        }
    }
}

#[test]
fn every_plan_as_of_a_day_gives_what_a_recount_of_its_events_gives() {
    let mut compared = Compared::new();
    let seeds = match std::env::var("AGGREGATE_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => (1..=4).collect(),
    };
    let all = seeds.len() > 1;
    seeds.into_iter().for_each(|seed| compare_as_of(seed, &mut compared));
    // Both journals and the entries came to be compared often; where the point is the end of the book, so did the rest.
    let lines = |quantities: Source| compared.get(&format!("{:?}", Plan { quantities, actors: Actors::Lines })).copied().unwrap_or_default();
    let counts = [Source::Days, Source::AreaJournal, Source::Entries].map(lines);
    assert!(!all || counts.iter().all(|count| *count > 200), "{compared:?}");
}
