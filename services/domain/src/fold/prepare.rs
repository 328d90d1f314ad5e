//! Loading: every row that records may touch, by a few sorted reads of many keys each.

use super::entry::{Act, Entry};
use super::{Fold, Old, Status};
use crate::bytes::Corrupt;
use crate::rows::{Suspense, Verdict, read_entry};
use crate::tables::{Key, Rows, Table};

pub(super) fn sequence_key(table: Table, council: &str, sequence: u64) -> Vec<u8> {
    let mut key = Key::of(table, council);
    key.be64(sequence);
    key.into_vec()
}

impl<R: Rows> Fold<'_, R> {
    /// Loads what entries need. With `compare` also the earlier entries of the same keys.
    pub(super) fn prepare(&mut self, entries: &[Entry], compare: bool) -> Result<(), R::Error> {
        self.load_spoken()?;
        let mut rivals = Vec::new();
        if compare {
            rivals.extend(entries.iter().filter_map(|entry| entry.key).flat_map(|key| self.spoken.index.get(key).sequences()));
        }
        let mut targets: Vec<u64> = entries.iter().filter_map(|entry| self.target(entry)).collect();
        rivals.extend(&targets);
        self.load_old(rivals)?;
        targets.retain(|sequence| *sequence < self.before.1.folded);
        self.decode_old(&targets);
        self.load_statuses(targets)?;
        self.load_spoken()?;
        self.spoken.exchanges.load(self.rows, self.council)
    }

    /// Loads old entries that are to be judged again, and what they need.
    pub(super) fn prepare_again(&mut self, sequences: &[u64]) -> Result<(), R::Error> {
        let old: Vec<u64> = sequences.iter().copied().filter(|sequence| *sequence < self.before.1.folded).collect();
        self.load_old(old.clone())?;
        self.load_statuses(old.clone())?;
        self.decode_old(&old);
        self.load_spoken()?;
        let entries = old.iter().filter_map(|sequence| self.old.get(sequence)?.entry);
        let mut targets: Vec<u64> = entries.filter_map(|entry| self.target(&entry)).collect();
        targets.retain(|sequence| *sequence < self.before.1.folded);
        self.load_old(targets.clone())?;
        self.decode_old(&targets);
        self.load_statuses(targets)?;
        self.load_spoken()?;
        self.spoken.exchanges.load(self.rows, self.council)
    }

    fn load_spoken(&mut self) -> Result<(), R::Error> {
        self.spoken.names.load(self.rows, self.council)?;
        self.spoken.index.load(self.rows, self.council, &self.spoken.names)
    }

    /// The entry that a reversal means, if there is one.
    fn target(&self, entry: &Entry) -> Option<u64> {
        match entry.act {
            Act::Reverse(target) => self.spoken.index.get(target).first,
            _ => None,
        }
    }

    /// Loads entries of earlier calls.
    fn load_old(&mut self, mut sequences: Vec<u64>) -> Result<(), R::Error> {
        sequences.retain(|sequence| *sequence < self.before.1.folded && !self.old.contains_key(sequence));
        sequences.sort_unstable();
        sequences.dedup();
        let keys: Vec<_> = sequences.iter().map(|sequence| sequence_key(Table::Entry, self.council, *sequence)).collect();
        for (sequence, row) in sequences.into_iter().zip(self.rows.get_many(Table::Entry, &keys)?) {
            let row = row.ok_or(Corrupt("Entry"))?;
            read_entry(&row)?;
            self.old.insert(sequence, Old { row: row.into(), entry: None });
        }
        Ok(())
    }

    fn decode_old(&mut self, sequences: &[u64]) {
        for sequence in sequences {
            if let Some(old) = self.old.get_mut(sequence)
                && old.entry.is_none()
                && let Ok((_, record)) = read_entry(&old.row)
            {
                old.entry = Some(Entry::decode(record, self.council, &mut self.spoken));
            }
        }
    }

    fn load_statuses(&mut self, mut sequences: Vec<u64>) -> Result<(), R::Error> {
        sequences.retain(|sequence| !self.statuses.contains_key(sequence));
        sequences.sort_unstable();
        sequences.dedup();
        let keys = |table| sequences.iter().map(|sequence| sequence_key(table, self.council, *sequence)).collect::<Vec<_>>();
        let suspense = self.rows.get_many(Table::Suspense, &keys(Table::Suspense))?;
        let verdicts = self.rows.get_many(Table::Verdict, &keys(Table::Verdict))?;
        for ((sequence, suspense), verdict) in sequences.iter().zip(suspense).zip(verdicts) {
            let suspense = suspense.map(|row| Suspense::decode(&row)).transpose()?;
            let verdict = verdict.map(|row| Verdict::decode(&row)).transpose()?.unwrap_or_default();
            let suspense_stored = suspense.is_some();
            self.statuses.insert(*sequence, Status { suspense, verdict, suspense_stored, changed: false });
        }
        Ok(())
    }

    /// An entry of this call, or one that was loaded.
    pub(super) fn entry(&self, sequence: u64) -> Result<Entry, Corrupt> {
        if let Some(at) = sequence.checked_sub(self.before.1.folded) {
            return self.new.get(at as usize).map(|(_, _, entry)| *entry).ok_or(Corrupt("Index"));
        }
        self.old.get(&sequence).and_then(|old| old.entry).ok_or(Corrupt("Index"))
    }

    /// Reads the record of an entry of this call, or of one that was loaded.
    pub(super) fn with_record<T>(&self, sequence: u64, read: impl FnOnce(&[u8]) -> T) -> Result<T, Corrupt> {
        if let Some(at) = sequence.checked_sub(self.before.1.folded) {
            return self.new.get(at as usize).map(|(_, record, _)| read(record)).ok_or(Corrupt("Index"));
        }
        let old = self.old.get(&sequence).ok_or(Corrupt("Index"))?;
        Ok(read(read_entry(&old.row)?.1))
    }
}
