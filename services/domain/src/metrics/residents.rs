//! Who lives in the areas that groups are about, and what each deprivation decile adds up to.
//!
//! Residents do not depend on what was recorded: an area without an entry has residents too. So a council says who lives in its areas
//! apart from its groups, and only when the councils' answers are one do the groups get theirs.

use super::merge::add_measures;
use super::partial::{Amount, Answer, Dimension, GroupKey, MeasurePartial, Partial, SidePartial};
use rustc_hash::FxHashMap;

/// Deprivation deciles: 1 (most deprived) to 10.
pub const DECILES: u8 = 10;

/// How many live in some areas, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Residents {
    /// Areas.
    pub areas: u64,
    /// Areas that have a population.
    pub areas_with_population: u64,
    /// Sum of these populations.
    pub population: u64,
}

impl Residents {
    /// Adds those of other areas; `None` if the sum does not fit.
    pub fn add(&mut self, other: Self) -> Option<()> {
        self.areas = self.areas.checked_add(other.areas)?;
        self.areas_with_population = self.areas_with_population.checked_add(other.areas_with_population)?;
        // Half of what 64 bits hold, so that products with a denominator of amounts fit into 127.
        self.population = self.population.checked_add(other.population).filter(|population| *population <= i64::MAX as u64)?;
        Some(())
    }

    /// How many live there; none if there is no area, or one of them has no population.
    pub fn known(&self) -> Option<u64> {
        (self.areas > 0 && self.areas_with_population == self.areas).then_some(self.population)
    }
}

/// Residents of areas that have the same keys and the same decile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResidentsPartial {
    /// As those of groups, of the dimensions that are about areas and councils only.
    pub keys: Vec<GroupKey>,
    /// 1 to [`DECILES`]; 0: it is not known.
    pub decile: u8,
    /// Whether they are among the areas over which the residents of the whole scope are summed.
    pub in_scope: bool,
    /// How many.
    pub residents: Residents,
}

/// What one decile adds up to in a group, over areas among those whose residents are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecilePartial {
    /// 1 to [`DECILES`].
    pub decile: u8,
    /// The citizens' side.
    pub citizen: SidePartial,
    /// The state's side.
    pub state: SidePartial,
    /// By measure, ascending.
    pub measures: Vec<MeasurePartial>,
    /// Who lives there: filled by [`Answer::attach_residents`].
    pub residents: Residents,
}

impl DecilePartial {
    /// One for each decile, of nothing.
    pub fn all() -> Vec<Self> {
        (1..=DECILES).map(|decile| Self { decile, ..Self::default() }).collect()
    }

    /// Adds another of the same decile, but for residents; `None` if a sum does not fit.
    pub(crate) fn add(&mut self, other: Self) -> Option<()> {
        self.citizen.add(other.citizen)?;
        self.state.add(other.state)?;
        add_measures(&mut self.measures, other.measures);
        Some(())
    }

    /// Its amounts.
    pub(super) fn amounts(&mut self) -> impl Iterator<Item = &mut Amount> {
        [&mut self.citizen, &mut self.state].into_iter().flat_map(|side| [&mut side.value, &mut side.matched_value])
    }
}

/// Adds deciles to deciles: both have all, or those that are added to have none yet.
pub(super) fn add_deciles(sums: &mut Vec<DecilePartial>, others: Vec<DecilePartial>) -> Option<()> {
    if sums.is_empty() {
        *sums = others;
        return Some(());
    }
    sums.iter_mut().zip(others).try_for_each(|(sum, other)| sum.add(other))
}

impl Dimension {
    /// Whether residents are told apart by it.
    pub(crate) fn is_of_residents(self) -> bool {
        matches!(self, Self::Council | Self::Area | Self::Decile | Self::ParentArea)
    }
}

impl Answer {
    /// Gives every group, its deciles, the whole, and the earlier of each their residents. Asked once, when the answers of all councils are one. `None` if a sum
    /// does not fit.
    pub fn attach_residents(&mut self) -> Option<()> {
        let mut by_keys: FxHashMap<&[GroupKey], Vec<&ResidentsPartial>> = FxHashMap::default();
        for partial in &self.residents {
            by_keys.entry(&partial.keys).or_default().push(partial);
        }
        for group in &mut self.groups {
            let keys: Vec<_> = group.keys.iter().filter(|key| key.dimension.is_of_residents()).cloned().collect();
            // Nobody lives in an area that is not known; what is not known of a known area does not matter.
            let is_known = match keys.iter().find(|key| key.dimension == Dimension::Area) {
                Some(area) => !area.value.is_empty(),
                None => keys.iter().all(|key| key.dimension == Dimension::Council || !key.value.is_empty()),
            };
            let of_group = by_keys.get(keys.as_slice()).filter(|_| is_known).map(Vec::as_slice).unwrap_or_default();
            attach(group, of_group.iter().copied())?;
        }
        let of_scope = self.residents.iter().filter(|partial| partial.in_scope);
        attach(&mut self.total, of_scope)
    }
}

/// Populations have a vintage and no period: the same residents are those of the earlier period.
fn attach<'a>(to: &mut Partial, from: impl Iterator<Item = &'a ResidentsPartial> + Clone) -> Option<()> {
    for partial in from.clone() {
        to.residents.add(partial.residents)?;
        if let Some(decile) = to.deciles.iter_mut().find(|decile| decile.decile == partial.decile) {
            decile.residents.add(partial.residents)?;
        }
    }
    to.earlier.as_deref_mut().map_or(Some(()), |earlier| attach(earlier, from))
}
