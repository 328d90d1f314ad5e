//! What a book costs the fold: `cargo run --release -p tandem-book --example hash_speed -- [entries] [entries a round]`.
//!
//! Entries are 74 bytes, as commitments are. Each figure is of one thread, in microseconds an entry.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tandem_book::checkpoint::Checkpoint;
use tandem_book::grow::Growth;
use tandem_book::nodes::TileNodes;
use tandem_book::tile::{FULL, Kind, Tile};
use tandem_book::tree::{Frontier, leaf_hash};
use tandem_book::{bundle, proof, verify};
use tandem_domain::event::Parts;
use tandem_domain::record::Record;

fn entry(n: u64) -> [u8; 74] {
    std::array::from_fn(|at| (n >> (at % 8 * 8)) as u8 ^ at as u8)
}

fn report(what: &str, count: u64, took: Duration) {
    println!("{what:<52} {:>9.3} µs", took.as_secs_f64() * 1e6 / count as f64);
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("a number"));
    let (entries, round) = (arguments.next().unwrap_or(2_000_000), arguments.next().unwrap_or(1_000));
    println!("{entries} entries, {round} a round");

    let parts = Parts { envelope: &[1; 80], facts: &[2; 70], person: &[3; 20] };
    let record = Record { parts, facts_salt: &[4; 16], person_salt: &[5; 16], ..Record::default() };
    let start = Instant::now();
    for n in 0..entries {
        std::hint::black_box(record.commitment(n));
    }
    report("commitment of a record of 202 bytes", entries, start.elapsed());

    let start = Instant::now();
    let mut frontier = Frontier::new();
    (0..entries).for_each(|n| frontier.append(leaf_hash(&entry(n))));
    report("leaf and frontier", entries, start.elapsed());

    let start = Instant::now();
    let (files, growth) = write(entries, entries);
    report("leaf, frontier, tiles and bundles, at once", entries, start.elapsed());
    assert_eq!(growth.frontier(), &frontier);

    let start = Instant::now();
    let (rounds, growth) = write(entries, round);
    report("the same in rounds, with the root after each", entries, start.elapsed());
    assert_eq!((growth.frontier(), rounds.len()), (&frontier, files.len()));

    let checkpoint = Checkpoint::new("speed", entries, frontier.root());
    let tiles = |tile: Tile| Ok(files[&(tile.kind(), tile.index())].clone());
    let start = Instant::now();
    verify::book(&tiles, &checkpoint).expect("the book that was just written");
    report("verify every tile, bundle and entry", entries, start.elapsed());

    let (count, start) = (1_000, Instant::now());
    for n in 0..count {
        let index = n * 7_919 % entries;
        let proof = proof::inclusion(&mut TileNodes::new(&tiles, entries), index, entries).expect("an entry of the book");
        proof::verify_inclusion(&leaf_hash(&entry(index)), index, entries, &proof, &checkpoint.root).expect("a proof that was just made");
    }
    report("an inclusion proof out of tiles, made and checked", count, start.elapsed());
}

/// Grows a book round by round, and keeps its files in memory.
fn write(entries: u64, round: u64) -> (BTreeMap<(Kind, u64), Vec<u8>>, Growth) {
    let (mut files, mut growth, mut bundle) = (BTreeMap::new(), Growth::new(), Vec::new());
    for n in 0..entries {
        let entry = entry(n);
        growth.append(leaf_hash(&entry));
        bundle::push(&mut bundle, &entry);
        if (n + 1) % u64::from(FULL) == 0 || n + 1 == entries {
            files.insert((Kind::Entries, n / u64::from(FULL)), std::mem::take(&mut bundle));
        }
        if (n + 1) % round == 0 || n + 1 == entries {
            for (tile, hashes) in growth.take_full() {
                files.insert((tile.kind(), tile.index()), hashes.concat());
            }
            for (tile, hashes) in growth.partial() {
                files.insert((tile.kind(), tile.index()), hashes.concat());
            }
            std::hint::black_box((growth.frontier().to_bytes(), growth.frontier().root()));
        }
    }
    (files, growth)
}
