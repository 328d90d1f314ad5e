//! The book's formats against vectors that were published elsewhere, against crates that were not written here, against chance, and
//! against tampering.

mod common;
mod growth;
mod malformed;
mod oracles;
mod properties;
mod receipts;
mod tampering;
mod vectors;
