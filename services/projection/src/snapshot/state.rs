//! What a copied store is a state of, read from the copy itself.

use super::Error;
use super::manifest::{BookSize, Cut, FoldedTo, Manifest, hex};
use crate::Options;
use crate::book::Stored;
use crate::store::Store;
use crate::store::meta::{Cursor, FORMAT, Meta};
use std::path::Path;
use tandem_log::embedded::Copied;

/// A store is opened to read some small rows of it.
const CACHE_BYTES: usize = 8 << 20;

/// What a manifest says of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub log: String,
    pub partitions: u32,
    pub store_format: u32,
    pub fold_version: u32,
    pub cursors: Vec<FoldedTo>,
    pub books: Vec<BookSize>,
}

impl State {
    /// Reads a store that nobody uses. Opening it finds missing and unreadable files.
    pub fn read(path: &Path) -> Result<Self, crate::Error> {
        let store = Store::open_read_only(path, &Options { cache_bytes: CACHE_BYTES, ..Options::default() })?;
        let meta = Meta::read(&store)?.ok_or_else(|| crate::Error::Missing { path: path.into() })?;
        let cursor = |partition| -> Result<_, crate::Error> {
            Ok(Cursor::read(&store, partition)?.map(|cursor| FoldedTo {
                partition,
                offset: cursor.next_offset,
                index: cursor.next_index,
                last: cursor.last.map(|last| (last.offset, hex(&last.hash))),
            }))
        };
        let book = |council: String| -> Result<_, crate::Error> {
            let frontier = Stored::new(&store, &council).frontier()?.unwrap_or_default();
            Ok(BookSize { size: frontier.size(), root: hex(&frontier.root()), council })
        };
        Ok(Self {
            log: meta.log.to_string(),
            partitions: meta.partitions,
            store_format: FORMAT,
            fold_version: meta.fold_version,
            cursors: (0..meta.partitions).filter_map(|partition| cursor(partition).transpose()).collect::<Result<_, _>>()?,
            books: store.councils()?.into_iter().map(book).collect::<Result<_, _>>()?,
        })
    }

    /// What a manifest says.
    pub fn of(manifest: &Manifest) -> Self {
        Self {
            log: manifest.log.clone(),
            partitions: manifest.partitions,
            store_format: manifest.store_format,
            fold_version: manifest.fold_version,
            cursors: manifest.cursors.clone(),
            books: manifest.books.clone(),
        }
    }

    /// In what it differs from another, in words.
    pub fn differs(&self, other: &Self) -> Option<String> {
        if let Some((own, others)) = self.books.iter().zip(&other.books).find(|(own, others)| own != others) {
            return Some(format!(
                "has a book of {} with {} entries and root {}, not {} with {} entries and root {}",
                own.council, own.size, own.root, others.council, others.size, others.root
            ));
        }
        (self != other).then(|| "is of another moment or another log than the snapshot says".into())
    }
}

/// Cuts of a copied log.
pub(super) fn cuts(copied: &Copied) -> Vec<Cut> {
    (0..).zip(&copied.extents).map(|(partition, &(start, end))| Cut { partition, start, end }).collect()
}

/// Whether a store can go on from a log: each cursor must lie within it.
pub(super) fn fits(state: &State, id: &str, cuts: &[Cut]) -> Result<(), Error> {
    if state.log != id || state.partitions as usize != cuts.len() {
        return Err(Error::Apart(format!(
            "the store is of log {} with {} partitions, the log is {id} with {}",
            state.log,
            state.partitions,
            cuts.len()
        )));
    }
    for cut in cuts {
        let next = state.cursors.iter().find(|cursor| cursor.partition == cut.partition).map_or(0, |cursor| cursor.offset);
        if next < cut.start || next > cut.end {
            let why = format!("partition {} is folded to {next}, and the log has {} to {} of it", cut.partition, cut.start, cut.end);
            return Err(Error::Apart(why));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_goes_on_only_from_a_log_that_holds_its_cursors() {
        let cursors = vec![FoldedTo { partition: 1, offset: 7, index: 0, last: None }];
        let state = State { log: "aa".into(), partitions: 2, store_format: 1, fold_version: 1, cursors, books: Vec::new() };
        let cuts = |start, end| [Cut { partition: 0, start: 0, end: 3 }, Cut { partition: 1, start, end }];
        fits(&state, "aa", &cuts(0, 7)).unwrap();
        fits(&state, "aa", &cuts(7, 9)).unwrap();
        assert!(fits(&state, "aa", &cuts(8, 9)).unwrap_err().to_string().contains("partition 1 is folded to 7"));
        assert!(fits(&state, "aa", &cuts(0, 6)).unwrap_err().to_string().contains("has 0 to 6"));
        assert!(fits(&state, "bb", &cuts(0, 9)).unwrap_err().to_string().contains("the log is bb"));
        assert!(fits(&state, "aa", &cuts(0, 9)[..1]).is_err());
        let trimmed = [Cut { partition: 0, start: 1, end: 3 }, Cut { partition: 1, start: 0, end: 9 }];
        assert!(fits(&state, "aa", &trimmed).unwrap_err().to_string().contains("partition 0 is folded to 0"));
    }
}
