//! The registry, what it refuses, and how answers of several councils become one.

use super::*;
use crate::event::Side;

fn fields(wrong: Vec<Invalid>) -> Vec<String> {
    wrong.into_iter().map(|about| about.field).collect()
}

fn of(names: &[&str]) -> Vec<&'static Metric> {
    names.iter().map(|name| find(name).unwrap()).collect()
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest() {
    let nearest = |name| find(name).unwrap_err().nearest;
    assert_eq!(
        ["citizenvalue", "latency", "recprocity", "Participants", ""].map(nearest),
        ["citizen_value", "match_latency", "reciprocity", "participants", "equity",]
    );
    assert_eq!(find("co-produced").unwrap_err().to_string(), "is no metric; the nearest name is co_produced_value");
    for (index, metric) in ALL.iter().enumerate() {
        assert_eq!(find(metric.name).unwrap().name, metric.name);
        assert!(ALL[..index].iter().all(|other| other.name != metric.name));
        assert!(!metric.definition.contains("  ") && metric.definition.ends_with('.'), "{}", metric.name);
    }
}

#[test]
fn what_cannot_be_asked_is_named_with_its_field() {
    use Dimension::*;
    assert!(check(&of(&["citizen_value", "quantity"]), &[Measure, Day, Area], &[Filter::Measures], true).is_empty());
    assert_eq!(fields(check(&of(&["citizen_value"]), &[], &[], false)), ["valuation"]);
    assert!(check(&of(&["one_sided", "response_rate", "participants"]), &[Service, Quarter], &[Filter::Period], false).is_empty());
    let wrong = check(&of(&["quantity", "match_latency"]), &[Side, Month, Evidence], &[Filter::Evidence, Filter::Areas], false);
    assert_eq!(fields(wrong.clone()), ["group_by[0]", "group_by[2]", "scope.evidence"]);
    assert!(wrong[0].description.starts_with("match_latency cannot be grouped by side: it is about whole exchanges"));
    assert_eq!(fields(check(&of(&["entries"]), &[Month, Month, Year], &[], false)), ["group_by[1]", "group_by[2]"]);
}

#[test]
fn needs_add_up() {
    let needs = needs(of(&["participants", "one_sided"]));
    assert_eq!(needs, Needs { exchanges: true, exchange_values: true, participants: true, ..Needs::default() });
    assert!(super::needs(of(&["leverage"])).valuation);
}

fn money(denominator: u64) -> Money<'static> {
    Money { currency: "GBP", denominator }
}

fn central(name: &str, partial: &Partial, money: Money<'_>) -> Option<String> {
    find(name).unwrap().evaluate(partial, money).remove(0).central
}

fn side(central: i128, count: i64, priced: i64) -> SidePartial {
    SidePartial { value: Amount { low: central, central, high: central }, count, priced_count: priced, ..SidePartial::default() }
}

#[test]
fn money_is_rounded_once_half_to_even() {
    let of = |amount| central("citizen_value", &Partial { citizen: side(amount, 1, 1), ..Partial::default() }, money(60));
    assert_eq!([90, 150, 89, 91, -90].map(of).map(Option::unwrap), ["2", "2", "1", "2", "-2"]);
}

#[test]
fn no_value_is_not_zero() {
    let partial = Partial { citizen: side(0, 4, 0), state: side(50, 1, 1), ..Partial::default() };
    assert_eq!(
        ["citizen_value", "citizen_share", "leverage", "reciprocity", "response_rate", "match_latency"].map(|name| central(name, &partial, money(1))),
        [const { None }; 6]
    );
    assert_eq!(central("state_value", &partial, money(1)).unwrap(), "50");
    // Nothing of the state's side was recorded: citizens gave all there is, and there is nothing to divide their part by.
    let alone = Partial { citizen: side(7, 1, 1), ..Partial::default() };
    assert_eq!(
        ["citizen_share", "leverage", "co_produced_value"].map(|name| central(name, &alone, money(1))),
        [Some("1.000000".into()), None, Some("0".into()),]
    );
    // Somebody gave it, but nobody knows who.
    let nameless = Partial { contributions: 3, ..Partial::default() };
    assert_eq!(central("participants", &nameless, money(1)), None);
    assert_eq!(central("participants", &Partial::default(), money(1)).unwrap(), "0");
    let lapsed = Partial { contributions: 3, contributions_with_actor: 2, participants: 1, ..Partial::default() };
    assert_eq!(central("participants", &lapsed, money(1)).unwrap(), "1");
}

#[test]
fn percentiles_are_by_nearest_rank() {
    let of = |latencies: &[(u32, u64)]| {
        let exchanges = ExchangePartial { latencies: latencies.to_vec(), ..ExchangePartial::default() };
        let figures = find("match_latency").unwrap().evaluate(&Partial { exchanges, ..Partial::default() }, money(1));
        figures.into_iter().map(|figure| (figure.part, figure.central)).collect::<Vec<_>>()
    };
    let expected = |p50: &str, p90: &str| vec![("p50".to_owned(), Some(p50.to_owned())), ("p90".to_owned(), Some(p90.to_owned()))];
    assert_eq!(of(&[(4, 1)]), expected("4", "4"));
    // Of ten, the fifth and the ninth; of eleven, the sixth and the tenth.
    assert_eq!(of(&[(0, 5), (1, 3), (7, 2)]), expected("0", "7"));
    assert_eq!(of(&[(0, 5), (1, 4), (7, 2)]), expected("1", "7"));
    assert_eq!(of(&[(0, 9), (30, 1)]), expected("0", "0"));
}

