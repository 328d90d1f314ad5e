//! Changes of cells, summed in this call. A cell that was touched is merged even if its changes cancel out: a cut between them
//! would have merged it too.

use crate::cell::Cell;
use crate::date::{Date, Grain, Period};
use crate::rows::{Exchange, ExchangeState, Home, Posting};
use crate::sheet::{AREA_BITS, AreaSub, DaySub, HomeSub, MonthSub, UNIT_BITS, biased};
use crate::tables::Key;
use rustc_hash::FxHashMap;
use std::hash::Hash;

/// The book time of an effect, as journals keep it.
#[derive(Clone, Copy, Default)]
pub(super) struct Recorded {
    pub(super) day: i32,
    pub(super) month: i32,
}

impl Recorded {
    pub(super) fn at(book_time_us: u64) -> Self {
        let day = Date::of_instant(book_time_us);
        Self { day: day.0, month: Period::of(day, Grain::Month).index }
    }
}

/// A cell of a sheet: the sheet's key in two numbers, and the sub-key, all in the order of the stored bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SheetKey {
    pub(super) front: u64,
    pub(super) back: u64,
    pub(super) sub: u64,
}

fn both(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn packed(period: Period) -> u64 {
    (period.grain as u64) << 32 | biased(period.index)
}

/// A period, and the area but for its lower byte.
fn packed_by_area(period: Period, area: u32) -> u64 {
    packed(period) << 24 | u64::from(area >> AREA_BITS)
}

impl SheetKey {
    fn of_day(posting: &Posting, recorded: Recorded) -> Self {
        let unit = posting.occurred.unit(Grain::Day);
        let block = Period { index: unit.index >> UNIT_BITS, ..unit };
        let low = (unit.index & ((1 << UNIT_BITS) - 1)) as u8;
        Self {
            front: both(posting.service, posting.measure),
            back: (posting.evidence as u64) << 40 | packed(block),
            sub: DaySub { low, recorded: Date(recorded.day) }.pack(),
        }
    }

    fn of_month(posting: &Posting, month: Period) -> Self {
        let sub = MonthSub { evidence: posting.evidence as u8, unit: month }.pack();
        Self { front: both(posting.service, posting.measure), back: 0, sub }
    }

    fn of_area(posting: &Posting, month: Period, recorded: Recorded) -> Self {
        let sub = AreaSub { low: posting.area as u8, evidence: posting.evidence as u8, recorded: recorded.month }.pack();
        Self { front: both(posting.service, posting.measure), back: packed_by_area(month, posting.area), sub }
    }

    fn of_home(home: &HomeKey) -> Self {
        let sub = HomeSub { low: 0, what: home.what, days: home.days }.pack();
        Self { front: home.service.into(), back: packed(home.period), sub }
    }

    fn of_home_by_area(home: &HomeKey) -> Self {
        let sub = HomeSub { low: home.area as u8, what: home.what, days: home.days }.pack();
        Self { front: home.service.into(), back: packed_by_area(home.period, home.area), sub }
    }
}

/// A cell of the cube by exact span, in the order of the stored keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SpanKey {
    service: u32,
    measure: u32,
    evidence: u8,
    area: u32,
    start: Date,
    end: Date,
}

impl SpanKey {
    fn of(posting: &Posting) -> Self {
        let Posting { service, measure, area, occurred, .. } = *posting;
        Self { service, measure, evidence: posting.evidence as u8, area, start: occurred.start, end: occurred.end }
    }

    /// Appends it.
    pub(super) fn put(&self, key: &mut Key) {
        key.be32(self.service).be32(self.measure).byte(self.evidence).be32(self.area).day(self.start.0).day(self.end.0);
    }
}

/// Where exchanges are counted: home, state and first day, or home and latency.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct HomeKey {
    service: u32,
    period: Period,
    area: u32,
    /// See [`HomeSub::what`].
    what: u8,
    days: i32,
}

/// What an exchange is counted under.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Standing {
    home: Option<HomeKey>,
    latency: Option<HomeKey>,
}

impl Standing {
    pub(super) fn of(exchange: &Exchange) -> Self {
        let Home { service, area, period } = exchange.home;
        let key = |what, days| HomeKey { service, period, area, what, days };
        let home = match (exchange.state(), exchange.first_day()) {
            (ExchangeState::Empty, _) | (_, None) => None,
            (state, Some(first)) => Some(key(state as u8, first.0)),
        };
        // Both days lie between the years 0 and 9999, so their difference is far below 2^31.
        Self { home, latency: exchange.latency_days().map(|days| key(HomeSub::MET, days as i32)) }
    }
}

/// Changes of cells by key.
pub(super) struct Sums<K>(FxHashMap<K, Cell>);

impl<K> Default for Sums<K> {
    fn default() -> Self {
        Self(FxHashMap::default())
    }
}

impl<K: Hash + Eq + Ord + Copy> Sums<K> {
    /// Quantities are at most 10^15 and entries fewer than 2^64: no sum comes near 2^127.
    pub(super) fn add(&mut self, key: K, change: Cell) {
        *self.0.entry(key).or_default() += change;
    }

