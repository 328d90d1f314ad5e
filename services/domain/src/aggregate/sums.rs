//! What groups add up to, measure by measure.

use super::group::{Group, Grouping, Place};
use super::measures::{Measure, Measures};
use super::scope::Fit;
use crate::cell::Cell;
use crate::event::Side;
use crate::metrics::{Amount, MeasurePartial, SidePartial};
use rustc_hash::FxHashMap;

/// One base measure in one group.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    /// With contra quantities subtracted.
    cell: Cell,
    priced_count: i64,
    matched_priced_count: i64,
    value: Amount,
    matched_value: Amount,
}

/// By group and place of the base measure.
pub(super) struct Sums<'a> {
    grouping: &'a Grouping,
    by_group: FxHashMap<(Group, u32), Sum>,
}

/// What one group adds up to.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub measures: Vec<MeasurePartial>,
    pub citizen: SidePartial,
    pub state: SidePartial,
}

/// A sum of amounts does not fit into 128 bits.
#[derive(Debug)]
pub(super) struct Overflow;

impl<'a> Sums<'a> {
    pub fn new(grouping: &'a Grouping) -> Self {
        Self { grouping, by_group: FxHashMap::default() }
    }

    /// Adds a cell of entries of one measure at one place; `rate` is what a unit of them is worth, if they have a price.
    ///
    /// Quantities are at most 10^15 and entries fewer than 2^64, so that quantities and counts cannot overflow. Amounts can, and are
    /// checked.
    pub fn add(&mut self, place: &Place, fit: Fit, measure: &Measure, cell: Cell, rate: Option<Amount>) -> Result<(), Overflow> {
        let sum = self.by_group.entry((self.grouping.of(place, fit), place.base as u32)).or_default();
        let sign = if measure.negative { -1 } else { 1 };
        let (quantity, matched_quantity) = (sign * cell.quantity, sign * cell.matched_quantity);
        sum.cell += Cell { quantity, matched_quantity, ..cell };
        if let Some(rate) = rate {
            sum.priced_count += cell.count;
            sum.matched_priced_count += cell.matched_count;
            let add = |to: Amount, quantity: i128| rate.times(quantity).and_then(|amount| to.plus(amount)).ok_or(Overflow);
            sum.value = add(sum.value, quantity)?;
            sum.matched_value = add(sum.matched_value, matched_quantity)?;
        }
        Ok(())
    }

    /// What every group adds up to, and the whole scope: the groups within the period.
    pub fn finish(self, measures: &Measures) -> Result<(FxHashMap<Group, Totals>, Totals), Overflow> {
        let mut whole: FxHashMap<u32, Sum> = FxHashMap::default();
        let mut groups: FxHashMap<Group, Vec<(u32, Sum)>> = FxHashMap::default();
        // Cells whose entries are all reversed are still there.
        for ((group, base), sum) in self.by_group.into_iter().filter(|(_, sum)| sum.cell.count != 0) {
            if !group.overlaps {
                whole.entry(base).or_default().plus(&sum)?;
            }
            groups.entry(group).or_default().push((base, sum));
        }
        let totals = |sums: Vec<(u32, Sum)>| totals(measures, sums);
        let groups = groups.into_iter().map(|(group, sums)| Ok((group, totals(sums)?))).collect::<Result<_, _>>()?;
        Ok((groups, totals(whole.into_iter().collect())?))
    }
}

impl Sum {
    fn plus(&mut self, other: &Self) -> Result<(), Overflow> {
        self.cell += other.cell;
        self.priced_count += other.priced_count;
        self.matched_priced_count += other.matched_priced_count;
        self.value = self.value.plus(other.value).ok_or(Overflow)?;
        self.matched_value = self.matched_value.plus(other.matched_value).ok_or(Overflow)?;
        Ok(())
    }
}

/// Measures are ordered by id, as their places are.
fn totals(measures: &Measures, mut sums: Vec<(u32, Sum)>) -> Result<Totals, Overflow> {
    sums.sort_unstable_by_key(|(base, _)| *base);
    let mut totals = Totals::default();
    for (base, sum) in sums {
        let measure = measures.get(base as usize);
        let Cell { quantity, count, matched_quantity, matched_count } = sum.cell;
        let Sum { priced_count, matched_priced_count, value, matched_value, .. } = sum;
        let side = if measure.side == Side::Citizen { &mut totals.citizen } else { &mut totals.state };
        side.add(&SidePartial { value, matched_value, count, priced_count, matched_count, matched_priced_count }).ok_or(Overflow)?;
        totals.measures.push(MeasurePartial {
            measure: measure.id.clone(),
            side: measure.side,
            unit: measure.unit.clone(),
            quantity,
            matched_quantity,
            count,
            matched_count,
            priced_count,
            matched_priced_count,
        });
    }
    Ok(totals)
}
