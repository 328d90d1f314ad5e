//! The key layout of everything that is stored, in one place. A key is `tag ‖ council ‖ 0x00 ‖ rest`; tags, once used, are never
//! reused. Numbers in keys are big-endian, days, months and periods biased so that they sort (the days of a latency are a plain number). Names (services, measures, areas, sources,
//! indicators, actors) have dense numbers from 1 by first appearance in the book; 0 is none.
//!
//! | table | rest of the key | value |
//! |---|---|---|
//! | Book | – | entries, book time, duplicates, position of the last record |
//! | Entry | sequence 8 | book time 8 ‖ Record |
//! | (0x03 is kept for the tree's bundles) | | |
//! | Index | event id 16 ‖ source 4 | sequences 8 each |
//! | NameByText | kind 1 ‖ text | number |
//! | NameByNumber | kind 1 ‖ number 4 | text |
//! | Definition | kind 1 ‖ id (‖ 0x00 ‖ vintage or version 4) | sequence ‖ Facts |
//! | Suspense | sequence 8 | reason ‖ wait |
//! | Waiting | wait (as `Wait::put` writes it) ‖ sequence 8 | – |
//! | Verdict | sequence 8 | cured by, reversed by |
//! | Exchange | id | home, accounts, last postings |
//! | ExchangePage | id ‖ 0x00 ‖ page 4, from 0 | 64 postings |
//! | DayCell | service 4 ‖ measure 4 ‖ evidence 1 ‖ period 5 | Cell |
//! | DayJournal | as DayCell ‖ recorded day 4 | Cell |
//! | MonthCell | as DayCell, months and larger | Cell |
//! | AreaCell | as MonthCell ‖ area 4 ‖ recorded month 4 | Cell |
//! | SpanCell | service 4 ‖ measure 4 ‖ evidence 1 ‖ area 4 ‖ first day 4 ‖ last day 4; spans longer than a day only | Cell |
//! | HomeCell | service 4 ‖ period 5 ‖ area 4 ‖ state 1 ‖ first day 4 | Cell (count only) |
//! | LatencyCell | service 4 ‖ period 5 ‖ area 4 ‖ days 4 | Cell (count only) |
//! | Statement | actor 4 ‖ first day 4 ‖ sequence 8 | role ‖ posting |
//! | Participants | service 4 ‖ roll 1 (0: months and larger, 1: years and larger) ‖ period 5 | bitmap of actors |
//! | ActorTotal | measure 4 ‖ period 5 (year or ever) ‖ actor 4 | Cell |
//! | PledgeCell | service 4 ‖ measure 4 ‖ period 5 ‖ area 4 | Cell |
//! | Fulfilment | source 4 ‖ event id 16 | Cell |
//! | Outcome | indicator 4 ‖ service 4 ‖ area 4 ‖ first day 4 ‖ last day 4 ‖ source 4 | observations |
//! | Views | – | fold version, entries folded, counters, cure queue |
//! | Cursor | partition 4 (no council) | next offset, next index, hash of the last frame |
//! | Meta | – (no council) | format version, fold version, log id, partitions |
//!
//! A Cell is five signed varints: quantity, count, matched quantity, matched count, and how many entries have an actor. What of them a
//! table does not count is 0.

use crate::bytes::{put_ordered, put_period};
use crate::date::Period;

/// Version of the fold: a change of any view's content or layout raises it, and views are rebuilt from entries.
pub const FOLD_VERSION: u32 = 1;

