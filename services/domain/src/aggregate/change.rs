//! How a value came from an earlier one, or from one by another valuation: see [`crate::metrics::EFFECTS`] for what each effect is.
//!
//! Of an entry alone, its sequence, when it took effect and when its reversal did say all. Whether its value is matched depends on its
//! exchange: there the effects of all postings are gone through in order, and what a flip of the exchange changes belongs to the
//! effect that caused it, as the journals have it.

use super::as_of::{Reach, Resolved, resolve, scan_sequences};
use super::compare::compare;
use super::entries::Found;
use super::group::{Group, Grouping, Place};
use super::scope::Fit;
use super::{AsOf, Asked, Error, Question, ValuationAsked, ask_at, compared, corrupt, read, source};
use crate::bytes::Corrupt;
use crate::date::Grain;
use crate::event::{Invalid, Side};
use crate::metrics::merge::least_common_multiple;
use crate::metrics::{self, Amount, Answer, AsOfUsed, Change, ChangePartial, Effects, Needs};
use crate::rows::{Posting, Verdict};
use crate::tables::{Key, Rows, Table};
use roaring::RoaringTreemap;
use rustc_hash::{FxHashMap, FxHashSet};

/// What a change is counted from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The first point; none: that of the question, whose entries are then valued twice.
    pub as_of: Option<AsOf>,
    /// The first valuation; none: that of the question.
    pub valuation: Option<ValuationAsked>,
}

/// An answer, and what it is an answer as of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// The point up to which entries count; none: none was asked for.
    pub as_of: Option<AsOfUsed>,
    /// How it came from an earlier one, and what that was as of; none: it was not asked.
    pub change: Option<(Change, AsOfUsed)>,
}

/// As [`super::aggregate`], and says what the answer is as of and, with a start, how it came from there.
pub fn explain<R: Rows>(rows: &R, council: &str, question: &Question, start: Option<&Start>) -> Result<Answered, Error<R::Error>> {
    let Some(start) = start else {
        let resolved = question.as_of.map(|as_of| resolve(rows, council, as_of, "")).transpose()?;
        let (as_of, point) = resolved.map_or((None, None), |resolved| (Some(resolved.used), resolved.point));
        let asked = ask_at(rows, council, question, point)?;
        let answer = compare(rows, council, question, asked.answer(source::plan(&asked))?)?;
        return Ok(Answered { answer, as_of, change: None });
    };
    let wrong = metrics::check_explained(&compared(question));
    if !wrong.is_empty() {
        return Err(Error::Refused(wrong));
    }
    let to = match question.as_of {
        Some(as_of) => resolve(rows, council, as_of, "")?,
        None => Reach::read(rows, council)?.end(rows, council)?,
    };
    let from = match start.as_of {
        Some(as_of) => resolve(rows, council, as_of, FROM)?,
        None => Resolved { used: to.used.clone(), entries: to.entries, point: to.point.clone() },
    };
    let window = Window { from: from.entries, to: to.entries };
    check_window(start, window).map_err(Error::Refused)?;
    let valuation = start.valuation.clone().or_else(|| question.valuation.clone());
    let needs = Needs { cells: true, ..Needs::default() };
    let before = Question { valuation, needs, ..question.clone() };
    let first = ask_at(rows, council, &before, from.point)?;
    let second = ask_at(rows, council, question, to.point)?;
    let (answer, earlier) = (second.answer(source::plan(&second))?, first.answer(source::plan(&first))?);
    let (groups, total, denominator) = Explaining::new(&first, &second, window)?.effects()?;
    let change = Change { from: earlier, groups, total, denominator };
    Ok(Answered { answer, as_of: Some(to.used), change: Some((change, from.used)) })
}

/// What stands before the names of a start's fields.
const FROM: &str = "change_from.";

fn check_window(start: &Start, window: Window) -> Result<(), Vec<Invalid>> {
    if window.from <= window.to {
        return Ok(());
    }
    let field = match start.as_of {
        Some(AsOf::Recorded(_)) => "as_of_date",
        _ => "as_of_sequence",
    };
    Err(vec![Invalid::new(format!("{FROM}{field}"), "is after the point that it is compared with")])
}

