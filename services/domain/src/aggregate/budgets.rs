//! Money of individual budgets, from the entries: it is in no view.

use super::entries::Numbers;
use super::group::Grouping;
use super::live::unreadable;
use super::taking_part::TakingPartByGroup;
use super::{Asked, Error};
use crate::date::Grain;
use crate::event::{Body, Envelope, Side};
use crate::tables::Rows;
use crate::valuation::is_currency;

/// The body's field number in Facts.
const STATE_INPUT: u8 = 2;

impl<R: Rows> Asked<'_, R> {
    pub(super) fn budgets(&self, grouping: &Grouping, all: &mut TakingPartByGroup) -> Result<(), Error<R::Error>> {
        if !self.scope.has_side(Side::State, &self.measures) {
            return Ok(());
        }
        let mut numbers = Numbers::default();
        self.each_live(&[STATE_INPUT], |record| {
            let Ok(Body::StateInput(input)) = Body::decode(record.parts.facts) else {
                return Err(unreadable());
            };
            if !input.individual_budget {
                return Ok(());
            }
            let occurred = Envelope::decode(record.parts.envelope).map_err(|_| unreadable())?.occurred;
            let Some((place, at)) = self.place_of(&input.given, input.evidence, occurred.unit(Grain::Day), &mut numbers)? else {
                return Ok(());
            };
            let measure = self.measures.get(at);
            if !is_currency(&measure.unit) {
                return Ok(());
            }
            let quantity = i128::from(input.given.quantity) * if measure.negative { -1 } else { 1 };
            let chooser = input.chosen_by.map_or(0, |chooser| chooser as usize);
            self.change(grouping, all, &place, |taking_part| {
                let budget = taking_part.budgets.entry(measure.unit.clone()).or_default();
                budget.quantity[chooser] += quantity;
                budget.count[chooser] += 1;
            });
            Ok(())
        })
    }
}
