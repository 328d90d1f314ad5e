//! Reading a tree's nodes out of its tiles.

use crate::error::Error;
use crate::tile::{FULL, HEIGHT, Kind, Tile};
use crate::tree::{Hash, perfect_root};
use std::collections::BTreeMap;

/// Where tiles come from: a store, a directory, a server.
pub trait Tiles {
    /// The bytes of this tile or bundle, as wide as it says. [`Error::Unreadable`] if they cannot be had.
    fn read(&self, tile: Tile) -> Result<Vec<u8>, Error>;
}

impl<F: Fn(Tile) -> Result<Vec<u8>, Error>> Tiles for F {
    fn read(&self, tile: Tile) -> Result<Vec<u8>, Error> {
        self(tile)
    }
}

/// Where the hashes of a tree's perfect subtrees come from.
pub trait Nodes {
    /// Leaves in the tree.
    fn size(&self) -> u64;

    /// The root over the 2^`level` leaves from `index` · 2^`level` on. [`Error::Beyond`] if the tree does not have all of them.
    fn node(&mut self, level: u32, index: u64) -> Result<Hash, Error>;
}

/// The nodes of a tree of a given size, from its tiles. Each tile is read once and kept, as one proof asks for several nodes of it: one
/// of these is for one question. The tiles are believed: what a proof out of wrong ones says does not verify.
pub struct TileNodes<'a, T: ?Sized> {
    tiles: &'a T,
    size: u64,
    read: BTreeMap<Tile, Vec<Hash>>,
}

impl<'a, T: Tiles + ?Sized> TileNodes<'a, T> {
    /// Over the tiles of a tree of this size.
    pub fn new(tiles: &'a T, size: u64) -> Self {
        Self { tiles, size, read: BTreeMap::new() }
    }

    /// The hashes of a tile.
    fn hashes(&mut self, tile: Tile) -> Result<&[Hash], Error> {
        if !self.read.contains_key(&tile) {
            let hashes = tile.hashes(&self.tiles.read(tile)?)?;
            self.read.insert(tile, hashes);
        }
        Ok(&self.read[&tile])
    }
}

impl<T: Tiles + ?Sized> Nodes for TileNodes<'_, T> {
    fn size(&self) -> u64 {
        self.size
    }

    fn node(&mut self, level: u32, index: u64) -> Result<Hash, Error> {
        let beyond = || Error::Beyond { what: format!("node {index} of level {level}"), size: self.size };
        let count = self.size.checked_shr(level).unwrap_or(0);
        if index >= count {
            return Err(beyond());
        }
        // The node is the root over 2^inner neighbouring hashes of one tile.
        let inner = level % HEIGHT;
        let first = index << inner;
        let kind = Kind::Hashes((level / HEIGHT) as u8);
        let tile = Tile::at(kind, first / u64::from(FULL), self.size).ok_or_else(beyond)?;
        let start = (first % u64::from(FULL)) as usize;
        Ok(perfect_root(&self.hashes(tile)?[start..start + (1 << inner)]))
    }
}
