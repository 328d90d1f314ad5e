//! What is checked at the start: that store and log belong together.

use super::source::Source;
use crate::progress::{Council, Progress};
use crate::store::meta::{Cursor, LastFrame, Meta};
use crate::store::{Batch, Store};
use crate::{Error, Health, Partitions};
use rustc_hash::FxHashMap;
use tandem_domain::position::partition_of;
use tandem_domain::rows::{Book, Views};
use tandem_domain::tables::{FOLD_VERSION, Key, Rows, Sink, Table};

/// Refuses a log that the store was not made from; a new store is from now on made from this one.
pub(crate) fn same_log(store: &Store, source: &dyn Source, held: &Partitions) -> Result<(), Error> {
    let refuse = |why: String| Err(Error::OtherLog { path: store.path().into(), why });
    let (log, partitions) = (source.id(), source.partitions());
    let meta = Meta::read(store)?;
    match meta {
        Some(meta) if meta.log != log => return refuse(format!("is of log {}, and this one is {log}", meta.log)),
        Some(meta) if meta.partitions != partitions => {
            return refuse(format!("is of a log of {} partitions, and this one has {partitions}", meta.partitions));
        }
        _ => {}
    }
    // A new store, too: it needs the log from its very first frame.
    held.iter().try_for_each(|partition| same_partition(store, source, partition))?;
    match meta {
        Some(_) => Ok(()),
        None => make(store, Meta::new(log, partitions)),
    }
}

/// A new store says from now on what it is.
pub(crate) fn make(store: &Store, meta: Meta) -> Result<(), Error> {
    if !store.councils()?.is_empty() {
        return Err(Error::Damaged { path: store.path().into(), why: "it has books and no row that says of which log".into() });
    }
    let mut batch: Batch<'_> = store.batch();
    batch.put(Table::Meta, Key::bare(Table::Meta).as_slice(), &meta.encode());
    store.commit(batch.finish())?;
    store.sync()
}

fn same_partition(store: &Store, source: &dyn Source, partition: u32) -> Result<(), Error> {
    let refuse = |why: String| Err(Error::OtherLog { path: store.path().into(), why });
    let (start, end) = (source.start(partition)?, source.end(partition)?);
    let cursor = Cursor::read(store, partition)?.unwrap_or_default();
    let next = cursor.next_offset;
    if next < start {
        return refuse(format!("needs offset {next} of partition {partition}, and the log begins at {start} there"));
    }
    if next > end || (next == end && cursor.next_index > 0) {
        return refuse(format!("has folded offset {next} of partition {partition}, and the log ends at {end} there"));
    }
    match cursor.last {
        Some(last) if last.offset >= start => match source.read(partition, last.offset, 1)?.first() {
            Some(frame) if LastFrame::of(frame) == last => Ok(()),
            _ => refuse(format!("has folded another frame at offset {} of partition {partition} than the log holds there", last.offset)),
        },
        _ => Ok(()),
    }
}

/// What is committed. Its health is `Serving` unless views are behind their books.
pub(crate) fn progress(store: &Store, held: &Partitions) -> Result<Progress, Error> {
    let cursor = |partition| -> Result<_, Error> {
        let cursor = if held.has(partition) { Cursor::read(store, partition)? } else { None };
        Ok(cursor.map_or((0, 0), |cursor| (cursor.next_offset, cursor.next_index)))
    };
    let cursors = (0..held.of()).map(cursor).collect::<Result<Vec<_>, _>>()?;
    let health = match behind(store)? {
        false => Health::Serving,
        true => Health::Starting("the views are folded again".into()),
    };
    let books = books(store, held)?;
    for (council, own) in &books {
        let partition = partition_of(council, held.of());
        if own.book.partition != partition {
            let why = format!("the book of {council} is of partition {} and belongs in {partition}", own.book.partition);
            return Err(Error::Damaged { path: store.path().into(), why });
        }
    }
    Ok(Progress { health, cursors, books })
}

/// The book and counts of every council that lives in the partitions held.
pub(crate) fn books(store: &Store, held: &Partitions) -> Result<FxHashMap<String, Council>, Error> {
    let of = |council: String| -> Result<_, Error> {
        let (book, views) = rows_of(store, &council)?;
        let own = Council { book, suspended: views.suspended, cures: views.cures.len() as u64 };
        Ok((council, own))
    };
    store.councils()?.into_iter().filter(|council| held.has_council(council)).map(of).collect()
}

/// Whether some council's views lack entries that its book has.
fn behind(store: &Store) -> Result<bool, Error> {
    for council in store.councils()? {
        if is_behind(store, &council)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a council's views lack entries that its book has.
pub(crate) fn is_behind(store: &Store, council: &str) -> Result<bool, Error> {
    let (book, views) = rows_of(store, council)?;
    if views.folded > book.entries || (views.folded > 0 && views.fold_version != FOLD_VERSION) {
        let why = format!("the views of {council} are not those of its book");
        return Err(Error::Damaged { path: store.path().into(), why });
    }
    Ok(views.folded < book.entries)
}

/// A council's two counting rows; default where there is none.
pub(crate) fn rows_of<R: Rows>(rows: &R, council: &str) -> Result<(Book, Views), R::Error> {
    let book = rows.get(Table::Book, Key::of(Table::Book, council).as_slice())?;
    let views = rows.get(Table::Views, Key::of(Table::Views, council).as_slice())?;
    let book = book.map_or(Ok(Book::default()), |row| Book::decode(&row))?;
    let views = views.map_or(Ok(Views::default()), |row| Views::decode(&row))?;
    Ok((book, views))
}
