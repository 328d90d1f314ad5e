//! The totals, counted once over all entries.

use super::{Kept, Price, Recount, State};
use std::collections::{BTreeMap, BTreeSet};
use tandem_proto::v1::ExchangeState;

/// What the live server's answers have to come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Quantity and count by service, base measure and unit of time.
    pub cells: BTreeMap<(String, String, String), (i128, u64)>,
    /// Entries on the citizens' side and on the state's.
    pub sides: [u64; 2],
    /// Who took part, by service.
    pub participants: BTreeMap<String, u64>,
    /// Who took part in anything.
    pub participants_all: u64,
    /// Exchanges by state.
    pub exchanges: BTreeMap<i32, u64>,
    /// Entries that took effect, reversed ones too; in suspense; cancelled.
    pub counts: [u64; 3],
    /// Value of both sides in minor units; none: a side has nothing with a price.
    pub values: [Option<i128>; 2],
}

/// How a cell is called.
pub fn cells_label(service: &str, measure: &str, unit: &str) -> String {
    format!("service {service}, measure {measure}, month {unit}")
}

impl Recount {
    /// The newest version of the first valuation with constant prices.
    pub fn price(&self) -> Option<Price> {
        let newest: BTreeMap<&String, _> = self.valuations.iter().map(|((id, _), valuation)| (id, valuation)).collect();
        newest.into_values().find_map(Price::of)
    }

    /// Counts.
    pub fn tally(&self, price: Option<&Price>) -> Tally {
        let mut tally = Tally::default();
        let (mut actors, mut all, mut amounts): (BTreeMap<_, BTreeSet<_>>, BTreeSet<_>, [Option<i128>; 2]) = Default::default();
        for row in &self.rows {
            let at = [State::Applied, State::Suspended, State::Reversed].iter().position(|state| *state == row.state).unwrap_or_default();
            tally.counts[at] += 1;
            let (Some(Kept::Given(given)), State::Applied) = (&row.kept, row.state) else { continue };
            let Some(measure) = self.measures.get(&*given.measure) else { continue };
            let is_contra = !measure.contra_of.is_empty();
            let base = if is_contra { &measure.contra_of } else { &measure.id };
            let quantity = i128::from(given.quantity) * if is_contra { -1 } else { 1 };
            let cell = tally.cells.entry((given.service.to_string(), base.clone(), given.unit.to_string())).or_default();
            *cell = (cell.0 + quantity, cell.1 + 1);
            let side = usize::from(!given.is_citizen);
            tally.sides[side] += 1;
            if let Some(worth) = price.and_then(|price| price.worth(base, &measure.unit, quantity)) {
                *amounts[side].get_or_insert(0) += worth;
            }
            if let Some(actor) = &given.actor {
                actors.entry(given.service.to_string()).or_default().insert(actor);
                all.insert(actor);
            }
        }
        tally.counts[0] += tally.counts[2];
        tally.participants = actors.into_iter().map(|(service, actors)| (service, actors.len() as u64)).collect();
        tally.participants_all = all.len() as u64;
        tally.values = amounts.map(|amount| Some(price?.rounded(amount?)));
        for live in self.exchanges.values() {
            let state = match live {
                [0, 0] => ExchangeState::Empty,
                [_, 0] => ExchangeState::OneSidedCitizen,
                [0, _] => ExchangeState::OneSidedState,
                _ => ExchangeState::TwoSided,
            };
            *tally.exchanges.entry(state as i32).or_default() += 1;
        }
        tally
    }
}
