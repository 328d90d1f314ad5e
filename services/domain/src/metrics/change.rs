//! The change of a value, explained: how much of it comes of what was recorded since, of corrections, of other rates, and of what only one
//! of two valuations prices. [`EFFECTS`] defines each; exactly, before rounding, they add up to the change.
//!
//! ```text
//!             value at the first point, by the first valuation
//!   quantity  + entries recorded and taking effect in between   ⎫ at the first valuation's rates
//!   correction + cures − reversals in between                   ⎭
//!   rate      + second − first valuation, where both have a rate ⎫ over what counts at the second point
//!   coverage  + what only the second prices − what only the first ⎭
//!             = value at the second point, by the second valuation
//! ```

use super::decimal::rounded;
use super::merge::{add_amount, least_common_multiple};
use super::{Amount, Answer, GroupKey, Metric, Mismatch, Money, Partial};
use std::collections::BTreeMap;

/// One effect and what it is.
#[derive(Clone, Copy, Debug)]
pub struct EffectDefinition {
    /// Its name.
    pub name: &'static str,
    /// In words.
    pub definition: &'static str,
}

/// Every effect, in the order in which they are shown.
pub const EFFECTS: &[EffectDefinition] = &[
    EffectDefinition {
        name: "quantity",
        definition: "Value, by the first valuation, of the entries that were recorded and took effect after the first point and up to the second; \
            contra measures count negative. Of co_produced_value: what became matched, or ceased to be, at the effect of such an entry, older \
            entries of its exchange included.",
    },
    EffectDefinition {
        name: "correction",
        definition: "By the first valuation: plus the value of entries that were recorded up to the first point and took effect, by a cure, after it \
            and up to the second; minus the value of entries whose reversal took effect in between, also if they themselves were recorded in \
            between. Of co_produced_value: what became matched, or ceased to be, at such a cure or reversal.",
    },
    EffectDefinition {
        name: "rate",
        definition: "Value by the second valuation minus value by the first, over the entries that count at the second point and that both price.",
    },
    EffectDefinition {
        name: "coverage",
        definition: "Value of the entries that count at the second point and that only the second valuation prices, minus value of those that only \
            the first does. What neither prices is in no effect: it is coverage of the figures at both ends.",
    },
];

/// What a council's book was looked at through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsOfUsed {
    /// The council.
    pub council: String,
    /// Sequence of the last entry; none: before the first.
    pub sequence: Option<u64>,
    /// Its book time, microseconds since 1970 UTC; 0 if there is none.
    pub book_time_us: u64,
}

/// Effects on one value, unrounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// See [`EFFECTS`].
    pub quantity: Amount,
    /// See [`EFFECTS`].
    pub correction: Amount,
    /// See [`EFFECTS`].
    pub rate: Amount,
    /// See [`EFFECTS`].
    pub coverage: Amount,
}

/// Effects in one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangePartial {
    /// As [`Partial::keys`].
    pub keys: Vec<GroupKey>,
    /// On the value of the citizens' side.
    pub citizen: Effects,
    /// On the value of the state's side.
    pub state: Effects,
    /// On the value of the matched quantities of both.
    pub matched: Effects,
}

/// How an answer came from an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The earlier answer: at the first point, by the first valuation.
    pub from: Answer,
    /// By group, in ascending order of keys; a group without any effect may be missing.
    pub groups: Vec<ChangePartial>,
    /// In the whole scope.
    pub total: ChangePartial,
    /// Amounts of effects are in units of 1 ÷ `denominator` of the minor unit: a multiple of both answers' denominators.
    pub denominator: u64,
}

/// Amounts of money at the three rates as decimal text in the minor unit, each rounded once, half to even.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// At the central rates.
    pub central: String,
    /// At the low rates.
    pub low: String,
    /// At the high rates.
    pub high: String,
    /// At the central rates before rounding, in units of 1 ÷ the change's denominator.
    pub exact: String,
}

