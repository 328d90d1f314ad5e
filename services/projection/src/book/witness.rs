//! Witnesses: others who confirm that a book's checkpoint goes on from all that they have seen of it (c2sp.org/tlog-witness). The
//! publisher never waits for them: its own signature is published first, and their cosignatures join it at the same size and root.
//! Each witness has a thread of its own, so that a slow one holds up nobody else.

use super::publish::{Published, Publisher, Refused};
use super::stored::Stored;
use crate::Error;
use crate::projection::Shared;
use rustc_hash::FxHashMap;
use std::fmt;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use tandem_book::key::{Use, VerifierKey};
use tandem_book::nodes::TileNodes;
use tandem_book::note::Signature;
use tandem_book::proof;
use tandem_book::witness::{self, PROOF_LINES_MAX, Request};
use tandem_domain::tables::Rows;

/// How often is looked whether something new is published, and how long a stop may take to be noticed.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Wait after the first failure, doubled with each that follows.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// Longest wait.
const RETRY_LAST: Duration = Duration::from_secs(60);
/// Requests about one checkpoint: the second and third are from the size that the answer before named.
const REQUESTS_MAX: usize = 3;
/// What of a witness's own words a line of the log shows.
const WORDS_CHARS_MAX: usize = 120;

/// How a witness is reached: an HTTP client in the program, anything in a test.
pub trait Post: Send + Sync + 'static {
    /// Posts a body to the witness's `add-checkpoint`. Blocks, no longer than a bounded time. The error says why there is no answer.
    fn post(&self, body: &str) -> Result<Answer, String>;
}

/// What a witness answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Content type; empty: none.
    pub content_type: String,
    /// Body, bounded by whoever read it.
    pub body: Vec<u8>,
}

/// A witness that is asked to cosign.
pub struct Witness {
    key: VerifierKey,
    way: Box<dyn Post>,
}

impl Witness {
    /// By its verifier key, which must be of type 0x04, and the way to it.
    pub fn new(key: VerifierKey, way: impl Post) -> Result<Self, tandem_book::Error> {
        match key.purpose() {
            Use::Cosignature => Ok(Self { key, way: Box::new(way) }),
            Use::Note => Err(tandem_book::Error::Key { key: key.label(), why: "signs notes; a witness's key has type 0x04".into() }),
        }
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Witness({})", self.key.label())
    }
}

/// Why a witness did not cosign. The book stays published as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Uncosigned {
    #[error("it cannot be reached: {0}")]
    Away(String),
    #[error("it answered {status}: {words}")]
    Refused { status: u16, words: String },
    #[error("it has cosigned {seen} entries and {published} are published: an older state was restored, or somebody else publishes this book")]
    Ahead { seen: u64, published: u64 },
    #[error("its answer is none: {0}")]
    Wrong(tandem_book::Error),
    #[error("it names another size each time it is asked")]
    Restless,
    #[error("the proof for it cannot be made yet: {0}")]
    NoProof(tandem_book::Error),
    #[error("the cosignature cannot be kept: {0}")]
    Unkept(String),
}

/// What is known of one book at one witness.
#[derive(Default)]
struct Known {
    /// Size that it has cosigned, as far as it has told.
    seen: u64,
    /// Size that needs nothing more of it.
    done: u64,
    failures: u32,
    retry_at: Option<Instant>,
    told: Option<Uncosigned>,
}

/// Starts the thread of one witness.
pub(crate) fn start(shared: &Arc<Shared>, publisher: &Arc<Publisher>, index: usize) -> Result<JoinHandle<()>, Error> {
    let (shared, publisher) = (shared.clone(), publisher.clone());
    let asking = Builder::new().name(format!("tandem-witness-{index}")).spawn(move || {
        let mut books = FxHashMap::default();
        while !shared.stopping() {
            ask_about_all(&shared, &publisher, &publisher.witnesses()[index], &mut books);
            std::thread::sleep(LOOK_EVERY);
        }
    });
    asking.map_err(|error| Error::Stopped(format!("a thread could not be started: {error}")))
}

