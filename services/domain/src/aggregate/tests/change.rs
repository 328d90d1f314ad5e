//! The change of a value explained: by hand, and against a replay of random histories that goes event by event.
//!
//! A failure prints its seed; `AS_OF_SEED=… cargo test -p tandem-domain change` runs that one.

use super::as_of::{entries, seeds};
use super::history::{COUNCIL, Event, Gift, Rate, folded, folded_one_by_one};
use super::random::{Chance, valuations};
use super::recount::{Recount, denominator};
use crate::aggregate::{AsOf, Error, Question, Start, ValuationAsked, aggregate, explain};
use crate::date::{Date, Span};
use crate::event::Side;
use crate::metrics::{self, Amount, ChangeFigure, ChangePartial, Dimension, EFFECTS, Effects, GroupKey, Money, Needs};
use std::collections::{BTreeMap, BTreeSet};

/// One gift as the replay has it.
struct Line {
    gift: Gift,
    recorded: usize,
    is_live: bool,
    is_matched: bool,
    /// Times that it counts in quantity and correction: of its side, and matched.
    times: [[i64; 2]; 2],
}

/// Goes over a history event by event and sorts what each brings about into quantity and correction, looking at every gift each time.
struct Replay {
    lines: Vec<Line>,
    /// Events after the first point, up to the second.
    window: std::ops::Range<usize>,
}

impl Replay {
    fn new(events: &[Event], window: std::ops::Range<usize>) -> Self {
        let mut replay = Self { lines: Vec::new(), window };
        let (mut defined, mut sides, mut seen) = (BTreeSet::new(), BTreeMap::new(), BTreeSet::new());
        let (mut waiting, mut early): (Vec<usize>, BTreeSet<u128>) = (Vec::new(), BTreeSet::new());
        for event in events {
            if let Event::Measure(id, side, ..) = event {
                sides.insert(*id, *side);
            }
        }
        for (at, event) in events[..replay.window.end].iter().enumerate() {
            match event {
                Event::Service(id) | Event::Measure(id, ..) => drop(defined.insert(*id)),
                Event::Valuation(..) | Event::Area(_) => {}
                // They have no value.
                Event::Indicator(..) | Event::Outcome(_) | Event::OutcomeReversal(..) => {}
                Event::Gift(gift) if !seen.insert(gift.id) => {}
                Event::Gift(gift) => {
                    let line = Line { gift: gift.clone(), recorded: at, is_live: false, is_matched: false, times: [[0; 2]; 2] };
                    replay.lines.push(line);
                    // On the wrong side it never takes effect.
                    if sides.get(gift.measure) == Some(&gift.side) {
                        waiting.push(replay.lines.len() - 1);
                    }
                }
                Event::Reversal(target) => match replay.lines.iter().position(|line| line.gift.id == *target && line.is_live) {
                    Some(index) => replay.set(at, index, false),
                    None => drop(early.insert(*target)),
                },
            }
            let ready = |index: &usize| defined.contains(replay.lines[*index].gift.service) && defined.contains(replay.lines[*index].gift.measure);
            let (cured, still): (Vec<usize>, Vec<usize>) = waiting.iter().partition(|index| ready(index));
            waiting = still;
            cured.iter().for_each(|index| replay.set(at, *index, true));
            for index in cured {
                if early.contains(&replay.lines[index].gift.id) {
                    replay.set(at, index, false);
                }
            }
        }
        replay
    }

    /// A gift begins or ceases to count at an event.
    fn set(&mut self, at: usize, index: usize, is_live: bool) {
        let kind = usize::from(!(is_live && self.lines[index].recorded >= self.window.start));
        let is_in_window = self.window.contains(&at);
        self.lines[index].is_live = is_live;
        self.lines[index].times[0][kind] += i64::from(is_in_window) * if is_live { 1 } else { -1 };
        let has =
            |side| self.lines.iter().any(|line| line.is_live && line.gift.side == side && line.gift.exchange == self.lines[index].gift.exchange);
        let exchange = self.lines[index].gift.exchange.clone();
        let is_two_sided = !exchange.is_empty() && has(Side::Citizen) && has(Side::State);
        for line in self.lines.iter_mut().filter(|line| line.gift.exchange == exchange) {
            let is_matched = line.is_live && is_two_sided;
            line.times[1][kind] += i64::from(is_in_window) * (i64::from(is_matched) - i64::from(line.is_matched));
            line.is_matched = is_matched;
        }
    }
}

