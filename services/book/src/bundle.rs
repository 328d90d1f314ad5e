//! Entry bundles (c2sp.org/tlog-tiles v0.1, "Log entries"): the entries under a tile of level 0, each after its length in two bytes, big-endian.

use crate::error::Error;
use crate::tile::Tile;

/// Longest entry.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// Appends one entry to a bundle. A book's entries have 74 bytes; one longer than 65,535 is our own bug.
pub fn push(out: &mut Vec<u8>, entry: &[u8]) {
    let length = u16::try_from(entry.len()).expect("an entry has at most 65,535 bytes");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(entry);
}

/// The entries of a bundle: exactly as many as its width, and nothing after them.
pub fn entries(bundle: Tile, bytes: &[u8]) -> Result<Vec<&[u8]>, Error> {
    let mut entries = Vec::with_capacity(usize::from(bundle.width()));
    let mut rest = bytes;
    for at in 0..bundle.width() {
        let cut = || Error::malformed(bundle.to_string(), format!("ends within entry {at} of {}", bundle.width()));
        let (length, after) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
        let (entry, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or_else(cut)?;
        entries.push(entry);
        rest = after;
    }
    if !rest.is_empty() {
        return Err(Error::malformed(bundle.to_string(), format!("has {} bytes after its {} entries", rest.len(), bundle.width())));
    }
    Ok(entries)
}