/// Entries up to the first point, and up to the second.
#[derive(Clone, Copy, Debug)]
struct Window {
    from: u64,
    to: u64,
}

impl Window {
    fn has(self, sequence: u64) -> bool {
        self.from <= sequence && sequence < self.to
    }

    /// How often an entry's value counts in each effect, if only the entry itself matters.
    fn times(self, sequence: u64, verdict: Verdict) -> Times {
        let effect = verdict.cured_by.unwrap_or(sequence);
        // A reversal that came before its target took effect with it.
        let reversal = verdict.reversed_by.map(|by| by.max(effect));
        let one = |is: bool| i64::from(is);
        Times {
            quantity: one(self.has(effect) && sequence >= self.from),
            correction: one(self.has(effect) && sequence < self.from) - one(reversal.is_some_and(|at| self.has(at))),
            after: effect < self.to && reversal.is_none_or(|at| at >= self.to),
        }
    }
}

/// How often a value counts in the effects at the first valuation's rates, and whether it counts at the second point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Times {
    quantity: i64,
    correction: i64,
    after: bool,
}

/// Which figure a value counts in.
#[derive(Clone, Copy, Debug)]
enum Figure {
    OfSide,
    Matched,
}

/// By group; the whole scope has none.
type Sums = FxHashMap<Option<Group>, ChangePartial>;

struct Explaining<'a, 'r, R> {
    first: &'a Asked<'r, R>,
    second: &'a Asked<'r, R>,
    window: Window,
    grouping: Grouping,
    /// What amounts by the first valuation, and by the second, are to be multiplied with.
    factors: [i128; 2],
    denominator: u64,
    sums: Sums,
}

impl<'a, 'r, R: Rows> Explaining<'a, 'r, R> {
    fn new(first: &'a Asked<'r, R>, second: &'a Asked<'r, R>, window: Window) -> Result<Self, Error<R::Error>> {
        let (Some(one), Some(other)) = (&first.prices, &second.prices) else {
            return Err(Error::Refused(vec![Invalid::new("valuation", "is required: only the change of a value is explained")]));
        };
        if one.used.currency != other.used.currency {
            return Err(Error::Currencies(one.used.currency.clone(), other.used.currency.clone()));
        }
        let denominator = least_common_multiple(one.denominator, other.denominator).ok_or(Error::Overflow)?;
        let factors = [one, other].map(|prices| i128::from(denominator / prices.denominator));
        let grouping = Grouping::new(&second.question.group_by).joining(&second.areas);
        Ok(Self { first, second, window, grouping, factors, denominator, sums: Sums::default() })
    }

    /// By group, in the whole scope, and the denominator of their amounts.
    fn effects(mut self) -> Result<(Vec<ChangePartial>, ChangePartial, u64), Error<R::Error>> {
        self.of_entries()?;
        self.of_exchanges()?;
        let total = self.sums.remove(&None).unwrap_or_default();
        self.sums.retain(|_, partial| !partial.is_nothing());
        let groups: FxHashSet<Group> = self.sums.keys().copied().flatten().collect();
        let names = self.second.names(&self.grouping, &groups)?;
        let keyed = |(group, partial): (Option<Group>, ChangePartial)| Some(ChangePartial { keys: self.second.keys(&group?, &names), ..partial });
        let mut partials: Vec<_> = self.sums.into_iter().filter_map(keyed).collect();
        partials.sort_unstable_by(|a, b| a.keys.cmp(&b.keys));
        Ok((partials, total, self.denominator))
    }

    fn of_entries(&mut self) -> Result<(), Error<R::Error>> {
        let (second, window) = (self.second, self.window);
        let is_gone = |sequence, verdict: Verdict| verdict.cured_by.unwrap_or(sequence) >= window.to;
        second.each_entry(window.to, is_gone, |found| {
            for Found { sequence, verdict, place, fit, measure, occurred, quantity, .. } in found {
                let times = window.times(sequence, verdict);
                self.add(Figure::OfSide, (&place, fit), times, measure, quantity, occurred.start)?;
            }
            Ok(())
        })
    }

