//! Checkpoints: one publisher for each book. What it signs always goes on from what was signed before.

use super::checkpoints::Checkpoints;
use super::stored::Stored;
use super::witness::Witness;
use crate::Error;
use crate::projection::Shared;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use tandem_book::checkpoint::{self, Checkpoint, Trust};
use tandem_book::key::{SigningKey, Use, VerifierKey};
use tandem_book::nodes::TileNodes;
use tandem_book::note::{Note, Signature};
use tandem_book::proof;
use tandem_book::tree::EMPTY_ROOT;
use tandem_domain::position::partition_of;
use tandem_domain::tables::Rows;

/// Between two checkpoints of one book, and between two attempts.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often is looked whether a book has grown, and how long a stop may take to be noticed.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Between two lines of the log about a book that cannot be published for the same reason.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Why a book is not published further. What was published before is served on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the checkpoint store failed at {} ({why}): make room or put its permissions right; it is tried again", path.display())]
    Store { path: PathBuf, why: String },
    #[error("the checkpoint in {} is not one of this server's key and name ({why}): give the server the --signing-key and --book-name that it had", path.display())]
    Foreign { path: PathBuf, why: String },
    #[error(
        "the book has {size} entries and {published} are published: this is not the data that was published; restore the newest, and do not sign another history"
    )]
    Smaller { size: u64, published: u64 },
    #[error(
        "the book is not the one of which {published} entries are published ({why}): its history was changed, or two servers publish different ones; find out which is true, and stop the other"
    )]
    Forked { published: u64, why: String },
    #[error("the book cannot be signed: {0}")]
    Unsignable(tandem_book::Error),
    #[error("another publisher has published {size} entries meanwhile: it is tried again")]
    Raced { size: u64 },
}

/// What is published of a book.
#[derive(Debug)]
pub(crate) struct Published {
    /// The signed note, word for word.
    pub note: Vec<u8>,
    /// The same, read.
    pub signed: Note,
    pub checkpoint: Checkpoint,
}

impl Published {
    /// Whether it has a cosignature of this key. Only such as hold are ever put there.
    pub fn is_cosigned_by(&self, key: &VerifierKey) -> bool {
        self.signed.signatures().iter().any(|signature| signature.name() == key.name() && signature.id() == key.id())
    }
}

/// Signs checkpoints with one key, for each book under its origin `<name>/<council>`, and keeps them in a directory. One for each
/// projection; several projections of the same log may share the directory: they never publish two histories. A standby has only the key that
/// verifies: it serves what others publish there.
#[derive(Debug)]
pub struct Publisher {
    name: String,
    verifier: VerifierKey,
    /// `None`: a standby, which never signs.
    key: Option<SigningKey>,
    checkpoints: Checkpoints,
    /// What was read last, so that a signature is checked once.
    read: Mutex<FxHashMap<String, Arc<Published>>>,
    /// Books that are not published further, and why.
    refused: Mutex<BTreeMap<String, Refused>>,
    witnesses: Vec<Witness>,
    /// Cosignatures that were had since the start, and attempts that failed.
    cosigned: AtomicU64,
    uncosigned: AtomicU64,
}

impl Publisher {
    /// With a name for all books of this server and a directory for their checkpoints, which is made if it is not there.
    pub fn new(name: &str, key: &SigningKey, directory: &Path) -> Result<Self, Error> {
        Ok(Self { key: Some(key.clone()), ..Self::standby(name, &key.verifier(), directory)? })
    }

