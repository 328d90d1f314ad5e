//! Every single bit of a small book's tiles, bundles, checkpoint and receipt, flipped. What no hash or signature covers is named: the
//! signature lines of keys that the reader does not trust.

use crate::common::{ORIGIN, Random, Store, book, entry, flips, log_key, witness_key};
use crate::receipts::{Case, case};
use tandem_book::checkpoint::{self, Checkpoint, Trust};
use tandem_book::key::VerifierKey;
use tandem_book::nodes::{TileNodes, Tiles};
use tandem_book::proof::{self, verify_consistency};
use tandem_book::receipt::Receipt;
use tandem_book::tile::{Kind, Tile};
use tandem_book::{Error, verify};

/// One full tile of leaves, one partial one, and the level above.
const SIZE: u64 = 259;

/// A book of which one file is another.
struct Tampered<'a>(&'a Store, Tile, &'a [u8]);

impl Tiles for Tampered<'_> {
    fn read(&self, tile: Tile) -> Result<Vec<u8>, Error> {
        if tile == self.1 { Ok(self.2.to_vec()) } else { self.0.read(tile) }
    }
}

#[test]
fn a_flipped_bit_in_a_tile_is_found() {
    let (store, checkpoint) = book(SIZE);
    verify::book(&store, &checkpoint).unwrap();
    let tiles: Vec<_> = store.files.iter().filter(|(tile, _)| tile.kind() != Kind::Entries).collect();
    assert_eq!(tiles.iter().map(|(tile, _)| tile.to_string()).collect::<Vec<_>>(), ["tile/0/000", "tile/0/001.p/3", "tile/1/000.p/1"]);
    for (&tile, bytes) in tiles {
        for (bit, flipped) in flips(bytes) {
            let error = verify::book(&Tampered(&store, tile, &flipped), &checkpoint).expect_err(&format!("bit {bit} of {tile}")).to_string();
            let expected = if tile.is_full() {
                "the root of tile/0/000 is "
            } else {
                "the root of the partial tiles of ledger.example/E09000001 at size 259 is "
            };
            assert!(error.starts_with(expected), "bit {bit} of {tile}: {error}");
        }
    }
}

/// Every bit against the bundle's tile, and one bit of every byte through the whole book.
#[test]
fn a_flipped_bit_in_a_bundle_is_found() {
    let (store, checkpoint) = book(SIZE);
    let mut random = Random::new();
    for (&bundle, bytes) in store.files.iter().filter(|(tile, _)| tile.kind() == Kind::Entries) {
        let tile = Tile::new(Kind::Hashes(0), bundle.index(), bundle.width()).unwrap();
        let leaves = tile.hashes(&store.files[&tile]).unwrap();
        assert_eq!(verify::entry_bundle(bundle, bytes, &leaves).unwrap().len(), usize::from(bundle.width()));
        for (bit, flipped) in flips(bytes) {
            let error = verify::entry_bundle(bundle, &flipped, &leaves).expect_err(&format!("bit {bit} of {bundle}"));
            if random.below(8) == 0 {
                let by_book = verify::book(&Tampered(&store, bundle, &flipped), &checkpoint).unwrap_err();
                assert_eq!(by_book, error, "bit {bit} of {bundle}");
            }
            // The length of an entry is 2 bytes before its 74; what is in the entry is named by its sequence.
            let (at, within) = (bit / 8 / 76, bit / 8 % 76);
            if within >= 2 {
                let sequence = bundle.index() * 256 + at as u64;
                assert!(error.to_string().starts_with(&format!("the leaf of entry {sequence} in {bundle} is ")), "bit {bit}: {error}");
            }
        }
    }
}

#[test]
fn files_that_are_missing_cut_or_longer_are_found() {
    let (store, checkpoint) = book(SIZE);
    for (&tile, bytes) in &store.files {
        let mut missing = store.clone();
        missing.files.remove(&tile);
        let error = verify::book(&missing, &checkpoint).unwrap_err();
        assert!(error.is_unreadable() && error.to_string() == format!("{tile} cannot be read: there is none"), "{error}");
        for other in [&bytes[..bytes.len() - 1], &bytes[..0], &[bytes.as_slice(), &[0]].concat()] {
            let error = verify::book(&Tampered(&store, tile, other), &checkpoint).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{tile}: ")), "{error}");
        }
    }
}

/// Entries that change places, or one that is left out or added in the middle: the bundle alone is well formed.
#[test]
fn a_rewritten_history_is_found_by_whoever_saw_the_old_one() {
    let entries: Vec<Vec<u8>> = (0..700).map(entry).collect();
    let (old, _) = Store::new(&entries[..500]);
    let old_root = proof::root(&mut TileNodes::new(&old, 500), 500).unwrap();
    let mut swapped = entries.clone();
    swapped.swap(10, 11);
    let mut left_out = entries.clone();
    left_out.remove(499);
    let mut added = entries.clone();
    added.insert(0, entry(1_000));
    for (what, rewritten) in [("swapped", swapped), ("left out", left_out), ("added", added)] {
        let (store, growth) = Store::new(&rewritten);
        let (size, root) = (growth.frontier().size(), growth.frontier().root());
        verify::book(&store, &Checkpoint::new(ORIGIN, size, root)).expect("the new history is a book of its own");
        let proof = proof::consistency(&mut TileNodes::new(&store, size), 500, size).unwrap();
        let error = verify_consistency(500, &old_root, size, &root, &proof).unwrap_err().to_string();
        assert!(error.starts_with(&format!("the old root that the consistency proof from size 500 to {size} leads to is ")), "{what}: {error}");
    }
    let (store, growth) = Store::new(&entries);
    let proof = proof::consistency(&mut TileNodes::new(&store, 700), 500, 700).unwrap();
    verify_consistency(500, &old_root, 700, &growth.frontier().root(), &proof).unwrap();
}

