//! The same figures by going over the deeds one by one, in words: no view, no partial result, no number in place of a name. It shares
//! calendar and rounding with what it checks. Gini is taken from its definition as a mean difference, over all pairs.

use super::deeds::{DENOMINATOR, Deed, Kind, MEASURES, Measure, RATES, SERVICES};
use crate::aggregate::Question;
use crate::date::{Date, Grain, Period};
use crate::event::{Role, Side};
use crate::metrics::{Dimension, Filter, ratio, rounded};
use std::collections::{BTreeMap, BTreeSet};

/// Figures by part, in the form of [`super::deeds::shown`].
pub type Figures = BTreeMap<String, String>;

const GRADES: [&str; 5] = ["SELF_REPORTED", "PEER_CONFIRMED", "PROFESSIONAL", "SENSOR", "ASSUMED"];
/// The whole scope.
const TOTAL: &str = "total";

/// Deeds that have their effect, and a question about them.
pub struct Recount<'a> {
    live: Vec<&'a Deed>,
    question: &'a Question,
    /// Unit of `support`, and its decimal places.
    unit: &'a str,
    places: u32,
}

/// Deeds by group; the total is among them.
type Groups<'a> = BTreeMap<String, Vec<&'a Deed>>;

fn measure(id: &str) -> Option<&'static Measure> {
    MEASURES.iter().find(|(known, ..)| *known == id)
}

fn base(id: &str) -> &'static str {
    let (id, .., contra_of, _) = measure(id).expect("defined");
    if contra_of.is_empty() { id } else { contra_of }
}

fn signed(deed: &Deed) -> i128 {
    if base(deed.measure) == deed.measure { deed.quantity.into() } else { -i128::from(deed.quantity) }
}

/// In units of 1 ÷ D.
fn worth(deed: &Deed) -> Option<i128> {
    match measure(deed.measure).expect("defined").2 {
        "GBP" => Some(signed(deed) * DENOMINATOR),
        _ => RATES
            .iter()
            .find(|(of, ..)| *of == base(deed.measure))
            .map(|(_, per, central)| signed(deed) * i128::from(*central) * DENOMINATOR / i128::from(*per)),
    }
}

fn is_contribution(deed: &&Deed) -> bool {
    deed.kind == Kind::Gift(Side::Citizen)
}

fn smallest(deed: &Deed, least: Grain) -> Period {
    let grains = [Grain::Day, Grain::Month, Grain::Quarter, Grain::Year, Grain::Ever];
    let of = |grain: Grain| Period::of(deed.span.start, grain);
    let contains = |unit: &Period| unit.span().start <= deed.span.start && deed.span.end <= unit.span().end;
    grains.into_iter().filter(|grain| *grain >= least).map(of).find(contains).expect("ever")
}

fn share(above: i128, below: i128) -> String {
    if below > 0 { ratio(above, below).expect("positive") } else { "none".into() }
}

fn covered(value: String, unit: &str, covered: usize, total: usize) -> String {
    format!("{value} {unit}, {covered} of {total}")
}

impl<'a> Recount<'a> {
    pub fn new(deeds: &'a [Deed], question: &'a Question, unit: &'a str, places: u32) -> Self {
        let (mut seen, mut first) = (BTreeSet::new(), Vec::new());
        // Reversals have ids of their own; of the others only the first of an id has its effect.
        first.extend(deeds.iter().filter(|deed| !matches!(deed.kind, Kind::Reversal(_)) && seen.insert(deed.id)));
        let reversed: BTreeSet<u128> = deeds.iter().filter_map(|deed| if let Kind::Reversal(of) = deed.kind { Some(of) } else { None }).collect();
        let is_right = |deed: &Deed| match deed.kind {
            Kind::Gift(side) => measure(deed.measure).is_some_and(|(_, of, ..)| *of == side),
            Kind::Pledge => measure(deed.measure).is_some_and(|(_, of, ..)| *of == Side::Citizen),
            _ => true,
        };
        Self { live: first.into_iter().filter(|deed| is_right(deed) && !reversed.contains(&deed.id)).collect(), question, unit, places }
    }

    pub fn answer(&self, metric: &str) -> BTreeMap<String, Figures> {
        let groups = match metric {
            "retention" => return self.retention(),
            "willingness_gap" => return self.willingness(),
            _ => self.groups(|deed| matches!(deed.kind, Kind::Gift(_)), Grain::Day),
        };
        let of = |deeds: &[&Deed]| match metric {
            "concentration" => self.concentration(deeds),
            "evidence_quality" => self.evidence(deeds),
            _ => self.control(deeds),
        };
        groups.into_iter().map(|(key, deeds)| (key, of(&deeds))).collect()
    }

