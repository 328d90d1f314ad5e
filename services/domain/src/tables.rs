//! The key layout of everything that is stored, in one place. A key is `tag ‖ council ‖ 0x00 ‖ rest`; tags, once used, are never
//! reused. Numbers in keys are big-endian, days, months and periods biased so that they sort (the days of a latency are a plain number). Names (services, measures, areas, sources,
//! indicators, actors) have dense numbers from 1 by first appearance in the book; 0 is none.
//!
//! | table | rest of the key | value |
//! |---|---|---|
//! | Book | – | entries, book time, duplicates, position of the last record |
//! | Entry | sequence 8 | book time 8 ‖ Record |
//! | Bundle | index 8 | the entry bundle of 256 commitments, as it is served; full ones only |
//! | Tile | level 1 ‖ index 8 | the hashes of the tile, 32 bytes each; level 0 when it is full, higher ones as far as they are |
//! | Frontier | – | the tree's right edge, as `tandem_book::tree::Frontier` writes it |
//! | Tail | sequence 8 of the first | commitments of the bundle that is not full, as in a bundle; a row for each commit |
//! | Index | event id 16 ‖ source 4 | sequences 8 each |
//! | NameByText | kind 1 ‖ text | number |
//! | NameByNumber | kind 1 ‖ number 4; not of actors | text |
//! | Definition | kind 1 ‖ id (‖ 0x00 ‖ vintage or version 4) | sequence ‖ Facts |
//! | Suspense | sequence 8 | reason ‖ wait |
//! | Waiting | wait (as `Wait::put` writes it) ‖ sequence 8 | – |
//! | Verdict | sequence 8 | cured by, reversed by |
//! | Exchange | id | home, accounts, last postings |
//! | ExchangePage | id ‖ 0x00 ‖ page 4, from 0 | 64 postings |
//! | CubeMonths | service 4 ‖ measure 4 | sheet by evidence ‖ period |
//! | CubeDays | service 4 ‖ measure 4 ‖ evidence 1 ‖ grain 1 ‖ index of the unit, all but its lower 5 bits, 4 | sheet by lower bits ‖ recorded day |
//! | CubeAreas | service 4 ‖ measure 4 ‖ period 5 ‖ area, all but its lower byte, 3 | sheet by lower byte of the area |
//! | AreaJournal | as CubeAreas | sheet by lower byte ‖ evidence ‖ recorded month |
//! | SpanCell | service 4 ‖ measure 4 ‖ evidence 1 ‖ area 4 ‖ first day 4 ‖ last day 4; spans longer than a day only | Cell |
//! | Homes | service 4 ‖ period 5 | sheet by state ‖ first day, and by latency; counts only |
//! | HomesByArea | service 4 ‖ period 5 ‖ area, all but its lower byte, 3 | sheet by lower byte ‖ as Homes |
//! | Statement | actor 4 ‖ first day 4 ‖ sequence 8 | role ‖ posting |
//! | Participants | service 4 ‖ roll 1 (0: months and larger, 1: years and larger) ‖ period 5 | bitmap of actors |
//! | PledgeCell | service 4 ‖ measure 4 ‖ period 5 ‖ area 4 | Cell |
//! | Fulfilment | source 4 ‖ event id 16 | Cell |
//! | Outcome | indicator 4 ‖ service 4 ‖ area 4 ‖ first day 4 ‖ last day 4 ‖ source 4 | observations |
//! | Views | – | fold version, entries folded, counters, cure queue |
//! | MaintainedWorth | valuation 8 ‖ exchange id | what the exchange is worth, or what has no price |
//! | MaintainedSums | valuation 8 ‖ 0 ‖ service 4 ‖ period 5, and valuation 8 ‖ 1 ‖ service 4 ‖ period 5 ‖ area 4 | sums over exchanges by home |
//! | MaintainedProgress | valuation 8 | how far both are |
//! | Cursor | partition 4 (no council) | next offset, next index, hash of the last frame |
//! | Meta | – (no council) | format version, fold version, log id, partitions |
//!
//! A Cell is five signed varints: quantity, count, matched quantity, matched count, and how many entries have an actor. What of them a
//! table does not count is 0. A sheet is many cells in one row, see [`crate::sheet`]. In the cube and among homes, periods are months or
//! larger, but for CubeDays, which has days too.
//!
//! The fold does not write the three tables of maintained valuations: they follow the views in the background, see
//! [`crate::aggregate::maintained`]. A valuation is named there by the sequence of its definition.
//!
//! Tags that had a meaning once and have none now: 0x0d to 0x12 (the cube and the homes with a row for each cell) and 0x15 (actors' totals).

