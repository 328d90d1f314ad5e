//! What the integration tests share: a naive model of the ledger, random histories, and the real server as a child process.

pub mod book;
pub mod books;
pub mod client;
pub mod events;
pub mod foreign;
pub mod given;
pub mod kafka;
pub mod model;
pub mod questions;
pub mod random;
pub mod s3;
pub mod served;
pub mod server;
pub mod witness;
