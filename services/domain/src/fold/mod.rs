//! The fold: what becomes of records. `services/FOLD.md` has the rules; each file here is one part of them.
//!
//! A call decodes its records borrowed, loads every row that they touch by sorted reads, works on typed values in memory, and writes
//! what changed in order of keys. Where calls are cut never shows in the rows.

mod cells;
mod cures;
mod effect;
mod entry;
mod exchange;
mod flush;
mod index;
mod judge;
mod names;
mod prepare;
mod statement;
mod waiting;

use crate::bytes::Corrupt;
use crate::record::Record;
use crate::rows::{Book, Suspense, Verdict, Views, read_entry};
use crate::tables::{FOLD_VERSION, Key, Rows, Sink, Table};
use cells::{Cells, Recorded};
use entry::{Entry, Spoken};
use rustc_hash::FxHashMap;
use statement::Statements;
use std::collections::BTreeMap;
use std::rc::Rc;
use waiting::Waiting;

/// One record as the log has it.
#[derive(Clone, Copy, Debug)]
pub struct Intake<'a> {
    /// The encoded `Record`.
    pub record: &'a [u8],
    /// When its frame was appended, microseconds since 1970 UTC; of a copied frame the original time.
    pub append_us: u64,
    /// Offset of its frame.
    pub offset: u64,
    /// Its index in the frame.
    pub index: u32,
}

/// What a call did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// Records (or archived entries) taken, from the front.
    pub taken: usize,
    /// Whether cures are due that this call did not come to.
    pub cures_pending: bool,
    /// The book now.
    pub book: Book,
    /// The views now.
    pub views: Views,
}

/// Records of one council, decoded: what the fold can do without rows, and so while the rows that it needs are still being committed.
pub struct Decoded {
    entries: Vec<Entry>,
    spoken: Spoken,
}

