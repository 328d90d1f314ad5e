//! Entries and their value by evidence grade and by role, from the same rows as all quantities.

use super::group::{Group, Grouping};
use super::source::Source;
use super::sums::Totals;
use super::taking_part::TakingPartByGroup;
use super::{Asked, Error};
use crate::metrics::{Dimension, SidePartial, TakingPart};
use crate::tables::Rows;
use std::collections::BTreeMap;

impl<R: Rows> Asked<'_, R> {
    /// Both sides by evidence grade.
    pub(super) fn grades(&self, grouping: &Grouping, source: Source, all: &mut TakingPartByGroup) -> Result<(), Error<R::Error>> {
        for (group, totals) in self.finer(grouping, Dimension::Evidence, source)? {
            let grade = group.evidence;
            let coarse = if grouping.has(Dimension::Evidence) { group } else { Group { evidence: 0, ..group } };
            for side in [totals.citizen, totals.state] {
                add(all, coarse, |taking_part| &mut taking_part.grades, grade, side)?;
            }
        }
        Ok(())
    }

    /// Contributions by the role of their base measure.
    pub(super) fn roles(&self, grouping: &Grouping, source: Source, all: &mut TakingPartByGroup) -> Result<(), Error<R::Error>> {
        for (group, totals) in self.finer(grouping, Dimension::Measure, source)? {
            let role = self.measures.get(group.base as usize).role as u8;
            let coarse = if grouping.has(Dimension::Measure) { group } else { Group { base: 0, ..group } };
            add(all, coarse, |taking_part| &mut taking_part.roles, role, totals.citizen)?;
        }
        Ok(())
    }

    /// What each group adds up to if it is divided once more. Every source tells measures and grades apart.
    fn finer(&self, grouping: &Grouping, dimension: Dimension, source: Source) -> Result<Vec<(Group, Totals)>, Error<R::Error>> {
        let finer = grouping.and(dimension);
        let (groups, _) = self.sums(&finer, source)?.finish(&self.measures).map_err(|_| Error::Overflow)?;
        Ok(groups.into_iter().collect())
    }
}

/// Adds a side of a part of a group.
fn add<E>(
    all: &mut TakingPartByGroup,
    group: Group,
    classes: fn(&mut TakingPart) -> &mut BTreeMap<u8, SidePartial>,
    class: u8,
    side: SidePartial,
) -> Result<(), Error<E>> {
    if side.count == 0 {
        return Ok(());
    }
    if !group.overlaps {
        classes(all.entry(None).or_default()).entry(class).or_default().add(side.clone()).ok_or(Error::Overflow)?;
    }
    classes(all.entry(Some(group)).or_default()).entry(class).or_default().add(side).ok_or(Error::Overflow)
}
