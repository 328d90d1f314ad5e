//! Outcomes: what observations of one indicator add up to, and what both sides gave where it was observed.

use super::group::{Group, Grouping, Place};
use super::measures::scan;
use super::scope::Fit;
use super::source::Source;
use super::{Asked, Error, corrupt, read};
use crate::bytes::{Corrupt, Take};
use crate::date::{Grain, Period, Span};
use crate::event::{Body, Evidence, ServiceMode, Side};
use crate::metrics::{Dimension, IndicatorUsed, Observation, OutcomePartial, SidePartial};
use crate::rows::{read_definition, read_number, read_observations};
use crate::tables::{DefinitionKind, Key, NameKind, Rows, Table};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Outcomes by group.
pub(super) type OutcomesByGroup = FxHashMap<Group, OutcomePartial>;
/// Observed units by group; the whole scope has none.
pub(super) type ObservationsByGroup = FxHashMap<Option<Group>, Vec<Observation>>;

/// Where an observation counts: service, area (0 if areas are not told apart), unit.
type Observed = (u32, u32, Period);

/// The indicator that a question names, as the council defines it.
pub(super) fn indicator<R: Rows>(rows: &R, council: &str, id: &str) -> Result<IndicatorUsed, Error<R::Error>> {
    let mut prefix = Key::of(Table::Definition, council);
    prefix.byte(DefinitionKind::Indicator as u8);
    let mut key = prefix.clone();
    key.bytes(id.as_bytes());
    let Some(row) = read(rows.get(Table::Definition, key.as_slice()))? else {
        let mut known = Vec::new();
        scan(rows, Table::Definition, &prefix, |_, row| {
            known.push(defined(row)?.id);
            Ok(())
        })?;
        return Err(Error::UnknownIndicator { id: id.into(), known });
    };
    defined(&row).map_err(corrupt)
}

fn defined(row: &[u8]) -> Result<IndicatorUsed, Corrupt> {
    let (_, facts) = read_definition(row)?;
    let Ok(Body::Indicator(indicator)) = Body::decode(facts) else {
        return Err(Corrupt("Definition"));
    };
    let (id, unit) = (indicator.id.into(), indicator.unit.into());
    Ok(IndicatorUsed { id, unit, decimal_places: indicator.decimal_places, direction: indicator.direction })
}

