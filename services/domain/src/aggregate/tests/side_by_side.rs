//! Long scans that are cut and read by several threads give what one scan gives.

use super::history::{COUNCIL, folded};
use super::random::Chance;
use crate::aggregate::{Error, aggregate};
use crate::bytes::Corrupt;
use crate::memory::Memory;
use crate::metrics::Needs;
use crate::tables::{Rows, Table};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Rows that are cut at every n-th key.
struct Cut<'a> {
    rows: &'a Memory,
    every: usize,
    pieces: AtomicUsize,
}

impl Rows for Cut<'_> {
    type Error = Corrupt;

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Corrupt> {
        self.rows.get(table, key)
    }

    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), Corrupt> {
        self.rows.scan(table, prefix, from, visit)
    }

    fn cuts(&self, table: Table, prefix: &[u8]) -> Result<Vec<Vec<u8>>, Corrupt> {
        let keys = self.rows.rows(table).map(|(key, _)| key.to_vec()).filter(|key| key.starts_with(prefix));
        Ok(keys.skip(1).step_by(self.every).collect())
    }

    fn side_by_side<T: Send>(&self, pieces: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
        self.pieces.fetch_max(pieces, Relaxed);
        let work = &work;
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..pieces).map(|piece| scope.spawn(move || work(piece))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }
}

#[test]
fn cut_scans_give_what_one_scan_gives() {
    let (mut valued, mut most) = (0, 0);
    for seed in 1..=6 {
        let mut chance = Chance(seed);
        let rows = folded(&chance.history());
        for every in [1, 3, 1_000] {
            let cut = Cut { rows: &rows, every, pieces: AtomicUsize::new(0) };
            for number in 0..60 {
                let mut question = chance.question();
                if question.valuation.is_none() || !question.needs.exchanges {
                    continue;
                }
                question.needs = Needs { exchange_values: true, ..question.needs };
                let whole = match aggregate(&rows, COUNCIL, &question) {
                    Err(Error::UnknownVintage { .. }) => continue,
                    answer => answer.unwrap(),
                };
                valued += whole.total.exchanges.priced;
                assert_eq!(aggregate(&cut, COUNCIL, &question).unwrap(), whole, "seed {seed}, question {number}: {question:?}");
            }
            most = most.max(cut.pieces.into_inner());
        }
    }
    assert!(valued > 100 && most > 10, "{valued} exchanges were valued, of at most {most} pieces");
}
