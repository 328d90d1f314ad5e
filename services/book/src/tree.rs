//! The Merkle tree of RFC 6962, section 2.1: its hashes, and the little that has to be kept to append to it.

use crate::error::Error;
use sha2::{Digest, Sha256};

/// A SHA-256.
pub type Hash = [u8; HASH_BYTES];
/// Length of a hash.
pub const HASH_BYTES: usize = 32;

/// `MTH({}) = SHA-256()`: the root of an empty tree.
pub const EMPTY_ROOT: Hash = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
    0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// `SHA-256(0x00 ‖ entry)`: the hash of a leaf.
pub use tandem_domain::record::leaf_hash;

/// `SHA-256(0x01 ‖ left ‖ right)`: the hash of a node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 1 + 2 * HASH_BYTES];
    bytes[1..=HASH_BYTES].copy_from_slice(left);
    bytes[1 + HASH_BYTES..].copy_from_slice(right);
    Sha256::digest(bytes).into()
}

/// The root over a power of two of hashes that stand side by side.
pub fn perfect_root(hashes: &[Hash]) -> Hash {
    assert!(hashes.len().is_power_of_two(), "a perfect tree has a power of two of leaves, not {}", hashes.len());
    match hashes {
        [one] => *one,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(&perfect_root(left), &perfect_root(right))
        }
    }
}

/// `MTH` of a row of perfect trees, largest first, as every tree of RFC 6962 is one: the empty root if there are none.
pub fn root_of(perfect: &[Hash]) -> Hash {
    perfect.iter().rev().copied().reduce(|right, left| node_hash(&left, &right)).unwrap_or(EMPTY_ROOT)
}

/// The right edge of a tree: the roots of the perfect trees that it consists of, one for every bit that is set in its size, largest
/// first. Enough to append leaves and to give the root, whatever the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    perfect: Vec<Hash>,
}

/// First byte of a frontier's bytes.
const FRONTIER_VERSION: u8 = 1;

impl Frontier {
    /// Of an empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree as it is now.
    pub fn root(&self) -> Hash {
        root_of(&self.perfect)
    }

    /// Appends a leaf by its hash.
    pub fn append(&mut self, leaf: Hash) {
        self.append_with(leaf, |_, _| ());
    }

    /// Appends a leaf by its hash, and tells the level and root of every perfect tree that this completes, from the leaf (level 0) up.
    pub fn append_with(&mut self, leaf: Hash, mut completed: impl FnMut(u32, Hash)) {
        let mut root = leaf;
        completed(0, root);
        // As in adding 1 to a binary number: every trailing one is a perfect tree of the same size as the new one, to its left.
        for level in 1..=self.size.trailing_ones() {
            let left = self.perfect.pop().expect("one root for every bit of the size");
            root = node_hash(&left, &root);
            completed(level, root);
        }
        self.perfect.push(root);
        self.size += 1;
    }

    /// The fixed byte form: `1 ‖ size (8, big-endian) ‖ one hash for every bit set in the size, the highest first`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(9 + self.perfect.len() * HASH_BYTES);
        out.push(FRONTIER_VERSION);
        out.extend_from_slice(&self.size.to_be_bytes());
        out.extend_from_slice(self.perfect.as_flattened());
        out
    }

    /// Reads the fixed byte form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let refuse = |why: String| Error::malformed("frontier", why);
        let (head, hashes) = bytes.split_at_checked(9).ok_or_else(|| refuse(format!("is {} bytes; the least is 9", bytes.len())))?;
        if head[0] != FRONTIER_VERSION {
            return Err(refuse(format!("has version {}; this program knows {FRONTIER_VERSION}", head[0])));
        }
        let size = head[1..].iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        let needed = size.count_ones() as usize * HASH_BYTES;
        if hashes.len() != needed {
            return Err(refuse(format!("of size {size} has {} bytes of hashes, not {needed}", hashes.len())));
        }
        Ok(Self { size, perfect: hashes_of(hashes) })
    }
}

/// Bytes as the hashes that they are; what is left over is left out.
pub(crate) fn hashes_of(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks::<HASH_BYTES>().0.to_vec()
}
