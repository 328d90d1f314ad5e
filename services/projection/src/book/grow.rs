//! The trees as they grow, one commit at a time.

use super::stored::{BUNDLED_BYTES, Stored, Tail, tile_key};
use super::{Commitment, of_record};
use crate::Error;
use crate::store::{Batch, Store};
use rustc_hash::FxHashMap;
use tandem_book::bundle;
use tandem_book::grow::Growth;
use tandem_book::tile::{FULL, Kind};
use tandem_book::tree::leaf_hash;
use tandem_domain::bytes::{Corrupt, Take};
use tandem_domain::rows::{Book, read_entry};
use tandem_domain::tables::{Key, Rows, Sink, Table};

/// Trees that are kept ready: of at most about 50 KiB each.
const READY_MAX: usize = 256;
/// Entries of one commit when a tree is made of an archive that has none: whole bundles, so that no commit but the last has a tail.
const CATCH_UP: usize = 128 * FULL as usize;

/// Entries of one council that a round adds to its book.
pub(crate) struct Grown {
    pub council: String,
    /// Entries of the book with them.
    pub entries: u64,
    /// Theirs, in order.
    pub commitments: Vec<Commitment>,
}

/// The right edges of the trees that grew lately.
#[derive(Default)]
pub(crate) struct Trees(FxHashMap<String, Tree>);

struct Tree {
    growth: Growth,
    tail: Tail,
}

impl Trees {
    /// Puts into a batch what these entries change of their trees. The store has all batches before it.
    pub fn grow(&mut self, store: &Store, grown: &[Grown], batch: &mut Batch<'_>) -> Result<(), Error> {
        for Grown { council, entries, commitments } in grown.iter().filter(|grown| !grown.commitments.is_empty()) {
            if !self.0.contains_key(council) {
                self.make_room();
                self.0.insert(council.clone(), Tree::resume(store, council)?);
            }
            let tree = self.0.get_mut(council).unwrap_or_else(|| unreachable!("it was put there"));
            tree.append(council, commitments, batch);
            if tree.growth.frontier().size() != *entries {
                return Err(behind(store, council, tree.growth.frontier().size(), *entries));
            }
            batch.put(Table::Frontier, Key::of(Table::Frontier, council).as_slice(), &tree.growth.frontier().to_bytes());
        }
        Ok(())
    }

    fn make_room(&mut self) {
        if self.0.len() >= READY_MAX {
            self.0.clear();
        }
    }
}

impl Tree {
    fn resume(store: &Store, council: &str) -> Result<Self, Error> {
        let stored = Stored::new(store, council);
        let frontier = stored.frontier()?.unwrap_or_default();
        let tail = stored.tail()?;
        let begins = frontier.size() - frontier.size() % u64::from(FULL);
        if tail.bundle.len() / BUNDLED_BYTES != (frontier.size() - begins) as usize || tail.rows.first().is_some_and(|first| *first != begins) {
            return Err(damaged(store, format!("the tail of the book of {council} is not that of its tree")));
        }
        let growth = Growth::resume(frontier, &stored).map_err(|error| damaged(store, format!("the tree of {council}: {error}")))?;
        Ok(Self { growth, tail })
    }

    /// All rows that change but the frontier's.
    fn append(&mut self, council: &str, commitments: &[Commitment], batch: &mut Batch<'_>) {
        let mut fresh = self.tail.bundle.len();
        for commitment in commitments {
            self.growth.append(leaf_hash(commitment));
            bundle::push(&mut self.tail.bundle, commitment);
            if self.growth.frontier().size().is_multiple_of(u64::from(FULL)) {
                self.fill(council, batch);
                fresh = 0;
            }
        }
        if fresh < self.tail.bundle.len() {
            let entries = ((self.tail.bundle.len() - fresh) / BUNDLED_BYTES) as u64;
            let first = self.growth.frontier().size() - entries;
            batch.put(Table::Tail, tail_key(council, first).as_slice(), &self.tail.bundle[fresh..]);
            self.tail.rows.push(first);
        }
        self.put_tiles(council, batch);
    }

    /// The tail is a whole bundle.
    fn fill(&mut self, council: &str, batch: &mut Batch<'_>) {
        let mut key = Key::of(Table::Bundle, council);
        key.be64(self.growth.frontier().size() / u64::from(FULL) - 1);
        batch.put(Table::Bundle, key.as_slice(), &self.tail.bundle);
        self.tail.bundle.clear();
        self.tail.rows.drain(..).for_each(|first| batch.delete(Table::Tail, tail_key(council, first).as_slice()));
    }

