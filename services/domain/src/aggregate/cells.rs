//! Quantities from the roll-ups.

use super::group::{Grouping, Place};
use super::source::Source;
use super::sums::Sums;
use super::walk::{CubeFront, walk};
use super::{Asked, Error, corrupt};
use crate::bytes::Corrupt;
use crate::cell::Cell;
use crate::event::Evidence;
use crate::tables::{Rows, Table};
use crate::valuation::{Prices, Rate};

impl<R: Rows> Asked<'_, R> {
    /// Sums from a source that is exact for the question; from the entries if a rate changes within the unit of a cell, since only
    /// they say on which day they began.
    pub(super) fn sums<'a>(&self, grouping: &'a Grouping, source: Source) -> Result<Sums<'a>, Error<R::Error>> {
        let table = match source {
            Source::Months => Table::MonthCell,
            Source::Days => Table::DayCell,
            Source::Areas => Table::AreaCell,
            Source::Entries => return self.sums_of_entries(grouping),
        };
        match self.sums_of_cells(grouping, table)? {
            Some(sums) => Ok(sums),
            None => self.sums_of_entries(grouping),
        }
    }

    /// Prices, if they are asked of cells.
    pub(super) fn cell_prices(&self) -> Option<&Prices> {
        let needs = self.question.needs;
        self.prices.as_ref().filter(|_| needs.cells || needs.measures)
    }

    pub(super) fn new_sums<'a>(&self, grouping: &'a Grouping) -> Sums<'a> {
        Sums::new(grouping, self.question.needs.measures, self.cell_prices().is_some())
    }

    /// `None`: a rate changes within the unit of a cell.
    fn sums_of_cells<'a>(&self, grouping: &'a Grouping, table: Table) -> Result<Option<Sums<'a>>, Error<R::Error>> {
        let (mut sums, mut changes) = (self.new_sums(grouping), false);
        // The cells of one front, which differ in when they were recorded, follow each other; only together do they say what is there.
        let mut last: Option<(CubeFront, Cell)> = None;
        walk(self.rows, table, self.council, &self.scope, |front: CubeFront, _, value| {
            let cell = Cell::decode(value).map_err(corrupt)?;
            match &mut last {
                Some((same, sum)) if *same == front => *sum += cell,
                _ => {
                    if let Some((front, sum)) = last.replace((front, cell)) {
                        changes = !self.add_cell(&mut sums, front, sum)?;
                    }
                }
            }
            Ok(!changes)
        })?;
        if let Some((front, sum)) = last.filter(|_| !changes) {
            changes = !self.add_cell(&mut sums, front, sum)?;
        }
        Ok((!changes).then_some(sums))
    }

    /// False: a rate changes within its unit.
    fn add_cell(&self, sums: &mut Sums<'_>, front: CubeFront, cell: Cell) -> Result<bool, Error<R::Error>> {
        if cell.is_zero() {
            return Ok(true);
        }
        let CubeFront { service, area, unit, .. } = front;
        let at = self.measures.place(front.measure).map_err(corrupt)?;
        let measure = self.measures.get(at);
        let evidence = Evidence::from_number(front.evidence).ok_or(Corrupt("key")).map_err(corrupt)?;
        let rate = match self.cell_prices().map(|prices| prices.over(at, unit)) {
            None | Some(Rate::Unpriced) => None,
            Some(Rate::One(amount)) => Some(amount),
            Some(Rate::Changes) => return Ok(false),
        };
        let place = Place { service, base: measure.base, side: measure.side, area, evidence, unit };
        sums.add(&place, self.scope.fit(unit), measure, cell, rate).map_err(|_| Error::Overflow)?;
        Ok(true)
    }
}