/// The tables. The numbers are the key tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// How far a book is.
    Book = 0x01,
    /// The entries: the archive.
    Entry = 0x02,
    /// Event id to sequences.
    Index = 0x04,
    /// Dictionary.
    NameByText = 0x05,
    /// Dictionary, the other way.
    NameByNumber = 0x06,
    /// Catalogue.
    Definition = 0x07,
    /// Entries without effect yet.
    Suspense = 0x08,
    /// What they wait for.
    Waiting = 0x09,
    /// Entries that were cured or reversed.
    Verdict = 0x0a,
    /// Exchanges.
    Exchange = 0x0b,
    /// Earlier postings of large exchanges.
    ExchangePage = 0x0c,
    /// Cube by day.
    DayCell = 0x0d,
    /// Cube by day, journalled by recorded day.
    DayJournal = 0x0e,
    /// Cube by month.
    MonthCell = 0x0f,
    /// Cube by area and month, journalled by recorded month.
    AreaCell = 0x10,
    /// Exchanges by home and state.
    HomeCell = 0x11,
    /// Two-sided exchanges by home and latency.
    LatencyCell = 0x12,
    /// Entries by actor.
    Statement = 0x13,
    /// Who took part.
    Participants = 0x14,
    /// How much each gave.
    ActorTotal = 0x15,
    /// Pledged quantities.
    PledgeCell = 0x16,
    /// What pledges have had.
    Fulfilment = 0x17,
    /// Observations.
    Outcome = 0x18,
    /// How far each partition is folded.
    Cursor = 0x19,
    /// What this store is.
    Meta = 0x1a,
    /// How far the views are.
    Views = 0x1b,
    /// Cube by area and exact span, of spans longer than a day.
    SpanCell = 0x1c,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 27] = [
        Self::Book,
        Self::Entry,
        Self::Index,
        Self::NameByText,
        Self::NameByNumber,
        Self::Definition,
        Self::Suspense,
        Self::Waiting,
        Self::Verdict,
        Self::Exchange,
        Self::ExchangePage,
        Self::DayCell,
        Self::DayJournal,
        Self::MonthCell,
        Self::AreaCell,
        Self::HomeCell,
        Self::LatencyCell,
        Self::Statement,
        Self::Participants,
        Self::ActorTotal,
        Self::PledgeCell,
        Self::Fulfilment,
        Self::Outcome,
        Self::Cursor,
        Self::Meta,
        Self::Views,
        Self::SpanCell,
    ];

    /// How merges into it combine; `None`: it is only put and deleted.
    pub fn merge(self) -> Option<Merge> {
        use Table::*;
        match self {
            DayCell | DayJournal | MonthCell | AreaCell | SpanCell | HomeCell | LatencyCell | ActorTotal | PledgeCell | Fulfilment => {
                Some(Merge::Add)
            }
            Participants => Some(Merge::Bitmap),
            _ => None,
        }
    }

    /// Tables that a rebuild of the views keeps: the archive, and what cannot be had from it.
    pub fn is_book(self) -> bool {
        matches!(self, Self::Book | Self::Entry | Self::Cursor | Self::Meta)
    }
}

/// How merge operands combine. Both are associative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// [`crate::cell::Cell`]s are added.
    Add,
    /// [`crate::bitmap::Change`]s are applied in order.
    Bitmap,
}

/// Kinds of names. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// Services.
    Service = 1,
    /// Measures.
    Measure = 2,
    /// Areas.
    Area = 3,
    /// Reporting systems.
    Source = 4,
    /// Indicators.
    Indicator = 5,
    /// Actors and recipients.
    Actor = 6,
}

/// How many kinds of names there are, plus one: counters are indexed by kind.
pub const NAME_KINDS: usize = 7;

/// Kinds of definitions. The numbers are stored; they are those of CatalogueKind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DefinitionKind {
    /// Services.
    Service = 1,
    /// Measures.
    Measure = 2,
    /// Indicators.
    Indicator = 3,
    /// Areas, by area and vintage.
    Area = 4,
    /// Valuations, by id and version.
    Valuation = 5,
}

/// Builds a key.
#[derive(Clone, Debug, Default)]
pub struct Key(Vec<u8>);

impl Key {
    /// `tag ‖ council ‖ 0`.
    pub fn of(table: Table, council: &str) -> Self {
        let mut key = Vec::with_capacity(64);
        key.push(table as u8);
        key.extend_from_slice(council.as_bytes());
        key.push(0);
        Self(key)
    }

    /// The tag alone, for tables that are no council's.
    pub fn bare(table: Table) -> Self {
        Self(vec![table as u8])
    }

    /// Starts again with another table and council, keeping the memory.
    pub fn restart(&mut self, table: Table, council: &str) -> &mut Self {
        self.0.clear();
        self.0.push(table as u8);
        self.0.extend_from_slice(council.as_bytes());
        self.0.push(0);
        self
    }

    /// Appends one byte.
    pub fn byte(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    /// Appends a number of 4 bytes.
    pub fn be32(&mut self, value: u32) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Appends a number of 8 bytes.
    pub fn be64(&mut self, value: u64) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Appends a day.
    pub fn day(&mut self, value: i32) -> &mut Self {
        put_ordered(&mut self.0, value);
        self
    }

    /// Appends a period.
    pub fn period(&mut self, value: Period) -> &mut Self {
        put_period(&mut self.0, value);
        self
    }

    /// Appends bytes as they are.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.0.extend_from_slice(value);
        self
    }

    /// The bytes so far.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// The bytes.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

/// Reads what is stored: committed rows, merged. Implemented by the projection's store and, for tests, by a map in memory.
pub trait Rows {
    /// Why a read failed.
    type Error: From<crate::bytes::Corrupt>;

    /// One row.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Self::Error>;

    /// Many rows; `keys` are sorted and distinct. One answer per key, in order.
    fn get_many(&self, table: Table, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, Self::Error> {
        keys.iter().map(|key| self.get(table, key)).collect()
    }

    /// Visits rows whose key begins with `prefix`, from `from` on (which begins with `prefix`), until `visit` says false.
    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), Self::Error>;
}

/// Takes changes, in ascending order of keys within a table.
pub trait Sink {
    /// Sets a row.
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]);
    /// Merges an operand into a row, as [`Table::merge`] says.
    fn merge(&mut self, table: Table, key: &[u8], operand: &[u8]);
    /// Removes a row.
    fn delete(&mut self, table: Table, key: &[u8]);
}
