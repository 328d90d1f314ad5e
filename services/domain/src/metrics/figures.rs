//! Final figures from what a group adds up to.

pub(super) mod taking_part;

use super::comparison::EarlierFigure;
use super::decimal::{ratio, rounded};
use super::exact::Exact;
use super::merge::union;
use super::partial::{Amount, MeasurePartial, Partial, SidePartial};
use super::{MINOR, Metric};

/// What amounts are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money<'a> {
    /// ISO 4217 code; empty: nothing was priced.
    pub currency: &'a str,
    /// Amounts are in units of 1 ÷ `denominator` of the minor unit; at least 1.
    pub denominator: u64,
}

/// One figure, as the proto's MetricValue has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    /// The metric.
    pub metric: &'static str,
    /// Which part of it; empty: the whole.
    pub part: String,
    /// "GBP{minor}" for money, UCUM otherwise, "1" for ratios.
    pub unit: String,
    /// Decimal text; none: no value, which is not zero.
    pub central: Option<String>,
    /// At the low rates; none: no range.
    pub low: Option<String>,
    /// At the high rates; none: no range.
    pub high: Option<String>,
    /// Numerator of a ratio before rounding, a whole number. Of amounts, in the largest unit, minor or a fraction of it, in which
    /// both it and the denominator are whole.
    pub numerator: Option<String>,
    /// Its denominator, in the same unit.
    pub denominator: Option<String>,
    /// What it rests on; none: all of the scope.
    pub coverage: Option<Coverage>,
    /// The same of the earlier period; none: it is not compared.
    pub earlier: Option<EarlierFigure>,
    /// `central` minus the earlier one, rounded once from their exact difference; none: one of them has no value or is not exact.
    pub change: Option<String>,
    /// What `central` was rounded from, where neither it nor numerator and denominator say so.
    pub(super) exact: Option<Exact>,
}

/// What share of something a figure rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// What is counted.
    pub of: &'static str,
    /// How many have it.
    pub covered: u64,
    /// Out of how many.
    pub total: u64,
    /// Measures left out for want of a price, ascending, at most [`super::UNPRICED_MAX`].
    pub unpriced_measures: Vec<String>,
}

impl Metric {
    pub(super) fn figure(&self, money: Money<'_>) -> Figure {
        Figure { metric: self.name, unit: self.unit_in(money.currency), ..Figure::default() }
    }

    pub(super) fn part(&self, money: Money<'_>, part: impl Into<String>) -> Figure {
        Figure { part: part.into(), ..self.figure(money) }
    }
}

impl Figure {
    pub(super) fn count(mut self, count: impl ToString) -> Self {
        self.central = Some(count.to_string());
        self
    }

    /// Each rate's amount rounded by itself.
    fn amount(mut self, amount: Amount, money: Money<'_>) -> Self {
        let minor = |amount| Some(rounded(amount, money.denominator).to_string());
        (self.low, self.central, self.high) = (minor(amount.low), minor(amount.central), minor(amount.high));
        self.exact = Exact::ratio(amount.central, money.denominator);
        self
    }

    pub(super) fn ratio(mut self, numerator: i128, denominator: i128) -> Self {
        self.central = ratio(numerator, denominator);
        (self.numerator, self.denominator) = (Some(numerator.to_string()), Some(denominator.to_string()));
        self
    }

    /// A ratio of two amounts at the central rates.
    fn ratio_of_amounts(self, numerator: i128, denominator: i128, money: Money<'_>) -> Self {
        let gcd = |a: u128, b: u128| std::iter::successors(Some((a, b)), |&(a, b)| (b != 0).then(|| (b, a % b))).last().map_or(1, |(a, _)| a);
        // What divides both and the unit's denominator; that is at least 1, since the denominator is.
        let common = gcd(gcd(money.denominator.into(), numerator.unsigned_abs()), denominator.unsigned_abs()) as i128;
        self.ratio(numerator / common, denominator / common)
    }

    /// A ratio at each rate, rounded by itself.
    pub(super) fn range_of_ratios(mut self, amount: Amount, denominator: i128) -> Self {
        (self.low, self.high) = (ratio(amount.low, denominator), ratio(amount.high, denominator));
        self.ratio(amount.central, denominator)
    }

    pub(super) fn covered(mut self, coverage: Coverage) -> Self {
        self.coverage = Some(coverage);
        self
    }
}

/// Entries with a price among those counted, and the measures of the others.
pub(super) fn entries_with_a_price(covered: i64, total: i64, unpriced_measures: Vec<String>) -> Coverage {
    Coverage { of: "entries with a price", covered: unsigned(covered), total: unsigned(total), unpriced_measures }
}

/// Counts of live entries are never negative.
pub(super) fn unsigned(count: i64) -> u64 {
    count.max(0) as u64
}

/// Value of one side: none where nothing of it has a price.
fn value_of(metric: &Metric, side: &SidePartial, money: Money<'_>) -> Vec<Figure> {
    let figure = metric.figure(money);
    let figure = if side.priced_count > 0 { figure.amount(side.value, money) } else { figure };
    vec![figure.covered(entries_with_a_price(side.priced_count, side.count, side.unpriced_measures.clone()))]
}

pub(super) fn citizen_value(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    value_of(metric, &partial.citizen, money)
}

pub(super) fn state_value(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    value_of(metric, &partial.state, money)
}

