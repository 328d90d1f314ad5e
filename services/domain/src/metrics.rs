//! The one registry of metrics: what each is called, how it is defined, what it needs, how it may be asked, and how its figures
//! come from what groups add up to. API, CLI and pages read it and define nothing themselves. See DESIGN.md, section 7.
//!
//! A question goes: [`find`] and [`check`] → one [`crate::aggregate::aggregate`] per council → [`Answer::merge`] →
//! [`Metric::evaluate`] for each group. Until the last step everything is exact integers; that step rounds, once, half to even.

mod asking;
mod association;
mod change;
mod comparison;
mod currency;
mod decimal;
mod equity;
mod exact;
mod figures;
pub(crate) mod merge;
mod outcomes;
mod partial;
mod registry;
mod residents;
mod taking_part;

pub use asking::{TooManyAmounts, whole_months};
pub use change::{AsOfUsed, Change, ChangeFigure, ChangePartial, EFFECTS, EXPLAINED, EffectDefinition, Effects, Shown, Unexplained, is_explained};
pub use comparison::{ComparisonAsked, EarlierFigure, check_comparison, check_explained};
pub use currency::minor_places;
pub use decimal::{ratio, rounded};
pub use figures::{Coverage, Figure, Money};
pub use merge::Mismatch;
pub use outcomes::{IndicatorUsed, Observation, OutcomePartial};
pub use partial::{Amount, Answer, Dimension, ExchangePartial, GroupKey, MeasurePartial, Partial, SidePartial, UNPRICED_MAX, ValuationUsed};
pub use registry::ALL;
pub use residents::{DECILES, DecilePartial, Residents, ResidentsPartial};
pub use taking_part::{
    AMOUNTS_MAX, AmountsPartial, BudgetPartial, PledgedPartial, RetentionPartial, TakingPart, TakingPartNeeds, WillingnessPartial,
};

use crate::event::Invalid;

/// What has to be computed, for one metric or for a question with several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Both sides of [`Partial`], with a valuation their values too.
    pub cells: bool,
    /// [`Partial::measures`].
    pub measures: bool,
    /// The counts of [`Partial::exchanges`].
    pub exchanges: bool,
    /// With a valuation, their values too: every exchange is read.
    pub exchange_values: bool,
    /// [`Partial::participants`] and the contributions that it rests on.
    pub participants: bool,
    /// A valuation must be named.
    pub valuation: bool,
    /// [`Partial::outcome`]: an indicator must be named.
    pub outcomes: bool,
    /// [`Partial::observations`], from outcomes and, with a valuation, cells.
    pub observations: bool,
    /// [`Partial::earlier`]: a comparison must be asked.
    pub comparison: bool,
    /// [`Answer::residents`].
    pub residents: bool,
    /// [`Partial::deciles`].
    pub deciles: bool,
    /// What of [`Partial::taking_part`].
    pub taking_part: TakingPartNeeds,
}

impl Needs {
    /// What both need.
    pub const fn and(self, other: Self) -> Self {
        Self {
            cells: self.cells || other.cells,
            measures: self.measures || other.measures,
            exchanges: self.exchanges || other.exchanges,
            exchange_values: self.exchange_values || other.exchange_values,
            participants: self.participants || other.participants,
            valuation: self.valuation || other.valuation,
            outcomes: self.outcomes || other.outcomes,
            observations: self.observations || other.observations,
            comparison: self.comparison || other.comparison,
            residents: self.residents || other.residents,
            deciles: self.deciles || other.deciles,
            taking_part: self.taking_part.and(other.taking_part),
        }
    }

    /// Whether all of them can be answered as of a point of the book. One that is not named here cannot.
    pub fn have_as_of(self) -> bool {
        let none = Self::default;
        let known = [
            Self { cells: true, ..none() },
            Self { measures: true, ..none() },
            Self { exchanges: true, ..none() },
            Self { exchange_values: true, ..none() },
            Self { participants: true, ..none() },
            Self { valuation: true, ..none() },
            // A comparison of what can be answered so asks the same of an earlier period.
            Self { comparison: true, ..none() },
            // Grades come from the same rows as all quantities; what else says who takes part, from what holds now.
            Self { taking_part: TakingPartNeeds { grades: true, ..TakingPartNeeds::default() }, ..none() },
        ];
        let known = known.into_iter().fold(none(), Self::and);
        self.and(known) == known
    }
}

/// What a scope may be narrowed by, besides councils.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Services.
    Services,
    /// Measures.
    Measures,
    /// Sides.
    Sides,
    /// Areas.
    Areas,
    /// Evidence grades.
    Evidence,
    /// A period.
    Period,
}

