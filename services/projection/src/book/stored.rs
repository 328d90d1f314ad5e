//! A book's tiles and bundles as they are stored.

use super::Commitment;
use tandem_book::nodes::Tiles;
use tandem_book::tile::{FULL, Kind, Tile};
use tandem_book::tree::{Frontier, HASH_BYTES, leaf_hash};
use tandem_domain::bytes::{Corrupt, Take};
use tandem_domain::record::COMMITMENT_BYTES;
use tandem_domain::tables::{Key, Rows, Table};

/// What a commitment takes in a bundle.
pub(super) const BUNDLED_BYTES: usize = 2 + COMMITMENT_BYTES;

/// The tree of one council, under one snapshot (or by the thread that writes it).
pub(crate) struct Stored<'a, R> {
    rows: &'a R,
    council: &'a str,
}

impl<'a, R: Rows> Stored<'a, R> {
    pub fn new(rows: &'a R, council: &'a str) -> Self {
        Self { rows, council }
    }

    /// How far the tree is; `None`: it has not begun.
    pub fn frontier(&self) -> Result<Option<Frontier>, R::Error> {
        let row = self.rows.get(Table::Frontier, Key::of(Table::Frontier, self.council).as_slice())?;
        Ok(row.map(|row| Frontier::from_bytes(&row).map_err(|_| Corrupt("Frontier"))).transpose()?)
    }

    /// The rows of the bundle that is not full: their first sequences, and their commitments joined as in a bundle.
    pub fn tail(&self) -> Result<Tail, R::Error> {
        let prefix = Key::of(Table::Tail, self.council);
        let (mut tail, mut lacks) = (Tail::default(), false);
        self.rows.scan(Table::Tail, prefix.as_slice(), prefix.as_slice(), &mut |key, row| {
            let first = Take::new("Tail", &key[prefix.as_slice().len()..]).be64();
            let expected = tail.rows.first().map(|first| first + (tail.bundle.len() / BUNDLED_BYTES) as u64);
            lacks = first.is_err() || expected.is_some_and(|expected| first != Ok(expected)) || !row.len().is_multiple_of(BUNDLED_BYTES);
            tail.rows.extend(first);
            tail.bundle.extend_from_slice(row);
            !lacks
        })?;
        let is_cut = tail.rows.first().is_some_and(|first| first % u64::from(FULL) != 0) || tail.bundle.len() >= usize::from(FULL) * BUNDLED_BYTES;
        if lacks || is_cut { Err(Corrupt("Tail").into()) } else { Ok(tail) }
    }

    /// A bundle, as far as it is stored. Empty if it is not.
    fn bundle(&self, index: u64) -> Result<Vec<u8>, R::Error> {
        let mut key = Key::of(Table::Bundle, self.council);
        if let Some(full) = self.rows.get(Table::Bundle, key.be64(index).as_slice())? {
            return Ok(full);
        }
        let tail = self.tail()?;
        Ok(if tail.rows.first() == Some(&(index * u64::from(FULL))) { tail.bundle } else { Vec::new() })
    }

    fn hashes(&self, level: u8, index: u64) -> Result<Vec<u8>, R::Error> {
        if let Some(hashes) = self.rows.get(Table::Tile, tile_key(self.council, level, index).as_slice())? {
            return Ok(hashes);
        }
        match level {
            0 => Ok(self.bundle(index)?.as_chunks::<BUNDLED_BYTES>().0.iter().flat_map(|entry| leaf_hash(&entry[2..])).collect()),
            _ => Ok(Vec::new()),
        }
    }

    /// A tile or bundle, exactly as wide as asked; `None` if the tree does not reach so far. What was published of a tile that has grown
    /// since is its beginning.
    pub fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, R::Error> {
        let (mut bytes, each) = match tile.kind() {
            Kind::Entries => (self.bundle(tile.index())?, BUNDLED_BYTES),
            Kind::Hashes(level) => (self.hashes(level, tile.index())?, HASH_BYTES),
        };
        let needed = usize::from(tile.width()) * each;
        bytes.truncate(needed);
        Ok((bytes.len() == needed).then_some(bytes))
    }
}

/// Tiles out of the store for proofs.
impl<R: Rows<Error: std::fmt::Display>> Tiles for Stored<'_, R> {
    fn read(&self, tile: Tile) -> Result<Vec<u8>, tandem_book::Error> {
        let unreadable = |why: String| tandem_book::Error::Unreadable { tile: tile.to_string(), why };
        self.tile(tile).map_err(|error| unreadable(error.to_string()))?.ok_or_else(|| unreadable("it is not stored".into()))
    }
}

/// The bundle that is not full.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// First sequences of its rows, ascending.
    pub rows: Vec<u64>,
    /// Its entries.
    pub bundle: Vec<u8>,
}

pub(super) fn tile_key(council: &str, level: u8, index: u64) -> Key {
    let mut key = Key::of(Table::Tile, council);
    key.byte(level).be64(index);
    key
}

/// Commitments of entries by their sequence: of neighbours one after the other, which share a bundle.
pub(crate) struct Commitments<'a, R> {
    stored: Stored<'a, R>,
    /// The bundle that was read last, and its index.
    bundle: Option<(u64, Vec<u8>)>,
}

impl<'a, R: Rows> Commitments<'a, R> {
    pub fn new(rows: &'a R, council: &'a str) -> Self {
        Self { stored: Stored::new(rows, council), bundle: None }
    }

    /// The commitment that the tree holds of an entry in the book.
    pub fn of(&mut self, sequence: u64) -> Result<Commitment, R::Error> {
        let (index, at) = (sequence / u64::from(FULL), (sequence % u64::from(FULL)) as usize);
        let bundle = match self.bundle.take() {
            Some((read, bundle)) if read == index => bundle,
            _ => self.stored.bundle(index)?,
        };
        let found = bundle.as_chunks::<BUNDLED_BYTES>().0.get(at).map(|entry| std::array::from_fn(|byte| entry[2 + byte]));
        self.bundle = Some((index, bundle));
        Ok(found.ok_or(Corrupt("Bundle"))?)
    }
}
