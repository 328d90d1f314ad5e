//! Lattices made by hand: who gave how much where and when, added up over all levels.

use crate::aggregate::lattice::{AreaNode, Lattice, LatticeCell, MeasureNode, PeriodNode, Standing, TableNode};
use crate::date::Period;
use crate::event::Side;
use std::collections::BTreeMap;

/// Somebody gave something in a leaf of both trees.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    /// Place of the area.
    pub area: u32,
    /// Place of the unit.
    pub period: u32,
    pub person: u32,
    pub amount: i128,
}

/// Id, parent, and whether it is the parent's rest.
pub fn area(id: &str, parent: Option<u32>, is_rest: bool) -> AreaNode {
    AreaNode { id: id.into(), parent, is_rest }
}

/// A unit and its parent.
pub fn period(text: &str, parent: Option<u32>) -> PeriodNode {
    PeriodNode { period: Period::parse(text).unwrap(), is_rest: false, parent }
}

/// A node and all above it.
fn up(at: u32, parent: impl Fn(u32) -> Option<u32>) -> Vec<u32> {
    std::iter::successors(Some(at), |at| parent(*at)).collect()
}

/// What each person gave in each cell of both trees.
pub fn by_person(areas: &[AreaNode], periods: &[PeriodNode], given: &[Given]) -> BTreeMap<(u32, u32), BTreeMap<u32, (i128, u64)>> {
    let mut cells: BTreeMap<(u32, u32), BTreeMap<u32, (i128, u64)>> = BTreeMap::new();
    for one in given {
        for area in up(one.area, |at| areas[at as usize].parent) {
            for period in up(one.period, |at| periods[at as usize].parent) {
                let share = cells.entry((area, period)).or_default().entry(one.person).or_default();
                *share = (share.0 + one.amount, share.1 + 1);
            }
        }
    }
    cells
}

/// The lattice of one service and one measure.
pub fn built(areas: Vec<AreaNode>, periods: Vec<PeriodNode>, given: &[Given]) -> Lattice {
    let cell = |((area, period), people): ((u32, u32), BTreeMap<u32, (i128, u64)>)| {
        let mut now = Standing::default();
        for (amount, entries) in people.values() {
            now.quantity += amount;
            now.named.add(*entries, amount.unsigned_abs());
        }
        LatticeCell { table: 0, area, period, now, change: Standing::default() }
    };
    let cells = by_person(&areas, &periods, given).into_iter().map(cell).collect();
    Lattice {
        areas,
        periods,
        measures: vec![MeasureNode { id: "help".into(), unit: "min".into(), side: Side::Citizen }],
        tables: vec![TableNode { service: "care".into(), measure: 0 }],
        cells,
        denominator: 1,
        ..Lattice::default()
    }
}
