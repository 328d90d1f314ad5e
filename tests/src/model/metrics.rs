//! The metrics, as `tandem metrics` defines them, from a row's sums.

use super::money::{Amount, Prices, Ratio};
use super::value::Figures;
use std::collections::BTreeSet;

/// What one figure should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Which part of the metric.
    pub part: String,
    /// Its unit, where that is the measure's; otherwise empty.
    pub unit: String,
    /// None: no value.
    pub central: Option<String>,
    /// None: no range.
    pub low: Option<String>,
    /// None: no range.
    pub high: Option<String>,
    /// What a ratio is before rounding.
    pub ratio: Option<Ratio>,
    /// Covered and total; none: all of it by definition.
    pub coverage: Option<(u64, u64)>,
    /// What was left out for want of a price.
    pub unpriced: BTreeSet<String>,
}

/// A metric's parts.
pub fn expected(metric: &str, figures: &Figures, prices: Option<&Prices>) -> Vec<Expected> {
    let of = figures;
    match metric {
        "quantity" => {
            let sums = of.quantities.iter();
            sums.map(|((measure, _, unit), sum)| Expected { unit: unit.clone(), ..plain(measure, Some(sum.quantity.to_string())) }).collect()
        }
        "entries" => vec![plain("", Some((of.count[0] + of.count[1]).to_string()))],
        "citizen_value" => vec![Expected { coverage: Some((of.priced[0], of.count[0])), ..money("", of.value[0], of.priced[0], prices) }],
        "state_value" => vec![Expected { coverage: Some((of.priced[1], of.count[1])), ..money("", of.value[1], of.priced[1], prices) }],
        "co_produced_value" => {
            let both = std::array::from_fn(|rate| of.matched_value[0][rate] + of.matched_value[1][rate]);
            let (priced, count): (u64, u64) = (of.matched_priced.iter().sum(), of.matched_count.iter().sum());
            // Where something has a price and nothing is matched, nothing is what was co-produced.
            let known = if count == 0 { of.priced.iter().sum() } else { priced };
            vec![Expected { coverage: Some((priced, count)), ..money("", both, known, prices) }]
        }
        "citizen_share" | "leverage" => vec![share(metric, of)],
        "reciprocity" => {
            let coverage = Some((of.exchanges_priced, of.opened));
            vec![Expected { coverage, ..ratio(of.reciprocal[1], of.both_sides[1]) }]
        }
        "response_rate" => vec![ratio(of.two_sided.into(), of.opened.into())],
        "one_sided" => one_sided(of, prices),
        "match_latency" => {
            let part = |name: &str, percent| plain(name, of.latency(percent).map(|days| days.to_string()));
            vec![part("p50", 50), part("p90", 90)]
        }
        "participants" => {
            // Where nobody gave anything, nobody took part; where givers are not known, that is not known either.
            let central = (of.contributions == 0 || of.contributions_with_actor > 0).then(|| of.actors.len().to_string());
            vec![Expected { coverage: Some((of.contributions_with_actor, of.contributions)), ..plain("", central) }]
        }
        _ => panic!("no metric {metric}"),
    }
}

fn plain(part: &str, central: Option<String>) -> Expected {
    Expected { part: part.to_owned(), central, ..Expected::default() }
}

/// No value where nothing has a price.
fn money(part: &str, amount: Amount, priced: u64, prices: Option<&Prices>) -> Expected {
    let text = |rate: usize| prices.filter(|_| priced > 0)?.text(amount[rate]);
    Expected { part: part.to_owned(), low: text(0), central: text(1), high: text(2), ..Expected::default() }
}

fn ratio(numerator: i128, denominator: i128) -> Expected {
    let ratio = Ratio { numerator, denominator };
    Expected { central: ratio.text(6), ratio: Some(ratio), ..Expected::default() }
}

/// No value if one side has entries of which none has a price.
fn share(metric: &str, of: &Figures) -> Expected {
    let (citizen, state) = (of.value[0][1], of.value[1][1]);
    let blind = (0..2).any(|side| of.count[side] > 0 && of.priced[side] == 0);
    let denominator = if metric == "leverage" { state } else { citizen + state };
    let known = if blind { ratio(0, 0) } else { ratio(citizen, denominator) };
    Expected { coverage: Some((of.priced.iter().sum(), of.count.iter().sum())), ..known }
}

fn one_sided(of: &Figures, prices: Option<&Prices>) -> Vec<Expected> {
    let mut parts = Vec::new();
    for (side, name) in ["citizen", "state"].into_iter().enumerate() {
        parts.push(plain(&format!("{name} count"), Some(of.one_sided[side].to_string())));
        if prices.is_some() {
            let value = money(&format!("{name} value"), of.one_sided_value[side], of.one_sided_priced[side], prices);
            parts.push(Expected { coverage: Some((of.one_sided_priced[side], of.one_sided[side])), ..value });
        }
    }
    parts
}
