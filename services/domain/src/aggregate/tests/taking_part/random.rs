//! Random histories and questions against the recount.
//!
//! A failure prints its seed; `TAKING_PART_SEED=… cargo test -p tandem-domain taking_part` runs that one.

use super::super::history::COUNCIL;
use super::super::random::Chance;
use super::deeds::{Deed, Kind, MEASURES, SERVICES, VALUATION, figures, folded, shown, shown_keys};
use super::recount::{Figures, NARROW, Recount};
use crate::aggregate::{Filters, Question, ValuationAsked, aggregate};
use crate::date::Date;
use crate::event::{Evidence, Side};
use crate::metrics::{self, Answer, Dimension, Partial};
use std::collections::BTreeMap;

const METRICS: [&str; 5] = ["retention", "concentration", "evidence_quality", "control", "willingness_gap"];
/// Units and decimal places of `support`; people cannot be counted in minutes.
const UNITS: [(&str, u32); 4] = [("%", 2), ("1", 0), ("{person}", 0), ("min", 1)];

fn deed(chance: &mut Chance, id: u128, many: usize) -> Deed {
    let (measure, side, ..) = chance.pick(&MEASURES);
    let kind = match chance.below(20) {
        0..=2 => Kind::Pledge,
        3 => Kind::Outcome(chance.below(9_000) as i64, 1 + chance.below(40) as i64),
        4 | 5 => Kind::Reversal(1 + chance.below(many) as u128),
        _ => Kind::Gift(if chance.one_in(25) { Side::Citizen } else { side }),
    };
    Deed {
        id,
        service: chance.pick(&SERVICES),
        measure: if chance.one_in(25) { "never" } else { measure },
        quantity: 1 + chance.below(200) as i64,
        area: chance.pick(&["", "ward:1", "ward:2"]),
        exchange: if chance.one_in(3) { String::new() } else { format!("plan-{}", chance.below(20)) },
        evidence: 1 + chance.below(5) as i64,
        // Observations of one period replace each other now and then.
        span: if matches!(kind, Kind::Outcome(..)) { crate::date::Span::day(Date(20_100 + 40 * chance.below(3) as i32)) } else { chance.span() },
        actor: if chance.one_in(5) { String::new() } else { format!("person-{}", chance.below(25)) },
        pledge: if chance.one_in(2) { 1 + chance.below(many) as u128 } else { 0 },
        chooser: (kind == Kind::Gift(Side::State) && chance.one_in(2)).then(|| chance.below(4) as i64),
        kind,
    }
}

fn history(chance: &mut Chance) -> Vec<Deed> {
    let many = 150 + chance.below(250);
    let mut deeds = Vec::new();
    for id in 1..=many as u128 {
        let one = deed(chance, id, many);
        deeds.push(one.clone());
        match chance.below(20) {
            0 => deeds.push(one),
            // The same id with other content never has its effect.
            1 if !matches!(one.kind, Kind::Reversal(_)) => deeds.push(Deed { quantity: one.quantity + 1, service: SERVICES[0], ..one }),
            _ => {}
        }
    }
    deeds
}

