//! Questions as of a point of the book: exactly what a ledger would answer that had taken the entries up to there and no others.
//!
//! An entry counts if it had taken effect by then and was not reversed by then. It takes effect at its own sequence or, if it was cured,
//! at that of the entry that cured it. A reversal takes effect at its own sequence, unless its target had yet to take effect: then it does
//! so at that same entry. So of an entry that had taken effect by a point, `reversed_by` alone says whether it was reversed by then.
//! Everything else follows from which entries count: exchanges are two-sided, actors take part, and first days are the first as of
//! then. Catalogue and prices are today's: the point restricts entries, never what is known of their measures or what they are worth.
//!
//! Journals keep every change under the day (month) of the book time of the effect that caused it. Book times never decrease, so where a point is
//! the end of a recorded day (month), its effects are those that were recorded on that day (month) or before.

use super::{Asked, Error, corrupt, read};
use crate::bytes::Corrupt;
use crate::date::{DAY_US, Date, Grain, Period};
use crate::event::Invalid;
use crate::metrics::AsOfUsed;
use crate::rows::{Book, Posting, Verdict, Views, read_entry};
use crate::tables::{Key, Rows, Table};
use roaring::RoaringTreemap;
use std::sync::OnceLock;

/// A point of a council's book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// Through the entry with this sequence, which the book must have.
    Sequence(u64),
    /// Through the last entry with a book time at or before the end of this UTC day. Of a day that the book has not passed, through its
    /// last entry so far: the answer says which one it is.
    Recorded(Date),
}

/// A point before the end of the book.
#[derive(Clone, Debug)]
pub(super) struct Point {
    /// Entries up to it: the sequences below count.
    pub entries: u64,
    /// UTC days on which the last entry up to it and the first one after it were recorded; `None`: there is none up to it.
    recorded: Option<(Date, Date)>,
    /// Those among the entries up to it that took effect only after it, once they are looked for: journals do without.
    late: OnceLock<RoaringTreemap>,
}

impl Point {
    /// The calendar unit of book time that ends with it; `None`: the unit goes on after it.
    pub fn ended(&self, grain: Grain) -> Option<Period> {
        let (last, next) = self.recorded?;
        let unit = Period::of(last, grain);
        (unit != Period::of(next, grain)).then_some(unit)
    }
}

/// What counted at a point.
#[derive(Clone, Copy)]
pub(super) struct Counted<'a> {
    entries: u64,
    late: &'a RoaringTreemap,
}

impl Counted<'_> {
    /// Whether an entry that is not in suspense now had taken effect by then.
    pub fn has_effect(&self, sequence: u64) -> bool {
        sequence < self.entries && !self.late.contains(sequence)
    }

    /// Whether an entry that is not in suspense now counted then.
    pub fn is_live(&self, sequence: u64, reversed_by: Option<u64>) -> bool {
        self.has_effect(sequence) && reversed_by.is_none_or(|by| by >= self.entries)
    }
}

/// How far a council's book and views are.
pub(super) struct Reach {
    /// Entries in the book.
    entries: u64,
    /// Entries in the views.
    folded: u64,
    /// Whether effects of the last of them are still to come.
    cures_pending: bool,
}

/// Where an answer looks to.
pub(super) struct Resolved {
    pub used: AsOfUsed,
    /// Entries up to it.
    pub entries: u64,
    /// `None`: it is the end, as the views have it.
    pub point: Option<Point>,
}

impl Reach {
    /// The end of the views.
    pub fn end<R: Rows>(&self, rows: &R, council: &str) -> Result<Resolved, Error<R::Error>> {
        let sequence = self.folded.checked_sub(1);
        let book_time_us = sequence.map_or(Ok(0), |sequence| book_time(rows, council, sequence))?;
        Ok(Resolved { used: AsOfUsed { council: council.into(), sequence, book_time_us }, entries: self.folded, point: None })
    }

    pub fn read<R: Rows>(rows: &R, council: &str) -> Result<Self, Error<R::Error>> {
        let of = |table| read(rows.get(table, Key::of(table, council).as_slice()));
        let book = of(Table::Book)?.map_or(Ok(Book::default()), |row| Book::decode(&row)).map_err(corrupt)?;
        let views = of(Table::Views)?.map_or(Ok(Views::default()), |row| Views::decode(&row)).map_err(corrupt)?;
        Ok(Self { entries: book.entries, folded: views.folded, cures_pending: !views.cures.is_empty() })
    }
}

