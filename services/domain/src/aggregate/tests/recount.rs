//! The same question answered by going over the events themselves, one by one, with no view in between. It shares calendar and result
//! types with what it checks, and nothing else.

use super::areas::AreaTable;
use super::history::{Event, Gift, Rate, Seen};
use super::recount_outcomes::in_force;
use crate::aggregate::Question;
use crate::date::{Date, Grain, Period};
use crate::event::Side;
use crate::metrics::{Amount, DECILES, DecilePartial, Dimension, GroupKey, MeasurePartial, Needs, Partial, Residents, SidePartial};
use std::collections::{BTreeMap, BTreeSet};

/// A measure as the history defines it.
struct Measure {
    side: Side,
    unit: &'static str,
    base: &'static str,
    sign: i128,
}

/// A history as it stands in the end.
pub struct Recount {
    measures: BTreeMap<&'static str, Measure>,
    /// Gifts that took effect, in order of effect, and whether they are reversed.
    gifts: Vec<(Gift, bool)>,
    valuations: BTreeMap<(&'static str, i64), Vec<Rate>>,
    /// Outcomes in force.
    pub(super) outcomes: Vec<Seen>,
    areas: AreaTable,
}

impl Recount {
    pub fn new(events: &[Event]) -> Self {
        let (mut services, mut measures, mut valuations) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (mut defined, mut reversed, mut seen) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let (mut gifts, mut areas) = (Vec::new(), AreaTable::default());
        for (at, event) in events.iter().enumerate() {
            match event {
                Event::Service(id) => drop(services.entry(*id).or_insert(at)),
                Event::Measure(id, side, unit, contra_of) => {
                    let (base, sign) = if contra_of.is_empty() { (*id, 1) } else { (*contra_of, -1) };
                    defined.entry(*id).or_insert(at);
                    measures.entry(*id).or_insert(Measure { side: *side, unit, base, sign });
                }
                Event::Valuation(id, version, rates) => drop(valuations.insert((*id, *version), rates.clone())),
                Event::Area(row) => areas.0.push(row.clone()),
                Event::Gift(gift) if seen.insert(gift.id) => gifts.push((at, gift.clone())),
                // The same id with other content never takes effect.
                Event::Gift(_) => {}
                Event::Reversal(target) => drop(reversed.insert(*target)),
                Event::Indicator(..) | Event::Outcome(_) | Event::OutcomeReversal(..) => {}
            }
        }
        // A gift takes effect when it is there and its service and measure are.
        let effect = |at: usize, gift: &Gift| {
            let known = [Some(at), services.get(gift.service).copied(), defined.get(gift.measure).copied()];
            known.into_iter().collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max())
        };
        let right = |gift: &Gift| measures.get(gift.measure).is_some_and(|measure| measure.side == gift.side);
        let mut gifts: Vec<_> =
            gifts.into_iter().filter(|(_, gift)| right(gift)).filter_map(|(at, gift)| Some((effect(at, &gift)?, at, gift))).collect();
        gifts.sort_by_key(|(effect, at, _)| (*effect, *at));
        let gifts = gifts.into_iter().map(|(_, _, gift)| (gift.clone(), reversed.contains(&gift.id))).collect();
        Self { measures, gifts, valuations, outcomes: in_force(events), areas }
    }

    pub(super) fn live(&self) -> impl Iterator<Item = &Gift> {
        self.gifts.iter().filter(|(_, reversed)| !reversed).map(|(gift, _)| gift)
    }

    fn is_two_sided(&self, exchange: &str) -> bool {
        !exchange.is_empty()
            && [Side::Citizen, Side::State].into_iter().all(|side| self.live().any(|gift| gift.exchange == exchange && gift.side == side))
    }

    /// Groups by key, and the whole scope.
    pub fn answer(&self, question: &Question) -> (BTreeMap<Vec<GroupKey>, Partial>, Partial) {
        let prices = question.valuation.as_ref().map(|asked| self.prices(&asked.id, asked.version));
        let mut rows = Rows { groups: BTreeMap::new(), whole: Row::default() };
        for gift in self.live().filter(|gift| self.is_in_scope(question, gift)) {
            let matched = self.is_two_sided(&gift.exchange);
            let place = (gift.service, gift.area, smallest(gift.occurred.start, gift.occurred.end, Grain::Day), Some(gift));
            let within = Question { needs: Needs { cells: true, participants: false, ..question.needs }, ..question.clone() };
            self.at(question, place, &mut rows, |row| {
                self.add_gift(question, row, gift, matched, prices.as_ref());
                if let Some(decile) = self.areas.counted_decile(question, gift.area).filter(|_| question.needs.deciles) {
                    self.add_gift(&within, row.deciles.entry(decile).or_default(), gift, matched, prices.as_ref());
                }
            });
        }
        if question.needs.exchanges {
            self.exchanges(question, prices.as_ref(), &mut rows);
        }
        if question.needs.outcomes {
            self.add_outcomes(question, &mut rows);
        }
        let keyed = |(keys, row): (Vec<GroupKey>, Row)| (keys.clone(), Partial { keys: keys.clone(), ..self.finish(question, Some(&keys), row) });
        let groups = rows.groups.into_iter().filter(|(_, row)| row.has_anything()).map(keyed).collect();
        (groups, self.finish(question, None, rows.whole))
    }