/// A metric's change in one group. None: no value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeFigure {
    /// The metric.
    pub metric: &'static str,
    /// "GBP{minor}".
    pub unit: String,
    /// Value at the first point, by the first valuation.
    pub from: Option<Shown>,
    /// Value at the second point, by the second valuation.
    pub to: Option<Shown>,
    /// The difference; what has no value counts as nothing here, and is told apart as coverage.
    pub change: Option<Shown>,
    /// Its parts, in the order of [`EFFECTS`].
    pub effects: Option<[Shown; 4]>,
}

/// Why a change cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unexplained {
    /// An amount does not fit into 128 bits.
    #[error("the amounts are too large to be subtracted exactly: ask for a smaller scope")]
    Overflow,
    /// The effects do not add up to the change: a fault of ours.
    #[error("the effects on {0} do not add up to its change")]
    Incomplete(&'static str),
}

/// Whether the change of a metric can be explained.
pub fn is_explained(metric: &Metric) -> bool {
    line_of(metric.name).is_some()
}

/// Names of the metrics whose change can be explained.
pub const EXPLAINED: [&str; 3] = ["citizen_value", "state_value", "co_produced_value"];

/// A metric's value in a group, and the effects on it.
type Line = (fn(&Partial) -> Option<Amount>, fn(&ChangePartial) -> Effects);

fn line_of(name: &str) -> Option<Line> {
    match name {
        "citizen_value" => Some((|partial| Some(partial.citizen.value), |change| change.citizen)),
        "state_value" => Some((|partial| Some(partial.state.value), |change| change.state)),
        "co_produced_value" => Some((|partial| partial.citizen.matched_value.plus(partial.state.matched_value), |change| change.matched)),
        _ => None,
    }
}

impl Amount {
    /// The difference; `None` if it does not fit into 128 bits.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.zip(other, i128::checked_sub)
    }

    fn shown(self, denominator: u64) -> Shown {
        let minor = |amount| rounded(amount, denominator).to_string();
        Shown { central: minor(self.central), low: minor(self.low), high: minor(self.high), exact: self.central.to_string() }
    }
}

impl Effects {
    /// In the order of [`EFFECTS`].
    pub fn all(&self) -> [Amount; 4] {
        [self.quantity, self.correction, self.rate, self.coverage]
    }

    fn all_mut(&mut self) -> [&mut Amount; 4] {
        [&mut self.quantity, &mut self.correction, &mut self.rate, &mut self.coverage]
    }

    /// Adds others; `None` if a sum does not fit.
    pub fn add(&mut self, other: Self) -> Option<()> {
        self.all_mut().into_iter().zip(other.all()).try_for_each(|(sum, other)| add_amount(sum, other))
    }
}

impl ChangePartial {
    fn add(&mut self, other: &Self) -> Option<()> {
        self.citizen.add(other.citizen)?;
        self.state.add(other.state)?;
        self.matched.add(other.matched)
    }

    fn rescale(&mut self, factor: i128) -> Option<()> {
        let all = [&mut self.citizen, &mut self.state, &mut self.matched].into_iter().flat_map(Effects::all_mut);
        all.into_iter().try_for_each(|amount| {
            *amount = amount.times(factor)?;
            Some(())
        })
    }

    /// Whether there is no effect at all.
    pub fn is_nothing(&self) -> bool {
        [self.citizen, self.state, self.matched] == [Effects::default(); 3]
    }
}

impl Change {
    /// Adds another council's.
    pub fn merge(&mut self, mut other: Self) -> Result<(), Mismatch> {
        self.from.merge(other.from)?;
        let common = least_common_multiple(self.denominator, other.denominator).ok_or(Mismatch::Overflow)?;
        for (denominator, groups, total) in
            [(self.denominator, &mut self.groups, &mut self.total), (other.denominator, &mut other.groups, &mut other.total)]
        {
            let factor = i128::from(common / denominator);
            groups.iter_mut().chain([total]).try_for_each(|partial| partial.rescale(factor)).ok_or(Mismatch::Overflow)?;
        }
        self.denominator = common;
        self.total.add(&other.total).ok_or(Mismatch::Overflow)?;
        let mut groups: BTreeMap<_, _> = self.groups.drain(..).map(|group| (group.keys.clone(), group)).collect();
        for group in other.groups {
            match groups.get_mut(&group.keys) {
                Some(sum) => sum.add(&group).ok_or(Mismatch::Overflow)?,
                None => drop(groups.insert(group.keys.clone(), group)),
            }
        }
        self.groups = groups.into_values().collect();
        Ok(())
    }