fn times(amount: Amount, by: i64) -> Amount {
    amount.times(by.into()).unwrap()
}

/// What the replay says, by keys and in the whole scope.
fn expected(
    events: &[Event],
    window: std::ops::Range<usize>,
    question: &Question,
    first: &ValuationAsked,
) -> (BTreeMap<Vec<GroupKey>, ChangePartial>, ChangePartial, u64) {
    let (recount, replay) = (Recount::new(events), Replay::new(events, window));
    let second = question.valuation.as_ref().unwrap();
    let lists = [first, second].map(|asked| recount.prices(&asked.id, asked.version));
    let common = denominator(&lists.map(|rates| rates.as_slice()).concat());
    let mut groups: BTreeMap<Vec<GroupKey>, ChangePartial> = BTreeMap::new();
    let mut total = ChangePartial::default();
    let has_any = |line: &&Line| line.is_live || line.times != [[0; 2]; 2];
    for line in replay.lines.iter().filter(has_any) {
        let Some((keys, is_whole)) = recount.group_of(question, &line.gift) else { continue };
        let worth = lists.map(|rates| recount.worth(&line.gift, rates).map(|amount| times(amount, common / denominator(rates))));
        let effects = |of: usize, counts: bool| {
            let one = worth[0].unwrap_or_default();
            let mut effects = Effects { quantity: times(one, line.times[of][0]), correction: times(one, line.times[of][1]), ..Effects::default() };
            let then = times(worth[1].unwrap_or_default().plus(times(one, -1)).unwrap(), i64::from(counts));
            match worth {
                [Some(_), Some(_)] => effects.rate = then,
                _ => effects.coverage = then,
            }
            effects
        };
        let (own, matched) = (effects(0, line.is_live), effects(1, line.is_matched));
        let group = groups.entry(keys.clone()).or_insert_with(|| ChangePartial { keys, ..ChangePartial::default() });
        for sum in [Some(group), is_whole.then_some(&mut total)].into_iter().flatten() {
            let side = if line.gift.side == Side::Citizen { &mut sum.citizen } else { &mut sum.state };
            side.add(own).unwrap();
            sum.matched.add(matched).unwrap();
        }
    }
    groups.retain(|_, partial| !partial.is_nothing());
    (groups, total, common as u64)
}

/// A question of values, and what its change is counted from.
fn question(chance: &mut Chance) -> (Question, Option<ValuationAsked>) {
    let mut question = loop {
        let question = chance.question_of_a_point();
        if question.valuation.is_some() && !question.needs.exchanges {
            break question;
        }
    };
    question.needs = Needs { cells: true, ..Needs::default() };
    let other = chance.pick(&[None, Some(("dated", Some(1))), Some(("monthly", None)), Some(("constant", None))]);
    (question, other.map(|(id, version)| ValuationAsked { id: id.to_owned(), version }))
}

