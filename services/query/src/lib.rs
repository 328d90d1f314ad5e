//! Questions on co-produced value, and the auditors' way to the books. Stateless: everything is read from projections.
//!
//! ```text
//!  question ──▶ who? ──▶ check ──▶ scatter: one Aggregate per council ──▶ merge exactly ──▶ evaluate ──▶ names, page
//!               auth     fields    bounded, with the call's deadline      128-bit sums      rounded once
//! ```
//!
//! [`QueryServer`] reaches projections through any [`Transport`]: the server object of one in the same process, or channels to several, of
//! which each holds some partitions of the log (see [`Books`]).

mod about;
mod as_of;
mod audit;
mod books;
mod change;
mod check;
mod front;
mod gathered;
mod kept;
mod labels;
mod page;
mod projections;
mod publication;
mod question;
mod server;
mod taking_part;
mod upstream;
mod value;
mod watch;

#[cfg(test)]
mod tests;

pub use audit::AuditServer;
pub use books::{Books, Transport};
pub use front::{Limits, Settings};
pub use publication::PublicationServer;
pub use server::QueryServer;
