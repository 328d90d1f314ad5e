//! What who takes part, and how, adds up to before anything is rounded.

use super::partial::SidePartial;
use std::collections::BTreeMap;

/// Distinct amounts of actors that an answer may hold: about 64 MB of them.
pub const AMOUNTS_MAX: usize = 1_000_000;

/// Which of it a question needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakingPartNeeds {
    /// [`TakingPart::retention`].
    pub retention: bool,
    /// [`TakingPart::amounts`].
    pub amounts: bool,
    /// [`TakingPart::grades`].
    pub grades: bool,
    /// [`TakingPart::roles`] and [`TakingPart::budgets`]: every entry is read.
    pub control: bool,
    /// [`TakingPart::willingness`]: every entry is read.
    pub willingness: bool,
}

impl TakingPartNeeds {
    /// What both need.
    pub const fn and(self, other: Self) -> Self {
        Self {
            retention: self.retention || other.retention,
            amounts: self.amounts || other.amounts,
            grades: self.grades || other.grades,
            control: self.control || other.control,
            willingness: self.willingness || other.willingness,
        }
    }
}

/// Who takes part and how, in one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakingPart {
    /// Actors of each month beside those of the month before.
    pub retention: RetentionPartial,
    /// What each actor gave, by base measure and its unit; under an empty measure what each gave in value, in units of 1 ÷ the
    /// answer's denominator of the minor unit.
    pub amounts: BTreeMap<(String, String), AmountsPartial>,
    /// Entries of both sides and their value, by the number of their evidence grade.
    pub grades: BTreeMap<u8, SidePartial>,
    /// Contributions and their value, by the number of their base measure's role.
    pub roles: BTreeMap<u8, SidePartial>,
    /// Money of individual budgets, by its currency.
    pub budgets: BTreeMap<String, BudgetPartial>,
    /// What was hoped for, pledged, done and matched.
    pub willingness: WillingnessPartial,
}

/// Actors of months, summed over the months of the group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionPartial {
    /// Actors of the month before.
    pub before: u64,
    /// Of those, actors of the month too.
    pub returned: u64,
    /// Actors of the month that are in nothing that ended before it began.
    pub new: u64,
    /// Live contributions with an actor whose span lies in one month.
    pub entries: u64,
}

/// How much actors gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AmountsPartial {
    /// How many actors gave so much: net of contra measures, and 0 where that is negative.
    pub actors: BTreeMap<i128, u64>,
    /// Contributions that it rests on: those with an actor (and, for value, a price).
    pub entries: u64,
}

/// Money of individual budgets in one currency, net of contra measures, and the state inputs that it is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetPartial {
    /// By who chose, as [`crate::event::ChosenBy`] numbers them; 0: not known.
    pub quantity: [i128; 4],
    /// State inputs, in the same order.
    pub count: [u64; 4],
}

/// From support to what was produced together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WillingnessPartial {
    /// Unit of the indicator that says how many support it; empty: none was asked.
    pub support_unit: String,
    /// Decimal places of its numerator's smallest unit.
    pub support_places: u8,
    /// Sum of numerators of the observations in force.
    pub support_numerator: i128,
    /// Sum of their denominators.
    pub support_denominator: i128,
    /// By base measure and its unit.
    pub pledged: BTreeMap<(String, String), PledgedPartial>,
}

/// Pledges of one base measure and what came of them; contra measures are subtracted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PledgedPartial {
    /// Pledged quantity.
    pub pledged: i128,
    /// Live pledges.
    pub pledges: u64,
    /// Quantity of live contributions of the measure that name one of these pledges.
    pub done: i128,
    /// The part of `done` that stands in two-sided exchanges.
    pub matched: i128,
    /// Live contributions that name one of these pledges and are of its measure.
    pub contributions: u64,
    /// Those that are of another measure: they are left out.
    pub of_another_measure: u64,
}

