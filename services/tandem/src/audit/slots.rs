//! Many tiles and bundles in few files: making a file costs more than fetching what is in it. A file for 256 places, each a full tile of
//! level 0 and the bundle under it, which have fixed lengths in a book of commitments, at fixed offsets.
//!
//! Nothing is forced to disk and no file is ever whole: whoever reads a place checks it, and what does not pass is fetched again. A hole is
//! told apart by its zeroes, which no hash and no length of an entry is.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tandem_book::tile::{FULL, Kind, Tile};
use tandem_book::tree::HASH_BYTES;
use tandem_domain::record::COMMITMENT_BYTES;

/// Length of a full tile, and of a full bundle: each entry after its length in two bytes.
const TILE_BYTES: usize = FULL as usize * HASH_BYTES;
const BUNDLE_BYTES: usize = FULL as usize * (2 + COMMITMENT_BYTES);
/// Length of a place.
const PLACE_BYTES: u64 = (TILE_BYTES + BUNDLE_BYTES) as u64;
/// Files that are kept open: readers are at most a few apart.
const OPEN_MAX: usize = 16;
/// How much of a place is looked at for zeroes.
const ZEROES: usize = 32;

/// Those files, in a directory that is made when it is needed.
#[derive(Debug)]
pub struct Slots {
    root: PathBuf,
    open: Mutex<BTreeMap<u64, Arc<File>>>,
}

/// Where a tile or bundle is: which file, from where, how long.
struct Slot {
    file: u64,
    at: u64,
    length: usize,
}

impl Slot {
    /// None for what has no slot: what is not full, and tiles of the higher levels.
    fn of(tile: Tile) -> Option<Self> {
        let (within, length) = match tile.kind() {
            Kind::Hashes(0) => (0, TILE_BYTES),
            Kind::Entries => (TILE_BYTES as u64, BUNDLE_BYTES),
            Kind::Hashes(_) => return None,
        };
        let (file, place) = (tile.index() / u64::from(FULL), tile.index() % u64::from(FULL));
        tile.is_full().then_some(Self { file, at: place * PLACE_BYTES + within, length })
    }
}

impl Slots {
    /// In this directory.
    pub fn new(root: &Path) -> Self {
        Self { root: root.into(), open: Mutex::default() }
    }

    /// Whether a tile or bundle has a slot.
    pub fn has(tile: Tile) -> bool {
        Slot::of(tile).is_some()
    }

    /// The file that holds a tile's slot.
    #[cfg(test)]
    pub fn path(root: &Path, tile: Tile) -> PathBuf {
        Self::new(root).path_of(tile.index() / u64::from(FULL))
    }

    fn path_of(&self, file: u64) -> PathBuf {
        self.root.join(format!("places-{file:09}"))
    }

    fn file(&self, number: u64, make: bool) -> std::io::Result<Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(&number) {
            return Ok(file.clone());
        }
        if make {
            std::fs::create_dir_all(&self.root)?;
        }
        let file = Arc::new(OpenOptions::new().read(true).write(true).create(make).truncate(false).open(self.path_of(number))?);
        if open.len() >= OPEN_MAX {
            open.pop_first();
        }
        open.insert(number, file.clone());
        Ok(file)
    }

    /// What is there; `None`: nothing.
    pub fn read(&self, tile: Tile) -> Option<Vec<u8>> {
        let slot = Slot::of(tile)?;
        let mut bytes = vec![0; slot.length];
        self.file(slot.file, false).and_then(|file| file.read_exact_at(&mut bytes, slot.at)).ok()?;
        bytes[..ZEROES].iter().any(|byte| *byte != 0).then_some(bytes)
    }

    /// Puts bytes into a slot, exactly as many as it has.
    pub fn keep(&self, tile: Tile, bytes: &[u8]) -> std::io::Result<()> {
        match Slot::of(tile) {
            Some(slot) if slot.length == bytes.len() => self.file(slot.file, true)?.write_all_at(bytes, slot.at),
            _ => Err(std::io::Error::new(ErrorKind::InvalidInput, format!("{tile} of {} bytes has no slot", bytes.len()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let slots = Slots::new(&root.path().join("cache"));
        let tile = |kind, index| Tile::new(kind, index, FULL).unwrap();
        let all = || [Kind::Hashes(0), Kind::Entries].into_iter().flat_map(|kind| [0, 1, 255, 256, 70_000].map(|index| tile(kind, index)));
        let bytes = |of: Tile| vec![of.index() as u8 ^ 0x5a; Slot::of(of).unwrap().length];
        assert!(all().all(|of| slots.read(of).is_none()));
        for of in all().step_by(2) {
            slots.keep(of, &bytes(of)).unwrap();
        }
        let again = Slots::new(&root.path().join("cache"));
        for (at, of) in all().enumerate() {
            assert_eq!(again.read(of), (at % 2 == 0).then(|| bytes(of)), "{of}");
        }
        assert!(slots.keep(tile(Kind::Entries, 0), &[1; 5]).is_err() && !Slots::has(tile(Kind::Hashes(1), 0)));
        assert!(!Slots::has(Tile::new(Kind::Entries, 0, 255).unwrap()));
    }
}
