//! Groups by numbers become partial results with their keys in words, in order.

use super::areas::decile_text;
use super::deciles::DecilesByGroup;
use super::exchanges::ByGroup;
use super::group::{Group, Grouping};
use super::outcomes::{ObservationsByGroup, OutcomesByGroup};
use super::participants::ActorsByGroup;
use super::source::Plan;
use super::sums::Totals;
use super::taking_part::TakingPartByGroup;
use super::{Asked, Error, corrupt, read};
use crate::bytes::Corrupt;
use crate::date::{Grain, Period};
use crate::event::{Evidence, Side};
use crate::metrics::{Answer, DecilePartial, Dimension, ExchangePartial, GroupKey, IndicatorUsed, OutcomePartial, Partial, Residents};
use crate::tables::{Key, NameKind, Rows, Table};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;

impl<R: Rows> Asked<'_, R> {
    /// The answer, from the rows that the plan names.
    pub(super) fn answer(&self, plan: Plan) -> Result<Answer, Error<R::Error>> {
        let grouping = Grouping::new(&self.question.group_by).joining(&self.areas);
        let needs = self.question.needs;
        let mut all = Parts { needs_cells: needs.cells, needs_measures: needs.measures, needs_participants: needs.participants, ..Parts::default() };
        // How many contributions there are and how many have an actor, the cells say.
        if needs.cells || needs.measures || needs.participants {
            let sums = self.sums(&grouping, plan.quantities)?;
            (all.totals, all.total) = sums.finish(&self.measures).map_err(|_| Error::Overflow)?;
        }
        if needs.exchanges {
            (all.exchanges, all.all_exchanges) = match self.counted()? {
                None => self.exchanges(&grouping)?,
                Some(counted) => self.exchanges_as_of(&grouping, counted)?,
            };
        }
        if needs.participants {
            all.actors = self.actors(&grouping, plan.actors)?;
        }
        if needs.outcomes {
            (all.outcomes, all.all_outcomes) = self.outcomes(&grouping)?;
        }
        if needs.observations {
            all.observations = self.observations(&grouping, plan.quantities)?;
        }
        all.indicator = self.indicator.clone();
        if needs.deciles {
            all.needs_deciles = true;
            all.deciles = self.deciles(&grouping, plan.quantities)?;
        }
        all.taking_part = self.taking_part(&grouping, &plan, &all.totals)?;
        let total = all.take(None);
        let groups: FxHashSet<Group> = all.groups();
        let names = self.names(&grouping, &groups)?;
        let mut partials = Vec::with_capacity(groups.len());
        for group in groups {
            partials.push(Partial { keys: self.keys(&group, &names), ..all.take(Some(group)) });
        }
        partials.sort_unstable_by(|a, b| a.keys.cmp(&b.keys));
        let valuation = self.prices.as_ref().map(|prices| prices.used.clone());
        let denominator = self.prices.as_ref().map_or(1, |prices| prices.denominator);
        let residents = if needs.residents { self.areas.residents(self.council, &self.question.group_by) } else { Vec::new() };
        Ok(Answer { groups: partials, total, valuation, denominator, area_vintages: self.areas.vintages(), residents })
    }

    /// A group's keys in the order asked, and one more if it only overlaps the period and has no calendar key to say so.
    pub(super) fn keys(&self, group: &Group, names: &Names) -> Vec<GroupKey> {
        let name = |kind, number| names.get(&(kind as u8, number)).cloned().unwrap_or_default();
        let key = |dimension: Dimension| {
            let value = match dimension {
                Dimension::Council => self.council.to_owned(),
                Dimension::Service => name(NameKind::Service, group.service),
                Dimension::Measure => self.measures.get(group.base as usize).id.clone(),
                Dimension::Side => side(group.side).to_owned(),
                Dimension::Area => name(NameKind::Area, group.area),
                Dimension::Evidence => evidence(group.evidence).to_owned(),
                Dimension::Decile => decile_text(group.decile),
                Dimension::ParentArea => self.areas.parent(group.parent),
                Dimension::Day | Dimension::Month | Dimension::Quarter | Dimension::Year => return calendar(dimension, group),
            };
            GroupKey { dimension, value, coarser: false, overlaps: false }
        };
        let asked = &self.question.group_by;
        let mut keys: Vec<GroupKey> = asked.iter().map(|dimension| key(*dimension)).collect();
        if let Some(unit) = group.unit.filter(|_| asked.iter().all(|dimension| dimension.grain().is_none())) {
            keys.push(calendar(dimension_of(unit), group));
        }
        keys
    }

    /// The names that the groups' keys need, each looked up once.
    pub(super) fn names(&self, grouping: &Grouping, groups: &FxHashSet<Group>) -> Result<Names, Error<R::Error>> {
        let mut needed: BTreeSet<(u8, u32)> = BTreeSet::new();
        for group in groups {
            for (dimension, kind, number) in [(Dimension::Service, NameKind::Service, group.service), (Dimension::Area, NameKind::Area, group.area)] {
                if grouping.has(dimension) && number != 0 {
                    needed.insert((kind as u8, number));
                }
            }
        }
        let key = |(kind, number): &(u8, u32)| {
            let mut key = Key::of(Table::NameByNumber, self.council);
            key.byte(*kind).be32(*number);
            key.into_vec()
        };
        let keys: Vec<_> = needed.iter().map(key).collect();
        let mut names = Names::default();
        for (name, row) in needed.into_iter().zip(read(self.rows.get_many(Table::NameByNumber, &keys))?) {
            let text = row.and_then(|row| String::from_utf8(row).ok()).ok_or_else(|| corrupt(Corrupt("NameByNumber")))?;
            names.insert(name, text);
        }
        Ok(names)
    }
}

