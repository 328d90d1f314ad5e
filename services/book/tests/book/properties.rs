//! Proofs at every size to 1,100 and at sizes by chance to a million, and what is refused beside them.

use crate::common::{Levels, Random, entry};
use std::cell::RefCell;
use std::collections::BTreeMap;
use tandem_book::Error;
use tandem_book::grow::Growth;
use tandem_book::nodes::{Nodes, TileNodes};
use tandem_book::proof::{self, verify_consistency, verify_inclusion};
use tandem_book::tile::{FULL, Tile};
use tandem_book::tree::{Frontier, Hash, leaf_hash};

const EVERY_SIZE: u64 = 1_100;

fn flipped(hash: Hash, random: &mut Random) -> Hash {
    let (at, bit) = (random.below(32) as usize, random.below(8));
    let mut hash = hash;
    hash[at] ^= 1 << bit;
    hash
}

#[test]
fn roots_are_those_of_the_definition_at_every_size() {
    let mut tree = Levels::new((0..EVERY_SIZE).map(entry));
    let mut frontier = Frontier::new();
    for size in 0..=EVERY_SIZE {
        let expected = tree.root(0, size);
        assert_eq!(frontier.root(), expected, "frontier of size {size}");
        assert_eq!(proof::root(&mut tree, size).unwrap(), expected, "root of size {size}");
        assert_eq!(Frontier::from_bytes(&frontier.to_bytes()).unwrap(), frontier);
        frontier.append(leaf_hash(&entry(size)));
    }
}

#[test]
fn every_entry_is_proved_in_every_size() {
    let mut random = Random::new();
    let mut tree = Levels::new((0..EVERY_SIZE).map(entry));
    for size in 1..=EVERY_SIZE {
        let root = tree.root(0, size);
        for index in 0..size {
            let leaf = tree.0[0][index as usize];
            let proof = proof::inclusion(&mut tree, index, size).unwrap();
            verify_inclusion(&leaf, index, size, &proof, &root).unwrap();
            if random.below(16) == 0 {
                wrong_inclusion(&mut random, &leaf, index, size, &proof, &root);
            }
        }
    }
}

fn wrong_inclusion(random: &mut Random, leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) {
    let refused = |leaf: &Hash, index, size, proof: &[Hash], root: &Hash| assert!(verify_inclusion(leaf, index, size, proof, root).is_err());
    refused(&flipped(*leaf, random), index, size, proof, root);
    refused(leaf, index, size, proof, &flipped(*root, random));
    let other = random.below(size);
    if other != index {
        refused(leaf, other, size, proof, root);
    }
    refused(leaf, index + size, size, proof, root);
    if let Some(at) = (!proof.is_empty()).then(|| random.below(proof.len() as u64) as usize) {
        let mut wrong = proof.to_vec();
        wrong[at] = flipped(wrong[at], random);
        refused(leaf, index, size, &wrong, root);
        refused(leaf, index, size, &proof[1..], root);
        refused(leaf, index, size, &proof[..proof.len() - 1], root);
    }
    refused(leaf, index, size, &[proof, &[*leaf]].concat(), root);
}

#[test]
fn every_size_goes_on_from_every_smaller_one() {
    let mut random = Random::new();
    let mut tree = Levels::new((0..EVERY_SIZE).map(entry));
    let roots: Vec<Hash> = (0..=EVERY_SIZE).map(|size| tree.root(0, size)).collect();
    for to in 0..=EVERY_SIZE {
        for from in 0..=to {
            let proof = proof::consistency(&mut tree, from, to).unwrap();
            let (old, new) = (&roots[from as usize], &roots[to as usize]);
            verify_consistency(from, old, to, new, &proof).unwrap();
            if random.below(16) == 0 && from > 0 {
                wrong_consistency(&mut random, from, old, to, new, &proof);
            }
        }
    }
}