/// Decodes the intake of a call of [`fold_decoded`].
pub fn decode(council: &str, intake: &[Intake<'_>]) -> Decoded {
    let mut spoken = Spoken::default();
    spoken.index.reserve(intake.len());
    let entries = intake.iter().map(|intake| Entry::decode(intake.record, council, &mut spoken)).collect();
    Decoded { entries, spoken }
}

/// Folds records of one council, in order; writes changes to `sink` in ascending key order per table.
///
/// Stops early (`taken` less than the intake) when `cures_max` waiting entries were judged in this call and cures remain: commit and
/// call again, with an empty intake if none is left. What a call wrote must be committed before the next one reads. A rebuild must
/// be finished before: see [`refold`].
pub fn fold<R: Rows>(
    rows: &R,
    council: &str,
    partition: u32,
    intake: &[Intake<'_>],
    cures_max: usize,
    sink: &mut dyn Sink,
) -> Result<Folded, R::Error> {
    fold_decoded(rows, council, partition, intake, decode(council, intake), cures_max, sink)
}

/// The same, of an intake that was decoded before.
pub fn fold_decoded<R: Rows>(
    rows: &R,
    council: &str,
    partition: u32,
    intake: &[Intake<'_>],
    decoded: Decoded,
    cures_max: usize,
    sink: &mut dyn Sink,
) -> Result<Folded, R::Error> {
    let mut fold = Fold::open(rows, council)?;
    if fold.views.folded != fold.book.entries {
        return Err(Corrupt("Views").into());
    }
    let mut budget = cures_max.max(1);
    let was_curing = !fold.views.cures.is_empty();
    fold.cure(&mut budget)?;
    let mut taken = 0;
    if fold.views.cures.is_empty() {
        // What was decoded ahead has places of its own, which those that cures have met do not fit: that is seldom.
        let entries = if was_curing {
            intake.iter().map(|intake| Entry::decode(intake.record, council, &mut fold.spoken)).collect()
        } else {
            fold.spoken = decoded.spoken;
            decoded.entries
        };
        fold.prepare(&entries, true)?;
        while taken < intake.len() && fold.views.cures.is_empty() {
            fold.take_record(&intake[taken], entries[taken], partition)?;
            taken += 1;
            fold.cure(&mut budget)?;
        }
    }
    fold.finish(taken, true, sink)
}

/// Entries that [`refold`] takes in one call at most, whatever it is asked for.
const REFOLD_MAX: usize = 1 << 20;

/// Folds archived entries again into views that were dropped: those that the views do not have yet, at most `entries_max` of them.
/// Book rows are not written. Stops early as [`fold`] does; nothing is left when `views.folded` is `book.entries` and no cure is
/// pending.
pub fn refold<R: Rows>(rows: &R, council: &str, entries_max: usize, cures_max: usize, sink: &mut dyn Sink) -> Result<Folded, R::Error> {
    let mut fold = Fold::open(rows, council)?;
    let mut budget = cures_max.max(1);
    fold.cure(&mut budget)?;
    let mut taken = 0;
    if fold.views.cures.is_empty() {
        let end = fold.book.entries.min(fold.views.folded.saturating_add(entries_max.min(REFOLD_MAX) as u64));
        let stored = fold.load_entries(fold.views.folded..end)?;
        let read = stored.iter().map(|row| read_entry(row)).collect::<Result<Vec<_>, _>>()?;
        let entries: Vec<_> = read.iter().map(|(_, record)| Entry::decode(record, council, &mut fold.spoken)).collect();
        fold.prepare(&entries, false)?;
        while taken < read.len() && fold.views.cures.is_empty() {
            let (book_time_us, record) = read[taken];
            fold.take_entry(entries[taken], record, book_time_us)?;
            taken += 1;
            fold.cure(&mut budget)?;
        }
        return fold.finish(taken, false, sink);
    }
    fold.finish(taken, false, sink)
}

/// What must hold before a call; then no counter can overflow in it.
fn check(book: &Book, views: &Views) -> Result<(), Corrupt> {
    const COUNT_MAX: u64 = u64::MAX >> 1;
    if book.entries > COUNT_MAX || book.duplicates > COUNT_MAX {
        return Err(Corrupt("Book"));
    }
    let adds_up = views.applied.checked_add(views.suspended) == Some(views.folded) && views.reversed <= views.applied;
    // No entry needs more than source, service, measure, area, actor and a pledge's source.
    let names_max = views.folded.saturating_mul(6);
    let named = views.names.iter().all(|count| u64::from(*count) <= names_max && *count < u32::MAX >> 1);
    let fits = views.fold_version == FOLD_VERSION && views.folded <= book.entries;
    if adds_up && named && fits { Ok(()) } else { Err(Corrupt("Views")) }
}

/// An entry's standing, as far as it is more than "applied".
#[derive(Clone, Default)]
struct Status {
    suspense: Option<Suspense>,
    verdict: Verdict,
    /// Whether a row of Suspense is stored.
    suspense_stored: bool,
    changed: bool,
}

/// An entry of an earlier call.
struct Old {
    /// Its row in the archive.
    row: Rc<[u8]>,
    /// Decoded, if more than its bytes is needed.
    entry: Option<Entry>,
}

/// The work of one call.
struct Fold<'a, R> {
    rows: &'a R,
    council: &'a str,
    book: Book,
    views: Views,
    /// As they were at the start.
    before: (Book, Views),
    /// Book time of the last entry: when cures take effect.
    book_time_us: u64,
    recorded: Recorded,
    /// Entries of this call, from sequence `before.1.folded` on: book time, record, decoded.
    new: Vec<(u64, &'a [u8], Entry)>,
    old: FxHashMap<u64, Old>,
    statuses: FxHashMap<u64, Status>,
    spoken: Spoken,
    cells: Cells,
    statements: Statements,
    waiting: Waiting,
    /// Rows of definitions, as this call leaves them.
    definitions: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Observations by key.
    outcomes: BTreeMap<Vec<u8>, Vec<crate::rows::Observation>>,
}

impl<'a, R: Rows> Fold<'a, R> {
    fn open(rows: &'a R, council: &'a str) -> Result<Self, R::Error> {
        let get = |table| rows.get(table, Key::of(table, council).as_slice());
        let book = get(Table::Book)?.map(|row| Book::decode(&row)).transpose()?.unwrap_or_default();
        let views = get(Table::Views)?.map(|row| Views::decode(&row)).transpose()?;
        let views = views.unwrap_or_else(|| Views { fold_version: FOLD_VERSION, ..Views::default() });
        check(&book, &views)?;
        let mut fold = Self {
            rows,
            council,
            book,
            before: (book, views.clone()),
            book_time_us: 0,
            recorded: Recorded::default(),
            new: Vec::new(),
            old: FxHashMap::default(),
            statuses: FxHashMap::default(),
            spoken: Spoken::default(),
            cells: Cells::default(),
            statements: Statements::default(),
            waiting: Waiting::default(),
            definitions: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            views,
        };
        let last = match fold.views.folded.checked_sub(1) {
            Some(last) if fold.views.folded < book.entries => read_entry(&fold.load_entries(last..last + 1)?[0])?.0,
            _ => book.book_time_us,
        };
        fold.set_book_time(last);
        Ok(fold)
    }

    fn set_book_time(&mut self, book_time_us: u64) {
        if self.book_time_us / crate::date::DAY_US != book_time_us / crate::date::DAY_US || self.recorded.month == 0 {
            self.recorded = Recorded::at(book_time_us);
        }
        self.book_time_us = book_time_us;
    }

    /// Rows of the archive.
    fn load_entries(&self, sequences: std::ops::Range<u64>) -> Result<Vec<Vec<u8>>, R::Error> {
        let keys: Vec<_> = sequences.map(|sequence| prepare::sequence_key(Table::Entry, self.council, sequence)).collect();
        let found = self.rows.get_many(Table::Entry, &keys)?;
        Ok(found.into_iter().map(|row| row.ok_or(Corrupt("Entry"))).collect::<Result<_, _>>()?)
    }

    /// FOLD.md, "Intake".
    fn take_record(&mut self, intake: &Intake<'a>, entry: Entry, partition: u32) -> Result<(), R::Error> {
        (self.book.partition, self.book.offset, self.book.index) = (partition, intake.offset, intake.index);
        if self.is_duplicate(&entry, intake.record)? {
            self.book.duplicates += 1;
            return Ok(());
        }
        let book_time_us = self.book.book_time_us.max(entry.received_us.min(intake.append_us));
        self.take_entry(entry, intake.record, book_time_us)?;
        self.book.entries = self.views.folded;
        self.book.book_time_us = book_time_us;
        Ok(())
    }

    fn is_duplicate(&self, entry: &Entry, record: &[u8]) -> Result<bool, R::Error> {
        let Some(key) = entry.key else {
            return Ok(false);
        };
        let indexed = self.spoken.index.get(key);
        if indexed.first.is_none() {
            return Ok(false);
        }
        let parts = Record::decode(record).unwrap_or_default().parts;
        for sequence in indexed.sequences() {
            let same = self.with_record(sequence, |other| Record::decode(other).unwrap_or_default().parts == parts)?;
            if same {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// An entry joins the views.
    fn take_entry(&mut self, entry: Entry, record: &'a [u8], book_time_us: u64) -> Result<(), R::Error> {
        let sequence = self.views.folded;
        self.views.folded += 1;
        self.set_book_time(book_time_us);
        self.new.push((book_time_us, record, entry));
        self.number(entry.source);
        let is_first = entry.key.is_none_or(|key| self.spoken.index.add(key, sequence));
        if is_first {
            return self.settle(sequence, &entry, record, None);
        }
        self.suspend(sequence, Suspense { reason: crate::rows::Reason::Conflict, wait: None }, None)
    }
}