    /// Tiles of the higher levels grow only when one below is full. That of level 0 which is not full is the hashes of the tail.
    fn put_tiles(&mut self, council: &str, batch: &mut Batch<'_>) {
        let full = self.growth.take_full();
        for (tile, hashes) in &full {
            if let Kind::Hashes(level) = tile.kind() {
                batch.put(Table::Tile, tile_key(council, level, tile.index()).as_slice(), hashes.as_flattened());
            }
        }
        for (tile, hashes) in self.growth.partial().filter(|_| !full.is_empty()) {
            if let Kind::Hashes(level @ 1..) = tile.kind() {
                batch.put(Table::Tile, tile_key(council, level, tile.index()).as_slice(), hashes.as_flattened());
            }
        }
    }
}

/// Every book has its whole tree, or none at all, which is then made of its entries: the store is older than trees. Anything else is refused.
pub(crate) fn check(store: &Store) -> Result<(), Error> {
    for council in store.councils()? {
        let book = store.get(Table::Book, Key::of(Table::Book, &council).as_slice())?;
        let entries = Book::decode(&book.unwrap_or_default())?.entries;
        match Stored::new(store, &council).frontier()? {
            None if entries > 0 => catch_up(store, &council, entries)?,
            frontier => {
                let size = frontier.map_or(0, |frontier| frontier.size());
                if size != entries {
                    return Err(behind(store, &council, size, entries));
                }
                Tree::resume(store, &council)?;
                check_newest(store, &council, size)?;
            }
        }
    }
    Ok(())
}

/// What is only appended to has no stamps: that the newest of it is there says that no file of it was lost.
fn check_newest(store: &Store, council: &str, size: u64) -> Result<(), Error> {
    let newest = [(Table::Entry, size.checked_sub(1)), (Table::Bundle, (size / u64::from(FULL)).checked_sub(1))];
    for (table, number) in newest {
        let Some(number) = number else { continue };
        let mut key = Key::of(table, council);
        key.be64(number);
        if store.get(table, key.as_slice())?.is_none() {
            let why = format!(
                "the book of {council} has {size} entries, and {} {number} is missing",
                if table == Table::Entry { "entry" } else { "bundle" }
            );
            return Err(Error::Damaged { path: store.path().into(), why });
        }
    }
    Ok(())
}

/// Makes the tree of a book that has none. The frontier comes last: without it, whatever else is there is made again.
fn catch_up(store: &Store, council: &str, entries: u64) -> Result<(), Error> {
    tracing::info!(council, entries, "the book has no tree yet: making it of its entries");
    let mut tree = Tree { growth: Growth::new(), tail: Tail::default() };
    loop {
        let commitments = archived(store, council, tree.growth.frontier().size())?;
        let mut batch = store.batch();
        tree.append(council, &commitments, &mut batch);
        let size = tree.growth.frontier().size();
        if commitments.is_empty() || size > entries {
            return Err(behind(store, council, size, entries));
        }
        if size == entries {
            batch.put(Table::Frontier, Key::of(Table::Frontier, council).as_slice(), &tree.growth.frontier().to_bytes());
        }
        store.commit(batch.finish())?;
        if size == entries {
            return store.sync();
        }
    }
}

/// Commitments of archived entries from a sequence on, at most [`CATCH_UP`].
fn archived(store: &Store, council: &str, from: u64) -> Result<Vec<Commitment>, Error> {
    let prefix = Key::of(Table::Entry, council);
    let mut start = prefix.clone();
    start.be64(from);
    let (mut commitments, mut corrupt) = (Vec::new(), None);
    store.scan(Table::Entry, prefix.as_slice(), start.as_slice(), &mut |key, row| {
        let sequence = Take::new("Entry", &key[prefix.as_slice().len()..]).be64();
        match (sequence, read_entry(row)) {
            (Ok(sequence), Ok((book_time_us, record))) if sequence == from + commitments.len() as u64 => {
                commitments.push(of_record(record, book_time_us));
            }
            _ => corrupt = Some(Corrupt("Entry")),
        }
        corrupt.is_none() && commitments.len() < CATCH_UP
    })?;
    corrupt.map_or(Ok(commitments), |corrupt| Err(corrupt.into()))
}

fn tail_key(council: &str, first: u64) -> Key {
    let mut key = Key::of(Table::Tail, council);
    key.be64(first);
    key
}

fn behind(store: &Store, council: &str, size: u64, entries: u64) -> Error {
    damaged(store, format!("the tree of {council} has {size} leaves and its book {entries} entries"))
}