fn wrong_consistency(random: &mut Random, from: u64, old: &Hash, to: u64, new: &Hash, proof: &[Hash]) {
    let refused = |from, old: &Hash, to, new: &Hash, proof: &[Hash]| assert!(verify_consistency(from, old, to, new, proof).is_err());
    refused(from, &flipped(*old, random), to, new, proof);
    refused(from, old, to, &flipped(*new, random), proof);
    refused(to + 1, old, to, new, proof);
    if let Some(at) = (!proof.is_empty()).then(|| random.below(proof.len() as u64) as usize) {
        let mut wrong = proof.to_vec();
        wrong[at] = flipped(wrong[at], random);
        refused(from, old, to, new, &wrong);
        refused(from, old, to, new, &proof[1..]);
        refused(from, old, to, new, &proof[..proof.len() - 1]);
    }
    refused(from, old, to, new, &[proof, &[*old]].concat());
}

#[test]
fn what_a_tree_does_not_have_is_no_proof() {
    let mut tree = Levels::new((0..10).map(entry));
    let beyond = |result: Result<Vec<Hash>, Error>| matches!(result, Err(Error::Beyond { .. }));
    assert!(beyond(proof::inclusion(&mut tree, 10, 10)));
    assert!(beyond(proof::inclusion(&mut tree, 0, 0)));
    assert!(beyond(proof::inclusion(&mut tree, 0, 11)));
    assert!(beyond(proof::consistency(&mut tree, 4, 11)));
    assert!(beyond(proof::consistency(&mut tree, 5, 4)));
    let empty = tree.root(0, 0);
    assert_eq!(verify_consistency(0, &empty, 10, &tree.root(0, 10), &[]), Ok(()));
    assert!(verify_consistency(0, &tree.root(0, 1), 10, &tree.root(0, 10), &[]).is_err(), "only one root is that of nothing");
    assert!(verify_consistency(5, &tree.root(0, 5), 5, &tree.root(0, 6), &[]).is_err(), "two roots of one size");
}

/// A million leaves in tiles; proofs read no more than a handful of these.
#[test]
fn proofs_out_of_tiles_at_sizes_by_chance_to_a_million() {
    const SIZE: u64 = 1_000_000;
    let mut random = Random::new();
    let salt = random.bits();
    let leaf = |n: u64| leaf_hash(&(n ^ salt).to_be_bytes());
    let (mut growth, mut roots) = (Growth::new(), BTreeMap::new());
    let mut sizes: Vec<u64> = (0..300).map(|_| 1 + random.below(SIZE)).collect();
    sizes.extend([1, 255, 256, 257, 65_535, 65_536, 65_537, SIZE]);
    sizes.sort_unstable();
    for n in 0..SIZE {
        growth.append(leaf(n));
        if sizes.binary_search(&(n + 1)).is_ok() {
            roots.insert(n + 1, growth.frontier().root());
        }
    }
    let mut files: BTreeMap<(tandem_book::tile::Kind, u64), Vec<u8>> = BTreeMap::new();
    for (tile, hashes) in growth.take_full() {
        files.insert((tile.kind(), tile.index()), hashes.concat());
    }
    for (tile, hashes) in growth.partial() {
        files.insert((tile.kind(), tile.index()), hashes.concat());
    }
    // A partial tile of an earlier size is the beginning of what is there now.
    let reads = RefCell::new(0);
    let tiles = |tile: Tile| {
        *reads.borrow_mut() += 1;
        Ok(files[&(tile.kind(), tile.index())][..usize::from(tile.width()) * 32].to_vec())
    };
    for pair in sizes.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let index = random.below(to);
        *reads.borrow_mut() = 0;
        let proof = proof::inclusion(&mut TileNodes::new(&tiles, SIZE), index, to).unwrap();
        assert!(*reads.borrow() <= 6, "an inclusion proof reads {} tiles", reads.borrow());
        verify_inclusion(&leaf(index), index, to, &proof, &roots[&to]).unwrap();
        let proof = proof::consistency(&mut TileNodes::new(&tiles, to), from, to).unwrap();
        verify_consistency(from, &roots[&from], to, &roots[&to], &proof).unwrap();
        assert_eq!(proof::root(&mut TileNodes::new(&tiles, to), to).unwrap(), roots[&to]);
    }
    assert!(TileNodes::new(&tiles, SIZE).node(20, 0).is_err(), "2^20 is more than a million");
    assert_eq!(FULL, 256);
}
