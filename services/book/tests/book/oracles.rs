//! Against `tlog_tiles` and `signed_note`, which Cloudflare's certificate logs use: what ours makes theirs accepts, and the other way.

use crate::common::{Levels, ORIGIN, Random, book, entry, log_key};
use signed_note::{Note as TheirNote, StandardSigner, StandardVerifier, VerifierList};
use tandem_book::checkpoint::Checkpoint;
use tandem_book::key::{SigningKey, Use, VerifierKey};
use tandem_book::nodes::{Nodes, TileNodes};
use tandem_book::note::Note;
use tandem_book::proof;
use tandem_book::tile::{Kind, Tile};
use tlog_tiles::{Hash as TheirHash, HashReader, Tile as TheirTile};

/// Their reader over our plain tree.
struct Reader(Levels);

impl HashReader for Reader {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<TheirHash>, tlog_tiles::Error> {
        let node = |&index: &u64| {
            let (level, index) = tlog_tiles::split_stored_hash_index(index);
            TheirHash(self.0.0[usize::from(level)][index as usize])
        };
        Ok(indexes.iter().map(node).collect())
    }
}

fn theirs(proof: &[[u8; 32]]) -> Vec<TheirHash> {
    proof.iter().copied().map(TheirHash).collect()
}

#[test]
fn proofs_and_roots_are_those_of_tlog_tiles() {
    let mut random = Random::new();
    let size = 3_000;
    let mut tree = Levels::new((0..size).map(entry));
    let reader = Reader(tree.clone());
    let mut pairs: Vec<(u64, u64)> = (1..=40).flat_map(|to| (0..=to).map(move |from| (from, to))).collect();
    pairs.extend((0..2_000).map(|_| {
        let to = 1 + random.below(size);
        (random.below(to + 1), to)
    }));
    for (from, to) in pairs {
        let root = proof::root(&mut tree, to).unwrap();
        assert_eq!(TheirHash(root), tlog_tiles::tree_hash(to, &reader).unwrap(), "root at {to}");
        if from < to {
            let ours = proof::inclusion(&mut tree, from, to).unwrap();
            assert_eq!(theirs(&ours), tlog_tiles::prove_record(to, from, &reader).unwrap(), "entry {from} in {to}");
            let leaf = TheirHash(tree.node(0, from).unwrap());
            tlog_tiles::check_record(&theirs(&ours), to, TheirHash(root), from, leaf).unwrap();
        }
        if from > 0 {
            let ours = proof::consistency(&mut tree, from, to).unwrap();
            assert_eq!(theirs(&ours), tlog_tiles::prove_tree(to, from, &reader).unwrap(), "from {from} to {to}");
            let old = TheirHash(proof::root(&mut tree, from).unwrap());
            tlog_tiles::check_tree(&theirs(&ours), to, TheirHash(root), from, old).unwrap();
        }
    }
}

/// Theirs have the tile height in the path, and `data` for entries.
fn their_path(tile: Tile) -> String {
    tile.to_string().replace("tile/entries/", "tile/8/data/").replacen("tile/", "tile/8/", usize::from(tile.kind() != Kind::Entries))
}

#[test]
fn tiles_and_their_paths_are_those_of_tlog_tiles() {
    let mut random = Random::new();
    for _ in 0..2_000 {
        let bits = random.below(21);
        let from = random.below(1 << bits);
        let to = from + random.below(2_000);
        let ours: Vec<String> = Tile::grown(from, to).filter(|tile| tile.kind() != Kind::Entries).map(their_path).collect();
        let theirs: Vec<String> = TheirTile::new_tiles(8, from, to).iter().map(TheirTile::path).collect();
        assert_eq!(ours, theirs, "growing from {from} to {to}");
    }
    for _ in 0..20_000 {
        let kind = if random.below(4) == 0 { Kind::Entries } else { Kind::Hashes(random.below(64) as u8) };
        let (bits, width) = (random.below(64), 1 + random.below(256) as u16);
        let tile = Tile::new(kind, random.bits() >> bits, width).unwrap();
        assert_eq!(tile.to_string().parse::<Tile>().unwrap(), tile);
        let theirs = TheirTile::from_path(&their_path(tile)).unwrap_or_else(|_| panic!("{tile}"));
        assert_eq!((theirs.level_index(), theirs.width(), theirs.is_data()), (tile.index(), u32::from(width), kind == Kind::Entries));
        assert!(kind == Kind::Entries || kind == Kind::Hashes(theirs.level()));
    }
}