fn answer(denominator: u64, groups: Vec<Partial>) -> Answer {
    let total = groups.iter().cloned().fold(Partial::default(), |mut total, group| {
        total.add(group).unwrap();
        total
    });
    let valuation = Some(ValuationUsed { id: "floor".into(), version: 1, currency: "GBP".into() });
    Answer { groups, total, valuation, denominator, area_vintages: vec![], residents: vec![] }
}

fn group(value: &str, amount: i128) -> Partial {
    let keys = vec![GroupKey { dimension: Dimension::Service, value: value.into(), coarser: false, overlaps: false }];
    let measure = |measure: &str, unit: &str| MeasurePartial {
        measure: measure.into(),
        side: Side::Citizen,
        unit: unit.into(),
        quantity: 3,
        matched_quantity: 1,
        count: 1,
        matched_count: 1,
        priced_count: 1,
        matched_priced_count: 1,
    };
    let exchanges = ExchangePartial { opened: 2, latencies: vec![(1, 1), (amount as u32, 1)], ..ExchangePartial::default() };
    Partial {
        keys,
        measures: vec![measure("help", "min"), measure("kept", value)],
        citizen: side(amount, 1, 1),
        exchanges,
        participants: 2,
        ..Partial::default()
    }
}

#[test]
fn councils_are_added_exactly_whatever_their_denominators() {
    // 10/4 + 10/6 = 50/12, which is 4.17 and not the 4 + 2 of parts rounded first.
    let mut sum = answer(4, vec![group("a", 10), group("b", 5)]);
    sum.merge(answer(6, vec![group("a", 10), group("c", 1)])).unwrap();
    assert_eq!((sum.denominator, sum.groups.len()), (12, 3));
    let a = &sum.groups[0];
    assert_eq!((a.citizen.value.central, a.participants, a.exchanges.opened), (50, 4, 4));
    assert_eq!(a.exchanges.latencies, [(1, 2), (10, 2)]);
    assert_eq!(central("citizen_value", a, Money { currency: "GBP", denominator: 12 }).unwrap(), "4");
    assert_eq!(sum.groups.iter().map(|group| group.citizen.value.central).collect::<Vec<_>>(), [50, 15, 2]);
    assert_eq!(sum.total.citizen.value.central, 67);
    // The same measure in another unit is another measure.
    let shown: Vec<_> = sum.total.measures.iter().map(|measure| (measure.measure.as_str(), measure.unit.as_str(), measure.quantity)).collect();
    assert_eq!(shown, [("help", "min", 12), ("kept", "a", 6), ("kept", "b", 3), ("kept", "c", 3)]);
}

#[test]
fn what_does_not_add_up_is_refused() {
    let mut other = answer(1, vec![]);
    other.valuation.as_mut().unwrap().version = 2;
    assert!(answer(1, vec![]).merge(other).unwrap_err().to_string().contains("floor version 1 in GBP and floor version 2 in GBP"));
    assert_eq!(answer(1, vec![group("a", i128::MAX)]).merge(answer(1, vec![group("a", 1)])), Err(Mismatch::Overflow));
    assert_eq!(answer(2, vec![group("a", i128::MAX)]).merge(answer(3, vec![group("a", 1)])), Err(Mismatch::Overflow));
}

#[test]
fn outcomes_of_councils_are_added_if_they_mean_the_same() {
    let of = |decimal_places, numerator, denominator, amount| {
        let indicator = IndicatorUsed { id: "rate".into(), unit: "%".into(), decimal_places, direction: crate::event::Direction::Higher };
        let outcome = OutcomePartial { numerator, denominator, count: 1, indicator: Some(indicator) };
        let observation =
            Observation { mode: crate::event::ServiceMode::Relational, months: 1, numerator, denominator, citizen: Some(amount), state: None };
        let earlier = Some(Box::new(Partial { citizen: side(amount, 1, 1), ..Partial::default() }));
        let total = Partial { outcome, observations: vec![observation], earlier, ..Partial::default() };
        Answer { total, ..answer(amount as u64, vec![]) }
    };
    let mut sum = of(1, 905, 1, 4);
    sum.merge(of(1, 2_400, 3, 6)).unwrap();
    // 3,305 ÷ 4 tenths are 82.625 per cent: amounts, earlier ones and those of observations too, are in twelfths.
    assert_eq!(central("outcome", &sum.total, money(1)).unwrap(), "82.6");
    let observed: Vec<_> = sum.total.observations.iter().map(|observation| observation.citizen.unwrap()).collect();
    assert_eq!((sum.denominator, observed, sum.total.earlier.unwrap().citizen.value.central), (12, vec![12, 12], 24));
    let different = of(1, 905, 1, 4).merge(of(2, 905, 1, 4)).unwrap_err();
    assert!(different.to_string().contains("rate in % with 1 decimal places, higher is better and rate in % with 2"), "{different}");
}