    fn of_exchanges(&mut self) -> Result<(), Error<R::Error>> {
        let (second, window) = (self.second, self.window);
        let mut cured = RoaringTreemap::new();
        scan_sequences(second.rows, second.council, Table::Verdict, &(0..window.to), |sequence, row| {
            if Verdict::decode(row)?.cured_by.is_some() {
                cured.insert(sequence);
            }
            Ok(())
        })?;
        second.each_exchange(|id, exchange| {
            let mut postings = second.all_postings(id, &exchange)?;
            postings.retain(|posting| posting.sequence < window.to);
            let effects = second.effects_of(&postings, &cured)?;
            for (posting, times) in postings.iter().zip(matched_times(&postings, &effects, window)) {
                self.add_posting(posting, times)?;
            }
            Ok(())
        })
    }

    fn add_posting(&mut self, posting: &Posting, times: Times) -> Result<(), Error<R::Error>> {
        let scope = &self.second.scope;
        let at = self.second.measures.place(posting.measure).map_err(corrupt)?;
        let Posting { service, side, area, evidence, occurred, quantity, .. } = *posting;
        let unit = occurred.unit(Grain::Day);
        let fit = scope.fit(unit);
        let is_in_scope =
            fit != Fit::Outside && scope.has_measure(at) && scope.has_evidence(evidence) && scope.services().has(service) && scope.areas().has(area);
        if !is_in_scope {
            return Ok(());
        }
        let place = Place { service, base: self.second.measures.get(at).base, side, area, evidence, unit };
        self.add(Figure::Matched, (&place, fit), times, at, quantity, occurred.start)
    }

    /// Adds what a quantity contributes to each effect.
    fn add(
        &mut self,
        figure: Figure,
        (place, fit): (&Place, Fit),
        times: Times,
        at: usize,
        quantity: u64,
        day: crate::date::Date,
    ) -> Result<(), Error<R::Error>> {
        if times == Times::default() {
            return Ok(());
        }
        let negative = self.second.measures.get(at).negative;
        let signed = if negative { -i128::from(quantity) } else { i128::from(quantity) };
        let worth = |asked: &Asked<'_, R>, factor: i128| {
            let rate = asked.prices.as_ref().and_then(|prices| prices.on(at, day));
            rate.map(|rate| rate.times(signed).and_then(|amount| amount.times(factor)).ok_or(Error::Overflow)).transpose()
        };
        let (one, other) = (worth(self.first, self.factors[0])?, worth(self.second, self.factors[1])?);
        let effects = times.effects(one, other).ok_or(Error::Overflow)?;
        let group = self.grouping.of(place, fit);
        let scopes = [Some(Some(group)), (fit == Fit::Within).then_some(None)];
        for group in scopes.into_iter().flatten() {
            let sum = self.sums.entry(group).or_default();
            let sum = match (figure, place.side) {
                (Figure::Matched, _) => &mut sum.matched,
                (Figure::OfSide, Side::Citizen) => &mut sum.citizen,
                (Figure::OfSide, Side::State) => &mut sum.state,
            };
            sum.add(effects).ok_or(Error::Overflow)?;
        }
        Ok(())
    }
}

impl Times {
    /// The effects of what is worth so much by the first valuation and by the second, if they price it.
    fn effects(self, one: Option<Amount>, other: Option<Amount>) -> Option<Effects> {
        let mut effects = Effects::default();
        if let Some(one) = one {
            effects.quantity = one.times(self.quantity.into())?;
            effects.correction = one.times(self.correction.into())?;
        }
        if !self.after {
            return Some(effects);
        }
        match (one, other) {
            (Some(one), Some(other)) => effects.rate = other.minus(one)?,
            (None, Some(other)) => effects.coverage = other,
            (Some(one), None) => effects.coverage = Amount::default().minus(one)?,
            (None, None) => {}
        }
        Some(effects)
    }
}

