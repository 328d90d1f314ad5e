//! Names met in this call: each has a slot, its number once it is needed, and its definition.

use crate::bytes::Corrupt;
use crate::event::{Body, Side};
use crate::rows::{read_definition, read_number};
use crate::tables::{DefinitionKind, Key, NAME_KINDS, NameKind, Rows, Table};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// A name's place in [`Names`].
pub(super) type Slot = u32;
/// The slot of no name.
pub(super) const NONE: Slot = Slot::MAX;

/// What a service, measure or indicator is defined as.
#[derive(Clone)]
pub(super) struct Defined {
    /// The Facts that define it.
    pub(super) facts: Rc<[u8]>,
    /// Of a measure.
    pub(super) side: Option<Side>,
}

impl Defined {
    fn read(row: &[u8]) -> Result<Self, Corrupt> {
        let (_, facts) = read_definition(row)?;
        let side = match Body::decode(facts) {
            Ok(Body::Measure(measure)) => Some(measure.side),
            Ok(Body::Service(_) | Body::Indicator(_)) => None,
            _ => return Err(Corrupt("Definition")),
        };
        Ok(Self { facts: facts.into(), side })
    }
}

pub(super) struct Name {
    pub(super) kind: NameKind,
    pub(super) text: Rc<str>,
    /// 0: none yet.
    pub(super) number: u32,
    pub(super) defined: Option<Defined>,
}

#[derive(Default)]
pub(super) struct Names {
    by_text: [FxHashMap<Rc<str>, Slot>; NAME_KINDS],
    all: Vec<Name>,
    /// The last one of each kind: neighbours often agree.
    last: [Option<Slot>; NAME_KINDS],
    /// How many of `all` are loaded.
    loaded: usize,
    /// Those that got their number in this call.
    pub(super) fresh: Vec<Slot>,
}

impl Names {
    /// The slot of a name.
    pub(super) fn slot(&mut self, kind: NameKind, text: &str) -> Slot {
        if let Some(slot) = self.last[kind as usize]
            && *self.all[slot as usize].text == *text
        {
            return slot;
        }
        let known = self.by_text[kind as usize].get(text).copied();
        let slot = known.unwrap_or_else(|| self.add(kind, text));
        self.last[kind as usize] = Some(slot);
        slot
    }

    /// The slot of a name that may be missing.
    pub(super) fn optional(&mut self, kind: NameKind, text: Option<&str>) -> Slot {
        text.map_or(NONE, |text| self.slot(kind, text))
    }

    fn add(&mut self, kind: NameKind, text: &str) -> Slot {
        let slot = self.all.len() as Slot;
        let text: Rc<str> = text.into();
        self.by_text[kind as usize].insert(text.clone(), slot);
        self.all.push(Name { kind, text, number: 0, defined: None });
        slot
    }

    pub(super) fn get(&self, slot: Slot) -> &Name {
        &self.all[slot as usize]
    }

    pub(super) fn text(&self, slot: Slot) -> &str {
        &self.all[slot as usize].text
    }

    pub(super) fn define(&mut self, slot: Slot, defined: Defined) {
        self.all[slot as usize].defined = Some(defined);
    }

    /// The number of a name, given now if it has none: the next one of its kind. `counts` are the names given so far by kind; four
    /// thousand million of them are more than a book's keys could tell apart, and the addition would stop there.
    pub(super) fn number(&mut self, slot: Slot, counts: &mut [u32; NAME_KINDS]) -> u32 {
        if slot == NONE {
            return 0;
        }
        let name = &mut self.all[slot as usize];
        if name.number == 0 {
            let count = &mut counts[name.kind as usize];
            *count += 1;
            name.number = *count;
            self.fresh.push(slot);
        }
        name.number
    }

    /// Loads numbers and definitions of the names that were met since the last time.
    pub(super) fn load<R: Rows>(&mut self, rows: &R, council: &str) -> Result<(), R::Error> {
        let mut new: Vec<Slot> = (self.loaded as Slot..self.all.len() as Slot).collect();
        self.loaded = self.all.len();
        new.sort_unstable_by(|a, b| {
            let [a, b] = [a, b].map(|slot| self.get(*slot));
            (a.kind as u8, &a.text).cmp(&(b.kind as u8, &b.text))
        });
        let keys: Vec<_> = new.iter().map(|slot| text_key(council, self.get(*slot))).collect();
        for (slot, row) in new.iter().zip(rows.get_many(Table::NameByText, &keys)?) {
            if let Some(row) = row {
                let number = Some(read_number(&row)?).filter(|number| *number != 0);
                self.all[*slot as usize].number = number.ok_or(Corrupt("Name"))?;
            }
        }
        // Kinds of names and of definitions stand in the same order, so the keys are sorted.
        let (slots, keys): (Vec<_>, Vec<_>) = new.iter().filter_map(|slot| Some((*slot, definition_key(council, self.get(*slot))?))).unzip();
        for (slot, row) in slots.into_iter().zip(rows.get_many(Table::Definition, &keys)?) {
            if let Some(row) = row {
                self.all[slot as usize].defined = Some(Defined::read(&row)?);
            }
        }
        Ok(())
    }
}

pub(super) fn text_key(council: &str, name: &Name) -> Vec<u8> {
    let mut key = Key::of(Table::NameByText, council);
    key.byte(name.kind as u8).bytes(name.text.as_bytes());
    key.into_vec()
}

/// The key of a name's definition, if its kind is one that is defined by name alone and needed by the fold.
pub(super) fn definition_key(council: &str, name: &Name) -> Option<Vec<u8>> {
    let kind = match name.kind {
        NameKind::Service => DefinitionKind::Service,
        NameKind::Measure => DefinitionKind::Measure,
        NameKind::Indicator => DefinitionKind::Indicator,
        NameKind::Area | NameKind::Source | NameKind::Actor => return None,
    };
    let mut key = Key::of(Table::Definition, council);
    key.byte(kind as u8).bytes(name.text.as_bytes());
    Some(key.into_vec())
}