#[test]
fn effects_are_those_of_a_replay_and_add_up() {
    let mut seen = [0; 4];
    for seed in seeds(11..=16) {
        let mut chance = Chance(seed);
        let events = chance.history();
        let prefixes = folded_one_by_one(&events);
        let whole = prefixes.last().unwrap();
        for number in 0..150 {
            let (question, valuation) = question(&mut chance);
            let first = valuations().len();
            let (a, b) = (first + chance.below(events.len() - first + 1), first + chance.below(events.len() - first + 1));
            let (from, to) = (a.min(b), a.max(b));
            let place = format!("AS_OF_SEED={seed}, question {number}: events {from} to {to} of {valuation:?} {question:?}");
            // The last question is about two valuations, without a first point.
            let from = if chance.one_in(4) { to } else { from };
            let at = |events: usize| AsOf::Sequence(entries(&prefixes[events - 1]) - 1);
            let asked = Question { as_of: Some(at(to)), ..question.clone() };
            let start = Start { as_of: (from != to).then(|| at(from)), valuation: valuation.clone() };
            let answered = explain(whole, COUNCIL, &asked, Some(&start)).unwrap();
            let (mut change, _) = answered.change.unwrap();
            let mut answer = answered.answer;

            let earlier = valuation.clone().or_else(|| question.valuation.clone());
            assert_eq!(
                change.from,
                aggregate(&prefixes[from - 1], COUNCIL, &Question { valuation: earlier.clone(), ..question.clone() }).unwrap(),
                "{place}"
            );
            assert_eq!(answer, aggregate(&prefixes[to - 1], COUNCIL, &question).unwrap(), "{place}");
            let (groups, total, common) = expected(&events, from..to, &question, &earlier.unwrap());
            assert_eq!((&change.total, change.denominator), (&total, common), "{place}");
            assert_eq!(change.groups, groups.into_values().collect::<Vec<_>>(), "{place}");

            change.align(&mut answer);
            let money = Money { currency: "GBP", denominator: answer.denominator };
            for name in metrics::EXPLAINED {
                let metric = metrics::find(name).unwrap();
                // A part that were missing would be an error here.
                let of_groups = answer.groups.iter().map(|group| change.of_group(metric, group, money).expect(&place));
                for figure in of_groups.chain([change.of_total(metric, &answer.total, money).expect(&place)]) {
                    let effects = figure.effects.into_iter().flatten().map(|shown| shown.exact != "0");
                    seen.iter_mut().zip(effects).for_each(|(seen, is)| *seen += u32::from(is));
                }
            }
        }
    }
    assert!(seen.iter().all(|seen| *seen > 100), "every effect came to be: {seen:?}");
}

/// Day on which the `at`-th event of [`worked`] was recorded.
fn recorded(at: i32) -> Option<AsOf> {
    Some(AsOf::Recorded(Date(20_000 + 10 * at)))
}

/// ```text
///  0 –  5  catalogue; two valuations
///  6       ana     90 min helping   plan-7
///  7       ben     30 min helping   plan-8
///  8       school  45 min teaching  plan-7     → plan-7 is two-sided
///  9       cat     20 h   driving   plan-8     in suspense: nobody has defined driving
/// ------ the first point
/// 10       school  10 min teaching  plan-8     → plan-8 is two-sided
/// 11       dan     60 min helping
/// 12       driving is defined                  → cat's 20 h take effect
/// 13       the 45 min of 8 are reversed        → plan-7 is one-sided
/// 14       dan's 60 min are reversed
/// ------ the second point
/// ```
/// In pence: an hour of help is worth 1,200, then 1,500; one of teaching 3,000 in both; an hour of driving 100 in the second only.
fn worked() -> Vec<Event> {
    let rate = |measure, per_quantity, central| Rate { measure, per_quantity, low: central, central, high: central, from: "" };
    let gift = |id, side, measure, quantity, exchange: &str, party: &str| {
        let (service, exchange, party) = ("tutoring", exchange.to_owned(), party.to_owned());
        let occurred = Span::day(Date::parse("2025-03-03").unwrap());
        Event::Gift(Gift { id, side, service, measure, quantity, area: "ward:1", exchange, evidence: 3, occurred, party })
    };
    vec![
        Event::Service("tutoring"),
        Event::Measure("helping", Side::Citizen, "min", ""),
        Event::Measure("teaching", Side::State, "min", ""),
        Event::Valuation("floor", 1, vec![rate("helping", 60, 1_200), rate("teaching", 60, 3_000)]),
        Event::Valuation("market", 1, vec![rate("helping", 60, 1_500), rate("teaching", 60, 3_000), rate("driving", 1, 100)]),
        Event::Valuation("solo", 1, vec![rate("driving", 1, 100)]),
        gift(1, Side::Citizen, "helping", 90, "plan-7", "ana"),
        gift(2, Side::Citizen, "helping", 30, "plan-8", "ben"),
        gift(3, Side::State, "teaching", 45, "plan-7", ""),
        gift(4, Side::Citizen, "driving", 20, "plan-8", "cat"),
        gift(5, Side::State, "teaching", 10, "plan-8", ""),
        gift(6, Side::Citizen, "helping", 60, "", "dan"),
        Event::Measure("driving", Side::Citizen, "h", ""),
        Event::Reversal(3),
        Event::Reversal(6),
    ]
}

