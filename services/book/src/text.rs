//! The few kinds of text that all formats here are made of. Each has one form; anything else is refused.

use crate::error::Error;
use crate::tree::Hash;
use base64::{Engine, engine::general_purpose::STANDARD};

/// What of a foreign text an error shows.
const SHOWN_CHARS_MAX: usize = 80;

/// A foreign text, quoted, escaped and cut to what a person reads.
pub fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Standard base64 with padding and zero trailing bits (RFC 4648, section 4).
pub fn base64(what: &str, text: &str) -> Result<Vec<u8>, Error> {
    STANDARD.decode(text).map_err(|error| Error::malformed(what, format!("{} is not standard base64: {error}", shown(text))))
}

/// To base64.
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A hash in base64.
pub fn hash(what: &str, text: &str) -> Result<Hash, Error> {
    let bytes = base64(what, text)?;
    Hash::try_from(bytes.as_slice()).map_err(|_| Error::malformed(what, format!("is {} bytes; a hash has 32", bytes.len())))
}

/// An ASCII decimal without sign and leading zeroes.
pub fn decimal(what: &str, text: &str) -> Result<u64, Error> {
    let refuse = |why: &str| Err(Error::malformed(what, format!("{} {why}", shown(text))));
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return refuse("is not a decimal number");
    }
    if text.len() > 1 && text.starts_with('0') {
        return refuse("has a leading zero");
    }
    text.parse().or_else(|_| refuse("is larger than 2^64 - 1"))
}
