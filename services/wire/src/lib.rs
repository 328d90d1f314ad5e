//! What all servers and clients share on the wire: the one map from failures to gRPC status, who may call, where a server may
//! listen, how a client connects, page tokens, and the message types whose events stay the client's own bytes.

pub mod auth;
pub mod change;
pub mod connect;
mod error;
pub mod lattice;
pub mod listen;
pub mod page;
pub mod partial;
pub mod raw;
pub mod status;
pub mod taking_part;

pub use error::Error;

/// tonic says "transport error" and keeps the reason in the sources.
pub fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
