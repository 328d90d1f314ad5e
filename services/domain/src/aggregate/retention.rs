//! Who came back, from the bitmaps of participants.

use super::group::{Group, Grouping, Place};
use super::measures::scan;
use super::scope::Fit;
use super::sums::Totals;
use super::taking_part::TakingPartByGroup;
use super::{Asked, Error};
use crate::bitmap::Change;
use crate::bytes::Take;
use crate::date::{Date, Grain, Period};
use crate::event::{Evidence, Side};
use crate::metrics::{Dimension, RetentionPartial};
use crate::tables::{Key, Rows, Table};
use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// The roll-up of participants by months and larger.
const MONTHS: u8 = 0;

/// Who took part in one service, or in several.
#[derive(Clone, Default)]
struct History {
    /// By index of the month.
    months: BTreeMap<i32, RoaringBitmap>,
    /// In spans longer than a month, by index of the first month after their unit; "ever" ends before no month.
    longer: BTreeMap<i32, RoaringBitmap>,
}

impl History {
    fn add(&mut self, unit: Period, actors: &RoaringBitmap) {
        let by = match unit.grain {
            Grain::Day | Grain::Month => self.months.entry(unit.index),
            Grain::Ever => return,
            Grain::Quarter | Grain::Year => self.longer.entry(Period::of(Date(unit.span().end.0 + 1), Grain::Month).index),
        };
        *by.or_default() |= actors;
    }

    /// Visits every month that has an actor or follows one that has, up to `last`, with what it adds.
    fn follow(&self, last: i32, mut visit: impl FnMut(i32, RetentionPartial)) {
        let (none, mut seen) = (RoaringBitmap::new(), RoaringBitmap::new());
        let mut longer = self.longer.iter().peekable();
        let months: BTreeSet<i32> = self.months.keys().flat_map(|month| [*month, month + 1]).filter(|month| *month <= last).collect();
        for month in months {
            while let Some((_, actors)) = longer.next_if(|(after, _)| **after <= month) {
                seen |= actors;
            }
            let (now, before) = (self.months.get(&month).unwrap_or(&none), self.months.get(&(month - 1)).unwrap_or(&none));
            let new = now.len() - now.intersection_len(&seen);
            visit(month, RetentionPartial { before: before.len(), returned: before.intersection_len(now), new, entries: 0 });
            seen |= now;
        }
    }
}

impl<R: Rows> Asked<'_, R> {
    pub(super) fn retention(
        &self,
        grouping: &Grouping,
        totals: &FxHashMap<Group, Totals>,
        all: &mut TakingPartByGroup,
    ) -> Result<(), Error<R::Error>> {
        let by_service = self.histories()?;
        let mut together = History::default();
        for history in by_service.values() {
            history.months.iter().for_each(|(month, actors)| *together.months.entry(*month).or_default() |= actors);
            history.longer.iter().for_each(|(after, actors)| *together.longer.entry(*after).or_default() |= actors);
        }
        let last = together.months.keys().next_back().copied().unwrap_or(i32::MIN);
        if grouping.has(Dimension::Service) {
            for (service, history) in &by_service {
                history.follow(last, |month, of| self.add_month(grouping, all, *service, month, of, false));
            }
            together.follow(last, |month, of| self.add_month(grouping, all, 0, month, of, true));
        } else {
            together.follow(last, |month, of| {
                self.add_month(grouping, all, 0, month, of, false);
                self.add_month(grouping, all, 0, month, of, true);
            });
        }
        // Cells count entries with an actor; what is longer than a month is in groups of its own.
        for (group, totals) in totals.iter().filter(|(group, totals)| !group.coarser && totals.citizen.count > 0) {
            let entries = totals.with_actor.max(0) as u64;
            all.entry(Some(*group)).or_default().retention.entries += entries;
            all.entry(None).or_default().retention.entries += entries;
        }
        Ok(())
    }

    /// The scope's services; every month of them, whatever period is asked.
    fn histories(&self) -> Result<BTreeMap<u32, History>, Error<R::Error>> {
        let mut histories: BTreeMap<u32, History> = BTreeMap::new();
        let prefix = Key::of(Table::Participants, self.council);
        let start = prefix.as_slice().len();
        scan(self.rows, Table::Participants, &prefix, |key, row| {
            let mut take = Take::new("key", &key[start..]);
            let (service, roll, unit) = (take.be32()?, take.byte()?, take.period()?);
            if roll != MONTHS || !self.scope.services().has(service) {
                return Ok(());
            }
            let actors = Change::decode(row)?.added;
            if !actors.is_empty() {
                histories.entry(service).or_default().add(unit, &actors);
            }
            Ok(())
        })?;
        Ok(histories)
    }

    /// Adds a month to its group, or to the whole scope.
    fn add_month(&self, grouping: &Grouping, all: &mut TakingPartByGroup, service: u32, month: i32, of: RetentionPartial, whole: bool) {
        let unit = Period { grain: Grain::Month, index: month };
        // The period begins and ends with a month.
        if self.scope.fit(unit) != Fit::Within {
            return;
        }
        let place = Place { service, base: 0, side: Side::Citizen, area: 0, evidence: Evidence::Assumed, unit };
        let sum = &mut all.entry((!whole).then(|| grouping.of(&place, Fit::Within))).or_default().retention;
        sum.before += of.before;
        sum.returned += of.returned;
        sum.new += of.new;
    }
}
