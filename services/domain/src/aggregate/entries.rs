//! Quantities from the entries themselves: exact for every question, and dear. Entries are read in batches, so that memory does not
//! grow with the book.

use super::as_of::{Counted, is_live, scan_sequences};
use super::group::{Grouping, Place};
use super::scope::Fit;
use super::sums::Sums;
use super::{Asked, Error, corrupt, read};
use crate::bytes::Corrupt;
use crate::cell::Cell;
use crate::date::{Grain, Span};
use crate::event::{Body, Envelope, Evidence, Given, Person, Side, kind};
use crate::record::Record;
use crate::rows::{Exchange, ExchangeState, Verdict, Views, read_entry, read_number};
use crate::tables::{Key, NameKind, Rows, Table};
use rustc_hash::{FxHashMap, FxHashSet};

/// Entries read at once.
pub(super) const BATCH: u64 = 4_096;

/// An entry in scope.
pub(super) struct Found {
    pub sequence: u64,
    pub verdict: Verdict,
    pub place: Place,
    pub fit: Fit,
    /// Place of its measure.
    pub measure: usize,
    pub occurred: Span,
    pub quantity: u64,
    exchange: Option<String>,
    /// Whether it is a contribution with an actor.
    has_actor: bool,
    /// Whether it names the person it is about: the actor of a contribution, the recipient of a state input.
    pub is_named: bool,
}

/// Numbers of names, looked up as they are met.
pub(super) type Numbers = FxHashMap<(u8, String), u32>;

/// Whether exchanges with pages of their own were two-sided at the point asked for. Their entries lie in many batches, and each has so many
/// that remembering costs little.
pub(super) type LargeExchanges = FxHashMap<String, bool>;

