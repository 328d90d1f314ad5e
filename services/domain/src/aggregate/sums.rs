//! What groups add up to.

use super::group::{Group, Grouping, Place};
use super::measures::{Measure, Measures};
use super::scope::Fit;
use crate::cell::Cell;
use crate::event::Side;
use crate::metrics::{Amount, MeasurePartial, SidePartial, UNPRICED_MAX};
use rustc_hash::FxHashMap;

/// A sum of amounts does not fit into 128 bits.
#[derive(Debug)]
pub(super) struct Overflow;

/// Places of measures.
#[derive(Clone, Debug, Default)]
struct Places(Vec<u64>);

impl Places {
    fn insert(&mut self, place: usize) {
        let word = place / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (place % 64);
    }

    fn unite(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    /// The first of their ids; places are in order of ids.
    fn ids(&self, measures: &Measures) -> Vec<String> {
        let places = (0..self.0.len() * 64).filter(|place| self.0[place / 64] & 1 << (place % 64) != 0);
        places.take(UNPRICED_MAX).map(|place| measures.get(place).id.clone()).collect()
    }
}

/// One side of one group.
#[derive(Clone, Debug, Default)]
struct SideSum {
    /// But for the measures without a price.
    partial: SidePartial,
    unpriced: Places,
    matched_unpriced: Places,
}

/// One base measure in one group, with contra quantities subtracted.
#[derive(Clone, Copy, Debug, Default)]
struct MeasureSum {
    cell: Cell,
    priced_count: i64,
    matched_priced_count: i64,
}

#[derive(Clone, Debug, Default)]
struct GroupSum {
    citizen: SideSum,
    state: SideSum,
    measures: FxHashMap<u32, MeasureSum>,
    /// Contributions with an actor.
    with_actor: i64,
}

/// By group.
pub(super) struct Sums<'a> {
    grouping: &'a Grouping,
    /// Whether measures are told apart.
    by_measure: bool,
    /// Whether an entry without a rate is one without a price.
    valued: bool,
    /// In order of first appearance.
    groups: Vec<(Group, GroupSum)>,
    places: FxHashMap<Group, usize>,
    /// What is not in `groups` yet.
    last: Option<Together>,
}

/// Cells of one measure in one group that have one price: they are added up before they are valued.
struct Together {
    /// Place of the group.
    at: usize,
    side: Side,
    base: usize,
    rate: Option<Amount>,
    cell: Cell,
}

/// What one group adds up to.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub measures: Vec<MeasurePartial>,
    pub citizen: SidePartial,
    pub state: SidePartial,
    /// Contributions with an actor.
    pub with_actor: i64,
}

impl<'a> Sums<'a> {
    pub fn new(grouping: &'a Grouping, by_measure: bool, valued: bool) -> Self {
        Self { grouping, by_measure, valued, groups: Vec::new(), places: FxHashMap::default(), last: None }
    }

    /// Adds a cell of entries of one measure at one place; `rate` is what a unit of them is worth, if they have a price.
    ///
    /// Quantities are at most 10^15 and entries fewer than 2^64, so that quantities and counts cannot overflow. Amounts can, and are
    /// checked. No cell has a negative count: cells together have none only if none of them has.
    pub fn add(&mut self, place: &Place, fit: Fit, measure: &Measure, mut cell: Cell, rate: Option<Amount>) -> Result<(), Overflow> {
        if measure.negative {
            (cell.quantity, cell.matched_quantity) = (-cell.quantity, -cell.matched_quantity);
        }
        let (group, side, base) = (self.grouping.of(place, fit), measure.side, place.base);
        if let Some(last) = &mut self.last
            && self.groups[last.at].0 == group
            && (last.side, last.base, last.rate) == (side, base, rate)
        {
            last.cell += cell;
            return Ok(());
        }
        let at = self.place(group);
        self.last.replace(Together { at, side, base, rate, cell }).map_or(Ok(()), |together| self.settle(together))
    }

    /// Where a group's sums are.
    fn place(&mut self, group: Group) -> usize {
        // Most measures and services have the same areas and units in the same order.
        let next = self.last.as_ref().map_or(0, |last| last.at + 1);
        if self.groups.get(next).is_some_and(|(other, _)| *other == group) {
            return next;
        }
        *self.places.entry(group).or_insert_with(|| {
            self.groups.push((group, GroupSum::default()));
            self.groups.len() - 1
        })
    }

