//! Outcomes, their observations and comparisons, counted from the events themselves.

use super::history::{Event, Seen, mode};
use super::recount::{Recount, Rows, smallest};
use crate::aggregate::{Comparison, Question};
use crate::date::{Date, Grain, Period};
use crate::event::{Direction, ServiceMode, Side};
use crate::metrics::{Dimension, GroupKey, IndicatorUsed, Observation, Partial};
use std::collections::{BTreeMap, BTreeSet};

/// Groups by key, and the whole scope.
pub type Answered = (BTreeMap<Vec<GroupKey>, Partial>, Partial);

/// Of each service, indicator, area, period and source the outcome that took effect last and is not reversed.
pub fn in_force(events: &[Event]) -> Vec<Seen> {
    let mut defined = BTreeMap::new();
    let (mut reversed, mut known, mut seen) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for (at, event) in events.iter().enumerate() {
        match event {
            Event::Service(id) => drop(defined.entry((1, *id)).or_insert(at)),
            Event::Indicator(id, ..) => drop(defined.entry((2, *id)).or_insert(at)),
            Event::OutcomeReversal(id, source) => drop(reversed.insert((*id, *source))),
            Event::Outcome(outcome) if known.insert((outcome.id, outcome.source)) => seen.push((at, outcome)),
            _ => {}
        }
    }
    let effect = |(at, outcome): (usize, &Seen)| {
        let service = *defined.get(&(1, outcome.service))?;
        let indicator = *defined.get(&(2, outcome.indicator))?;
        Some((at.max(service).max(indicator), at, outcome.clone()))
    };
    let mut effective: Vec<_> = seen.into_iter().filter_map(effect).collect();
    effective.sort_by_key(|(effect, at, _)| (*effect, *at));
    let mut last = BTreeMap::new();
    for (_, _, outcome) in effective.into_iter().filter(|(_, _, outcome)| !reversed.contains(&(outcome.id, outcome.source))) {
        let Seen { service, indicator, area, period, source, .. } = outcome;
        last.insert((service, indicator, area, period.start, period.end, source), outcome);
    }
    last.into_values().collect()
}

/// As the random histories define it: see `random_outcomes`.
fn used(question: &Question) -> Option<IndicatorUsed> {
    let id = question.indicator.clone().filter(|_| question.needs.outcomes)?;
    let (unit, decimal_places, direction) = if id == "missed" { ("{bin}", 0, Direction::Lower) } else { ("%", 2, Direction::Higher) };
    Some(IndicatorUsed { id, unit: unit.into(), decimal_places, direction })
}

impl Recount {
    fn outcomes_in_scope<'a>(&'a self, question: &'a Question) -> impl Iterator<Item = &'a Seen> {
        let any = |of: &[String], id: &str| of.is_empty() || of.iter().any(|one| one == id);
        self.outcomes.iter().filter(move |outcome| {
            question.indicator.as_deref() == Some(outcome.indicator)
                && any(&question.filters.services, outcome.service)
                && any(&question.filters.areas, outcome.area)
        })
    }

    pub fn add_outcomes(&self, question: &Question, rows: &mut Rows) {
        for outcome in self.outcomes_in_scope(question) {
            let unit = smallest(outcome.period.start, outcome.period.end, Grain::Day);
            self.at(question, (outcome.service, outcome.area, unit, None), rows, |row| {
                row.partial.outcome.numerator += i128::from(outcome.numerator);
                row.partial.outcome.denominator += i128::from(outcome.denominator);
                row.partial.outcome.count += 1;
            });
        }
        if question.needs.observations {
            for (service, area, unit, observation) in self.observations(question) {
                self.at(question, (service, area, unit, None), rows, |row| row.partial.observations.push(observation.clone()));
            }
        }
    }

