//! What a log and a witness say to each other (c2sp.org/tlog-witness, `add-checkpoint`), and the witness's whole judgement: which
//! checkpoint it may cosign. The transport and the memory are others'.
//!
//! ```text
//! old <size of the checkpoint that the witness has>
//! <base64 of a hash: the consistency proof from there>
//! …
//!
//! <the signed checkpoint>
//! ```

use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::key::{SigningKey, Use, VerifierKey};
use crate::note::{NOTE_BYTES_MAX, Note, Signature};
use crate::proof::verify_consistency;
use crate::text::{decimal, hash, to_base64};
use crate::tree::{EMPTY_ROOT, Hash};
use std::fmt;

/// Most lines of a consistency proof in a request: what the format allows.
pub const PROOF_LINES_MAX: usize = 63;
/// Largest request: a note and, before it, less than 4 KiB of size and hashes.
pub const REQUEST_BYTES_MAX: usize = NOTE_BYTES_MAX + 4_096;
/// Content type of an answer 409 that says which size the witness has.
pub const SIZE_CONTENT_TYPE: &str = "text/x.tlog.size";

/// A request to cosign. Nothing in it is true until [`judge`] says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Size of the checkpoint that the witness is thought to have; 0: none.
    pub old: u64,
    /// The proof that the new one goes on from it.
    pub proof: Vec<Hash>,
    /// The new signed checkpoint.
    pub note: Note,
}

impl Request {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let refuse = |why: &str| Error::malformed("request", why);
        if body.len() > REQUEST_BYTES_MAX {
            return Err(refuse(&format!("is {} bytes; the limit is {REQUEST_BYTES_MAX}", body.len())));
        }
        let end = body.windows(2).position(|two| two == b"\n\n").ok_or_else(|| refuse("has no empty line before its checkpoint"))?;
        let head = std::str::from_utf8(&body[..end]).map_err(|_| refuse("is not UTF-8 before its checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).ok_or_else(|| refuse("does not begin with old and a size"))?;
        let old = decimal("request, old size", old)?;
        let proof = (0..).zip(lines.take(PROOF_LINES_MAX + 1)).map(|(at, line)| hash(&format!("request, hash {at} of the proof"), line));
        let proof: Vec<Hash> = proof.collect::<Result<_, _>>()?;
        if proof.len() > PROOF_LINES_MAX {
            return Err(refuse(&format!("has more than {PROOF_LINES_MAX} hashes")));
        }
        Ok(Self { old, proof, note: Note::parse(&body[end + 2..])? })
    }
}

/// The body.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", to_base64(hash)))?;
        write!(f, "\n{}", self.note)
    }
}

/// A log that a witness watches: who may sign for which book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Which book.
    pub origin: String,
    /// Its publisher's key.
    pub key: VerifierKey,
}

/// Why a witness does not cosign. [`Refusal::status`] is what the format makes of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request cannot be read.
    #[error("the request cannot be read: {0}")]
    Malformed(Error),
    /// Nobody watches that book here.
    #[error("this witness does not watch {0}")]
    Unknown(String),
    /// No trusted key of the book signed.
    #[error("no key that this witness trusts signed the checkpoint: {0}")]
    Unsigned(Error),
    /// The old size is above the new one.
    #[error("the old size {old} is above the checkpoint's {new}")]
    Backwards {
        /// The old size that was sent.
        old: u64,
        /// The checkpoint's.
        new: u64,
    },
    /// The witness has another size than it is thought to have: ask again from that one.
    #[error("this witness has cosigned {size} entries, not {old}")]
    Conflict {
        /// What it has.
        size: u64,
        /// What was sent.
        old: u64,
    },
    /// Two histories of one size.
    #[error("this witness has cosigned another history of {size} entries: somebody is shown two")]
    Forked {
        /// The size of both.
        size: u64,
    },
    /// The proof does not lead from what was cosigned to what is asked.
    #[error("the checkpoint does not go on from the {size} entries that this witness has cosigned: {why}")]
    Inconsistent {
        /// What was cosigned.
        size: u64,
        /// What is wrong with the proof.
        why: Error,
    },
}