    fn finish(&self, question: &Question, keys: Option<&[GroupKey]>, mut row: Row) -> Partial {
        let mut of_decile = |decile: u8| {
            let Partial { citizen, state, measures, .. } = row.deciles.remove(&decile).unwrap_or_default().finish();
            DecilePartial { decile, citizen, state, measures, residents: self.residents(question, keys, Some(decile)) }
        };
        let deciles = if question.needs.deciles { (1..=DECILES).map(&mut of_decile).collect() } else { Vec::new() };
        Partial { deciles, residents: self.residents(question, keys, None), ..row.finish() }
    }

    fn residents(&self, question: &Question, keys: Option<&[GroupKey]>, decile: Option<u8>) -> Residents {
        if question.needs.residents { self.areas.residents(question, keys, decile) } else { Residents::default() }
    }

    pub(super) fn is_in_scope(&self, question: &Question, gift: &Gift) -> bool {
        let filters = &question.filters;
        let any = |of: &[String], id: &str| of.is_empty() || of.iter().any(|one| one == id);
        let base = self.measures[gift.measure].base;
        any(&filters.services, gift.service)
            && any(&filters.areas, gift.area)
            && (any(&filters.measures, gift.measure) || any(&filters.measures, base))
            && (filters.sides.is_empty() || filters.sides.contains(&gift.side))
            && (filters.evidence.is_empty() || filters.evidence.iter().any(|grade| *grade as i64 == gift.evidence))
    }

    /// The keys of the group in which a gift counts, and whether it counts in the whole scope; `None`: it is not in scope.
    pub(super) fn group_of(&self, question: &Question, gift: &Gift) -> Option<(Vec<GroupKey>, bool)> {
        if !self.is_in_scope(question, gift) {
            return None;
        }
        let mut rows = Rows { groups: BTreeMap::new(), whole: Row::default() };
        let place = (gift.service, gift.area, smallest(gift.occurred.start, gift.occurred.end, Grain::Day), Some(gift));
        self.at(question, place, &mut rows, |row| row.has_gifts = true);
        Some((rows.groups.into_keys().next()?, rows.whole.has_gifts))
    }

    /// Adds to the group in which something counts, and to the whole scope.
    pub(super) fn at(&self, question: &Question, place: (&str, &str, Period, Option<&Gift>), rows: &mut Rows, add: impl Fn(&mut Row)) {
        let (service, area, unit, gift) = place;
        let (first, last) = (unit.span().start, unit.span().end);
        let start = question.filters.start.unwrap_or(Date(-1_000_000));
        let end = question.filters.end.unwrap_or(Date(10_000_000));
        if last < start || first > end {
            return;
        }
        let overlaps = first < start || last > end;
        let mut keys: Vec<GroupKey> =
            question.group_by.iter().map(|dimension| self.key(question, *dimension, service, area, unit, gift, overlaps)).collect();
        if overlaps && question.group_by.iter().all(|dimension| dimension.grain().is_none()) {
            let dimension = [Dimension::Day, Dimension::Month, Dimension::Quarter, Dimension::Year, Dimension::Year][unit.grain as usize];
            keys.push(GroupKey { dimension, value: unit.to_string(), coarser: false, overlaps });
        }
        add(rows.groups.entry(keys).or_default());
        if !overlaps {
            add(&mut rows.whole);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "a place has that many sides")]
    fn key(
        &self,
        question: &Question,
        dimension: Dimension,
        service: &str,
        area: &str,
        unit: Period,
        gift: Option<&Gift>,
        overlaps: bool,
    ) -> GroupKey {
        let grades = ["", "SELF_REPORTED", "PEER_CONFIRMED", "PROFESSIONAL", "SENSOR", "ASSUMED"];
        let of_gift = |text: fn(&Self, &Gift) -> String| gift.map(|gift| text(self, gift)).unwrap_or_default();
        if let Some(grain) = dimension.grain() {
            let coarser = unit.grain > grain;
            let value = if coarser { unit.to_string() } else { Period::of(unit.span().start, grain).to_string() };
            return GroupKey { dimension, value, coarser, overlaps };
        }
        let value = match dimension {
            Dimension::Council => super::history::COUNCIL.to_owned(),
            Dimension::Service => service.to_owned(),
            Dimension::Area => area.to_owned(),
            Dimension::Decile | Dimension::ParentArea => self.areas.key(question, dimension, area),
            Dimension::Measure => of_gift(|recount, gift| recount.measures[gift.measure].base.to_owned()),
            Dimension::Side => of_gift(|_, gift| if gift.side == Side::Citizen { "CITIZEN".to_owned() } else { "STATE".to_owned() }),
            _ => gift.map(|gift| grades[gift.evidence as usize].to_owned()).unwrap_or_default(),
        };
        GroupKey { dimension, value, coarser: false, overlaps: false }
    }

