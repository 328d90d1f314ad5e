//! What can be wrong with a book, one line each: what, where, and why.

use crate::text::shown;
use crate::tree::Hash;
use base64::{Engine, engine::general_purpose::STANDARD};

/// Why something of a book was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Bytes or text that are not of their format.
    #[error("{what}: {why}")]
    Malformed {
        /// Which thing, and where in it.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// A hash that is not the one it should be.
    #[error("{what} is {}, but {by} says {}", STANDARD.encode(found), STANDARD.encode(expected))]
    Mismatch {
        /// Which hash.
        what: String,
        /// What was computed.
        found: Hash,
        /// Who says otherwise.
        by: String,
        /// What it should be.
        expected: Hash,
    },
    /// A proof that cannot be one of what it claims, whatever its hashes.
    #[error("{what}: has {found} hashes where {needed} are needed")]
    ProofLength {
        /// Which proof.
        what: String,
        /// Hashes in it.
        found: usize,
        /// Hashes that such a proof has.
        needed: usize,
    },
    /// A signature of a known key that does not hold.
    #[error("the signature of {key} does not hold: the text or the signature was changed, or another key made it")]
    Signature {
        /// Name and key id, `name+0123abcd`.
        key: String,
    },
    /// No signature of the key that counts.
    #[error("the note is not signed by {key}; its signatures are of {found}")]
    Unsigned {
        /// Whose signature is needed: name and key id.
        key: String,
        /// Whose there are.
        found: String,
    },
    /// Two things that should be about the same book, event or kind are not.
    #[error("{what} is {}, but {by} says {}", shown(found), shown(expected))]
    Differs {
        /// Which property.
        what: String,
        /// What it is.
        found: String,
        /// Who says otherwise.
        by: String,
        /// What it should be.
        expected: String,
    },
    /// A question about a place that the tree does not have.
    #[error("{what} is beyond a tree of size {size}")]
    Beyond {
        /// What was asked for.
        what: String,
        /// The tree's size.
        size: u64,
    },
    /// A key that cannot do what was asked of it.
    #[error("the key {key} {why}")]
    Key {
        /// Name and key id.
        key: String,
        /// Why not.
        why: String,
    },
    /// A tile that could not be had. Nothing is known about the book: trying again may help.
    #[error("{tile} cannot be read: {why}")]
    Unreadable {
        /// Path of the tile.
        tile: String,
        /// What its reader said.
        why: String,
    },
}

impl Error {
    /// About bytes or text that are not of their format.
    pub fn malformed(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Malformed { what: what.into(), why: why.into() }
    }

    /// Whether nothing was found wrong: it could not be looked at. The others say that something is not what it should be.
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::Unreadable { .. })
    }
}
