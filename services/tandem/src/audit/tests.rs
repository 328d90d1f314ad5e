//! Books of every shape, true and tampered with, in a directory and on a server, as the commands see them.

mod exported;
mod fetched;
mod receipts;
mod tampered;
mod visited;

use super::verdict::{BookVerdict, Verdict};
use super::{pack, verify};
use clap::{Args, Parser};
use std::path::Path;
use tandem_tests::books::{Files, key};
use tandem_tests::random::{Random, seeds};

#[derive(Parser)]
struct Line<A: Args> {
    #[command(flatten)]
    args: A,
}

fn parse<A: Args>(arguments: &[&str]) -> A {
    Line::parse_from(["tandem"].iter().chain(arguments)).args
}

/// The book's verifier key.
fn vkey() -> String {
    key().verifier().to_string()
}

/// `tandem audit verify --key … --quiet` with these flags, of one book.
fn verify(arguments: &[&str]) -> BookVerdict {
    let key = vkey();
    let arguments = [&["--key", &key, "--quiet"], arguments].concat();
    let mut verdicts = verify::audit_all(&parse(&arguments)).expect("it can be begun");
    assert_eq!(verdicts.len(), 1);
    verdicts.remove(0)
}

fn verify_dir(directory: &Path) -> BookVerdict {
    verify(&["--dir", text(directory)])
}

fn export(arguments: &[&str]) -> BookVerdict {
    let key = vkey();
    pack::export_one(&parse(&[&["--key", &key, "--quiet"], arguments].concat())).expect("it can be begun")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary directory has a plain name")
}

/// Of a new directory with this book.
fn written(files: &Files) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    files.write(directory.path());
    directory
}

fn assert_true(verdict: &BookVerdict, size: u64) {
    assert_eq!((verdict.verdict, verdict.reason.as_deref(), verdict.entries_checked), (Verdict::True, None, size), "{}", verdict.line());
}

/// The verdict, and that its line has all of these words.
fn assert_says(verdict: &BookVerdict, expected: Verdict, words: &[&str]) {
    let line = verdict.line();
    assert_eq!(verdict.verdict, expected, "{line}");
    assert!(!line.contains('\n'), "one line: {line}");
    for word in words {
        assert!(line.contains(word), "{word:?} is said in: {line}");
    }
}

/// Chance from a seed that is printed: TANDEM_SEED runs one again.
fn random() -> Random {
    let seed = seeds(1)[0];
    println!("TANDEM_SEED={seed}");
    Random::new(seed)
}
