//! Sheets: rows that hold many cells. A key that a batch of events touches once for hundreds of its cells costs a store one operation
//! where a row for each cell would cost hundreds, and a question reads few rows.
//!
//! A sheet is `width (1) ‖ item…`; an item is its sub-key (`width` bytes, big-endian, ascending) and its [`Cell`]. Cells that are zero are
//! left out, so equal sums have equal bytes; a sheet all of whose cells are zero is its width alone. Sheets merge by adding cells.

use crate::bytes::{Corrupt, Take};
use crate::cell::Cell;
use crate::date::{Date, Grain, Period};

/// Widest sub-key.
const WIDTH_MAX: u8 = 8;

/// Appends the head of a sheet.
pub fn put_head(out: &mut Vec<u8>, width: u8) {
    debug_assert!((1..=WIDTH_MAX).contains(&width));
    out.push(width);
}

/// Appends an item, unless its cell is zero. Items come in ascending order of sub-keys.
pub fn put_item(out: &mut Vec<u8>, width: u8, sub: u64, cell: &Cell) {
    if !cell.is_zero() {
        out.extend_from_slice(&sub.to_be_bytes()[usize::from(WIDTH_MAX - width)..]);
        cell.encode(out);
    }
}

/// The items of a sheet.
pub struct Items<'a> {
    take: Take<'a>,
    width: usize,
    last: Option<u64>,
}

impl<'a> Items<'a> {
    /// Begins to read a sheet.
    pub fn of(sheet: &'a [u8]) -> Result<Self, Corrupt> {
        let mut take = Take::new("sheet", sheet);
        let width = take.byte()?;
        if (1..=WIDTH_MAX).contains(&width) { Ok(Self { take, width: width.into(), last: None }) } else { Err(take.corrupt()) }
    }

    #[inline]
    fn take(&mut self) -> Result<(u64, Cell), Corrupt> {
        let sub = self.take.be(self.width)?;
        if self.last.replace(sub).is_some_and(|last| last >= sub) {
            return Err(self.take.corrupt());
        }
        Ok((sub, Cell::take(&mut self.take)?))
    }
}

impl Iterator for Items<'_> {
    type Item = Result<(u64, Cell), Corrupt>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        (!self.take.is_empty()).then(|| self.take())
    }
}

/// The sum of sheets of one width; there is at least one.
pub(crate) fn combine<'a>(sheets: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, Corrupt> {
    let mut width = None;
    let mut bytes = 0;
    let mut items: Vec<(u64, Cell)> = Vec::new();
    for sheet in sheets {
        let read = Items::of(sheet)?;
        if width.replace(read.width).is_some_and(|other| other != read.width) {
            return Err(Corrupt("sheet"));
        }
        bytes += sheet.len();
        for item in read {
            items.push(item?);
        }
    }
    // Every sheet is sorted, and a stable sort is made for runs.
    items.sort_by_key(|(sub, _)| *sub);
    let width = width.ok_or(Corrupt("sheet"))? as u8;
    let mut out = Vec::with_capacity(bytes);
    put_head(&mut out, width);
    for same in items.chunk_by(|(a, _), (b, _)| a == b) {
        let sum = same.iter().try_fold(Cell::default(), |sum, (_, cell)| sum.checked_add(*cell)).ok_or(Corrupt("sheet"))?;
        put_item(&mut out, width, same[0].0, &sum);
    }
    Ok(out)
}

/// Numbers biased so that they sort.
pub(crate) fn biased(number: i32) -> u64 {
    u64::from(number as u32 ^ 0x8000_0000)
}

fn unbiased(low: u64) -> i32 {
    (low as u32 ^ 0x8000_0000) as i32
}

/// Units, and areas, that share a sheet: their numbers differ in the lower bits only.
pub(crate) const UNIT_BITS: u32 = 5;
/// See [`UNIT_BITS`].
pub(crate) const AREA_BITS: u32 = 8;