/// Texts by kind and number.
pub(super) type Names = FxHashMap<(u8, u32), String>;

/// What was computed, by group.
#[derive(Default)]
struct Parts {
    needs_cells: bool,
    needs_measures: bool,
    needs_participants: bool,
    totals: FxHashMap<Group, Totals>,
    total: Totals,
    exchanges: ByGroup,
    all_exchanges: ExchangePartial,
    actors: ActorsByGroup,
    outcomes: OutcomesByGroup,
    all_outcomes: OutcomePartial,
    observations: ObservationsByGroup,
    indicator: Option<IndicatorUsed>,
    needs_deciles: bool,
    deciles: DecilesByGroup,
    taking_part: TakingPartByGroup,
}

impl Parts {
    /// Those that have anything. State inputs are none of it if only participants were asked.
    fn groups(&self) -> FxHashSet<Group> {
        let totals =
            self.totals.iter().filter(|(_, totals)| self.needs_cells || self.needs_measures || totals.citizen.count > 0).map(|(group, _)| *group);
        let (outcomes, actors) = (self.outcomes.keys().copied(), self.actors.keys().chain(self.taking_part.keys()));
        totals.chain(self.exchanges.keys().copied()).chain(actors.copied().flatten()).chain(outcomes).collect()
    }

    /// What a group adds up to; of none, the whole scope.
    fn take(&mut self, group: Option<Group>) -> Partial {
        let totals = match group {
            Some(group) => self.totals.remove(&group).unwrap_or_default(),
            None => std::mem::take(&mut self.total),
        };
        let exchanges = match group {
            Some(group) => self.exchanges.remove(&group).unwrap_or_default(),
            None => std::mem::take(&mut self.all_exchanges),
        };
        let actors = self.actors.remove(&group).unwrap_or_default();
        // Counts of live entries are never negative.
        let counted = |count: i64| if self.needs_participants { count.max(0) as u64 } else { 0 };
        let (contributions, contributions_with_actor) = (counted(totals.citizen.count), counted(totals.with_actor));
        let participants = actors.len();
        let (citizen, state) = if self.needs_cells { (totals.citizen, totals.state) } else { Default::default() };
        let measures = totals.measures;
        let taking_part = self.taking_part.remove(&group).unwrap_or_default();
        let outcome = match group {
            Some(group) => self.outcomes.remove(&group).unwrap_or_default(),
            None => std::mem::take(&mut self.all_outcomes),
        };
        let outcome = OutcomePartial { indicator: self.indicator.clone(), ..outcome };
        let observations = self.observations.remove(&group).unwrap_or_default();
        let deciles = self.deciles.remove(&group);
        let deciles = deciles.unwrap_or_else(|| if self.needs_deciles { DecilePartial::all() } else { Vec::new() });
        Partial {
            keys: Vec::new(),
            measures,
            citizen,
            state,
            exchanges,
            participants,
            contributions,
            contributions_with_actor,
            outcome,
            observations,
            earlier: None,
            deciles,
            residents: Residents::default(),
            taking_part,
        }
    }
}

fn calendar(dimension: Dimension, group: &Group) -> GroupKey {
    let value = group.unit.map(|unit| unit.to_string()).unwrap_or_default();
    GroupKey { dimension, value, coarser: group.coarser, overlaps: group.overlaps }
}

/// The dimension that a unit is shown under where none was asked; "ever" has none of its own.
fn dimension_of(unit: Period) -> Dimension {
    match unit.grain {
        Grain::Day => Dimension::Day,
        Grain::Month => Dimension::Month,
        Grain::Quarter => Dimension::Quarter,
        Grain::Year | Grain::Ever => Dimension::Year,
    }
}

fn side(number: u8) -> &'static str {
    if number == Side::Citizen as u8 { "CITIZEN" } else { "STATE" }
}

fn evidence(number: u8) -> &'static str {
    match Evidence::from_number(number) {
        Some(Evidence::SelfReported) => "SELF_REPORTED",
        Some(Evidence::PeerConfirmed) => "PEER_CONFIRMED",
        Some(Evidence::Professional) => "PROFESSIONAL",
        Some(Evidence::Sensor) => "SENSOR",
        Some(Evidence::Assumed) => "ASSUMED",
        None => "",
    }
}
