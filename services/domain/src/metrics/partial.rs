//! What a question adds up to in one council before anything is rounded, and how the results of several councils become one.

use super::outcomes::{Observation, OutcomePartial};
use super::residents::{DecilePartial, Residents, ResidentsPartial};
use super::taking_part::TakingPart;
use crate::date::Grain;
use crate::event::Side;

/// What an answer may be grouped by. The numbers are those of the proto.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// By council.
    Council = 1,
    /// By service.
    Service = 2,
    /// By measure; contra measures fall under their base.
    Measure = 3,
    /// By side.
    Side = 4,
    /// By area.
    Area = 5,
    /// By occurred day.
    Day = 6,
    /// By occurred month.
    Month = 7,
    /// By occurred quarter.
    Quarter = 8,
    /// By occurred year.
    Year = 9,
    /// By evidence grade.
    Evidence = 10,
    /// By deprivation decile of the area, as the catalogue has it when the question is asked.
    Decile = 11,
    /// By the area that contains the area, likewise.
    ParentArea = 12,
}

impl Dimension {
    /// Every dimension.
    pub const ALL: [Self; 12] = [
        Self::Council,
        Self::Service,
        Self::Measure,
        Self::Side,
        Self::Area,
        Self::Day,
        Self::Month,
        Self::Quarter,
        Self::Year,
        Self::Evidence,
        Self::Decile,
        Self::ParentArea,
    ];

    /// From the proto's number.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| *dimension as i32 == number)
    }

    /// The calendar unit, of a calendar dimension.
    pub fn grain(self) -> Option<Grain> {
        match self {
            Self::Day => Some(Grain::Day),
            Self::Month => Some(Grain::Month),
            Self::Quarter => Some(Grain::Quarter),
            Self::Year => Some(Grain::Year),
            _ => None,
        }
    }

    /// Its name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Council => "council",
            Self::Service => "service",
            Self::Measure => "measure",
            Self::Side => "side",
            Self::Area => "area",
            Self::Day => "day",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
            Self::Evidence => "evidence",
            Self::Decile => "decile",
            Self::ParentArea => "parent-area",
        }
    }
}

/// The value of one dimension in a group. Ascending keys are in ascending order of their values' bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// The dimension.
    pub dimension: Dimension,
    /// An id, a side or grade in upper case, or a period as [`crate::date::Period`] displays it. Empty: none.
    pub value: String,
    /// The entries of the group span more than the calendar unit asked.
    pub coarser: bool,
    /// The span of the group's entries reaches beyond the scope's period.
    pub overlaps: bool,
}

/// An amount at the three rates, in units of 1 ÷ the answer's denominator of the currency's minor unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// At the low rates.
    pub low: i128,
    /// At the central rates.
    pub central: i128,
    /// At the high rates.
    pub high: i128,
}

impl Amount {
    /// The sum; `None` if it does not fit into 128 bits.
    pub fn plus(self, other: Self) -> Option<Self> {
        self.zip(other, i128::checked_add)
    }

    /// The product; `None` if it does not fit into 128 bits.
    pub fn times(self, factor: i128) -> Option<Self> {
        let all = [self.low, self.central, self.high].map(i64::try_from);
        // Two numbers of 64 bits always have a product of 128, which is cheaper than to check for one.
        if let ([Ok(low), Ok(central), Ok(high)], Ok(factor)) = (all, i64::try_from(factor)) {
            let times = |amount: i64| i128::from(amount) * i128::from(factor);
            return Some(Self { low: times(low), central: times(central), high: times(high) });
        }
        self.zip(Self { low: factor, central: factor, high: factor }, i128::checked_mul)
    }

    /// Combines rate by rate.
    pub(crate) fn zip(self, other: Self, combine: impl Fn(i128, i128) -> Option<i128>) -> Option<Self> {
        Some(Self { low: combine(self.low, other.low)?, central: combine(self.central, other.central)?, high: combine(self.high, other.high)? })
    }
}

/// Quantities of one measure; those of its contra measures are subtracted, their entries counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasurePartial {
    /// Base measure id.
    pub measure: String,
    /// Its side.
    pub side: Side,
    /// Its unit.
    pub unit: String,
    /// Sum of quantities.
    pub quantity: i128,
    /// Sum of quantities in two-sided exchanges.
    pub matched_quantity: i128,
    /// Entries.
    pub count: i64,
    /// Entries in two-sided exchanges.
    pub matched_count: i64,
    /// Entries that had a price.
    pub priced_count: i64,
    /// Entries in two-sided exchanges that had a price.
    pub matched_priced_count: i64,
}