impl Refusal {
    /// Its HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::Backwards { .. } => 400,
            Self::Unsigned(_) => 403,
            Self::Unknown(_) => 404,
            Self::Conflict { .. } | Self::Forked { .. } => 409,
            Self::Inconsistent { .. } => 422,
        }
    }

    /// Whether it may be proof that somebody tells two histories.
    pub fn is_evidence(&self) -> bool {
        matches!(self, Self::Forked { .. } | Self::Inconsistent { .. })
    }
}

/// Which book a request is about, once one of its trusted keys is found to have signed.
pub fn signed(request: &Request, watched: &[Watched]) -> Result<Checkpoint, Refusal> {
    let checkpoint = Checkpoint::parse(request.note.text()).map_err(Refusal::Malformed)?;
    let keys: Vec<VerifierKey> = watched.iter().filter(|log| log.origin == checkpoint.origin).map(|log| log.key.clone()).collect();
    if keys.is_empty() {
        return Err(Refusal::Unknown(checkpoint.origin));
    }
    request.note.verify(&keys).map_err(Refusal::Unsigned)?;
    Ok(checkpoint)
}

/// Whether a checkpoint that [`signed`] gave may be cosigned after `last`, the one of its book that was cosigned last (none: nothing was).
/// The caller holds the book's memory from before it reads `last` until the new checkpoint is on disk, and cosigns only then.
pub fn judge(request: &Request, new: &Checkpoint, last: Option<&Checkpoint>) -> Result<(), Refusal> {
    let (size, root) = last.map_or((0, EMPTY_ROOT), |last| (last.size, last.root));
    if request.old > new.size {
        return Err(Refusal::Backwards { old: request.old, new: new.size });
    }
    if request.old != size {
        return Err(Refusal::Conflict { size, old: request.old });
    }
    if new.size == size && new.root != root {
        return Err(Refusal::Forked { size });
    }
    verify_consistency(size, &root, new.size, &new.root, &request.proof).map_err(|why| Refusal::Inconsistent { size, why })
}

/// The witness's answer: its cosignature of a checkpoint as of a time, seconds since 1970 UTC, a line with its newline.
pub fn answer(note: &Note, key: &SigningKey, time: u64) -> Result<String, Error> {
    let mut bare = Note::new(note.text())?;
    crate::checkpoint::cosign(&mut bare, key, time)?;
    Ok(bare.signatures().iter().map(|signature| format!("{signature}\n")).collect())
}

/// The cosignature of a witness in its answer, checked. Signatures of other keys are ignored, as the format demands.
pub fn cosignature(answer: &[u8], checkpoint: &Note, witness: &VerifierKey) -> Result<Signature, Error> {
    if witness.purpose() != Use::Cosignature {
        return Err(Error::Key { key: witness.label(), why: "signs notes; a witness's key has type 0x04".to_owned() });
    }
    let text = std::str::from_utf8(answer).map_err(|_| Error::malformed("a witness's answer", "is not UTF-8"))?;
    let own = |signature: &Signature| signature.name() == witness.name() && signature.id() == witness.id();
    let found = Signature::parse_lines(text)?.into_iter().find(own);
    let found = found.ok_or_else(|| Error::Unsigned { key: witness.label(), found: "other keys only".to_owned() })?;
    let mut note = Note::new(checkpoint.text())?;
    note.add(found.clone());
    note.verify(std::slice::from_ref(witness))?;
    Ok(found)
}

/// The size in an answer 409.
pub fn size(answer: &[u8]) -> Result<u64, Error> {
    let refuse = || Error::malformed("a witness's answer 409", "is not a size and a newline");
    let text = std::str::from_utf8(answer).ok().and_then(|text| text.strip_suffix('\n')).ok_or_else(refuse)?;
    decimal("a witness's answer 409", text)
}
