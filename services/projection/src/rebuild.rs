//! Folds the views again from the archive: after a change of the fold, or when somebody asks.

use crate::store::Store;
use crate::store::meta::Meta;
use crate::tail::check;
use crate::{Error, Options};
use std::path::Path;
use tandem_domain::fold::refold;
use tandem_domain::tables::FOLD_VERSION;

/// Entries of one commit: their changes take some tens of megabytes.
const ENTRIES_MAX: usize = 32_768;
/// Cures of one commit.
const CURES_MAX: usize = 8_192;

/// What was folded again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Councils whose views were behind.
    pub councils: u64,
    /// Entries folded.
    pub entries: u64,
}

/// Drops the views of the projection in a directory and folds them again from its archive. Nobody may use it meanwhile. `go_on` is told
/// how far it is after each commit and may say false: then, or if the process ends, the next rebuild or start goes on from there, since
/// each commit says how far the views are.
pub fn rebuild(path: &Path, mut go_on: impl FnMut(Rebuilt) -> bool) -> Result<Rebuilt, Error> {
    if !Store::exists(path) {
        return Err(Error::Missing { path: path.into() });
    }
    let store = Store::open(path, &Options::default())?;
    let Some(meta) = Meta::read(&store)? else {
        return Err(Error::Missing { path: path.into() });
    };
    store.drop_views(&Meta { fold_version: FOLD_VERSION, ..meta })?;
    let rebuilt = refold_all(&store, &mut go_on)?;
    store.sync()?;
    Ok(rebuilt)
}

/// Drops views that another version of the fold made; says whether there were any.
pub(crate) fn drop_stale_views(store: &Store) -> Result<bool, Error> {
    match Meta::read(store)? {
        Some(meta) if meta.fold_version != FOLD_VERSION => {
            store.drop_views(&Meta { fold_version: FOLD_VERSION, ..meta })?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Folds every council whose views are behind its book, cures included, until `go_on` says false.
pub(crate) fn refold_all(store: &Store, go_on: &mut dyn FnMut(Rebuilt) -> bool) -> Result<Rebuilt, Error> {
    let mut rebuilt = Rebuilt::default();
    for council in store.councils()? {
        if !check::is_behind(store, &council)? {
            continue;
        }
        rebuilt.councils += 1;
        if !refold_council(store, &council, &mut rebuilt, go_on)? {
            break;
        }
    }
    Ok(rebuilt)
}

/// Says whether to go on.
fn refold_council(store: &Store, council: &str, rebuilt: &mut Rebuilt, go_on: &mut dyn FnMut(Rebuilt) -> bool) -> Result<bool, Error> {
    loop {
        let mut batch = store.batch();
        let folded = refold(store, council, ENTRIES_MAX, CURES_MAX, &mut batch)?;
        if folded.taken == 0 && !folded.cures_pending && folded.views.folded < folded.book.entries {
            return Err(Error::Stopped(format!("the fold leaves entries of {council} in its archive")));
        }
        store.commit(batch.finish())?;
        rebuilt.entries += folded.taken as u64;
        if !go_on(*rebuilt) {
            return Ok(false);
        }
        if folded.views.folded >= folded.book.entries && !folded.cures_pending {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::dump::dump;
    use tandem_domain::fold::{Intake, fold};
    use tandem_domain::position::LogId;
    use tandem_domain::tables::{Key, Sink, Table};

    const COUNCIL: &str = "E09000001";

    fn rows(path: &Path) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        dump(path, |table, key, value| rows.push((table, key.to_vec(), value.to_vec()))).unwrap();
        rows
    }

    #[test]
    fn views_of_another_fold_are_folded_again() {
        let directory = tempfile::tempdir().unwrap();
        let (path, meta) = (directory.path(), Meta::new(LogId([7; 16]), 1));
        let store = Store::open(path, &Options::default()).unwrap();
        check::make(&store, meta).unwrap();
        let mut batch = store.batch();
        // Records that cannot be read are entries too.
        let intake: Vec<_> = (0..9u32).map(|index| Intake { record: b"?", append_us: 5, offset: 0, index }).collect();
        fold(&store, COUNCIL, 0, &intake, 1, &mut batch).unwrap();
        store.commit(batch.finish()).unwrap();
        drop(store);
        let expected = rows(path);

        let store = Store::open(path, &Options::default()).unwrap();
        let mut batch = store.batch();
        batch.put(Table::Meta, Key::bare(Table::Meta).as_slice(), &Meta { fold_version: FOLD_VERSION + 1, ..meta }.encode());
        batch.put(Table::Views, Key::of(Table::Views, COUNCIL).as_slice(), b"of another version");
        batch.put(Table::Verdict, Key::of(Table::Verdict, COUNCIL).as_slice(), b"of another version");
        store.commit(batch.finish()).unwrap();
        assert!(drop_stale_views(&store).unwrap());
        assert!(!drop_stale_views(&store).unwrap());
        assert_eq!(refold_all(&store, &mut |_| true).unwrap(), Rebuilt { councils: 1, entries: 9 });
        assert_eq!(refold_all(&store, &mut |_| true).unwrap(), Rebuilt::default());
        drop(store);
        assert_eq!(rows(path), expected);
    }
}
