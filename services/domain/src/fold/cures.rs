//! Suspense and its cures. FOLD.md, "Cures".

use super::Fold;
use super::entry::Entry;
use crate::bytes::Corrupt;
use crate::record::Record;
use crate::rows::{Suspense, Wait, read_entry};
use crate::tables::Rows;

/// Waiting entries that are loaded at a time.
const BATCH: usize = 1_024;

impl<R: Rows> Fold<'_, R> {
    /// Judges an entry: it takes effect or goes to suspense. `again`: what it was in suspense for until now.
    pub(super) fn settle(&mut self, sequence: u64, entry: &Entry, record: &[u8], again: Option<Suspense>) -> Result<(), R::Error> {
        // Only definitions are looked into again.
        let facts = if entry.act.defines() { Record::decode(record).unwrap_or_default().parts.facts } else { &[] };
        if let Some(suspense) = self.judge(entry, facts)? {
            return self.suspend(sequence, suspense, again);
        }
        self.views.applied += 1;
        if let Some(before) = again {
            self.views.suspended = self.views.suspended.checked_sub(1).ok_or(Corrupt("Views"))?;
            before.wait.inspect(|wait| self.waiting.remove(wait, sequence));
            let status = self.statuses.entry(sequence).or_default();
            status.suspense = None;
            status.verdict.cured_by = self.views.folded.checked_sub(1);
            status.changed = true;
        }
        self.apply(sequence, entry, facts)
    }

    /// An entry goes to suspense, or stays there.
    pub(super) fn suspend(&mut self, sequence: u64, suspense: Suspense, again: Option<Suspense>) -> Result<(), R::Error> {
        match &again {
            None => self.views.suspended += 1,
            Some(before) if *before == suspense => return Ok(()),
            Some(before) => drop(before.wait.as_ref().inspect(|wait| self.waiting.remove(wait, sequence))),
        }
        suspense.wait.as_ref().inspect(|wait| self.waiting.add(wait, sequence));
        let status = self.statuses.entry(sequence).or_default();
        status.suspense = Some(suspense);
        status.changed = true;
        Ok(())
    }

    /// Carries out the cures that are due, judging at most `budget` waiting entries, which it lowers.
    pub(super) fn cure(&mut self, budget: &mut usize) -> Result<(), R::Error> {
        while let Some(cure) = self.views.cures.front().cloned() {
            if *budget == 0 {
                return Ok(());
            }
            let found = self.waiting_for(&cure.wait, cure.after, BATCH.min(*budget))?;
            let is_over = found.is_empty() || self.visit(&cure.wait, &found, budget)?;
            if is_over {
                self.views.cures.pop_front();
            }
        }
        Ok(())
    }

    /// Judges waiting entries again. Says whether the cure is over before its time.
    fn visit(&mut self, wait: &Wait, sequences: &[u64], budget: &mut usize) -> Result<bool, R::Error> {
        self.prepare_again(sequences)?;
        let exchange = match wait {
            Wait::Exchange(id) => Some(self.spoken.exchanges.place(id)),
            _ => None,
        };
        for &sequence in sequences {
            if exchange.is_some_and(|exchange| self.spoken.exchanges.is_full(exchange)) {
                return Ok(true);
            }
            let before = self.statuses.get(&sequence).and_then(|status| status.suspense.clone()).ok_or(Corrupt("Waiting"))?;
            let entry = self.entry(sequence)?;
            match sequence.checked_sub(self.before.1.folded) {
                Some(at) => self.settle(sequence, &entry, self.new[at as usize].1, Some(before))?,
                None => {
                    let row = self.old.get(&sequence).map(|old| old.row.clone()).ok_or(Corrupt("Waiting"))?;
                    self.settle(sequence, &entry, read_entry(&row)?.1, Some(before))?;
                }
            }
            *budget -= 1;
            if let Some(cure) = self.views.cures.front_mut() {
                cure.after = Some(sequence);
            }
        }
        Ok(false)
    }
}
