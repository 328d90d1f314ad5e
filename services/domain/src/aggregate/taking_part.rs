//! Who takes part and how, by group: each kind of it is in a file of its own.

use super::group::{Group, Grouping, Place};
use super::source::Plan;
use super::sums::Totals;
use super::{Asked, Error};
use crate::metrics::{self, Metric, TakingPart, TakingPartNeeds};
use crate::tables::Rows;
use rustc_hash::FxHashMap;

/// By group; the whole scope has none.
pub(super) type TakingPartByGroup = FxHashMap<Option<Group>, TakingPart>;

/// One metric for each need that cannot be asked in every way: it stands for all that have the need.
pub(super) fn bound(needs: TakingPartNeeds) -> impl Iterator<Item = &'static Metric> {
    let first = |asked: bool, has: fn(TakingPartNeeds) -> bool| metrics::ALL.iter().find(|metric| asked && has(metric.needs.taking_part));
    first(needs.retention, |needs| needs.retention).into_iter().chain(first(needs.willingness, |needs| needs.willingness))
}

impl<R: Rows> Asked<'_, R> {
    /// What of it was asked. `totals` are those of the groups, if cells are asked.
    pub(super) fn taking_part(
        &self,
        grouping: &Grouping,
        plan: &Plan,
        totals: &FxHashMap<Group, Totals>,
    ) -> Result<TakingPartByGroup, Error<R::Error>> {
        let (mut all, needs) = (TakingPartByGroup::default(), self.question.needs.taking_part);
        if needs.retention {
            self.retention(grouping, totals, &mut all)?;
        }
        if needs.amounts {
            self.concentration(grouping, &mut all)?;
        }
        if needs.grades {
            self.grades(grouping, plan.quantities, &mut all)?;
        }
        if needs.control {
            self.roles(grouping, plan.quantities, &mut all)?;
            self.budgets(grouping, &mut all)?;
        }
        if needs.willingness {
            self.willingness(grouping, &mut all)?;
        }
        Ok(all)
    }

    /// Changes what the group of a place adds up to and, if it lies within the period, the whole scope.
    pub(super) fn change(&self, grouping: &Grouping, all: &mut TakingPartByGroup, place: &Place, change: impl Fn(&mut TakingPart)) {
        let fit = self.scope.fit(place.unit);
        if fit == super::scope::Fit::Outside {
            return;
        }
        change(all.entry(Some(grouping.of(place, fit))).or_default());
        if fit == super::scope::Fit::Within {
            change(all.entry(None).or_default());
        }
    }
}