impl TakingPart {
    /// Adds another; `None` if a sum does not fit. Actors of two groups are different actors.
    pub fn add(&mut self, other: Self) -> Option<()> {
        self.retention.before += other.retention.before;
        self.retention.returned += other.retention.returned;
        self.retention.new += other.retention.new;
        self.retention.entries += other.retention.entries;
        for (of, amounts) in other.amounts {
            self.amounts.entry(of).or_default().add(amounts)?;
        }
        add_classes(&mut self.grades, other.grades)?;
        add_classes(&mut self.roles, other.roles)?;
        for (unit, budget) in other.budgets {
            self.budgets.entry(unit).or_default().add(budget)?;
        }
        self.willingness.add(other.willingness)
    }

    /// Puts amounts of money into a unit that is `factor` times smaller; `None` if one does not fit.
    pub(super) fn rescale(&mut self, factor: i128) -> Option<()> {
        for side in self.grades.values_mut().chain(self.roles.values_mut()) {
            side.value = side.value.times(factor)?;
            side.matched_value = side.matched_value.times(factor)?;
        }
        for (_, amounts) in self.amounts.iter_mut().filter(|((measure, _), _)| measure.is_empty()) {
            let scaled = std::mem::take(&mut amounts.actors).into_iter().map(|(amount, actors)| Some((amount.checked_mul(factor)?, actors)));
            amounts.actors = scaled.collect::<Option<_>>()?;
            amounts.can_be_compared()?;
        }
        Some(())
    }

    /// How many distinct amounts of actors it holds.
    pub(crate) fn distinct_amounts(&self) -> usize {
        self.amounts.values().map(|amounts| amounts.actors.len()).sum()
    }
}

fn add_classes(sums: &mut BTreeMap<u8, SidePartial>, others: BTreeMap<u8, SidePartial>) -> Option<()> {
    others.into_iter().try_for_each(|(class, side)| sums.entry(class).or_default().add(side))
}

impl AmountsPartial {
    fn add(&mut self, other: Self) -> Option<()> {
        self.entries += other.entries;
        other.actors.into_iter().for_each(|(amount, actors)| *self.actors.entry(amount).or_default() += actors);
        self.can_be_compared()
    }

    /// Actors.
    pub fn number(&self) -> u64 {
        self.actors.values().sum()
    }

    /// What they gave together.
    pub fn sum(&self) -> Option<i128> {
        self.actors.iter().try_fold(0i128, |sum, (amount, actors)| sum.checked_add(amount.checked_mul(i128::from(*actors))?))
    }

    /// Whether n Σx fits, which no sum of the Gini coefficient exceeds.
    pub(crate) fn can_be_compared(&self) -> Option<()> {
        self.sum()?.checked_mul(i128::from(self.number())).map(drop)
    }
}

impl BudgetPartial {
    fn add(&mut self, other: Self) -> Option<()> {
        for chooser in 0..4 {
            self.quantity[chooser] = self.quantity[chooser].checked_add(other.quantity[chooser])?;
            self.count[chooser] += other.count[chooser];
        }
        Some(())
    }
}

impl WillingnessPartial {
    /// Whoever adds two has made sure that their indicators are counted in the same way.
    fn add(&mut self, other: Self) -> Option<()> {
        if self.support_unit.is_empty() {
            (self.support_unit, self.support_places) = (other.support_unit, other.support_places);
        }
        self.support_numerator = self.support_numerator.checked_add(other.support_numerator)?;
        self.support_denominator = self.support_denominator.checked_add(other.support_denominator)?;
        other.pledged.into_iter().try_for_each(|(of, pledged)| self.pledged.entry(of).or_default().add(pledged))
    }

    /// Unit and decimal places, if an indicator was asked.
    pub(super) fn counted_in(&self) -> Option<(&str, u8)> {
        (!self.support_unit.is_empty()).then_some((&*self.support_unit, self.support_places))
    }
}

impl PledgedPartial {
    fn add(&mut self, other: Self) -> Option<()> {
        for (sum, other) in [(&mut self.pledged, other.pledged), (&mut self.done, other.done), (&mut self.matched, other.matched)] {
            *sum = sum.checked_add(other)?;
        }
        self.pledges += other.pledges;
        self.contributions += other.contributions;
        self.of_another_measure += other.of_another_measure;
        Some(())
    }
}