/// Finds a point; `prefix` stands before the names of its fields when it is refused.
pub(super) fn resolve<R: Rows>(rows: &R, council: &str, as_of: AsOf, prefix: &str) -> Result<Resolved, Error<R::Error>> {
    let reach = Reach::read(rows, council)?;
    let entries = match as_of {
        AsOf::Sequence(sequence) if sequence >= reach.entries => return Err(beyond(sequence, reach.entries, prefix)),
        AsOf::Sequence(sequence) => sequence + 1,
        AsOf::Recorded(day) => entries_through(rows, council, day, reach.entries)?,
    };
    if entries > reach.folded || (entries == reach.folded && reach.cures_pending) {
        return Err(Error::NotFolded { entries, folded: reach.folded });
    }
    let sequence = entries.checked_sub(1);
    let book_time_us = sequence.map_or(Ok(0), |sequence| book_time(rows, council, sequence))?;
    let day = |sequence| Ok::<_, Error<R::Error>>(Date::of_instant(book_time(rows, council, sequence)?));
    let point = match entries < reach.folded {
        true => {
            let recorded = sequence.map(|last| Ok::<_, Error<R::Error>>((day(last)?, day(entries)?))).transpose()?;
            Some(Point { entries, recorded, late: OnceLock::new() })
        }
        false => None,
    };
    Ok(Resolved { used: AsOfUsed { council: council.into(), sequence, book_time_us }, entries, point })
}

fn beyond<E>(sequence: u64, entries: u64, prefix: &str) -> Error<E> {
    let end = match entries.checked_sub(1) {
        Some(last) => format!("the book ends with {last}"),
        None => "the book has no entries yet".into(),
    };
    Error::Refused(vec![Invalid::new(format!("{prefix}as_of_sequence"), format!("is {sequence}; {end}"))])
}

/// How many entries have a book time at or before the end of a day. Book times never decrease.
fn entries_through<R: Rows>(rows: &R, council: &str, day: Date, entries: u64) -> Result<u64, Error<R::Error>> {
    let Some(end) = u64::try_from(i64::from(day.0) + 1).ok().and_then(|days| days.checked_mul(DAY_US)) else {
        // Before 1970 nothing was recorded.
        return Ok(0);
    };
    let (mut low, mut high) = (0, entries);
    while low < high {
        let middle = low + (high - low) / 2;
        if book_time(rows, council, middle)? < end { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

fn book_time<R: Rows>(rows: &R, council: &str, sequence: u64) -> Result<u64, Error<R::Error>> {
    let mut key = Key::of(Table::Entry, council);
    key.be64(sequence);
    let row = read(rows.get(Table::Entry, key.as_slice()))?.ok_or_else(|| corrupt(Corrupt("Entry")))?;
    Ok(read_entry(&row).map_err(corrupt)?.0)
}

/// The entries among the first ones that took effect only after them.
fn late<R: Rows>(rows: &R, council: &str, entries: u64) -> Result<RoaringTreemap, Error<R::Error>> {
    let mut late = RoaringTreemap::new();
    scan_sequences(rows, council, Table::Verdict, &(0..entries), |sequence, row| {
        if Verdict::decode(row)?.cured_by.is_some_and(|by| by >= entries) {
            late.insert(sequence);
        }
        Ok(())
    })?;
    Ok(late)
}

/// Visits the rows of some sequences, of a table whose keys are sequences.
pub(super) fn scan_sequences<R: Rows>(
    rows: &R,
    council: &str,
    table: Table,
    sequences: &std::ops::Range<u64>,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), Corrupt>,
) -> Result<(), Error<R::Error>> {
    let prefix = Key::of(table, council);
    let mut from = prefix.clone();
    from.be64(sequences.start);
    let mut failure = None;
    let result = rows.scan(table, prefix.as_slice(), from.as_slice(), &mut |key, row| {
        let sequence = key[prefix.as_slice().len()..].iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        if sequence >= sequences.end {
            return false;
        }
        failure = visit(sequence, row).err();
        failure.is_none()
    });
    read(result)?;
    failure.map_or(Ok(()), |error| Err(corrupt(error)))
}

/// What counted at a point.
pub(super) fn counted_at<'p, R: Rows>(rows: &R, council: &str, point: &'p Point) -> Result<Counted<'p>, Error<R::Error>> {
    let late = match point.late.get() {
        Some(late) => late,
        None => {
            let late = late(rows, council, point.entries)?;
            point.late.get_or_init(|| late)
        }
    };
    Ok(Counted { entries: point.entries, late })
}

impl<R: Rows> Asked<'_, R> {
    /// What counted at the point asked for; `None`: what the views hold.
    pub(super) fn counted(&self) -> Result<Option<Counted<'_>>, Error<R::Error>> {
        self.point.as_ref().map(|point| counted_at(self.rows, self.council, point)).transpose()
    }
}

/// Whether a posting counts; `counted` as [`Asked::counted`] says.
pub(super) fn is_live(counted: Option<Counted<'_>>, posting: &Posting) -> bool {
    counted.map_or(posting.is_live(), |counted| counted.is_live(posting.sequence, posting.reversed_by))
}
