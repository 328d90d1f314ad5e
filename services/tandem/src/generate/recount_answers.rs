//! What the newer totals are, counted over again from live events, for the test of the totals.

use super::recount::{body, unit};
use super::totals::{BudgetTotal, IndicatorTotal, PledgeTotal, ResidentsTotal, RetentionTotal};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{Event, MeasureDefined, Person};

/// Of each (service, indicator, area, period, source) the last.
pub(super) fn outcomes(live: &[&Event]) -> BTreeMap<String, IndicatorTotal> {
    let mut in_force = BTreeMap::new();
    for event in live {
        if let Body::OutcomeObserved(it) = body(event) {
            let key = (&it.indicator, &it.service, &it.area, &it.period_start, &it.period_end, &event.envelope.as_ref().unwrap().source);
            let (count, last) = in_force.entry(key).or_insert((0, it));
            *count += 1;
            *last = it;
        }
    }
    let mut totals: BTreeMap<String, IndicatorTotal> = BTreeMap::new();
    for (count, it) in in_force.into_values() {
        let total = totals.entry(it.indicator.clone()).or_default();
        total.add(unit(&it.period_start, &it.period_end), count - 1, it.numerator.into(), it.denominator.into());
    }
    totals
}

pub(super) fn pledges(live: &[&Event]) -> BTreeMap<String, PledgeTotal> {
    // Pledged and credited, by source and id.
    let mut promises: HashMap<(&str, &str), (&str, i128, i128)> = HashMap::new();
    for event in live {
        let envelope = event.envelope.as_ref().unwrap();
        match body(event) {
            Body::PledgeMade(it) => {
                let promise = promises.entry((&envelope.source, &envelope.event_id)).or_insert((&it.measure, 0, 0));
                promise.1 += i128::from(it.quantity);
            }
            Body::ContributionRecorded(it) if !it.pledge_event_id.is_empty() => {
                let source = if it.pledge_source.is_empty() { &envelope.source } else { &it.pledge_source };
                let promise = promises.entry((source, &it.pledge_event_id)).or_insert((&it.measure, 0, 0));
                assert_eq!(promise.0, it.measure, "a pledge is kept in its own measure");
                promise.2 += i128::from(it.quantity);
            }
            _ => {}
        }
    }
    let mut totals: BTreeMap<String, PledgeTotal> = BTreeMap::new();
    for (measure, pledged, credited) in promises.into_values() {
        totals.entry(measure.to_owned()).or_default().add(pledged, credited);
    }
    totals
}

pub(super) fn budgets(live: &[&Event]) -> BTreeMap<String, BudgetTotal> {
    let mut budgets: BTreeMap<String, BudgetTotal> = BTreeMap::new();
    for event in live {
        if let Body::StateInputRecorded(it) = body(event)
            && it.individual_budget
        {
            let total = budgets.entry(it.chosen_by().as_str_name().to_owned()).or_default();
            total.live += 1;
            total.quantity += i128::from(it.quantity);
        }
    }
    budgets
}

pub(super) fn contributions_by_role(live: &[&Event], measures: &HashMap<String, MeasureDefined>) -> BTreeMap<String, i64> {
    let mut roles = BTreeMap::new();
    for event in live {
        if let Body::ContributionRecorded(it) = body(event) {
            let measure = &measures[&it.measure];
            let base = measures.get(&measure.contra_of).unwrap_or(measure);
            *roles.entry(base.role().as_str_name().to_owned()).or_default() += 1;
        }
    }
    roles
}

/// By month, from sets of actors by unit.
pub(super) fn retention(live: &[&Event]) -> BTreeMap<String, RetentionTotal> {
    let mut actors: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for event in live {
        let (envelope, person) = (event.envelope.as_ref().unwrap(), event.person.as_ref());
        if let (Body::ContributionRecorded(_), Some(Person { actor, .. })) = (body(event), person)
            && !actor.is_empty()
        {
            actors.entry(unit(&envelope.occurred_start, &envelope.occurred_end)).or_default().insert(actor);
        }
    }
    let months: Vec<&String> = actors.keys().filter(|unit| is_month(unit)).collect();
    let Some(last) = months.last() else { return BTreeMap::new() };
    let mut totals = BTreeMap::new();
    for month in months.iter().map(|month| (*month).clone()).chain(months.iter().map(|month| month_after(month))) {
        let none = BTreeSet::new();
        let of = |unit: &str| actors.get(unit).unwrap_or(&none);
        let before = actors.keys().find(|unit| is_month(unit) && month_after(unit) == month).map_or(&none, |unit| of(unit));
        let earlier: BTreeSet<&str> = actors.iter().filter(|(unit, _)| ends_before(unit, &month)).flat_map(|(_, actors)| actors).copied().collect();
        let now = of(&month);
        let total = RetentionTotal {
            before: before.len() as u64,
            returned: before.intersection(now).count() as u64,
            lapsed: before.difference(now).count() as u64,
            new: now.difference(&earlier).count() as u64,
        };
        if month <= **last {
            totals.insert(month, total);
        }
    }
    totals
}

fn is_month(unit: &str) -> bool {
    unit.len() == 7 && !unit.contains('Q')
}

fn month_after(month: &str) -> String {
    let (year, number): (u32, u32) = (month[..4].parse().unwrap(), month[5..].parse().unwrap());
    if number == 12 { format!("{:04}-01", year + 1) } else { format!("{year:04}-{:02}", number + 1) }
}

/// Whether the unit's last month comes before the month: both as text of one length sort by time.
fn ends_before(unit: &str, month: &str) -> bool {
    match unit {
        "ever" => false,
        year if year.len() == 4 => year < &month[..4],
        quarter if quarter.contains('Q') => {
            let last = ["03", "06", "09", "12"][quarter[6..].parse::<usize>().unwrap() - 1];
            format!("{}-{last}", &quarter[..4]).as_str() < month
        }
        other => other < month,
    }
}

/// By vintage and decile.
pub(super) fn residents(live: &[&Event]) -> BTreeMap<String, BTreeMap<u8, ResidentsTotal>> {
    let mut vintages: BTreeMap<String, BTreeMap<u8, ResidentsTotal>> = BTreeMap::new();
    for event in live {
        if let Body::AreaDefined(it) = body(event) {
            let deciles = vintages.entry(it.vintage.clone()).or_default();
            deciles.entry(it.deprivation_decile.unwrap_or(0) as u8).or_default().add(it.population);
        }
    }
    vintages
}
