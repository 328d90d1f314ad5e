//! Figures that need residents: who takes part, and how what is given lies over the deprivation deciles.

use super::figures::{Coverage, Figure, Money, entries_with_an_actor, unsigned};
use super::merge::union;
use super::partial::{Amount, MeasurePartial, Partial, SidePartial};
use super::residents::{DecilePartial, Residents};
use super::{MINOR, Metric};

/// None while one of the areas has no population.
pub(super) fn participation_rate(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let figure = metric.figure(money);
    let Some(population) = partial.residents.known() else {
        return vec![figure.covered(areas_with_a_population(partial.residents))];
    };
    let coverage = entries_with_an_actor(partial);
    // Contributions without an actor are somebody's: who they are is not known, and not nobody.
    let known = coverage.covered > 0 || coverage.total == 0;
    let figure = if known { figure.ratio(partial.participants.into(), population.into()) } else { figure };
    vec![figure.covered(coverage)]
}

/// With a valuation the value of each side; without, each measure's quantity.
pub(super) fn equity(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let spreads = match money.currency.is_empty() {
        false => vec![of_side("citizen", partial, money), of_side("state", partial, money)],
        true => partial.measures.iter().map(|measure| of_measure(measure, partial)).collect(),
    };
    spreads.into_iter().flat_map(|spread| spread.figures(metric, money)).collect()
}

/// What lies over the deciles.
struct Spread {
    /// What its parts' names begin with, or have in them.
    name: String,
    /// Whether its parts are named as sides are.
    is_side: bool,
    unit: String,
    /// Amounts are in units of 1 ÷ this.
    denominator: u64,
    /// Whether amounts differ from rate to rate.
    has_range: bool,
    /// Entries of the group, in whatever area.
    entries: i64,
    deciles: Vec<OfDecile>,
}

/// What lies in one decile.
struct OfDecile {
    decile: u8,
    amount: Amount,
    entries: i64,
    /// Entries that have a price; of quantities, all.
    priced: i64,
    unpriced_measures: Vec<String>,
    residents: Residents,
}

/// Value of a side; of the state's, of what is matched.
fn of_side(name: &str, partial: &Partial, money: Money<'_>) -> Spread {
    let pick = |citizen: &SidePartial, state: &SidePartial| match name {
        "citizen" => (citizen.value, citizen.count, citizen.priced_count, citizen.unpriced_measures.clone()),
        _ => (state.matched_value, state.matched_count, state.matched_priced_count, state.matched_unpriced_measures.clone()),
    };
    let of_decile = |decile: &DecilePartial| {
        let (amount, entries, priced, unpriced_measures) = pick(&decile.citizen, &decile.state);
        OfDecile { decile: decile.decile, amount, entries, priced, unpriced_measures, residents: decile.residents }
    };
    Spread {
        name: name.into(),
        is_side: true,
        unit: format!("{}{MINOR}", money.currency),
        denominator: money.denominator,
        has_range: true,
        entries: pick(&partial.citizen, &partial.state).1,
        deciles: partial.deciles.iter().map(of_decile).collect(),
    }
}

/// Quantity of a measure; of the state's, of what is matched.
fn of_measure(measure: &MeasurePartial, partial: &Partial) -> Spread {
    let pick = |measure: &MeasurePartial| match measure.side {
        crate::event::Side::Citizen => (measure.quantity, measure.count),
        crate::event::Side::State => (measure.matched_quantity, measure.matched_count),
    };
    let is_same = |other: &&MeasurePartial| (&other.measure, other.side, &other.unit) == (&measure.measure, measure.side, &measure.unit);
    let of_decile = |decile: &DecilePartial| {
        let (quantity, entries) = decile.measures.iter().find(is_same).map(pick).unwrap_or_default();
        let amount = Amount { low: quantity, central: quantity, high: quantity };
        OfDecile { decile: decile.decile, amount, entries, priced: entries, unpriced_measures: Vec::new(), residents: decile.residents }
    };
    Spread {
        name: measure.measure.clone(),
        is_side: false,
        unit: measure.unit.clone(),
        denominator: 1,
        has_range: false,
        entries: pick(measure).1,
        deciles: partial.deciles.iter().map(of_decile).collect(),
    }
}

