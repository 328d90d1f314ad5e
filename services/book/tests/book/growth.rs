//! A tree that grows and stops and goes on has the tiles of one that grew at once.

use crate::common::{Levels, Random, Store, entry};
use std::collections::BTreeMap;
use tandem_book::Error;
use tandem_book::grow::Growth;
use tandem_book::tile::{Kind, Tile};
use tandem_book::tree::{Frontier, leaf_hash};

/// What a writer does: in every round it goes on from what it stored, and stores the full tiles, the partial ones and the frontier.
#[test]
fn growing_in_rounds_leaves_what_growing_at_once_leaves() {
    let mut random = Random::new();
    for _ in 0..20 {
        let (mut files, mut frontier, mut size) = (BTreeMap::<(Kind, u64), Vec<u8>>::new(), Frontier::new().to_bytes(), 0);
        for _ in 0..12 {
            let (bits, stored) = (random.below(10), files.clone());
            let tiles = |tile: Tile| Ok(stored[&(tile.kind(), tile.index())].clone());
            let mut growth = Growth::resume(Frontier::from_bytes(&frontier).unwrap(), &tiles).unwrap();
            assert_eq!(growth.frontier().size(), size);
            let from = size;
            size += random.below(1 << bits);
            (from..size).for_each(|n| growth.append(leaf_hash(&entry(n))));
            let mut written: Vec<Tile> = Vec::new();
            for (tile, hashes) in growth.take_full() {
                files.insert((tile.kind(), tile.index()), hashes.concat());
                written.push(tile);
            }
            for (tile, hashes) in growth.partial() {
                assert_eq!(Tile::at(tile.kind(), tile.index(), size), Some(tile));
                files.insert((tile.kind(), tile.index()), hashes.concat());
                written.push(tile);
            }
            let grown: Vec<Tile> = Tile::grown(from, size).filter(|tile| tile.kind() != Kind::Entries).collect();
            assert!(grown.iter().all(|tile| written.contains(tile)), "from {from} to {size}: {grown:?}");
            frontier = growth.frontier().to_bytes();
        }
        let (store, growth) = Store::new(&(0..size).map(entry).collect::<Vec<_>>());
        let expected: BTreeMap<(Kind, u64), Vec<u8>> = store.files.into_iter().map(|(tile, bytes)| ((tile.kind(), tile.index()), bytes)).collect();
        assert!(files.into_iter().eq(expected.into_iter().filter(|((kind, _), _)| *kind != Kind::Entries)));
        assert_eq!(frontier, growth.frontier().to_bytes());
    }
}

#[test]
fn tiles_hold_the_hashes_that_the_format_says() {
    for size in [1, 255, 256, 257, 511, 512, 66_000] {
        let tree = Levels::new((0..size).map(entry));
        let (store, _) = Store::new(&(0..size).map(entry).collect::<Vec<_>>());
        assert!(store.files.keys().copied().eq(Tile::all(size).collect::<std::collections::BTreeSet<_>>()), "the tiles of size {size}");
        for (tile, bytes) in &store.files {
            let Kind::Hashes(level) = tile.kind() else { continue };
            // MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l])
            for (at, hash) in (tile.index() * 256..).zip(tile.hashes(bytes).unwrap()) {
                let leaves = 256u64.pow(u32::from(level));
                assert_eq!(hash, tree.root(at * leaves, (at + 1) * leaves), "hash {at} of level {level}");
            }
        }
    }
}

#[test]
fn a_damaged_store_is_not_gone_on_from() {
    let (store, growth) = Store::new(&(0..700).map(entry).collect::<Vec<_>>());
    for tile in [Tile::at(Kind::Hashes(0), 2, 700).unwrap(), Tile::at(Kind::Hashes(1), 0, 700).unwrap()] {
        let mut damaged = store.clone();
        damaged.files.get_mut(&tile).unwrap()[40] ^= 1;
        let error = Growth::resume(growth.frontier().clone(), &damaged).unwrap_err();
        assert!(error.to_string().starts_with("the root of the partial tiles at size 700 is "), "{error}");
        damaged.files.remove(&tile);
        let error = Growth::resume(growth.frontier().clone(), &damaged).unwrap_err();
        assert_eq!(error, Error::Unreadable { tile: tile.to_string(), why: "there is none".to_owned() });
    }
    let mut bytes = growth.frontier().to_bytes();
    bytes[20] ^= 1;
    assert!(Growth::resume(Frontier::from_bytes(&bytes).unwrap(), &store).is_err());
    assert_eq!(Growth::resume(growth.frontier().clone(), &store).unwrap().frontier(), growth.frontier());
}

#[test]
fn a_tile_is_in_a_tree_that_reaches_its_last_hash() {
    let tile = |path: &str| path.parse::<Tile>().unwrap();
    for (path, size, is_in) in [
        ("tile/0/000.p/1", 0, false),
        ("tile/0/000.p/1", 1, true),
        ("tile/0/000.p/5", 4, false),
        ("tile/0/000.p/5", 1_000, true),
        ("tile/0/000", 255, false),
        ("tile/0/000", 256, true),
        ("tile/entries/001.p/4", 260, true),
        ("tile/entries/001.p/5", 260, false),
        ("tile/1/000.p/1", 255, false),
        ("tile/1/000.p/1", 256, true),
        ("tile/8/000.p/1", u64::MAX, false),
        ("tile/63/000.p/1", u64::MAX, false),
        ("tile/7/000.p/255", u64::MAX, true),
        ("tile/0/x018/x446/x744/x073/x709/x551/615.p/1", u64::MAX, false),
    ] {
        assert_eq!(tile(path).is_in(size), is_in, "{path} in {size}");
    }
    assert_eq!(Tile::grown(5, 5).count() + Tile::grown(7, 5).count() + Tile::all(0).count(), 0);
}