fn ask_about_all(shared: &Shared, publisher: &Publisher, witness: &Witness, books: &mut FxHashMap<String, Known>) {
    let councils: Vec<(String, u64)> = shared.progress.borrow().books.iter().map(|(council, own)| (council.clone(), own.book.entries)).collect();
    for (council, entries) in councils {
        let known = books.entry(council.clone()).or_default();
        if entries == known.done || known.retry_at.is_some_and(|at| Instant::now() < at) {
            continue;
        }
        if shared.stopping() {
            return;
        }
        // What cannot be read is the publisher's to tell.
        let Ok(Some(published)) = publisher.published(&council) else { continue };
        if !published.is_cosigned_by(&witness.key) {
            let asked = cosign(&shared.store.snapshot(), publisher, witness, &council, &published, known);
            after(publisher, witness, &council, known, asked);
        } else {
            known.done = published.checkpoint.size;
        }
    }
}

/// Counts, tells and schedules what comes of it.
fn after(publisher: &Publisher, witness: &Witness, council: &str, known: &mut Known, asked: Result<(), Uncosigned>) {
    publisher.count_cosigned(asked.is_ok());
    match asked {
        Ok(()) => *known = Known { seen: known.seen, done: known.done, ..Known::default() },
        Err(why) => {
            let wait = RETRY_FIRST.saturating_mul(1 << known.failures.min(6)).min(RETRY_LAST);
            known.failures = known.failures.saturating_add(1);
            known.retry_at = Some(Instant::now() + wait);
            if known.told.as_ref() != Some(&why) {
                tracing::warn!(council, witness = witness.key.name(), %why, "the book is not cosigned");
                known.told = Some(why);
            }
        }
    }
}

/// Has a published checkpoint cosigned and puts the cosignature beside the signature. If a larger one was published meanwhile, that one
/// comes next.
fn cosign<R: Rows<Error = Error>>(
    rows: &R,
    publisher: &Publisher,
    witness: &Witness,
    council: &str,
    published: &Published,
    known: &mut Known,
) -> Result<(), Uncosigned> {
    let signature = ask(rows, witness, council, published, known)?;
    known.seen = published.checkpoint.size;
    match publisher.add_cosignature(council, &published.checkpoint, signature) {
        Ok(()) | Err(Refused::Raced { .. }) => Ok(()),
        Err(why) => Err(Uncosigned::Unkept(why.to_string())),
    }
}

fn ask<R: Rows<Error = Error>>(
    rows: &R,
    witness: &Witness,
    council: &str,
    published: &Published,
    known: &mut Known,
) -> Result<Signature, Uncosigned> {
    let (stored, size) = (Stored::new(rows, council), published.checkpoint.size);
    for _ in 0..REQUESTS_MAX {
        let old = known.seen;
        if old > size {
            // What it has now is asked anew the next time.
            known.seen = 0;
            return Err(Uncosigned::Ahead { seen: old, published: size });
        }
        let proof = proof::consistency(&mut TileNodes::new(&stored, size), old, size).map_err(Uncosigned::NoProof)?;
        debug_assert!(proof.len() <= PROOF_LINES_MAX, "trees of less than 2^62 entries");
        let request = Request { old, proof, note: published.signed.clone() };
        let answer = witness.way.post(&request.to_string()).map_err(Uncosigned::Away)?;
        let names_a_size = answer.content_type.split(';').next().is_some_and(|kind| kind.trim() == witness::SIZE_CONTENT_TYPE);
        match answer.status {
            200 => return witness::cosignature(&answer.body, &published.signed, &witness.key).map_err(Uncosigned::Wrong),
            409 if names_a_size => {
                let seen = witness::size(&answer.body).map_err(Uncosigned::Wrong)?;
                if seen < old {
                    tracing::error!(council, witness = witness.key.name(), old, seen, "the witness has forgotten what it cosigned");
                }
                known.seen = seen;
            }
            status => return Err(Uncosigned::Refused { status, words: words(&answer.body) }),
        }
    }
    Err(Uncosigned::Restless)
}

/// One line of what a witness says; it may be anything.
fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|char| !char.is_control()).take(WORDS_CHARS_MAX).collect()
}
