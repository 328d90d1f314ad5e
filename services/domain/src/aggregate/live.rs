//! Entries that have their effect, one by one: for what is in no view.

use super::as_of::scan_sequences;
use super::entries::{BATCH, Numbers, facts};
use super::group::Place;
use super::scope::Fit;
use super::{Asked, Error, corrupt, read};
use crate::bytes::Corrupt;
use crate::date::Period;
use crate::event::{Evidence, Given, kind};
use crate::record::Record;
use crate::rows::{Verdict, Views, read_entry};
use crate::tables::{Key, NameKind, Rows, Table};
use rustc_hash::FxHashSet;

impl<R: Rows> Asked<'_, R> {
    /// Visits the records of the entries of these kinds that are neither in suspense nor reversed, in order of the book.
    pub(super) fn each_live(&self, kinds: &[u8], mut visit: impl FnMut(&Record<'_>) -> Result<(), Error<R::Error>>) -> Result<(), Error<R::Error>> {
        let views = read(self.rows.get(Table::Views, Key::of(Table::Views, self.council).as_slice()))?;
        // While views are made again, they reflect fewer entries than the book has.
        let folded = views.map_or(Ok(0), |row| Views::decode(&row).map(|views| views.folded)).map_err(corrupt)?;
        for first in (0..folded).step_by(BATCH as usize) {
            let batch = first..folded.min(first + BATCH);
            let mut gone = FxHashSet::default();
            scan_sequences(self.rows, self.council, Table::Suspense, &batch, |sequence, _| {
                gone.insert(sequence);
                Ok(())
            })?;
            scan_sequences(self.rows, self.council, Table::Verdict, &batch, |sequence, row| {
                if Verdict::decode(row)?.reversed_by.is_some() {
                    gone.insert(sequence);
                }
                Ok(())
            })?;
            let mut rows = Vec::new();
            scan_sequences(self.rows, self.council, Table::Entry, &batch, |sequence, row| {
                if !gone.contains(&sequence) && kinds.contains(&kind(facts(row)?)) {
                    rows.push(row.to_vec());
                }
                Ok(())
            })?;
            for row in &rows {
                let (_, record) = read_entry(row).map_err(corrupt)?;
                visit(&Record::decode(record).map_err(|_| unreadable())?)?;
            }
        }
        Ok(())
    }

    /// Where something that was given counts, and the place of its measure; `None`: it is not in scope.
    pub(super) fn place_of(
        &self,
        given: &Given<'_>,
        evidence: Evidence,
        unit: Period,
        numbers: &mut Numbers,
    ) -> Result<Option<(Place, usize)>, Error<R::Error>> {
        let at = self.measures.by_id(given.measure).map_err(corrupt)?;
        if self.scope.fit(unit) == Fit::Outside || !self.scope.has_measure(at) || !self.scope.has_evidence(evidence) {
            return Ok(None);
        }
        let service = self.number(NameKind::Service, given.service, numbers)?;
        let area = given.area.map_or(Ok(0), |area| self.number(NameKind::Area, area, numbers))?;
        if !self.scope.services().has(service) || !self.scope.areas().has(area) {
            return Ok(None);
        }
        let measure = self.measures.get(at);
        Ok(Some((Place { service, base: measure.base, side: measure.side, area, evidence, unit }, at)))
    }
}

/// An entry that has its effect and cannot be read.
pub(super) fn unreadable<E: From<Corrupt>>() -> Error<E> {
    corrupt(Corrupt("Entry"))
}
