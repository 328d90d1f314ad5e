//! What an auditor finds who comes again: a book that goes on, and one whose history was rewritten.

use super::*;
use tandem_book::checkpoint::Checkpoint;
use tandem_tests::books::{ORIGIN, plain, told_otherwise};

/// An auditor with a memory and a cache, who visits books one after the other.
struct Auditor {
    home: tempfile::TempDir,
}

impl Auditor {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    fn visit(&self, files: &Files) -> BookVerdict {
        let (state, cache) = (self.home.path().join("state.json"), self.home.path().join("cache"));
        verify(&["--dir", text(written(files).path()), "--state", text(&state), "--cache", text(&cache)])
    }

    fn state(&self) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.home.path().join("state.json")).unwrap()).unwrap()
    }
}

#[test]
fn a_book_that_goes_on_is_true_at_every_visit() {
    let auditor = Auditor::new();
    let mut before = None;
    for size in [0, 1, 200, 256, 256, 700, 65_600, 70_000] {
        let verdict = auditor.visit(&plain(size));
        assert_true(&verdict, size);
        assert_eq!(verdict.goes_on_from, before);
        assert_eq!(auditor.state()["books"][ORIGIN]["verified_size"], size);
        before = Some(size);
    }
}

#[test]
fn a_rewritten_history_is_caught_and_the_first_changed_entry_named() {
    for (old, parting, words) in [
        (70_000, 300, "the first entry that differs is 300"),
        (70_000, 69_000, "the first entry that differs is 69000"),
        (600, 0, "the first entry that differs is 0"),
        // In the partial tile, which no cache keeps.
        (600, 550, "part from entry 512 on"),
    ] {
        let auditor = Auditor::new();
        assert_true(&auditor.visit(&plain(old)), old);
        let remembered = auditor.state();
        let verdict = auditor.visit(&told_otherwise(old + 100, parting));
        assert_says(&verdict, Verdict::Mismatch, &[ORIGIN, "was rewritten", &format!("begin with the {old}"), words]);
        // It remembers what it saw first, and keeps the other as evidence, once.
        auditor.visit(&told_otherwise(old + 100, parting));
        let state = auditor.state();
        assert_eq!(state["books"][ORIGIN]["checkpoint"], remembered["books"][ORIGIN]["checkpoint"]);
        assert_eq!(state["books"][ORIGIN]["conflicts"].as_array().unwrap().len(), 1);
        assert_eq!(state["books"][ORIGIN]["conflicts"][0], verdict.checkpoint.unwrap().note);
        // The true history is still true.
        assert_true(&auditor.visit(&plain(old + 1)), old + 1);
    }
}

#[test]
fn a_smaller_book_and_a_split_view_are_caught() {
    let auditor = Auditor::new();
    assert_true(&auditor.visit(&plain(600)), 600);
    assert_says(&auditor.visit(&plain(599)), Verdict::Mismatch, &["was rewritten", "it has 599 entries, but had 600"]);
    let split = auditor.visit(&told_otherwise(600, 100));
    assert_says(&split, Verdict::Mismatch, &["was rewritten", "two signed checkpoints of size 600", "the first entry that differs is 100"]);
    assert_eq!(auditor.state()["books"][ORIGIN]["conflicts"].as_array().unwrap().len(), 2);
    // An auditor without a memory cannot know.
    assert_true(&verify_dir(written(&told_otherwise(600, 100)).path()), 600);
}

#[test]
fn wrong_tiles_are_no_rewritten_history() {
    let auditor = Auditor::new();
    assert_true(&auditor.visit(&plain(600)), 600);
    let mut files = plain(700);
    files.sign(&Checkpoint::new(ORIGIN, 700, [3; 32]), &key());
    let verdict = auditor.visit(&files);
    assert_says(&verdict, Verdict::Mismatch, &["root"]);
    assert!(!verdict.line().contains("rewritten"), "{}", verdict.line());
    // A tile where the old tree ended, far from where the new one does.
    let mut files = plain(2_000);
    files.by_path.get_mut("tile/0/002").unwrap()[0] ^= 1;
    let verdict = auditor.visit(&files);
    assert_says(&verdict, Verdict::Mismatch, &[]);
    assert!(!verdict.line().contains("rewritten"), "{}", verdict.line());
    assert_eq!(auditor.state()["books"][ORIGIN]["conflicts"], serde_json::json!([]));
}

/// A checkpoint that was seen counts, even if the rest of that visit did not come to an end.
#[test]
fn what_an_interrupted_visit_saw_is_remembered() {
    let auditor = Auditor::new();
    let mut files = plain(700);
    files.by_path.remove("tile/entries/001");
    assert_says(&auditor.visit(&files), Verdict::Unchecked, &["tile/entries/001"]);
    assert_eq!(auditor.state()["books"][ORIGIN]["verified_size"], 0);
    assert_says(&auditor.visit(&plain(699)), Verdict::Mismatch, &["was rewritten"]);
}

#[test]
fn a_state_file_that_is_none_or_in_use_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let (state, book) = (home.path().join("state.json"), written(&plain(3)));
    let key = vkey();
    let arguments = ["--key", &key, "--dir", text(book.path()), "--state", text(&state), "--quiet"];
    let refused = || format!("{:#}", verify::audit_all(&parse(&arguments)).unwrap_err());
    std::fs::write(&state, "{}").unwrap();
    assert!(refused().contains("no state file"));
    std::fs::write(&state, r#"{"version":2,"books":{}}"#).unwrap();
    assert!(refused().contains("version 2"));
    std::fs::remove_file(&state).unwrap();
    let _held = crate::audit::state::State::open(&state).unwrap();
    assert!(refused().contains("another audit uses"));
}
