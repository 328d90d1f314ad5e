//! The pure core of Tandem: what events mean, how they fold into views, and how views answer. No I/O, no clock, no chance:
//! the same records give the same bytes on any machine.

pub mod date;
pub mod event;
pub mod position;
pub mod protobuf;

/// Whether a text can be a council's code: 2 to 32 bytes of `[A-Za-z0-9_-]`.
pub use event::is_council;
