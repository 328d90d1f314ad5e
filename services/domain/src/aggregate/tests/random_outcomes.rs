//! Random histories with outcomes, replaced, reversed, too early and twice: every source that is exact for a question must give what the
//! recount gives, and so must comparisons.
//!
//! A failure prints its seed; `AGGREGATE_SEED=… cargo test -p tandem-domain random_outcomes` runs that one.

use super::history::{COUNCIL, Event, Seen, folded};
use super::random::{AREAS, Chance, SERVICES};
use super::recount::Recount;
use crate::aggregate::source::{Actors, Plan, Source};
use crate::aggregate::{Comparison, Filters, Question, ValuationAsked, aggregate, ask};
use crate::date::{Date, Grain, Period, Span};
use crate::metrics::{Dimension, Needs};

const CALENDAR: [Dimension; 4] = [Dimension::Day, Dimension::Month, Dimension::Quarter, Dimension::Year];

impl Chance {
    /// A day, a month, a quarter, a year, or anything.
    fn observed(&mut self) -> Span {
        let any = self.span();
        match self.below(6) {
            0 => any,
            1 => Period::of(any.start, Grain::Day).span(),
            2 => Period::of(any.start, Grain::Quarter).span(),
            3 => Period::of(any.start, Grain::Year).span(),
            _ => Period::of(any.start, Grain::Month).span(),
        }
    }

    fn seen(&mut self, id: u128) -> Seen {
        let source = self.pick(&["office", "survey"]);
        // The last indicator is never defined, nor is the last service.
        let indicator = self.pick(&["rate", "rate", "rate", "missed", "unknown"]);
        let (service, area, period) = (self.pick(&SERVICES), self.pick(&AREAS), self.observed());
        let denominator = 1 + self.below(300) as i64;
        let numerator = self.below(10_001) as i64 * denominator - self.below(50) as i64;
        Seen { id, source, service, indicator, area, period, numerator, denominator }
    }

    /// A history of gifts with outcomes in between; one indicator is defined late.
    fn history_with_outcomes(&mut self) -> Vec<Event> {
        let mut events = self.history();
        let mut seen: Vec<Seen> = Vec::new();
        let mut insert = |chance: &mut Self, event| {
            let at = chance.below(events.len() + 1);
            events.insert(at, event);
        };
        insert(self, Event::Indicator("rate", "%", 2, 1));
        insert(self, Event::Indicator("missed", "{bin}", 0, 2));
        for id in 1_000..1_000 + 60 + self.below(80) as u128 {
            let mut outcome = self.seen(id);
            // Often of the same service, area, period and source as one before.
            if !seen.is_empty() && self.one_in(3) {
                outcome = Seen { id, numerator: outcome.numerator, denominator: outcome.denominator, ..self.pick(&seen) };
            }
            insert(self, Event::Outcome(outcome.clone()));
            if self.one_in(8) {
                insert(self, Event::Outcome(outcome.clone()));
            }
            if self.one_in(5) {
                insert(self, Event::OutcomeReversal(id, outcome.source));
            }
            // Another source may not.
            if self.one_in(12) {
                insert(self, Event::OutcomeReversal(id, if outcome.source == "office" { "survey" } else { "office" }));
            }
            seen.push(outcome);
        }
        events
    }

    fn question_of_outcomes(&mut self) -> Question {
        let observations = self.one_in(3);
        let cells = observations || self.one_in(2);
        let needs = Needs { cells, measures: self.one_in(4), participants: self.one_in(4), outcomes: true, observations, ..Needs::default() };
        let mut group_by: Vec<Dimension> = [Dimension::Service, Dimension::Area, Dimension::Council].into_iter().filter(|_| self.one_in(2)).collect();
        if !observations && self.one_in(2) {
            let at = self.below(group_by.len() + 1);
            group_by.insert(at, self.pick(&CALENDAR));
        }
        let texts = |of: &[&str]| of.iter().map(|text| text.to_string()).collect::<Vec<_>>();
        let mut filters = Filters {
            services: self.some(&texts(&["care", "tutoring", "parks", "nowhere"]), 4),
            areas: self.some(&texts(&["lsoa21:E1", "ward:9", "ward:nowhere"]), 5),
            ..Filters::default()
        };
        (filters.start, filters.end) = self.period();
        let valued = observations || !self.one_in(3);
        let valuation = valued.then(|| {
            let (id, version) = self.pick(&[("dated", None), ("dated", Some(1)), ("monthly", Some(1)), ("constant", None)]);
            ValuationAsked { id: id.to_owned(), version }
        });
        let indicator = Some(self.pick(&["rate", "rate", "missed"]).to_owned());
        let mut question = Question { filters, group_by, valuation, needs, indicator, ..Question::default() };
        question.comparison = self.comparison(&mut question.filters, &question.group_by);
        question
    }

