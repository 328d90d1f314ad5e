//! `tandem audit verify`: a book from its tiles, bundles and signatures, and against the auditor's own memory.

use super::books::{Book, Books};
use super::shelf::Shelf;
use super::state::State;
use super::verdict::{BookVerdict, Failure, Verdict};
use super::{catalogue, check, history, pack, print, progress};
use anyhow::Context;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tandem_book::checkpoint::{Checkpoint, Opened};
use tandem_book::note::Note;

/// Check a whole book: every signature, tile, entry and its root, and that it goes on from what you saw before
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Example:
  tandem audit verify --url http://127.0.0.1:8080 --key council.vkey --state audit.json --cache audit-cache

Exit status: 0 true, 1 something is not what it should be, 2 could not check. It says what and where in one line a book.")]
pub struct Args {
    #[command(flatten)]
    books: Books,
    /// Where to remember the last checkpoint of each book: a history that is rewritten, shorter or split is caught on the next visit
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Where to keep what never changes, so that it is fetched once, also if this is interrupted
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Print one JSON document; its fields stay as they are
    #[arg(long)]
    json: bool,
}

/// Audits and prints.
pub fn run(args: &Args) -> anyhow::Result<Verdict> {
    let verdicts = audit_all(args)?;
    print(&verdicts, args.json)?;
    Ok(Verdict::of(verdicts.iter().map(|book| book.verdict)))
}

/// Audits every book, one after the other.
pub fn audit_all(args: &Args) -> anyhow::Result<Vec<BookVerdict>> {
    let books = args.books.all()?;
    let mut state = args.state.as_deref().map(State::open).transpose()?;
    Ok(books.iter().map(|book| audit(args, book, &mut state)).collect())
}

fn audit(args: &Args, book: &Book, state: &mut Option<State>) -> BookVerdict {
    let started = Instant::now();
    let mut verdict = book.verdict();
    let shelf = book.shelf(args.cache.as_deref().map(|root| book.cache(root)));
    let done = AtomicU64::new(0);
    match judge(args, book, &shelf, state, &done, &mut verdict) {
        Ok(()) => verdict.verdict = Verdict::True,
        Err(failure) => (verdict.verdict, verdict.reason) = (failure.verdict, Some(failure.why)),
    }
    verdict.entries_checked = done.into_inner();
    fill_counts(&mut verdict, &shelf, started);
    verdict
}

/// What was read, and how long it took.
pub fn fill_counts(verdict: &mut BookVerdict, shelf: &Shelf<'_>, started: Instant) {
    let counts = shelf.counts();
    verdict.files_read = counts.files_read.load(Ordering::Relaxed);
    verdict.bytes_read = counts.bytes_read.load(Ordering::Relaxed);
    verdict.files_cached = counts.files_cached.load(Ordering::Relaxed);
    verdict.milliseconds = started.elapsed().as_millis() as u64;
}

fn judge(args: &Args, book: &Book, shelf: &Shelf<'_>, state: &mut Option<State>, done: &AtomicU64, verdict: &mut BookVerdict) -> Result<(), Failure> {
    let opened = book.checkpoint()?;
    verdict.checkpoint = Some((&opened).into());
    if let Some(state) = state {
        verdict.goes_on_from = compare(state, shelf, &opened)?;
        verdict.remembered = true;
    }
    let checkpoint = &opened.checkpoint;
    progress::during(&checkpoint.origin, checkpoint.size, done, args.books.is_quiet(), || check::book(shelf, checkpoint, args.books.jobs(), done))?;
    if let Some(directory) = &book.directory {
        catalogue::check(directory, &*book.source, checkpoint.size)?;
        pack::check_manifest(directory, checkpoint.size)?;
    }
    if let Some(state) = state {
        let mut seen = state.seen(&checkpoint.origin).cloned().unwrap_or_default();
        seen.verified_size = checkpoint.size;
        state.remember(&checkpoint.origin, seen)?;
    }
    Ok(())
}

/// Compares with what was seen before and remembers what is seen now, whatever becomes of the rest. Gives the size that was seen before.
fn compare(state: &mut State, shelf: &Shelf<'_>, opened: &Opened) -> Result<Option<u64>, Failure> {
    let new = &opened.checkpoint;
    let mut seen = state.seen(&new.origin).cloned().unwrap_or_default();
    let mut before = None;
    if !seen.checkpoint.is_empty() {
        let old = remembered(&seen.checkpoint).context("the state file's checkpoint cannot be read")?;
        if let Err(failure) = history::goes_on(shelf, &old, new) {
            let note = opened.note.to_string();
            if failure.is_rewritten && !seen.conflicts.contains(&note) {
                seen.conflicts.push(note);
                state.remember(&new.origin, seen)?;
            }
            return Err(failure);
        }
        before = Some(old.size);
    }
    seen.checkpoint = opened.note.to_string();
    state.remember(&new.origin, seen)?;
    Ok(before)
}

/// The auditor's own file is believed: the key may have been another one then.
fn remembered(note: &str) -> anyhow::Result<Checkpoint> {
    Ok(Checkpoint::parse(Note::parse(note.as_bytes())?.text())?)
}