/// The lower bits of the sub-keys of journals, `CubeDays` and `AreaJournal`: when a change was recorded, biased.
pub(crate) const RECORDED_BITS: u32 = 32;

/// Sub-key of `CubeMonths`: evidence 1 ‖ unit 5.
pub struct MonthSub {
    /// Evidence grade.
    pub evidence: u8,
    /// Month or larger.
    pub unit: Period,
}

impl MonthSub {
    /// Its bytes.
    pub const WIDTH: u8 = 6;

    /// As a number.
    pub fn pack(&self) -> u64 {
        u64::from(self.evidence) << 40 | (self.unit.grain as u64) << 32 | biased(self.unit.index)
    }

    /// From a number.
    pub fn unpack(sub: u64) -> Result<Self, Corrupt> {
        let grain = Grain::from_number((sub >> 32) as u8).ok_or(Corrupt("CubeMonths"))?;
        Ok(Self { evidence: (sub >> 40) as u8, unit: Period { grain, index: unbiased(sub) } })
    }
}

/// Sub-key of `CubeDays`: lower bits of the unit's index 1 ‖ recorded day 4.
pub struct DaySub {
    /// Lower [`UNIT_BITS`] of the index of the unit, whose grain and higher bits are in the key.
    pub low: u8,
    /// UTC day of the effect's book time.
    pub recorded: Date,
}

impl DaySub {
    /// Its bytes.
    pub const WIDTH: u8 = 5;

    /// As a number.
    pub fn pack(&self) -> u64 {
        u64::from(self.low) << 32 | biased(self.recorded.0)
    }

    /// From a number.
    pub fn unpack(sub: u64) -> Self {
        Self { low: (sub >> 32) as u8, recorded: Date(unbiased(sub)) }
    }
}

/// Sub-key of `AreaJournal`: lower byte of the area 1 ‖ evidence 1 ‖ recorded month 4.
pub struct AreaSub {
    /// Lower [`AREA_BITS`] of the area's number.
    pub low: u8,
    /// Evidence grade.
    pub evidence: u8,
    /// Index of the month of the effect's book time.
    pub recorded: i32,
}

impl AreaSub {
    /// Its bytes.
    pub const WIDTH: u8 = 6;

    /// As a number.
    pub fn pack(&self) -> u64 {
        u64::from(self.low) << 40 | u64::from(self.evidence) << 32 | biased(self.recorded)
    }

    /// From a number.
    pub fn unpack(sub: u64) -> Self {
        Self { low: (sub >> 40) as u8, evidence: (sub >> 32) as u8, recorded: unbiased(sub) }
    }
}

/// Sub-key of `Homes`: what 1 ‖ days 4. In `HomesByArea` the lower byte of the area is before it.
pub struct HomeSub {
    /// Lower [`AREA_BITS`] of the area's number; 0 in `Homes`.
    pub low: u8,
    /// 1 to 3: exchanges of this state by their first day. [`HomeSub::MET`]: two-sided ones by the days from one side to the other.
    pub what: u8,
    /// A day, or a number of days.
    pub days: i32,
}

impl HomeSub {
    /// Its bytes in `Homes`.
    pub const WIDTH: u8 = 5;
    /// Its bytes in `HomesByArea`.
    pub const WIDTH_BY_AREA: u8 = 6;
    /// Two-sided exchanges by their latency.
    pub const MET: u8 = 4;

    /// As a number.
    pub fn pack(&self) -> u64 {
        u64::from(self.low) << 40 | u64::from(self.what) << 32 | biased(self.days)
    }

