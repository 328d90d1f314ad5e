//! Quantities from the roll-ups.

use super::group::{Grouping, Place};
use super::scope::{Fit, Scope};
use super::source::Source;
use super::sums::Sums;
use super::walk::{AreasFront, DaysFront, MonthsFront, SpanFront, walk};
use super::{Asked, Error, corrupt};
use crate::bytes::Corrupt;
use crate::cell::Cell;
use crate::date::{Grain, Period, Span};
use crate::event::Evidence;
use crate::metrics::Amount;
use crate::sheet::{AREA_BITS, AreaSub, DaySub, Items, MonthSub, RECORDED_BITS, biased};
use crate::tables::{Rows, Table};
use crate::valuation::{Prices, Rate};

/// The bits of a journal's sub-key that say when a change was recorded.
const RECORDED: u64 = (1 << RECORDED_BITS) - 1;

/// A cell of the cube. What its roll-up does not tell apart is 0, and evidence any grade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spot {
    service: u32,
    measure: u32,
    evidence: u8,
    unit: Period,
    area: u32,
}

/// Sums that cells of a roll-up are added to.
struct Adding<'a, 'b, 'g, R> {
    asked: &'a Asked<'b, R>,
    sums: Sums<'g>,
    source: Source,
    /// The last day or month of book time that counts in a journal, as its sub-keys have it.
    through: u64,
    /// Whether a rate changes within the unit of a cell whose entries are all longer than a day: their spans say when they began.
    spans: bool,
    /// Whether a rate changes within the unit of a cell, and only the entries say when they began.
    entries: bool,
}

impl<R: Rows> Adding<'_, '_, '_, R> {
    /// The cells of one sheet that the scope lets through. `spot` says where an item is; `None`: out of scope.
    fn sheet(&mut self, sheet: &[u8], spot: impl Fn(u64) -> Result<Option<Spot>, Corrupt>) -> Result<bool, Error<R::Error>> {
        for item in Items::of(sheet).map_err(corrupt)? {
            let (sub, cell) = item.map_err(corrupt)?;
            if let Some(spot) = spot(sub).map_err(corrupt)? {
                self.add(spot, cell)?;
            }
        }
        Ok(!self.entries)
    }

    /// The same of a sheet of a journal. Items of one spot, which differ in when they were recorded, follow each other, and only together
    /// do they say what is there.
    fn journal(&mut self, sheet: &[u8], spot: impl Fn(u64) -> Result<Option<Spot>, Corrupt>) -> Result<bool, Error<R::Error>> {
        let through = self.through;
        let mut last: Option<(u64, Cell)> = None;
        for item in Items::of(sheet).map_err(corrupt)? {
            let (sub, cell) = item.map_err(corrupt)?;
            if sub & RECORDED > through {
                continue;
            }
            match &mut last {
                Some((same, sum)) if (*same ^ sub) >> RECORDED_BITS == 0 => *sum += cell,
                _ => {
                    if let Some((sub, sum)) = last.replace((sub, cell)) {
                        self.add_spot(spot(sub), sum)?;
                    }
                }
            }
        }
        if let Some((sub, sum)) = last {
            self.add_spot(spot(sub), sum)?;
        }
        Ok(!self.entries)
    }

    fn add_spot(&mut self, spot: Result<Option<Spot>, Corrupt>, cell: Cell) -> Result<(), Error<R::Error>> {
        spot.map_err(corrupt)?.map_or(Ok(()), |spot| self.add(spot, cell))
    }

    fn months(&mut self) -> Result<(), Error<R::Error>> {
        let Asked { rows, council, scope, .. } = self.asked;
        walk(*rows, Table::CubeMonths, council, scope, |MonthsFront { service, measure }, _, sheet| {
            self.sheet(sheet, |sub| {
                let MonthSub { evidence, unit } = MonthSub::unpack(sub)?;
                let spot = Spot { service, measure, evidence, unit, area: 0 };
                Ok((scope.fit(unit) != Fit::Outside && has_evidence(scope, evidence)?).then_some(spot))
            })
        })
    }

    fn days(&mut self) -> Result<(), Error<R::Error>> {
        let Asked { rows, council, scope, .. } = self.asked;
        walk(*rows, Table::CubeDays, council, scope, |front: DaysFront, _, sheet| {
            self.journal(sheet, |sub| {
                let (unit, DaysFront { service, measure, evidence, .. }) = (front.unit(DaySub::unpack(sub).low), front);
                Ok((scope.fit(unit) != Fit::Outside).then_some(Spot { service, measure, evidence, unit, area: 0 }))
            })
        })
    }

    fn areas(&mut self) -> Result<(), Error<R::Error>> {
        let Asked { rows, council, scope, .. } = self.asked;
        walk(*rows, Table::CubeAreas, council, scope, |AreasFront { service, measure, unit, block }, _, sheet| {
            self.sheet(sheet, |low| {
                let area = block << AREA_BITS | low as u32;
                let spot = Spot { service, measure, evidence: Evidence::Assumed as u8, unit, area };
                Ok(scope.areas().has(area).then_some(spot))
            })
        })
    }

    fn area_journal(&mut self) -> Result<(), Error<R::Error>> {
        let Asked { rows, council, scope, .. } = self.asked;
        walk(*rows, Table::AreaJournal, council, scope, |AreasFront { service, measure, unit, block }, _, sheet| {
            self.journal(sheet, |sub| {
                let AreaSub { low, evidence, .. } = AreaSub::unpack(sub);
                let area = block << AREA_BITS | u32::from(low);
                let spot = Spot { service, measure, evidence, unit, area };
                Ok((scope.areas().has(area) && has_evidence(scope, evidence)?).then_some(spot))
            })
        })
    }

    fn add(&mut self, spot: Spot, cell: Cell) -> Result<(), Error<R::Error>> {
        if cell.is_zero() {
            return Ok(());
        }
        let asked = self.asked;
        let at = asked.measures.place(spot.measure).map_err(corrupt)?;
        let rate = match asked.cell_prices().map(|prices| prices.over(at, spot.unit)) {
            None | Some(Rate::Unpriced) => None,
            Some(Rate::One(amount)) => Some(amount),
            Some(Rate::Changes) => {
                // In the roll-up by day a month holds longer entries only; in the others it holds single days too. Spans are not journalled.
                let only_long = spot.unit.grain > Grain::Month || self.source == Source::Days;
                *(if only_long && asked.point.is_none() { &mut self.spans } else { &mut self.entries }) = true;
                return Ok(());
            }
        };
        asked.add_at(&mut self.sums, at, spot, cell, rate)
    }
}

