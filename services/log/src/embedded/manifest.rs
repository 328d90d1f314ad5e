//! A look at RocksDB's list of files before RocksDB reads it.
//!
//! It is a sequence of blocks of 32 KiB, each of records with a header of 7 bytes: checksum (4), length (2, little-endian), type (1). The
//! list has records of the types 1 to 4. RocksDB 11.8 notices a wrong checksum, but one flipped bit of a type makes it another type's
//! record, which it refuses without going past it, and tries again for ever: a start that hangs instead of saying what is wrong.

use std::fs;
use std::path::Path;

const BLOCK: usize = 32 * 1024;
const HEADER: usize = 7;

/// Says what is wrong with the list of files that CURRENT names. What RocksDB can tell itself, and says, is left to it.
pub(super) fn check(directory: &Path) -> Result<(), String> {
    let Ok(name) = fs::read_to_string(directory.join("CURRENT")) else { return Ok(()) };
    let name = name.trim_end();
    let Ok(bytes) = fs::read(directory.join(name)) else { return Ok(()) };
    let sound = bytes.chunks(BLOCK).all(is_sound);
    if sound {
        Ok(())
    } else {
        Err(format!("its list of files {name} has a record of a type that does not belong there: restore the directory from a backup"))
    }
}

/// Whether all records of a block, as far as they are whole, are of types that a list of files has.
fn is_sound(mut block: &[u8]) -> bool {
    while let Some((header, rest)) = block.split_first_chunk::<HEADER>() {
        let [.., low, high, kind] = *header;
        let Some((_, rest)) = rest.split_at_checked(usize::from(u16::from_le_bytes([low, high]))) else { return true };
        match kind {
            0 => return true, // Zeros: nothing was written here.
            1..=4 => block = rest,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, length: usize) -> Vec<u8> {
        [&[9, 9, 9, 9, length as u8, (length >> 8) as u8, kind][..], &vec![0xff; length]].concat()
    }

    #[test]
    fn only_a_foreign_type_is_found() {
        let list = [record(1, 50), record(2, 300), record(4, 0)].concat();
        assert!(is_sound(&list) && is_sound(&[]) && is_sound(&[&list[..], &[0; 100]].concat()));
        (0..list.len()).for_each(|length| assert!(is_sound(&list[..length]), "cut at {length}"));
        for kind in [5, 8, 9, 128 + 1] {
            assert!(!is_sound(&[&list[..], &record(kind, 3)].concat()));
        }
    }

    #[test]
    fn every_block_is_looked_at() {
        let directory = tempfile::tempdir().unwrap();
        check(directory.path()).unwrap();
        fs::write(directory.path().join("CURRENT"), "MANIFEST-000007\n").unwrap();
        check(directory.path()).unwrap();
        let block = |kind: u8| [record(kind, 1_000), record(1, BLOCK - 1_000 - 2 * HEADER)].concat();
        for (kinds, sound) in [([1, 1, 1], true), ([1, 1, 6], false), ([6, 1, 1], false)] {
            fs::write(directory.path().join("MANIFEST-000007"), kinds.map(block).concat()).unwrap();
            assert_eq!(check(directory.path()).is_ok(), sound);
        }
    }
}