impl Filter {
    /// Path of the field in QueryValueRequest.
    pub fn field(self) -> &'static str {
        match self {
            Self::Services => "scope.services",
            Self::Measures => "scope.measures",
            Self::Sides => "scope.sides",
            Self::Areas => "scope.areas",
            Self::Evidence => "scope.evidence",
            Self::Period => "scope.period_start",
        }
    }
}

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// What it is asked by.
    pub name: &'static str,
    /// In words, with its formula and its rounding.
    pub definition: &'static str,
    /// UCUM; "1" for ratios; "{minor}" for money, see [`Metric::unit_in`].
    pub unit: &'static str,
    /// What it is divided by, in words; empty: nothing.
    pub denominator: &'static str,
    /// What it is computed from.
    pub needs: Needs,
    /// What it may be grouped by.
    pub group_by: &'static [Dimension],
    /// What its scope may be narrowed by.
    pub filters: &'static [Filter],
    figures: fn(&Metric, &Partial, Money<'_>) -> Vec<Figure>,
}

impl Metric {
    /// Its unit in answers valued in a currency ("GBP{minor}"); without one, as it is.
    pub fn unit_in(&self, currency: &str) -> String {
        if self.unit == MINOR { format!("{currency}{MINOR}") } else { self.unit.into() }
    }

    /// Its figures of one group: one, or one per part. Values are rounded here, once, each from its own exact amount.
    pub fn evaluate(&self, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
        match &partial.earlier {
            // Those that are comparisons themselves look at it on their own.
            Some(earlier) if !self.needs.comparison => comparison::compared(self, partial, earlier, money),
            _ => (self.figures)(self, partial, money),
        }
    }
}

/// The unit of money before its currency is known.
const MINOR: &str = "{minor}";

/// A name that no metric has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no metric; the nearest name is {nearest}")]
pub struct Unknown {
    /// The metric whose name has it in it or, if none has, takes the fewest changes of a letter to reach.
    pub nearest: &'static str,
}

/// The metric of this name.
pub fn find(name: &str) -> Result<&'static Metric, Unknown> {
    let found = ALL.iter().find(|metric| metric.name == name);
    found.ok_or_else(|| Unknown { nearest: ALL.iter().map(|metric| metric.name).min_by_key(|known| how_far(name, known)).unwrap_or_default() })
}

/// How far a known name is from one that is not: those that have it in them come first.
pub(crate) fn how_far(name: &str, known: &str) -> (bool, usize) {
    (!known.contains(name), distance(name, known))
}

/// How many letters must be added, left out or changed. What is longer than any name is compared by its front.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, letter) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for column in 0..b.len() {
            let change = diagonal + usize::from(letter != b[column]);
            diagonal = row[column + 1];
            row[column + 1] = change.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[b.len()]
}

/// What metrics need together.
pub fn needs<'a>(metrics: impl IntoIterator<Item = &'a Metric>) -> Needs {
    metrics.into_iter().fold(Needs::default(), |needs, metric| needs.and(metric.needs))
}

/// All that is wrong with asking these metrics in this way, each with its field of QueryValueRequest; nothing: they may be asked.
pub fn check(metrics: &[&Metric], group_by: &[Dimension], filters: &[Filter], has_valuation: bool) -> Vec<Invalid> {
    let mut wrong = Vec::new();
    for (index, dimension) in group_by.iter().enumerate() {
        let field = format!("group_by[{index}]");
        if group_by[..index].contains(dimension) {
            wrong.push(Invalid::new(&field, format!("is {} twice", dimension.name())));
        } else if dimension.grain().is_some() && group_by[..index].iter().any(|other| other.grain().is_some()) {
            wrong.push(Invalid::new(&field, format!("is {}: only one calendar unit may be asked", dimension.name())));
        }
        if let Some(metric) = metrics.iter().find(|metric| !metric.group_by.contains(dimension)) {
            wrong.push(Invalid::new(&field, format!("{} cannot be grouped by {}: {}", metric.name, dimension.name(), asking::why(metric))));
        }
    }
    for filter in filters {
        if let Some(metric) = metrics.iter().find(|metric| !metric.filters.contains(filter)) {
            wrong.push(Invalid::new(filter.field(), format!("{} cannot be narrowed by it: {}", metric.name, asking::why(metric))));
        }
    }
    if let Some(metric) = metrics.iter().find(|metric| metric.needs.valuation && !has_valuation) {
        wrong.push(Invalid::new("valuation", format!("is required: {} is in money", metric.name)));
    }
    wrong.extend(asking::by_month(metrics, group_by));
    wrong
}

/// All that is wrong with asking these metrics as of a point of the book.
pub fn check_as_of(metrics: &[&Metric]) -> Vec<Invalid> {
    let unknown = metrics.iter().enumerate().filter(|(_, metric)| !metric.needs.have_as_of());
    unknown
        .map(|(index, metric)| {
            Invalid::new(format!("metrics[{index}]"), format!("{} cannot be asked as of a point: {}", metric.name, asking::why_now(metric)))
        })
        .collect()
}

/// Why a metric that compares deciles is not asked by what has only one.
const DECILES_COMPARED: &str = "it compares the deprivation deciles, and each of these has one";

/// Why metrics of whole exchanges are asked by home only.
pub(crate) const HOMES: &str = "it is about whole exchanges, which count at their home (service, area, month)";

/// Why metrics of outcomes are asked by service, area and time only.
const OUTCOMES: &str = "it is about outcomes, which are observed of a service, an area and a period, and of no measure or side";

#[cfg(test)]
mod tests;
