//! That the events hold what the questions about outcomes, pledges, budgets, roles and areas need, and that the fold takes them as meant.

use super::tests::{assert_share, events, shape};
use super::*;
use std::collections::BTreeMap;
use tandem_domain::fold::{Intake, fold};
use tandem_domain::memory::Memory;
use tandem_domain::record::Record;
use tandem_domain::rows::Suspense;
use tandem_domain::tables::Table;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{Event, ServiceMode, SuspenseReason};

fn bodies(events: &[Event]) -> impl Iterator<Item = (&Event, &Body)> {
    events.iter().filter_map(|event| Some((event, event.facts.as_ref()?.body.as_ref()?)))
}

/// Everything is applied, refused and counted as the totals say, by the fold itself.
#[test]
fn the_fold_agrees_with_the_totals() {
    let (events, report) = events(&shape(20_000, 21));
    let record = |(number, event): (usize, &Event)| {
        let bytes = event.encode_to_vec();
        let parts = tandem_domain::event::split(&bytes).unwrap();
        let (received_us, salt) = (1_735_689_600_000_000 + number as u64 * 1_000_000, &[1; 16]);
        let mut record = Vec::new();
        Record { parts, received_us, principal: "local", officer: false, facts_salt: salt, person_salt: salt }.encode(&mut record);
        record
    };
    let records: Vec<Vec<u8>> = events.iter().enumerate().map(record).collect();
    let mut memory = Memory::new();
    let mut taken = 0;
    let done = loop {
        let intake = |(index, record)| Intake { record, append_us: u64::MAX, offset: 0, index: index as u32 };
        let intakes: Vec<_> = records.iter().map(Vec::as_slice).enumerate().skip(taken).map(intake).collect();
        let rows = memory.clone();
        let done = fold(&rows, "SYNTHETIC", 0, &intakes, usize::MAX, &mut memory).unwrap();
        taken += done.taken;
        if taken == records.len() && !done.cures_pending {
            break done;
        }
    };
    let counts = [done.book.entries, done.book.duplicates, done.views.applied, done.views.suspended, done.views.reversed];
    assert_eq!(counts, [report.entries, report.duplicates, report.applied, report.suspended, report.reversed]);
    let mut suspended: BTreeMap<String, u64> = BTreeMap::new();
    for (_, row) in memory.rows(Table::Suspense) {
        let reason = SuspenseReason::try_from(Suspense::decode(row).unwrap().reason as i32).unwrap();
        *suspended.entry(reason.as_str_name().into()).or_default() += 1;
    }
    assert_eq!(suspended, report.suspended_by_reason);
}

#[test]
fn there_is_something_to_answer_every_question_with() {
    let (events, report) = events(&shape(200_000, 1));
    let count = |is: fn(&Body) -> bool| bodies(&events).filter(|(_, body)| is(body)).count() as u64;
    let outcomes = count(|body| matches!(body, Body::OutcomeObserved(_)));
    let share = |what: &str, is: fn(&Body) -> bool, bounds| assert_share(what, count(is), outcomes, bounds);
    share("in favour", |body| matches!(body, Body::OutcomeObserved(it) if it.indicator == "in-favour"), 1_000..=1_500);
    share("of the whole council", |body| matches!(body, Body::OutcomeObserved(it) if it.area.is_empty()), 1_000..=1_700);
    share("of a quarter", |body| matches!(body, Body::OutcomeObserved(it) if it.period_start[..7] != it.period_end[..7]), 2_200..=2_800);
    assert_eq!(report.outcomes.keys().collect::<Vec<_>>(), ["good-outcomes", "in-favour"]);
    assert!(report.outcomes.values().all(|total| total.replaced > 0 && total.by_period.len() >= 16));
    assert!(report.outcomes_live < outcomes as i64, "some are reversed");

    let sum = |pick: fn(&totals::PledgeTotal) -> u64| report.pledges.values().map(pick).sum::<u64>();
    let pledges = sum(|total| total.pledges);
    assert_share("pledges kept", sum(|total| total.kept), pledges, 2_800..=3_700);
    assert_share("pledges kept in part", sum(|total| total.kept_in_part), pledges, 3_700..=4_700);
    assert!(report.pledges.values().any(|total| total.credited_to_cancelled > 0));

    let money: i128 = report.budgets.values().map(|total| total.quantity).sum();
    let chosen = |by: &str| (report.budgets[by].quantity * 10_000 / money) as u64;
    assert_share("chosen by citizens", chosen("CHOSEN_BY_CITIZEN"), 10_000, 4_000..=5_000);
    assert_eq!(report.budgets.len(), 4, "citizen, council, jointly, not said");
    let inputs = report.budgets.values().map(|total| total.live).sum::<i64>() as u64;
    assert_share("individual budgets", inputs, report.records, 30..=300);
    assert_eq!(report.contributions_by_role.len(), 4, "{:?}", report.contributions_by_role);
    assert!(report.retention.len() == 12 && report.retention.values().skip(1).all(|total| total.returned > 0 && total.lapsed > 0));
}