/// Paths that are changed by chance are read by both or by neither, as long as they keep to tiles of height 8.
#[test]
fn paths_that_one_refuses_the_other_refuses() {
    let mut random = Random::new();
    let letters = b"0123456789x/.p";
    let (mut read, mut refused) = (0, 0);
    for _ in 0..100_000 {
        let index = random.bits() >> random.below(64);
        let kind = if random.below(2) == 0 { Kind::Entries } else { Kind::Hashes(random.below(64) as u8) };
        let mut path = Tile::new(kind, index, 1 + random.below(256) as u16).unwrap().to_string().into_bytes();
        let head = if kind == Kind::Entries { "tile/entries/".len() } else { "tile/".len() };
        let at = head + random.below((path.len() - head) as u64) as usize;
        match random.below(3) {
            0 => path[at] = letters[random.below(letters.len() as u64) as usize],
            1 => path.insert(at, letters[random.below(letters.len() as u64) as usize]),
            _ => drop(path.remove(at)),
        }
        let path = String::from_utf8(path).unwrap();
        let ours = path.parse::<Tile>();
        let theirs = path.replace("tile/entries/", "tile/8/data/").replacen("tile/", "tile/8/", usize::from(kind != Kind::Entries));
        // Theirs panics at levels above 63.
        if theirs.split('/').nth(2).and_then(|level| level.parse::<u8>().ok()).is_some_and(|level| level > 63) {
            assert!(ours.is_err(), "{path}");
            continue;
        }
        // It panics at width 0 too.
        let is_blank = theirs.rsplit_once(".p/").is_some_and(|(_, width)| width.parse() == Ok(0));
        let theirs = if is_blank { Err(()) } else { TheirTile::from_path(&theirs).map_err(drop) };
        assert_eq!(ours.is_ok(), theirs.is_ok(), "{path}: {ours:?}");
        if ours.is_ok() { read += 1 } else { refused += 1 }
    }
    assert!(read > 1_000 && refused > 1_000, "both happen: {read} read, {refused} refused");
}

#[test]
fn hashes_out_of_our_tiles_are_those_of_tlog_tiles() {
    let (store, checkpoint) = book(1_000);
    let tree = Levels::new((0..1_000).map(entry));
    let mut nodes = TileNodes::new(&store, 1_000);
    for (level, row) in (0..).zip(&tree.0) {
        for (index, hash) in (0..).zip(row) {
            assert_eq!(nodes.node(level, index).unwrap(), *hash, "node {index} of level {level}");
            let at = tlog_tiles::stored_hash_index(level as u8, index);
            let tile = TheirTile::from_index(8, at);
            let ours = Tile::at(Kind::Hashes(tile.level()), tile.level_index(), 1_000).unwrap();
            assert_eq!(tile.hash_at_index(&store.files[&ours], at).unwrap(), TheirHash(*hash));
        }
        assert!(nodes.node(level, row.len() as u64).is_err(), "level {level} ends");
    }
    assert_eq!(proof::root(&mut nodes, 1_000).unwrap(), checkpoint.root);
}

