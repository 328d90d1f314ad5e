//! Rows in memory, merged as a store would merge them: for tests, and for whoever replays a book without a database.

use crate::bytes::Corrupt;
use crate::tables::{Rows, Sink, Table};
use std::collections::BTreeMap;

/// All tables as ordered maps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    tables: BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>,
    corrupt: Option<Corrupt>,
}

impl Memory {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The rows of a table in order of keys.
    pub fn rows(&self, table: Table) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.tables.get(&table).into_iter().flatten().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// How many rows a table has.
    pub fn len(&self, table: Table) -> usize {
        self.tables.get(&table).map_or(0, BTreeMap::len)
    }

    /// Whether no table has a row.
    pub fn is_empty(&self) -> bool {
        self.tables.values().all(BTreeMap::is_empty)
    }

    /// Drops what a rebuild of the views makes again.
    pub fn drop_views(&mut self) {
        self.tables.retain(|table, _| table.is_book());
    }
}

impl Rows for Memory {
    type Error = Corrupt;

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Corrupt> {
        match self.corrupt {
            Some(corrupt) => Err(corrupt),
            None => Ok(self.tables.get(&table).and_then(|rows| rows.get(key)).cloned()),
        }
    }

    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), Corrupt> {
        let rows = self.tables.get(&table).into_iter().flat_map(|rows| rows.range(from.to_vec()..));
        for (key, value) in rows.take_while(|(key, _)| key.starts_with(prefix)) {
            if !visit(key, value) {
                break;
            }
        }
        Ok(())
    }
}

impl Sink for Memory {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.tables.entry(table).or_default().insert(key.to_vec(), value.to_vec());
    }

    /// A row that does not decode stays as it is, and every later read fails.
    fn merge(&mut self, table: Table, key: &[u8], operand: &[u8]) {
        let merge = table.merge().unwrap_or_else(|| unreachable!("the fold merges into merged tables only, not {table:?}"));
        let row = self.tables.entry(table).or_default().entry(key.to_vec()).or_default();
        let old = if row.is_empty() { None } else { Some(row.as_slice()) };
        match merge.combine(old, [operand], false) {
            Ok(merged) => *row = merged,
            Err(corrupt) => self.corrupt = Some(corrupt),
        }
    }

    fn delete(&mut self, table: Table, key: &[u8]) {
        if let Some(rows) = self.tables.get_mut(&table) {
            rows.remove(key);
            // A table without rows is as good as none.
            if rows.is_empty() {
                self.tables.remove(&table);
            }
        }
    }
}