impl<R: Rows> Asked<'_, R> {
    /// At which sequence each posting took effect.
    fn effects_of(&self, postings: &[Posting], cured: &RoaringTreemap) -> Result<Vec<u64>, Error<R::Error>> {
        let key = |sequence: u64| {
            let mut key = Key::of(Table::Verdict, self.council);
            key.be64(sequence);
            key.into_vec()
        };
        let mut sequences: Vec<_> = postings.iter().map(|posting| posting.sequence).filter(|sequence| cured.contains(*sequence)).collect();
        sequences.sort_unstable();
        let rows = read(self.rows.get_many(Table::Verdict, &sequences.iter().copied().map(key).collect::<Vec<_>>()))?;
        let mut cured_by = FxHashMap::default();
        for (sequence, row) in sequences.into_iter().zip(rows) {
            let verdict = Verdict::decode(&row.ok_or_else(|| corrupt(Corrupt("Verdict")))?).map_err(corrupt)?;
            cured_by.insert(sequence, verdict.cured_by.unwrap_or(sequence));
        }
        Ok(postings.iter().map(|posting| cured_by.get(&posting.sequence).copied().unwrap_or(posting.sequence)).collect())
    }
}

/// What happens to a posting, in the order in which it happens at one entry: the entry is a reversal; what it is or cures takes effect;
/// reversals that waited for that take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Reversed,
    TakesEffect,
    ReversedAtOnce,
}

/// How often the value of each posting of an exchange counts in the effects on matched values.
///
/// Instead of going over all live postings whenever the exchange flips, flips are counted: what happened to a posting by flips is the
/// count when it ceased to be live less the count when it began to be.
fn matched_times(postings: &[Posting], effects: &[u64], window: Window) -> Vec<Times> {
    let mut happenings: Vec<(u64, Happening, usize)> = Vec::new();
    for (index, (posting, effect)) in postings.iter().zip(effects).enumerate() {
        happenings.push((*effect, Happening::TakesEffect, index));
        match posting.reversed_by {
            Some(by) if by > *effect => happenings.push((by, Happening::Reversed, index)),
            Some(_) => happenings.push((*effect, Happening::ReversedAtOnce, index)),
            None => {}
        }
    }
    happenings.sort_unstable();
    let mut exchange = Flips { window, live: [0; 2], flips: Times::default(), times: vec![Times::default(); postings.len()] };
    for (at, happening, index) in happenings.into_iter().filter(|(at, ..)| *at < window.to) {
        exchange.happens(at, happening, index, &postings[index]);
    }
    let is_two_sided = exchange.is_two_sided();
    for (index, posting) in postings.iter().enumerate() {
        let is_live = effects[index] < window.to && posting.reversed_by.is_none_or(|by| by >= window.to);
        if is_live {
            exchange.end(index);
        }
        exchange.times[index].after = is_live && is_two_sided;
    }
    exchange.times
}

/// An exchange as its effects are gone through.
struct Flips {
    window: Window,
    /// Live postings by side.
    live: [u32; 2],
    /// Flips to two-sided less flips from it, by effect; before the window none is counted.
    flips: Times,
    times: Vec<Times>,
}

impl Flips {
    fn is_two_sided(&self) -> bool {
        self.live.iter().all(|live| *live > 0)
    }

    fn happens(&mut self, at: u64, happening: Happening, index: usize, posting: &Posting) {
        let side = usize::from(posting.side == Side::State);
        let was_two_sided = self.is_two_sided();
        if happening == Happening::TakesEffect {
            self.begin(index);
            self.live[side] += 1;
            match (was_two_sided, self.is_two_sided()) {
                (true, _) => self.count(at, happening, posting, Some(index), 1),
                (false, true) => self.count(at, happening, posting, None, 1),
                (false, false) => {}
            }
        } else {
            self.live[side] -= 1;
            match (was_two_sided, self.is_two_sided()) {
                (true, true) => self.count(at, happening, posting, Some(index), -1),
                (true, false) => self.count(at, happening, posting, None, -1),
                (false, _) => {}
            }
            self.end(index);
        }
    }