    /// Each service (and area, if asked) and unit observed within the period.
    fn observations<'a>(&'a self, question: &'a Question) -> Vec<(&'a str, &'a str, Period, Observation)> {
        let by_area = question.group_by.contains(&Dimension::Area);
        let start = question.filters.start.unwrap_or(Date(-1_000_000));
        let end = question.filters.end.unwrap_or(Date(10_000_000));
        let within = |unit: Period| start <= unit.span().start && unit.span().end <= end;
        let mut sums: BTreeMap<(&str, &str, Period), (i128, i128)> = BTreeMap::new();
        for outcome in self.outcomes_in_scope(question) {
            let unit = smallest(outcome.period.start, outcome.period.end, Grain::Month);
            if within(unit) {
                let sum = sums.entry((outcome.service, if by_area { outcome.area } else { "" }, unit)).or_default();
                *sum = (sum.0 + i128::from(outcome.numerator), sum.1 + i128::from(outcome.denominator));
            }
        }
        sums.retain(|(_, _, unit), _| unit.grain != Grain::Ever);
        let observation = |((service, area, unit), (numerator, denominator)): ((&'a str, &'a str, Period), (i128, i128))| {
            let value = |side| self.value_within(question, side, (service, by_area.then_some(area)), unit);
            let mode = if mode(service) == 3 { ServiceMode::Transactional } else { ServiceMode::Relational };
            let months = (unit.span().end.0 - unit.span().start.0 + 1) as u32 / 28;
            let months = if months > 12 { 12 } else { months };
            let (citizen, state) = (value(Side::Citizen), value(Side::State));
            (service, area, unit, Observation { mode, months, numerator, denominator, citizen, state })
        };
        sums.into_iter().map(observation).collect()
    }

    /// What a side gave within a unit that is also within the period; `None` if it has entries and none has a price.
    fn value_within(&self, question: &Question, side: Side, (service, area): (&str, Option<&str>), unit: Period) -> Option<i128> {
        let prices = self.prices(&question.valuation.as_ref()?.id, question.valuation.as_ref()?.version);
        let start = question.filters.start.unwrap_or(Date(-1_000_000)).max(unit.span().start);
        let end = question.filters.end.unwrap_or(Date(10_000_000)).min(unit.span().end);
        let gifts: Vec<_> = self
            .live()
            .filter(|gift| self.is_in_scope(question, gift) && gift.side == side && gift.service == service)
            .filter(|gift| area.is_none_or(|area| gift.area == area))
            .filter(|gift| {
                let span = smallest(gift.occurred.start, gift.occurred.end, Grain::Day).span();
                start <= span.start && span.end <= end
            })
            .collect();
        let worth: Vec<_> = gifts.iter().filter_map(|gift| self.worth(gift, prices)).collect();
        (gifts.is_empty() || !worth.is_empty()).then(|| worth.iter().map(|amount| amount.central).sum())
    }

    /// The answer with each row's earlier one, found by asking again.
    pub fn compared(&self, question: &Question) -> Answered {
        let named = |mut partial: Partial| {
            partial.outcome.indicator = used(question);
            partial
        };
        let nothing = |keys: &[GroupKey]| named(Partial { keys: keys.to_vec(), ..Partial::default() });
        let (groups, total) = self.answer(question);
        let mut groups: BTreeMap<_, _> = groups.into_iter().map(|(keys, group)| (keys, named(group))).collect();
        let mut total = named(total);
        let ask = |start: Date, end: Date| {
            let mut earlier = question.clone();
            (earlier.filters.start, earlier.filters.end) = (Some(start), Some(end));
            self.answer(&earlier)
        };
        let bare = |partial: Partial| Some(Box::new(Partial { keys: Vec::new(), ..named(partial) }));
        match question.comparison {
            None => {}
            Some(Comparison::With { start, end }) => {
                let (before, whole) = ask(start, end);
                for keys in before.keys() {
                    groups.entry(keys.clone()).or_insert_with(|| nothing(keys));
                }
                for (keys, group) in &mut groups {
                    group.earlier = bare(before.get(keys).cloned().unwrap_or_default());
                }
                total.earlier = bare(whole);
            }
            Some(Comparison::Previous) => {
                let at = question.group_by.iter().position(|dimension| dimension.grain().is_some()).expect("a calendar dimension");
                for (keys, group) in groups.iter_mut().filter(|(keys, _)| !keys[at].coarser && !keys[at].overlaps) {
                    let unit = unit_shown(&keys[at].value);
                    let before = Period { index: unit.index - 1, ..unit };
                    let mut earlier_keys = keys.clone();
                    earlier_keys[at].value = before.to_string();
                    let (rows, _) = ask(before.span().start, before.span().end);
                    group.earlier = bare(rows.get(&earlier_keys).cloned().unwrap_or_default());
                }
            }
        }
        (groups, total)
    }
}

/// The unit that shows itself so, found by trying.
fn unit_shown(shown: &str) -> Period {
    let days = (Date::parse("2023-01-01").unwrap().0..Date::parse("2027-12-31").unwrap().0).map(Date);
    let units = days.flat_map(|day| [Grain::Day, Grain::Month, Grain::Quarter, Grain::Year].map(|grain| Period::of(day, grain)));
    units.into_iter().find(|unit| unit.to_string() == shown).expect("a unit of these years")
}

/// A month has at least 28 days, so that 28 go into a quarter 3 times and into a year 13, which is one too many.
#[test]
fn months_of_units() {
    let months = |day: &str, grain| {
        let span = Period::of(Date::parse(day).unwrap(), grain).span();
        ((span.end.0 - span.start.0 + 1) / 28).min(12)
    };
    assert_eq!([months("2025-02-01", Grain::Month), months("2025-08-01", Grain::Quarter), months("2024-01-01", Grain::Year)], [1, 3, 12]);
}
