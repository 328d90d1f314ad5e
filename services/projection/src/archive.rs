//! The archive of a projection that nobody has open: every entry of its books, for whoever makes a log of them again.

use crate::store::Store;
use crate::store::meta::{Cursor, Meta};
use crate::tail::check::rows_of;
use crate::{Error, Options};
use std::path::Path;
use tandem_domain::position::{LogId, partition_of};
use tandem_domain::rows::read_entry;
use tandem_domain::tables::{Key, Rows, Table};

/// Offset of a frame, index in it.
type At = (u64, u32);

/// A projection's archive, read-only: what is on disk, which is what was committed when its server stopped, or a little less if it did not stop.
pub struct Archive {
    store: Store,
    meta: Meta,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("path", &self.store.path()).finish_non_exhaustive()
    }
}

impl Archive {
    /// Opens that of the projection in a directory.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let store = Store::open_read_only(path, &Options::default())?;
        let meta = Meta::read(&store)?.ok_or_else(|| Error::Missing { path: path.into() })?;
        Ok(Self { store, meta })
    }

    /// The log that it is made of.
    pub fn log(&self) -> LogId {
        self.meta.log
    }

    /// The first record of a partition that is in no book: offset of the frame, index in it.
    pub fn cursor(&self, partition: u32) -> Result<(u64, u32), Error> {
        Ok(Cursor::read(&self.store, partition)?.map_or((0, 0), |cursor| (cursor.next_offset, cursor.next_index)))
    }

    /// Councils whose books are of a partition, and the last record that each has taken: offset of the frame, index in it.
    pub fn councils(&self, partition: u32) -> Result<Vec<(String, At)>, Error> {
        let mut councils = Vec::new();
        for council in self.store.councils()? {
            if partition_of(&council, self.meta.partitions) == partition {
                let (book, _) = rows_of(&self.store, &council)?;
                councils.push((council, (book.offset, book.index)));
            }
        }
        Ok(councils)
    }

    /// Visits entries of a book from a sequence on: book time (microseconds since 1970 UTC) and encoded `Record`; until `visit` says false.
    pub fn entries(&self, council: &str, from: u64, mut visit: impl FnMut(u64, &[u8]) -> bool) -> Result<(), Error> {
        let prefix = Key::of(Table::Entry, council).as_slice().to_vec();
        let first = [&prefix[..], &from.to_be_bytes()].concat();
        let (mut expected, mut wrong, mut whole) = (from, None, true);
        self.store.scan(Table::Entry, &prefix, &first, &mut |key, row| match (
            key.strip_prefix(&prefix[..]) == Some(&expected.to_be_bytes()),
            read_entry(row),
        ) {
            (true, Ok((book_time_us, record))) => {
                expected += 1;
                whole = visit(book_time_us, record);
                whole
            }
            (true, Err(corrupt)) => {
                wrong = Some(corrupt.into());
                false
            }
            (false, _) => false,
        })?;
        let (book, _) = rows_of(&self.store, council)?;
        match wrong {
            Some(error) => Err(error),
            None if whole && expected < book.entries => {
                let why = format!("the archive of {council} lacks sequence {expected}: restore it from a backup");
                Err(Error::Damaged { path: self.store.path().into(), why })
            }
            None => Ok(()),
        }
    }
}
