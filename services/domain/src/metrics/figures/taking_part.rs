//! Figures about who takes part and how.

use super::{Coverage, Figure, Money, entries_with_a_price, unsigned};
use crate::event::{ChosenBy, Evidence, Role, Side};
use crate::metrics::partial::{Partial, SidePartial};
use crate::metrics::taking_part::{AmountsPartial, PledgedPartial, WillingnessPartial};
use crate::metrics::{MINOR, Metric};

/// The ratio is the metric, new and lapsed are counts beside it. Rows of spans longer than a month have no value.
pub(in crate::metrics) fn retention(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let of = &partial.taking_part.retention;
    let coverage =
        || Coverage { of: "entries in a month, with an actor", covered: of.entries, total: partial.contributions, unpriced_measures: Vec::new() };
    // Where no contribution names who gave it in which month, it is not known who is new.
    let known = of.entries > 0 || of.before > 0 || partial.contributions == 0;
    let count = |part: &str, actors: u64| {
        let figure = Figure { unit: "{actor}".into(), ..metric.part(money, part) };
        if known { figure.count(actors) } else { figure }
    };
    let ratio = metric.figure(money).ratio(of.returned.into(), of.before.into());
    [ratio, count("new", of.new), count("lapsed", of.before - of.returned)].map(|figure| figure.covered(coverage())).into()
}

pub(in crate::metrics) fn concentration(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let mut figures = Vec::new();
    for ((measure, unit), amounts) in &partial.taking_part.amounts {
        // The empty name stands for value.
        let coverage = if measure.is_empty() {
            entries_with_a_price(amounts.entries as i64, partial.citizen.count, partial.citizen.unpriced_measures.clone())
        } else {
            let same = partial.measures.iter().find(|sum| (&sum.measure, &sum.unit, sum.side) == (measure, unit, Side::Citizen));
            let total = same.map_or(amounts.entries, |sum| unsigned(sum.count));
            Coverage { of: "entries with an actor", covered: amounts.entries, total, unpriced_measures: Vec::new() }
        };
        let coverage = if measure.is_empty() { Coverage { of: "entries with an actor and a price", ..coverage } } else { coverage };
        let name = if measure.is_empty() { "value" } else { measure };
        let part = |of: &str| metric.part(money, format!("{name} {of}"));
        let shares = |part: Figure, (above, below): (i128, i128)| match measure.is_empty() {
            true => part.ratio_of_amounts(above, below, money),
            false => part.ratio(above, below),
        };
        let actors = Figure { unit: "{actor}".into(), ..part("actors") }.count(amounts.number());
        let all = [shares(part("gini"), gini(amounts)), shares(part("top tenth"), top_tenth(amounts)), actors];
        figures.extend(all.map(|figure| figure.covered(coverage.clone())));
    }
    figures
}

/// Σ(2i − n − 1)·x_i and n·Σx_i, with x_1 ≤ … ≤ x_n. That all of it fits was seen when the amounts were added.
fn gini(amounts: &AmountsPartial) -> (i128, i128) {
    let (number, sum) = (i128::from(amounts.number()), amounts.sum().unwrap_or_default());
    let (mut above, mut before) = (0i128, 0i128);
    for (amount, actors) in &amounts.actors {
        let actors = i128::from(*actors);
        // Of those who gave the same, i runs from before + 1 to before + actors: Σ(2i − n − 1) = actors × (2 before + actors − n).
        above += amount * actors * (2 * before + actors - number);
        before += actors;
    }
    (above, number * sum)
}

/// What the tenth of the actors who gave most gave, a part of an actor counting as one, and what all gave.
fn top_tenth(amounts: &AmountsPartial) -> (i128, i128) {
    let mut left = amounts.number().div_ceil(10);
    let mut top = 0i128;
    for (amount, actors) in amounts.actors.iter().rev() {
        let taken = left.min(*actors);
        top += amount * i128::from(taken);
        left -= taken;
    }
    (top, amounts.sum().unwrap_or_default())
}