use crate::bytes::{put_ordered, put_period};
use crate::date::Period;

/// Version of the fold: a change of any view's content or layout raises it, and views are rebuilt from entries.
pub const FOLD_VERSION: u32 = 2;

/// The tables. The numbers are the key tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// How far a book is.
    Book = 0x01,
    /// The entries: the archive.
    Entry = 0x02,
    /// The tree's full entry bundles.
    Bundle = 0x03,
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
    /// Entries by actor.
    Statement = 0x13,
    /// Who took part.
    Participants = 0x14,
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
    /// What exchanges are worth by a maintained valuation.
    MaintainedWorth = 0x1e,
    /// Sums of that by home.
    MaintainedSums = 0x1f,
    /// How far a maintained valuation is.
    MaintainedProgress = 0x20,
    /// The tree's hashes.
    Tile = 0x21,
    /// How far the tree is.
    Frontier = 0x22,
    /// The entries of the bundle that is not full.
    Tail = 0x23,
    /// Cube by month.
    CubeMonths = 0x24,
    /// Cube by day, journalled by recorded day.
    CubeDays = 0x25,
    /// Cube by area and month, evidence taken together.
    CubeAreas = 0x26,
    /// Cube by area and month, journalled by recorded month.
    AreaJournal = 0x27,
    /// Exchanges by home, without its area.
    Homes = 0x28,
    /// Exchanges by home.
    HomesByArea = 0x29,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 33] = [
        Self::Book,
        Self::Entry,
        Self::Bundle,
        Self::Index,
        Self::NameByText,
        Self::NameByNumber,
        Self::Definition,
        Self::Suspense,
        Self::Waiting,
        Self::Verdict,
        Self::Exchange,
        Self::ExchangePage,
        Self::Statement,
        Self::Participants,
        Self::PledgeCell,
        Self::Fulfilment,
        Self::Outcome,
        Self::Cursor,
        Self::Meta,
        Self::Views,
        Self::SpanCell,
        Self::MaintainedWorth,
        Self::MaintainedSums,
        Self::MaintainedProgress,
        Self::Tile,
        Self::Frontier,
        Self::Tail,
        Self::CubeMonths,
        Self::CubeDays,
        Self::CubeAreas,
        Self::AreaJournal,
        Self::Homes,
        Self::HomesByArea,
    ];

    /// How merges into it combine; `None`: it is only put and deleted.
    pub fn merge(self) -> Option<Merge> {
        use Table::*;
        match self {
            SpanCell | PledgeCell | Fulfilment => Some(Merge::Add),
            CubeMonths | CubeDays | CubeAreas | AreaJournal | Homes | HomesByArea => Some(Merge::Sheet),
            Participants => Some(Merge::Bitmap),
            _ => None,
        }
    }

    /// Tables that follow the views in the background: how far they are depends on time, and no answer depends on that.
    pub fn is_maintained(self) -> bool {
        matches!(self, Self::MaintainedWorth | Self::MaintainedSums | Self::MaintainedProgress)
    }

    /// Tables that a rebuild of the views keeps: the archive, and what cannot be had from it.
    pub fn is_book(self) -> bool {
        matches!(self, Self::Book | Self::Entry | Self::Bundle | Self::Tile | Self::Frontier | Self::Tail | Self::Cursor | Self::Meta)
    }
}

/// How merge operands combine. All are associative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// [`crate::cell::Cell`]s are added.
    Add,
    /// Cells of [`crate::sheet`]s are added.
    Sheet,
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
pub trait Rows: Sync {
    /// Why a read failed.
    type Error: From<crate::bytes::Corrupt> + Send;

    /// One row.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Self::Error>;

    /// Many rows; `keys` are sorted and distinct. One answer per key, in order.
    fn get_many(&self, table: Table, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, Self::Error> {
        keys.iter().map(|key| self.get(table, key)).collect()
    }

    /// Visits rows whose key begins with `prefix`, from `from` on (which begins with `prefix`), until `visit` says false.
    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), Self::Error>;

    /// Keys that begin with `prefix` and cut what does so into stretches of about the same size, ascending: a long scan may be divided
    /// there. None where there is little, or where nobody knows.
    fn cuts(&self, _table: Table, _prefix: &[u8]) -> Result<Vec<Vec<u8>>, Self::Error> {
        Ok(Vec::new())
    }

    /// Does independent pieces of work that read these rows, numbered from 0: at the same time where there are threads for it, else one
    /// after the other. What they give, in order.
    fn side_by_side<T: Send>(&self, pieces: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T>
    where
        Self: Sized,
    {
        (0..pieces).map(work).collect()
    }
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
