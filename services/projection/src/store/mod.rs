//! The rows of [`tandem_domain::tables`] in RocksDB.

mod batch;
pub(crate) mod dump;
mod groups;
pub(crate) mod meta;
mod rows;

pub(crate) use batch::Batch;
pub(crate) use rows::Snapshot;

use crate::error::one_line;
use crate::{Error, Options};
use groups::{GROUPS, Group};
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{ColumnFamily, DB, ErrorKind, FlushOptions, ReadOptions, WriteBatch};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tandem_domain::tables::{Key, Rows, Sink, Table};

/// The key of the stamp that every commit leaves in every column family but those that are only appended to. It is no table's tag.
const STAMP: [u8; 1] = [0xff];

/// An open store. The fold commits, and whoever keeps rows that the fold does not write; any number read.
pub(crate) struct Store {
    db: DB,
    path: PathBuf,
    /// Batches committed since the store was made. Whoever commits holds it, so that stamps ascend in the order of commits.
    commits: Mutex<u64>,
    reads: ReadOptions,
}

impl Store {
    /// Opens a store for writing; makes one if there is none.
    pub fn open(path: &Path, options: &Options) -> Result<Self, Error> {
        std::fs::create_dir_all(path).map_err(|error| Error::Open { path: path.into(), why: error.to_string() })?;
        if !exists(path) && has_files(path)? {
            return Err(Error::Damaged { path: path.into(), why: "its CURRENT file is missing".into() });
        }
        check_groups(path)?;
        let db = DB::open_cf_descriptors(&groups::database_options(options), path, groups::descriptors(options));
        let store = Self::new(db.map_err(|error| open_error(path, &error))?, path)?;
        GROUPS.iter().try_for_each(|group| store.db.set_options_cf(store.family(*group), &groups::LATER))?;
        Ok(store)
    }

    /// Opens a store that is there, to read it as it is now.
    pub fn open_read_only(path: &Path, options: &Options) -> Result<Self, Error> {
        if !exists(path) {
            return Err(Error::Missing { path: path.into() });
        }
        check_groups(path)?;
        let mut database = groups::database_options(options);
        database.create_if_missing(false);
        let db = DB::open_cf_descriptors_read_only(&database, path, groups::descriptors(options), false);
        Self::new(db.map_err(|error| open_error(path, &error))?, path)
    }

    fn new(db: DB, path: &Path) -> Result<Self, Error> {
        let mut reads = ReadOptions::default();
        reads.set_verify_checksums(true);
        let mut store = Self { db, path: path.into(), commits: Mutex::new(0), reads };
        store.check_files()?;
        store.commits = Mutex::new(store.check_stamps()?);
        Ok(store)
    }

    /// Whether there is a store in a directory.
    pub fn exists(path: &Path) -> bool {
        exists(path)
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// RocksDB looks for its files when it opens them to write, but not when it only reads.
    fn check_files(&self) -> Result<(), Error> {
        for file in self.db.live_files()? {
            let name = file.name.trim_start_matches('/');
            if !self.path.join(name).exists() {
                return Err(Error::Damaged { path: self.path.clone(), why: format!("its file {name} is missing, and so it cannot be opened") });
            }
        }
        Ok(())
    }

    /// Every commit stamps the column families, so a lost file of one of them shows, even where RocksDB itself has not noticed.
    fn check_stamps(&self) -> Result<u64, Error> {
        let mut stamps = Vec::new();
        for group in GROUPS.into_iter().filter(|group| group.is_stamped()) {
            let stamp = self.db.get_cf_opt(self.family(group), STAMP, &self.reads).map_err(|error| open_error(&self.path, &error))?;
            stamps.push(stamp.map_or(Ok(0), |stamp| tandem_domain::bytes::Take::new("stamp", &stamp).be64())?);
        }
        if stamps.iter().any(|stamp| *stamp != stamps[0]) {
            return Err(Error::Damaged { path: self.path.clone(), why: "its column families are of different commits: files are missing".into() });
        }
        Ok(stamps[0])
    }

    fn family(&self, group: Group) -> &ColumnFamily {
        self.db.cf_handle(group.name()).unwrap_or_else(|| unreachable!("opened with every column family"))
    }

    /// A batch to commit.
    pub fn batch(&self) -> Batch<'_> {
        self.batch_of(0)
    }