    pub(super) fn prices(&self, id: &str, version: Option<u32>) -> &Vec<Rate> {
        let of = self.valuations.iter().filter(|((one, at), _)| *one == id && version.is_none_or(|version| *at == i64::from(version)));
        of.max_by_key(|(key, _)| **key).expect("published").1
    }

    /// In units of 1 ÷ the product of all `per_quantity`'s least common multiple.
    pub(super) fn worth(&self, gift: &Gift, rates: &[Rate]) -> Option<Amount> {
        let measure = &self.measures[gift.measure];
        let denominator = i128::from(denominator(rates));
        let quantity = i128::from(gift.quantity) * measure.sign;
        let flat = |minor: i128| Amount { low: minor, central: minor, high: minor };
        match measure.unit {
            "GBP" => return Some(flat(quantity * denominator)),
            "USD" => return None,
            _ => {}
        }
        let own = rates.iter().any(|rate| rate.measure == gift.measure);
        let of = if own { gift.measure } else { measure.base };
        let day = gift.occurred.start.to_string();
        let rate = rates.iter().filter(|rate| rate.measure == of && rate.from <= day.as_str()).max_by_key(|rate| rate.from)?;
        let at = |minor: i64| quantity * i128::from(minor) * denominator / i128::from(rate.per_quantity);
        Some(Amount { low: at(rate.low), central: at(rate.central), high: at(rate.high) })
    }

    fn add_gift(&self, question: &Question, row: &mut Row, gift: &Gift, matched: bool, prices: Option<&&Vec<Rate>>) {
        let (needs, measure) = (question.needs, &self.measures[gift.measure]);
        if needs.participants && gift.side == Side::Citizen {
            row.partial.contributions += 1;
            if !gift.party.is_empty() {
                row.partial.contributions_with_actor += 1;
                row.actors.insert(gift.party.clone());
            }
        }
        let (worth, times) = (prices.and_then(|rates| self.worth(gift, rates)), i64::from(matched));
        let (quantity, priced) = (measure.sign * i128::from(gift.quantity), i64::from(worth.is_some()));
        let unpriced = if prices.is_some() && worth.is_none() { vec![measure.base.to_owned()] } else { Vec::new() };
        let (value, counted) = (worth.unwrap_or_default(), i128::from(matched));
        let matched_value = Amount { low: value.low * counted, central: value.central * counted, high: value.high * counted };
        let change = SidePartial {
            value,
            matched_value,
            count: 1,
            priced_count: priced,
            matched_count: times,
            matched_priced_count: priced * times,
            unpriced_measures: unpriced.clone(),
            matched_unpriced_measures: if matched { unpriced } else { Vec::new() },
        };
        let side = if gift.side == Side::Citizen { &mut row.partial.citizen } else { &mut row.partial.state };
        if needs.cells {
            side.add(change).unwrap();
        }
        row.has_gifts |= needs.cells || needs.measures;
        if !needs.measures {
            return;
        }
        let sums = row.measures.entry(measure.base).or_insert_with(|| MeasurePartial {
            measure: measure.base.to_owned(),
            side: measure.side,
            unit: measure.unit.to_owned(),
            quantity: 0,
            matched_quantity: 0,
            count: 0,
            matched_count: 0,
            priced_count: 0,
            matched_priced_count: 0,
        });
        sums.quantity += quantity;
        sums.matched_quantity += quantity * counted;
        sums.count += 1;
        sums.matched_count += times;
        sums.priced_count += priced;
        sums.matched_priced_count += priced * times;
    }

    fn exchanges(&self, question: &Question, prices: Option<&&Vec<Rate>>, rows: &mut Rows) {
        let ids: BTreeSet<&str> = self.gifts.iter().map(|(gift, _)| gift.exchange.as_str()).filter(|id| !id.is_empty()).collect();
        for id in ids {
            let first = &self.gifts.iter().find(|(gift, _)| gift.exchange == id).expect("one").0;
            let live: Vec<&Gift> = self.live().filter(|gift| gift.exchange == id).collect();
            let any = |of: &[String], id: &str| of.is_empty() || of.iter().any(|one| one == id);
            if live.is_empty() || !any(&question.filters.services, first.service) || !any(&question.filters.areas, first.area) {
                continue;
            }
            let home = (first.service, first.area, smallest(first.occurred.start, first.occurred.end, Grain::Month), None);
            self.at(question, home, rows, |row| self.add_exchange(question, row, &live, prices));
        }
    }

