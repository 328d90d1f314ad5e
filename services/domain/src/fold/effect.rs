//! Effects, and their exact undoing. FOLD.md, "Effect".

use super::cells::{plain, posted};
use super::entry::{Act, Entry, Gift, Observed};
use super::judge::{area_key, valuation_key};
use super::names::{Defined, Slot, definition_key};
use super::{Fold, cells};
use crate::bytes::Corrupt;
use crate::date::{Grain, Span};
use crate::event::Side;
use crate::rows::{Cure, EXCHANGE_LIVE_MAX, Observation, Posting, Wait, put_definition, read_observations};
use crate::tables::{Key, Rows, Table};

impl<R: Rows> Fold<'_, R> {
    /// What an entry does, now that it may; and the cures that this makes due.
    pub(super) fn apply(&mut self, sequence: u64, entry: &Entry, facts: &[u8]) -> Result<(), R::Error> {
        match entry.act {
            Act::Give(gift) => self.give(sequence, entry, &gift)?,
            Act::Pledge(gift, period) => self.pledge(&gift, period, plain(gift.quantity)),
            Act::Observe(observed) => self.observe(sequence, entry, &observed)?,
            Act::Reverse(target) => return self.reverse(sequence, target),
            Act::DefineService(slot) => return Ok(self.define(sequence, slot, None, facts, Wait::Service)?),
            Act::DefineMeasure(slot, _) => {
                let side = match crate::event::Body::decode(facts) {
                    Ok(crate::event::Body::Measure(measure)) => Some(measure.side),
                    _ => return Err(Corrupt("Definition").into()),
                };
                return Ok(self.define(sequence, slot, side, facts, Wait::Measure)?);
            }
            Act::DefineIndicator(slot) => return Ok(self.define(sequence, slot, None, facts, Wait::Indicator)?),
            Act::DefineArea => self.put_definition(area_key(self.council, facts)?, sequence, facts),
            Act::PublishValuation => self.put_definition(valuation_key(self.council, facts)?, sequence, facts),
            Act::Unknown => {}
        }
        if let (1..=4, Some(key)) = (entry.kind, entry.key) {
            let id = self.spoken.index.get(key).event_id();
            if self.may_be_waited_for(&id)? {
                let wait = Wait::Target(self.spoken.names.text(entry.source).to_owned(), id);
                self.views.cures.push_back(Cure { wait, after: None });
            }
        }
        Ok(())
    }

    pub(super) fn number(&mut self, slot: Slot) -> u32 {
        self.spoken.names.number(slot, &mut self.views.names)
    }

    /// The posting of a contribution or state input. Names get their numbers in this order.
    fn posting(&mut self, sequence: u64, entry: &Entry, gift: &Gift) -> Posting {
        let (service, measure, area, party) = (self.number(gift.service), self.number(gift.measure), self.number(gift.area), self.number(gift.party));
        let (actor, recipient) = if gift.side == Side::Citizen { (party, 0) } else { (0, party) };
        let Gift { side, evidence, quantity, .. } = *gift;
        Posting { sequence, service, measure, side, evidence, quantity, area, occurred: entry.occurred, actor, recipient, reversed_by: None }
    }

    fn give(&mut self, sequence: u64, entry: &Entry, gift: &Gift) -> Result<(), R::Error> {
        let posting = self.posting(sequence, entry, gift);
        let change = match gift.exchange {
            Some(exchange) => self.join(exchange, &posting, self.recorded)?,
            None => posted(&posting),
        };
        self.cells.cube(&posting, change, self.recorded);
        if posting.actor != 0 || posting.recipient != 0 {
            self.statements.add(posting, gift.exchange.is_some());
        }
        if posting.actor != 0 {
            self.statements.take_part(&posting);
        }
        self.credit(gift, plain(gift.quantity));
        Ok(())
    }

    /// The pledge that is fulfilled.
    fn credit(&mut self, gift: &Gift, change: crate::cell::Cell) {
        if let Some((source, id)) = gift.pledge {
            let source = self.number(source);
            self.cells.fulfilments.add((source, id), change);
        }
    }

    fn pledge(&mut self, gift: &Gift, period: Span, change: crate::cell::Cell) {
        let (service, measure, area) = (self.number(gift.service), self.number(gift.measure), self.number(gift.area));
        self.cells.pledges.add((service, measure, period.unit(Grain::Month), area), change);
    }

    fn observe(&mut self, sequence: u64, entry: &Entry, observed: &Observed) -> Result<(), R::Error> {
        let Observed { numerator, denominator, .. } = *observed;
        self.observations(entry, observed)?.push(Observation { sequence, numerator, denominator });
        Ok(())
    }

    fn observations(&mut self, entry: &Entry, observed: &Observed) -> Result<&mut Vec<Observation>, R::Error> {
        let [service, indicator, area, source] = [observed.service, observed.indicator, observed.area, entry.source].map(|slot| self.number(slot));
        let Span { start, end } = observed.period;
        let mut key = Key::of(Table::Outcome, self.council);
        key.be32(indicator).be32(service).be32(area).day(start.0).day(end.0).be32(source);
        let key = key.into_vec();
        if !self.outcomes.contains_key(&key) {
            let row = self.rows.get(Table::Outcome, &key)?;
            let stored = row.map(|row| read_observations(&row)).transpose()?.unwrap_or_default();
            self.outcomes.insert(key.clone(), stored);
        }
        Ok(self.outcomes.entry(key).or_default())
    }

    fn put_definition(&mut self, key: Vec<u8>, sequence: u64, facts: &[u8]) {
        let mut row = Vec::with_capacity(8 + facts.len());
        put_definition(&mut row, sequence, facts);
        self.definitions.insert(key, row);
    }

    /// A definition is shown; the first one cures what waits for it.
    fn define(&mut self, sequence: u64, slot: Slot, side: Option<Side>, facts: &[u8], wait: fn(String) -> Wait) -> Result<(), Corrupt> {
        let name = self.spoken.names.get(slot);
        if name.defined.is_none() {
            self.views.cures.push_back(Cure { wait: wait(name.text.to_string()), after: None });
        }
        let key = definition_key(self.council, name).ok_or(Corrupt("Definition"))?;
        self.put_definition(key, sequence, facts);
        self.spoken.names.define(slot, Defined { facts: facts.into(), side });
        Ok(())
    }

    fn reverse(&mut self, sequence: u64, target: u32) -> Result<(), R::Error> {
        let target = self.spoken.index.get(target).first.ok_or(Corrupt("Index"))?;
        let entry = self.entry(target)?;
        match entry.act {
            Act::Give(gift) => self.take_back(target, &entry, &gift, sequence)?,
            Act::Pledge(gift, period) => self.pledge(&gift, period, cells::minus(plain(gift.quantity))),
            Act::Observe(observed) => self.observations(&entry, &observed)?.retain(|observation| observation.sequence != target),
            _ => return Err(Corrupt("Index").into()),
        }
        let status = self.statuses.entry(target).or_default();
        status.verdict.reversed_by = Some(sequence);
        status.changed = true;
        self.views.reversed += 1;
        Ok(())
    }

    fn take_back(&mut self, target: u64, entry: &Entry, gift: &Gift, reversed_by: u64) -> Result<(), R::Error> {
        let posting = self.posting(target, entry, gift);
        let change = match gift.exchange {
            Some(place) => {
                let was_full = self.spoken.exchanges.is_full(place);
                let change = self.leave(place, &posting, reversed_by, self.recorded)?;
                if was_full && self.spoken.exchanges.get(place).row.as_ref().is_some_and(|row| row.live() < EXCHANGE_LIVE_MAX) {
                    let wait = Wait::Exchange(self.spoken.exchanges.get(place).id.to_string());
                    self.views.cures.push_back(Cure { wait, after: None });
                }
                change
            }
            None => posted(&posting),
        };
        self.cells.cube(&posting, cells::minus(change), self.recorded);
        self.credit(gift, cells::minus(plain(gift.quantity)));
        if posting.actor != 0 || posting.recipient != 0 {
            self.mark_line(Posting { reversed_by: Some(reversed_by), ..posting }, gift.exchange.is_some())?;
        }
        Ok(())
    }
}
