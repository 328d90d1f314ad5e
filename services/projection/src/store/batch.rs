//! Changes on their way into the store, committed at once.

use super::groups::{GROUPS, Group};
use rocksdb::{ColumnFamily, WriteBatch};
use tandem_domain::tables::{Sink, Table};

/// A write batch with the column families at hand.
pub(crate) struct Batch<'a> {
    families: [&'a ColumnFamily; GROUPS.len()],
    batch: WriteBatch,
}

impl<'a> Batch<'a> {
    pub(super) fn new(families: [&'a ColumnFamily; GROUPS.len()], bytes: usize) -> Self {
        Self { families, batch: WriteBatch::with_capacity_bytes(bytes) }
    }

    pub(super) fn again(families: [&'a ColumnFamily; GROUPS.len()], batch: WriteBatch) -> Self {
        Self { families, batch }
    }

    fn family(&self, table: Table) -> &'a ColumnFamily {
        self.families[Group::of(table) as usize]
    }

    /// Removes every row of a table.
    pub(super) fn delete_all(&mut self, table: Table) {
        let family = self.family(table);
        self.batch.delete_range_cf(family, [table as u8], [table as u8 + 1]);
    }

    /// What is to be committed, without the column families: those cannot go to another thread.
    pub fn finish(self) -> WriteBatch {
        self.batch
    }
}

impl Sink for Batch<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        let family = self.family(table);
        self.batch.put_cf(family, key, value);
    }

    fn merge(&mut self, table: Table, key: &[u8], operand: &[u8]) {
        let family = self.family(table);
        self.batch.merge_cf(family, key, operand);
    }

    fn delete(&mut self, table: Table, key: &[u8]) {
        let family = self.family(table);
        self.batch.delete_cf(family, key);
    }
}
