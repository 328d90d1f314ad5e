//! A council's book as a transparency log: hashes, tiles, signed checkpoints, proofs and receipts, in the formats that verifiers not written here read.
//! Pure: no I/O, no clock, no chance. Who serves a book and who audits one use the same functions.
//!
//! | module | format | source |
//! |---|---|---|
//! | [`tree`] | leaf and node hashes, the root, what has to be kept to append | RFC 6962, section 2.1 |
//! | [`tile`], [`bundle`] | which tiles there are, their paths and bytes | c2sp.org/tlog-tiles v0.1 |
//! | [`grow`] | which tiles a tree completes as it grows | c2sp.org/tlog-tiles v0.1 |
//! | [`note`], [`key`] | signed text; keys as text; witnesses' cosignatures | c2sp.org/signed-note v1, c2sp.org/tlog-cosignature v1 |
//! | [`checkpoint`] | origin, size and root of a book | c2sp.org/tlog-checkpoint v1 |
//! | [`proof`], [`nodes`] | that an entry is in a tree, that a tree goes on from another | RFC 6962, section 2.1.1 and 2.1.2; RFC 9162, section 2.1.3.2 and 2.1.4.2 |
//! | [`receipt`] | the proof of one entry as a file that verifies offline | c2sp.org/tlog-proof v1 |
//! | [`verify`] | a whole book from its tiles | – |
//! | [`witness`] | how a checkpoint is cosigned | c2sp.org/tlog-witness |
//!
//! What a book's tree holds of a record is the 74-byte commitment of [`tandem_domain::record`]. Everything that is read here may come
//! from anybody: parsers refuse whatever has a second form, say what and where, and never panic.

pub mod bundle;
pub mod checkpoint;
mod error;
pub mod grow;
pub mod key;
pub mod nodes;
pub mod note;
pub mod proof;
pub mod receipt;
mod text;
pub mod tile;
pub mod tree;
pub mod verify;
pub mod witness;

pub use error::Error;