/// Two readers who are shown different books of one size, or of two sizes, find it when they compare.
#[test]
fn a_split_view_is_found() {
    let entries: Vec<Vec<u8>> = (0..400).map(entry).collect();
    let mut other = entries.clone();
    other[399] = entry(1_000);
    let (one, other) = (Store::new(&entries).1, Store::new(&other).1);
    let error = verify_consistency(400, &one.frontier().root(), 400, &other.frontier().root(), &[]).unwrap_err().to_string();
    assert!(error.starts_with("one root of size 400 is ") && error.contains(", but the other says "), "{error}");
}

fn signed() -> (String, Trust) {
    let (_, checkpoint) = book(SIZE);
    let mut note = checkpoint.sign(&log_key()).unwrap();
    checkpoint::cosign(&mut note, &witness_key(), 1_741_600_060).unwrap();
    (note.to_string(), Trust { witnesses: vec![witness_key().verifier()], quorum: 1, ..Trust::of(log_key().verifier()) })
}

#[test]
fn a_flipped_bit_in_a_signed_checkpoint_is_found() {
    let (note, trust) = signed();
    assert_eq!(checkpoint::open(note.as_bytes(), &trust).unwrap().cosigned.len(), 1);
    for (bit, flipped) in flips(note.as_bytes()) {
        let error = checkpoint::open(&flipped, &trust).err();
        assert!(error.is_some(), "bit {bit}: {:?}", String::from_utf8_lossy(&flipped));
    }
}

/// The exception: whoever does not trust the witness has no use for its line. A flip in it is refused as malformed or changes nothing.
#[test]
fn the_lines_of_keys_that_are_not_trusted_change_nothing() {
    let (note, trust) = signed();
    let trust = Trust { witnesses: Vec::new(), quorum: 0, ..trust };
    let (expected, line) = (checkpoint::open(note.as_bytes(), &trust).unwrap().checkpoint, note.rfind('—').unwrap());
    let mut ignored = 0;
    for (bit, flipped) in flips(note.as_bytes()) {
        if let Ok(opened) = checkpoint::open(&flipped, &trust) {
            assert!(bit / 8 >= line, "only the witness's line is covered by nothing: bit {bit}");
            assert_eq!(opened.checkpoint, expected);
            ignored += 1;
        }
    }
    assert!(ignored > 100, "{ignored}");
}

#[test]
fn a_flipped_bit_in_a_receipt_or_in_the_clients_event_is_found() {
    for forgotten in [false, true] {
        let Case { event, receipt, trust } = case(forgotten);
        let file = receipt.to_string();
        receipt.verify(&event, &trust).unwrap();
        for (bit, flipped) in flips(file.as_bytes()) {
            let result = Receipt::parse(&flipped).and_then(|receipt| receipt.verify(&event, &trust));
            assert!(result.is_err(), "bit {bit}: {:?}", String::from_utf8_lossy(&flipped));
        }
        for (bit, flipped) in flips(&event) {
            match receipt.verify(&flipped, &trust) {
                Err(_) => {}
                // The person part of an event whose person is forgotten is covered by nothing that is left, and the answer says so.
                Ok(proved) => assert!(forgotten && !proved.person && bit / 8 >= event.len() - 5, "bit {bit} of the event"),
            }
        }
    }
}

#[test]
fn another_key_of_the_same_name_does_not_sign_for_the_book() {
    let (_, checkpoint) = book(SIZE);
    let thief = tandem_book::key::SigningKey::from_seed(ORIGIN, tandem_book::key::Use::Note, &[9; 32]).unwrap();
    let error = checkpoint::open(checkpoint.sign(&thief).unwrap().to_string().as_bytes(), &Trust::of(log_key().verifier())).unwrap_err();
    assert!(matches!(error, Error::Unsigned { .. }), "{error}");
    // Nor does one that claims the key id of the true one.
    let note = checkpoint.sign(&log_key()).unwrap().to_string();
    let forged = note.replace(&format!("\n{SIZE}\n"), "\n260\n");
    let error = checkpoint::open(forged.as_bytes(), &Trust::of(log_key().verifier())).unwrap_err().to_string();
    assert!(error.starts_with("the signature of ledger.example/E09000001+") && error.contains(" does not hold"), "{error}");
}

#[test]
fn every_flipped_bit_of_a_verifier_key_is_found_or_is_no_key_of_this_book() {
    let vkey = log_key().verifier().to_string();
    for (bit, flipped) in flips(vkey.as_bytes()) {
        let key = std::str::from_utf8(&flipped).ok().and_then(|text| text.parse::<VerifierKey>().ok());
        assert!(key.is_none(), "bit {bit}: {key:?}");
    }
}
