//! Tails the log, folds its records into books and views, and answers questions about them.
//!
//! ```text
//!  log ──read ahead──▶ lanes ──▶ load → fold → commit ──▶ store ──snapshot──▶ read ──▶ ProjectionService
//!        a thread      bounded   one thread, one batch      │
//!                                                          └─ then published: who waits for a position is woken
//! ```
//!
//! What a commit holds — entries, their tree, views and how far each partition is — is one RocksDB write batch, so that a crash leaves no half. The
//! batch is not synced: what a lost one held is folded again from the log, which is why the log is trimmed only below what was synced.
//!
//! Maintained valuations follow the views on a thread of their own, in commits of their own.
//!
//! [`Projection`] is the handle, [`ProjectionServer`] the gRPC service over it. [`rebuild`] folds the views again from the archive,
//! [`dump`] lists every row as it logically is. [`snapshot`] keeps copies of a store in an object store, and starts new nodes from them.

mod archive;
mod book;
mod error;
mod known;
mod maintain;
mod metrics;
mod options;
mod partitions;
mod progress;
mod projection;
pub mod read;
mod rebuild;
mod server;
pub mod snapshot;
mod store;
mod tail;

pub use archive::Archive;
pub use book::{Answer, Post, Publisher, Witness};
pub use error::Error;
pub use known::Known;
pub use options::Options;
pub use partitions::{OTHER_PARTITION, Partitions};
pub use progress::Health;
pub use projection::Projection;
pub use rebuild::{Rebuilt, rebuild};
pub use server::ProjectionServer;
pub use store::dump::{dump, dump_maintained};
