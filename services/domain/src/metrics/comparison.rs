//! One period compared with an earlier one: what may be asked, and how figures are set beside each other.

use super::exact::Exact;
use super::figures::{Coverage, Figure, Money};
use super::partial::{Dimension, MeasurePartial, Partial};
use super::residents::DecilePartial;
use super::taking_part::{TakingPart, WillingnessPartial};
use super::{Metric, outcomes};
use crate::date::{Date, Grain, Period};
use crate::event::Invalid;
use std::collections::BTreeMap;

/// A figure of the earlier period. Fields as in [`Figure`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EarlierFigure {
    /// None: no value, which is not zero.
    pub central: Option<String>,
    /// None: no range.
    pub low: Option<String>,
    /// None: no range.
    pub high: Option<String>,
    /// None: not a ratio.
    pub numerator: Option<String>,
    /// None: not a ratio.
    pub denominator: Option<String>,
    /// None: all of the scope.
    pub coverage: Option<Coverage>,
}

/// What a question says about comparing and outcomes.
#[derive(Clone, Copy, Debug, Default)]
pub struct ComparisonAsked {
    /// First day of the scope.
    pub start: Option<Date>,
    /// Last day of the scope.
    pub end: Option<Date>,
    /// First day of the earlier period.
    pub compare_start: Option<Date>,
    /// Last day of the earlier period.
    pub compare_end: Option<Date>,
    /// Whether each calendar unit is compared with the one before.
    pub compare_previous: bool,
    /// Whether an indicator is named.
    pub has_indicator: bool,
}

/// All that is wrong with asking these metrics with this comparison and indicator, each with its field of QueryValueRequest.
pub fn check_comparison(metrics: &[&Metric], group_by: &[Dimension], asked: &ComparisonAsked) -> Vec<Invalid> {
    let mut wrong = Vec::new();
    let calendar = group_by.iter().find(|dimension| dimension.grain().is_some());
    if let Some(metric) = metrics.iter().find(|metric| metric.needs.outcomes && !asked.has_indicator) {
        let hint = "name one that `tandem catalogue indicators --council COUNCIL` lists";
        wrong.push(Invalid::new("indicator", format!("is required: {} is about outcomes; {hint}", metric.name)));
    }
    let compares = asked.compare_previous || asked.compare_start.is_some() || asked.compare_end.is_some();
    if let Some(metric) = metrics.iter().find(|metric| metric.needs.comparison && !compares) {
        let hint = "name the earlier period, or set compare_previous and group by a calendar unit";
        wrong.push(Invalid::new("compare_start", format!("is required: {} compares two periods; {hint}", metric.name)));
    }
    wrong.extend(check_earlier_period(asked, calendar.copied()));
    if asked.compare_previous {
        match calendar.and_then(|dimension| Some((dimension.name(), dimension.grain()?))) {
            None => wrong.push(Invalid::new("compare_previous", "needs a calendar unit in group_by: day, month, quarter or year")),
            Some((name, grain)) => wrong.extend(check_bounds(asked, name, grain)),
        }
    }
    wrong
}

/// All that is wrong with explaining a change of an answer that is compared too.
pub fn check_explained(asked: &ComparisonAsked) -> Vec<Invalid> {
    let wrong = |field| Invalid::new(field, "cannot be asked together with change_from: ask the one and then the other");
    let period = asked.compare_start.or(asked.compare_end).map(|_| "compare_start");
    period.into_iter().chain(asked.compare_previous.then_some("compare_previous")).map(wrong).collect()
}