/// Value of one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SidePartial {
    /// Of all quantities that had a price.
    pub value: Amount,
    /// Of the matched ones among them.
    pub matched_value: Amount,
    /// Entries.
    pub count: i64,
    /// Entries that had a price.
    pub priced_count: i64,
    /// Matched entries.
    pub matched_count: i64,
    /// Matched entries that had a price.
    pub matched_priced_count: i64,
    /// Base measures of which an entry had no price, ascending, at most [`UNPRICED_MAX`]; none without a valuation.
    pub unpriced_measures: Vec<String>,
    /// Those of which a matched entry had none.
    pub matched_unpriced_measures: Vec<String>,
}

/// Whole exchanges, by home.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExchangePartial {
    /// With at least one live entry.
    pub opened: u64,
    /// Two-sided.
    pub two_sided: u64,
    /// One-sided on the citizens' side and old enough.
    pub one_sided_citizen: u64,
    /// One-sided on the state's side and old enough.
    pub one_sided_state: u64,
    /// Value of those on the citizens' side that are priced throughout.
    pub one_sided_citizen_value: Amount,
    /// Value of those on the state's side that are priced throughout.
    pub one_sided_state_value: Amount,
    /// Of the one-sided ones counted above, those priced throughout.
    pub one_sided_priced: u64,
    /// Of `one_sided_priced`, those on the state's side.
    pub one_sided_state_priced: u64,
    /// Whole days from the first side to the second and how many two-sided exchanges have them, ascending by days.
    pub latencies: Vec<(u32, u64)>,
    /// Sum over exchanges priced throughout of 2 × min(c, g). A side that is negative, by its contra measures, counts as 0.
    pub reciprocal: Amount,
    /// Sum over the same of c + g, with the same rule.
    pub both_sides: Amount,
    /// Exchanges priced throughout.
    pub priced: u64,
    /// Base measures for whose want of a price exchanges were left out, ascending, at most [`UNPRICED_MAX`].
    pub unpriced_measures: Vec<String>,
}

/// Unpriced measures that an answer names at most.
pub const UNPRICED_MAX: usize = 100;

/// What one group adds up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// One per dimension asked, in that order. What only overlaps the scope's period has one more, its span, if no calendar dimension
    /// was asked.
    pub keys: Vec<GroupKey>,
    /// By measure, ascending.
    pub measures: Vec<MeasurePartial>,
    /// The citizens' side.
    pub citizen: SidePartial,
    /// The state's side.
    pub state: SidePartial,
    /// Exchanges whose home is in the group.
    pub exchanges: ExchangePartial,
    /// Distinct actors with a live contribution in the group; of several councils the sum.
    pub participants: u64,
    /// Live contributions in the group.
    pub contributions: u64,
    /// Live contributions in the group that have an actor.
    pub contributions_with_actor: u64,
    /// Outcomes of the indicator asked.
    pub outcome: OutcomePartial,
    /// Services' observed units, ascending by service, area and unit.
    pub observations: Vec<Observation>,
    /// What the same group added up to in the earlier period; none: it is not compared.
    pub earlier: Option<Box<Partial>>,
    /// One per decile, ascending, if deciles were asked.
    pub deciles: Vec<DecilePartial>,
    /// Who lives in the group's areas: filled by [`Answer::attach_residents`].
    pub residents: Residents,
    /// Who takes part and how.
    pub taking_part: TakingPart,
}

/// The valuation that an answer used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValuationUsed {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// ISO 4217 code.
    pub currency: String,
}

/// Partial results of one council, or of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// One per group that has anything, in ascending order of keys.
    pub groups: Vec<Partial>,
    /// The whole scope as one group, without keys. What only overlaps the scope's period is not in it.
    pub total: Partial,
    /// The valuation used; none: nothing was priced.
    pub valuation: Option<ValuationUsed>,
    /// Amounts are in units of 1 ÷ `denominator` of the minor unit; 1 without a valuation.
    pub denominator: u64,
    /// Vintages that were joined, ascending.
    pub area_vintages: Vec<String>,
    /// Who lives in the areas that the groups are about, whether anything was recorded there or not.
    pub residents: Vec<ResidentsPartial>,
}
