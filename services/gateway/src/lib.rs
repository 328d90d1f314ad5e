//! The only door for writes: checks events, binds them to who sent them, and answers when the log has them durably.
//!
//! ```text
//!  request ──▶ who? ──▶ a slot ──▶ read ──▶ bytes from a budget ──▶ check, encode ──▶ log ──▶ positions
//!              auth     limits     4 MiB    limits                  prepare           append
//! ```
//!
//! Everything that holds memory is counted before it grows: see [`Limits`]. Unary calls are refused at once when there is no room
//! (`RESOURCE_EXHAUSTED` with `RetryInfo`); streams are not read until there is some, so that HTTP/2 slows the sender down.
//!
//! Which status for what: a request or (in `Record`) an event that is wrong is `INVALID_ARGUMENT`; a council or source that the caller
//! may not write is `PERMISSION_DENIED`; `require_known` where the catalogue does not know, or where there is none to ask, is
//! `FAILED_PRECONDITION`, because the same event would do after the catalogue is recorded. In a batch each of the first three is that
//! event's own refusal.

mod catalogue;
mod gateway;
mod limits;
mod log_failure;
mod metrics;
mod prepare;
mod server;
mod stream;

pub use catalogue::{Catalogue, Definitions, Source};
pub use gateway::{Gateway, Settings};
pub use limits::Limits;
pub use metrics::{InFlight, Metrics};
pub use prepare::Known;
pub use server::GatewayServer;

/// Most events in a batch.
pub const BATCH_EVENTS_MAX: usize = 10_000;
/// Largest batch, encoded.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
