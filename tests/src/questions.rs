//! Random questions of value.

use crate::events::{MEASURES, SERVICES};
use crate::model::{Model, OF_EXCHANGES};
use crate::random::Random;
use tandem_domain::date::Date;
use tandem_proto::v1::{Dimension, QueryValueRequest, Scope, ValuationRef};

const OF_ENTRIES: [&str; 8] =
    ["quantity", "entries", "citizen_value", "state_value", "co_produced_value", "citizen_share", "leverage", "participants"];
const NEED_NO_PRICE: [&str; 6] = ["quantity", "entries", "participants", "response_rate", "one_sided", "match_latency"];
/// 2024-11-01.
const FIRST_DAY: i32 = 20_028;

/// A question that may be asked: of entries, of whole exchanges, or of both.
pub fn random(model: &Model, random: &mut Random) -> QueryValueRequest {
    let codes: Vec<_> = model.councils.keys().cloned().collect();
    let alone = random.percent(70);
    let councils = if alone { vec![random.pick(&codes).clone()] } else { codes };
    let (of_entries, of_exchanges) = *random.pick(&[(true, false), (false, true), (true, true)]);
    // Councils publish valuations of their own here, so several together are not priced.
    let priced = alone && random.percent(60);
    let mut metrics: Vec<String> = Vec::new();
    metrics.extend(OF_ENTRIES.iter().filter(|_| of_entries).map(|name| (*name).to_owned()));
    metrics.extend(OF_EXCHANGES.iter().filter(|_| of_exchanges).map(|name| (*name).to_owned()));
    metrics.retain(|name| priced || NEED_NO_PRICE.contains(&name.as_str()));
    let valuation = priced.then(|| ValuationRef { id: (*random.pick(&["floor", "market"])).into(), version: random.below(3) as u32 });
    let days = if of_exchanges && random.percent(50) { random.below(100) as u32 } else { 0 };
    QueryValueRequest {
        scope: Some(scope(random, councils, of_exchanges)),
        metrics,
        group_by: dimensions(random, of_exchanges),
        valuation,
        one_sided_older_than_days: days,
        today: if days > 0 { Date(FIRST_DAY + 150).to_string() } else { String::new() },
        page_size: 10_000,
        area_vintage: if random.percent(20) { (*random.pick(&["imd2019", "imd2025", "imd2010"])).into() } else { String::new() },
        ..Default::default()
    }
}

fn scope(random: &mut Random, councils: Vec<String>, of_exchanges: bool) -> Scope {
    let some = |random: &mut Random, of: &[&str]| -> Vec<String> {
        if random.percent(70) { vec![] } else { of.iter().filter(|_| random.percent(50)).map(|id| (*id).to_owned()).collect() }
    };
    let measures: Vec<_> = MEASURES.iter().map(|measure| measure.id).collect();
    let mut scope = Scope { councils, services: some(random, &SERVICES), areas: some(random, &["ward:1", "ward:2", "ward:9"]), ..Scope::default() };
    if !of_exchanges {
        scope.measures = some(random, &measures);
        scope.sides = if random.percent(80) { vec![] } else { vec![1 + random.below(2) as i32] };
        scope.evidence = if random.percent(80) { vec![] } else { vec![1 + random.below(5) as i32, 1 + random.below(5) as i32] };
        scope.evidence.dedup();
    }
    if random.percent(50) {
        let (start, end) = period(random);
        scope.period_start = if random.percent(80) { start } else { String::new() };
        scope.period_end = if random.percent(80) { end } else { String::new() };
    }
    scope
}

/// Days, or whole calendar units.
fn period(random: &mut Random) -> (String, String) {
    let units = [
        ("2025-01-01", "2025-03-31"),
        ("2025-01-01", "2025-12-31"),
        ("2024-12-01", "2025-01-31"),
        ("2025-02-01", "2025-02-28"),
        ("1900-01-01", "2024-12-31"),
    ];
    if random.percent(50) {
        let (start, end) = *random.pick(&units);
        return (start.into(), end.into());
    }
    let start = FIRST_DAY + random.below(150) as i32;
    (Date(start).to_string(), Date(start + random.below(60) as i32).to_string())
}

fn dimensions(random: &mut Random, of_exchanges: bool) -> Vec<i32> {
    let mut plain = vec![Dimension::Council, Dimension::Service, Dimension::Area, Dimension::Decile, Dimension::ParentArea];
    let mut calendar = vec![Dimension::Month, Dimension::Quarter, Dimension::Year];
    if !of_exchanges {
        plain.extend([Dimension::Measure, Dimension::Side, Dimension::Evidence]);
        calendar.push(Dimension::Day);
    }
    let mut chosen: Vec<i32> = plain.into_iter().filter(|_| random.percent(30)).map(i32::from).take(3).collect();
    if random.percent(60) {
        let at = random.below(chosen.len() as u64 + 1) as usize;
        chosen.insert(at, (*random.pick(&calendar)).into());
    }
    chosen
}
