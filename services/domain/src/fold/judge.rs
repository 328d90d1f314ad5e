//! Judgement: whether an entry takes effect, or why not. FOLD.md, "Judgement", row by row.

use super::Fold;
use super::entry::{Act, Entry, Gift};
use super::names::{NONE, Slot};
use crate::bytes::Corrupt;
use crate::event::{Body, Indicator, Measure};
use crate::rows::{Reason, Suspense, Wait, read_definition};
use crate::tables::{DefinitionKind, Key, Rows, Table};

/// No ground against it, or the first one.
type Verdict = Option<Suspense>;

fn for_ever(reason: Reason) -> Verdict {
    Some(Suspense { reason, wait: None })
}

fn until(reason: Reason, wait: Wait) -> Verdict {
    Some(Suspense { reason, wait: Some(wait) })
}

impl<R: Rows> Fold<'_, R> {
    pub(super) fn judge(&self, entry: &Entry, facts: &[u8]) -> Result<Verdict, R::Error> {
        Ok(match entry.act {
            Act::Unknown => for_ever(Reason::UnknownBody),
            Act::Give(gift) => self.judge_gift(&gift).or_else(|| self.judge_room(gift.exchange?)),
            Act::Pledge(gift, _) => self.judge_gift(&gift),
            Act::Observe(observed) => self.judge_service(observed.service).or_else(|| self.judge_indicator(observed.indicator)),
            Act::Reverse(target) => self.judge_reversal(entry, target)?,
            Act::DefineMeasure(measure, contra_of) => self.judge_measure(measure, contra_of, facts)?,
            Act::DefineIndicator(indicator) => self.judge_redefined_indicator(indicator, facts)?,
            Act::PublishValuation => self.judge_valuation(facts)?,
            Act::DefineService(_) | Act::DefineArea => None,
        })
    }

    fn is_defined(&self, slot: Slot) -> bool {
        self.spoken.names.get(slot).defined.is_some()
    }

    fn text(&self, slot: Slot) -> String {
        self.spoken.names.text(slot).to_owned()
    }

    fn judge_service(&self, service: Slot) -> Verdict {
        if self.is_defined(service) { None } else { until(Reason::UnknownService, Wait::Service(self.text(service))) }
    }

    fn judge_indicator(&self, indicator: Slot) -> Verdict {
        if self.is_defined(indicator) { None } else { until(Reason::UnknownIndicator, Wait::Indicator(self.text(indicator))) }
    }

    fn judge_known_measure(&self, measure: Slot) -> Verdict {
        if self.is_defined(measure) { None } else { until(Reason::UnknownMeasure, Wait::Measure(self.text(measure))) }
    }

    fn judge_gift(&self, gift: &Gift) -> Verdict {
        let unknown = self.judge_service(gift.service).or_else(|| self.judge_known_measure(gift.measure));
        unknown.or_else(|| {
            let side = self.spoken.names.get(gift.measure).defined.as_ref().and_then(|defined| defined.side);
            if side == Some(gift.side) { None } else { for_ever(Reason::WrongSide) }
        })
    }

    fn judge_room(&self, exchange: u32) -> Verdict {
        let exchanges = &self.spoken.exchanges;
        exchanges
            .is_full(exchange)
            .then(|| Suspense { reason: Reason::ExchangeFull, wait: Some(Wait::Exchange(exchanges.get(exchange).id.to_string())) })
    }

    fn judge_reversal(&self, entry: &Entry, target: u32) -> Result<Verdict, Corrupt> {
        let target = self.spoken.index.get(target);
        let waits = || until(Reason::UnknownTarget, Wait::Target(self.text(target.source), target.event_id()));
        if target.source != entry.source && !entry.officer {
            return Ok(for_ever(Reason::NotPermitted));
        }
        let Some(sequence) = target.first else {
            return Ok(waits());
        };
        if !matches!(self.entry(sequence)?.kind, 1..=4) {
            return Ok(for_ever(Reason::NotReversible));
        }
        let status = self.statuses.get(&sequence);
        Ok(match status {
            Some(status) if status.suspense.is_some() => waits(),
            Some(status) if status.verdict.reversed_by.is_some() => for_ever(Reason::AlreadyReversed),
            _ => None,
        })
    }

    fn judge_measure(&self, slot: Slot, contra_of: Slot, facts: &[u8]) -> Result<Verdict, Corrupt> {
        let new = measure(facts)?;
        if let Some(defined) = &self.spoken.names.get(slot).defined {
            let old = measure(&defined.facts)?;
            if (old.unit, old.side, old.role, old.contra_of) != (new.unit, new.side, new.role, new.contra_of) {
                return Ok(for_ever(Reason::Redefinition));
            }
        }
        if contra_of == NONE {
            return Ok(None);
        }
        let Some(defined) = &self.spoken.names.get(contra_of).defined else {
            return Ok(self.judge_known_measure(contra_of));
        };
        let base = measure(&defined.facts)?;
        let fits = base.side == new.side && base.unit == new.unit && base.contra_of.is_none();
        Ok(if fits { None } else { for_ever(Reason::Redefinition) })
    }

    fn judge_redefined_indicator(&self, slot: Slot, facts: &[u8]) -> Result<Verdict, Corrupt> {
        let Some(defined) = &self.spoken.names.get(slot).defined else {
            return Ok(None);
        };
        let (old, new) = (indicator(&defined.facts)?, indicator(facts)?);
        let same = (old.unit, old.decimal_places, old.direction) == (new.unit, new.decimal_places, new.direction);
        Ok(if same { None } else { for_ever(Reason::Redefinition) })
    }

    fn judge_valuation(&self, facts: &[u8]) -> Result<Verdict, R::Error> {
        let key = valuation_key(self.council, facts)?;
        let stored = match self.definitions.get(&key) {
            Some(row) => Some(row.clone()),
            None => self.rows.get(Table::Definition, &key)?,
        };
        Ok(match stored {
            Some(row) if read_definition(&row)?.1 != facts => for_ever(Reason::Redefinition),
            _ => None,
        })
    }
}

/// Facts that were decoded before, when the entry was.
fn measure(facts: &[u8]) -> Result<Measure<'_>, Corrupt> {
    match Body::decode(facts) {
        Ok(Body::Measure(measure)) => Ok(measure),
        _ => Err(Corrupt("Definition")),
    }
}

fn indicator(facts: &[u8]) -> Result<Indicator<'_>, Corrupt> {
    match Body::decode(facts) {
        Ok(Body::Indicator(indicator)) => Ok(indicator),
        _ => Err(Corrupt("Definition")),
    }
}

pub(super) fn area_key(council: &str, facts: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let Ok(Body::Area(area)) = Body::decode(facts) else {
        return Err(Corrupt("Definition"));
    };
    let mut key = Key::of(Table::Definition, council);
    key.byte(DefinitionKind::Area as u8).bytes(area.area.as_bytes()).byte(0).bytes(area.vintage.as_bytes());
    Ok(key.into_vec())
}

pub(super) fn valuation_key(council: &str, facts: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let Ok(Body::Valuation(valuation)) = Body::decode(facts) else {
        return Err(Corrupt("Definition"));
    };
    let mut key = Key::of(Table::Definition, council);
    key.byte(DefinitionKind::Valuation as u8).bytes(valuation.id.as_bytes()).byte(0).be32(valuation.version);
    Ok(key.into_vec())
}