/// None where nothing in scope has a price, or nothing that is matched has one. Where something has a price and nothing is matched,
/// zero is what was produced together.
pub(super) fn co_produced_value(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let (citizen, state) = (&partial.citizen, &partial.state);
    let (matched, priced) = (citizen.matched_count + state.matched_count, citizen.matched_priced_count + state.matched_priced_count);
    let known = priced > 0 || (matched == 0 && citizen.priced_count + state.priced_count > 0);
    let sum = citizen.matched_value.plus(state.matched_value).filter(|_| known);
    let figure = metric.figure(money);
    let figure = match sum {
        Some(sum) => figure.amount(sum, money),
        None => figure,
    };
    let unpriced = union(citizen.matched_unpriced_measures.clone(), state.matched_unpriced_measures.clone());
    vec![figure.covered(entries_with_a_price(priced, matched, unpriced))]
}

/// A ratio of both sides' values: none if one side has entries of which none has a price, since that side is not zero.
fn ratio_of_sides(metric: &Metric, partial: &Partial, money: Money<'_>, denominator: impl Fn(i128, i128) -> Option<i128>) -> Vec<Figure> {
    let (citizen, state) = (&partial.citizen, &partial.state);
    let known = |side: &SidePartial| side.count == 0 || side.priced_count > 0;
    let (c, g) = (citizen.value.central, state.value.central);
    let below = denominator(c, g).filter(|_| known(citizen) && known(state));
    let figure = metric.figure(money);
    let figure = match below {
        Some(below) => figure.ratio_of_amounts(c, below, money),
        None => figure,
    };
    let unpriced = union(citizen.unpriced_measures.clone(), state.unpriced_measures.clone());
    vec![figure.covered(entries_with_a_price(citizen.priced_count + state.priced_count, citizen.count + state.count, unpriced))]
}

pub(super) fn citizen_share(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    ratio_of_sides(metric, partial, money, i128::checked_add)
}

pub(super) fn leverage(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    ratio_of_sides(metric, partial, money, |_, g| Some(g))
}

pub(super) fn reciprocity(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let exchanges = &partial.exchanges;
    let figure = metric.figure(money).ratio_of_amounts(exchanges.reciprocal.central, exchanges.both_sides.central, money);
    vec![figure.covered(exchanges_priced(partial, exchanges.priced, exchanges.opened))]
}

fn exchanges_priced(partial: &Partial, covered: u64, total: u64) -> Coverage {
    Coverage { of: "exchanges with every measure priced", covered, total, unpriced_measures: partial.exchanges.unpriced_measures.clone() }
}

pub(super) fn response_rate(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let exchanges = &partial.exchanges;
    vec![metric.figure(money).ratio(exchanges.two_sided.into(), exchanges.opened.into())]
}

/// Counts, and values if there is a valuation.
pub(super) fn one_sided(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let exchanges = &partial.exchanges;
    let (priced, of_state) = (exchanges.one_sided_priced, exchanges.one_sided_state_priced);
    let sides = [
        ("citizen", exchanges.one_sided_citizen, priced.saturating_sub(of_state), exchanges.one_sided_citizen_value),
        ("state", exchanges.one_sided_state, of_state, exchanges.one_sided_state_value),
    ];
    let mut figures = Vec::with_capacity(4);
    for (side, count, priced, value) in sides {
        figures.push(Figure { unit: "{exchange}".into(), ..metric.part(money, format!("{side} count")) }.count(count));
        if !money.currency.is_empty() {
            let figure = Figure { unit: format!("{}{MINOR}", money.currency), ..metric.part(money, format!("{side} value")) };
            let figure = if priced > 0 { figure.amount(value, money) } else { figure };
            figures.push(figure.covered(exchanges_priced(partial, priced, count)));
        }
    }
    figures
}

/// Nearest rank: the smallest number of days that at least so many hundredths of the exchanges do not exceed.
pub(super) fn match_latency(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let histogram = &partial.exchanges.latencies;
    let total: u64 = histogram.iter().map(|(_, count)| count).sum();
    let percentile = |percent: u64| {
        let rank = (u128::from(total) * u128::from(percent)).div_ceil(100).max(1);
        let mut seen = 0u128;
        histogram.iter().find(|(_, count)| {
            seen += u128::from(*count);
            seen >= rank
        })
    };
    let figure = |part: &str, percent| {
        let figure = metric.part(money, part);
        match percentile(percent) {
            Some((days, _)) => figure.count(days),
            None => figure,
        }
    };
    vec![figure("p50", 50), figure("p90", 90)]
}

pub(super) fn entries_with_an_actor(partial: &Partial) -> Coverage {
    let (covered, total) = (partial.contributions_with_actor, partial.contributions);
    Coverage { of: "entries with an actor", covered, total, unpriced_measures: Vec::new() }
}

pub(super) fn participants(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let (covered, total) = (partial.contributions_with_actor, partial.contributions);
    // Contributions without an actor are somebody's: who they are is not known, and not nobody.
    let known = covered > 0 || total == 0;
    let figure = metric.figure(money);
    let figure = if known { figure.count(partial.participants) } else { figure };
    vec![figure.covered(entries_with_an_actor(partial))]
}

pub(super) fn quantity(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let figure = |measure: &MeasurePartial| {
        let unit = measure.unit.clone();
        Figure { unit, ..metric.part(money, measure.measure.clone()) }.count(measure.quantity)
    };
    partial.measures.iter().map(figure).collect()
}

pub(super) fn entries(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    vec![metric.figure(money).count(partial.citizen.count + partial.state.count)]
}