fn damaged(store: &Store, why: String) -> Error {
    Error::Damaged { path: store.path().into(), why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use crate::book::{Noting, timeless};
    use crate::store::meta::Meta;
    use crate::tail;
    use std::path::Path;
    use tandem_domain::fold::{Intake, fold};
    use tandem_domain::position::LogId;

    const COUNCIL: &str = "E09000001";

    fn open(path: &Path) -> Store {
        Store::open(path, &Options::default()).unwrap()
    }

    /// A store with records that cannot be read, which are entries too; with their tree or without.
    fn store(path: &Path, records: u32, trees: Option<&mut Trees>) -> Store {
        let store = open(path);
        tail::check::make(&store, Meta::new(LogId([7; 16]), 1)).unwrap();
        let bytes: Vec<_> = (0..records).map(|number| number.to_be_bytes()).collect();
        let intake: Vec<_> = (0..).zip(&bytes).map(|(index, record)| Intake { record, append_us: 5, offset: 0, index }).collect();
        let mut batch = store.batch();
        let mut noting = Noting::new(&mut batch, &intake);
        let folded = fold(&store, COUNCIL, 0, &intake, 1, &mut noting).unwrap();
        let commitments = noting.finish().commitments(&timeless(&intake)).unwrap();
        let grown = Grown { council: COUNCIL.into(), entries: folded.book.entries, commitments };
        if let Some(trees) = trees {
            trees.grow(&store, &[grown], &mut batch).unwrap();
        }
        store.commit(batch.finish()).unwrap();
        store
    }

    fn rows(store: &Store) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        for table in [Table::Bundle, Table::Tile, Table::Frontier, Table::Tail] {
            let prefix = [table as u8];
            let mut take = |key: &[u8], value: &[u8]| {
                rows.push((table, key.to_vec(), value.to_vec()));
                true
            };
            store.scan(table, &prefix, &prefix, &mut take).unwrap();
        }
        rows
    }

    #[test]
    fn a_book_without_a_tree_is_given_the_one_that_it_would_have() {
        for records in [1, 255, 256, 257, 700, CATCH_UP as u32, CATCH_UP as u32 + 300] {
            let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
            let grown = store(directories[0].path(), records, Some(&mut Trees::default()));
            let bare = store(directories[1].path(), records, None);
            assert!(rows(&bare).is_empty() && !rows(&grown).is_empty());
            check(&grown).unwrap();
            check(&bare).unwrap();
            assert_eq!(rows(&bare), rows(&grown), "{records} records");
        }
    }

    #[test]
    fn a_tree_that_is_not_the_books_is_refused() {
        let key = |table| Key::of(table, COUNCIL);
        let flipped = |store: &Store, table: Table, key: &Key| {
            let mut row = store.get(table, key.as_slice()).unwrap().unwrap();
            *row.last_mut().unwrap() ^= 1;
            row
        };
        let (tail, tile) = (tail_key(COUNCIL, 512), tile_key(COUNCIL, 1, 0));
        type Damage<'a> = Box<dyn Fn(&Store, &mut Batch<'_>) + 'a>;
        let put = |table, at: Key| -> Damage<'_> { Box::new(move |store, batch| batch.put(table, at.as_slice(), &flipped(store, table, &at))) };
        let gone = |table, number: u64| -> Damage<'_> {
            let mut at = key(table);
            at.be64(number);
            Box::new(move |_, batch| batch.delete(table, at.as_slice()))
        };
        let damages: [(&str, Damage<'_>); 7] = [
            ("no newest entry", gone(Table::Entry, 699)),
            ("no newest bundle", gone(Table::Bundle, 1)),
            ("a leaf of the tail", put(Table::Tail, tail.clone())),
            ("a hash of a higher tile", put(Table::Tile, tile)),
            ("the frontier's root", put(Table::Frontier, key(Table::Frontier))),
            ("no tail", Box::new(|_, batch| batch.delete(Table::Tail, tail.as_slice()))),
            (
                "another size",
                Box::new(|_, batch| {
                    let mut smaller = Growth::new();
                    smaller.append([7; 32]);
                    batch.put(Table::Frontier, key(Table::Frontier).as_slice(), &smaller.frontier().to_bytes());
                }),
            ),
        ];
        for (what, damage) in damages {
            let directory = tempfile::tempdir().unwrap();
            let store = store(directory.path(), 700, Some(&mut Trees::default()));
            let mut batch = store.batch();
            damage(&store, &mut batch);
            store.commit(batch.finish()).unwrap();
            let error = check(&store).map_err(|error| error.to_string());
            assert!(
                error.as_ref().is_err_and(|error| error.contains("damaged") && error.contains(COUNCIL) || error.contains("Tail")),
                "{what}: {error:?}"
            );
        }
    }
}
