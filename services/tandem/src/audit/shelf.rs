//! A book's tiles and bundles from wherever they are, with a cache of those that can never change.

use super::slots::Slots;
use super::source::{Directory, Source, Unread};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tandem_book::Error;
use tandem_book::nodes::Tiles;
use tandem_book::tile::{FULL, Kind, Tile};
use tandem_book::tree::HASH_BYTES;
use tandem_domain::record::COMMITMENT_BYTES;

/// An entry in a bundle: its length in two bytes, and the commitment.
const BUNDLED_BYTES: usize = 2 + COMMITMENT_BYTES;

/// The files of one book. Partial tiles, of which there are at most nine, are read once and kept, so that all who look at one see the same.
pub struct Shelf<'a> {
    source: &'a dyn Source,
    cache: Option<Cache>,
    partial: Mutex<BTreeMap<Tile, Vec<u8>>>,
    counts: Counts,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Counts {
    /// Files from the source.
    pub files_read: AtomicU64,
    /// Their bytes.
    pub bytes_read: AtomicU64,
    /// Files from the cache.
    pub files_cached: AtomicU64,
}

impl<'a> Shelf<'a> {
    /// Over a source; full tiles and bundles that are found true are kept in the cache.
    pub fn new(source: &'a dyn Source, cache: Option<Cache>) -> Self {
        Self { source, cache, partial: Mutex::default(), counts: Counts::default() }
    }

    /// What was read so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The cache, if there is one.
    pub fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    /// The partial tiles and bundles that were read.
    pub fn partial(&self) -> BTreeMap<Tile, Vec<u8>> {
        self.partial.lock().expect("no reader panics").clone()
    }

    /// What `check` makes of a tile or bundle. A cached one that does not pass is read anew: a broken cache accuses no book. One that passes is kept.
    pub fn checked<T>(&self, tile: Tile, check: impl Fn(&[u8]) -> Result<T, Error>) -> Result<T, Error> {
        let cached = self.cache.as_ref().filter(|_| tile.is_full()).and_then(|cache| cache.read(tile));
        if let Some(made) = cached.and_then(|bytes| check(&bytes).ok()) {
            self.counts.files_cached.fetch_add(1, Ordering::Relaxed);
            return Ok(made);
        }
        let bytes = self.read(tile)?;
        let made = check(&bytes)?;
        if let Some(cache) = self.cache.as_ref().filter(|_| tile.is_full()) {
            let unkept = |error| unreadable(tile, format!("it could not be kept in the cache: {error}"));
            cache.keep(tile, &bytes).map_err(unkept)?;
        }
        Ok(made)
    }

    fn fetch(&self, tile: Tile) -> Result<Vec<u8>, Unread> {
        let width = usize::from(tile.width());
        let limit = if tile.kind() == Kind::Entries { BUNDLED_BYTES * width } else { HASH_BYTES * width };
        let bytes = self.source.read(&tile.to_string(), limit)?;
        self.counts.files_read.fetch_add(1, Ordering::Relaxed);
        self.counts.bytes_read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }

    /// A log may drop partial tiles once the full one is there (c2sp.org/tlog-tiles v0.1, "Partial tiles"), of which they are the beginning.
    fn fetch_partial(&self, tile: Tile) -> Result<Vec<u8>, Unread> {
        let absent = match self.fetch(tile) {
            Err(unread) if unread.absent => unread,
            other => return other,
        };
        let unit = if tile.kind() == Kind::Entries { BUNDLED_BYTES } else { HASH_BYTES };
        match self.fetch(tile.full()) {
            Ok(mut bytes) => {
                bytes.truncate(unit * usize::from(tile.width()));
                Ok(bytes)
            }
            Err(unread) if unread.absent => Err(absent),
            Err(unread) => Err(unread),
        }
    }
}

/// From the source, never from the cache.
impl Tiles for Shelf<'_> {
    fn read(&self, tile: Tile) -> Result<Vec<u8>, Error> {
        let failed = |unread: Unread| unreadable(tile, unread.why);
        if tile.is_full() {
            return self.fetch(tile).map_err(failed);
        }
        if let Some(bytes) = self.partial.lock().expect("no reader panics").get(&tile) {
            return Ok(bytes.clone());
        }
        let bytes = self.fetch_partial(tile).map_err(failed)?;
        Ok(self.partial.lock().expect("no reader panics").entry(tile).or_insert(bytes).clone())
    }
}

fn unreadable(tile: Tile, why: String) -> Error {
    Error::Unreadable { tile: tile.to_string(), why }
}

/// Full tiles and bundles in a directory. Each was true when it was put there, and is checked again by whoever reads it.
#[derive(Debug)]
pub struct Cache {
    root: PathBuf,
    slots: Option<Slots>,
}

impl Cache {
    /// In this directory, which is made when it is needed; those of the lowest level many to a file.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self { slots: Some(Slots::new(&root)), root }
    }

    /// The same in the layout in which they are served, a file for each.
    pub fn as_served(root: impl Into<PathBuf>) -> Self {
        Self { slots: None, root: root.into() }
    }

    fn slots(&self, tile: Tile) -> Option<&Slots> {
        self.slots.as_ref().filter(|_| Slots::has(tile))
    }

    /// A full tile or bundle, if it is there.
    pub fn read(&self, tile: Tile) -> Option<Vec<u8>> {
        if let Some(slots) = self.slots(tile) {
            return slots.read(tile);
        }
        let limit = usize::from(FULL) * BUNDLED_BYTES;
        Directory::at(&self.root).read(&tile.to_string(), limit).ok()
    }

    /// Puts one there. Half of it is as good as none, as it does not pass.
    pub fn keep(&self, tile: Tile, bytes: &[u8]) -> std::io::Result<()> {
        if let Some(slots) = self.slots(tile) {
            return slots.keep(tile, bytes);
        }
        write_whole(&self.root.join(tile.to_string()), bytes)
    }
}

/// Writes a file so that nobody ever sees a part of it. It is not forced to disk: whoever reads it checks it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let part = path.with_extension("part");
    match std::fs::write(&part, bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            std::fs::write(&part, bytes)?;
        }
        other => other?,
    }
    std::fs::rename(part, path)
}