    fn valued(&self) -> bool {
        self.question.valuation.is_some()
    }

    fn is_in_scope(&self, deed: &Deed) -> bool {
        let filters = &self.question.filters;
        let any = |of: &[String], id: &str| of.is_empty() || of.iter().any(|one| one == id);
        let has_measure =
            matches!(deed.kind, Kind::Outcome(..)) || any(&filters.measures, deed.measure) || any(&filters.measures, base(deed.measure));
        let has_evidence = filters.evidence.is_empty() || filters.evidence.iter().any(|grade| *grade as i64 == deed.evidence);
        any(&filters.services, deed.service) && any(&filters.areas, deed.area) && has_measure && has_evidence
    }

    /// None: outside the period. Otherwise whether it only overlaps it.
    fn overlaps(&self, unit: Period) -> Option<bool> {
        let (start, end) = (self.question.filters.start.unwrap_or(Date(i32::MIN)), self.question.filters.end.unwrap_or(Date(i32::MAX)));
        let span = unit.span();
        (span.end >= start && span.start <= end).then_some(span.start < start || span.end > end)
    }

    fn key(&self, deed: &Deed, unit: Period, overlaps: bool) -> String {
        let mark = if overlaps { " overlaps" } else { "" };
        let one = |dimension: &Dimension| match (dimension, dimension.grain()) {
            (_, Some(grain)) if unit.grain > grain => format!("{unit} coarser{mark}"),
            (_, Some(grain)) => format!("{}{mark}", Period::of(unit.span().start, grain)),
            (Dimension::Service, _) => deed.service.into(),
            (Dimension::Area, _) => deed.area.into(),
            (Dimension::Measure, _) => base(deed.measure).into(),
            (Dimension::Evidence, _) => GRADES[deed.evidence as usize - 1].into(),
            (other, _) => panic!("{other:?} is not asked here"),
        };
        let mut keys: Vec<String> = self.question.group_by.iter().map(one).collect();
        if overlaps && self.question.group_by.iter().all(|dimension| dimension.grain().is_none()) {
            keys.push(format!("{unit}{mark}"));
        }
        keys.join(" | ")
    }

