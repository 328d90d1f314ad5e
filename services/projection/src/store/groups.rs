//! Column families: tables that are read and written alike share one, because each has its own write buffers, and their settings.

use crate::Options;
use rocksdb::{BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, MergeOperands};
use tandem_domain::tables::{Merge, Table};

/// A column family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// A few hot rows for each council and partition.
    State,
    /// The archive: appended to, read in order. Alone and without stamps, because files that do not overlap are moved from level to level
    /// and never written again: those of one busy council, whose keys only ascend.
    Archive,
    /// The trees' full bundles: the same, and hashes, which no compression makes smaller.
    Bundles,
    /// Random keys, looked up for every record, and what is as little compressible.
    Index,
    /// Dictionary, catalogue, suspense and the like: small rows, looked up.
    Names,
    /// Read, changed and written again.
    Exchanges,
    /// Sums that merge, many in a row.
    Sheets,
    /// Sums that merge, a row for each: they are few.
    Cells,
    /// Bitmaps that merge.
    Participants,
    /// Written once, read in order.
    Statements,
}

/// Every column family. They are opened in this order.
pub(super) const GROUPS: [Group; 10] = [
    Group::State,
    Group::Archive,
    Group::Bundles,
    Group::Index,
    Group::Names,
    Group::Exchanges,
    Group::Sheets,
    Group::Cells,
    Group::Participants,
    Group::Statements,
];

/// One write buffer. A larger skip list misses the processor's caches, a smaller one is flushed and compacted more: what was tried is in
/// tests/bench/RESULTS.md.
const BUFFER_BYTES: usize = 32 << 20;
/// The archive's: its keys ascend, so that a skip list finds its end at once. All column families are flushed together, when the first of
/// them is full, and its rows are several times as long as the others'.
const ARCHIVE_BUFFER_BYTES: usize = 128 << 20;
/// Write buffers of a column family: one that is filled, the others on their way to the disk.
const BUFFERS: i32 = 4;
/// Files that RocksDB keeps open: at 32 MiB a file this reaches beyond 16 GiB without reopening any.
const OPEN_FILES_MAX: i32 = 512;

/// Options that are set once the store is open. RocksDB writes the files of the last level again as soon as no snapshot needs their sequence
/// numbers, to leave these out; the bindings have no call for the seconds that it is to wait. Not for as long as anybody will wait: nothing is gained.
pub(super) const LATER: [(&str, &str); 1] = [("bottommost_file_compaction_delay", "4294967295")];

impl Group {
    /// In which column family a table stands.
    pub fn of(table: Table) -> Self {
        use Table::*;
        match table {
            Book | Frontier | Tail | Views | Cursor | Meta | MaintainedProgress => Self::State,
            Entry => Self::Archive,
            Bundle => Self::Bundles,
            Index | Tile => Self::Index,
            NameByText | NameByNumber | Definition | Suspense | Waiting | Verdict | Outcome => Self::Names,
            Exchange | ExchangePage | MaintainedWorth | MaintainedSums => Self::Exchanges,
            CubeMonths | CubeDays | CubeAreas | AreaJournal | Homes | HomesByArea => Self::Sheets,
            SpanCell | PledgeCell | Fulfilment => Self::Cells,
            Participants => Self::Participants,
            Statement => Self::Statements,
        }
    }

    /// Its name on disk.
    pub fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Archive => "archive",
            Self::Bundles => "bundles",
            Self::Index => "index",
            Self::Names => "names",
            Self::Exchanges => "exchanges",
            Self::Sheets => "sheets",
            Self::Cells => "cells",
            Self::Participants => "participants",
            Self::Statements => "statements",
        }
    }

    /// Whether commits stamp it. Where every file would overlap the others by that one key alone they do not; what is missing there is
    /// found when the books are checked.
    pub fn is_stamped(self) -> bool {
        !matches!(self, Self::Archive | Self::Bundles)
    }

    /// Whether the fold asks for rows that mostly are not there.
    fn is_looked_up(self) -> bool {
        matches!(self, Self::Index | Self::Names | Self::Exchanges)
    }

    fn merge(self) -> Option<Merge> {
        Table::ALL.into_iter().filter(|table| Self::of(*table) == self).find_map(Table::merge)
    }

    fn options(self, cache: &Cache) -> rocksdb::Options {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(cache);
        // Memory stays bounded however large the index grows.
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        if self.is_looked_up() {
            blocks.set_bloom_filter(10.0, false);
            blocks.set_optimize_filters_for_memory(true);
        }
        let mut options = rocksdb::Options::default();
        if self.is_looked_up() {
            options.set_memtable_whole_key_filtering(true);
            options.set_memtable_prefix_bloom_ratio(0.1);
        }
        if self == Self::Archive {
            blocks.set_block_size(32 << 10);
            options.set_compression_type(DBCompressionType::Lz4);
        } else {
            options.set_compression_type(DBCompressionType::None);
            // What lies still is worth the processor's time.
            options.set_bottommost_compression_type(if matches!(self, Self::Index | Self::Bundles) {
                DBCompressionType::None
            } else {
                DBCompressionType::Lz4
            });
        }
        options.set_block_based_table_factory(&blocks);
        options.set_write_buffer_size(if self == Self::Archive { ARCHIVE_BUFFER_BYTES } else { BUFFER_BYTES });
        options.set_max_write_buffer_number(BUFFERS);
        options.set_target_file_size_base(32 << 20);
        options.set_max_bytes_for_level_base(256 << 20);
        if let Some(merge) = self.merge() {
            set_merge(&mut options, merge);
        }
        options
    }
}

/// An operand that does not decode fails the merge, which RocksDB reports as corruption to whoever reads or compacts the row.
fn set_merge(options: &mut rocksdb::Options, merge: Merge) {
    let name = match merge {
        Merge::Add => "tandem.add",
        Merge::Sheet => "tandem.sheet",
        Merge::Bitmap => "tandem.bitmap",
    };
    let full = move |_: &[u8], row: Option<&[u8]>, operands: &MergeOperands| merge.combine(row, operands, false).ok();
    let partial = move |_: &[u8], first: Option<&[u8]>, operands: &MergeOperands| merge.combine(None, first.into_iter().chain(operands), true).ok();
    options.set_merge_operator(name, full, partial);
}

pub(super) fn database_options(options: &Options) -> rocksdb::Options {
    let mut database = rocksdb::Options::default();
    database.create_if_missing(true);
    database.create_missing_column_families(true);
    database.set_paranoid_checks(true);
    database.set_max_open_files(OPEN_FILES_MAX);
    database.set_max_background_jobs(3);
    database.set_db_write_buffer_size(options.buffers_bytes);
    // Without a write-ahead log, one column family may not be ahead of another on the disk.
    database.set_atomic_flush(true);
    database.set_bytes_per_sync(1 << 20);
    database.set_keep_log_file_num(4);
    database.set_max_log_file_size(4 << 20);
    database
}

pub(super) fn descriptors(options: &Options) -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(options.cache_bytes);
    GROUPS.iter().map(|group| ColumnFamilyDescriptor::new(group.name(), group.options(&cache))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_families_stand_in_their_own_order() {
        GROUPS.into_iter().enumerate().for_each(|(at, group)| assert_eq!(group as usize, at));
    }

    #[test]
    fn tables_of_a_column_family_merge_alike() {
        for table in Table::ALL {
            assert_eq!(table.merge(), Group::of(table).merge(), "{table:?}");
        }
    }
}