    fn add_exchange(&self, question: &Question, row: &mut Row, live: &[&Gift], prices: Option<&&Vec<Rate>>) {
        let exchanges = &mut row.partial.exchanges;
        let first = |side| live.iter().filter(|gift| gift.side == side).map(|gift| gift.occurred.start).min();
        let (citizen, state) = (first(Side::Citizen), first(Side::State));
        let day = citizen.into_iter().chain(state).min().expect("live");
        let old = question.one_sided_older_than_days == 0
            || question.today.is_some_and(|today| today.0 - day.0 >= question.one_sided_older_than_days as i32);
        exchanges.opened += 1;
        match (citizen, state) {
            (Some(citizen), Some(state)) => {
                exchanges.two_sided += 1;
                *row.latencies.entry(citizen.0.abs_diff(state.0)).or_default() += 1;
            }
            (Some(_), None) if old => exchanges.one_sided_citizen += 1,
            (None, Some(_)) if old => exchanges.one_sided_state += 1,
            _ => {}
        }
        let Some(rates) = prices.filter(|_| question.needs.exchange_values) else { return };
        let unpriced: Vec<&str> = live.iter().filter(|gift| self.worth(gift, rates).is_none()).map(|gift| self.measures[gift.measure].base).collect();
        if !unpriced.is_empty() {
            row.unpriced.extend(unpriced.iter().map(|id| id.to_string()));
            return;
        }
        let value = |side| {
            let worth = live.iter().filter(|gift| gift.side == side).filter_map(|gift| self.worth(gift, rates));
            worth.fold(Amount::default(), |sum, amount| sum.plus(amount).unwrap())
        };
        let (c, g) = (value(Side::Citizen), value(Side::State));
        let of = |rate: fn(&Amount) -> i128| (rate(&c).max(0), rate(&g).max(0));
        let all = [of(|amount| amount.low), of(|amount| amount.central), of(|amount| amount.high)];
        let less = all.map(|(c, g)| 2 * c.min(g));
        let both = all.map(|(c, g)| c + g);
        let add = |to: &mut Amount, [low, central, high]: [i128; 3]| *to = to.plus(Amount { low, central, high }).unwrap();
        exchanges.priced += 1;
        add(&mut exchanges.reciprocal, less);
        add(&mut exchanges.both_sides, both);
        if old && citizen.is_some() != state.is_some() {
            exchanges.one_sided_priced += 1;
            exchanges.one_sided_state_priced += u64::from(state.is_some());
            let (to, amount) =
                if citizen.is_some() { (&mut exchanges.one_sided_citizen_value, c) } else { (&mut exchanges.one_sided_state_value, g) };
            add(to, [amount.low, amount.central, amount.high]);
        }
    }
}

/// D of a price list.
pub fn denominator(rates: &[Rate]) -> i64 {
    (1..).find(|candidate| rates.iter().all(|rate| candidate % rate.per_quantity == 0)).expect("a common multiple")
}

pub(super) fn smallest(start: Date, end: Date, least: Grain) -> Period {
    let grains = [Grain::Day, Grain::Month, Grain::Quarter, Grain::Year, Grain::Ever];
    let of = |grain: Grain| Period::of(start, grain);
    grains.into_iter().filter(|grain| *grain >= least).map(of).find(|unit| unit.span().start <= start && end <= unit.span().end).expect("ever")
}

pub(super) struct Rows {
    groups: BTreeMap<Vec<GroupKey>, Row>,
    whole: Row,
}

#[derive(Default)]
pub(super) struct Row {
    pub(super) partial: Partial,
    measures: BTreeMap<&'static str, MeasurePartial>,
    actors: BTreeSet<String>,
    latencies: BTreeMap<u32, u64>,
    unpriced: BTreeSet<String>,
    has_gifts: bool,
    deciles: BTreeMap<u8, Row>,
}

impl Row {
    fn has_anything(&self) -> bool {
        self.has_gifts || self.partial.exchanges.opened > 0 || self.partial.contributions > 0 || self.partial.outcome.count > 0
    }

    fn finish(self) -> Partial {
        let mut partial = self.partial;
        partial.measures = self.measures.into_values().collect();
        partial.participants = self.actors.len() as u64;
        partial.exchanges.latencies = self.latencies.into_iter().collect();
        partial.exchanges.unpriced_measures = self.unpriced.into_iter().collect();
        partial
    }
}
