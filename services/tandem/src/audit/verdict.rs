//! What an audit says: one line a book, or one JSON document, and the exit status.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::process::ExitCode;
use tandem_book::checkpoint::{Checkpoint, Opened};

/// The three things that an audit can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// All of it was looked at, and it is true.
    True,
    /// Something is not what it should be.
    Mismatch,
    /// Something could not be looked at: nothing is known.
    Unchecked,
}

impl Verdict {
    /// 0, 1 and 2.
    pub fn status(self) -> u8 {
        match self {
            Self::True => 0,
            Self::Mismatch => 1,
            Self::Unchecked => 2,
        }
    }

    /// Of all of these: a mismatch is one whatever else could not be looked at.
    pub fn of(all: impl IntoIterator<Item = Self>) -> Self {
        let rank = |verdict: &Self| [Self::True, Self::Unchecked, Self::Mismatch].iter().position(|other| other == verdict);
        all.into_iter().max_by_key(rank).unwrap_or(Self::Unchecked)
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        Self::from(verdict.status())
    }
}

/// Why an audit does not say that all is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// [`Verdict::Mismatch`] or [`Verdict::Unchecked`].
    pub verdict: Verdict,
    /// What, where, and why, in one line.
    pub why: String,
    /// Whether the book's key signed another history than before.
    pub is_rewritten: bool,
}

impl Failure {
    /// Something is not what it should be.
    pub fn wrong(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Mismatch, why: why.into(), is_rewritten: false }
    }

    /// The book's key signed another history than before.
    pub fn rewritten(why: impl Into<String>) -> Self {
        Self { is_rewritten: true, ..Self::wrong(why) }
    }

    /// Something could not be looked at.
    pub fn unchecked(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unchecked, why: why.into(), is_rewritten: false }
    }
}

impl From<tandem_book::Error> for Failure {
    fn from(error: tandem_book::Error) -> Self {
        // A key that cannot do what was asked of it says nothing of the book.
        let unchecked = error.is_unreadable() || matches!(error, tandem_book::Error::Key { .. });
        if unchecked { Self::unchecked(error.to_string()) } else { Self::wrong(error.to_string()) }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::unchecked(format!("{error:#}"))
    }
}

/// A witness that cosigned. The field names are those of the JSON documents and stay.
#[derive(Clone, Debug, Serialize)]
pub struct Cosigned {
    /// Name of its key.
    pub name: String,
    /// When, seconds since 1970 UTC.
    pub time: Option<u64>,
}

/// Trusted witnesses of a checkpoint.
pub fn cosigned(verified: &[tandem_book::note::Verified]) -> Vec<Cosigned> {
    verified.iter().map(|by| Cosigned { name: by.name.clone(), time: by.time }).collect()
}

/// A checkpoint whose signatures hold.
#[derive(Clone, Debug, Serialize)]
pub struct Signed {
    /// Entries in the book.
    pub size: u64,
    /// Root of its tree, base64.
    pub root: String,
    /// Trusted witnesses that cosigned it.
    pub cosigned: Vec<Cosigned>,
    /// The signed text, word for word.
    pub note: String,
}

impl From<&Opened> for Signed {
    fn from(opened: &Opened) -> Self {
        let Checkpoint { size, root, .. } = &opened.checkpoint;
        Self { size: *size, root: STANDARD.encode(root), cosigned: cosigned(&opened.cosigned), note: opened.note.to_string() }
    }
}

/// What became of an audit.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    /// Of all books.
    pub verdict: Verdict,
    /// Of each.
    pub books: &'a [BookVerdict],
}

/// What became of the audit of one book.
#[derive(Clone, Debug, Serialize)]
pub struct BookVerdict {
    /// The council.
    pub council: String,
    /// Which book.
    pub origin: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not true: what, where. Null: it is true.
    pub reason: Option<String>,
    /// The checkpoint. Null: none could be had, or its signatures do not hold.
    pub checkpoint: Option<Signed>,
    /// The size that this auditor saw last, from which the book goes on. Null: nothing was seen before, or it does not.
    pub goes_on_from: Option<u64>,
    /// Whether a state file remembers this visit.
    pub remembered: bool,
    /// Entries that were found true.
    pub entries_checked: u64,
    /// Files read from the directory or server, without the checkpoint.
    pub files_read: u64,
    /// Their bytes.
    pub bytes_read: u64,
    /// Files read from the cache.
    pub files_cached: u64,
    /// How long it took.
    pub milliseconds: u64,
}

impl BookVerdict {
    /// One line.
    pub fn line(&self) -> String {
        let origin = &self.origin;
        match (&self.checkpoint, &self.reason) {
            (Some(signed), None) => {
                let since = match self.goes_on_from {
                    Some(size) => format!(", goes on from the {size} seen before"),
                    None if self.remembered => ", seen for the first time".to_owned(),
                    None => String::new(),
                };
                let by = match signed.cosigned.len() {
                    0 => String::new(),
                    1 => ", cosigned by 1 witness".to_owned(),
                    many => format!(", cosigned by {many} witnesses"),
                };
                let rate = u128::from(self.entries_checked) * 1_000 / u128::from(self.milliseconds.max(1));
                format!("true: {origin}: {} entries, root {}{by}{since} ({rate} entries a second)", signed.size, signed.root)
            }
            (_, reason) => {
                let why = reason.as_deref().unwrap_or("nothing was looked at").replace('\n', " ");
                let advice = if self.verdict == Verdict::Unchecked {
                    "; nothing is known of this book: try again, what is in --cache is not fetched twice"
                } else {
                    ""
                };
                let word = if self.verdict == Verdict::Mismatch { "mismatch" } else { "could not check" };
                format!("{word}: {origin}: {why}{advice}")
            }
        }
    }
}
