//! What an auditor exports is accepted by verifiers that nobody here wrote, and refused by them once it is changed.

use std::path::Path;
use tandem_tests::books::{Files, key, plain};
use tandem_tests::foreign::Verifiers;
use tandem_tests::random::{Random, seeds};
use tandem_tests::server::run;

/// `tandem audit export` of a book.
fn exported(files: &Files, at: &Path) {
    let (from, out) = (at.join("book"), at.join("pack"));
    files.write(&from);
    let key = key().verifier().to_string();
    let output = run(&["audit", "export", "--dir", from.to_str().unwrap(), "--out", out.to_str().unwrap(), "--key", &key, "--quiet"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn foreign_verifiers_accept_what_is_exported_and_refuse_what_was_changed() {
    let Some(verifiers) = Verifiers::build() else { return };
    let vkey = key().verifier().to_string();
    let seed = seeds(1)[0];
    println!("TANDEM_SEED={seed}");
    let mut random = Random::new(seed);
    for size in [1, 255, 256, 257, 70_000] {
        let files = plain(size);
        let home = tempfile::tempdir().unwrap();
        exported(&files, home.path());
        let pack = home.path().join("pack");
        let (place, url) = (pack.to_str().unwrap(), format!("file://{}", pack.display()));
        let said = verifiers.go_accepts(place, &vkey).unwrap_or_else(|refused| panic!("golang.org/x/mod/sumdb refuses {size} entries: {refused}"));
        assert!(said.starts_with(&format!("accepted: {size} entries")), "{said}");
        if let Some(fsck) = verifiers.fsck_accepts(&url, &pack.join("vkey")) {
            fsck.unwrap_or_else(|refused| panic!("Tessera's fsck refuses {size} entries: {refused}"));
        }
        let all: Vec<&String> = files.by_path.keys().collect();
        for path in ["checkpoint", all[all.len() - 1], all[random.below(all.len() as u64) as usize]] {
            let bit = flip(&pack.join(path), &files.by_path[path], &mut random);
            let said = verifiers.go_accepts(place, &vkey);
            assert!(said.is_err(), "golang.org/x/mod/sumdb accepts bit {bit} of {path} flipped: {said:?}");
            std::fs::write(pack.join(path), &files.by_path[path]).unwrap();
        }
        // A partial bundle, as fsck does not end on a broken full one.
        if size == 257 {
            let path = "tile/entries/001.p/1";
            let bit = flip(&pack.join(path), &files.by_path[path], &mut random);
            let said = verifiers.fsck_accepts(&url, &pack.join("vkey"));
            assert!(said.as_ref().is_none_or(Result::is_err), "Tessera's fsck accepts bit {bit} of {path} flipped: {said:?}");
        }
    }
}

/// Flips a bit of a file and says which.
fn flip(file: &Path, whole: &[u8], random: &mut Random) -> usize {
    let (mut bytes, bit) = (whole.to_vec(), random.below(whole.len() as u64 * 8) as usize);
    bytes[bit / 8] ^= 1 << (bit % 8);
    std::fs::write(file, bytes).unwrap();
    bit
}
