//! Two periods side by side: the question is answered for both from the same rows, and groups are paired.

use super::{Comparison, Error, Question, answer};
use crate::date::{Date, Grain, Period};
use crate::metrics::{Answer, DecilePartial, GroupKey, OutcomePartial, Partial, TakingPart, WillingnessPartial};
use crate::tables::Rows;
use std::collections::BTreeMap;

type ByKeys = BTreeMap<Vec<GroupKey>, Partial>;

/// Sets the earlier period beside each group of an answer.
pub(super) fn compare<R: Rows>(rows: &R, council: &str, question: &Question, now: Answer) -> Result<Answer, Error<R::Error>> {
    match question.comparison {
        None => Ok(now),
        Some(Comparison::With { start, end }) => with_period(rows, council, question, now, (start, end)),
        Some(Comparison::Previous) => with_unit_before(rows, council, question, now),
    }
}

/// The same question, as of the same point, about another period.
fn ask<R: Rows>(rows: &R, council: &str, question: &Question, start: Date, end: Date) -> Result<Answer, Error<R::Error>> {
    let mut earlier = Question { comparison: None, ..question.clone() };
    (earlier.filters.start, earlier.filters.end) = (Some(start), Some(end));
    answer(rows, council, &earlier)
}

/// Nothing, in an answer about the same indicators and with the same deciles.
fn nothing(keys: &[GroupKey], now: &Answer) -> Partial {
    let outcome = OutcomePartial { indicator: now.total.outcome.indicator.clone(), ..OutcomePartial::default() };
    let deciles = if now.total.deciles.is_empty() { Vec::new() } else { DecilePartial::all() };
    let asked = &now.total.taking_part.willingness;
    let (support_unit, support_places) = (asked.support_unit.clone(), asked.support_places);
    let willingness = WillingnessPartial { support_unit, support_places, ..WillingnessPartial::default() };
    let taking_part = TakingPart { willingness, ..TakingPart::default() };
    Partial { keys: keys.to_vec(), outcome, deciles, taking_part, ..Partial::default() }
}

/// Groups of the same keys belong together. One that only the earlier period has comes too, with nothing in this period.
fn with_period<R: Rows>(
    rows: &R,
    council: &str,
    question: &Question,
    mut now: Answer,
    (start, end): (Date, Date),
) -> Result<Answer, Error<R::Error>> {
    let before = ask(rows, council, question, start, end)?;
    let mut earlier: ByKeys = before.groups.into_iter().map(|group| (group.keys.clone(), group)).collect();
    let mut groups = std::mem::take(&mut now.groups);
    for group in &mut groups {
        let same = earlier.remove(&group.keys).unwrap_or_else(|| nothing(&group.keys, &now));
        group.earlier = Some(without_keys(same));
    }
    groups.extend(earlier.into_values().map(|gone| Partial { earlier: Some(without_keys(gone.clone())), ..nothing(&gone.keys, &now) }));
    groups.sort_unstable_by(|a, b| a.keys.cmp(&b.keys));
    now.groups = groups;
    now.total.earlier = Some(Box::new(before.total));
    Ok(now)
}

/// Keys stand in the group itself.
fn without_keys(group: Partial) -> Box<Partial> {
    Box::new(Partial { keys: Vec::new(), ..group })
}

/// A group's unit is that of the group before it plus one. Groups that have something in the unit before only are kept, so that the answers
/// of several councils can be added; [`Answer::keep_present`] drops them afterwards. What is longer than a unit is not compared.
fn with_unit_before<R: Rows>(rows: &R, council: &str, question: &Question, mut now: Answer) -> Result<Answer, Error<R::Error>> {
    let calendar = question.group_by.iter().enumerate().find_map(|(at, dimension)| Some((at, dimension.grain()?)));
    let Some((at, grain)) = calendar else {
        return Ok(now);
    };
    let mut units: Vec<Partial> = now.groups.iter().filter(|group| is_unit(&group.keys[at])).cloned().collect();
    if let Some(start) = question.filters.start {
        let last = Date(start.0 - 1);
        let before = ask(rows, council, question, Period::of(last, grain).span().start, last)?;
        units.extend(before.groups.into_iter().filter(|group| group.keys.get(at).is_some_and(is_unit)));
    }
    let mut groups: ByKeys = std::mem::take(&mut now.groups).into_iter().map(|group| (group.keys.clone(), group)).collect();
    for group in groups.values_mut().filter(|group| is_unit(&group.keys[at])) {
        group.earlier = Some(without_keys(nothing(&[], &now)));
    }
    for before in units {
        let Some(next) = next_unit(&before.keys[at].value, grain) else { continue };
        if question.filters.end.is_some_and(|end| next.span().start > end) {
            continue;
        }
        let mut keys = before.keys.clone();
        keys[at].value = next.to_string();
        groups.entry(keys.clone()).or_insert_with(|| nothing(&keys, &now)).earlier = Some(without_keys(before));
    }
    now.groups = groups.into_values().collect();
    Ok(now)
}

fn is_unit(key: &GroupKey) -> bool {
    !key.coarser && !key.overlaps
}

/// The unit after the one that a key shows.
fn next_unit(shown: &str, grain: Grain) -> Option<Period> {
    let first = match grain {
        Grain::Day => shown.to_owned(),
        Grain::Month => format!("{shown}-01"),
        Grain::Quarter => {
            let (year, quarter) = shown.split_once("-Q")?;
            format!("{year}-{:02}-01", quarter.parse::<u32>().ok()?.checked_sub(1)? * 3 + 1)
        }
        Grain::Year => format!("{shown}-01-01"),
        Grain::Ever => return None,
    };
    let unit = Period::of(Date::parse(&first)?, grain);
    Some(Period { index: unit.index + 1, ..unit })
}

impl Answer {
    /// Drops the groups that have nothing but something in the unit before: after the answers of all councils are added, before figures
    /// are made of them.
    pub fn keep_present(&mut self) {
        self.groups.retain(|group| group.earlier.is_none() || !group.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_unit_of_what_is_shown() {
        let next = |shown: &str, grain| next_unit(shown, grain).map(|unit| unit.to_string()).unwrap_or_default();
        assert_eq!(
            [next("2025-12", Grain::Month), next("2025-Q4", Grain::Quarter), next("2025-Q1", Grain::Quarter)],
            ["2026-01", "2026-Q1", "2025-Q2"]
        );
        assert_eq!([next("2024", Grain::Year), next("2024-02-28", Grain::Day), next("ever", Grain::Ever)], ["2025", "2024-02-29", ""]);
    }
}
