//! The tree of a book is that of its entries, by the definition of RFC 6962, however the work was cut.

use crate::history::{COUNCILS, append, catalogue, gives, random, record, seed};
use crate::support::{Dump, MemoryLog, assert_same, copy_directory, dump, open, options, settle};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};
use tandem_domain::record::Record;
use tandem_domain::rows::{Book, read_entry};
use tandem_domain::tables::{Key, Table};
use tandem_projection::{Health, Options, Projection, rebuild};

type Hash = [u8; 32];

fn sha256(parts: &[&[u8]]) -> Hash {
    parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into()
}

/// MTH(D[n]) of RFC 6962, section 2.1, word for word.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let mut split = 1;
            while split * 2 < leaves.len() {
                split *= 2;
            }
            sha256(&[&[1], &root(&leaves[..split]), &root(&leaves[split..])])
        }
    }
}

fn rows(dump: &Dump, table: Table, council: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let prefix = Key::of(table, council).into_vec();
    let own = dump.iter().filter(|(tag, key, _)| *tag == table as u8 && key.starts_with(&prefix));
    own.map(|(_, key, value)| (key[prefix.len()..].to_vec(), value.clone())).collect()
}

/// Checks every row of a council's tree against its archive; gives the number of entries.
fn check_tree(dump: &Dump, council: &str) -> usize {
    let entries = rows(dump, Table::Entry, council);
    let commitments: Vec<_> = entries.iter().map(|(_, row)| read_entry(row).unwrap()).collect();
    let commitments: Vec<_> = commitments.iter().map(|(time, bytes)| Record::decode(bytes).unwrap_or_default().commitment(*time)).collect();
    let leaves: Vec<Hash> = commitments.iter().map(|commitment| sha256(&[&[0], commitment])).collect();

    let frontier = &rows(dump, Table::Frontier, council)[0].1;
    let frontier = tandem_book::tree::Frontier::from_bytes(frontier).unwrap();
    assert_eq!(frontier.size() as usize, leaves.len(), "{council}");
    assert_eq!(Book::decode(&rows(dump, Table::Book, council)[0].1).unwrap().entries, frontier.size());
    assert_eq!(frontier.root(), root(&leaves), "{council}");

    let bundled = |commitments: &[[u8; 74]]| commitments.iter().flat_map(|entry| [&[0, 74], entry.as_slice()].concat()).collect::<Vec<u8>>();
    let (full, rest) = commitments.split_at(commitments.len() / 256 * 256);
    let key = |number: usize| (number as u64).to_be_bytes().to_vec();
    let expected: Vec<_> = full.chunks(256).enumerate().map(|(index, entries)| (key(index), bundled(entries))).collect();
    assert_eq!(rows(dump, Table::Bundle, council), expected, "{council}");
    let expected: Vec<_> = (!rest.is_empty()).then(|| (key(full.len()), bundled(rest))).into_iter().collect();
    assert_eq!(rows(dump, Table::Tail, council), expected, "{council}");

    let mut expected = Vec::new();
    let (mut hashes, mut level) = (leaves.clone(), 0u8);
    while !hashes.is_empty() {
        for (index, tile) in hashes.chunks(256).enumerate().filter(|(_, tile)| level > 0 || tile.len() == 256) {
            expected.push(([vec![level], key(index)].concat(), tile.concat()));
        }
        hashes = hashes.chunks_exact(256).map(root).collect();
        level += 1;
    }
    assert_eq!(rows(dump, Table::Tile, council), expected, "{council}");
    entries.len()
}

#[test]
fn however_the_work_is_cut_the_tree_is_that_of_the_entries() {
    let seed = seed();
    println!("SEED={seed}");
    let mut random_source = StdRng::seed_from_u64(seed);
    let plan = random(seed, 240);
    let (log, parent) = (MemoryLog::new(7, 3), tempfile::tempdir().unwrap());
    let (mut at, mut life) = (0, 0);
    while at < plan.len() {
        let path = parent.path().join(life.to_string());
        let options = Options { round_bytes: random_source.random_range(1..20_000), round_cures: random_source.random_range(1..50), ..options() };
        let projection = Projection::open(&path, log.clone(), options).unwrap();
        let frames = random_source.random_range(1..60).min(plan.len() - at);
        append(&log, &plan[at..at + frames], at);
        (at, life) = (at + frames, life + 1);
        let next = parent.path().join(life.to_string());
        if random_source.random_bool(0.5) {
            assert_eq!(settle(&projection), Health::Serving);
            copy_directory(&path, &next); // killed
        } else {
            drop(projection); // stopped in the middle of the work
            std::fs::rename(path, next).unwrap();
        }
    }
    let path = parent.path().join(life.to_string());
    let projection = open(&path, &log);
    assert_eq!(settle(&projection), Health::Serving);
    drop(projection);
    let before = dump(&path);
    let entries: Vec<usize> = COUNCILS.iter().map(|council| check_tree(&before, council)).collect();
    println!("{life} lives, {entries:?} entries");
    assert!(entries.iter().any(|entries| *entries > 512), "some book has full bundles");

    rebuild(&path, |_| true).unwrap();
    assert_same(&dump(&path), &before, "after a rebuild");
}

#[test]
fn a_tree_of_three_levels_of_tiles_grows_in_large_rounds_and_small_ones() {
    const COUNCIL: &str = "E09000001";
    let (log, directory) = (MemoryLog::new(7, 1), tempfile::tempdir().unwrap());
    log.push(COUNCIL, &catalogue(COUNCIL), 1);
    let records: Vec<_> = (0..66_000).map(|number| record(COUNCIL, number, "2026-01-05", gives(1, ""), "", "")).collect();
    for records in records[..65_000].chunks(5_000) {
        log.push(COUNCIL, records, 1);
    }
    let projection = open(directory.path(), &log);
    for records in records[65_000..].chunks(100) {
        settle(&projection);
        log.push(COUNCIL, records, 1);
    }
    assert_eq!(settle(&projection), Health::Serving);
    drop(projection);
    assert_eq!(check_tree(&dump(directory.path()), COUNCIL), 66_003);
    drop(open(directory.path(), &log)); // its tree is looked at again
}