impl Spread {
    fn figures(&self, metric: &Metric, money: Money<'_>) -> Vec<Figure> {
        let per_head = self.deciles.iter().map(|decile| self.per_head(metric, money, decile));
        per_head.chain([self.concentration_index(metric, money)]).collect()
    }

    /// Amount ÷ residents of one decile.
    fn per_head(&self, metric: &Metric, money: Money<'_>, decile: &OfDecile) -> Figure {
        let (name, number) = (&self.name, decile.decile);
        let part = if self.is_side { format!("decile {number} {name} per head") } else { format!("{name} decile {number} per head") };
        let figure = Figure { unit: format!("{}/{{resident}}", self.unit), ..metric.part(money, part) };
        let Some(population) = decile.residents.known() else {
            return figure.covered(areas_with_a_population(decile.residents));
        };
        // A population has at most 63 bits and a denominator 64.
        let below = i128::from(population) * i128::from(self.denominator);
        let figure = match decile.is_known() && below > 0 {
            true if self.has_range => figure.range_of_ratios(decile.amount, below),
            true => figure.ratio(decile.amount.central, below),
            false => figure,
        };
        match self.is_side {
            true => figure.covered(Coverage {
                of: "entries with a price",
                covered: unsigned(decile.priced),
                total: unsigned(decile.entries),
                unpriced_measures: decile.unpriced_measures.clone(),
            }),
            false => figure,
        }
    }

    fn concentration_index(&self, metric: &Metric, money: Money<'_>) -> Figure {
        let figure = Figure { unit: "1".into(), ..metric.part(money, format!("{} concentration index", self.name)) };
        let mut residents = Residents::default();
        let fits = self.deciles.iter().try_for_each(|decile| residents.add(decile.residents));
        if fits.and(residents.known()).is_none() {
            return figure.covered(areas_with_a_population(residents));
        }
        let lived_in = self.deciles.iter().filter(|decile| decile.residents.population > 0).count();
        let is_known = lived_in > 1 && self.deciles.iter().all(OfDecile::is_known);
        let groups: Vec<_> = self.deciles.iter().map(|decile| (decile.amount.central, decile.residents.population)).collect();
        let figure = match concentration_index(&groups).filter(|_| is_known) {
            Some((numerator, denominator)) => figure.ratio(numerator, denominator),
            None => figure,
        };
        let sum = |of: fn(&OfDecile) -> i64| unsigned(self.deciles.iter().map(of).sum());
        let unpriced = self.deciles.iter().fold(Vec::new(), |all, decile| union(all, decile.unpriced_measures.clone()));
        figure.covered(Coverage {
            of: if self.is_side { "entries with a price in an area with a decile" } else { "entries in an area with a decile" },
            covered: sum(|decile| decile.priced),
            total: unsigned(self.entries),
            unpriced_measures: unpriced,
        })
    }
}

impl OfDecile {
    /// What has entries of which none has a price is not zero.
    fn is_known(&self) -> bool {
        self.entries == 0 || self.priced > 0
    }
}

fn areas_with_a_population(residents: Residents) -> Coverage {
    Coverage { of: "areas with a population", covered: residents.areas_with_population, total: residents.areas, unpriced_measures: Vec::new() }
}

/// Numerator and denominator of the concentration index of groups from the worst off to the best off, each with its amount x and its
/// residents n. C = (2 ÷ μ)·Σ fₜ·μₜ·Rₜ − 1 with f the share of residents, μ the amount per head and R = residents below and half the own, as
/// a share; which is Σ xₜ·(2·Pₜ + nₜ − N) ÷ (X·N), P the residents below, X and N the sums. `None` unless X and N are above zero.
///
/// Exact while X·N and what is summed fit into 128 bits. Beyond, amounts lose their last binary digits first, all of them as many: of an
/// index with 6 decimal places that changes nothing that is shown but by a hair's breadth.
pub(super) fn concentration_index(groups: &[(i128, u64)]) -> Option<(i128, i128)> {
    (0..i128::BITS).find_map(|digits| {
        let shortened = groups.iter().map(|(amount, residents)| (amount >> digits, i128::from(*residents)));
        exact_index(&shortened.collect::<Vec<_>>())
    })?
}

