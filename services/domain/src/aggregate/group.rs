//! In which group something counts.

use super::scope::Fit;
use crate::date::{Date, Grain, Period};
use crate::event::{Evidence, Side};
use crate::metrics::Dimension;
use std::hash::{Hash, Hasher};

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
}

impl Hash for Group {
    /// In few words: every cell that is read is hashed.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let unit = self.unit.map_or(0, |unit| (unit.grain as u64 + 1) << 32 | u64::from(unit.index as u32));
        let flags = u64::from(self.side) << 60 | u64::from(self.evidence) << 56 | u64::from(self.coarser) << 49 | u64::from(self.overlaps) << 48;
        state.write_u64(u64::from(self.service) << 32 | u64::from(self.area));
        state.write_u64(unit | flags);
        state.write_u32(self.base);
    }
}

/// What a question is grouped by.
#[derive(Clone, Debug)]
pub(super) struct Grouping {
    has: [bool; 11],
    grain: Option<Grain>,
}

impl Grouping {
    pub fn new(group_by: &[Dimension]) -> Self {
        let mut has = [false; 11];
        group_by.iter().for_each(|dimension| has[*dimension as usize] = true);
        Self { has, grain: group_by.iter().find_map(|dimension| dimension.grain()) }
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
        Group {
            service: when(Dimension::Service, place.service),
            base: when(Dimension::Measure, place.base as u32),
            area: when(Dimension::Area, place.area),
            side: when(Dimension::Side, place.side as u32) as u8,
            evidence: when(Dimension::Evidence, place.evidence as u32) as u8,
            unit,
            coarser,
            overlaps,
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