/// Each grade's share of the entries and of the value; every grade is there, those without entries too.
pub(in crate::metrics) fn evidence_quality(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let grades = &partial.taking_part.grades;
    let none = SidePartial::default();
    let of = |grade: Evidence| grades.get(&(grade as u8)).unwrap_or(&none);
    let entries: i64 = grades.values().map(|side| side.count).sum();
    let value = grades.values().try_fold(0i128, |sum, side| sum.checked_add(side.value.central));
    let all = [Evidence::SelfReported, Evidence::PeerConfirmed, Evidence::Professional, Evidence::Sensor, Evidence::Assumed]
        .map(|grade| (grade, of(grade)));
    let shares = all.iter().map(|(grade, side)| metric.part(money, format!("{} entries", grade.name())).ratio(side.count.into(), entries.into()));
    let mut figures: Vec<Figure> = shares.collect();
    if money.currency.is_empty() {
        return figures;
    }
    for (grade, side) in all {
        let part = metric.part(money, format!("{} value", grade.name()));
        // A share of nothing, or of a sum that contra measures make negative, is none; so is one of a grade without a price.
        let known = side.count == 0 || side.priced_count > 0;
        let part = match value.filter(|value| known && *value > 0) {
            Some(value) => part.ratio_of_amounts(side.value.central, value, money),
            None => part,
        };
        figures.push(part.covered(entries_with_a_price(side.priced_count, side.count, side.unpriced_measures.clone())));
    }
    figures
}

/// Who chose how individual budgets are spent, a part per currency and chooser, and contributions by role.
pub(in crate::metrics) fn control(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (currency, budget) in &partial.taking_part.budgets {
        let choosers = [(ChosenBy::Citizen, "chosen by citizen"), (ChosenBy::Council, "chosen by council"), (ChosenBy::Jointly, "chosen jointly")];
        let quantity = |chooser: ChosenBy| budget.quantity[chooser as usize];
        let known: i128 = choosers.iter().map(|(chooser, _)| quantity(*chooser)).sum();
        let total: u64 = budget.count.iter().sum();
        for (chooser, name) in choosers {
            let part = metric.part(money, format!("{currency} {name}"));
            let part = if known > 0 { part.ratio(quantity(chooser), known) } else { part };
            let of = "entries of individual budgets of which it is known who chose";
            figures.push(part.covered(Coverage { of, covered: total - budget.count[0], total, unpriced_measures: Vec::new() }));
        }
    }
    let none = SidePartial::default();
    for role in [Role::Deliver, Role::Design, Role::Govern, Role::Inform] {
        let side = partial.taking_part.roles.get(&(role as u8)).unwrap_or(&none);
        let entries = Figure { unit: "{entry}".into(), ..metric.part(money, format!("role {} entries", role.name())) };
        figures.push(entries.count(side.count));
        if !money.currency.is_empty() {
            let part = Figure { unit: format!("{}{MINOR}", money.currency), ..metric.part(money, format!("role {} value", role.name())) };
            let part = if side.priced_count > 0 { part.amount(side.value, money) } else { part };
            figures.push(part.covered(entries_with_a_price(side.priced_count, side.count, side.unpriced_measures.clone())));
        }
    }
    figures
}

/// Support, if an indicator was asked; then each step of each measure as a share of the one before.
pub(in crate::metrics) fn willingness_gap(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let of = &partial.taking_part.willingness;
    let mut figures = Vec::new();
    let has_support = of.counted_in().is_some();
    if has_support {
        let scale = 10i128.pow(of.support_places.into());
        let below = of.support_denominator.checked_mul(scale);
        let support = Figure { unit: of.support_unit.clone(), ..metric.part(money, "support") };
        figures.push(below.map_or(support.clone(), |below| support.ratio(of.support_numerator, below)));
    }
    for ((measure, _), pledged) in &of.pledged {
        let part = |step: &str| metric.part(money, format!("{measure} {step}"));
        if has_support {
            let part = part("pledged of support");
            figures.push(match pledges_of_supporters(of, pledged) {
                Some((pledges, supporters)) => part.ratio(pledges, supporters),
                None => part,
            });
        }
        // Contra measures may make a step negative, of which nothing is a share.
        let share = |part: Figure, above: i128, below: i128| if below > 0 { part.ratio(above, below) } else { part };
        let total = pledged.contributions + pledged.of_another_measure;
        let of = "contributions that name a pledge and are of its measure";
        let coverage = Coverage { of, covered: pledged.contributions, total, unpriced_measures: Vec::new() };
        figures.push(share(part("done of pledged"), pledged.done, pledged.pledged).covered(coverage));
        figures.push(share(part("matched of done"), pledged.matched, pledged.done));
    }
    figures
}

/// Pledges, and those who support, both as so many times what makes them whole: of an indicator that is a share or counts things.
fn pledges_of_supporters(of: &WillingnessPartial, pledged: &PledgedPartial) -> Option<(i128, i128)> {
    let per_one: i128 = match of.support_unit.as_str() {
        "%" => 100,
        "1" => 1,
        unit if unit.starts_with('{') && unit.ends_with('}') => 1,
        _ => return None,
    };
    let scale = per_one * 10i128.pow(of.support_places.into());
    (of.support_numerator > 0).then(|| (i128::from(pledged.pledges) * scale, of.support_numerator))
}
