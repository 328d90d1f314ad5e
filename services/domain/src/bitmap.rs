//! Sets of actor numbers, and changes of them that merge without reading the set.

use crate::bytes::{Corrupt, Take, put_unsigned};
use roaring::RoaringBitmap;

/// Actors to remove and then to add. A stored set is a change that adds and removes nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Actors that join.
    pub added: RoaringBitmap,
    /// Actors that leave; disjoint from `added`.
    pub removed: RoaringBitmap,
}

impl Change {
    /// An actor joins.
    pub fn add(&mut self, actor: u32) {
        self.removed.remove(actor);
        self.added.insert(actor);
    }

    /// An actor leaves.
    pub fn remove(&mut self, actor: u32) {
        self.added.remove(actor);
        self.removed.insert(actor);
    }

    /// This change and then a later one.
    pub fn then(&mut self, later: &Self) {
        self.added -= &later.removed;
        self.added |= &later.added;
        self.removed -= &later.added;
        self.removed |= &later.removed;
    }

    /// Its bytes: length of `removed`, `removed`, `added`. The serialization is roaring's portable format.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let removed = if self.removed.is_empty() { 0 } else { self.removed.serialized_size() };
        put_unsigned(out, removed as u128);
        let write =
            |set: &RoaringBitmap, out: &mut Vec<u8>| set.serialize_into(out).unwrap_or_else(|error| unreachable!("a Vec takes every byte: {error}"));
        if removed > 0 {
            write(&self.removed, out);
        }
        write(&self.added, out);
    }

    /// Reads its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let corrupt = |_| Corrupt("Participants");
        let mut take = Take::new("Participants", bytes);
        let length = take.number()?;
        let removed = match length {
            0 => RoaringBitmap::new(),
            _ => RoaringBitmap::deserialize_from(take.bytes(length)?).map_err(corrupt)?,
        };
        Ok(Self { added: RoaringBitmap::deserialize_from(take.rest()).map_err(corrupt)?, removed })
    }
}