    /// One that never signs: it serves what others publish in the directory, if this key verifies it.
    pub fn standby(name: &str, verifier: &VerifierKey, directory: &Path) -> Result<Self, Error> {
        let failed = |why: String| Error::Publisher { path: directory.into(), why };
        if verifier.purpose() != Use::Note {
            return Err(failed(format!("the key {} is a witness's: books are signed with one of type 0x01", verifier.name())));
        }
        let verifier = verifier.named(name).map_err(|error| failed(error.to_string()))?;
        let checkpoints = Checkpoints::open(directory).map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            name: name.to_owned(),
            verifier,
            key: None,
            checkpoints,
            read: Mutex::default(),
            refused: Mutex::default(),
            witnesses: Vec::new(),
            cosigned: AtomicU64::new(0),
            uncosigned: AtomicU64::new(0),
        })
    }

    /// Has what is published cosigned by these witnesses, as soon as each can. Nothing ever waits for them.
    pub fn with_witnesses(self, witnesses: Vec<Witness>) -> Self {
        Self { witnesses, ..self }
    }

    /// Who is asked to cosign.
    pub(crate) fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Puts a cosignature on a checkpoint, if that is still what is published. It has been checked.
    pub(super) fn add_cosignature(&self, council: &str, checkpoint: &Checkpoint, cosignature: Signature) -> Result<(), Refused> {
        self.checkpoints.add(council, (checkpoint.size, checkpoint.root), cosignature)
    }

    pub(super) fn count_cosigned(&self, is_cosigned: bool) {
        if is_cosigned { &self.cosigned } else { &self.uncosigned }.fetch_add(1, Relaxed);
    }

    /// Cosignatures that were had since the start, and attempts that failed.
    pub(crate) fn cosigned_counts(&self) -> (u64, u64) {
        (self.cosigned.load(Relaxed), self.uncosigned.load(Relaxed))
    }

    /// What a council's book is called in its checkpoints.
    pub(crate) fn origin(&self, council: &str) -> String {
        format!("{}/{council}", self.name)
    }

    /// What verifies a council's checkpoints: the same key under the origin's name.
    fn verifier(&self, council: &str) -> VerifierKey {
        self.verifier.named(&self.origin(council)).unwrap_or_else(|_| unreachable!("the name and every council make a name"))
    }

    /// Text of the key that verifies a council's checkpoints.
    pub(crate) fn verifier_key(&self, council: &str) -> String {
        self.verifier(council).to_string()
    }

    /// What is published of a book; `None`: nothing yet. Its signature is checked.
    pub(crate) fn published(&self, council: &str) -> Result<Option<Arc<Published>>, Refused> {
        let Some(note) = self.checkpoints.read(council)? else {
            return Ok(None);
        };
        if let Some(read) = lock(&self.read).get(council).filter(|read| read.note == note) {
            return Ok(Some(read.clone()));
        }
        let opened = checkpoint::open(&note, &Trust::of(self.verifier(council)));
        let opened = opened.map_err(|error| Refused::Foreign { path: self.checkpoints.path(council), why: error.to_string() })?;
        let published = Arc::new(Published { note, signed: opened.note, checkpoint: opened.checkpoint });
        lock(&self.read).insert(council.to_owned(), published.clone());
        Ok(Some(published))
    }

    /// Publishes a book as it is in a snapshot, signed with this key under the origin's name, unless that is published. Gives the size.
    fn publish<R: Rows<Error = Error>>(&self, key: &SigningKey, rows: &R, council: &str) -> Result<u64, Refused> {
        let stored = Stored::new(rows, council);
        let unreadable = |error: Error| Refused::Unsignable(tandem_book::Error::Unreadable { tile: "the tree".into(), why: error.to_string() });
        let frontier = stored.frontier().map_err(unreadable)?.unwrap_or_default();
        let (size, root) = (frontier.size(), frontier.root());
        let last = self.published(council)?;
        let (published, last_root) = last.as_ref().map_or((0, EMPTY_ROOT), |last| (last.checkpoint.size, last.checkpoint.root));
        if size < published {
            return Err(Refused::Smaller { size, published });
        }
        let mut nodes = TileNodes::new(&stored, size);
        let proof = proof::consistency(&mut nodes, published, size).map_err(Refused::Unsignable)?;
        proof::verify_consistency(published, &last_root, size, &root, &proof)
            .map_err(|error| Refused::Forked { published, why: error.to_string() })?;
        if size > published {
            // Nobody can use a checkpoint of which our own tiles give another root.
            let found = proof::root(&mut nodes, size).map_err(Refused::Unsignable)?;
            if found != root {
                let (what, by) = (format!("the root of the tiles at size {size}"), "the frontier".to_owned());
                return Err(Refused::Unsignable(tandem_book::Error::Mismatch { what, found, by, expected: root }));
            }
            let origin = self.origin(council);
            let key = key.named(&origin).map_err(Refused::Unsignable)?;
            let note = Checkpoint::new(origin, size, root).sign(&key).map_err(Refused::Unsignable)?;
            self.checkpoints.swap(council, last.map(|_| (published, last_root)), note.to_string().as_bytes())?;
        }
        Ok(size)
    }

    /// Books that are not published further, and why, by council.
    pub(crate) fn refused(&self) -> Vec<(String, String)> {
        lock(&self.refused).iter().map(|(council, why)| (council.clone(), why.to_string())).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the thread that publishes what is committed: that is a function of the log, which is durable, so that what a crash takes from
/// the store is folded again to the same tree. `None` for a standby: there is nothing to start.
pub(crate) fn start(shared: &Arc<Shared>, publisher: &Arc<Publisher>) -> Option<Result<JoinHandle<()>, Error>> {
    let key = publisher.key.clone()?;
    let (shared, publisher) = (shared.clone(), publisher.clone());
    let publishing = Builder::new().name("tandem-publish".into()).spawn(move || {
        let mut attempts = Attempts::default();
        while !shared.stopping() {
            attempts.all(&shared, &publisher, &key);
            std::thread::sleep(LOOK_EVERY);
        }
    });
    Some(publishing.map_err(|error| Error::Stopped(format!("a thread could not be started: {error}"))))
}

/// Publishes what was committed last, when the thread that does so otherwise has ended: a stopped ledger is published as it is.
pub(crate) fn last(shared: &Shared, publisher: &Publisher) {
    let Some(key) = &publisher.key else { return };
    let books: Vec<String> =
        shared.progress.borrow().books.iter().filter(|(_, own)| own.book.entries > 0).map(|(council, _)| council.clone()).collect();
    let mut attempts = Attempts::default();
    books.iter().for_each(|council| attempts.one(shared, publisher, key, council));
}

/// When each book was last tried, with the size that was published then, and when its refusal was last told.
#[derive(Default)]
struct Attempts(FxHashMap<String, Attempt>);

struct Attempt {
    at: Instant,
    size: Option<u64>,
    told: Option<Instant>,
}

impl Attempts {
    /// Tries every book that has grown since, or that was refused, each at most once a second.
    fn all(&mut self, shared: &Shared, publisher: &Publisher, key: &SigningKey) {
        let books: Vec<(String, u64)> =
            shared.progress.borrow().books.iter().map(|(council, own)| (council.clone(), own.book.entries)).filter(|(_, size)| *size > 0).collect();
        for (council, entries) in books {
            let is_due = self.0.get(&council).is_none_or(|last| last.size != Some(entries) && last.at.elapsed() >= INTERVAL);
            if is_due && !shared.stopping() {
                self.one(shared, publisher, key, &council);
            }
        }
    }

    fn one(&mut self, shared: &Shared, publisher: &Publisher, key: &SigningKey, council: &str) {
        let at = Instant::now();
        let result = publisher.publish(key, &shared.store.snapshot(), council);
        let told = self.0.get(council).and_then(|last| last.told);
        let (size, told) = match result {
            Ok(size) => {
                lock(&publisher.refused).remove(council);
                (Some(size), None)
            }
            // Passing: a crash took the newest entries from the store, and they are being folded again; or somebody was quicker.
            Err(Refused::Smaller { .. }) if is_behind(shared, council) => (None, told),
            Err(Refused::Raced { .. }) => (None, told),
            Err(why) => {
                let is_new = lock(&publisher.refused).insert(council.to_owned(), why.clone()).as_ref() != Some(&why);
                let tells = is_new || told.is_none_or(|told| told.elapsed() >= TELL_EVERY);
                if tells {
                    tracing::error!(council, %why, "the book is not published further");
                }
                (None, if tells { Some(at) } else { told })
            }
        };
        self.0.insert(council.to_owned(), Attempt { at, size, told });
    }
}

/// Whether the log has frames for this book that are not folded yet, or may have.
fn is_behind(shared: &Shared, council: &str) -> bool {
    let partition = partition_of(council, shared.source.partitions());
    let folded = shared.progress.borrow().cursors.get(partition as usize).copied().unwrap_or_default();
    shared.source.end(partition).map_or(true, |end| folded < (end, 0))
}