fn check_earlier_period(asked: &ComparisonAsked, calendar: Option<Dimension>) -> Vec<Invalid> {
    let (start, end) = match (asked.compare_start, asked.compare_end) {
        (None, None) => return Vec::new(),
        (Some(_), None) => return vec![Invalid::new("compare_end", "is required with compare_start")],
        (None, Some(_)) => return vec![Invalid::new("compare_start", "is required with compare_end")],
        (Some(start), Some(end)) => (start, end),
    };
    let mut wrong = Vec::new();
    if end < start {
        wrong.push(Invalid::new("compare_end", format!("is before compare_start, {start}")));
    }
    match asked.start {
        None => wrong.push(Invalid::new("scope.period_start", "is required with compare_start: it says what is compared with the earlier period")),
        Some(first) if end >= first => wrong.push(Invalid::new("compare_end", format!("is not before scope.period_start, {first}"))),
        Some(_) => {}
    }
    if asked.compare_previous {
        wrong.push(Invalid::new("compare_previous", "cannot be asked together with compare_start"));
    } else if let Some(dimension) = calendar {
        wrong.push(Invalid::new("compare_start", format!("cannot be asked by {}: ask compare_previous, or without it", dimension.name())));
    }
    wrong
}

/// A unit that the scope cuts would be compared with a whole one.
fn check_bounds(asked: &ComparisonAsked, name: &str, grain: Grain) -> Vec<Invalid> {
    let mut wrong = Vec::new();
    if asked.start.is_some_and(|day| Period::of(day, grain).span().start != day) {
        wrong.push(Invalid::new("scope.period_start", format!("must be the first day of a {name} with compare_previous")));
    }
    if asked.end.is_some_and(|day| Period::of(day, grain).span().end != day) {
        wrong.push(Invalid::new("scope.period_end", format!("must be the last day of a {name} with compare_previous")));
    }
    wrong
}

/// A metric's figures, each with what it was in the earlier period. A part that only one of the periods has stands there without a value in the
/// other; but a measure of which nothing was recorded is a quantity of 0.
pub(super) fn compared(metric: &Metric, partial: &Partial, earlier: &Partial, money: Money<'_>) -> Vec<Figure> {
    let of = |partial: &Partial, other: &Partial| {
        let same = partial.measures.iter().map(name).eq(other.measures.iter().map(name));
        match same || !metric.needs.measures {
            true => (metric.figures)(metric, partial, money),
            false => (metric.figures)(metric, &with_measures_of(partial, other), money),
        }
    };
    let (mut figures, before) = (of(partial, earlier), of(earlier, partial));
    let mut before: Vec<Option<Figure>> = before.into_iter().map(Some).collect();
    for figure in &mut figures {
        let same = before.iter_mut().find(|one| one.as_ref().is_some_and(|one| one.part == figure.part && one.unit == figure.unit));
        let earlier = same.and_then(Option::take).unwrap_or_default();
        figure.change = change(figure, &earlier);
        figure.earlier = Some(without_change(earlier));
    }
    // Parts that only the earlier period has come last.
    figures.extend(before.into_iter().flatten().map(|earlier| {
        let (part, unit) = (earlier.part.clone(), earlier.unit.clone());
        Figure { metric: metric.name, part, unit, earlier: Some(without_change(earlier)), ..Figure::default() }
    }));
    figures
}

fn without_change(figure: Figure) -> EarlierFigure {
    let Figure { central, low, high, numerator, denominator, coverage, .. } = figure;
    EarlierFigure { central, low, high, numerator, denominator, coverage }
}

/// The change at the places of what is shown, from what was rounded to it.
fn change(now: &Figure, before: &Figure) -> Option<String> {
    let central = now.central.as_ref()?;
    let places = central.split_once('.').map_or(0, |(_, fraction)| fraction.len() as u32);
    Some(exact(now)?.minus(&exact(before)?).rounded(places))
}

/// What a figure was rounded from: said by itself, numerator ÷ denominator, or a whole number as it is.
fn exact(figure: &Figure) -> Option<Exact> {
    let central = figure.central.as_ref()?;
    match (&figure.exact, &figure.numerator, &figure.denominator) {
        (Some(exact), ..) => Some(exact.clone()),
        (None, Some(numerator), Some(denominator)) => Exact::parse(numerator, denominator),
        _ => Exact::parse(central, "1"),
    }
}

