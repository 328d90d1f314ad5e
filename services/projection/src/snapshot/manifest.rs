//! What a snapshot says of itself.

use super::Error;
use super::place::{SNAPSHOTS, SnapshotStore};
use object_store::path::Path as Key;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Version of the layout of a snapshot store, and of a manifest.
pub const FORMAT: u32 = 1;

/// A snapshot: which state of which log it is, and its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always the first to be looked at: [`FORMAT`].
    pub format: u32,
    /// When it was taken, `YYYY-MM-DDTHH:MM:SSZ`: for people. Nothing is decided by it.
    pub taken: String,
    /// The log's identity, 32 hexadecimal digits.
    pub log: String,
    /// The log's partitions.
    pub partitions: u32,
    /// Those of them that are folded into this store, ascending.
    pub held: Vec<u32>,
    /// Version of the store's layout.
    pub store_format: u32,
    /// Version of the fold that made its views. Another one makes them again when it starts.
    pub fold_version: u32,
    /// How far each partition is folded; one that is missing has not begun.
    pub cursors: Vec<FoldedTo>,
    /// Every council's book, ascending by council.
    pub books: Vec<BookSize>,
    /// What of the one-machine ledger's log is in it; none: the snapshot is of the projection alone, and goes on from a log elsewhere.
    pub log_copy: Option<Vec<Cut>>,
    /// Its files, ascending by path.
    pub files: Vec<File>,
}

/// How far a partition is folded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldedTo {
    /// Which.
    pub partition: u32,
    /// Offset of the first frame that is not wholly folded.
    pub offset: u64,
    /// Records of it that are folded.
    pub index: u32,
    /// Offset of the last frame of which a record is folded, and the SHA-256 of its bytes, 64 hexadecimal digits.
    pub last: Option<(u64, String)>,
}

/// A book's size and root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookSize {
    /// Whose.
    pub council: String,
    /// Entries in it.
    pub size: u64,
    /// The root of its tree at that size, 64 hexadecimal digits.
    pub root: String,
}

/// What is there of one partition of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Which.
    pub partition: u32,
    /// The first offset that is not trimmed.
    pub start: u64,
    /// The offset after the last frame.
    pub end: u64,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Where it stands below the data directory: `projection/…`, `log/…` or `checkpoints/…`.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, 64 hexadecimal digits: its name in the store.
    pub sha256: String,
}

/// The name of a snapshot. They ascend by number, then by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// One above the highest when it was taken.
    pub number: u64,
    /// `YYYYMMDDTHHMMSSZ`.
    time: String,
    /// SHA-256 of its bytes.
    sha256: String,
}

/// Digits of a number in a name.
const NUMBER_DIGITS: usize = 10;
/// Hexadecimal digits of a hash that people are shown.
const SHOWN_DIGITS: usize = 8;

impl Named {
    /// Of a manifest with these bytes, the next after those that there are.
    pub(super) fn next(last: Option<&Self>, taken: jiff::Timestamp, bytes: &[u8]) -> Self {
        let number = last.map_or(0, |last| last.number) + 1;
        Self { number, time: taken.strftime("%Y%m%dT%H%M%SZ").to_string(), sha256: hex(&Sha256::digest(bytes)) }
    }

    /// Reads a file's name.
    pub(super) fn parse(file: &str) -> Option<Self> {
        let mut parts = file.strip_suffix(".json")?.splitn(3, '-');
        let (number, time, sha256) = (parts.next()?, parts.next()?, parts.next()?);
        let has_form = number.len() == NUMBER_DIGITS && is_digits(number) && time.len() == 16 && is_hash(sha256);
        has_form.then(|| Some(Self { number: number.parse().ok()?, time: time.into(), sha256: sha256.into() }))?
    }

    /// What people call it by.
    pub fn id(&self) -> String {
        format!("{:010}-{}-{}", self.number, self.time, self.sha256.get(..SHOWN_DIGITS).unwrap_or_default())
    }

    /// Whether a person may mean this one: by its number or the beginning of its name.
    pub fn is_meant_by(&self, text: &str) -> bool {
        text.parse() == Ok(self.number) || (!text.is_empty() && self.file().starts_with(text))
    }

    pub(super) fn file(&self) -> String {
        format!("{:010}-{}-{}.json", self.number, self.time, self.sha256)
    }

    pub(super) fn key(&self) -> Key {
        Key::from(format!("{SNAPSHOTS}/{}", self.file()))
    }
}

