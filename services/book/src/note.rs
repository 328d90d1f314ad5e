//! Signed notes (c2sp.org/signed-note v1): a text that ends in a newline, an empty line, and a line for each signature,
//! `— <name> <base64(key id ‖ signature)>`.

use crate::error::Error;
use crate::key::{SigningKey, VerifierKey, is_name, label};
use crate::text::{base64, shown, to_base64};
use std::fmt;

/// Largest note, with its signatures.
pub const NOTE_BYTES_MAX: usize = 1_000_000;
/// Most signatures of a note (the format asks for at least 16).
pub const SIGNATURES_MAX: usize = 100;

/// What of a note's signatures an error names.
const SIGNERS_SHOWN: usize = 4;

/// A text and its signatures. Whoever reads one has proved nothing until [`Note::verify`] says who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    name: String,
    id: u32,
    bytes: Vec<u8>,
}

/// A signature that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Name of the key.
    pub name: String,
    /// Id of the key.
    pub id: u32,
    /// When a witness cosigned, seconds since 1970 UTC. None for a signature that is no cosignature.
    pub time: Option<u64>,
}

impl Signature {
    /// Reads one line, without its newline. The name and the base64 have one form.
    pub fn parse(line: &str) -> Result<Self, Error> {
        let refuse = |why: &str| Error::malformed("signature line", format!("{}: {why}", shown(line)));
        let rest = line.strip_prefix("— ").ok_or_else(|| refuse("does not begin with an em dash and a space"))?;
        let (name, signature) = rest.split_once(' ').ok_or_else(|| refuse("has no signature after the name"))?;
        if !is_name(name) {
            return Err(refuse("the name is empty or has a space, plus or control character"));
        }
        let bytes = base64("signature line", signature)?;
        match bytes.split_first_chunk::<4>() {
            Some((id, signature)) if !signature.is_empty() => {
                Ok(Self { name: name.to_owned(), id: u32::from_be_bytes(*id), bytes: signature.to_vec() })
            }
            _ => Err(refuse("has no signature after the key id")),
        }
    }

    /// Reads lines, each with its newline: what a witness answers.
    pub fn parse_lines(lines: &str) -> Result<Vec<Self>, Error> {
        let lines = lines.strip_suffix('\n').ok_or_else(|| Error::malformed("signature lines", "do not end with a newline"))?;
        let signatures: Vec<_> = lines.split('\n').take(SIGNATURES_MAX + 1).map(Self::parse).collect::<Result<_, _>>()?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(Error::malformed("signature lines", format!("are more than {SIGNATURES_MAX}")));
        }
        Ok(signatures)
    }

    /// Name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Id of the key.
    pub fn id(&self) -> u32 {
        self.id
    }
}

/// The line, without its newline.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id.to_be_bytes()[..], &self.bytes].concat();
        write!(f, "— {} {}", self.name, to_base64(&bytes))
    }
}

impl Note {
    /// A note without signatures. The text ends in a newline and has no other control character.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        check_characters(&text)?;
        if !text.ends_with('\n') {
            return Err(Error::malformed("note", "the text does not end with a newline"));
        }
        Ok(Self { text, signatures: Vec::new() })
    }

    /// Reads a note with at least one signature.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let refuse = |why: &str| Error::malformed("note", why);
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(refuse(&format!("is {} bytes; the limit is {NOTE_BYTES_MAX}", bytes.len())));
        }
        let all = std::str::from_utf8(bytes).map_err(|error| refuse(&format!("is not UTF-8 from byte {} on", error.valid_up_to())))?;
        check_characters(all)?;
        // The text may have empty lines: the last one ends it.
        let end = all.rfind("\n\n").ok_or_else(|| refuse("has no empty line between text and signatures"))? + 1;
        let signatures = Signature::parse_lines(&all[end + 1..])?;
        Ok(Self { text: all[..end].to_owned(), signatures })
    }

    /// The text, with its final newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, as they stand.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Signs the note with a key for notes.
    pub fn sign(&mut self, key: &SigningKey) -> Result<(), Error> {
        self.add_by(key, key.sign(&self.text)?);
        Ok(())
    }

    /// Cosigns: see [`crate::checkpoint::cosign`].
    pub(crate) fn cosign(&mut self, key: &SigningKey, time: u64) -> Result<(), Error> {
        self.add_by(key, key.cosign(&self.text, time)?);
        Ok(())
    }

    fn add_by(&mut self, key: &SigningKey, bytes: Vec<u8>) {
        self.add(Signature { name: key.name().to_owned(), id: key.verifier().id(), bytes });
    }

    /// Adds a signature at the end, in place of an earlier one of the same key.
    pub fn add(&mut self, signature: Signature) {
        self.signatures.retain(|other| (&other.name, other.id) != (&signature.name, signature.id));
        self.signatures.push(signature);
    }

    /// Checks the signatures of these keys, and gives one for each key that signed, a cosignature with its latest time. Those of other keys are ignored, as the format demands; one of these keys
    /// that does not hold refuses the whole note; so does that there is none.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Vec<Verified>, Error> {
        let mut verified: Vec<Verified> = Vec::new();
        for signature in &self.signatures {
            let mut known = keys.iter().filter(|key| key.name() == signature.name && key.id() == signature.id);
            let Some(key) = known.next() else { continue };
            if known.any(|other| other != key) {
                return Err(Error::Key { key: key.label(), why: "is two different keys with one name and id".to_owned() });
            }
            let time = key.verify(&self.text, &signature.bytes)?;
            match verified.iter_mut().find(|other| (&other.name, other.id) == (&signature.name, signature.id)) {
                Some(other) => other.time = other.time.max(time),
                None => verified.push(Verified { name: signature.name.clone(), id: signature.id, time }),
            }
        }
        if verified.is_empty() {
            let names: Vec<_> = keys.iter().map(VerifierKey::label).collect();
            return Err(Error::Unsigned { key: names.join(" or "), found: self.signers() });
        }
        Ok(verified)
    }

    /// Whose signatures it has, for errors: the first few, as there may be a hundred with names of any length.
    pub(crate) fn signers(&self) -> String {
        let names = self.signatures.iter().take(SIGNERS_SHOWN).map(|signature| shown(&label(&signature.name, signature.id)));
        let mut names: Vec<_> = names.collect();
        if let Some(more) = self.signatures.len().checked_sub(SIGNERS_SHOWN).filter(|&more| more > 0) {
            names.push(format!("{more} more"));
        }
        names.join(", ")
    }
}

/// The whole note.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

fn check_characters(text: &str) -> Result<(), Error> {
    match text.char_indices().find(|&(_, char)| char < ' ' && char != '\n') {
        Some((at, char)) => Err(Error::malformed("note", format!("has the control character U+{:04X} at byte {at}", u32::from(char)))),
        None => Ok(()),
    }
}