    /// Counts for one posting or, as a flip, for all that are live.
    fn count(&mut self, at: u64, happening: Happening, posting: &Posting, of: Option<usize>, by: i64) {
        if !self.window.has(at) {
            return;
        }
        let times = of.map_or(&mut self.flips, |index| &mut self.times[index]);
        match happening {
            Happening::TakesEffect if posting.sequence >= self.window.from => times.quantity += by,
            _ => times.correction += by,
        }
    }

    fn begin(&mut self, index: usize) {
        self.times[index].quantity -= self.flips.quantity;
        self.times[index].correction -= self.flips.correction;
    }

    fn end(&mut self, index: usize) {
        self.times[index].quantity += self.flips.quantity;
        self.times[index].correction += self.flips.correction;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::{Date, Span};
    use crate::event::Evidence;

    /// Of ten entries, the sequence of one, its side, and its reversal.
    fn posting(sequence: u64, side: Side, reversed_by: Option<u64>) -> Posting {
        let (evidence, occurred) = (Evidence::Sensor, Span::day(Date(0)));
        Posting { sequence, service: 1, measure: 1, side, evidence, quantity: 1, area: 0, occurred, actor: 0, recipient: 0, reversed_by }
    }

    /// Quantity, correction and whether it counts at the end.
    fn told(postings: &[Posting], effects: &[u64], from: u64, to: u64) -> Vec<(i64, i64, bool)> {
        let times = matched_times(postings, effects, Window { from, to });
        times.into_iter().map(|times| (times.quantity, times.correction, times.after)).collect()
    }

    #[test]
    fn a_reversal_comes_before_what_it_makes_room_for() {
        // The entry 5 reverses 1, which makes room for 3.
        let postings = [posting(0, Side::Citizen, None), posting(1, Side::State, Some(5)), posting(3, Side::State, None)];
        assert_eq!(told(&postings, &[0, 1, 5], 2, 6), [(1, -1, true), (0, -1, false), (1, 0, true)]);
        assert_eq!(told(&postings, &[0, 1, 5], 4, 6), [(0, 0, true), (0, -1, false), (0, 1, true)]);
        // Up to the entry before it nothing has happened.
        assert_eq!(told(&postings, &[0, 1, 5], 2, 5), [(0, 0, true), (0, 0, true), (0, 0, false)]);
    }

    #[test]
    fn a_reversal_that_waited_for_its_target_comes_after_it() {
        // The reversal 1 was there before its target 2; 3 comes when all is over.
        let postings = [posting(0, Side::Citizen, None), posting(2, Side::State, Some(1)), posting(3, Side::State, None)];
        assert_eq!(told(&postings, &[0, 2, 3], 0, 3), [(1, -1, false), (1, -1, false), (0, 0, false)]);
        assert_eq!(told(&postings, &[0, 2, 3], 0, 4), [(2, -1, true), (1, -1, false), (1, 0, true)]);
        assert_eq!(told(&postings, &[0, 2, 3], 3, 4), [(1, 0, true), (0, 0, false), (1, 0, true)]);
    }

    #[test]
    fn flips_are_of_what_caused_them() {
        // Both sides, then the state's is reversed, then another comes: the citizens' posting flips three times.
        let postings = [posting(0, Side::Citizen, None), posting(1, Side::State, Some(2)), posting(3, Side::State, None)];
        assert_eq!(told(&postings, &[0, 1, 3], 0, 4), [(2, -1, true), (1, -1, false), (1, 0, true)]);
        assert_eq!(told(&postings, &[0, 1, 3], 2, 3), [(0, -1, false), (0, -1, false), (0, 0, false)]);
        assert_eq!(told(&postings, &[0, 1, 3], 0, 0), [(0, 0, false); 3]);
    }
}