impl Manifest {
    /// Its bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_else(|error| unreachable!("numbers, texts and lists: {error}"));
        bytes.push(b'\n');
        bytes
    }

    /// Length of all its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Entries of all its books.
    pub fn entries(&self) -> u64 {
        self.books.iter().map(|book| book.size).sum()
    }

    /// What is wrong with it, if something is.
    fn fault(&self) -> Option<String> {
        let bad = |file: &&File| !is_safe(&file.path) || !is_hash(&file.sha256);
        if let Some(file) = self.files.iter().find(bad) {
            return Some(format!("names a file {:?} that no snapshot has", file.path));
        }
        let ascends = self.files.is_sorted_by(|a, b| a.path < b.path);
        (!ascends).then(|| "names its files out of order".into())
    }
}

impl SnapshotStore {
    /// Reads a snapshot's manifest. Refuses one that is not what its name says, and one of another format.
    pub async fn manifest(&self, named: &Named) -> Result<Manifest, Error> {
        let unusable = |why: String| Error::Unusable { url: self.url.clone(), id: named.id(), path: named.key().to_string(), why };
        let bytes = self.get(&named.key()).await?.ok_or_else(|| unusable("is missing".into()))?;
        if hex(&Sha256::digest(&bytes)) != named.sha256 {
            return Err(unusable("is not what was written: its bytes do not have the hash in its name".into()));
        }
        let json: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| unusable(format!("is no manifest: {error}")))?;
        match json.get("format").and_then(serde_json::Value::as_u64) {
            Some(found) if found == u64::from(FORMAT) => {}
            Some(found) => return Err(Error::Format { url: self.url.clone(), id: named.id(), found, known: FORMAT }),
            None => return Err(unusable("is no manifest: it has no format".into())),
        }
        let manifest: Manifest = serde_json::from_value(json).map_err(|error| unusable(format!("is no manifest: {error}")))?;
        manifest.fault().map_or(Ok(manifest), |fault| Err(unusable(fault)))
    }

    /// The snapshot that a person means; without a text the newest.
    pub async fn find(&self, meant: Option<&str>) -> Result<Named, Error> {
        let mut names = self.list().await?;
        let none = |which: String| Error::None { url: self.url.clone(), which };
        let Some(meant) = meant else {
            return names.pop().ok_or_else(|| none(String::new()));
        };
        let mut found = names.into_iter().filter(|named| named.is_meant_by(meant));
        match (found.next(), found.next()) {
            (Some(named), None) => Ok(named),
            (None, _) => Err(none(format!(" {meant}"))),
            _ => Err(none(format!(" that alone {meant} means"))),
        }
    }
}

/// Bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a path stays below the directory that it is restored to: two parts, of names that such files have.
fn is_safe(path: &str) -> bool {
    let is_name =
        |name: &str| !name.starts_with('.') && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    path.split_once('/').is_some_and(|(directory, name)| matches!(directory, "projection" | "log" | "checkpoints") && is_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ascend_and_are_read_back() {
        let first = Named::next(None, jiff::Timestamp::UNIX_EPOCH, b"x");
        // python3 -c 'import hashlib; print(hashlib.sha256(b"x").hexdigest())'
        assert_eq!(first.file(), "0000000001-19700101T000000Z-2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881.json");
        assert_eq!(first.id(), "0000000001-19700101T000000Z-2d711642");
        assert_eq!(Named::parse(&first.file()).as_ref(), Some(&first));
        // A clock that went back changes nothing.
        let later = Named { number: 9, time: "20990101T000000Z".into(), ..first.clone() };
        assert!(Named::next(Some(&later), jiff::Timestamp::UNIX_EPOCH, b"y") > later);
        assert!(first.is_meant_by("1") && first.is_meant_by("0000000001-1970") && first.is_meant_by(&first.id()));
        assert!(!first.is_meant_by("2") && !first.is_meant_by("") && !first.is_meant_by("0000000002"));
        for file in ["latest.json", "0000000001-19700101T000000Z-2d71.json", "1-19700101T000000Z-00.json", &first.file()[..80]] {
            assert_eq!(Named::parse(file), None, "{file}");
        }
    }

    #[test]
    fn a_path_cannot_leave_the_directory() {
        for good in ["projection/000012.sst", "log/000003.blob", "log/MANIFEST-000004", "checkpoints/E09000001.checkpoint", "log/acknowledged"] {
            assert!(is_safe(good), "{good}");
        }
        for bad in ["", "x", "/etc/passwd", "projection/../signing.key", "projection/a/b", "log/..", "log/", "other/x", "log/a b", "log/.x"] {
            assert!(!is_safe(bad), "{bad}");
        }
    }
}