/// `None`: it does not fit. `Some(None)`: there is none.
fn exact_index(groups: &[(i128, i128)]) -> Option<Option<(i128, i128)>> {
    let amounts = groups.iter().try_fold(0i128, |sum, (amount, _)| sum.checked_add(*amount))?;
    let residents: i128 = groups.iter().map(|(_, residents)| residents).sum();
    if amounts <= 0 || residents <= 0 {
        return Some(None);
    }
    let (mut below, mut sum) = (0i128, 0i128);
    for (amount, own) in groups {
        sum = sum.checked_add(amount.checked_mul(2 * below + own - residents)?)?;
        below += own;
    }
    Some(Some((sum, amounts.checked_mul(residents)?)))
}

#[cfg(test)]
mod tests {
    use super::super::decimal::ratio;
    use super::*;

    fn index(groups: &[(i128, u64)]) -> Option<String> {
        concentration_index(groups).and_then(|(numerator, denominator)| ratio(numerator, denominator))
    }

    #[test]
    fn the_index_by_pencil() {
        // Two groups of 50: 100 and 300. Shares of residents ½ and ½, of the amount ¼ and ¾; ranks ¼ and ¾.
        // C = 2·(¼·¼ + ¾·¾) − 1 = 2·10/16 − 1 = ¼.
        assert_eq!(index(&[(100, 50), (300, 50)]).as_deref(), Some("0.250000"));
        assert_eq!(index(&[(300, 50), (100, 50)]).as_deref(), Some("-0.250000"));
        // The same per head everywhere, whatever the sizes.
        assert_eq!(index(&[(10, 5), (60, 30), (2, 1)]).as_deref(), Some("0.000000"));
        // All from the best off tenth: 1 − 1/10.
        assert_eq!(index(&[(0, 90), (7, 10)]).as_deref(), Some("0.900000"));
        // Nobody gave anything, or took back more than they gave; nobody lives there.
        assert_eq!([index(&[(0, 5), (0, 5)]), index(&[(1, 5), (-3, 5)]), index(&[(1, 0)]), index(&[])], [const { None }; 4]);
    }

    #[test]
    fn what_does_not_fit_is_shortened_not_wrong() {
        let scale = 1i128 << 118;
        assert_eq!(index(&[(100 * scale, 50_000_000), (300 * scale, 50_000_000)]).as_deref(), Some("0.250000"));
        assert_eq!(index(&[(i128::MAX, 90), (i128::MAX, 10)]).as_deref(), Some("0.400000"));
    }

    /// Against the definition by single residents: twice the covariance of amount and rank, divided by the mean.
    #[test]
    fn the_index_is_that_of_single_residents() {
        for seed in 0u64..200 {
            let chance = |at: u64, bound: u64| (seed * 31 + at).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) % bound;
            let groups: Vec<(i128, u64)> = (0..1 + chance(99, 6)).map(|at| (i128::from(chance(at, 50)), 1 + chance(at + 40, 9))).collect();
            let residents: f64 = groups.iter().map(|(_, residents)| *residents as f64).sum();
            let mean = groups.iter().map(|(amount, _)| *amount as f64).sum::<f64>() / residents;
            let (mut covariance, mut seen) = (0.0, 0.0);
            for (amount, own) in &groups {
                let rank = (seen + *own as f64 / 2.0) / residents;
                (0..*own).for_each(|_| covariance += (*amount as f64 / *own as f64 - mean) * (rank - 0.5) / residents);
                seen += *own as f64;
            }
            match concentration_index(&groups) {
                Some((numerator, denominator)) => {
                    let found = numerator as f64 / denominator as f64;
                    assert!((found - 2.0 * covariance / mean).abs() < 1e-9, "seed {seed}: {found} of {groups:?}");
                }
                None => assert_eq!(mean, 0.0, "seed {seed}: {groups:?}"),
            }
        }
    }
}
