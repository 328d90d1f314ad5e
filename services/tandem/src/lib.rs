//! The one binary: the servers in one process, and the command line.

pub mod ask;
pub mod audit;
pub mod backup;
pub mod bench;
pub mod cli;
pub mod client;
pub mod generate;
pub mod import;
pub mod keygen;
pub mod log;
mod logging;
pub mod output;
pub mod rebuild;
pub mod serve;
pub mod witness;