    fn groups(&self, wanted: impl Fn(&Deed) -> bool, least: Grain) -> Groups<'a> {
        let mut groups = Groups::from([(TOTAL.into(), Vec::new())]);
        for deed in self.live.iter().copied().filter(|deed| wanted(deed) && self.is_in_scope(deed)) {
            let unit = smallest(deed, least);
            let Some(overlaps) = self.overlaps(unit) else { continue };
            groups.entry(self.key(deed, unit, overlaps)).or_default().push(deed);
            if !overlaps {
                groups.get_mut(TOTAL).expect("there").push(deed);
            }
        }
        groups
    }

    fn concentration(&self, deeds: &[&Deed]) -> Figures {
        let mut figures = Figures::new();
        let contributions: Vec<&&Deed> = deeds.iter().filter(|deed| is_contribution(deed)).collect();
        for of in MEASURES.iter().map(|(id, ..)| *id).filter(|id| base(id) == *id) {
            let all: Vec<_> = contributions.iter().filter(|deed| base(deed.measure) == of).collect();
            let given = all.iter().filter(|deed| !deed.actor.is_empty()).map(|deed| (deed.actor.as_str(), signed(deed)));
            distribution(of, &given.collect::<Vec<_>>(), all.len(), &mut figures);
        }
        if self.valued() {
            let with_actor = contributions.iter().filter(|deed| !deed.actor.is_empty());
            let given = with_actor.filter_map(|deed| Some((deed.actor.as_str(), worth(deed)?)));
            distribution("value", &given.collect::<Vec<_>>(), contributions.len(), &mut figures);
        }
        figures
    }

    fn evidence(&self, deeds: &[&Deed]) -> Figures {
        let mut figures = Figures::new();
        let value = |deeds: &[&&Deed]| deeds.iter().filter_map(|deed| worth(deed)).sum::<i128>();
        let total = value(&deeds.iter().collect::<Vec<_>>());
        for (at, grade) in GRADES.iter().enumerate() {
            let of: Vec<_> = deeds.iter().filter(|deed| deed.evidence == at as i64 + 1).collect();
            figures.insert(format!("{grade} entries"), format!("{} 1", share(of.len() as i128, deeds.len() as i128)));
            if self.valued() {
                let priced = of.iter().filter(|deed| worth(deed).is_some()).count();
                let text = if !of.is_empty() && priced == 0 { "none".into() } else { share(value(&of), total) };
                figures.insert(format!("{grade} value"), covered(text, "1", priced, of.len()));
            }
        }
        figures
    }

    fn control(&self, deeds: &[&Deed]) -> Figures {
        let mut figures = Figures::new();
        for currency in ["EUR", "GBP"] {
            let of: Vec<_> = deeds.iter().filter(|deed| deed.chooser.is_some() && measure(deed.measure).expect("defined").2 == currency).collect();
            let chosen = |by: Option<i64>| of.iter().filter(|deed| deed.chooser == by).map(|deed| signed(deed)).sum::<i128>();
            let known = chosen(Some(1)) + chosen(Some(2)) + chosen(Some(3));
            let count = of.iter().filter(|deed| deed.chooser != Some(0)).count();
            for (by, name) in [(1, "chosen by citizen"), (2, "chosen by council"), (3, "chosen jointly")].into_iter().filter(|_| !of.is_empty()) {
                figures.insert(format!("{currency} {name}"), covered(share(chosen(Some(by)), known), "1", count, of.len()));
            }
        }
        for (role, name) in [(Role::Deliver, "DELIVER"), (Role::Design, "DESIGN"), (Role::Govern, "GOVERN"), (Role::Inform, "INFORM")] {
            let is_of = |deed: &&&Deed| is_contribution(deed) && measure(base(deed.measure)).expect("defined").4 == role;
            let of: Vec<_> = deeds.iter().filter(is_of).collect();
            figures.insert(format!("role {name} entries"), format!("{} {{entry}}", of.len()));
            if self.valued() {
                let worths: Vec<i128> = of.iter().filter_map(|deed| worth(deed)).collect();
                let text = if worths.is_empty() { "none".into() } else { rounded(worths.iter().sum(), DENOMINATOR as u64).to_string() };
                figures.insert(format!("role {name} value"), covered(text, "GBP{minor}", worths.len(), of.len()));
            }
        }
        figures
    }

    fn retention(&self) -> BTreeMap<String, Figures> {
        let by_service = self.question.group_by.contains(&Dimension::Service);
        let rows = self.groups(|deed| deed.kind == Kind::Gift(Side::Citizen), Grain::Day);
        let gifts: Vec<&Deed> =
            self.live.iter().copied().filter(is_contribution).filter(|deed| self.is_in_scope(deed) && !deed.actor.is_empty()).collect();
        let month = |deed: &Deed| Some(smallest(deed, Grain::Month)).filter(|unit| unit.grain == Grain::Month).map(|unit| unit.index);
        let (first, last) = (gifts.iter().filter_map(|deed| month(deed)).min(), gifts.iter().filter_map(|deed| month(deed)).max());
        let services: Vec<Option<&str>> = if by_service { SERVICES.iter().map(|id| Some(*id)).collect() } else { vec![None] };
        // Before, returned, new, by row.
        let mut counts: BTreeMap<String, [usize; 3]> = rows.keys().map(|key| (key.clone(), [0; 3])).collect();
        for index in first.zip(last).into_iter().flat_map(|(first, last)| first..=last) {
            let unit = Period { grain: Grain::Month, index };
            if self.overlaps(unit) != Some(false) {
                continue;
            }
            let of = |service: Option<&str>| {
                let within: Vec<_> = gifts.iter().filter(|deed| service.is_none_or(|service| deed.service == service)).collect();
                let actors = |at: i32| within.iter().filter(|deed| month(deed) == Some(at)).map(|deed| deed.actor.clone()).collect::<BTreeSet<_>>();
                let (now, before) = (actors(index), actors(index - 1));
                let ended = |deed: &Deed| smallest(deed, Grain::Month).span().end < unit.span().start;
                let new = now.iter().filter(|actor| !within.iter().any(|deed| deed.actor == **actor && ended(deed)));
                ([before.len(), before.intersection(&now).count(), new.count()], !now.is_empty() || !before.is_empty())
            };
            let mut add = |key: String, counted: [usize; 3]| {
                let row = counts.entry(key).or_default();
                row.iter_mut().zip(counted).for_each(|(sum, count)| *sum += count);
            };
            for service in &services {
                let (counted, any) = of(*service);
                let key =
                    |dimension: &Dimension| if *dimension == Dimension::Service { service.unwrap_or_default().into() } else { unit.to_string() };
                if any {
                    add(self.question.group_by.iter().map(key).collect::<Vec<_>>().join(" | "), counted);
                }
            }
            add(TOTAL.into(), of(None).0);
        }
        let figures = |(key, [before, returned, new]): (String, [usize; 3])| {
            let deeds = rows.get(&key).cloned().unwrap_or_default();
            let entries = deeds.iter().filter(|deed| !deed.actor.is_empty() && month(deed).is_some()).count();
            let of = |text: String, unit: &str| covered(text, unit, entries, deeds.len());
            let known = entries > 0 || before > 0 || deeds.is_empty();
            let count = |count: usize| of(if known { count.to_string() } else { "none".into() }, "{actor}");
            let parts = [("", of(share(returned as i128, before as i128), "1")), ("new", count(new)), ("lapsed", count(before - returned))];
            (key, parts.map(|(part, text)| (part.to_owned(), text)).into())
        };
        counts.into_iter().map(figures).collect()
    }

    fn willingness(&self) -> BTreeMap<String, Figures> {
        let is_outcome = |deed: &Deed| matches!(deed.kind, Kind::Outcome(..));
        let asked = self.question.support_indicator.is_some();
        let groups = self.groups(|deed| deed.kind == Kind::Pledge || asked && is_outcome(deed), Grain::Month);
        let two_sided = |exchange: &str| {
            let has = |side| self.live.iter().any(|deed| deed.kind == Kind::Gift(side) && deed.exchange == exchange);
            !exchange.is_empty() && has(Side::Citizen) && has(Side::State)
        };
        let row = |(key, deeds): (String, Vec<&Deed>)| {
            let mut figures = Figures::new();
            // The last of one service, area and period is in force.
            let mut in_force = BTreeMap::new();
            for deed in deeds.iter().filter(|deed| is_outcome(deed)) {
                if let Kind::Outcome(numerator, denominator) = deed.kind {
                    in_force.insert((deed.service, deed.area, deed.span.start, deed.span.end), (i128::from(numerator), i128::from(denominator)));
                }
            }
            let (n, d) = in_force.values().fold((0, 0), |(n, d), (numerator, denominator)| (n + numerator, d + denominator));
            let scale = 10i128.pow(self.places);
            if asked {
                figures.insert("support".into(), format!("{} {}", ratio(n, d * scale).unwrap_or("none".into()), self.unit));
            }
            for of in MEASURES.iter().map(|(id, ..)| *id).filter(|id| base(id) == *id) {
                let pledges: Vec<_> = deeds.iter().filter(|deed| deed.kind == Kind::Pledge && base(deed.measure) == of).collect();
                if pledges.is_empty() {
                    continue;
                }
                let names: Vec<_> =
                    self.live.iter().filter(|deed| is_contribution(deed) && pledges.iter().any(|pledge| pledge.id == deed.pledge)).collect();
                let same: Vec<_> = names.iter().filter(|deed| base(deed.measure) == of).collect();
                let pledged: i128 = pledges.iter().map(|deed| signed(deed)).sum();
                let done: i128 = same.iter().map(|deed| signed(deed)).sum();
                let matched: i128 = same.iter().filter(|deed| two_sided(&deed.exchange)).map(|deed| signed(deed)).sum();
                if asked {
                    // n ÷ scale in per cent are n ÷ scale ÷ 100 people.
                    let people = if self.unit == "%" { scale * 100 } else { scale };
                    let text = if self.unit == "min" { "none".into() } else { share(pledges.len() as i128 * people, n) };
                    figures.insert(format!("{of} pledged of support"), format!("{text} 1"));
                }
                figures.insert(format!("{of} done of pledged"), covered(share(done, pledged), "1", same.len(), names.len()));
                figures.insert(format!("{of} matched of done"), format!("{} 1", share(matched, done)));
            }
            (key, figures)
        };
        groups.into_iter().map(row).collect()
    }
}

