//! The contract, compiled: messages, clients and servers of `tandem.v1` and `tandem.internal.v1`.
#![allow(missing_docs, clippy::all)] // generated; the documentation is in the .proto files

/// The public API.
pub mod v1 {
    tonic::include_proto!("tandem.v1");
}

/// What query needs of a projection.
pub mod internal {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("tandem.internal.v1");
    }
}

/// The encoded `FileDescriptorSet` of all of it, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
