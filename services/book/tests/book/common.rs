//! Chance from a printed seed, trees in memory, and a small book.

use std::collections::BTreeMap;
use tandem_book::checkpoint::Checkpoint;
use tandem_book::grow::Growth;
use tandem_book::key::{SigningKey, Use};
use tandem_book::nodes::{Nodes, Tiles};
use tandem_book::tile::{FULL, Kind, Tile};
use tandem_book::tree::{Hash, leaf_hash, node_hash};
use tandem_book::{Error, bundle};

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
pub struct Random(u64);

impl Random {
    /// From `BOOK_SEED`, or a seed that differs from run to run. Printed, so that a failure can be run again.
    pub fn new() -> Self {
        let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        let seed = std::env::var("BOOK_SEED").map_or_else(|_| now() % 1_000_000_000, |seed| seed.parse().expect("BOOK_SEED is a number"));
        println!("BOOK_SEED={seed}");
        Self(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.bits() as u8).collect()
    }
}

pub fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

pub fn hash(hex: &str) -> Hash {
    bytes(hex).try_into().unwrap()
}

/// The n-th entry of the test trees.
pub fn entry(n: u64) -> Vec<u8> {
    [&n.to_be_bytes()[..], &[0xa5; 66]].concat()
}

/// All nodes of all perfect subtrees, plainly: no tiles, no frontier.
#[derive(Clone)]
pub struct Levels(pub Vec<Vec<Hash>>);

impl Levels {
    pub fn new(entries: impl Iterator<Item = Vec<u8>>) -> Self {
        let mut levels = vec![entries.map(|entry| leaf_hash(&entry)).collect::<Vec<_>>()];
        while levels.last().unwrap().len() > 1 {
            let above = levels.last().unwrap().as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect();
            levels.push(above);
        }
        Self(levels)
    }

    /// MTH of RFC 6962, section 2.1, by its definition: split at the largest power of two below the size.
    pub fn root(&self, start: u64, end: u64) -> Hash {
        match end - start {
            0 => tandem_book::tree::EMPTY_ROOT,
            size if size.is_power_of_two() && start.is_multiple_of(size) => self.0[size.ilog2() as usize][(start / size) as usize],
            size => {
                let middle = start + (1 << (size - 1).ilog2());
                node_hash(&self.root(start, middle), &self.root(middle, end))
            }
        }
    }
}

impl Nodes for Levels {
    fn size(&self) -> u64 {
        self.0[0].len() as u64
    }

    fn node(&mut self, level: u32, index: u64) -> Result<Hash, Error> {
        let node = self.0.get(level as usize).and_then(|level| level.get(index as usize));
        node.copied().ok_or_else(|| Error::Beyond { what: format!("node {index} of level {level}"), size: self.size() })
    }
}

/// A book as it is served: every tile and bundle of its size.
#[derive(Clone, Default)]
pub struct Store {
    pub files: BTreeMap<Tile, Vec<u8>>,
}

impl Store {
    /// The files of the tree of these entries, and its growth.
    pub fn new(entries: &[Vec<u8>]) -> (Self, Growth) {
        let (mut store, mut growth) = (Self::default(), Growth::new());
        for entry in entries {
            growth.append(leaf_hash(entry));
        }
        for (tile, hashes) in growth.take_full() {
            store.files.insert(tile, hashes.concat());
        }
        for (tile, hashes) in growth.partial() {
            store.files.insert(tile, hashes.concat());
        }
        for (at, entries) in (0..).zip(entries.chunks(usize::from(FULL))) {
            let mut out = Vec::new();
            entries.iter().for_each(|entry| bundle::push(&mut out, entry));
            store.files.insert(Tile::new(Kind::Entries, at, entries.len() as u16).unwrap(), out);
        }
        (store, growth)
    }
}

impl Tiles for Store {
    fn read(&self, tile: Tile) -> Result<Vec<u8>, Error> {
        self.files.get(&tile).cloned().ok_or_else(|| Error::Unreadable { tile: tile.to_string(), why: "there is none".to_owned() })
    }
}

pub const ORIGIN: &str = "ledger.example/E09000001";

pub fn log_key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, Use::Note, &[7; 32]).unwrap()
}

pub fn witness_key() -> SigningKey {
    SigningKey::from_seed("witness.example/w1", Use::Cosignature, &[8; 32]).unwrap()
}

/// A book of so many test entries, with its checkpoint.
pub fn book(size: u64) -> (Store, Checkpoint) {
    let (store, growth) = Store::new(&(0..size).map(entry).collect::<Vec<_>>());
    (store, Checkpoint::new(ORIGIN, size, growth.frontier().root()))
}

/// Every way to flip one bit.
pub fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        (bit, flipped)
    })
}