impl<R: Rows> Asked<'_, R> {
    /// Outcomes by group, and of the whole scope.
    pub(super) fn outcomes(&self, grouping: &Grouping) -> Result<(OutcomesByGroup, OutcomePartial), Error<R::Error>> {
        let (mut groups, mut all) = (OutcomesByGroup::default(), OutcomePartial::default());
        self.each_outcome(|place, fit, outcome| {
            groups.entry(grouping.of(&place, fit)).or_default().add(outcome.clone());
            if fit == Fit::Within {
                all.add(outcome);
            }
        })?;
        Ok((groups, all))
    }

    /// Visits every observation in force that the scope lets through.
    fn each_outcome(&self, mut visit: impl FnMut(Place, Fit, OutcomePartial)) -> Result<(), Error<R::Error>> {
        let Some(number) = self.indicator_number()? else {
            return Ok(());
        };
        let mut prefix = Key::of(Table::Outcome, self.council);
        prefix.be32(number);
        let start = prefix.as_slice().len();
        scan(self.rows, Table::Outcome, &prefix, |key, row| {
            let mut take = Take::new("key", &key[start..]);
            let (service, area) = (take.be32()?, take.be32()?);
            let unit = Span { start: take.ordered_day()?, end: take.ordered_day()? }.unit(Grain::Day);
            let fit = self.scope.fit(unit);
            if fit == Fit::Outside || !self.scope.services().has(service) || !self.scope.areas().has(area) {
                return Ok(());
            }
            // The last one that took effect is in force. Measures, sides and evidence are not asked of outcomes.
            if let Some(last) = read_observations(row)?.last() {
                let place = Place { service, base: 0, side: Side::Citizen, area, evidence: Evidence::Assumed, unit };
                let outcome = OutcomePartial { numerator: last.numerator.into(), denominator: last.denominator.into(), count: 1, indicator: None };
                visit(place, fit, outcome);
            }
            Ok(())
        })
    }

    /// `None`: nothing of it was ever observed.
    fn indicator_number(&self) -> Result<Option<u32>, Error<R::Error>> {
        let Some(indicator) = &self.indicator else {
            return Ok(None);
        };
        let mut key = Key::of(Table::NameByText, self.council);
        key.byte(NameKind::Indicator as u8).bytes(indicator.id.as_bytes());
        let row = read(self.rows.get(Table::NameByText, key.as_slice()))?;
        row.map(|row| read_number(&row)).transpose().map_err(corrupt)
    }

    /// Each service's observed units with the value of both sides in them, by group and of the whole scope.
    pub(super) fn observations(&self, grouping: &Grouping, from: Source) -> Result<ObservationsByGroup, Error<R::Error>> {
        let mut observed: BTreeMap<Observed, (OutcomePartial, [SidePartial; 2])> = BTreeMap::new();
        let area_of = |area: u32| if grouping.by_area() { area } else { 0 };
        self.each_outcome(|place, _, outcome| {
            let unit = if place.unit.grain == Grain::Day { Period::of(place.unit.span().start, Grain::Month) } else { place.unit };
            // Of a unit that the period cuts, what both sides gave would be cut too.
            if self.scope.fit(unit) == Fit::Within && unit.grain != Grain::Ever {
                observed.entry((place.service, area_of(place.area), unit)).or_default().0.add(outcome);
            }
        })?;
        self.add_sides(&mut observed, grouping.by_area(), from)?;
        let modes = self.modes(observed.keys().map(|(service, ..)| *service))?;
        let mut groups = ObservationsByGroup::default();
        for ((service, area, unit), (outcome, [citizen, state])) in observed {
            let months = [0, 1, 3, 12, 0][unit.grain as usize];
            let (citizen, state) = (known(&citizen), known(&state));
            let OutcomePartial { numerator, denominator, .. } = outcome;
            let observation = Observation { mode: modes[&service], months, numerator, denominator, citizen, state };
            let place = Place { service, base: 0, side: Side::Citizen, area, evidence: Evidence::Assumed, unit };
            groups.entry(Some(grouping.of(&place, Fit::Within))).or_default().push(observation.clone());
            groups.entry(None).or_default().push(observation);
        }
        Ok(groups)
    }

    /// Adds what lies within each observed unit: the month's own, and for a quarter or year what is smaller too.
    fn add_sides(
        &self,
        observed: &mut BTreeMap<Observed, (OutcomePartial, [SidePartial; 2])>,
        by_area: bool,
        from: Source,
    ) -> Result<(), Error<R::Error>> {
        let units: &[Dimension] =
            if by_area { &[Dimension::Service, Dimension::Area, Dimension::Month] } else { &[Dimension::Service, Dimension::Month] };
        let grouping = Grouping::new(units);
        let (sums, _) = self.sums(&grouping, from)?.finish(&self.measures).map_err(|_| Error::Overflow)?;
        for (group, totals) in sums {
            let Some(unit) = group.unit.filter(|unit| !group.overlaps && unit.grain != Grain::Ever) else { continue };
            let first = unit.span().start;
            for grain in [Grain::Month, Grain::Quarter, Grain::Year].into_iter().filter(|grain| *grain >= unit.grain) {
                if let Some((_, [citizen, state])) = observed.get_mut(&(group.service, group.area, Period::of(first, grain))) {
                    citizen.add(totals.citizen.clone()).ok_or(Error::Overflow)?;
                    state.add(totals.state.clone()).ok_or(Error::Overflow)?;
                }
            }
        }
        Ok(())
    }

    /// Declared modes of services by their numbers.
    fn modes(&self, services: impl Iterator<Item = u32>) -> Result<FxHashMap<u32, ServiceMode>, Error<R::Error>> {
        let mut modes = FxHashMap::default();
        for service in services {
            if modes.contains_key(&service) {
                continue;
            }
            let mut name = Key::of(Table::NameByNumber, self.council);
            name.byte(NameKind::Service as u8).be32(service);
            let id = read(self.rows.get(Table::NameByNumber, name.as_slice()))?.ok_or_else(|| corrupt(Corrupt("NameByNumber")))?;
            let mut key = Key::of(Table::Definition, self.council);
            key.byte(DefinitionKind::Service as u8).bytes(&id);
            // What took effect names a service that is defined.
            let row = read(self.rows.get(Table::Definition, key.as_slice()))?.ok_or_else(|| corrupt(Corrupt("Definition")))?;
            let (_, facts) = read_definition(&row).map_err(corrupt)?;
            let Ok(Body::Service(defined)) = Body::decode(facts) else {
                return Err(corrupt(Corrupt("Definition")));
            };
            modes.insert(service, defined.mode);
        }
        Ok(modes)
    }
}

/// A side's value at the central rates; `None` if it has entries of which none has a price, since that is not zero.
fn known(side: &SidePartial) -> Option<i128> {
    (side.count == 0 || side.priced_count > 0).then_some(side.value.central)
}