    /// The same with room for so many bytes: a large batch that grows is copied again and again.
    pub fn batch_of(&self, bytes: usize) -> Batch<'_> {
        Batch::new(GROUPS.map(|group| self.family(group)), bytes)
    }

    /// A batch that was taken apart, to put more into it.
    pub fn batch_again(&self, batch: WriteBatch) -> Batch<'_> {
        Batch::again(GROUPS.map(|group| self.family(group)), batch)
    }

    /// Makes all of a batch visible at once. It is durable with the next [`Store::sync`], or when RocksDB flushes by itself; both write
    /// every column family as of one commit. What is lost before is folded again from the log, which is this store's write-ahead log: a
    /// second one here would write everything twice.
    pub fn commit(&self, mut batch: WriteBatch) -> Result<(), Error> {
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = *commits + 1;
        GROUPS.iter().filter(|group| group.is_stamped()).for_each(|group| batch.put_cf(self.family(*group), STAMP, stamp.to_be_bytes()));
        self.db.write_without_wal(batch)?;
        *commits = stamp;
        Ok(())
    }

    /// Makes everything that was committed durable.
    pub fn sync(&self) -> Result<(), Error> {
        let mut waiting = FlushOptions::default();
        waiting.set_wait(true);
        Ok(self.db.flush_cfs_opt(&GROUPS.map(|group| self.family(group)), &waiting)?)
    }

    /// Copies what is committed into a directory that is not there, in the same file system: files that never change are hard links. What
    /// is in memory is flushed first, since there is no write-ahead log. Commits go on meanwhile.
    pub fn copy(&self, into: &Path) -> Result<(), Error> {
        Ok(Checkpoint::new(&self.db)?.create_checkpoint(into)?)
    }

    /// What is committed now, for as long as it is held.
    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot::new(self)
    }

    /// Empties every table that can be folded again from the archive, and records the fold that will do so, in one commit.
    pub fn drop_views(&self, meta: &meta::Meta) -> Result<(), Error> {
        let mut batch = self.batch();
        let dropped = || Table::ALL.into_iter().filter(|table| !table.is_book());
        dropped().for_each(|table| batch.delete_all(table));
        batch.put(Table::Meta, Key::bare(Table::Meta).as_slice(), &meta.encode());
        self.commit(batch.finish())?;
        self.sync()?;
        // A range's tombstone slows every read of it until the files are compacted.
        for table in dropped() {
            self.db.compact_range_cf(self.family(Group::of(table)), Some([table as u8]), Some([table as u8 + 1]));
        }
        Ok(())
    }

    /// Every council that has a book, ascending.
    pub fn councils(&self) -> Result<Vec<String>, Error> {
        let mut councils = Vec::new();
        let prefix = [Table::Book as u8];
        self.scan(Table::Book, &prefix, &prefix, &mut |key, _| {
            councils.push(council_of(key));
            true
        })?;
        councils.into_iter().collect()
    }

    /// Bytes of memory that RocksDB holds in write buffers, and in files on disk.
    pub fn sizes(&self) -> (u64, u64) {
        let sum =
            |name: &str| -> u64 { GROUPS.iter().filter_map(|group| self.db.property_int_value_cf(self.family(*group), name).ok().flatten()).sum() };
        (sum("rocksdb.cur-size-all-mem-tables"), sum("rocksdb.live-sst-files-size"))
    }
}

/// The council in a key `tag ‖ council ‖ 0 ‖ …`.
pub(crate) fn council_of(key: &[u8]) -> Result<String, Error> {
    let mut take = tandem_domain::bytes::Take::new("key", key.get(1..).unwrap_or_default());
    Ok(take.text()?.to_owned())
}

fn exists(path: &Path) -> bool {
    path.join("CURRENT").exists()
}

fn has_files(path: &Path) -> Result<bool, Error> {
    let error = |error: std::io::Error| Error::Open { path: path.into(), why: error.to_string() };
    for entry in std::fs::read_dir(path).map_err(error)? {
        let name = entry.map_err(error)?.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("MANIFEST") || name.ends_with(".sst") || name.ends_with(".log") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Refuses column families that this version does not know: opening would fail, less clearly.
fn check_groups(path: &Path) -> Result<(), Error> {
    if !exists(path) {
        return Ok(());
    }
    let names = DB::list_cf(&rocksdb::Options::default(), path).map_err(|error| open_error(path, &error))?;
    match names.iter().find(|name| name.as_str() != "default" && GROUPS.iter().all(|group| group.name() != name.as_str())) {
        None => Ok(()),
        Some(name) => {
            Err(Error::Open { path: path.into(), why: format!("it has a column family {name:?} that this version of tandem does not know") })
        }
    }
}

fn open_error(path: &Path, error: &rocksdb::Error) -> Error {
    let (path, why) = (path.to_owned(), one_line(error.as_ref()));
    let is_damage = matches!(error.kind(), ErrorKind::Corruption | ErrorKind::NotFound) || why.contains("No such file");
    match error.kind() {
        ErrorKind::IOError | ErrorKind::Busy if why.contains("lock") || why.contains("LOCK") => Error::InUse { path },
        _ if is_damage && exists(&path) => Error::Damaged { path, why },
        _ => Error::Open { path, why },
    }
}
