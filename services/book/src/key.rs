//! Keys as text, and what they sign (c2sp.org/signed-note v1, "Signatures" and "Verifier keys"; c2sp.org/tlog-cosignature v1).
//!
//! | text | is |
//! |---|---|
//! | `<name>+<key id>+<base64(type ‖ public key)>` | a verifier key (vkey): for everybody |
//! | `PRIVATE+KEY+<name>+<key id>+<base64(type ‖ seed)>` | a signing key: secret, the form of Go's `golang.org/x/mod/sumdb/note` |
//!
//! `key id = SHA-256(name ‖ 0x0A ‖ type ‖ public key)[:4]`, eight lower-case hexadecimal digits in text. Type 0x01 signs notes, type 0x04
//! cosigns checkpoints with the time.

use crate::error::Error;
use crate::text::{base64, shown, to_base64};
use ed25519_dalek::{Signature, Signer};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// What a key's signatures mean, by the type byte of the formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// 0x01: an Ed25519 signature of a note's text.
    Note = 0x01,
    /// 0x04: a witness's Ed25519 signature of a checkpoint and the time, made after a check that it goes on from the last.
    Cosignature = 0x04,
}

impl Use {
    fn of(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Note),
            0x04 => Some(Self::Cosignature),
            _ => None,
        }
    }
}

/// Latest time of a cosignature, seconds since 1970 UTC.
pub const COSIGNATURE_TIME_MAX: u64 = i64::MAX as u64;

/// Whether a text can be a key's name: not empty, no Unicode space, no plus, no control character.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|char| char.is_whitespace() || char < ' ' || char == '+')
}

fn check_name(what: &str, name: &str) -> Result<(), Error> {
    if is_name(name) {
        Ok(())
    } else {
        Err(Error::malformed(what, format!("the name {} is empty or has a space, plus or control character", shown(name))))
    }
}

fn key_id(name: &str, purpose: Use, public: &[u8; 32]) -> u32 {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', purpose as u8]).chain_update(public).finalize();
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// How errors call a key.
pub(crate) fn label(name: &str, id: u32) -> String {
    format!("{name}+{id:08x}")
}

/// `<name>+<id>+<base64(type ‖ 32 bytes)>` in its parts. `what` must not show the text itself: it may be secret.
fn split(what: &str, text: &str) -> Result<(String, u32, Use, [u8; 32]), Error> {
    let refuse = |why: &str| Error::malformed(what, why);
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(refuse("is not of the form name+id+key"));
    };
    check_name(what, name)?;
    let is_hex = id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let id = u32::from_str_radix(id, 16).ok().filter(|_| is_hex).ok_or_else(|| refuse("the key id is not 8 lower-case hexadecimal digits"))?;
    let bytes = base64(what, key).map_err(|_| refuse("the key is not standard base64"))?;
    let (&kind, key) = bytes.split_first().ok_or_else(|| refuse("the key is empty"))?;
    let purpose = Use::of(kind).ok_or_else(|| refuse(&format!("the key has type 0x{kind:02x}; known are 0x01 (notes) and 0x04 (cosignatures)")))?;
    let key = key.try_into().map_err(|_| refuse(&format!("the key has {} bytes after its type, not 32", key.len())))?;
    Ok((name.to_owned(), id, purpose, key))
}

/// A key that verifies: who is trusted, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: u32,
    purpose: Use,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifierKey {
    /// The key's name; a log's is its origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What its signatures mean.
    pub fn purpose(&self) -> Use {
        self.purpose
    }

    /// The same public key under another name: the key of another book that one secret signs. See [`SigningKey::named`].
    pub fn named(&self, name: &str) -> Result<Self, Error> {
        check_name("verifier key", name)?;
        Ok(Self { name: name.to_owned(), id: key_id(name, self.purpose, self.public()), purpose: self.purpose, key: self.key })
    }

    /// The 32 bytes of the public key (RFC 8032).
    pub fn public(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Name and id, as errors show it.
    pub fn label(&self) -> String {
        label(&self.name, self.id)
    }

    /// Checks a signature of a note's text (without the key id), and gives the time of a cosignature. RFC 8032 with the checks against
    /// malleable signatures and weak keys.
    pub(crate) fn verify(&self, text: &str, signature: &[u8]) -> Result<Option<u64>, Error> {
        let refuse = || Error::Signature { key: self.label() };
        let (time, signature) = match self.purpose {
            Use::Note => (None, signature),
            Use::Cosignature => {
                let (time, signature) = signature.split_first_chunk::<8>().ok_or_else(refuse)?;
                (Some(u64::from_be_bytes(*time)).filter(|&time| time <= COSIGNATURE_TIME_MAX).ok_or_else(refuse)?.into(), signature)
            }
        };
        let signature = Signature::from_slice(signature).map_err(|_| refuse())?;
        let holds = match time {
            None => self.key.verify_strict(text.as_bytes(), &signature),
            Some(time) => self.key.verify_strict(&cosigned(text, time), &signature),
        };
        holds.map(|()| time).map_err(|_| refuse())
    }
}

/// What a cosignature signs: "Ed25519 signed message" of c2sp.org/tlog-cosignature.
fn cosigned(checkpoint: &str, time: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{checkpoint}").into_bytes()
}

/// The vkey text.
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.purpose as u8], self.public().as_slice()].concat();
        write!(f, "{}+{}", self.label(), to_base64(&key))
    }
}

