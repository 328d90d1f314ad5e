//! Whole books in the layout in which they are served, made without a server: what auditors are tried on.

use std::collections::BTreeMap;
use std::path::Path;
use tandem_book::bundle;
use tandem_book::checkpoint::Checkpoint;
use tandem_book::grow::Growth;
use tandem_book::key::{SigningKey, Use};
use tandem_book::tile::{FULL, Kind, Tile};
use tandem_book::tree::{Hash, leaf_hash};

/// The council whose books they are.
pub const COUNCIL: &str = "E09000001";
/// Their origin.
pub const ORIGIN: &str = "ledger.example/E09000001";
/// Length of an entry: a commitment.
const ENTRY_BYTES: usize = 74;

/// The key that signs them.
pub fn key() -> SigningKey {
    key_of(ORIGIN, 7)
}

/// A key of this name; another `seed` is another key.
pub fn key_of(name: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(name, Use::Note, &[seed; 32]).expect("a name that keys have")
}

/// The n-th entry: a commitment of version 1 with a book time that goes on. Entries of other `tellings` of history differ.
pub fn entry(n: u64, telling: u8) -> [u8; ENTRY_BYTES] {
    let mut entry = [telling; ENTRY_BYTES];
    entry[0] = 1;
    entry[2..10].copy_from_slice(&(1_700_000_000_000_000 + n * 1_000).to_be_bytes());
    entry[10..18].copy_from_slice(&n.to_be_bytes());
    entry
}

/// A book's files, by their paths.
#[derive(Clone, Debug)]
pub struct Files {
    /// All of them, the checkpoint too.
    pub by_path: BTreeMap<String, Vec<u8>>,
    /// The root of the tree.
    pub root: Hash,
    /// Entries in it.
    pub size: u64,
}

/// A book of so many entries, that are told otherwise from entry `parting` on.
pub fn told_otherwise(size: u64, parting: u64) -> Files {
    of((0..size).map(|n| entry(n, if n < parting { 0 } else { 1 })))
}

/// A book of so many entries.
pub fn plain(size: u64) -> Files {
    told_otherwise(size, u64::MAX)
}

/// A book of these entries.
pub fn of(entries: impl Iterator<Item = [u8; ENTRY_BYTES]>) -> Files {
    let (mut growth, mut by_path, mut open) = (Growth::new(), BTreeMap::new(), Vec::new());
    for entry in entries {
        growth.append(leaf_hash(&entry));
        bundle::push(&mut open, &entry);
        for (tile, hashes) in growth.take_full() {
            if tile.kind() == Kind::Hashes(0) {
                let bundle = Tile::new(Kind::Entries, tile.index(), FULL).expect("as wide as its tile");
                by_path.insert(bundle.to_string(), std::mem::take(&mut open));
            }
            by_path.insert(tile.to_string(), hashes.concat());
        }
    }
    let (size, root) = (growth.frontier().size(), growth.frontier().root());
    for (tile, hashes) in growth.partial() {
        by_path.insert(tile.to_string(), hashes.concat());
    }
    if let Some(bundle) = Tile::at(Kind::Entries, size / u64::from(FULL), size) {
        by_path.insert(bundle.to_string(), open);
    }
    let mut files = Files { by_path, root, size };
    files.sign(&Checkpoint::new(ORIGIN, size, root), &key());
    files
}

impl Files {
    /// Puts another checkpoint there.
    pub fn sign(&mut self, checkpoint: &Checkpoint, key: &SigningKey) {
        let note = checkpoint.sign(key).expect("a checkpoint that can be signed");
        self.by_path.insert("checkpoint".to_owned(), note.to_string().into_bytes());
    }

    /// Writes them below a directory.
    pub fn write(&self, directory: &Path) {
        for (path, bytes) in &self.by_path {
            let path = directory.join(path);
            std::fs::create_dir_all(path.parent().expect("below the directory")).expect("a directory can be made");
            std::fs::write(path, bytes).expect("a file can be written");
        }
    }
}
