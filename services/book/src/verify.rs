//! A whole book against its checkpoint, from its tiles and bundles. The parts are public so that a caller can do them in parallel and in
//! any order: all of them together leave no byte of a tile or bundle unchecked.

use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::nodes::{TileNodes, Tiles};
use crate::tile::{FULL, Kind, Tile};
use crate::tree::{Hash, leaf_hash, perfect_root};
use crate::{bundle, proof};

/// Checks every tile and bundle of the book: the partial tiles lead to the checkpoint's root, every full tile to its place in the tile
/// above it, every entry to its leaf. Reads each once; tiles that have children once more for every level below.
pub fn book(tiles: &(impl Tiles + ?Sized), checkpoint: &Checkpoint) -> Result<(), Error> {
    root(tiles, checkpoint)?;
    let top = (0..u8::MAX).find(|&level| Kind::Hashes(level).count(checkpoint.size) == 0).unwrap_or_default();
    for level in (1..top).rev() {
        for parent in all(Kind::Hashes(level), checkpoint.size) {
            let hashes = parent.hashes(&tiles.read(parent)?)?;
            for (at, expected) in (parent.index() * u64::from(FULL)..).zip(&hashes) {
                let child = Tile::new(Kind::Hashes(level - 1), at, FULL).expect("below a level that trees have");
                full_tile(child, &tiles.read(child)?, parent, expected)?;
            }
        }
    }
    for tile in all(Kind::Hashes(0), checkpoint.size) {
        let entries = Tile::new(Kind::Entries, tile.index(), tile.width()).expect("as wide as its tile");
        entry_bundle(entries, &tiles.read(entries)?, &tile.hashes(&tiles.read(tile)?)?)?;
    }
    Ok(())
}

fn all(kind: Kind, size: u64) -> impl Iterator<Item = Tile> {
    (0..).map_while(move |index| Tile::at(kind, index, size))
}

/// Checks that the partial tiles (and the widths of the highest) lead to the checkpoint's root.
pub fn root(tiles: &(impl Tiles + ?Sized), checkpoint: &Checkpoint) -> Result<(), Error> {
    let found = proof::root(&mut TileNodes::new(tiles, checkpoint.size), checkpoint.size)?;
    if found == checkpoint.root {
        return Ok(());
    }
    let what = format!("the root of the partial tiles of {} at size {}", checkpoint.origin, checkpoint.size);
    Err(Error::Mismatch { what, found, by: "the checkpoint".to_owned(), expected: checkpoint.root })
}

/// Checks that a full tile is what the tile above it says.
pub fn full_tile(tile: Tile, bytes: &[u8], parent: Tile, expected: &Hash) -> Result<(), Error> {
    let found = perfect_root(&tile.full().hashes(bytes)?);
    if found == *expected {
        return Ok(());
    }
    let by = format!("{parent}, hash {}", tile.index() % u64::from(FULL));
    Err(Error::Mismatch { what: format!("the root of {tile}"), found, by, expected: *expected })
}

/// Checks that the entries of a bundle are the leaves of the tile over it, and gives them.
pub fn entry_bundle<'a>(bundle: Tile, bytes: &'a [u8], leaves: &[Hash]) -> Result<Vec<&'a [u8]>, Error> {
    let entries = bundle::entries(bundle, bytes)?;
    for (at, (entry, expected)) in (0..).zip(entries.iter().zip(leaves)) {
        let found = leaf_hash(entry);
        if found != *expected {
            let what = format!("the leaf of entry {} in {bundle}", bundle.index() * u64::from(FULL) + at);
            return Err(Error::Mismatch { what, found, by: "its tile".to_owned(), expected: *expected });
        }
    }
    Ok(entries)
}
