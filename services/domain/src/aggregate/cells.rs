//! Quantities from the roll-ups.

use super::group::{Grouping, Place};
use super::scope::Fit;
use super::source::Source;
use super::sums::Sums;
use super::walk::{CubeFront, SpanFront, walk};
use super::{Asked, Error, corrupt};
use crate::bytes::Corrupt;
use crate::cell::Cell;
use crate::date::{Grain, Span};
use crate::event::Evidence;
use crate::metrics::Amount;
use crate::tables::{Rows, Table};
use crate::valuation::{Prices, Rate};

/// What became of a cell.
enum Told {
    /// It was added.
    All,
    /// A rate changes within its unit, and all its entries are longer than a day: their spans say when they began.
    SpansTell,
    /// A rate changes within its unit, and only the entries say when they began.
    EntriesTell,
}

impl<R: Rows> Asked<'_, R> {
    /// Sums from a source that is exact for the question; from the entries if a rate changes within a month whose cells tell no days
    /// apart.
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

    /// `None`: only the entries tell.
    fn sums_of_cells<'a>(&self, grouping: &'a Grouping, table: Table) -> Result<Option<Sums<'a>>, Error<R::Error>> {
        let mut sums = self.new_sums(grouping);
        let (mut spans, mut entries) = (false, false);
        let mut add = |front: CubeFront, cell: Cell| {
            match self.add_cell(&mut sums, table, front, cell)? {
                Told::All => {}
                Told::SpansTell => spans = true,
                Told::EntriesTell => entries = true,
            }
            Ok(!entries)
        };
        // The cells of one front, which differ in when they were recorded, follow each other; only together do they say what is there.
        let mut last: Option<(CubeFront, Cell)> = None;
        walk(self.rows, table, self.council, &self.scope, |front: CubeFront, _, value| {
            let cell = Cell::decode(value).map_err(corrupt)?;
            match &mut last {
                Some((same, sum)) if *same == front => *sum += cell,
                _ => {
                    if let Some((front, sum)) = last.replace((front, cell)) {
                        return add(front, sum);
                    }
                }
            }
            Ok(true)
        })?;
        if let Some((front, sum)) = last {
            add(front, sum)?;
        }
        if spans && !entries {
            self.add_spans(&mut sums)?;
        }
        Ok((!entries).then_some(sums))
    }

    fn add_cell(&self, sums: &mut Sums<'_>, table: Table, front: CubeFront, cell: Cell) -> Result<Told, Error<R::Error>> {
        if cell.is_zero() {
            return Ok(Told::All);
        }
        let at = self.measures.place(front.measure).map_err(corrupt)?;
        let rate = match self.cell_prices().map(|prices| prices.over(at, front.unit)) {
            None | Some(Rate::Unpriced) => None,
            Some(Rate::One(amount)) => Some(amount),
            // In the roll-up by day a month holds longer entries only; in the others it holds single days too.
            Some(Rate::Changes) if front.unit.grain == Grain::Month && table != Table::DayCell => return Ok(Told::EntriesTell),
            Some(Rate::Changes) => return Ok(Told::SpansTell),
        };
        self.add_at(sums, at, front, cell, rate)?;
        Ok(Told::All)
    }

    /// Adds what [`Self::add_cell`] left to the spans: those in whose unit a rate changes.
    fn add_spans(&self, sums: &mut Sums<'_>) -> Result<(), Error<R::Error>> {
        let Some(prices) = self.cell_prices() else {
            return Ok(());
        };
        walk(self.rows, Table::SpanCell, self.council, &self.scope, |front: SpanFront, _, value| {
            let cell = Cell::decode(value).map_err(corrupt)?;
            if cell.is_zero() {
                return Ok(true);
            }
            let span = Span { start: front.start, end: front.end };
            let (at, unit) = (self.measures.place(front.measure).map_err(corrupt)?, span.unit(Grain::Day));
            if self.scope.fit(unit) != Fit::Outside && prices.over(at, unit) == Rate::Changes {
                let SpanFront { service, measure, evidence, area, .. } = front;
                self.add_at(sums, at, CubeFront { service, measure, evidence, unit, area }, cell, prices.on(at, span.start))?;
            }
            Ok(true)
        })
    }

    /// Adds a cell of the measure at a place.
    fn add_at(&self, sums: &mut Sums<'_>, at: usize, front: CubeFront, cell: Cell, rate: Option<Amount>) -> Result<(), Error<R::Error>> {
        let CubeFront { service, area, unit, .. } = front;
        let measure = self.measures.get(at);
        let evidence = Evidence::from_number(front.evidence).ok_or(Corrupt("key")).map_err(corrupt)?;
        let place = Place { service, base: measure.base, side: measure.side, area, evidence, unit };
        sums.add(&place, self.scope.fit(unit), measure, cell, rate).map_err(|_| Error::Overflow)
    }
}
