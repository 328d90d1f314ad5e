//! Judgement: the table of FOLD.md, ground by ground.

use super::council::Council;
use super::entry::{Entry, State, Wait};
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{EntryReversed, MeasureDefined, Side, SuspenseReason as Reason};

/// Why an entry has no effect, and what would cure it.
type Ground = (Reason, Option<Wait>);

impl Council {
    /// The first ground that holds; none: the entry takes effect.
    pub(super) fn judge(&self, entry: &Entry) -> Result<(), Ground> {
        let Some(body) = &entry.body else {
            return Err((Reason::UnknownBody, None));
        };
        match body {
            Body::ContributionRecorded(given) => {
                self.judge_given(&given.service, &given.measure, Side::Citizen)?;
                self.judge_room(&given.exchange)
            }
            Body::StateInputRecorded(given) => {
                self.judge_given(&given.service, &given.measure, Side::State)?;
                self.judge_room(&given.exchange)
            }
            Body::PledgeMade(given) => self.judge_given(&given.service, &given.measure, Side::Citizen),
            Body::OutcomeObserved(outcome) => {
                self.judge_service(&outcome.service)?;
                let unknown = (Reason::UnknownIndicator, Some(Wait::Indicator(outcome.indicator.clone())));
                self.indicator(&outcome.indicator).map(drop).ok_or(unknown)
            }
            Body::EntryReversed(reversal) => self.judge_reversal(entry, reversal),
            Body::MeasureDefined(measure) => self.judge_measure(measure),
            Body::IndicatorDefined(new) => match self.indicator(&new.id) {
                Some(old) if (&old.unit, old.decimal_places, old.direction) != (&new.unit, new.decimal_places, new.direction) => redefinition(),
                _ => Ok(()),
            },
            Body::ValuationPublished(new) => match self.definitions.get(&(5, new.id.clone(), version(new.version))) {
                Some(old) if self.entry(*old).record.facts != entry.record.facts => redefinition(),
                _ => Ok(()),
            },
            Body::ServiceDefined(_) | Body::AreaDefined(_) => Ok(()),
        }
    }

    fn judge_service(&self, id: &str) -> Result<(), Ground> {
        if self.has_service(id) { Ok(()) } else { Err((Reason::UnknownService, Some(Wait::Service(id.to_owned())))) }
    }

    fn judge_given(&self, service: &str, measure: &str, side: Side) -> Result<(), Ground> {
        self.judge_service(service)?;
        match self.measure(measure) {
            None => Err((Reason::UnknownMeasure, Some(Wait::Measure(measure.to_owned())))),
            Some(defined) if defined.side != side as i32 => Err((Reason::WrongSide, None)),
            Some(_) => Ok(()),
        }
    }

    fn judge_room(&self, exchange: &str) -> Result<(), Ground> {
        if self.is_full(exchange) { Err((Reason::ExchangeFull, Some(Wait::Exchange(exchange.to_owned())))) } else { Ok(()) }
    }

    fn judge_reversal(&self, entry: &Entry, reversal: &EntryReversed) -> Result<(), Ground> {
        let target = entry.key_of(&reversal.target_source, &reversal.target_event_id);
        if Some(&target.source) != entry.key.as_ref().map(|key| &key.source) && !entry.record.officer {
            return Err((Reason::NotPermitted, None));
        }
        let first = self.by_key.get(&target).and_then(|sequences| sequences.first());
        let wait = Some(Wait::Target(target));
        let Some(first) = first.map(|sequence| self.entry(*sequence)) else {
            return Err((Reason::UnknownTarget, wait));
        };
        match &first.state {
            _ if !(1..=4).contains(&first.kind) => Err((Reason::NotReversible, None)),
            State::Suspended(..) => Err((Reason::UnknownTarget, wait)),
            State::Reversed => Err((Reason::AlreadyReversed, None)),
            State::Applied => Ok(()),
        }
    }

    fn judge_measure(&self, new: &MeasureDefined) -> Result<(), Ground> {
        if let Some(old) = self.measure(&new.id)
            && (&old.unit, old.side, old.role, &old.contra_of) != (&new.unit, new.side, new.role, &new.contra_of)
        {
            return redefinition();
        }
        if new.contra_of.is_empty() {
            return Ok(());
        }
        match self.measure(&new.contra_of) {
            None => Err((Reason::UnknownMeasure, Some(Wait::Measure(new.contra_of.clone())))),
            Some(base) if base.side != new.side || base.unit != new.unit || !base.contra_of.is_empty() => redefinition(),
            Some(_) => Ok(()),
        }
    }
}

fn redefinition() -> Result<(), Ground> {
    Err((Reason::Redefinition, None))
}

/// A version as the key of a definition, so that versions sort.
pub(super) fn version(number: u32) -> String {
    format!("{number:010}")
}