    /// From a number.
    pub fn unpack(sub: u64) -> Self {
        Self { low: (sub >> 40) as u8, what: (sub >> 32) as u8, days: unbiased(sub) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(items: &[(u64, i64)]) -> Vec<u8> {
        let mut out = Vec::new();
        put_head(&mut out, 5);
        items.iter().for_each(|(sub, count)| put_item(&mut out, 5, *sub, &Cell { quantity: i128::from(*count) * 90, ..Cell::count(*count) }));
        out
    }

    fn sum(sheets: &[&[u8]]) -> Vec<u8> {
        combine(sheets.iter().copied()).unwrap()
    }

    #[test]
    fn a_sheet_has_these_bytes() {
        // Width; sub-key of five bytes; 90, 1, 0, 0, 0 as zigzag varints.
        let expected = [5, 0, 0, 0, 0, 7, 0xb4, 0x01, 2, 0, 0, 0, 0xff, 0, 0, 0, 1, 0xb3, 0x01, 1, 0, 0, 0];
        assert_eq!(sheet(&[(7, 1), (0xff_0000_0001, -1)]), expected);
        let read: Vec<_> = Items::of(&expected).unwrap().map(|item| item.unwrap()).map(|(sub, cell)| (sub, cell.count)).collect();
        assert_eq!(read, [(7, 1), (0xff_0000_0001, -1)]);
    }

    #[test]
    fn sheets_add_up_however_they_are_grouped() {
        let all = [sheet(&[(1, 2), (9, 1)]), sheet(&[(1, -2), (4, 4)]), sheet(&[]), sheet(&[(4, 1), (9, 3)])];
        let slices: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        let whole = sum(&slices);
        assert_eq!(whole, sheet(&[(4, 5), (9, 4)]), "what cancels out is not there");
        for cut in 1..all.len() {
            let (front, back) = (sum(&slices[..cut]), sum(&slices[cut..]));
            assert_eq!(sum(&[&front, &back]), whole);
        }
        assert_eq!(sum(&[&sheet(&[(3, 1)]), &sheet(&[(3, -1)])]), [5], "a sheet stays when its cells are gone");
    }

    #[test]
    fn damaged_sheets_are_refused() {
        let good = sheet(&[(1, 2), (9, 1)]);
        let read = |bytes: &[u8]| Items::of(bytes).and_then(|items| items.collect::<Result<Vec<_>, _>>());
        assert!(read(&good).is_ok());
        let at_an_end = |length: usize| length == 1 || length == good.len() || sheet(&[(1, 2)]).len() == length;
        (0..good.len()).filter(|length| !at_an_end(*length)).for_each(|length| assert!(read(&good[..length]).is_err(), "{length}"));
        assert!(read(&[0]).is_err() && read(&[9]).is_err());
        assert!(read(&[sheet(&[(9, 1)]), sheet(&[(1, 2)])[1..].to_vec()].concat()).is_err(), "not in order");
        assert!(combine([good.as_slice(), &[6]]).is_err(), "of two widths");
    }

    #[test]
    fn sub_keys_go_there_and_back_in_order() {
        let days = [(0, -40_000), (0, 3), (1, -1), (31, 0)].map(|(low, day)| DaySub { low, recorded: Date(day) }.pack());
        assert!(days.is_sorted() && days.iter().all(|sub| *sub < 1 << (8 * DaySub::WIDTH)));
        let DaySub { low, recorded } = DaySub::unpack(days[2]);
        assert_eq!((low, recorded), (1, Date(-1)));
        let MonthSub { evidence, unit } = MonthSub::unpack(MonthSub { evidence: 5, unit: Period { grain: Grain::Ever, index: 0 } }.pack()).unwrap();
        assert_eq!((evidence, unit), (5, Period { grain: Grain::Ever, index: 0 }));
        let AreaSub { low, evidence, recorded } = AreaSub::unpack(AreaSub { low: 255, evidence: 3, recorded: 24_302 }.pack());
        assert_eq!((low, evidence, recorded), (255, 3, 24_302));
        let HomeSub { low, what, days } = HomeSub::unpack(HomeSub { low: 7, what: HomeSub::MET, days: 365 }.pack());
        assert_eq!((low, what, days), (7, HomeSub::MET, 365));
    }
}
