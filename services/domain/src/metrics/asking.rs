//! How metrics that cannot be asked in every way may be asked, and why.

use super::taking_part::AMOUNTS_MAX;
use super::{DECILES_COMPARED, Dimension, HOMES, Metric, OUTCOMES};
use crate::date::{Date, Grain, Period};
use crate::event::Invalid;

/// Why a metric is asked in some ways only.
pub(super) fn why(metric: &Metric) -> &'static str {
    if metric.needs.taking_part.retention {
        "it compares who took part in each month with who did in the month before: group by month, and by council or service if you like"
    } else if metric.needs.taking_part.willingness {
        "it follows pledges, which have a service, a measure, an area and the month (or larger) of their period; each measure is a part of it"
    } else if metric.needs.deciles {
        DECILES_COMPARED
    } else if metric.needs.outcomes {
        OUTCOMES
    } else {
        HOMES
    }
}

/// Why a metric is not asked as of a point.
pub(super) fn why_now(metric: &Metric) -> &'static str {
    match metric.needs {
        needs if needs.residents || needs.deciles => "areas, their deciles and their residents are as the catalogue has them now",
        needs if needs.outcomes || needs.observations => "outcomes are those in force now",
        _ => "it is read from what has its effect now",
    }
}

impl Metric {
    /// What a question must say for it, and how much is read for it if that grows with the history; empty: nothing, and little.
    pub fn needed(&self) -> Vec<&'static str> {
        let (needs, part) = (self.needs, self.needs.taking_part);
        let all = [
            (needs.valuation, "a valuation"),
            (needs.outcomes, "an indicator"),
            (needs.comparison, "an earlier period"),
            (part.retention, "months to group by"),
            (needs.exchange_values, "every exchange, for values"),
            (part.amounts, "every statement"),
            (part.control || part.willingness, "every entry"),
        ];
        all.into_iter().filter_map(|(needed, words)| needed.then_some(words)).collect()
    }
}

/// What is asked by month must say so.
pub(super) fn by_month(metrics: &[&Metric], group_by: &[Dimension]) -> Option<Invalid> {
    // Another calendar unit is refused by itself.
    let metric = metrics.iter().find(|metric| metric.needs.taking_part.retention)?;
    let has_calendar = group_by.iter().any(|dimension| dimension.grain().is_some());
    (!has_calendar).then(|| Invalid::new("group_by", format!("needs MONTH: {} has a figure for each month", metric.name)))
}

/// What is wrong with a period that is to consist of whole months, each with its field of QueryValueRequest.
pub fn whole_months(metrics: &[&Metric], start: Option<Date>, end: Option<Date>) -> Vec<Invalid> {
    let Some(metric) = metrics.iter().find(|metric| metric.needs.taking_part.retention) else {
        return Vec::new();
    };
    let mut wrong = Vec::new();
    let month = |day: Date| Period::of(day, Grain::Month).span();
    if let Some(start) = start.filter(|day| month(*day).start != *day) {
        let first = month(start).start;
        wrong
            .push(Invalid::new("scope.period_start", format!("must be the first day of a month: {} compares whole months; {first} is", metric.name)));
    }
    if let Some(end) = end.filter(|day| month(*day).end != *day) {
        let last = month(end).end;
        wrong.push(Invalid::new("scope.period_end", format!("must be the last day of a month: {} compares whole months; {last} is", metric.name)));
    }
    wrong
}

/// An answer would hold more different amounts of actors than fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("actors' amounts have more than {AMOUNTS_MAX} different values in these groups together")]
pub struct TooManyAmounts;

impl TooManyAmounts {
    /// Whether so many of each group may be held together.
    pub(crate) fn check(of_groups: impl Iterator<Item = usize>) -> Result<(), Self> {
        if of_groups.sum::<usize>() > AMOUNTS_MAX { Err(Self) } else { Ok(()) }
    }
}