    /// One that may be asked; the period is put onto the bounds of units where it must.
    pub(super) fn comparison(&mut self, filters: &mut Filters, group_by: &[Dimension]) -> Option<Comparison> {
        let grain = group_by.iter().find_map(|dimension| dimension.grain());
        match (grain, filters.start) {
            (Some(grain), _) if self.one_in(2) => {
                filters.start = filters.start.map(|day| Period::of(day, grain).span().start);
                filters.end = filters.end.map(|day| Period::of(day, grain).span().end);
                Some(Comparison::Previous)
            }
            (None, Some(first)) => {
                let end = Date(first.0 - 1 - self.below(40) as i32);
                Some(Comparison::With { start: Date(end.0 - self.below(120) as i32), end })
            }
            _ => None,
        }
    }
}

fn compare(seed: u64, compared: &mut [u32; 5]) {
    let mut chance = Chance(seed);
    let events = chance.history_with_outcomes();
    let (rows, recount) = (folded(&events), Recount::new(&events));
    for number in 0..60 {
        let question = chance.question_of_outcomes();
        let place = format!("AGGREGATE_SEED={seed}, question {number}: {question:?}");
        let (groups, total) = recount.compared(&question);
        let mut answer = aggregate(&rows, COUNCIL, &question).unwrap();
        if question.comparison == Some(Comparison::Previous) {
            answer.keep_present();
        }
        // The order of observations is that of numbers in the book, which the recount does not know.
        let sorted = |mut partial: crate::metrics::Partial| {
            let by_value = |a: &crate::metrics::Observation, b: &crate::metrics::Observation| format!("{a:?}").cmp(&format!("{b:?}"));
            partial.observations.sort_by(by_value);
            partial.earlier.iter_mut().for_each(|earlier| earlier.observations.sort_by(by_value));
            partial
        };
        assert_eq!(sorted(answer.total.clone()), sorted(total), "{place}");
        let keys: Vec<_> = answer.groups.iter().map(|group| group.keys.clone()).collect();
        assert_eq!(keys, groups.keys().cloned().collect::<Vec<_>>(), "{place}");
        for group in &answer.groups {
            assert_eq!(sorted(group.clone()), sorted(groups[&group.keys].clone()), "{place}");
        }
        every_source_agrees(&rows, &question, &place);
        let kinds = [
            answer.total.outcome.count > 0,
            answer.total.observations.len() > 3,
            answer.groups.iter().any(|group| group.earlier.as_ref().is_some_and(|earlier| earlier.outcome.count > 0)),
            matches!(question.comparison, Some(Comparison::Previous)) && answer.groups.len() > 2,
            answer.groups.iter().any(|group| group.outcome.count == 0 && group.earlier.is_some()),
        ];
        compared.iter_mut().zip(kinds).for_each(|(sum, is)| *sum += u32::from(is));
    }
}

fn every_source_agrees(rows: &crate::memory::Memory, question: &Question, place: &str) {
    let question = Question { comparison: None, ..question.clone() };
    let asked = ask(rows, COUNCIL, &question).unwrap();
    let answer = aggregate(rows, COUNCIL, &question).unwrap();
    for quantities in [Source::Months, Source::Days, Source::Areas, Source::Entries] {
        if asked.is_exact_by(quantities) {
            assert_eq!(asked.answer(Plan { quantities, actors: Actors::Lines }).unwrap(), answer, "{quantities:?}, {place}");
        }
    }
}

#[test]
fn outcomes_and_comparisons_are_what_a_recount_gives() {
    let mut compared = [0; 5];
    match std::env::var("AGGREGATE_SEED") {
        Ok(seed) => compare(seed.parse().expect("a number"), &mut compared),
        Err(_) => {
            (1..=8).for_each(|seed| compare(seed, &mut compared));
            assert!(compared.iter().all(|count| *count >= 20), "every kind came to be compared: {compared:?}");
        }
    }
}
