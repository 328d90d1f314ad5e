//! What outcomes add up to, and the metrics that set them beside what both sides gave. Effort, outcome and saving are three kinds of
//! value: they are divided by each other here and never added.

use super::currency::minor_places;
use super::exact::Exact;
use super::figures::{Coverage, Figure, Money, entries_with_a_price};
use super::merge::union;
use super::partial::{Partial, SidePartial};
use super::{MINOR, Metric};
use crate::event::{Direction, ServiceMode};
use std::fmt;

/// An indicator as a council defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndicatorUsed {
    /// Its id.
    pub id: String,
    /// UCUM unit of numerator ÷ denominator.
    pub unit: String,
    /// Decimal places of the numerator's smallest unit.
    pub decimal_places: u8,
    /// Which way is better.
    pub direction: Direction,
}

impl fmt::Display for IndicatorUsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let better = if self.direction == Direction::Higher { "higher" } else { "lower" };
        write!(f, "{} in {} with {} decimal places, {better} is better", self.id, self.unit, self.decimal_places)
    }
}

/// Outcomes in force of one indicator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutcomePartial {
    /// Sum of numerators, in the indicator's smallest unit. At most 10^15 each and fewer than 2^64, so that it cannot overflow.
    pub numerator: i128,
    /// Sum of denominators, each at least 1.
    pub denominator: i128,
    /// How many.
    pub count: u64,
    /// The indicator, wherever outcomes were asked for.
    pub indicator: Option<IndicatorUsed>,
}

impl OutcomePartial {
    /// Adds another of the same indicator.
    pub fn add(&mut self, other: Self) {
        self.numerator += other.numerator;
        self.denominator += other.denominator;
        self.count += other.count;
        self.indicator = self.indicator.take().or(other.indicator);
    }
}

/// One service in one calendar unit for which the indicator was observed, with what both sides gave within that unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Declared mode of the service.
    pub mode: ServiceMode,
    /// Months of the unit: 1, 3 or 12.
    pub months: u32,
    /// Sum of numerators, in the indicator's smallest unit.
    pub numerator: i128,
    /// Sum of denominators.
    pub denominator: i128,
    /// Value of the citizens' side at the central rates, in the answer's amounts; none: it has entries and none has a price.
    pub citizen: Option<i128>,
    /// The same of the state's side.
    pub state: Option<i128>,
}

impl Observation {
    /// Multiplies its amounts; `None` if they do not fit.
    pub(super) fn rescale(&mut self, factor: i128) -> Option<()> {
        for amount in [&mut self.citizen, &mut self.state].into_iter().flatten() {
            *amount = amount.checked_mul(factor)?;
        }
        Some(())
    }
}

/// Numerator ÷ denominator in the indicator's unit; `None` where nothing was observed.
fn observed(partial: &Partial) -> Option<Exact> {
    let OutcomePartial { numerator, denominator, indicator, .. } = &partial.outcome;
    Some(Exact::ratio(*numerator, *denominator)?.shifted(u32::from(indicator.as_ref()?.decimal_places)))
}

/// Value of a side at the central rates in minor units; `None` if it has entries of which none has a price, since that is not zero.
fn value(side: &SidePartial, money: Money<'_>) -> Option<Exact> {
    let known = side.count == 0 || side.priced_count > 0;
    Exact::ratio(side.value.central, money.denominator).filter(|_| known)
}

/// The same in the currency's major unit.
fn in_major_units(side: &SidePartial, money: Money<'_>) -> Option<Exact> {
    Some(value(side, money)?.shifted(minor_places(money.currency)))
}

/// What it was, and what it is now, less that.
fn change(partial: &Partial, of: impl Fn(&Partial) -> Option<Exact>) -> Option<Exact> {
    let earlier = of(partial.earlier.as_deref()?)?;
    Some(of(partial)?.minus(&earlier))
}

/// ΔO: the change of the outcome in the indicator's good direction.
fn improvement(partial: &Partial) -> Option<Exact> {
    let change = change(partial, observed)?;
    match partial.outcome.indicator.as_ref()?.direction {
        Direction::Higher => Some(change),
        Direction::Lower => Some(change.negated()),
    }
}

