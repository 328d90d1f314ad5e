//! Every row as it logically is: to compare two projections byte for byte.

use super::Store;
use crate::{Error, Options};
use std::path::Path;
use tandem_domain::bitmap::Change;
use tandem_domain::bytes::Corrupt;
use tandem_domain::cell::Cell;
use tandem_domain::sheet::Items;
use tandem_domain::tables::{Merge, Rows, Table};

/// Visits the rows of the projection in a directory, table by table in the order of [`Table::ALL`] but for those of maintained valuations,
/// ascending by key, merged. Sums of nothing and empty sets are left out, and rows of the table Tail are joined to one for each council:
/// whether and where such rows are depends on where commits fell, and no answer depends on it.
///
/// The directory may not be in use: what another process has not written yet would be missing.
pub fn dump(path: &Path, mut visit: impl FnMut(Table, &[u8], &[u8])) -> Result<(), Error> {
    let store = Store::open_read_only(path, &Options::default())?;
    Table::ALL.into_iter().filter(|table| !table.is_maintained()).try_for_each(|table| dump_table(&store, table, &mut visit))
}

/// The same of the tables of maintained valuations, which [`dump`] leaves out: how far they are depends on time. Those of one book are
/// equal once they have caught up with it.
pub fn dump_maintained(path: &Path, mut visit: impl FnMut(Table, &[u8], &[u8])) -> Result<(), Error> {
    let store = Store::open_read_only(path, &Options::default())?;
    Table::ALL.into_iter().filter(|table| table.is_maintained()).try_for_each(|table| dump_table(&store, table, &mut visit))
}

fn dump_table<R: Rows>(rows: &R, table: Table, visit: &mut impl FnMut(Table, &[u8], &[u8])) -> Result<(), R::Error> {
    let prefix = [table as u8];
    if table == Table::Tail {
        return dump_tails(rows, visit);
    }
    let mut corrupt = None;
    rows.scan(table, &prefix, &prefix, &mut |key, value| {
        match is_nothing(table, value) {
            Ok(true) => {}
            Ok(false) => visit(table, key, value),
            Err(error) => corrupt = Some(error),
        }
        corrupt.is_none()
    })?;
    corrupt.map_or(Ok(()), |error: Corrupt| Err(error.into()))
}

/// The first row's key, with what all rows of its council hold.
fn dump_tails<R: Rows>(rows: &R, visit: &mut impl FnMut(Table, &[u8], &[u8])) -> Result<(), R::Error> {
    /// Length of the sequence that ends a key.
    const SEQUENCE_BYTES: usize = 8;
    let council = |key: &[u8]| key[..key.len().saturating_sub(SEQUENCE_BYTES)].to_vec();
    let prefix = [Table::Tail as u8];
    let mut joined: Option<(Vec<u8>, Vec<u8>)> = None;
    rows.scan(Table::Tail, &prefix, &prefix, &mut |key, value| {
        match &mut joined {
            Some((first, bundle)) if council(first) == council(key) => bundle.extend_from_slice(value),
            other => {
                if let Some((first, bundle)) = other.replace((key.to_vec(), value.to_vec())) {
                    visit(Table::Tail, &first, &bundle);
                }
            }
        }
        true
    })?;
    if let Some((first, bundle)) = joined {
        visit(Table::Tail, &first, &bundle);
    }
    Ok(())
}

fn is_nothing(table: Table, value: &[u8]) -> Result<bool, Corrupt> {
    Ok(match table.merge() {
        None => false,
        Some(Merge::Add) => Cell::decode(value)?.is_zero(),
        Some(Merge::Sheet) => Items::of(value)?.next().is_none(),
        Some(Merge::Bitmap) => Change::decode(value)?.added.is_empty(),
    })
}
