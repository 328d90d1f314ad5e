//! Whether a book goes on from the checkpoint that this auditor saw last, and if not, where it parts from it.

use super::shelf::{Cache, Shelf};
use super::verdict::Failure;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tandem_book::checkpoint::Checkpoint;
use tandem_book::nodes::{TileNodes, Tiles};
use tandem_book::proof;
use tandem_book::tile::{FULL, Kind, Tile};
use tandem_book::tree::HASH_BYTES;

/// Checks that `new` goes on from `old`, both signed by the book's key.
pub fn goes_on(shelf: &Shelf<'_>, old: &Checkpoint, new: &Checkpoint) -> Result<(), Failure> {
    let (from, to) = (old.size, new.size);
    if to < from {
        return Err(rewritten(shelf, old, new, format!("it has {to} entries, but had {from} when this auditor last saw it")));
    }
    if to == from && new.root != old.root {
        let why = format!("two signed checkpoints of size {to} have different roots: {} now, {} when this auditor last saw it", root(new), root(old));
        return Err(rewritten(shelf, old, new, why));
    }
    if to == from {
        return Ok(());
    }
    let mut nodes = TileNodes::new(shelf, to);
    let found = proof::root(&mut nodes, from)?;
    let hashes = proof::consistency(&mut nodes, from, to)?;
    // Wrong tiles are no rewritten history: only what provably leads to the new root accuses.
    proof::verify_consistency(from, &found, to, &new.root, &hashes)?;
    if found == old.root {
        return Ok(());
    }
    let why = format!("its {to} entries do not begin with the {from} that this auditor saw last (root {})", root(old));
    Err(rewritten(shelf, old, new, why))
}

fn root(checkpoint: &Checkpoint) -> String {
    STANDARD.encode(checkpoint.root)
}

fn rewritten(shelf: &Shelf<'_>, old: &Checkpoint, new: &Checkpoint, why: String) -> Failure {
    let place = match shelf.cache() {
        None => "a --cache of the last visit would show where".to_owned(),
        Some(cache) => place(shelf, cache, old.size, new.size),
    };
    Failure::rewritten(format!("the history of {} was rewritten: {why}; {place}", new.origin))
}

/// Where the tiles of the last visit and those of today part. The tiles of today are believed: this is a hint, and the proof is above.
fn place(shelf: &Shelf<'_>, cache: &Cache, old: u64, new: u64) -> String {
    let size = old.min(new);
    let mut from = 0;
    for level in (0..8).rev() {
        let kind = Kind::Hashes(level);
        let leaves = 1u64 << (8 * u32::from(level));
        let mut index = from / leaves / u64::from(FULL);
        while let Some(tile) = Tile::at(kind, index, size).filter(|tile| tile.is_full()) {
            match parts(shelf, cache, tile) {
                Parting::Same => from = (index + 1) * u64::from(FULL) * leaves,
                Parting::Entry(sequence) => return format!("the first entry that differs is {sequence}"),
                Parting::Unknown(first) => return format!("entries before {first} are the same, and the cache does not show where they part"),
            }
            index += 1;
        }
    }
    format!("the {from} entries that the cache holds are the same, so that they part from entry {from} on")
}

enum Parting {
    Same,
    /// From this entry on.
    Entry(u64),
    /// In a tile that begins with this entry, but not seen where.
    Unknown(u64),
}

/// Goes down from a tile to the first entry under it that differs.
fn parts(shelf: &Shelf<'_>, cache: &Cache, tile: Tile) -> Parting {
    let Kind::Hashes(level) = tile.kind() else { return Parting::Unknown(0) };
    let leaves = 1u64 << (8 * u32::from(level));
    let start = tile.index() * u64::from(FULL);
    let (Some(kept), Ok(served)) = (cache.read(tile), shelf.read(tile)) else { return Parting::Unknown(start * leaves) };
    let (kept, served) = (kept.as_chunks::<HASH_BYTES>().0, served.as_chunks::<HASH_BYTES>().0);
    let Some(at) = (0..).zip(kept.iter().zip(served)).find_map(|(at, (kept, served))| (kept != served).then_some(at)) else {
        return Parting::Same;
    };
    match level.checked_sub(1).and_then(|below| Tile::new(Kind::Hashes(below), start + at, FULL)) {
        None => Parting::Entry(start + at),
        Some(child) => match parts(shelf, cache, child) {
            Parting::Same => Parting::Unknown((start + at) * leaves),
            other => other,
        },
    }
}