fn indicator_unit(partial: &Partial) -> &str {
    partial.outcome.indicator.as_ref().map_or("", |indicator| &indicator.unit)
}

fn places(partial: &Partial) -> u32 {
    partial.outcome.indicator.as_ref().map_or(0, |indicator| indicator.decimal_places.into())
}

pub(super) fn outcome(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let mut figure = Figure { unit: indicator_unit(partial).into(), ..metric.figure(money) };
    if let Some(exact) = observed(partial) {
        figure.central = Some(exact.rounded(places(partial)));
        figure.exact = Some(exact);
        figure.numerator = Some(partial.outcome.numerator.to_string());
        figure.denominator = Some(partial.outcome.denominator.to_string());
    }
    vec![figure]
}

/// Entries with a price in this period and in the earlier one, of the sides that a figure rests on.
fn coverage(partial: &Partial, sides: fn(&Partial) -> Vec<&SidePartial>, with_earlier: bool) -> Coverage {
    let earlier = partial.earlier.as_deref().filter(|_| with_earlier);
    let all: Vec<_> = std::iter::once(partial).chain(earlier).flat_map(sides).collect();
    let unpriced = all.iter().fold(Vec::new(), |names, side| union(names, side.unpriced_measures.clone()));
    entries_with_a_price(all.iter().map(|side| side.priced_count).sum(), all.iter().map(|side| side.count).sum(), unpriced)
}

/// The flag, and the three changes that it is made of.
pub(super) fn cost_shift(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let citizen = change(partial, |partial| value(&partial.citizen, money));
    let state = change(partial, |partial| value(&partial.state, money));
    let outcome = change(partial, observed);
    let flag = match (&citizen, &state, improvement(partial)) {
        (Some(citizen), Some(state), Some(better)) => Some(state.is_negative() && citizen.is_positive() && !better.is_positive()),
        _ => None,
    };
    let both = |partial| coverage(partial, |partial| vec![&partial.citizen, &partial.state], true);
    let flag = Figure { central: flag.map(|flag| u8::from(flag).to_string()), ..metric.figure(money) }.covered(both(partial));
    let of_side = |part: &str, change: Option<Exact>, coverage: Coverage| {
        let unit = format!("{}{MINOR}", money.currency);
        Figure { unit, central: change.map(|change| change.rounded(0)), ..metric.part(money, part) }.covered(coverage)
    };
    let of_outcome = outcome.map(|change| change.rounded(places(partial)));
    vec![
        flag,
        of_side("citizen change", citizen, coverage(partial, |partial| vec![&partial.citizen], true)),
        of_side("state change", state, coverage(partial, |partial| vec![&partial.state], true)),
        Figure { unit: indicator_unit(partial).into(), central: of_outcome, ..metric.part(money, "outcome change") },
    ]
}

/// `above ÷ below`; no value where `below` is not above 0.
fn quotient(mut figure: Figure, above: Option<Exact>, below: Option<Exact>) -> Figure {
    let quotient = match (above, below) {
        (Some(above), Some(below)) if below.is_positive() => above.over(&below),
        _ => None,
    };
    if let Some(quotient) = quotient {
        let (numerator, denominator) = quotient.in_lowest_terms();
        (figure.central, figure.numerator, figure.denominator) = (Some(quotient.rounded(6)), Some(numerator), Some(denominator));
    }
    figure
}

pub(super) fn outcome_per_pound(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let unit = format!("{}/{}", indicator_unit(partial), money.currency);
    let figure = quotient(Figure { unit, ..metric.figure(money) }, improvement(partial), in_major_units(&partial.state, money));
    vec![figure.covered(coverage(partial, |partial| vec![&partial.state], false))]
}

pub(super) fn effort_per_outcome(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let unit = format!("{}/{}", money.currency, indicator_unit(partial));
    let figure = quotient(Figure { unit, ..metric.figure(money) }, in_major_units(&partial.citizen, money), improvement(partial));
    vec![figure.covered(coverage(partial, |partial| vec![&partial.citizen], false))]
}
