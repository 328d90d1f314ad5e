//! What all servers and clients share on the wire: the one map from failures to gRPC status, who may call, where a server may
//! listen, and the message types whose events stay the client's own bytes.

pub mod auth;
pub mod change;
mod error;
pub mod lattice;
pub mod listen;
pub mod partial;
pub mod raw;
pub mod status;
pub mod taking_part;

pub use error::Error;
