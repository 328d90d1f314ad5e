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
    loaded: usize,
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

    /// Loads the keys that were met since the last time. A source without a number has no entries.
    pub(super) fn load<R: Rows>(&mut self, rows: &R, council: &str, names: &Names) -> Result<(), R::Error> {
        let new = (self.loaded..self.all.len()).map(|place| (self.all[place].id, names.get(self.all[place].source).number, place));
        let mut new: Vec<(u128, u32, usize)> = new.filter(|(_, source, _)| *source != 0).collect();
        self.loaded = self.all.len();
        new.sort_unstable();
        let keys: Vec<_> = new.iter().map(|(id, source, _)| key(council, *id, *source).into_vec()).collect();
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

pub(super) fn key(council: &str, id: u128, source: u32) -> Key {
    let mut key = Key::of(Table::Index, council);
    key.bytes(&id.to_be_bytes()).be32(source);
    key
}
