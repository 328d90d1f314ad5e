//! Event keys met in this call, and which entries they have.

use super::names::{Names, Slot};
use crate::event::EventId;
use crate::rows::read_sequences;
use crate::tables::{Key, Rows, Table};
use rustc_hash::FxHashMap;

/// A key of an event: its source and id.
pub(super) struct Indexed {
    pub(super) source: Slot,
    pub(super) id: u128,
    /// The entry that may have its effect.
    pub(super) first: Option<u64>,
    /// Those in conflict with it.
    pub(super) later: Vec<u64>,
    pub(super) changed: bool,
}

impl Indexed {
    pub(super) fn event_id(&self) -> EventId {
        self.id.to_be_bytes()
    }

    pub(super) fn sequences(&self) -> impl Iterator<Item = u64> {
        self.first.into_iter().chain(self.later.iter().copied())
    }
}

#[derive(Default)]
pub(super) struct Index {
    by_key: FxHashMap<(u64, u64, Slot), u32>,
    pub(super) all: Vec<Indexed>,
    /// Places that were looked up, those of each time in order of keys.
    order: Vec<u32>,
}

impl Index {
    /// The place of a key.
    pub(super) fn place(&mut self, source: Slot, id: EventId) -> u32 {
        let id = u128::from_be_bytes(id);
        let next = self.all.len() as u32;
        let place = *self.by_key.entry(((id >> 64) as u64, id as u64, source)).or_insert(next);
        if place == next {
            self.all.push(Indexed { source, id, first: None, later: Vec::new(), changed: false });
        }
        place
    }

    pub(super) fn reserve(&mut self, more: usize) {
        self.by_key.reserve(more);
        self.all.reserve(more);
    }

    pub(super) fn get(&self, place: u32) -> &Indexed {
        &self.all[place as usize]
    }

    /// The key has one more entry. Says whether it is the first.
    pub(super) fn add(&mut self, place: u32, sequence: u64) -> bool {
        let indexed = &mut self.all[place as usize];
        indexed.changed = true;
        if indexed.first.is_none() {
            indexed.first = Some(sequence);
            return true;
        }
        indexed.later.push(sequence);
        false
    }

    /// All that changed, in order of keys, each with its source's number.
    pub(super) fn changed(&self, names: &Names) -> Vec<(u32, &Indexed)> {
        let all = self.order.iter().copied().chain(self.order.len() as u32..self.all.len() as u32).map(|place| self.get(place));
        let mut changed: Vec<_> = all.filter(|indexed| indexed.changed).map(|indexed| (names.get(indexed.source).number, indexed)).collect();
        // Stable, since mostly they are in order.
        changed.sort_by_key(|(source, indexed)| (indexed.id, *source));
        changed
    }

    /// Loads the keys that were met since the last time. A source without a number has no entries.
    pub(super) fn load<R: Rows>(&mut self, rows: &R, council: &str, names: &Names) -> Result<(), R::Error> {
        let new = (self.order.len()..self.all.len()).map(|place| (self.all[place].id, names.get(self.all[place].source).number, place));
        let mut new: Vec<(u128, u32, usize)> = new.collect();
        new.sort_unstable();
        self.order.extend(new.iter().map(|(_, _, place)| *place as u32));
        new.retain(|(_, source, _)| *source != 0);
        let key = |(id, source, _): &(u128, u32, usize)| {
            let mut key = Key::of(Table::Index, council);
            put_key(&mut key, *id, *source);
            key.into_vec()
        };
        let keys: Vec<_> = new.iter().map(key).collect();
        for ((_, _, place), row) in new.into_iter().zip(rows.get_many(Table::Index, &keys)?) {
            if let Some(row) = row {
                let mut sequences = read_sequences(&row)?.into_iter();
                self.all[place].first = sequences.next();
                self.all[place].later = sequences.collect();
            }
        }
        Ok(())
    }
}

/// What a key's row ends with.
pub(super) fn put_key(key: &mut Key, id: u128, source: u32) {
    key.bytes(&id.to_be_bytes()).be32(source);
}
