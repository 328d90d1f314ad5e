//! Writes a book of so many entries in the layout in which it is served, to measure auditors on:
//! `cargo run --release -p tandem-tests --example make_book -- 1000000 DIR` prints the verifier key.

use std::path::PathBuf;
use tandem_tests::books::{key, plain};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let size = arguments.next().and_then(|text| text.parse().ok()).expect("how many entries");
    let directory = PathBuf::from(arguments.next().expect("a directory"));
    plain(size).write(&directory);
    println!("{}", key().verifier());
}
