//! What waits for what: stored rows, with the changes of this call laid over them.

use super::Fold;
use crate::bytes::Corrupt;
use crate::event::EventId;
use crate::rows::Wait;
use crate::tables::{Key, Rows, Table};
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;

/// So many reversals that wait for their target are remembered in a call, to spare every other event a look; beyond, each looks.
const TARGETS_MAX: usize = 16_384;

/// Event ids that reversals wait for.
#[derive(Default)]
enum Targets {
    #[default]
    Unknown,
    Few(FxHashSet<EventId>),
    Many,
}

#[derive(Default)]
pub(super) struct Waiting {
    /// By key, without table and council: true if added, false if removed.
    pub(super) changes: BTreeMap<Vec<u8>, bool>,
    targets: Targets,
}

fn waiting_key(wait: &Wait, sequence: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(64);
    wait.put(&mut key);
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

fn sequence_of(key: &[u8]) -> Result<u64, Corrupt> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes)).ok_or(Corrupt("Waiting"))
}

impl Waiting {
    pub(super) fn add(&mut self, wait: &Wait, sequence: u64) {
        self.changes.insert(waiting_key(wait, sequence), true);
        if let (Wait::Target(_, id), Targets::Few(targets)) = (wait, &mut self.targets) {
            targets.insert(*id);
        }
    }

    pub(super) fn remove(&mut self, wait: &Wait, sequence: u64) {
        self.changes.insert(waiting_key(wait, sequence), false);
    }
}

impl<R: Rows> Fold<'_, R> {
    /// At most `limit` sequences that wait for `wait`, ascending, from the one after `after` on.
    pub(super) fn waiting_for(&self, wait: &Wait, after: Option<u64>, limit: usize) -> Result<Vec<u64>, R::Error> {
        let Some(first) = after.map_or(Some(0), |after| after.checked_add(1)) else {
            return Ok(Vec::new());
        };
        let (from, to) = (waiting_key(wait, first), waiting_key(wait, u64::MAX));
        let added = self.waiting.changes.range(from.clone()..=to).filter(|(_, added)| **added).take(limit);
        let mut found = added.map(|(key, _)| sequence_of(key)).collect::<Result<Vec<_>, _>>()?;
        let table = Key::of(Table::Waiting, self.council);
        let [mut prefix, mut start] = [table.clone(), table.clone()];
        prefix.bytes(&from[..from.len() - 8]);
        start.bytes(&from);
        let (mut stored, mut corrupt) = (Vec::new(), None);
        self.rows.scan(Table::Waiting, prefix.as_slice(), start.as_slice(), &mut |key, _| {
            let key = key.get(table.as_slice().len()..).unwrap_or_default();
            if !self.waiting.changes.contains_key(key) {
                match sequence_of(key) {
                    Ok(sequence) => stored.push(sequence),
                    Err(error) => corrupt = Some(error),
                }
            }
            stored.len() < limit && corrupt.is_none()
        })?;
        if let Some(corrupt) = corrupt {
            return Err(corrupt.into());
        }
        found.extend(stored);
        found.sort_unstable();
        found.truncate(limit);
        Ok(found)
    }

    /// Whether a reversal may wait for this event; a false alarm is harmless.
    pub(super) fn may_be_waited_for(&mut self, id: &EventId) -> Result<bool, R::Error> {
        if matches!(self.waiting.targets, Targets::Unknown) {
            self.waiting.targets = self.load_targets()?;
        }
        Ok(match &self.waiting.targets {
            Targets::Few(targets) => targets.contains(id),
            _ => true,
        })
    }

    fn load_targets(&self) -> Result<Targets, R::Error> {
        let mut prefix = Key::of(Table::Waiting, self.council);
        prefix.byte(Wait::TARGET_TAG);
        let (mut targets, mut corrupt, mut count) = (FxHashSet::default(), false, 0);
        let id_of = |key: &[u8]| key.get(..key.len().checked_sub(8)?)?.last_chunk::<16>().copied();
        self.rows.scan(Table::Waiting, prefix.as_slice(), prefix.as_slice(), &mut |key, _| {
            count += 1;
            match id_of(key) {
                Some(id) => drop(targets.insert(id)),
                None => corrupt = true,
            }
            count < TARGETS_MAX && !corrupt
        })?;
        if corrupt {
            return Err(Corrupt("Waiting").into());
        }
        for (key, _) in self.waiting.changes.iter().filter(|(key, added)| **added && key.first() == Some(&Wait::TARGET_TAG)) {
            targets.extend(id_of(key));
        }
        Ok(if count < TARGETS_MAX { Targets::Few(targets) } else { Targets::Many })
    }
}
