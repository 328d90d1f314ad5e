//! Rows that are no council's: what the store is, and how far each partition is folded.

use super::Store;
use crate::Error;
use sha2::{Digest, Sha256};
use tandem_domain::bytes::{Corrupt, Take, put_unsigned};
use tandem_domain::position::LogId;
use tandem_domain::tables::{FOLD_VERSION, Key, Rows, Table};
use tandem_log::StoredFrame;

/// Version of the layout of the store: of its keys, of the rows that a rebuild keeps, and of this row's own first four bytes.
pub(crate) const FORMAT: u32 = 2;

/// What a store is: format version (4) ‖ fold version (4) ‖ log id (16) ‖ partitions (4), big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    /// The fold that made the views, or is making them.
    pub fold_version: u32,
    /// The log that it is made of.
    pub log: LogId,
    /// That log's partitions.
    pub partitions: u32,
}

impl Meta {
    /// Of a new store.
    pub fn new(log: LogId, partitions: u32) -> Self {
        Self { fold_version: FOLD_VERSION, log, partitions }
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        [&FORMAT.to_be_bytes()[..], &self.fold_version.to_be_bytes(), &self.log.0, &self.partitions.to_be_bytes()].concat()
    }

    /// Reads it; `None` if the store is new. Refuses a format that this version does not know.
    pub fn read(store: &Store) -> Result<Option<Self>, Error> {
        let Some(row) = store.get(Table::Meta, Key::bare(Table::Meta).as_slice())? else {
            return Ok(None);
        };
        let mut take = Take::new("Meta", &row);
        let found = take.be32()?;
        if found != FORMAT {
            return Err(Error::Format { path: store.path().into(), found, known: FORMAT });
        }
        let fold_version = take.be32()?;
        let log = LogId(take.bytes(16)?.try_into().map_err(|_| take.corrupt())?);
        Ok(Some(Self { fold_version, log, partitions: take.be32()? }))
    }
}

/// How far a partition is folded: offset and index of the first record that is not, and which frame the last folded record stood in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Offset of the next frame.
    pub next_offset: u64,
    /// Records of it that are folded already.
    pub next_index: u32,
    /// The last frame of which a record was folded; `None`: none was.
    pub last: Option<LastFrame>,
}

/// A frame that was folded, to know it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastFrame {
    /// Its offset.
    pub offset: u64,
    /// SHA-256 of its bytes.
    pub hash: [u8; 32],
}

impl LastFrame {
    /// Of this frame.
    pub fn of(frame: &StoredFrame) -> Self {
        Self { offset: frame.offset, hash: Sha256::digest(&frame.bytes).into() }
    }
}

impl Cursor {
    /// The key of a partition's cursor.
    pub fn key(partition: u32) -> Vec<u8> {
        let mut key = Key::bare(Table::Cursor);
        key.be32(partition);
        key.into_vec()
    }

    /// Its bytes: next offset, next index, then offset and hash of the last frame, if there is one.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_unsigned(&mut out, self.next_offset.into());
        put_unsigned(&mut out, self.next_index.into());
        if let Some(last) = &self.last {
            put_unsigned(&mut out, last.offset.into());
            out.extend_from_slice(&last.hash);
        }
        out
    }

    /// Reads its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut take = Take::new("Cursor", bytes);
        let (next_offset, next_index) = (take.number()?, take.number()?);
        let last = match take.is_empty() {
            true => None,
            false => Some(LastFrame { offset: take.number()?, hash: take.bytes(32)?.try_into().map_err(|_| take.corrupt())? }),
        };
        Ok(Self { next_offset, next_index, last })
    }

    /// Reads a partition's; `None` before its first record.
    pub fn read<R: Rows>(rows: &R, partition: u32) -> Result<Option<Self>, R::Error> {
        match rows.get(Table::Cursor, &Self::key(partition))? {
            None => Ok(None),
            Some(row) => Ok(Some(Self::decode(&row)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_go_there_and_back() {
        let last = Some(LastFrame { offset: 299, hash: [7; 32] });
        for cursor in [Cursor::default(), Cursor { next_offset: 300, next_index: 0, last }, Cursor { next_offset: 299, next_index: 9, last }] {
            assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor));
        }
        assert!(Cursor::decode(&[1, 2, 3, 4]).is_err());
    }
}