/// What tells measures apart.
fn name(measure: &MeasurePartial) -> (&str, crate::event::Side, &str) {
    (&measure.measure, measure.side, &measure.unit)
}

/// The same with nothing of each measure that only the other has.
fn with_measures_of(partial: &Partial, other: &Partial) -> Partial {
    let nothing = |measure: &MeasurePartial| MeasurePartial {
        measure: measure.measure.clone(),
        side: measure.side,
        unit: measure.unit.clone(),
        quantity: 0,
        matched_quantity: 0,
        count: 0,
        matched_count: 0,
        priced_count: 0,
        matched_priced_count: 0,
    };
    let missing = other.measures.iter().map(nothing);
    let mut measures: BTreeMap<_, _> = missing.map(|measure| (own(&measure), measure)).collect();
    measures.extend(partial.measures.iter().map(|measure| (own(measure), measure.clone())));
    Partial { measures: measures.into_values().collect(), earlier: None, ..partial.clone() }
}

fn own(measure: &MeasurePartial) -> (String, crate::event::Side, String) {
    (measure.measure.clone(), measure.side, measure.unit.clone())
}

impl Partial {
    /// Whether nothing was recorded of it but, perhaps, something in the earlier period. Who lives there was not recorded of it.
    pub fn is_empty(&self) -> bool {
        let indicator = self.outcome.indicator.clone();
        let outcome = outcomes::OutcomePartial { indicator, ..outcomes::OutcomePartial::default() };
        let nothing = |decile: &DecilePartial| DecilePartial { decile: decile.decile, residents: decile.residents, ..DecilePartial::default() };
        let deciles = self.deciles.iter().map(nothing).collect();
        let (keys, earlier, residents) = (self.keys.clone(), self.earlier.clone(), self.residents);
        let WillingnessPartial { support_unit, support_places, .. } = self.taking_part.willingness.clone();
        let willingness = WillingnessPartial { support_unit, support_places, ..WillingnessPartial::default() };
        let taking_part = TakingPart { willingness, ..TakingPart::default() };
        *self == Self { keys, outcome, earlier, deciles, residents, taking_part, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::partial::{Amount, SidePartial};
    use super::super::{Figure, Money, find};
    use super::*;

    fn valued(central: i128) -> Partial {
        let value = Amount { low: central, central, high: central };
        Partial { citizen: SidePartial { value, count: 1, priced_count: 1, ..SidePartial::default() }, ..Partial::default() }
    }

    fn compared(name: &str, now: Partial, earlier: Partial, denominator: u64) -> Vec<Figure> {
        let partial = Partial { earlier: Some(Box::new(earlier)), ..now };
        find(name).unwrap().evaluate(&partial, Money { currency: "GBP", denominator })
    }

    #[test]
    fn a_change_is_rounded_once() {
        let change = |now, before| {
            let figure = compared("citizen_value", valued(now), valued(before), 10).remove(0);
            (figure.central.unwrap(), figure.earlier.unwrap().central.unwrap(), figure.change.unwrap())
        };
        // 1.4 and 0.6 are both shown as 1, and differ by 0.8.
        assert_eq!(change(14, 6), ("1".into(), "1".into(), "1".into()));
        // 0.6 and -0.6 are shown as 1 and -1, and differ by 1.2. Halves go to even.
        assert_eq!(change(6, -6), ("1".into(), "-1".into(), "1".into()));
        assert_eq!([change(10, 5).2, change(20, 5).2, change(5, 20).2], ["0", "2", "-2"].map(String::from));
    }

    #[test]
    fn ratios_counts_and_days_change_too() {
        let exchanges = |opened, two_sided, days| {
            let exchanges = super::super::ExchangePartial { opened, two_sided, latencies: vec![(days, 1)], ..Default::default() };
            Partial { exchanges, ..Partial::default() }
        };
        let change =
            |name| compared(name, exchanges(3, 2, 9), exchanges(7, 1, 4), 1).into_iter().map(|figure| figure.change.unwrap()).collect::<Vec<_>>();
        // 2/3 - 1/7 = 11/21.
        assert_eq!(change("response_rate"), ["0.523810"]);
        assert_eq!(change("match_latency"), ["5", "5"]);
        let nothing = compared("response_rate", exchanges(3, 2, 9), Partial::default(), 1).remove(0);
        assert_eq!((nothing.change, nothing.earlier.unwrap().central), (None, None));
    }

    #[test]
    fn a_measure_of_one_period_is_nothing_in_the_other() {
        let measured = |measure: &str, quantity| MeasurePartial {
            measure: measure.into(),
            side: crate::event::Side::Citizen,
            unit: "min".into(),
            quantity,
            matched_quantity: 0,
            count: 1,
            matched_count: 0,
            priced_count: 0,
            matched_priced_count: 0,
        };
        let of = |measures| Partial { measures, ..Partial::default() };
        let figures = compared("quantity", of(vec![measured("b", 5), measured("c", 1)]), of(vec![measured("a", 3), measured("b", 7)]), 1);
        let shown = |figure: Figure| {
            let earlier = figure.earlier.unwrap().central.unwrap();
            format!("{} {} {earlier} {}", figure.part, figure.central.unwrap(), figure.change.unwrap())
        };
        assert_eq!(figures.into_iter().map(shown).collect::<Vec<_>>(), ["a 0 3 -3", "b 5 7 -2", "c 1 0 1"]);
    }

    #[test]
    fn comparisons_that_cannot_be_asked() {
        let day = |text: &str| Date::parse(text);
        let fields = |metric: &str, group_by: &[Dimension], asked: ComparisonAsked| {
            let wrong = check_comparison(&[find(metric).unwrap()], group_by, &asked);
            wrong.into_iter().map(|about| about.field).collect::<Vec<_>>()
        };
        let fine = ComparisonAsked {
            start: day("2025-01-01"),
            end: day("2025-12-31"),
            compare_start: day("2024-02-01"),
            compare_end: day("2024-12-31"),
            has_indicator: true,
            ..ComparisonAsked::default()
        };
        assert!(fields("cost_shift", &[Dimension::Service], fine).is_empty());
        assert_eq!(fields("cost_shift", &[], ComparisonAsked::default()), ["indicator", "compare_start"]);
        assert!(fields("citizen_value", &[], ComparisonAsked::default()).is_empty());
        assert_eq!(fields("entries", &[], ComparisonAsked { compare_end: None, ..fine }), ["compare_end"]);
        assert_eq!(fields("entries", &[], ComparisonAsked { compare_start: None, ..fine }), ["compare_start"]);
        assert_eq!(fields("entries", &[], ComparisonAsked { compare_end: day("2024-01-31"), ..fine }), ["compare_end"]);
        assert_eq!(fields("entries", &[], ComparisonAsked { compare_end: fine.start, ..fine }), ["compare_end"]);
        assert_eq!(fields("entries", &[], ComparisonAsked { start: None, ..fine }), ["scope.period_start"]);
        assert_eq!(fields("entries", &[Dimension::Month], fine), ["compare_start"]);
        assert_eq!(fields("entries", &[Dimension::Month], ComparisonAsked { compare_previous: true, ..fine }), ["compare_previous"]);
        let previous = ComparisonAsked { compare_start: None, compare_end: None, compare_previous: true, ..fine };
        assert!(fields("cost_shift", &[Dimension::Year], previous).is_empty());
        assert_eq!(fields("cost_shift", &[Dimension::Service], previous), ["compare_previous"]);
        let cut = ComparisonAsked { start: day("2025-01-02"), end: day("2025-12-30"), ..previous };
        assert_eq!(fields("entries", &[Dimension::Month], cut), ["scope.period_start", "scope.period_end"]);
        assert!(fields("entries", &[Dimension::Day], cut).is_empty());
    }
}