/// "from → to: quantity, correction, rate, coverage" of each explained metric in the whole scope.
fn explained(from: Option<AsOf>, to: Option<AsOf>, first: &str, second: &str) -> Vec<String> {
    let named = |id: &str| Some(ValuationAsked { id: id.to_owned(), version: None });
    let needs = Needs { cells: true, ..Needs::default() };
    let question = Question { needs, valuation: named(second), as_of: to, ..Question::default() };
    let start = Start { as_of: from, valuation: named(first) };
    let answered = explain(&folded(&worked()), COUNCIL, &question, Some(&start)).unwrap();
    let (change, _) = answered.change.unwrap();
    let money = Money { currency: "GBP", denominator: answered.answer.denominator };
    let text = |figure: ChangeFigure| {
        let shown = |shown: Option<metrics::Shown>| shown.map_or_else(|| "none".to_owned(), |shown| shown.central);
        let effects: Vec<_> = figure.effects.into_iter().flatten().map(|shown| shown.central).collect();
        format!("{} → {} ({}): {}", shown(figure.from), shown(figure.to), shown(figure.change), effects.join(", "))
    };
    metrics::EXPLAINED.map(|name| text(change.of_total(metrics::find(name).unwrap(), &answered.answer.total, money).unwrap())).to_vec()
}

#[test]
fn a_change_between_two_days_by_hand() {
    // Citizens: 2 h at 1,200. Recorded since: dan's hour, reversed since too. Cat's hours have no price in it.
    // State: 45 min at 3,000 an hour; 10 min recorded; the 45 reversed.
    // Matched: plan-7, 90 × 20 + 45 × 50. Plan-8 flips by the 10 min: 30 × 20 + 10 × 50. Plan-7 flips back by the reversal.
    assert_eq!(
        explained(recorded(9), recorded(14), "floor", "floor"),
        ["2400 → 2400 (0): 1200, -1200, 0, 0", "2250 → 500 (-1750): 500, -2250, 0, 0", "4050 → 1100 (-2950): 1100, -4050, 0, 0"]
    );
    // Cat's 20 h at 100 were recorded before and cured in between: a correction, and matched at once.
    assert_eq!(
        explained(recorded(9), recorded(14), "market", "market"),
        ["3000 → 5000 (2000): 1500, 500, 0, 0", "2250 → 500 (-1750): 500, -2250, 0, 0", "4500 → 3250 (-1250): 1250, -2500, 0, 0"]
    );
}

#[test]
fn a_change_between_two_valuations_by_hand() {
    // 2 h of help at 300 more an hour; 20 h of driving that only the second prices.
    assert_eq!(
        explained(None, None, "floor", "market"),
        ["2400 → 5000 (2600): 0, 0, 600, 2000", "500 → 500 (0): 0, 0, 0, 0", "1100 → 3250 (2150): 0, 0, 150, 2000"]
    );
    assert_eq!(explained(None, None, "market", "floor")[0], "5000 → 2400 (-2600): 0, 0, -600, -2000");
    // Where nothing has a price there is no value; what came and went may still have one.
    assert_eq!(explained(None, recorded(9), "solo", "floor")[0], "none → 2400 (2400): 0, 0, 0, 2400");
    assert_eq!(explained(None, recorded(9), "solo", "solo"), ["none → none (none): "; 3]);
    // Both at once: what came in between by the first, what there is then by both.
    assert_eq!(explained(recorded(9), recorded(14), "floor", "market")[0], "2400 → 5000 (2600): 1200, -1200, 600, 2000");
}

