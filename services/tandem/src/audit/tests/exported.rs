//! Packs: what is exported verifies offline, and nothing of it can be changed.

use super::*;
use std::process::Command;
use tandem_tests::books::{COUNCIL, plain};
use tandem_tests::served::{Reply, Served};

fn pack_of(size: u64) -> tempfile::TempDir {
    let (book, out) = (written(&plain(size)), tempfile::tempdir().unwrap());
    assert_true(&export(&["--dir", text(book.path()), "--out", text(out.path())]), size);
    out
}

#[test]
fn a_pack_verifies_offline_with_the_same_command() {
    for size in [0, 1, 256, 257, 70_000] {
        let out = pack_of(size);
        assert_true(&verify_dir(out.path()), size);
        let key = std::fs::read_to_string(out.path().join("vkey")).unwrap();
        assert_eq!(key, vkey() + "\n");
        let readme = std::fs::read_to_string(out.path().join("README.md")).unwrap();
        assert!(readme.contains(&format!("{size} entries")) && readme.contains("tandem audit verify --dir . --key"), "{readme}");
        // The manifest is one that everybody's tool reads.
        let sums = Command::new("sha256sum").args(["--check", "--strict", "--quiet", "MANIFEST.sha256"]).current_dir(out.path()).output().unwrap();
        assert!(sums.status.success(), "{}", String::from_utf8_lossy(&sums.stdout));
    }
}

#[test]
fn every_flipped_bit_in_what_only_the_manifest_covers_is_found() {
    let mut random = random();
    let out = pack_of(300);
    let names: Vec<String> = std::fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for name in ["README.md", "checkpoint", "vkey", "MANIFEST.sha256"] {
        assert!(names.contains(&name.to_owned()), "{names:?}");
        let path = out.path().join(name);
        let whole = std::fs::read(&path).unwrap();
        for _ in 0..100 {
            let (mut bytes, bit) = (whole.clone(), random.below(whole.len() as u64 * 8) as usize);
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, bytes).unwrap();
            let verdict = verify_dir(out.path());
            assert_eq!(verdict.verdict, Verdict::Mismatch, "bit {bit} of {name}: {}", verdict.line());
        }
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        if name != "MANIFEST.sha256" {
            assert_says(&verify_dir(out.path()), Verdict::Mismatch, &[]);
        }
        std::fs::write(&path, whole).unwrap();
    }
    assert_true(&verify_dir(out.path()), 300);
}

#[test]
fn a_pack_with_a_missing_or_additional_line_in_its_manifest_is_refused() {
    let out = pack_of(300);
    let path = out.path().join("MANIFEST.sha256");
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, whole.lines().take(3).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    assert_says(&verify_dir(out.path()), Verdict::Mismatch, &["MANIFEST.sha256", "ends before tile/entries/000"]);
    std::fs::write(&path, format!("{whole}{}", whole.lines().last().unwrap())).unwrap();
    assert_says(&verify_dir(out.path()), Verdict::Mismatch, &["MANIFEST.sha256", "not the pack's"]);
    std::fs::remove_file(out.path().join("README.md")).unwrap();
    assert_says(&verify_dir(out.path()), Verdict::Unchecked, &["README.md"]);
}

#[test]
fn an_export_goes_on_where_it_was_interrupted_even_at_another_size() {
    let out = tempfile::tempdir().unwrap();
    let mut cut = plain(600);
    cut.by_path.remove("tile/entries/002.p/88");
    // One at a time: all before the last is done.
    let verdict = export(&["--dir", text(written(&cut).path()), "--out", text(out.path()), "--jobs", "1"]);
    assert_says(&verdict, Verdict::Unchecked, &["tile/entries/002.p/88"]);
    let files = plain(700);
    let server = Served::start(move |path| {
        let file = path.strip_prefix(&format!("/books/{COUNCIL}/")).and_then(|path| files.by_path.get(path));
        file.map_or(Reply::Status(404), |bytes| Reply::File(bytes.clone()))
    });
    let verdict = export(&["--url", &server.url, "--out", text(out.path())]);
    assert_true(&verdict, 700);
    assert_eq!(verdict.files_cached, 4);
    assert_true(&verify_dir(out.path()), 700);
    let key = vkey();
    let again = pack::export_one(&parse(&["--key", &key, "--url", &server.url, "--out", text(out.path())]));
    assert!(again.unwrap_err().to_string().contains("finished pack"));
}

#[test]
fn what_does_not_verify_is_not_exported() {
    let (mut files, out) = (plain(600), tempfile::tempdir().unwrap());
    files.by_path.get_mut("tile/entries/001").unwrap()[5] ^= 1;
    assert_says(&export(&["--dir", text(written(&files).path()), "--out", text(out.path())]), Verdict::Mismatch, &["tile/entries/001"]);
    assert!(!out.path().join("MANIFEST.sha256").exists());
}