/// Reads a vkey text.
impl FromStr for VerifierKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let what = format!("verifier key {}", shown(text));
        let (name, id, purpose, public) = split(&what, text)?;
        let computed = key_id(&name, purpose, &public);
        if id != computed {
            return Err(Error::malformed(what, format!("the key id should be {computed:08x}: a part of it was changed")));
        }
        let key = ed25519_dalek::VerifyingKey::from_bytes(&public).map_err(|_| Error::malformed(what, "the bytes are no Ed25519 public key"))?;
        Ok(Self { name, id, purpose, key })
    }
}

/// A key that signs. No error and no `Debug` shows it: only [`SigningKey::to_secret_text`] gives it out. It is wiped from memory when dropped.
#[derive(Clone)]
pub struct SigningKey {
    name: String,
    purpose: Use,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// From 32 random bytes (RFC 8032's private key).
    pub fn from_seed(name: &str, purpose: Use, seed: &[u8; 32]) -> Result<Self, Error> {
        check_name("signing key", name)?;
        Ok(Self { name: name.to_owned(), purpose, key: ed25519_dalek::SigningKey::from_bytes(seed) })
    }

    /// Reads the private text form. No error shows any of it but the name.
    pub fn from_secret_text(text: &str) -> Result<Self, Error> {
        const WHAT: &str = "signing key";
        let rest = text.strip_prefix("PRIVATE+KEY+").ok_or_else(|| Error::malformed(WHAT, "does not begin with PRIVATE+KEY+"))?;
        let (name, id, purpose, seed) = split(WHAT, rest)?;
        let key = Self::from_seed(&name, purpose, &seed)?;
        if id != key.verifier().id {
            return Err(Error::malformed(WHAT, format!("the key id of {} does not belong to the rest: a part of it was changed", shown(&name))));
        }
        Ok(key)
    }

    /// The private text form, for a key file: one line, without a newline.
    pub fn to_secret_text(&self) -> String {
        let key = [&[self.purpose as u8], self.key.as_bytes().as_slice()].concat();
        format!("PRIVATE+KEY+{}+{}", self.verifier().label(), to_base64(&key))
    }

    /// The same secret under another name: one key file signs every book of a server, each as its own origin.
    pub fn named(&self, name: &str) -> Result<Self, Error> {
        check_name("signing key", name)?;
        Ok(Self { name: name.to_owned(), ..self.clone() })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key that verifies what this one signs.
    pub fn verifier(&self) -> VerifierKey {
        let key = self.key.verifying_key();
        VerifierKey { name: self.name.clone(), id: key_id(&self.name, self.purpose, key.as_bytes()), purpose: self.purpose, key }
    }

    /// Signs a note's text.
    pub(crate) fn sign(&self, text: &str) -> Result<Vec<u8>, Error> {
        match self.purpose {
            Use::Note => Ok(self.key.sign(text.as_bytes()).to_bytes().to_vec()),
            Use::Cosignature => Err(self.refuse("cosigns checkpoints with the time; it does not sign notes")),
        }
    }

    /// Cosigns a checkpoint's text as of a time, seconds since 1970 UTC.
    pub(crate) fn cosign(&self, checkpoint: &str, time: u64) -> Result<Vec<u8>, Error> {
        match self.purpose {
            Use::Note => Err(self.refuse("signs notes; a witness needs a key of type 0x04")),
            Use::Cosignature if time > COSIGNATURE_TIME_MAX => Err(self.refuse("cannot cosign a time above 2^63 - 1")),
            Use::Cosignature => {
                let signature = self.key.sign(&cosigned(checkpoint, time)).to_bytes();
                Ok([&time.to_be_bytes()[..], &signature].concat())
            }
        }
    }

    fn refuse(&self, why: &str) -> Error {
        Error::Key { key: self.verifier().label(), why: why.to_owned() }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifier().label())
    }
}