    /// All changes in order of keys.
    pub(super) fn sorted(self) -> Vec<(K, Cell)> {
        let mut all: Vec<_> = self.0.into_iter().collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }
}

/// A change by one event, in half the memory of a [`Cell`]: they lie beside their sub-keys until they are sorted and summed.
#[derive(Clone, Copy)]
pub(super) struct Change {
    pub(super) sub: u64,
    quantity: i64,
    matched_quantity: i64,
    count: i8,
    matched_count: i8,
    actor_count: i8,
}

impl Change {
    /// One event changes a quantity by at most 10^15, and each count by at most 1.
    fn of(sub: u64, cell: &Cell) -> Self {
        Self {
            sub,
            quantity: cell.quantity as i64,
            matched_quantity: cell.matched_quantity as i64,
            count: cell.count as i8,
            matched_count: cell.matched_count as i8,
            actor_count: cell.actor_count as i8,
        }
    }

    pub(super) fn cell(&self) -> Cell {
        Cell {
            quantity: self.quantity.into(),
            count: self.count.into(),
            matched_quantity: self.matched_quantity.into(),
            matched_count: self.matched_count.into(),
            actor_count: self.actor_count.into(),
        }
    }
}

/// Changes of the cells of a table of sheets, by sheet. Sheets are few, and nearly every event touches a cell of its own, so that cells are
/// sorted and summed at the end, and not looked up.
#[derive(Default)]
pub(super) struct Sheets(FxHashMap<(u64, u64), Vec<Change>>);

impl Sheets {
    fn touch(&mut self, key: SheetKey, change: &Cell) {
        self.0.entry((key.front, key.back)).or_default().push(Change::of(key.sub, change));
    }

    /// Sheets by ascending key, their changes by ascending sub-key.
    pub(super) fn sorted(self) -> Vec<((u64, u64), Vec<Change>)> {
        let mut all: Vec<_> = self.0.into_iter().collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all.iter_mut().for_each(|(_, changes)| changes.sort_unstable_by_key(|change| change.sub));
        all
    }
}

/// Every table of cells.
#[derive(Default)]
pub(super) struct Cells {
    pub(super) days: Sheets,
    /// AreaJournal, and CubeAreas by summing it.
    pub(super) areas: Sheets,
    pub(super) homes_by_area: Sheets,
    /// By sheet and sub-key: they are few.
    pub(super) homes: Sums<SheetKey>,
    /// The same.
    pub(super) months: Sums<SheetKey>,
    pub(super) spans: Sums<SpanKey>,
    /// By service, measure, period and area.
    pub(super) pledges: Sums<(u32, u32, Period, u32)>,
    /// By the pledge's source and event id.
    pub(super) fulfilments: Sums<(u32, [u8; 16])>,
}

impl Cells {
    /// Changes the cube's roll-ups of a posting. What is no longer than a day is under its day: no span need be kept.
    pub(super) fn cube(&mut self, posting: &Posting, change: Cell, recorded: Recorded) {
        let month = posting.occurred.unit(Grain::Month);
        self.days.touch(SheetKey::of_day(posting, recorded), &change);
        self.areas.touch(SheetKey::of_area(posting, month, recorded), &change);
        self.months.add(SheetKey::of_month(posting, month), change);
        if posting.occurred.start != posting.occurred.end {
            self.spans.add(SpanKey::of(posting), change);
        }
    }

    /// An exchange is counted otherwise than before.
    pub(super) fn stand(&mut self, before: Standing, after: Standing) {
        for (before, after) in [(before.home, after.home), (before.latency, after.latency)] {
            if before != after {
                before.inspect(|key| self.count(key, -1));
                after.inspect(|key| self.count(key, 1));
            }
        }
    }

    fn count(&mut self, home: &HomeKey, change: i64) {
        let change = Cell::count(change);
        self.homes.add(SheetKey::of_home(home), change);
        self.homes_by_area.touch(SheetKey::of_home_by_area(home), &change);
    }
}

/// What an entry adds to cells outside the cube.
pub(super) fn plain(quantity: u64) -> Cell {
    Cell { quantity: quantity.into(), count: 1, ..Cell::default() }
}

/// What a posting adds to its cells while it is not matched. Only a contribution has an actor.
pub(super) fn posted(posting: &Posting) -> Cell {
    Cell { actor_count: i64::from(posting.actor != 0), ..plain(posting.quantity) }
}

/// What it adds besides, while it is matched.
pub(super) fn matched(quantity: u64) -> Cell {
    Cell { matched_quantity: quantity.into(), matched_count: 1, ..Cell::default() }
}

/// The opposite change.
pub(super) fn minus(cell: Cell) -> Cell {
    Cell {
        quantity: -cell.quantity,
        count: -cell.count,
        matched_quantity: -cell.matched_quantity,
        matched_count: -cell.matched_count,
        actor_count: -cell.actor_count,
    }
}
