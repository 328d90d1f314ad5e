//! The pure core of Tandem: what events mean, how they fold into views, and how views answer. No I/O, no clock, no chance:
//! the same records give the same bytes on any machine.

pub mod aggregate;
pub mod bitmap;
pub mod bytes;
pub mod cell;
pub mod date;
pub mod event;
pub mod fold;
pub mod memory;
pub mod merge;
pub mod metrics;
pub mod position;
pub mod protobuf;
pub mod record;
pub mod rows;
pub mod sheet;
pub mod tables;
pub mod valuation;

/// Whether a text can be a council's code: 2 to 32 bytes of `[A-Za-z0-9_-]`.
pub use event::is_council;