/// Gini as half the mean difference of all pairs over the mean.
fn distribution(name: &str, given: &[(&str, i128)], total: usize, figures: &mut Figures) {
    let mut by_actor: BTreeMap<&str, i128> = BTreeMap::new();
    given.iter().for_each(|(actor, amount)| *by_actor.entry(actor).or_default() += amount);
    let mut amounts: Vec<i128> = by_actor.into_values().map(|amount| amount.max(0)).collect();
    if amounts.is_empty() {
        return;
    }
    amounts.sort_unstable_by_key(|amount| -amount);
    let (number, sum) = (amounts.len(), amounts.iter().sum::<i128>());
    let differences: i128 = amounts.iter().flat_map(|a| amounts.iter().map(move |b| (a - b).abs())).sum();
    let top: i128 = amounts.iter().take(number.div_ceil(10)).sum();
    let mut insert = |part: &str, text: String, unit: &str| figures.insert(format!("{name} {part}"), covered(text, unit, given.len(), total));
    insert("gini", share(differences, 2 * number as i128 * sum), "1");
    insert("top tenth", share(top, sum), "1");
    insert("actors", number.to_string(), "{actor}");
}

/// Filters that every metric here but retention, and but willingness for the last, takes.
pub const NARROW: [Filter; 4] = [Filter::Services, Filter::Measures, Filter::Areas, Filter::Evidence];
