//! Which exchanges may have changed since a point.
//!
//! An exchange changes by the effect of an entry in it and by that of its reversal. An entry takes effect at its turn, or when it is cured
//! (`services/FOLD.md`): by a first definition, by its target's effect (a reversal), or by room in its exchange. The last two causes are in
//! the very exchange, so that it is found by them. Only definitions reach far back: if one is among the entries, or if cures were due
//! at the point, those that were cured since are looked up among the verdicts.

use super::Point;
use crate::aggregate::as_of::scan_sequences;
use crate::aggregate::{Error, corrupt, read};
use crate::bytes::Corrupt;
use crate::event::{Body, Envelope, EventId};
use crate::record::Record;
use crate::rows::{Verdict, read_entry, read_number, read_sequences};
use crate::tables::{Key, NameKind, Rows, Table};
use std::collections::{BTreeMap, BTreeSet};

/// Entries looked up at once.
const BATCH: usize = 1_024;

/// Exchanges that may have changed.
pub(super) enum Touched {
    /// Their ids, ascending: perhaps of some that did not change or that are not there.
    These(Vec<Vec<u8>>),
    /// More than can be listed.
    Many,
}

/// Those that may have changed by the entries from a point up to `to`, and by what these have cured: at most `cured_max` entries.
pub(super) fn between<R: Rows>(rows: &R, council: &str, from: Point, to: u64, cured_max: u64) -> Result<Touched, Error<R::Error>> {
    let mut finding = Finding { rows, council, ids: BTreeSet::new(), targets: BTreeSet::new(), defines: false };
    finding.walk(from.folded..to)?;
    if finding.defines || from.cures_pending {
        let Some(cured) = cured(rows, council, from, cured_max)? else {
            return Ok(Touched::Many);
        };
        finding.look_up(&cured)?;
    }
    finding.look_up_targets()?;
    Ok(Touched::These(finding.ids.into_iter().map(String::into_bytes).collect()))
}

/// Entries below a point that were cured at its last entry or later; `None`: more than `max`.
fn cured<R: Rows>(rows: &R, council: &str, from: Point, max: u64) -> Result<Option<Vec<u64>>, Error<R::Error>> {
    let since = from.folded.saturating_sub(1);
    let mut cured = Vec::new();
    scan_sequences(rows, council, Table::Verdict, &(0..from.folded), |sequence, row| {
        if Verdict::decode(row)?.cured_by.is_some_and(|by| by >= since) && cured.len() as u64 <= max {
            cured.push(sequence);
        }
        Ok(())
    })?;
    Ok(Some(cured).filter(|cured| cured.len() as u64 <= max))
}

struct Finding<'a, R> {
    rows: &'a R,
    council: &'a str,
    ids: BTreeSet<String>,
    /// Event id and source of what is reversed.
    targets: BTreeSet<(EventId, String)>,
    /// Whether a definition was met that contributions and state inputs may have waited for.
    defines: bool,
}

impl<R: Rows> Finding<'_, R> {
    fn walk(&mut self, entries: std::ops::Range<u64>) -> Result<(), Error<R::Error>> {
        let (rows, council) = (self.rows, self.council);
        scan_sequences(rows, council, Table::Entry, &entries, |_, row| self.take(row))
    }

    fn look_up(&mut self, sequences: &[u64]) -> Result<(), Error<R::Error>> {
        for batch in sequences.chunks(BATCH) {
            let key = |sequence: &u64| {
                let mut key = Key::of(Table::Entry, self.council);
                key.be64(*sequence);
                key.into_vec()
            };
            let found = read(self.rows.get_many(Table::Entry, &batch.iter().map(key).collect::<Vec<_>>()))?;
            for row in found {
                self.take(&row.ok_or_else(|| corrupt(Corrupt("Entry")))?).map_err(corrupt)?;
            }
        }
        Ok(())
    }

    /// An entry. What cannot be read has no effect.
    fn take(&mut self, row: &[u8]) -> Result<(), Corrupt> {
        let (_, record) = read_entry(row)?;
        let parts = Record::decode(record).unwrap_or_default().parts;
        match Body::decode(parts.facts) {
            Ok(Body::Contribution(contribution)) => self.ids.extend(contribution.given.exchange.map(str::to_owned)),
            Ok(Body::StateInput(input)) => self.ids.extend(input.given.exchange.map(str::to_owned)),
            Ok(Body::Reversal(reversal)) => {
                let own = Envelope::decode(parts.envelope).map(|envelope| envelope.source).unwrap_or_default();
                self.targets.insert((reversal.target_event_id, reversal.target_source.unwrap_or(own).to_owned()));
            }
            Ok(Body::Service(_) | Body::Measure(_)) => self.defines = true,
            _ => {}
        }
        Ok(())
    }

    /// The entries that are reversed, of those that are there.
    fn look_up_targets(&mut self) -> Result<(), Error<R::Error>> {
        let targets = std::mem::take(&mut self.targets);
        let mut sources: BTreeMap<String, Option<u32>> = BTreeMap::new();
        let mut keys = BTreeSet::new();
        for (event_id, source) in targets {
            let number = match sources.get(&source) {
                Some(number) => *number,
                None => {
                    let number = self.source(&source)?;
                    sources.insert(source, number);
                    number
                }
            };
            if let Some(number) = number {
                let mut key = Key::of(Table::Index, self.council);
                key.bytes(&event_id).be32(number);
                keys.insert(key.into_vec());
            }
        }
        let keys: Vec<_> = keys.into_iter().collect();
        let mut sequences = BTreeSet::new();
        for batch in keys.chunks(BATCH) {
            for row in read(self.rows.get_many(Table::Index, batch))?.into_iter().flatten() {
                // The others are in conflict with the first and have no effect.
                sequences.extend(read_sequences(&row).map_err(corrupt)?.first());
            }
        }
        self.look_up(&sequences.into_iter().collect::<Vec<_>>())
    }

    fn source(&self, source: &str) -> Result<Option<u32>, Error<R::Error>> {
        let mut key = Key::of(Table::NameByText, self.council);
        key.byte(NameKind::Source as u8).bytes(source.as_bytes());
        read(self.rows.get(Table::NameByText, key.as_slice()))?.map(|row| read_number(&row).map_err(corrupt)).transpose()
    }
}
