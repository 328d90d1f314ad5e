//! Which entries take effect: the table of `services/FOLD.md`, ground by ground.

use super::{Kept, Name, Recount, State, Wait};
use tandem_proto::v1::{MeasureDefined, Side};

/// Why not: what it waits for, or nothing that could come.
type Ground = Option<Wait>;

impl Recount {
    pub(super) fn judge(&self, kept: &Kept) -> Result<(), Ground> {
        match kept {
            Kept::Given(given) => {
                let side = if given.is_citizen { Side::Citizen } else { Side::State };
                self.known(&given.service, &given.measure, side)?;
                match &given.exchange {
                    Some(exchange) if self.is_full(exchange) => Err(Some(Wait::Exchange(exchange.clone()))),
                    _ => Ok(()),
                }
            }
            Kept::Pledge { service, measure } => self.known(service, measure, Side::Citizen),
            Kept::Outcome { service, indicator } => {
                self.service(service)?;
                if self.indicators.contains_key(&**indicator) { Ok(()) } else { Err(Some(Wait::Indicator(indicator.clone()))) }
            }
            Kept::Reversal { target, is_permitted } => {
                if !is_permitted {
                    return Err(None);
                }
                let Some(first) = self.first.get(target).map(|at| &self.rows[*at]) else { return Err(Some(Wait::Target(target.clone()))) };
                match first.state {
                    _ if !(1..=4).contains(&first.kind) => Err(None),
                    State::Suspended => Err(Some(Wait::Target(target.clone()))),
                    State::Reversed => Err(None),
                    State::Applied => Ok(()),
                }
            }
            Kept::Measure(new) => self.measure(new),
            Kept::Indicator(new) => {
                let same = |old: &tandem_proto::v1::IndicatorDefined| {
                    old.unit == new.unit && old.decimal_places == new.decimal_places && old.direction == new.direction
                };
                if self.indicators.get(&new.id).is_none_or(same) { Ok(()) } else { Err(None) }
            }
            // An identical one changes nothing, so that whether its bytes are the same does not matter for totals but for this count.
            Kept::Valuation(new) => {
                let old = self.valuations.get(&(new.id.clone(), new.version));
                if old.is_none_or(|old| old == &**new) { Ok(()) } else { Err(None) }
            }
            Kept::Service(_) | Kept::Area => Ok(()),
        }
    }

    fn service(&self, id: &Name) -> Result<(), Ground> {
        if self.services.contains(id) { Ok(()) } else { Err(Some(Wait::Service(id.clone()))) }
    }

    fn known(&self, service: &Name, measure: &Name, side: Side) -> Result<(), Ground> {
        self.service(service)?;
        match self.measures.get(&**measure) {
            None => Err(Some(Wait::Measure(measure.clone()))),
            Some(defined) if defined.side != side as i32 => Err(None),
            Some(_) => Ok(()),
        }
    }

    fn measure(&self, new: &MeasureDefined) -> Result<(), Ground> {
        let differs = |old: &MeasureDefined| (old.side, old.role) != (new.side, new.role) || old.unit != new.unit || old.contra_of != new.contra_of;
        if self.measures.get(&new.id).is_some_and(differs) {
            return Err(None);
        }
        if new.contra_of.is_empty() {
            return Ok(());
        }
        match self.measures.get(&new.contra_of) {
            None => Err(Some(Wait::Measure(new.contra_of.as_str().into()))),
            Some(base) if base.side != new.side || base.unit != new.unit || !base.contra_of.is_empty() => Err(None),
            Some(_) => Ok(()),
        }
    }
}