fn has_evidence(scope: &Scope, number: u8) -> Result<bool, Corrupt> {
    Ok(scope.has_evidence(Evidence::from_number(number).ok_or(Corrupt("sheet"))?))
}

impl<R: Rows> Asked<'_, R> {
    /// Sums from a source that is exact for the question; from the entries if a rate changes within a month whose cells tell no days
    /// apart, or within a longer span as of a point.
    pub(super) fn sums<'a>(&self, grouping: &'a Grouping, source: Source) -> Result<Sums<'a>, Error<R::Error>> {
        let through = self.recorded_through(source).map_or(RECORDED, |unit| biased(unit.index));
        let mut adding = Adding { asked: self, sums: self.new_sums(grouping), source, through, spans: false, entries: false };
        match source {
            Source::Months => adding.months()?,
            Source::Days => adding.days()?,
            Source::Areas => adding.areas()?,
            Source::AreaJournal => adding.area_journal()?,
            Source::Entries => return self.sums_of_entries(grouping),
        }
        if adding.entries {
            return self.sums_of_entries(grouping);
        }
        if adding.spans {
            self.add_spans(&mut adding.sums)?;
        }
        Ok(adding.sums)
    }

    /// Prices, if they are asked of cells.
    pub(super) fn cell_prices(&self) -> Option<&Prices> {
        let needs = self.question.needs;
        self.prices.as_ref().filter(|_| needs.cells || needs.measures)
    }

    pub(super) fn new_sums<'a>(&self, grouping: &'a Grouping) -> Sums<'a> {
        Sums::new(grouping, self.question.needs.measures, self.cell_prices().is_some())
    }

    /// Adds what [`Adding::add`] left to the spans: those in whose unit a rate changes.
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
                self.add_at(sums, at, Spot { service, measure, evidence, unit, area }, cell, prices.on(at, span.start))?;
            }
            Ok(true)
        })
    }

    /// Adds a cell of the measure at a place.
    fn add_at(&self, sums: &mut Sums<'_>, at: usize, spot: Spot, cell: Cell, rate: Option<Amount>) -> Result<(), Error<R::Error>> {
        let Spot { service, area, unit, .. } = spot;
        let measure = self.measures.get(at);
        let evidence = Evidence::from_number(spot.evidence).ok_or(Corrupt("key")).map_err(corrupt)?;
        let place = Place { service, base: measure.base, side: measure.side, area, evidence, unit };
        sums.add(&place, self.scope.fit(unit), measure, cell, rate).map_err(|_| Error::Overflow)
    }
}