fn question(chance: &mut Chance, name: &str) -> Question {
    let metric = metrics::find(name).unwrap();
    let all = [Dimension::Service, Dimension::Area, Dimension::Measure, Dimension::Evidence, Dimension::Month, Dimension::Quarter, Dimension::Year];
    let mut group_by: Vec<Dimension> = Vec::new();
    for dimension in all.into_iter().filter(|dimension| metric.group_by.contains(dimension)) {
        let calendar = dimension.grain().is_some() && group_by.iter().any(|other| other.grain().is_some());
        let required = name == "retention" && dimension == Dimension::Month;
        if !calendar && (required || chance.one_in(4)) {
            group_by.insert(chance.below(group_by.len() + 1), dimension);
        }
    }
    let has = |filter| metric.filters.contains(&filter);
    let texts = |of: &[&str]| of.iter().map(|text| text.to_string()).collect::<Vec<_>>();
    let mut some = |of: &[&str], at: usize| if has(NARROW[at]) { chance.some(&texts(of), 4) } else { Vec::new() };
    let (services, measures) = (some(&["care", "parks", "nowhere"], 0), some(&["help", "help-back", "budget", "votes"], 1));
    let areas = some(&["ward:1", "ward:2"], 2);
    let evidence = if has(NARROW[3]) { chance.some(&[Evidence::SelfReported, Evidence::Assumed], 4) } else { Vec::new() };
    let day = |text| Date::parse(text);
    let (start, end) = match chance.below(4) {
        0 => (day("2025-01-01"), day("2025-04-30")),
        1 => (day("2025-02-01"), None),
        2 if name != "retention" => (day("2024-12-11"), day("2025-05-17")),
        _ => (None, None),
    };
    let valuation = chance.one_in(2).then(|| ValuationAsked { id: VALUATION.into(), version: None });
    let support_indicator = (name == "willingness_gap" && !chance.one_in(3)).then(|| "support".to_owned());
    let filters = Filters { services, measures, areas, evidence, start, end, ..Filters::default() };
    Question { filters, group_by, valuation, support_indicator, needs: metric.needs, ..Question::default() }
}

/// Figures of every row and of the whole scope; rows without any are left out.
fn answered(name: &str, answer: &Answer) -> BTreeMap<String, Figures> {
    let of = |partial: &Partial| figures(name, answer, partial).iter().map(|figure| (figure.part.clone(), shown(figure))).collect::<Figures>();
    let rows = answer.groups.iter().map(|group| (shown_keys(&group.keys), of(group)));
    let mut rows: BTreeMap<_, _> = rows.collect();
    // Without dimensions the one row is the total, unless something only overlaps the period.
    rows.insert("total".into(), of(&answer.total));
    rows.retain(|_, figures| !figures.is_empty());
    rows
}

fn compare(seed: u64, seen: &mut BTreeMap<String, u32>) {
    let mut chance = Chance(seed);
    let (deeds, (unit, places)) = (history(&mut chance), chance.pick(&UNITS));
    let rows = folded(&deeds, unit, places.into());
    for number in 0..60 {
        let name = chance.pick(&METRICS);
        let question = question(&mut chance, name);
        let place = format!("TAKING_PART_SEED={seed}, question {number}, {name}: {question:?}");
        let mut expected = Recount::new(&deeds, &question, unit, places).answer(name);
        expected.retain(|_, figures| !figures.is_empty());
        let answer = aggregate(&rows, COUNCIL, &question).unwrap();
        let ours = answered(name, &answer);
        for key in expected.keys().chain(ours.keys()) {
            assert_eq!(ours.get(key), expected.get(key), "{key:?} of {place}");
        }
        for figures in ours.values() {
            for (part, text) in
                figures.iter().filter(|(_, text)| !text.starts_with("none") && !text.starts_with("0 ") && !text.starts_with("0.000000"))
            {
                assert!(!text.is_empty());
                let words: Vec<_> = part.split(' ').skip(1).collect();
                *seen.entry(format!("{name} {}", words.join(" "))).or_default() += 1;
            }
        }
    }
}

#[test]
fn figures_are_those_of_a_recount() {
    let mut seen = BTreeMap::new();
    if let Ok(seed) = std::env::var("TAKING_PART_SEED") {
        return compare(seed.parse().expect("a number"), &mut seen);
    }
    for seed in 1..=12 {
        compare(seed, &mut seen);
    }
    // Every part came to have a value other than zero.
    let parts = [
        "retention ",
        "concentration gini",
        "concentration top tenth",
        "evidence_quality entries",
        "evidence_quality value",
        "control chosen by citizen",
        "control chosen jointly",
        "control GOVERN entries",
        "control DESIGN entries",
        "control GOVERN value",
        "willingness_gap ",
        "willingness_gap pledged of support",
        "willingness_gap done of pledged",
        "willingness_gap matched of done",
    ];
    for part in parts {
        assert!(seen.get(part).is_some_and(|times| *times > 3), "{part}: {seen:?}");
    }
}