impl<R: Rows> Asked<'_, R> {
    pub(super) fn sums_of_entries<'a>(&self, grouping: &'a Grouping) -> Result<Sums<'a>, Error<R::Error>> {
        let mut sums = self.new_sums(grouping);
        let mut large = LargeExchanges::default();
        let counted = self.counted()?;
        let is_gone = |sequence, verdict: Verdict| match &counted {
            None => verdict.reversed_by.is_some(),
            Some(counted) => !counted.is_live(sequence, verdict.reversed_by),
        };
        self.each_entry(self.entries_asked()?, is_gone, |found| {
            let two_sided = self.two_sided(&found, counted, &mut large)?;
            for entry in found {
                let is_matched = entry.exchange.as_ref().is_some_and(|id| two_sided.contains(id));
                self.add_entry(&mut sums, &entry, is_matched)?;
            }
            Ok(())
        })?;
        Ok(sums)
    }

    /// Entries up to the point asked for.
    pub(super) fn entries_asked(&self) -> Result<u64, Error<R::Error>> {
        if let Some(point) = &self.point {
            return Ok(point.entries);
        }
        let views = read(self.rows.get(Table::Views, Key::of(Table::Views, self.council).as_slice()))?;
        // While views are made again, they reflect fewer entries than the book has.
        views.map_or(Ok(0), |row| Views::decode(&row).map(|views| views.folded)).map_err(corrupt)
    }

    /// Visits batches of the entries in scope that had their effect, among the first `entries`, but for those whose verdict says that
    /// they do not count.
    pub(super) fn each_entry(
        &self,
        entries: u64,
        is_gone: impl Fn(u64, Verdict) -> bool,
        mut visit: impl FnMut(Vec<Found>) -> Result<(), Error<R::Error>>,
    ) -> Result<(), Error<R::Error>> {
        let mut numbers = Numbers::default();
        for first in (0..entries).step_by(BATCH as usize) {
            let batch = first..entries.min(first + BATCH);
            visit(self.in_scope(&batch, &is_gone, &mut numbers)?)?;
        }
        Ok(())
    }

    fn add_entry(&self, sums: &mut Sums<'_>, entry: &Found, is_matched: bool) -> Result<(), Error<R::Error>> {
        let (quantity, times) = (i128::from(entry.quantity), i64::from(is_matched));
        let matched_quantity = quantity * i128::from(times);
        let cell = Cell { quantity, count: 1, matched_quantity, matched_count: times, actor_count: entry.has_actor.into() };
        let rate = self.cell_prices().and_then(|prices| prices.on(entry.measure, entry.occurred.start));
        sums.add(&entry.place, entry.fit, self.measures.get(entry.measure), cell, rate).map_err(|_| Error::Overflow)
    }

    /// Entries of a batch that have their effect and are in scope.
    fn in_scope(
        &self,
        batch: &std::ops::Range<u64>,
        is_gone: &impl Fn(u64, Verdict) -> bool,
        numbers: &mut Numbers,
    ) -> Result<Vec<Found>, Error<R::Error>> {
        let mut gone: FxHashSet<u64> = FxHashSet::default();
        scan_sequences(self.rows, self.council, Table::Suspense, batch, |sequence, _| {
            gone.insert(sequence);
            Ok(())
        })?;
        let mut verdicts: FxHashMap<u64, Verdict> = FxHashMap::default();
        scan_sequences(self.rows, self.council, Table::Verdict, batch, |sequence, row| {
            let verdict = Verdict::decode(row)?;
            if is_gone(sequence, verdict) {
                gone.insert(sequence);
            }
            verdicts.insert(sequence, verdict);
            Ok(())
        })?;
        let mut rows = Vec::new();
        scan_sequences(self.rows, self.council, Table::Entry, batch, |sequence, row| {
            if !gone.contains(&sequence) && matches!(kind(facts(row)?), 1 | 2) {
                rows.push((sequence, row.to_vec()));
            }
            Ok(())
        })?;
        let mut found = Vec::new();
        for (sequence, row) in &rows {
            let verdict = verdicts.get(sequence).copied().unwrap_or_default();
            found.extend(self.find((*sequence, verdict), row, numbers)?);
        }
        Ok(found)
    }

    /// Where an entry counts; `None`: it is not in scope. An entry with effect can be read.
    fn find(&self, (sequence, verdict): (u64, Verdict), row: &[u8], numbers: &mut Numbers) -> Result<Option<Found>, Error<R::Error>> {
        let unreadable = || corrupt(Corrupt("Entry"));
        let (_, record) = read_entry(row).map_err(corrupt)?;
        let parts = Record::decode(record).map_err(|_| unreadable())?.parts;
        // A person part that cannot be read counts as empty, as the fold takes it.
        let person = || Person::decode(parts.person).unwrap_or_default();
        let (given, evidence, has_actor, is_named): (Given<'_>, Evidence, bool, bool) = match Body::decode(parts.facts) {
            Ok(Body::Contribution(contribution)) => {
                let has_actor = person().actor.is_some();
                (contribution.given, contribution.evidence, has_actor, has_actor)
            }
            Ok(Body::StateInput(input)) => (input.given, input.evidence, false, person().recipient.is_some()),
            _ => return Err(unreadable()),
        };
        let occurred = Envelope::decode(parts.envelope).map_err(|_| unreadable())?.occurred;
        let at = self.measures.by_id(given.measure).map_err(corrupt)?;
        let (measure, unit) = (self.measures.get(at), occurred.unit(Grain::Day));
        let fit = self.scope.fit(unit);
        if fit == Fit::Outside || !self.scope.has_measure(at) || !self.scope.has_evidence(evidence) {
            return Ok(None);
        }
        let service = self.number(NameKind::Service, given.service, numbers)?;
        let area = given.area.map_or(Ok(0), |area| self.number(NameKind::Area, area, numbers))?;
        if !self.scope.services().has(service) || !self.scope.areas().has(area) {
            return Ok(None);
        }
        let place = Place { service, base: measure.base, side: measure.side, area, evidence, unit };
        let (quantity, exchange) = (given.quantity, given.exchange.map(str::to_owned));
        Ok(Some(Found { sequence, verdict, place, fit, measure: at, occurred, quantity, exchange, has_actor, is_named }))
    }

    /// The number of a name that an entry with effect has.
    pub(super) fn number(&self, kind: NameKind, text: &str, numbers: &mut Numbers) -> Result<u32, Error<R::Error>> {
        let name = (kind as u8, text.to_owned());
        if let Some(number) = numbers.get(&name) {
            return Ok(*number);
        }
        let mut key = Key::of(Table::NameByText, self.council);
        key.byte(kind as u8).bytes(text.as_bytes());
        let row = read(self.rows.get(Table::NameByText, key.as_slice()))?.ok_or_else(|| corrupt(Corrupt("NameByText")))?;
        let number = read_number(&row).map_err(corrupt)?;
        numbers.insert(name, number);
        Ok(number)
    }

    /// Which of the entries' exchanges are two-sided, as of the point asked for.
    fn two_sided(&self, found: &[Found], counted: Option<Counted<'_>>, large: &mut LargeExchanges) -> Result<FxHashSet<String>, Error<R::Error>> {
        self.two_sided_among(found.iter().filter_map(|entry| entry.exchange.as_ref()).collect(), counted, large)
    }

    /// Which of these exchanges are two-sided, as of the point asked for.
    pub(super) fn two_sided_among(
        &self,
        mut ids: Vec<&String>,
        counted: Option<Counted<'_>>,
        large: &mut LargeExchanges,
    ) -> Result<FxHashSet<String>, Error<R::Error>> {
        ids.sort_unstable();
        ids.dedup();
        let key = |id: &&String| {
            let mut key = Key::of(Table::Exchange, self.council);
            key.bytes(id.as_bytes());
            key.into_vec()
        };
        let rows = read(self.rows.get_many(Table::Exchange, &ids.iter().map(key).collect::<Vec<_>>()))?;
        let mut two_sided = FxHashSet::default();
        for (id, row) in ids.into_iter().zip(rows) {
            let row = row.ok_or_else(|| corrupt(Corrupt("Exchange")))?;
            if self.is_two_sided(id, &Exchange::decode(&row).map_err(corrupt)?, counted, large)? {
                two_sided.insert(id.clone());
            }
        }
        Ok(two_sided)
    }

    fn is_two_sided(&self, id: &str, exchange: &Exchange, counted: Option<Counted<'_>>, large: &mut LargeExchanges) -> Result<bool, Error<R::Error>> {
        if counted.is_none() {
            return Ok(exchange.state() == ExchangeState::TwoSided);
        }
        if let Some(known) = large.get(id) {
            return Ok(*known);
        }
        let postings = self.all_postings(id.as_bytes(), exchange)?;
        let has = |side| postings.iter().any(|posting| posting.side == side && is_live(counted, posting));
        let is_two_sided = has(Side::Citizen) && has(Side::State);
        if exchange.pages > 0 {
            large.insert(id.to_owned(), is_two_sided);
        }
        Ok(is_two_sided)
    }
}

/// The facts of an archived record; empty if it cannot be read, as the fold takes it.
pub(super) fn facts(row: &[u8]) -> Result<&[u8], Corrupt> {
    let (_, record) = read_entry(row)?;
    Ok(Record::decode(record).map_or(&[], |record| record.parts.facts))
}
