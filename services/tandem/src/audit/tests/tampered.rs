//! What is not what it should be is refused, with a line that says what and where.

use super::*;
use tandem_book::checkpoint::Checkpoint;
use tandem_tests::books::{COUNCIL, ORIGIN, entry, key_of, of, plain};

#[test]
fn a_good_book_is_true_at_every_shape_of_its_tree() {
    for size in [0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 70_000] {
        assert_true(&verify_dir(written(&plain(size)).path()), size);
    }
}

#[test]
fn a_book_in_the_served_layout_is_found_by_its_council() {
    let directory = tempfile::tempdir().unwrap();
    plain(300).write(&directory.path().join("books").join(COUNCIL));
    assert_true(&verify_dir(directory.path()), 300);
    let base = key_of("ledger.example", 7).verifier().to_string();
    let arguments = ["--dir", text(directory.path()), "--key", &base, "--council", COUNCIL, "--quiet"];
    assert_true(&verify::audit_all(&parse(&arguments)).unwrap()[0], 300);
}

/// The checkpoint, a full and a partial tile of level 0, level 1, bundles: every bit of a small book.
#[test]
fn every_single_flipped_bit_of_a_small_book_is_found() {
    for size in [1, 3] {
        let files = plain(size);
        let directory = written(&files);
        for (path, bytes) in &files.by_path {
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                std::fs::write(directory.path().join(path), flipped).unwrap();
                let verdict = verify_dir(directory.path());
                assert_eq!(verdict.verdict, Verdict::Mismatch, "bit {bit} of {path}: {}", verdict.line());
            }
            std::fs::write(directory.path().join(path), bytes).unwrap();
        }
        assert_true(&verify_dir(directory.path()), size);
    }
}

/// One path of each kind that the book has, and `more` at random.
fn sample(files: &Files, random: &mut Random, more: usize) -> Vec<String> {
    let kinds = [
        "checkpoint",
        "tile/0/000",
        "tile/0/273.p/112",
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
        "tile/entries/000",
        "tile/entries/273.p/112",
        "tile/entries/255",
    ];
    let all: Vec<&String> = files.by_path.keys().collect();
    for kind in kinds {
        assert!(files.by_path.contains_key(kind), "{kind} is one of {all:?}");
    }
    let at_random: Vec<String> = (0..more).map(|_| (*random.pick(&all)).clone()).collect();
    kinds.iter().map(|&kind| kind.to_owned()).chain(at_random).collect()
}

#[test]
fn a_flipped_bit_in_each_kind_of_file_of_a_large_book_is_found_and_named() {
    let mut random = random();
    let files = plain(70_000);
    let directory = written(&files);
    for path in sample(&files, &mut random, 30) {
        let mut bytes = files.by_path[&path].clone();
        let bit = random.below(bytes.len() as u64 * 8) as usize;
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(directory.path().join(&path), bytes).unwrap();
        let verdict = verify_dir(directory.path());
        println!("bit {bit} of {path}: {}", verdict.line());
        // The root speaks of the partial tiles together, a full tile of itself or of the one below it.
        let place = if path.contains(".p/") && !path.contains("entries") { "partial tiles".to_owned() } else { path.clone() };
        let place = if path == "checkpoint" { "mismatch" } else { place.as_str() };
        assert_says(&verdict, Verdict::Mismatch, &[ORIGIN, place]);
        std::fs::write(directory.path().join(&path), &files.by_path[&path]).unwrap();
    }
}

#[test]
fn a_tile_that_is_cut_too_long_or_missing_is_named() {
    let mut random = random();
    let files = plain(70_000);
    let directory = written(&files);
    for path in sample(&files, &mut random, 3) {
        let (place, whole) = (directory.path().join(&path), &files.by_path[&path]);
        let name = path.as_str();
        for keep in [0, 1, whole.len() / 2, whole.len() - 32, whole.len() - 1] {
            std::fs::write(&place, &whole[..keep]).unwrap();
            let verdict = verify_dir(directory.path());
            assert_says(&verdict, Verdict::Mismatch, &[if name == "checkpoint" { ORIGIN } else { name }]);
        }
        std::fs::write(&place, [whole.as_slice(), b"\n"].concat()).unwrap();
        assert_says(&verify_dir(directory.path()), Verdict::Mismatch, &[if name == "checkpoint" { ORIGIN } else { name }]);
        std::fs::remove_file(&place).unwrap();
        // Nothing is known of what is not there: it is not called a mismatch, and never true.
        assert_says(&verify_dir(directory.path()), Verdict::Unchecked, &["could not check", name]);
        std::fs::write(&place, whole).unwrap();
    }
}

#[test]
fn a_checkpoint_of_another_key_origin_size_or_root_is_refused() {
    let files = plain(300);
    let good = Checkpoint::new(ORIGIN, 300, files.root);
    let refused = |checkpoint: &Checkpoint, signer: &tandem_book::key::SigningKey, words: &[&str]| {
        let mut files = files.clone();
        files.sign(checkpoint, signer);
        assert_says(&verify_dir(written(&files).path()), Verdict::Mismatch, words);
    };
    refused(&good, &key_of(ORIGIN, 8), &["not signed by", &key().verifier().label()]);
    refused(&good, &key_of("ledger.example/E09000002", 7), &["not signed by"]);
    refused(&Checkpoint::new("ledger.example/E09000002", 300, files.root), &key(), &["origin", "E09000002"]);
    refused(&Checkpoint::new(ORIGIN, 300, [9; 32]), &key(), &["root of the partial tiles", "size 300"]);
    let mut smaller = plain(299);
    smaller.sign(&Checkpoint::new(ORIGIN, 299, files.root), &key());
    assert_says(&verify_dir(written(&smaller).path()), Verdict::Mismatch, &["root of the partial tiles", "size 299"]);
}

#[test]
fn entries_that_are_no_commitments_or_go_back_in_time_are_refused() {
    let with = |at: u64, change: fn(&mut [u8; 74])| {
        of((0..600).map(|n| {
            let mut entry = entry(n, 0);
            if n == at {
                change(&mut entry);
            }
            entry
        }))
    };
    let version = with(300, |entry| entry[0] = 2);
    assert_says(&verify_dir(written(&version).path()), Verdict::Mismatch, &["entry 300", "no commitment"]);
    let back = with(300, |entry| entry[2..10].fill(0));
    assert_says(&verify_dir(written(&back).path()), Verdict::Mismatch, &["entry 300", "book time"]);
    // Between two bundles, which different threads look at.
    let back = with(512, |entry| entry[2..10].fill(0));
    assert_says(&verify_dir(written(&back).path()), Verdict::Mismatch, &["entry 512", "book time"]);
}

#[test]
fn two_kinds_of_failure_at_once_are_a_mismatch() {
    let all = |verdicts: &[Verdict]| Verdict::of(verdicts.iter().copied());
    assert_eq!(all(&[Verdict::True, Verdict::Unchecked, Verdict::Mismatch]), Verdict::Mismatch);
    assert_eq!(all(&[Verdict::True, Verdict::Unchecked]), Verdict::Unchecked);
    assert_eq!(all(&[Verdict::True]), Verdict::True);
    assert_eq!(all(&[]), Verdict::Unchecked);
}
