//! A tree that grows leaf by leaf and gives its tiles as they are completed: what a book's writer runs, and the simplest check of tiles.

use crate::error::Error;
use crate::nodes::Tiles;
use crate::tile::{FULL, HEIGHT, Kind, Tile};
use crate::tree::{Frontier, Hash, perfect_root};

/// A tree's frontier, its partial tiles, and the tiles that were completed since they were last taken. At most 8 partial tiles of less
/// than 8 KiB each, whatever the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    frontier: Frontier,
    /// The hashes of the partial tile of each level; empty where there is none.
    edge: Vec<Vec<Hash>>,
    full: Vec<(Tile, Vec<Hash>)>,
}

impl Growth {
    /// From an empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on from a frontier that was kept, with the partial tiles of its size from `tiles`. They have to be of the same tree: whoever
    /// appends to a damaged store would sign what cannot be proved later.
    pub fn resume(frontier: Frontier, tiles: &(impl Tiles + ?Sized)) -> Result<Self, Error> {
        let mut edge = Vec::new();
        for level in 0.. {
            let kind = Kind::Hashes(level);
            let count = kind.count(frontier.size());
            if count == 0 {
                break;
            }
            let partial = Tile::at(kind, count / u64::from(FULL), frontier.size());
            edge.push(partial.map_or(Ok(Vec::new()), |tile| tile.hashes(&tiles.read(tile)?))?);
        }
        let growth = Self { frontier, edge, full: Vec::new() };
        let (found, expected) = (growth.edge_root(), growth.frontier.root());
        if found != expected {
            let what = format!("the root of the partial tiles at size {}", growth.frontier.size());
            return Err(Error::Mismatch { what, found, by: "the frontier".to_owned(), expected });
        }
        Ok(growth)
    }

    /// Appends a leaf by its hash.
    pub fn append(&mut self, leaf: Hash) {
        let Self { frontier, edge, full } = self;
        frontier.append_with(leaf, |level, hash| {
            if level % HEIGHT == 0 {
                let level = (level / HEIGHT) as usize;
                if level == edge.len() {
                    edge.push(Vec::new());
                }
                edge[level].push(hash);
            }
        });
        for (level, hashes) in edge.iter_mut().enumerate() {
            if hashes.len() < usize::from(FULL) {
                // A level's tile can be full only if the one below it just was.
                break;
            }
            let kind = Kind::Hashes(level as u8);
            let index = kind.count(frontier.size()) / u64::from(FULL) - 1;
            full.push((Tile::new(kind, index, FULL).expect("a full tile of a level that trees have"), std::mem::take(hashes)));
        }
    }

    /// The tree's frontier.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// The full tiles since the last call, in the order in which they were completed, with their hashes.
    pub fn take_full(&mut self) -> Vec<(Tile, Vec<Hash>)> {
        std::mem::take(&mut self.full)
    }

    /// The partial tiles as they are now, by level.
    pub fn partial(&self) -> impl Iterator<Item = (Tile, &[Hash])> {
        self.edge.iter().enumerate().filter_map(|(level, hashes)| {
            let kind = Kind::Hashes(level as u8);
            let tile = Tile::new(kind, kind.count(self.frontier.size()) / u64::from(FULL), hashes.len() as u16)?;
            Some((tile, hashes.as_slice()))
        })
    }

    /// The root by the partial tiles alone: each is a row of perfect trees, and the higher levels stand to the left.
    fn edge_root(&self) -> Hash {
        let mut perfect = Vec::new();
        for hashes in self.edge.iter().rev() {
            let mut rest = hashes.as_slice();
            while !rest.is_empty() {
                let (tree, after) = rest.split_at(1 << rest.len().ilog2());
                perfect.push(perfect_root(tree));
                rest = after;
            }
        }
        crate::tree::root_of(&perfect)
    }
}
