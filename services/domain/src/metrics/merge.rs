//! The results of several councils become one, exactly.

use super::asking::TooManyAmounts;
use super::partial::{Amount, Answer, ExchangePartial, MeasurePartial, Partial, SidePartial, UNPRICED_MAX, ValuationUsed};
use super::residents::{DecilePartial, add_deciles};
use std::collections::BTreeMap;

/// Why results cannot become one. Asking again does not help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The councils' books hold different valuations under one name.
    #[error("the councils have different valuations of this name, {0} and {1}: name a version that all of them have, or ask by council")]
    Valuations(String, String),
    /// The councils define an indicator of one id differently.
    #[error("the councils have different indicators of this id, {0} and {1}: ask each council by itself")]
    Indicators(String, String),
    /// A sum does not fit into 128 bits.
    #[error("the amounts are too large to be added exactly: ask for a smaller scope")]
    Overflow,
    /// So many different amounts of actors are not held at once.
    #[error("{0}: ask for a smaller scope, or each council by itself")]
    TooManyAmounts(TooManyAmounts),
}

impl Answer {
    /// Adds another council's answer to the same question. Groups with the same keys become one, participants are summed.
    pub fn merge(&mut self, mut other: Self) -> Result<(), Mismatch> {
        if self.valuation != other.valuation {
            let name = |valuation: &Option<ValuationUsed>| match valuation {
                Some(used) => format!("{} version {} in {}", used.id, used.version, used.currency),
                None => "none".into(),
            };
            return Err(Mismatch::Valuations(name(&self.valuation), name(&other.valuation)));
        }
        if let (Some(own), Some(others)) = (&self.total.outcome.indicator, &other.total.outcome.indicator)
            && own != others
        {
            return Err(Mismatch::Indicators(own.to_string(), others.to_string()));
        }
        if let (Some(ours), Some(theirs)) = (self.total.taking_part.willingness.counted_in(), other.total.taking_part.willingness.counted_in())
            && ours != theirs
        {
            let name = |(unit, places): (&str, u8)| format!("{unit} with {places} decimal places");
            return Err(Mismatch::Indicators(name(ours), name(theirs)));
        }
        let common = least_common_multiple(self.denominator, other.denominator).ok_or(Mismatch::Overflow)?;
        self.rescale(common).ok_or(Mismatch::Overflow)?;
        other.rescale(common).ok_or(Mismatch::Overflow)?;
        self.total.add(other.total).ok_or(Mismatch::Overflow)?;
        let mut groups: BTreeMap<_, _> = self.groups.drain(..).map(|group| (group.keys.clone(), group)).collect();
        for group in other.groups {
            match groups.get_mut(&group.keys) {
                Some(sum) => sum.add(group).ok_or(Mismatch::Overflow)?,
                None => drop(groups.insert(group.keys.clone(), group)),
            }
        }
        self.groups = groups.into_values().collect();
        self.residents.extend(other.residents);
        self.area_vintages.extend(other.area_vintages);
        self.area_vintages.sort_unstable();
        self.area_vintages.dedup();
        TooManyAmounts::check(self.groups.iter().map(Partial::distinct_amounts)).map_err(Mismatch::TooManyAmounts)
    }

    /// Puts all amounts into units of 1 ÷ `denominator`, a multiple of the present one.
    fn rescale(&mut self, denominator: u64) -> Option<()> {
        let factor = i128::from(denominator / self.denominator);
        self.denominator = denominator;
        if factor == 1 {
            return Some(());
        }
        self.groups.iter_mut().chain([&mut self.total]).try_for_each(|partial| partial.rescale(factor))
    }
}

/// `None` if it does not fit into 64 bits.
pub(crate) fn least_common_multiple(a: u64, b: u64) -> Option<u64> {
    let (mut high, mut low) = (a, b);
    while low != 0 {
        (high, low) = (low, high % low);
    }
    (a / high.max(1)).checked_mul(b)
}

impl Partial {
    /// Adds what another group adds up to, but for its keys; `None` if a sum does not fit.
    pub fn add(&mut self, other: Self) -> Option<()> {
        add_measures(&mut self.measures, other.measures);
        self.citizen.add(other.citizen)?;
        self.state.add(other.state)?;
        self.exchanges.add(other.exchanges)?;
        self.participants += other.participants;
        self.contributions += other.contributions;
        self.contributions_with_actor += other.contributions_with_actor;
        self.outcome.add(other.outcome);
        self.observations.extend(other.observations);
        match (&mut self.earlier, other.earlier) {
            (Some(earlier), Some(other)) => earlier.add(*other)?,
            (none @ None, other) => *none = other,
            (Some(_), None) => {}
        }
        add_deciles(&mut self.deciles, other.deciles)?;
        self.taking_part.add(other.taking_part)
    }