#[test]
fn what_is_gone_is_a_row_too() {
    let valuation = Some(ValuationAsked { id: "floor".to_owned(), version: None });
    let needs = Needs { cells: true, ..Needs::default() };
    let question = Question { needs, valuation, group_by: vec![Dimension::Measure], as_of: recorded(5), ..Question::default() };
    let start = Start { as_of: Some(AsOf::Recorded(Date(0))), valuation: None };
    let groups = |question: &Question, start: &Start| {
        let answered = explain(&folded(&worked()), COUNCIL, question, Some(start)).unwrap();
        let (mut change, mut answer) = (answered.change.unwrap().0, answered.answer);
        change.align(&mut answer);
        let (metric, money) = (metrics::find("citizen_value").unwrap(), Money { currency: "GBP", denominator: answer.denominator });
        let effects =
            |partial| change.of_group(metric, partial, money).unwrap().effects.map_or_else(Vec::new, |all| all.map(|one| one.central).to_vec());
        answer.groups.iter().map(|group| (group.keys[0].value.clone(), effects(group))).collect::<Vec<_>>()
    };
    assert_eq!(groups(&question, &start), []);
    // Dan's hour, in a day of its own: recorded and reversed between the points.
    let question = Question { as_of: recorded(14), ..question };
    let start = Start { as_of: recorded(10), valuation: None };
    let texts = |amounts: [&str; 4]| amounts.map(str::to_owned).to_vec();
    let expected = [("driving", vec![]), ("helping", texts(["1200", "-1200", "0", "0"])), ("teaching", vec![])];
    let expected = expected.map(|(measure, effects)| (measure.to_owned(), effects));
    assert_eq!(groups(&question, &start), expected);
    assert_eq!(EFFECTS.map_names(), ["quantity", "correction", "rate", "coverage"]);
}

trait Names {
    fn map_names(&self) -> Vec<&'static str>;
}

impl Names for &[metrics::EffectDefinition] {
    fn map_names(&self) -> Vec<&'static str> {
        self.iter().map(|effect| effect.name).collect()
    }
}

#[test]
fn changes_that_cannot_be_explained() {
    let rows = folded(&worked());
    let valuation = Some(ValuationAsked { id: "floor".to_owned(), version: None });
    let question = Question { needs: Needs { cells: true, ..Needs::default() }, valuation, ..Question::default() };
    let refused = |question: &Question, start: Start| match explain(&rows, COUNCIL, question, Some(&start)) {
        Err(Error::Refused(wrong)) => wrong.into_iter().map(|about| about.field).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let sequence = |sequence| Some(AsOf::Sequence(sequence));
    let at = |as_of| Question { as_of, ..question.clone() };
    assert_eq!(refused(&at(sequence(8)), Start { as_of: sequence(9), valuation: None }), ["change_from.as_of_sequence"]);
    assert_eq!(refused(&at(recorded(8)), Start { as_of: recorded(9), valuation: None }), ["change_from.as_of_date"]);
    assert_eq!(refused(&question, Start { as_of: sequence(15), valuation: None }), ["change_from.as_of_sequence"]);
    assert_eq!(refused(&Question { valuation: None, ..question.clone() }, Start::default()), ["valuation"]);
    let unknown = Start { as_of: None, valuation: Some(ValuationAsked { id: "nowhere".to_owned(), version: None }) };
    assert!(matches!(explain(&rows, COUNCIL, &question, Some(&unknown)), Err(Error::UnknownValuation { id, .. }) if id == "nowhere"));
}
