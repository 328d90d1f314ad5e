//! Tiles of a tree and their paths (c2sp.org/tlog-tiles v0.1).
//!
//! A tile of level 0 is up to 256 leaf hashes side by side; each hash of a tile at a higher level is the root of a full tile below. An
//! entry bundle has the same place and width as the tile of level 0 over it. The last tile of a level is partial unless its width is
//! 256, and grows with the tree; a full tile never changes.

use crate::error::Error;
use crate::text::{decimal, shown};
use crate::tree::{HASH_BYTES, Hash, hashes_of};
use std::fmt;
use std::str::FromStr;

/// Hashes or entries in a full tile.
pub const FULL: u16 = 256;
/// Levels of the tree in a level of tiles: `FULL` = 2^8.
pub const HEIGHT: u32 = 8;
/// Highest level that the format has.
const LEVEL_MAX: u8 = 63;
/// Levels that a tree of at most 2^64 - 1 leaves can have: 64 ÷ 8.
const LEVELS: u8 = 8;

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Entries: an entry bundle.
    Entries,
    /// Hashes at this level of tiles, 0 to 63: roots of 256^level leaves each.
    Hashes(u8),
}

impl Kind {
    /// Hashes (or entries) of this kind in a tree of this size: ⌊size ÷ 256^level⌋.
    pub fn count(self, size: u64) -> u64 {
        match self {
            Self::Entries => size,
            Self::Hashes(level) => size.checked_shr(HEIGHT * u32::from(level)).unwrap_or(0),
        }
    }
}

/// Which tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    kind: Kind,
    index: u64,
    width: u16,
}

impl Tile {
    /// The tile at a place, with so many hashes or entries. `None` unless the level is at most 63 and the width 1 to 256.
    pub fn new(kind: Kind, index: u64, width: u16) -> Option<Self> {
        let level = if let Kind::Hashes(level) = kind { level } else { 0 };
        (level <= LEVEL_MAX && (1..=FULL).contains(&width)).then_some(Self { kind, index, width })
    }

    /// The tile at a place as it is in a tree of this size; `None` if the tree does not reach it.
    pub fn at(kind: Kind, index: u64, size: u64) -> Option<Self> {
        let start = index.checked_mul(u64::from(FULL))?;
        let width = kind.count(size).saturating_sub(start).min(u64::from(FULL));
        Self::new(kind, index, width as u16)
    }

    /// What it holds.
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// Its place among the tiles of its kind, from 0.
    pub fn index(self) -> u64 {
        self.index
    }

    /// Hashes or entries in it, 1 to 256.
    pub fn width(self) -> u16 {
        self.width
    }

    /// Whether it can grow no more.
    pub fn is_full(self) -> bool {
        self.width == FULL
    }

    /// The full tile at the same place, of which a partial one is the beginning.
    pub fn full(self) -> Self {
        Self { width: FULL, ..self }
    }

    /// Whether a tree of this size has all of it.
    pub fn is_in(self, size: u64) -> bool {
        Self::at(self.kind, self.index, size).is_some_and(|tile| self.width <= tile.width)
    }

    /// Its hashes, from its bytes: exactly as many as its width.
    pub fn hashes(self, bytes: &[u8]) -> Result<Vec<Hash>, Error> {
        let needed = usize::from(self.width) * HASH_BYTES;
        if bytes.len() != needed {
            return Err(Error::malformed(self.to_string(), format!("is {} bytes, not {needed}", bytes.len())));
        }
        Ok(hashes_of(bytes))
    }

    /// Every tile and bundle of a tree of this size, bundles first, then level by level.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        Self::grown(0, size)
    }

    /// The tiles and bundles that a tree of size `to` has and one of size `from` has not, or has narrower: what has to be published when
    /// it grows. Bundles first, then level by level. Nothing if it does not grow.
    pub fn grown(from: u64, to: u64) -> impl Iterator<Item = Self> {
        let kinds = std::iter::once(Kind::Entries).chain((0..LEVELS).map(Kind::Hashes));
        kinds.flat_map(move |kind| {
            let (old, new) = (kind.count(from), kind.count(to));
            let tiles = if new > old { old / u64::from(FULL)..new.div_ceil(u64::from(FULL)) } else { 0..0 };
            tiles.map(move |index| Self::at(kind, index, to).expect("the tree reaches it"))
        })
    }
}

/// The path below the book's prefix, without a slash before it: `tile/0/x001/x234/067.p/5`, `tile/entries/000`.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Entries => f.write_str("tile/entries/")?,
            Kind::Hashes(level) => write!(f, "tile/{level}/")?,
        }
        // Groups of three digits, all but the last with an x, so that no path is a folder of another.
        let mut unit = 1u64;
        while self.index / unit >= 1_000 {
            unit *= 1_000;
        }
        while unit > 1 {
            write!(f, "x{:03}/", self.index / unit % 1_000)?;
            unit /= 1_000;
        }
        write!(f, "{:03}", self.index % 1_000)?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// Reads a path. Every tile has one; any other spelling is refused.
impl FromStr for Tile {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self, Error> {
        let refuse = |why: &str| Error::malformed("tile path", format!("{}: {why}", shown(path)));
        let rest = path.strip_prefix("tile/").ok_or_else(|| refuse("does not begin with tile/"))?;
        let (level, rest) = rest.split_once('/').ok_or_else(|| refuse("has no index"))?;
        let kind = match level {
            "entries" => Kind::Entries,
            _ => match decimal("tile path, level", level)? {
                level if level <= u64::from(LEVEL_MAX) => Kind::Hashes(level as u8),
                _ => return Err(refuse("the highest level is 63")),
            },
        };
        let (index, width) = match rest.split_once(".p/") {
            None => (rest, FULL),
            Some((index, width)) => match decimal("tile path, width", width)? {
                width if (1..u64::from(FULL)).contains(&width) => (index, width as u16),
                _ => return Err(refuse("a partial tile is 1 to 255 wide")),
            },
        };
        let index = parse_index(index).map_err(refuse)?;
        Ok(Self { kind, index, width })
    }
}

/// `x001/x234/067` → 1,234,067.
fn parse_index(text: &str) -> Result<u64, &'static str> {
    let mut index = 0u64;
    let mut groups = text.split('/').peekable();
    while let Some(group) = groups.next() {
        let is_last = groups.peek().is_none();
        let digits = if is_last { group } else { group.strip_prefix('x').ok_or("all groups of the index but the last begin with x")? };
        let group = three(digits).ok_or("a group of the index has three digits")?;
        index = index.checked_mul(1_000).and_then(|index| index.checked_add(group)).ok_or("the index is larger than 2^64 - 1")?;
        if index == 0 && !is_last {
            return Err("the index begins with an empty group");
        }
    }
    Ok(index)
}

fn three(digits: &str) -> Option<u64> {
    (digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}