#[test]
fn checkpoints_are_those_of_tlog_tiles_and_their_signatures_hold_by_signed_note() {
    let mut random = Random::new();
    for size in [0, 1, 256, 70_000, u64::MAX] {
        let root = if size == 0 { tandem_book::tree::EMPTY_ROOT } else { random.bytes(32).try_into().unwrap() };
        let ours = Checkpoint::new(ORIGIN, size, root);
        let note = ours.sign(&log_key()).unwrap();
        let theirs = tlog_tiles::Checkpoint::from_bytes(note.text().as_bytes()).unwrap();
        assert_eq!((theirs.origin(), theirs.size(), theirs.hash().0), (ORIGIN, size, root));
        assert_eq!(theirs.to_bytes(), note.text().as_bytes());
        let verifier = StandardVerifier::new(&log_key().verifier().to_string()).unwrap();
        let read = TheirNote::from_bytes(note.to_string().as_bytes()).unwrap();
        assert_eq!(read.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap().0.len(), 1);
        assert_eq!(read.to_bytes(), note.to_string().as_bytes());
    }
}

#[test]
fn notes_that_signed_note_signs_verify_here() {
    let mut random = Random::new();
    for round in 0..100 {
        let seed = random.bytes(32).try_into().unwrap();
        let key = SigningKey::from_seed(&format!("ledger.example/{round}"), Use::Note, &seed).unwrap();
        let text = format!("round {round}\n{}— not a signature\n", "\n".repeat(round % 4));
        let mut note = TheirNote::new(text.as_bytes(), &[]).unwrap();
        note.add_sigs(&[&StandardSigner::new(&key.to_secret_text()).unwrap()]).unwrap();
        let read = Note::parse(&note.to_bytes()).unwrap();
        assert_eq!(read.text(), text);
        assert_eq!(read.verify(&[key.verifier()]).unwrap()[0].id, key.verifier().id());
        let mut ours = Note::new(text).unwrap();
        ours.sign(&key).unwrap();
        assert_eq!(ours, read, "one key and one text have one signature");
    }
}

/// Nothing that is changed by chance passes here and not there, for notes and for keys.
#[test]
fn what_we_accept_signed_note_accepts() {
    let mut random = Random::new();
    let note = Checkpoint::new(ORIGIN, 0, tandem_book::tree::EMPTY_ROOT).sign(&log_key()).unwrap().to_string();
    let vkey = log_key().verifier().to_string();
    let mut accepted = 0;
    for _ in 0..50_000 {
        let mut bytes = if random.below(2) == 0 { note.clone().into_bytes() } else { vkey.clone().into_bytes() };
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(3) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes.insert(at, bytes[random.below(bytes.len() as u64) as usize]),
            _ => drop(bytes.remove(at)),
        }
        if Note::parse(&bytes).is_ok() {
            accepted += 1;
            assert!(TheirNote::from_bytes(&bytes).is_ok(), "{:?}", String::from_utf8_lossy(&bytes));
        }
        if let Some(key) = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse::<VerifierKey>().ok()) {
            assert!(StandardVerifier::new(&key.to_string()).is_ok(), "{key}");
        }
    }
    assert!(accepted > 1_000, "changed texts are notes still, of which no signature holds: {accepted}");
}

/// A cosignature is a signature of type 0x01 over its own text: their verifier takes it with that text and key.
#[test]
fn cosignatures_hold_by_signed_note_over_the_text_that_they_sign() {
    let key = crate::common::witness_key();
    let mut note = Checkpoint::new(ORIGIN, 0, tandem_book::tree::EMPTY_ROOT).sign(&log_key()).unwrap();
    tandem_book::checkpoint::cosign(&mut note, &key, 1_700_000_000).unwrap();
    let plain = SigningKey::from_seed(key.name(), Use::Note, &[8; 32]).unwrap();
    let verifier = StandardVerifier::new(&plain.verifier().to_string()).unwrap();
    let line = note.signatures()[1].to_string();
    let theirs = signed_note::Signature::from_bytes(line.as_bytes()).unwrap();
    assert_eq!(theirs.id(), key.verifier().id());
    let (time, signature) = theirs.signature().split_at(8);
    assert_eq!(time, 1_700_000_000u64.to_be_bytes());
    let text = format!("cosignature/v1\ntime 1700000000\n{}", note.text());
    assert!(signed_note::Verifier::verify(&verifier, text.as_bytes(), signature));
}
