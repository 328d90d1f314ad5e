//! Snapshots: copies of a store, and with it of a whole one-machine ledger, in an object store, from which a new node starts.
//!
//! # The format of a snapshot store, version 1
//!
//! ```text
//! <url>/files/<2 hex>/<64 hex>     a file's bytes, under their SHA-256
//! <url>/snapshots/<name>.json      a snapshot: what it is, and which files it consists of; written last
//! <url>/marks/writing-<random>     somebody writes a snapshot
//! <url>/marks/pruning-<random>     somebody removes what is not needed any more
//! ```
//!
//! **Files** are never changed. RocksDB never changes its table and blob files either, so what a snapshot shares with those before it is
//! not sent again.
//!
//! **A snapshot's name** is `<number, 10 digits>-<YYYYMMDD>T<HHMMSS>Z-<SHA-256 of its own bytes, 64 hex>`. The number is one above the highest
//! there is, so that names ascend even where clocks do not; the newest snapshot is the last of a listing, and there is no pointer to it that
//! could be torn. The hash makes every change of it show. Its bytes are JSON, see [`Manifest`]; a reader refuses every `format` but its own.
//!
//! **Order.** Mark, files, manifest, mark removed. A writer that dies leaves files that nobody refers to, and a mark; the next snapshot uses
//! the files, and the mark ends an hour after it was last renewed.
//!
//! **Pruning** removes files that no kept snapshot refers to. A file that a writer has found there and does not send may not go: each of the
//! two puts its mark before it looks for the other's. So at least one of them sees the other; a pruner that sees a writer gives up, a writer
//! that sees a pruner waits for its end before it looks which files are there.
//!
//! **What is checked.** When a snapshot is restored: its name against its bytes, every file's length and hash, and the books' sizes and roots,
//! the cursors and the log's extent as they are in the restored files against what the snapshot says. Nothing is where a server looks for it before that.

mod error;
mod fetch;
mod freeze;
mod http;
mod manifest;
mod marks;
mod place;
mod prune;
mod send;
mod state;

pub use error::Error;
pub use fetch::{Restored, check, restore, restore_ledger};
pub use freeze::{Frozen, freeze_stopped};
pub use manifest::{BookSize, Cut, FORMAT, File, FoldedTo, Manifest, Named};
pub use place::SnapshotStore;
pub use prune::Pruned;
pub use send::Sent;
