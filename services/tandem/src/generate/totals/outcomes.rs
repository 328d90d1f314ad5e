//! Observations of indicators: of the same service, indicator, area and period (and source, of which a service has one) the last that is
//! not cancelled is in force.

use super::Unit;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use std::collections::BTreeMap;

/// What an observation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cell {
    pub service: u16,
    pub indicator: u32,
    pub area: Option<u32>,
    pub unit: Unit,
}

/// One observation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observation {
    /// As no other step's.
    pub id: u64,
    pub numerator: i128,
    pub denominator: i128,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    /// Not cancelled, in the order in which they took effect.
    cells: FxHashMap<Cell, Vec<Observation>>,
    /// Cancelled before they came.
    withdrawn: FxHashSet<u64>,
}

impl Outcomes {
    /// It takes effect, unless it is cancelled already.
    pub(super) fn observe(&mut self, cell: Cell, observation: Observation) {
        if !self.withdrawn.remove(&observation.id) {
            self.cells.entry(cell).or_default().push(observation);
        }
    }

    /// It is cancelled, now or as soon as it comes.
    pub(super) fn cancel(&mut self, cell: Cell, id: u64) {
        let observations = self.cells.entry(cell).or_default();
        match observations.iter().position(|observation| observation.id == id) {
            Some(index) => {
                observations.remove(index);
            }
            None => {
                self.withdrawn.insert(id);
            }
        }
    }

    /// Sums over what is in force, by indicator; `name` names them.
    pub(super) fn totals(&self, name: impl Fn(u32) -> &'static str) -> BTreeMap<String, IndicatorTotal> {
        let mut totals: BTreeMap<String, IndicatorTotal> = BTreeMap::new();
        for (cell, observations) in &self.cells {
            if let Some(last) = observations.last() {
                let replaced = observations.len() as u64 - 1;
                totals.entry(name(cell.indicator).into()).or_default().add(cell.unit.to_string(), replaced, last.numerator, last.denominator);
            }
        }
        totals
    }
}

/// Of one indicator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IndicatorTotal {
    /// Observations that are neither cancelled nor in force, because a later one replaced them.
    pub replaced: u64,
    /// What is in force.
    pub in_force: OutcomeTotal,
    /// The same by the period observed: month ("2025-03") or quarter ("2025-Q1").
    pub by_period: BTreeMap<String, OutcomeTotal>,
}

/// A sum of observations: the outcome is `numerator` ÷ `denominator`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutcomeTotal {
    /// How many.
    pub observations: u64,
    /// Σ numerators, in the indicator's smallest unit, decimal text.
    #[serde(serialize_with = "super::as_text")]
    pub numerator: i128,
    /// Σ denominators, decimal text.
    #[serde(serialize_with = "super::as_text")]
    pub denominator: i128,
}

impl IndicatorTotal {
    /// Adds an observation in force and how many it replaced.
    pub(in crate::generate) fn add(&mut self, period: String, replaced: u64, numerator: i128, denominator: i128) {
        self.replaced += replaced;
        for sum in [&mut self.in_force, self.by_period.entry(period).or_default()] {
            sum.observations += 1;
            sum.numerator += numerator;
            sum.denominator += denominator;
        }
    }
}