    fn settle(&mut self, together: Together) -> Result<(), Overflow> {
        let Together { at, side, base, rate, cell } = together;
        let (_, group) = &mut self.groups[at];
        group.with_actor += cell.actor_count;
        let side = if side == Side::Citizen { &mut group.citizen } else { &mut group.state };
        side.add(base, &cell, rate, self.valued)?;
        if self.by_measure {
            let sum = group.measures.entry(base as u32).or_default();
            sum.cell += cell;
            if rate.is_some() {
                sum.priced_count += cell.count;
                sum.matched_priced_count += cell.matched_count;
            }
        }
        Ok(())
    }

    /// What every group with an entry adds up to, and the whole scope: the groups within the period.
    pub fn finish(mut self, measures: &Measures) -> Result<(FxHashMap<Group, Totals>, Totals), Overflow> {
        self.last.take().map_or(Ok(()), |together| self.settle(together))?;
        let mut whole = GroupSum::default();
        let mut groups = FxHashMap::default();
        for (group, sum) in self.groups {
            // Cells whose entries are all reversed are still there.
            if sum.citizen.partial.count == 0 && sum.state.partial.count == 0 {
                continue;
            }
            if !group.overlaps {
                whole.plus(&sum)?;
            }
            groups.insert(group, sum.totals(measures));
        }
        Ok((groups, whole.totals(measures)))
    }
}

impl SideSum {
    fn add(&mut self, base: usize, cell: &Cell, rate: Option<Amount>, valued: bool) -> Result<(), Overflow> {
        let sum = &mut self.partial;
        sum.count += cell.count;
        sum.matched_count += cell.matched_count;
        let Some(rate) = rate else {
            if valued && cell.count != 0 {
                self.unpriced.insert(base);
            }
            if valued && cell.matched_count != 0 {
                self.matched_unpriced.insert(base);
            }
            return Ok(());
        };
        sum.priced_count += cell.count;
        sum.matched_priced_count += cell.matched_count;
        let add = |to: Amount, quantity: i128| rate.times(quantity).and_then(|amount| to.plus(amount)).ok_or(Overflow);
        sum.value = add(sum.value, cell.quantity)?;
        if cell.matched_quantity != 0 {
            sum.matched_value = add(sum.matched_value, cell.matched_quantity)?;
        }
        Ok(())
    }

    fn plus(&mut self, other: &Self) -> Result<(), Overflow> {
        self.partial.add(other.partial.clone()).ok_or(Overflow)?;
        self.unpriced.unite(&other.unpriced);
        self.matched_unpriced.unite(&other.matched_unpriced);
        Ok(())
    }

    fn partial(self, measures: &Measures) -> SidePartial {
        SidePartial { unpriced_measures: self.unpriced.ids(measures), matched_unpriced_measures: self.matched_unpriced.ids(measures), ..self.partial }
    }
}

impl GroupSum {
    fn plus(&mut self, other: &Self) -> Result<(), Overflow> {
        self.citizen.plus(&other.citizen)?;
        self.state.plus(&other.state)?;
        self.with_actor += other.with_actor;
        for (base, other) in &other.measures {
            let sum = self.measures.entry(*base).or_default();
            sum.cell += other.cell;
            sum.priced_count += other.priced_count;
            sum.matched_priced_count += other.matched_priced_count;
        }
        Ok(())
    }

    fn totals(self, measures: &Measures) -> Totals {
        // Measures are ordered by id, as their places are.
        let mut sums: Vec<_> = self.measures.into_iter().filter(|(_, sum)| sum.cell.count != 0).collect();
        sums.sort_unstable_by_key(|(base, _)| *base);
        let measure = |(base, sum): (u32, MeasureSum)| {
            let measure = measures.get(base as usize);
            let Cell { quantity, count, matched_quantity, matched_count, .. } = sum.cell;
            let MeasureSum { priced_count, matched_priced_count, .. } = sum;
            let (id, side, unit) = (measure.id.clone(), measure.side, measure.unit.clone());
            MeasurePartial { measure: id, side, unit, quantity, matched_quantity, count, matched_count, priced_count, matched_priced_count }
        };
        let all = sums.into_iter().map(measure).collect();
        let (citizen, state) = (self.citizen.partial(measures), self.state.partial(measures));
        Totals { measures: all, citizen, state, with_actor: self.with_actor }
    }
}
