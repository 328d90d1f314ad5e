//! Reads: of what is committed last, for the fold, and of a snapshot, for everybody else.

use super::Store;
use super::groups::Group;
use crate::Error;
use rocksdb::ReadOptions;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tandem_domain::tables::{Rows, Table};

/// Threads that read for one answer.
const THREADS_MAX: usize = 4;

/// What was committed when it was taken. Holding one keeps old rows from being compacted away: only for the time of an answer.
pub(crate) struct Snapshot<'a> {
    store: &'a Store,
    snapshot: rocksdb::Snapshot<'a>,
    reads: ReadOptions,
}

impl<'a> Snapshot<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        let snapshot = store.db.snapshot();
        let mut reads = ReadOptions::default();
        reads.set_verify_checksums(true);
        reads.set_snapshot(&snapshot);
        Self { store, snapshot, reads }
    }
}

impl Rows for Snapshot<'_> {
    type Error = Error;

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.store.get_with(table, key, &self.reads)
    }

    fn get_many(&self, table: Table, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.store.get_many_with(table, keys, &self.reads)
    }

    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), Error> {
        let mut reads = ReadOptions::default();
        reads.set_snapshot(&self.snapshot);
        self.store.scan_with(table, prefix, from, reads, visit)
    }

    fn cuts(&self, table: Table, prefix: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        self.store.cuts(table, prefix)
    }

    /// On as many threads as there are processors, four at most: others want answers too.
    fn side_by_side<T: Send>(&self, pieces: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX).min(pieces);
        if threads <= 1 {
            return (0..pieces).map(work).collect();
        }
        let next = AtomicUsize::new(0);
        let take = || {
            let pieces = std::iter::repeat_with(|| next.fetch_add(1, Relaxed)).take_while(|piece| *piece < pieces);
            pieces.map(|piece| (piece, work(piece))).collect::<Vec<_>>()
        };
        let mut done: Vec<(usize, T)> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        done.sort_unstable_by_key(|(piece, _)| *piece);
        done.into_iter().map(|(_, given)| given).collect()
    }
}

impl Rows for Store {
    type Error = Error;

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.get_with(table, key, &self.reads)
    }

    fn get_many(&self, table: Table, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.get_many_with(table, keys, &self.reads)
    }

    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), Error> {
        self.scan_with(table, prefix, from, ReadOptions::default(), visit)
    }
}

impl Store {
    fn get_with(&self, table: Table, key: &[u8], reads: &ReadOptions) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.db.get_cf_opt(self.family(Group::of(table)), key, reads)?)
    }

    /// Where the files of the deepest level begin: each but the last of a level is about as large as the others.
    fn cuts(&self, table: Table, prefix: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        let family = Group::of(table).name();
        let files: Vec<_> = self.db.live_files()?.into_iter().filter(|file| file.column_family_name == family).collect();
        let deepest = files.iter().map(|file| file.level).max().unwrap_or(0);
        if deepest == 0 {
            return Ok(Vec::new());
        }
        let starts = files.into_iter().filter(|file| file.level == deepest).filter_map(|file| file.start_key);
        let mut cuts: Vec<_> = starts.filter(|key| key.starts_with(prefix)).collect();
        cuts.sort_unstable();
        cuts.dedup();
        Ok(cuts)
    }

    fn get_many_with(&self, table: Table, keys: &[Vec<u8>], reads: &ReadOptions) -> Result<Vec<Option<Vec<u8>>>, Error> {
        debug_assert!(keys.is_sorted_by(|a, b| a < b), "keys of {table:?} are sorted and distinct");
        let rows = self.db.batched_multi_get_cf_opt(self.family(Group::of(table)), keys, true, reads);
        rows.into_iter().map(|row| Ok(row?.map(|row| row.to_vec()))).collect()
    }

    fn scan_with(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        mut reads: ReadOptions,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), Error> {
        debug_assert!(prefix.first() == Some(&(table as u8)) && from.starts_with(prefix), "a scan of {table:?} stays within its prefix");
        reads.set_verify_checksums(true);
        reads.set_iterate_upper_bound(after_prefix(prefix));
        let mut rows = self.db.raw_iterator_cf_opt(self.family(Group::of(table)), reads);
        rows.seek(from);
        while let Some((key, value)) = rows.item() {
            if !visit(key, value) {
                return Ok(());
            }
            rows.next();
        }
        // An iterator ends at the first row that it cannot read, too.
        Ok(rows.status()?)
    }
}

/// The least key above every key that begins with a prefix. Tags are below 0xff, so there is one.
fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::after_prefix;

    #[test]
    fn the_end_of_a_prefix_is_above_all_that_begins_with_it() {
        assert_eq!(after_prefix(&[1, 2]), [1, 3]);
        assert_eq!(after_prefix(&[1, 0xff, 0xff]), [2]);
    }
}