#[test]
fn vintages_differ_and_the_newer_knows_all_residents() {
    let world = world::World::new(ShapeArgs { areas: Some(1_000), ..shape(200_000, 1) }.shape().unwrap());
    let moved = world.catalogue.areas.iter().filter(|area| area.said[0].decile != area.said[1].decile).count() as u64;
    assert_share("other decile", moved, 1_000, 1_000..=2_500);
    let mut report = Generator::new(world.shape).report();
    let newer = report.residents.remove("synthetic-2").unwrap();
    assert_eq!(newer.keys().copied().collect::<Vec<_>>(), (1..=10).collect::<Vec<u8>>());
    assert!(newer.values().all(|total| total.areas_with_population == total.areas));
    assert!(report.residents["synthetic-1"].values().any(|total| total.areas_with_population < total.areas));
}

fn by_citizens(body: &Body) -> Option<(&str, &str, i64)> {
    match body {
        Body::ContributionRecorded(it) => Some((&it.service, &it.measure, it.quantity)),
        _ => None,
    }
}

fn by_the_state(body: &Body) -> Option<(&str, &str, i64)> {
    match body {
        Body::StateInputRecorded(it) => Some((&it.service, &it.measure, it.quantity)),
        _ => None,
    }
}

/// How far good outcomes move with what a side gives, over the services of a mode and their months: Pearson's r.
fn correlation(events: &[Event], world: &world::World, mode: ServiceMode, is_side: fn(&Body) -> Option<(&str, &str, i64)>) -> f64 {
    let modes: BTreeMap<&str, ServiceMode> = world.catalogue.services.iter().map(|service| (service.id.as_str(), service.mode())).collect();
    let minutes: Vec<&str> =
        world.catalogue.measures.iter().filter(|measure| measure.amount.unit() == "min").map(|measure| measure.id.as_str()).collect();
    let mut given: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    let mut observed: BTreeMap<(&str, &str), (i64, i64)> = BTreeMap::new();
    for (event, body) in bodies(events) {
        if let Body::OutcomeObserved(it) = body
            && modes.get(it.service.as_str()) == Some(&mode)
            && it.indicator == "good-outcomes"
            && it.period_start[..7] == it.period_end[..7]
        {
            let sums = observed.entry((&it.service, &it.period_start[..7])).or_default();
            (sums.0, sums.1) = (sums.0 + it.numerator, sums.1 + it.denominator);
        }
        if let Some((service, measure, quantity)) = is_side(body)
            && minutes.contains(&measure)
        {
            *given.entry((service, &event.envelope.as_ref().unwrap().occurred_start[..7])).or_default() += quantity;
        }
    }
    let points: Vec<(f64, f64)> = observed.iter().filter_map(|(key, (sum, of))| Some((*given.get(key)? as f64, *sum as f64 / *of as f64))).collect();
    assert!(points.len() > 30, "{}", points.len());
    let mean = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let sum = |product: &dyn Fn(f64, f64) -> f64| points.iter().map(|point| product(point.0 - x, point.1 - y)).sum::<f64>();
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

#[test]
fn outcomes_follow_what_is_given_in_relational_services_only() {
    let args = ShapeArgs { services: Some(20), ..shape(300_000, 1) };
    let (events, _) = events(&args);
    let world = world::World::new(args.shape().unwrap());
    let relational = [by_citizens, by_the_state].map(|side| correlation(&events, &world, ServiceMode::Relational, side));
    assert!(relational.iter().all(|r| *r > 0.8), "{relational:?}");
    let transactional = correlation(&events, &world, ServiceMode::Transactional, by_the_state);
    assert!(transactional.abs() < 0.4, "{transactional}");
}
