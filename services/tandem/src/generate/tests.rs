//! The generator's own tests: always the same, always acceptable, and with totals that a recount confirms.

use super::recount::Recount;
use super::*;
use sha2::{Digest, Sha256};
use tandem_proto::v1::Event;
use tandem_proto::v1::facts::Body;

/// 2100-01-01: after every day that the tests use.
const NOW_US: u64 = 4_102_444_800_000_000;

pub(super) fn shape(events: u64, seed: u64) -> ShapeArgs {
    ShapeArgs {
        events,
        seed,
        council: "SYNTHETIC".into(),
        services: None,
        measures: None,
        areas: None,
        days: 365,
        actors: None,
        exchanges: None,
        year: 2025,
        random_ids: false,
    }
}

pub(super) fn events(args: &ShapeArgs) -> (Vec<Event>, Report) {
    let mut generator = Generator::new(args.shape().unwrap());
    let events: Vec<_> = generator.by_ref().collect();
    (events, generator.report())
}

#[test]
fn the_first_ten_thousand_events_are_a_fixed_vector() {
    let mut hash = Sha256::new();
    for event in Generator::new(shape(1_000_000, 1).shape().unwrap()).take(10_000) {
        hash.update(event.encode_length_delimited_to_vec());
    }
    let hash: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, "4265bfd497d755b72480220a638f6359c036c43207340b0c33dae2e2273b370c");
}

#[test]
fn the_seed_and_nothing_else_decides() {
    let (one, two, other) = (events(&shape(3_000, 5)).0, events(&shape(3_000, 5)).0, events(&shape(3_000, 6)).0);
    assert!(one == two);
    assert!(one != other);
}

#[test]
fn every_event_is_acceptable_and_there_are_as_many_as_asked() {
    for (count, seed) in [(100, 1), (101, 2), (1_000, 3), (40_000, 4)] {
        let (events, report) = events(&shape(count, seed));
        assert_eq!((events.len() as u64, report.records), (count, count));
        for event in &events {
            let bytes = event.encode_to_vec();
            let parts = tandem_domain::event::split(&bytes).unwrap();
            tandem_domain::event::check(&parts, NOW_US).unwrap_or_else(|invalid| panic!("{invalid}: {event:?}"));
        }
    }
}

#[test]
fn a_recount_confirms_the_totals() {
    let odd = ShapeArgs { services: Some(1), measures: Some(7), days: 3, actors: Some(20), exchanges: Some(40), ..shape(20_000, 11) };
    let long = ShapeArgs { services: Some(23), measures: Some(120), days: 800, year: 1999, random_ids: true, ..shape(60_000, 12) };
    for args in [shape(100, 7), shape(5_000, 8), shape(100_000, 9), odd, long] {
        let (events, report) = events(&args);
        let recount = Recount::of(&events).report(&report);
        assert_eq!(recount, report, "{args:?}");
    }
}

#[test]
fn sizes_out_of_bounds_are_refused() {
    let refused = |args: ShapeArgs| args.shape().unwrap_err().to_string();
    assert!(refused(shape(99, 1)).starts_with("--events"));
    assert!(refused(ShapeArgs { council: "a b".into(), ..shape(1_000, 1) }).starts_with("--council"));
    assert!(refused(ShapeArgs { measures: Some(5), ..shape(1_000, 1) }).starts_with("--measures"));
    assert!(refused(ShapeArgs { exchanges: Some(5), ..shape(100_000, 1) }).starts_with("--exchanges"));
    assert!(refused(ShapeArgs { areas: Some(5_000), ..shape(1_000, 1) }).contains("leaves nothing"));
}

/// That a share of `whole`, in 10,000, is within bounds.
pub(super) fn assert_share(what: &str, part: u64, whole: u64, bounds: std::ops::RangeInclusive<u64>) {
    let share = part * 10_000 / whole;
    assert!(bounds.contains(&share), "{what}: {share} of 10,000, not within {bounds:?}");
}

#[test]
fn proportions_are_those_of_a_council() {
    let (events, report) = events(&shape(200_000, 1));
    let all = report.records;
    assert_share("duplicates", report.duplicates, all, 100..=200);
    assert_share("reversed", report.reversed, all, 60..=130);
    assert_share("suspended", report.suspended, all, 25..=80);
    assert_share("two-sided", report.exchanges.two_sided, report.exchanges.opened, 6_200..=7_500);
    assert_share("opened", report.exchanges.opened, 60_000, 9_300..=10_000);
    assert_eq!(report.suspended_by_reason.len(), 8, "{:?}", report.suspended_by_reason);
    let bodies = |is: fn(&Body) -> bool| events.iter().filter_map(|event| event.facts.as_ref()?.body.as_ref()).filter(|body| is(body)).count() as u64;
    let contributions = bodies(|body| matches!(body, Body::ContributionRecorded(_)));
    assert_share("contributions", contributions, all, 4_500..=6_000);
    assert_share("state inputs", bodies(|body| matches!(body, Body::StateInputRecorded(_))), all, 3_300..=5_000);
    assert_share("pledges", bodies(|body| matches!(body, Body::PledgeMade(_))), all, 100..=200);
    assert_share("outcomes", bodies(|body| matches!(body, Body::OutcomeObserved(_))), all, 150..=250);
    let spans = events.iter().filter(|event| event.envelope.as_ref().is_some_and(|envelope| !envelope.occurred_end.is_empty())).count() as u64;
    assert_share("spans", spans, all, 200..=450);
    let no_actor = bodies(|body| matches!(body, Body::ContributionRecorded(contribution) if contribution.area.is_empty()));
    assert_share("without area", no_actor, contributions, 250..=600);
}

#[test]
fn seasons_show() {
    let (events, _) = events(&shape(200_000, 1));
    let on = |month: &str, service: &str| {
        let is_it = |event: &&Event| {
            let starts = event.envelope.as_ref().is_some_and(|envelope| envelope.occurred_start.starts_with(month));
            let body = event.facts.as_ref().and_then(|facts| facts.body.as_ref());
            starts && matches!(body, Some(Body::ContributionRecorded(contribution)) if contribution.service == service)
        };
        events.iter().filter(is_it).count()
    };
    assert!(on("2025-08", "education/homework") * 5 < on("2025-03", "education/homework"));
    assert!(on("2025-06", "parks/friends") > 2 * on("2025-01", "parks/friends"));
    assert!(on("2025-12", "housing/upkeep") > on("2025-07", "housing/upkeep"));
}

/// The number by which exchanges are spread over the year.
#[test]
fn a_plan_has_as_many_steps_as_is_expected() {
    let world = world::World::new(shape(1_000_000, 3).shape().unwrap());
    let mut steps = Vec::new();
    let mut sum = 0;
    for number in 0..20_000 {
        let plan = plan::Plan { number, exchange: number as u32, day: (number % 300) as u16, service: (number % 50) as u16 };
        plan::steps(&world, &plan, &mut steps);
        assert!((1..=16).contains(&steps.len()));
        sum += steps.len() as u64;
    }
    let of_100 = sum / 200;
    assert!(of_100.abs_diff(plan::STEPS_OF_100_PLANS) <= 4, "{of_100}");
}