    /// Gives the later answer a group for everything that has one here, and puts all of them in ascending order of keys: what was there and is
    /// not there any more is a row too.
    pub fn align(&mut self, to: &mut Answer) {
        let by_keys = |a: &Partial, b: &Partial| a.keys.cmp(&b.keys);
        self.from.groups.sort_unstable_by(by_keys);
        self.groups.sort_unstable_by(|a, b| a.keys.cmp(&b.keys));
        to.groups.sort_unstable_by(by_keys);
        let keys = self.from.groups.iter().map(|group| &group.keys).chain(self.groups.iter().map(|group| &group.keys));
        let mut gone: Vec<_> = keys.filter(|keys| to.groups.binary_search_by(|group| group.keys.cmp(keys)).is_err()).cloned().collect();
        gone.sort_unstable();
        gone.dedup();
        to.groups.extend(gone.into_iter().map(|keys| Partial { keys, ..Partial::default() }));
        to.groups.sort_unstable_by(by_keys);
    }

    /// A metric's change in one of the later answer's groups, after [`Change::align`]. `money` is the later answer's.
    pub fn of_group(&self, metric: &Metric, to: &Partial, money: Money<'_>) -> Result<ChangeFigure, Unexplained> {
        let nothing = (Partial::default(), ChangePartial::default());
        let from = self.from.groups.binary_search_by(|group| group.keys.cmp(&to.keys)).map_or(&nothing.0, |at| &self.from.groups[at]);
        let effects = self.groups.binary_search_by(|group| group.keys.cmp(&to.keys)).map_or(&nothing.1, |at| &self.groups[at]);
        self.figure(metric, from, to, effects, money)
    }

    /// A metric's change in the whole scope.
    pub fn of_total(&self, metric: &Metric, to: &Partial, money: Money<'_>) -> Result<ChangeFigure, Unexplained> {
        self.figure(metric, &self.from.total, to, &self.total, money)
    }

    fn figure(&self, metric: &Metric, from: &Partial, to: &Partial, effects: &ChangePartial, money: Money<'_>) -> Result<ChangeFigure, Unexplained> {
        let unit = metric.unit_in(money.currency);
        let Some((value, effects_on)) = line_of(metric.name) else {
            return Ok(ChangeFigure { metric: metric.name, unit, ..ChangeFigure::default() });
        };
        let at = |partial: &Partial, denominator: u64| value(partial)?.times(i128::from(self.denominator / denominator));
        let first = at(from, self.from.denominator).ok_or(Unexplained::Overflow)?;
        let second = at(to, money.denominator).ok_or(Unexplained::Overflow)?;
        let change = second.minus(first).ok_or(Unexplained::Overflow)?;
        let parts = effects_on(effects).all();
        let sum = parts.into_iter().try_fold(Amount::default(), Amount::plus).ok_or(Unexplained::Overflow)?;
        if sum != change {
            return Err(Unexplained::Incomplete(metric.name));
        }
        let has_value = |partial: &Partial| metric.evaluate(partial, money).iter().any(|figure| figure.central.is_some());
        let shown = |amount: Amount| amount.shown(self.denominator);
        let (had, has) = (has_value(from), has_value(to));
        // Nothing is known at either end, and nothing came and went.
        let is_known = had || has || parts != [Amount::default(); 4];
        Ok(ChangeFigure {
            metric: metric.name,
            unit,
            from: had.then(|| shown(first)),
            to: has.then(|| shown(second)),
            change: is_known.then(|| shown(change)),
            effects: is_known.then(|| parts.map(shown)),
        })
    }
}
