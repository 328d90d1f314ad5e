//! Changes of cells, summed in this call. A cell that was touched is merged even if its changes cancel out: a cut between them
//! would have merged it too.

use crate::cell::Cell;
use crate::date::{Date, Grain, Period};
use crate::rows::{Exchange, ExchangeState, Home, Posting};
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

/// A cell of the cube in a journal, packed so that it is hashed and compared in three steps, in the order of the stored keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct CubeKey {
    /// Service 32, measure 32.
    what: u64,
    /// Evidence 8, grain 8, index 32.
    when: u64,
    /// Area 32 (0 in the roll-up by day), recorded day or month 32.
    whence: u64,
}

/// Numbers biased so that they sort.
fn biased(number: i32) -> u64 {
    u64::from(number as u32 ^ 0x8000_0000)
}

impl CubeKey {
    fn of(posting: &Posting, period: Period, area: u32, recorded: i32) -> Self {
        Self {
            what: u64::from(posting.service) << 32 | u64::from(posting.measure),
            when: (posting.evidence as u64) << 40 | (period.grain as u64) << 32 | biased(period.index),
            whence: u64::from(area) << 32 | biased(recorded),
        }
    }

    /// What keys of DayCell and MonthCell end with.
    pub(super) fn cell(self) -> (u64, u64) {
        (self.what, self.when)
    }

    /// Appends that.
    pub(super) fn put_cell(self, key: &mut Key) -> &mut Key {
        key.be64(self.what).bytes(&self.when.to_be_bytes()[2..])
    }

    /// What follows in AreaCell: area and recorded month.
    pub(super) fn put_area(self, key: &mut Key) {
        key.be64(self.whence);
    }

    /// What follows in DayJournal: the recorded day.
    pub(super) fn put_recorded(self, key: &mut Key) {
        key.bytes(&self.whence.to_be_bytes()[4..]);
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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct HomeKey {
    pub(super) service: u32,
    pub(super) period: Period,
    pub(super) area: u32,
    /// 0 where latencies are counted.
    pub(super) state: u8,
    pub(super) days: i32,
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
        let key = |state, days| HomeKey { service, period, area, state, days };
        let home = match (exchange.state(), exchange.first_day()) {
            (ExchangeState::Empty, _) | (_, None) => None,
            (state, Some(first)) => Some(key(state as u8, first.0)),
        };
        // Both days lie between the years 0 and 9999, so their difference is far below 2^31.
        Self { home, latency: exchange.latency_days().map(|days| key(0, days as i32)) }
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

/// Every table of cells.
#[derive(Default)]
pub(super) struct Cells {
    /// DayJournal, and DayCell by summing it.
    pub(super) days: Sums<CubeKey>,
    /// AreaCell, and MonthCell by summing it.
    pub(super) months: Sums<CubeKey>,
    pub(super) spans: Sums<SpanKey>,
    pub(super) homes: Sums<HomeKey>,
    pub(super) latencies: Sums<HomeKey>,
    /// By measure, period and actor.
    pub(super) actors: Sums<(u32, Period, u32)>,
    /// By service, measure, period and area.
    pub(super) pledges: Sums<(u32, u32, Period, u32)>,
    /// By the pledge's source and event id.
    pub(super) fulfilments: Sums<(u32, [u8; 16])>,
}

impl Cells {
    /// Changes the cube's roll-ups of a posting. What is no longer than a day is under its day: no span need be kept.
    pub(super) fn cube(&mut self, posting: &Posting, change: Cell, recorded: Recorded) {
        self.days.add(CubeKey::of(posting, posting.occurred.unit(Grain::Day), 0, recorded.day), change);
        self.months.add(CubeKey::of(posting, posting.occurred.unit(Grain::Month), posting.area, recorded.month), change);
        if posting.occurred.start != posting.occurred.end {
            self.spans.add(SpanKey::of(posting), change);
        }
    }

    /// An exchange is counted otherwise than before.
    pub(super) fn stand(&mut self, before: Standing, after: Standing) {
        if before.home != after.home {
            before.home.inspect(|key| self.homes.add(*key, Cell::count(-1)));
            after.home.inspect(|key| self.homes.add(*key, Cell::count(1)));
        }
        if before.latency != after.latency {
            before.latency.inspect(|key| self.latencies.add(*key, Cell::count(-1)));
            after.latency.inspect(|key| self.latencies.add(*key, Cell::count(1)));
        }
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
