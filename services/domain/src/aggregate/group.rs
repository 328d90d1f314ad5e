//! In which group something counts.

use super::areas::Areas;
use super::scope::Fit;
use crate::date::{Date, Grain, Period};
use crate::event::{Evidence, Side};
use crate::metrics::Dimension;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Where something is counted. Names are numbers; of what does not apply, 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub service: u32,
    /// Place of the base measure.
    pub base: usize,
    pub side: Side,
    pub area: u32,
    pub evidence: Evidence,
    pub unit: Period,
}

/// A group by numbers: what was not asked is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub service: u32,
    /// Place of the base measure.
    pub base: u32,
    pub area: u32,
    pub side: u8,
    pub evidence: u8,
    /// Asked, or shown because it only overlaps the period.
    pub unit: Option<Period>,
    pub coarser: bool,
    pub overlaps: bool,
    pub decile: u8,
    /// As `Areas::parent` takes it.
    pub parent: u32,
    /// Decile, where deciles are told apart within the groups asked.
    pub counted_decile: u8,
}

impl Hash for Group {
    /// In few words: every cell that is read is hashed.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let unit = self.unit.map_or(0, |unit| (unit.grain as u64 + 1) << 32 | u64::from(unit.index as u32));
        let flags = u64::from(self.side) << 60 | u64::from(self.evidence) << 56 | u64::from(self.coarser) << 49 | u64::from(self.overlaps) << 48;
        state.write_u64(u64::from(self.service) << 32 | u64::from(self.area));
        let deciles = u64::from(self.decile) << 44 | u64::from(self.counted_decile) << 40;
        state.write_u64(unit | flags | deciles);
        state.write_u64(u64::from(self.parent) << 32 | u64::from(self.base));
    }
}

/// What a question is grouped by.
#[derive(Clone, Debug)]
pub(super) struct Grouping {
    has: [bool; 13],
    grain: Option<Grain>,
    /// What areas are joined with.
    areas: Option<Arc<Areas>>,
    by_counted_decile: bool,
}

impl Grouping {
    pub fn new(group_by: &[Dimension]) -> Self {
        let mut has = [false; 13];
        group_by.iter().for_each(|dimension| has[*dimension as usize] = true);
        Self { has, grain: group_by.iter().find_map(|dimension| dimension.grain()), areas: None, by_counted_decile: false }
    }

    /// With what the catalogue says of areas.
    pub fn joining(self, areas: &Arc<Areas>) -> Self {
        let joins = self.has(Dimension::Decile) || self.has(Dimension::ParentArea);
        Self { areas: joins.then(|| areas.clone()), ..self }
    }

    /// The same, and within its groups by decile of the areas whose residents are counted.
    pub fn by_counted_decile(&self, areas: &Arc<Areas>) -> Self {
        Self { areas: Some(areas.clone()), by_counted_decile: true, ..self.clone() }
    }

    /// This and one dimension more.
    pub fn and(&self, dimension: Dimension) -> Self {
        let mut finer = self.clone();
        finer.has[dimension as usize] = true;
        finer
    }

    pub fn has(&self, dimension: Dimension) -> bool {
        self.has[dimension as usize]
    }

    /// Whether areas are told apart, by themselves or by what they have.
    pub fn by_area(&self) -> bool {
        [Dimension::Area, Dimension::Decile, Dimension::ParentArea].into_iter().any(|dimension| self.has(dimension))
    }

    pub fn grain(&self) -> Option<Grain> {
        self.grain
    }

    /// The group of a place that is not outside the period.
    pub fn of(&self, place: &Place, fit: Fit) -> Group {
        let overlaps = fit == Fit::Overlaps;
        let (unit, coarser) = match self.grain {
            Some(grain) if place.unit.grain > grain => (Some(place.unit), true),
            Some(grain) => (Some(within(place.unit, grain)), false),
            None => (overlaps.then_some(place.unit), false),
        };
        let when = |dimension: Dimension, value: u32| if self.has(dimension) { value } else { 0 };
        let joined = self.areas.as_ref().map(|areas| areas.attributes(place.area)).unwrap_or_default();
        Group {
            service: when(Dimension::Service, place.service),
            base: when(Dimension::Measure, place.base as u32),
            area: when(Dimension::Area, place.area),
            side: when(Dimension::Side, place.side as u32) as u8,
            evidence: when(Dimension::Evidence, place.evidence as u32) as u8,
            unit,
            coarser,
            overlaps,
            decile: when(Dimension::Decile, joined.decile.into()) as u8,
            parent: when(Dimension::ParentArea, joined.parent),
            counted_decile: if self.by_counted_decile { joined.counted_decile } else { 0 },
        }
    }
}

/// The unit of this grain, which is not smaller, in which a unit lies.
fn within(unit: Period, grain: Grain) -> Period {
    let per = match (unit.grain, grain) {
        (small, large) if small == large => return unit,
        (Grain::Day, _) => return Period::of(Date(unit.index), grain),
        (Grain::Month, Grain::Quarter) => 3,
        (Grain::Month, Grain::Year) => 12,
        (Grain::Quarter, Grain::Year) => 4,
        _ => return Period { grain: Grain::Ever, index: 0 },
    };
    Period { grain, index: unit.index.div_euclid(per) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_lie_in_larger_ones() {
        for day in (-30_000..30_000).step_by(17) {
            for small in [Grain::Day, Grain::Month, Grain::Quarter, Grain::Year] {
                for large in [Grain::Month, Grain::Quarter, Grain::Year, Grain::Ever].into_iter().filter(|large| *large >= small) {
                    assert_eq!(within(Period::of(Date(day), small), large), Period::of(Date(day), large));
                }
            }
        }
    }
}
