//! The one binary: the servers in one process, and the command line.

pub mod bench;
pub mod client;
pub mod generate;
pub mod import;