    /// How many distinct amounts of actors it holds, those of the earlier period too.
    fn distinct_amounts(&self) -> usize {
        self.taking_part.distinct_amounts() + self.earlier.as_deref().map_or(0, Self::distinct_amounts)
    }

    fn rescale(&mut self, factor: i128) -> Option<()> {
        self.earlier.iter_mut().try_for_each(|earlier| earlier.rescale(factor))?;
        self.observations.iter_mut().try_for_each(|observation| observation.rescale(factor))?;
        self.taking_part.rescale(factor)?;
        let exchanges = &mut self.exchanges;
        let of_exchanges =
            [&mut exchanges.one_sided_citizen_value, &mut exchanges.one_sided_state_value, &mut exchanges.reciprocal, &mut exchanges.both_sides];
        let of_sides = [&mut self.citizen, &mut self.state].into_iter().flat_map(|side| [&mut side.value, &mut side.matched_value]);
        let of_deciles = self.deciles.iter_mut().flat_map(DecilePartial::amounts);
        of_exchanges.into_iter().chain(of_sides).chain(of_deciles).try_for_each(|amount| {
            *amount = amount.times(factor)?;
            Some(())
        })
    }
}

/// Measures of the same name but of another unit or side, in another council, are other measures.
pub(super) fn add_measures(sums: &mut Vec<MeasurePartial>, others: Vec<MeasurePartial>) {
    let name = |measure: &MeasurePartial| (measure.measure.clone(), measure.side, measure.unit.clone());
    let mut by_name: BTreeMap<_, _> = sums.drain(..).map(|measure| (name(&measure), measure)).collect();
    for other in others {
        match by_name.get_mut(&name(&other)) {
            None => drop(by_name.insert(name(&other), other)),
            Some(sum) => {
                sum.quantity += other.quantity;
                sum.matched_quantity += other.matched_quantity;
                sum.count += other.count;
                sum.matched_count += other.matched_count;
                sum.priced_count += other.priced_count;
                sum.matched_priced_count += other.matched_priced_count;
            }
        }
    }
    *sums = by_name.into_values().collect();
}

impl SidePartial {
    /// Adds another; `None` if a sum does not fit.
    pub fn add(&mut self, other: Self) -> Option<()> {
        add_amount(&mut self.value, other.value)?;
        add_amount(&mut self.matched_value, other.matched_value)?;
        self.count += other.count;
        self.priced_count += other.priced_count;
        self.matched_count += other.matched_count;
        self.matched_priced_count += other.matched_priced_count;
        self.unpriced_measures = union(std::mem::take(&mut self.unpriced_measures), other.unpriced_measures);
        self.matched_unpriced_measures = union(std::mem::take(&mut self.matched_unpriced_measures), other.matched_unpriced_measures);
        Some(())
    }
}

/// Names of both, ascending, at most [`UNPRICED_MAX`].
pub(super) fn union(mut names: Vec<String>, others: Vec<String>) -> Vec<String> {
    names.extend(others);
    names.sort_unstable();
    names.dedup();
    names.truncate(UNPRICED_MAX);
    names
}

impl ExchangePartial {
    /// Adds another; `None` if a sum does not fit.
    pub fn add(&mut self, other: Self) -> Option<()> {
        self.opened += other.opened;
        self.two_sided += other.two_sided;
        self.one_sided_citizen += other.one_sided_citizen;
        self.one_sided_state += other.one_sided_state;
        self.one_sided_priced += other.one_sided_priced;
        self.one_sided_state_priced += other.one_sided_state_priced;
        self.priced += other.priced;
        add_amount(&mut self.one_sided_citizen_value, other.one_sided_citizen_value)?;
        add_amount(&mut self.one_sided_state_value, other.one_sided_state_value)?;
        add_amount(&mut self.reciprocal, other.reciprocal)?;
        add_amount(&mut self.both_sides, other.both_sides)?;
        let mut histogram: BTreeMap<u32, u64> = self.latencies.drain(..).collect();
        other.latencies.into_iter().for_each(|(days, count)| *histogram.entry(days).or_default() += count);
        self.latencies = histogram.into_iter().collect();
        self.unpriced_measures = union(std::mem::take(&mut self.unpriced_measures), other.unpriced_measures);
        Some(())
    }
}

/// Adds in place; `None` if the sum does not fit.
pub(crate) fn add_amount(sum: &mut Amount, other: Amount) -> Option<()> {
    *sum = sum.plus(other)?;
    Some(())
}
