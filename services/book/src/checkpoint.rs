//! Checkpoints (c2sp.org/tlog-checkpoint v1): a note whose text is `<origin>\n<size>\n<base64 root>\n` and optional extension lines.

use crate::error::Error;
use crate::key::{SigningKey, Use, VerifierKey};
use crate::note::{Note, Verified};
use crate::text::{decimal, hash, shown, to_base64};
use crate::tree::{EMPTY_ROOT, Hash};
use std::fmt;

/// What a book is at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which book: `<name>/<council>`.
    pub origin: String,
    /// Entries in it.
    pub size: u64,
    /// The root of its tree.
    pub root: Hash,
    /// Further lines. Ours have none; no monitor can check what they say.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// Of a book at a size and root.
    pub fn new(origin: impl Into<String>, size: u64, root: Hash) -> Self {
        Self { origin: origin.into(), size, root, extensions: Vec::new() }
    }

    /// Reads a note's text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |line: usize, why: &str| Error::malformed(format!("checkpoint, line {line}"), why);
        let lines = text.strip_suffix('\n').ok_or_else(|| Error::malformed("checkpoint", "does not end with a newline"))?;
        let lines: Vec<&str> = lines.split('\n').collect();
        if let Some(at) = lines.iter().position(|line| line.is_empty()) {
            return Err(refuse(at + 1, "is empty"));
        }
        let [origin, size, root, extensions @ ..] = lines.as_slice() else {
            return Err(refuse(lines.len() + 1, "is missing: origin, size and root are three lines"));
        };
        let (size, root) = (decimal("checkpoint, line 2", size)?, hash("checkpoint, line 3", root)?);
        if size == 0 && root != EMPTY_ROOT {
            return Err(refuse(3, &format!("is not the root of an empty tree, {}", to_base64(&EMPTY_ROOT))));
        }
        let extensions = extensions.iter().map(|&line| line.to_owned()).collect();
        Ok(Self { origin: (*origin).to_owned(), size, root, extensions })
    }

    /// The note of this checkpoint, signed. That what it says goes on from everything that the key signed before is the caller's to know.
    pub fn sign(&self, key: &SigningKey) -> Result<Note, Error> {
        let text = self.to_string();
        if Self::parse(&text)? != *self {
            return Err(Error::malformed("checkpoint", format!("the origin {} or an extension has a line break", shown(&self.origin))));
        }
        let mut note = Note::new(text)?;
        note.sign(key)?;
        Ok(note)
    }
}

/// The note's text.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, to_base64(&self.root))?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Adds a witness's cosignature of a checkpoint as of a time, seconds since 1970 UTC (c2sp.org/tlog-cosignature v1). The witness says
/// with it that this is the largest tree of the origin that it has seen, and that it goes on from all others: it has checked that and
/// stored it before it calls this.
pub fn cosign(note: &mut Note, key: &SigningKey, time: u64) -> Result<(), Error> {
    Checkpoint::parse(note.text())?;
    note.cosign(key, time)
}

/// Whom a reader of a book trusts.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Which book.
    pub origin: String,
    /// The key of the book's publisher, which has to have signed.
    pub log: VerifierKey,
    /// Keys of witnesses.
    pub witnesses: Vec<VerifierKey>,
    /// How many witnesses have to have cosigned.
    pub quorum: usize,
}

impl Trust {
    /// In a publisher alone, for the book that its key is named after.
    pub fn of(log: VerifierKey) -> Self {
        Self { origin: log.name().to_owned(), log, witnesses: Vec::new(), quorum: 0 }
    }
}

/// A checkpoint whose signatures hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The trusted witnesses that cosigned it, each once, with the time.
    pub cosigned: Vec<Verified>,
    /// The note as it was read.
    pub note: Note,
}

/// Reads a signed checkpoint and checks that it is of this book, and signed and cosigned as the reader demands.
pub fn open(bytes: &[u8], trust: &Trust) -> Result<Opened, Error> {
    if let Some(key) = trust.witnesses.iter().find(|key| key.purpose() != Use::Cosignature) {
        return Err(Error::Key { key: key.label(), why: "signs notes; a witness's key has type 0x04".to_owned() });
    }
    if trust.log.purpose() != Use::Note {
        return Err(Error::Key { key: trust.log.label(), why: "is a witness's; the key of a book's publisher has type 0x01".to_owned() });
    }
    let note = Note::parse(bytes)?;
    let by_log = note.verify(std::slice::from_ref(&trust.log))?;
    debug_assert_eq!(by_log.len(), 1, "one key, one signature");
    let checkpoint = Checkpoint::parse(note.text())?;
    if checkpoint.origin != trust.origin {
        let (what, by) = ("the checkpoint's origin".to_owned(), "the reader".to_owned());
        return Err(Error::Differs { what, found: checkpoint.origin, by, expected: trust.origin.clone() });
    }
    let cosigned = match note.verify(&trust.witnesses) {
        Err(Error::Unsigned { .. }) => Vec::new(),
        other => other?,
    };
    if cosigned.len() < trust.quorum {
        let key = format!("{} of the {} trusted witnesses", trust.quorum, trust.witnesses.len());
        return Err(Error::Unsigned { key, found: note.signers() });
    }
    Ok(Opened { checkpoint, cosigned, note })
}
