//! What each deprivation decile adds up to within every group.

use super::group::{Group, Grouping};
use super::source::Source;
use super::sums::{Overflow, Totals};
use super::{Asked, Error};
use crate::metrics::DecilePartial;
use crate::tables::Rows;
use rustc_hash::FxHashMap;

/// All deciles of every group, and of the whole scope under none.
pub(super) type DecilesByGroup = FxHashMap<Option<Group>, Vec<DecilePartial>>;

impl<R: Rows> Asked<'_, R> {
    /// Counts once more, by decile besides.
    pub(super) fn deciles(&self, grouping: &Grouping, source: Source) -> Result<DecilesByGroup, Error<R::Error>> {
        let finer = grouping.by_counted_decile(&self.areas);
        let (groups, _) = self.sums(&finer, source)?.finish(&self.measures).map_err(|_| Error::Overflow)?;
        let mut deciles = DecilesByGroup::default();
        for (group, totals) in groups {
            add(&mut deciles, group, totals).map_err(|_| Error::Overflow)?;
        }
        Ok(deciles)
    }
}

fn add(deciles: &mut DecilesByGroup, group: Group, totals: Totals) -> Result<(), Overflow> {
    let decile = group.counted_decile;
    if decile == 0 {
        return Ok(());
    }
    let Totals { measures, citizen, state, .. } = totals;
    let partial = DecilePartial { decile, citizen, state, measures, ..DecilePartial::default() };
    if !group.overlaps {
        add_to(deciles.entry(None).or_insert_with(DecilePartial::all), partial.clone())?;
    }
    let whole = Group { counted_decile: 0, ..group };
    add_to(deciles.entry(Some(whole)).or_insert_with(DecilePartial::all), partial)
}

fn add_to(all: &mut [DecilePartial], partial: DecilePartial) -> Result<(), Overflow> {
    all[usize::from(partial.decile) - 1].add(partial).ok_or(Overflow)
}
