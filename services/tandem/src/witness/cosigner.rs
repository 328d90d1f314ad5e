//! The witness itself, without its server: one request in, one reply out.

use super::memory::Memory;
use anyhow::ensure;
use std::sync::{Mutex, PoisonError};
use tandem_book::key::{SigningKey, Use, VerifierKey};
use tandem_book::note::{Note, Signature};
use tandem_book::witness::{Refusal, Request, Watched, answer, judge, signed};

/// Cosigns for the books that it watches.
pub struct Cosigner {
    key: SigningKey,
    watched: Vec<Watched>,
    /// Held from the look at what was cosigned last until the new one is on disk: requests about one book come one after the other.
    memory: Mutex<Memory>,
}

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Whether the body is the size that the witness has.
    pub is_size: bool,
    /// Body.
    pub body: String,
}

impl Cosigner {
    /// With a key of type 0x04.
    pub fn new(key: SigningKey, watched: Vec<Watched>, memory: Memory) -> anyhow::Result<Self> {
        let purpose = key.verifier().purpose();
        ensure!(purpose == Use::Cosignature, "the key {} signs books: `tandem keygen --witness NAME` makes one of a witness", key.name());
        let wrong = watched.iter().find(|log| log.key.purpose() != Use::Note);
        ensure!(wrong.is_none(), "the key {} is a witness's: a book is watched by the key that signs it", wrong.map_or("", |log| log.key.name()));
        Ok(Self { key, watched, memory: Mutex::new(memory) })
    }

    /// The books that it watches.
    pub fn watched(&self) -> &[Watched] {
        &self.watched
    }

    /// The key that verifies its cosignatures.
    pub fn verifier(&self) -> VerifierKey {
        self.key.verifier()
    }

    /// Answers `add-checkpoint`; `now` is seconds since 1970 UTC.
    pub fn add_checkpoint(&self, body: &[u8], now: u64) -> Reply {
        let refused = |refusal: &Refusal| match refusal {
            Refusal::Conflict { size, .. } => Reply { status: refusal.status(), is_size: true, body: format!("{size}\n") },
            other => Reply { status: other.status(), is_size: false, body: format!("{other}\n") },
        };
        let read = Request::parse(body).map_err(Refusal::Malformed).and_then(|request| Ok((signed(&request, &self.watched)?, request)));
        let (checkpoint, request) = match read {
            Ok(read) => read,
            Err(refusal) => return refused(&refusal),
        };
        let note = match self.without_strangers(&request.note) {
            Ok(note) => note,
            Err(error) => return broken(&error.into()),
        };
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let last = match memory.last(&checkpoint.origin) {
            Ok(last) => last,
            Err(error) => return broken(&error),
        };
        if let Err(refusal) = judge(&request, &checkpoint, last.as_ref()) {
            if refusal.is_evidence() {
                tracing::error!(origin = checkpoint.origin, size = checkpoint.size, %note, "{refusal}");
            }
            return refused(&refusal);
        }
        if last.as_ref() != Some(&checkpoint)
            && let Err(error) = memory.remember(&checkpoint.origin, &note)
        {
            return broken(&error);
        }
        match answer(&note, &self.key, now) {
            Ok(body) => Reply { status: 200, is_size: false, body },
            Err(error) => broken(&error.into()),
        }
    }

    /// The note with the signatures of keys that are trusted alone: the others may be a megabyte of anything.
    fn without_strangers(&self, note: &Note) -> Result<Note, tandem_book::Error> {
        let mut kept = Note::new(note.text())?;
        let is_known = |signature: &&Signature| self.watched.iter().any(|log| log.key.name() == signature.name() && log.key.id() == signature.id());
        note.signatures().iter().filter(is_known).for_each(|signature| kept.add(signature.clone()));
        Ok(kept)
    }
}

/// What is wrong here is no matter of the log's; the witness's own log says it.
fn broken(error: &anyhow::Error) -> Reply {
    tracing::error!(error = format!("{error:#}"), "nothing is cosigned");
    Reply { status: 500, is_size: false, body: "the witness cannot keep what it cosigns, so it does not\n".into() }
}
