//! Partial results of a value question for one council: what each group adds up to, unrounded.
//!
//! ```text
//!  question ──▶ scope ──▶ source ──────▶ sums by group ──▶ names, keys, order
//!               numbers   the cheapest   exact integers
//!                         exact one
//! ```
//!
//! **Spans.** Views keep an entry under its unit: the smallest of day, month, quarter, year and ever that contains its whole span, and it
//! is never spread. A question by calendar unit has entries whose unit is larger in groups of their own (`coarser`). With a period,
//! what lies within it counts; what only overlaps it is in groups of its own (`overlaps`) and in no total. If no calendar dimension
//! was asked, those groups have one key more, their unit, so that they can be told from the others. Exchanges count at their home, whose
//! unit is a month or larger, and by the same rules.
//!
//! **Points.** A question may be as of a point of the book ([`AsOf`]): then entries, postings and statements are gone through with what counted
//! at that point; quantities as of the end of a recorded day or month are read from the journals. [`explain`] does that at two points, or by two valuations, and says what the values changed by.

mod areas;
mod as_of;
mod budgets;
mod cells;
mod change;
mod classes;
mod compare;
mod concentration;
mod deciles;
pub mod disclosure;
mod entries;
mod exchanges;
mod finish;
mod group;
pub mod lattice;
mod live;
pub mod maintained;
mod measures;
mod outcomes;
mod participants;
pub mod published;
mod retention;
mod scope;
mod source;
mod sums;
mod taking_part;
mod walk;
mod willingness;

use crate::bytes::Corrupt;
use crate::date::Date;
use crate::event::{Evidence, Invalid, Side};
use crate::metrics::{self, Answer, Dimension, Filter, IndicatorUsed, Needs};
use crate::rows::read_definition;
use crate::tables::{DefinitionKind, Key, Rows, Table};
use crate::valuation::{Priced, Prices};
use areas::Areas;
use as_of::Point;
use measures::Measures;
use scope::Scope;
use std::sync::Arc;

pub use as_of::AsOf;
pub use change::{Answered, Start, explain};

/// Which entries a question is about. Ids that the council does not know match nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Services; empty: all.
    pub services: Vec<String>,
    /// Measures, a base with its contra measures; empty: all.
    pub measures: Vec<String>,
    /// Sides; empty: both.
    pub sides: Vec<Side>,
    /// Areas; empty: all, and none.
    pub areas: Vec<String>,
    /// Evidence grades; empty: all.
    pub evidence: Vec<Evidence>,
    /// First occurred day; none: no bound.
    pub start: Option<Date>,
    /// Last occurred day; none: no bound.
    pub end: Option<Date>,
}

impl Filters {
    /// Those that narrow anything.
    pub fn used(&self) -> Vec<Filter> {
        let all = [
            (Filter::Services, !self.services.is_empty()),
            (Filter::Measures, !self.measures.is_empty()),
            (Filter::Sides, !self.sides.is_empty()),
            (Filter::Areas, !self.areas.is_empty()),
            (Filter::Evidence, !self.evidence.is_empty()),
            (Filter::Period, self.start.is_some() || self.end.is_some()),
        ];
        all.into_iter().filter_map(|(filter, used)| used.then_some(filter)).collect()
    }
}

/// A valuation by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValuationAsked {
    /// Its id.
    pub id: String,
    /// Its version; none: the greatest published.
    pub version: Option<u32>,
}

/// What each group is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The same group in an earlier period.
    With {
        /// First day.
        start: Date,
        /// Last day.
        end: Date,
    },
    /// The same group in the calendar unit before; [`Answer::keep_present`] belongs to it.
    Previous,
}

/// What is asked of one council.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Which entries.
    pub filters: Filters,
    /// Dimensions; the keys come in this order.
    pub group_by: Vec<Dimension>,
    /// None: nothing is priced.
    pub valuation: Option<ValuationAsked>,
    /// What is to be filled; `valuation` in it is not looked at.
    pub needs: Needs,
    /// One-sided exchanges are counted if their first day is at least so many days before `today`; 0: all.
    pub one_sided_older_than_days: u32,
    /// The day from which ages are counted.
    pub today: Option<Date>,
    /// The indicator of which outcomes are wanted, by its id.
    pub indicator: Option<String>,
    /// None: nothing is compared.
    pub comparison: Option<Comparison>,
    /// The point of the book up to which entries count; none: its end.
    pub as_of: Option<AsOf>,
    /// Vintage in which areas have their decile, parent and population; none: of each area the newest.
    pub area_vintage: Option<String>,
    /// Id of the indicator that says how many support what is pledged; none: nothing is said of support.
    pub support_indicator: Option<String>,
}

/// Why there is no answer. Asking the same again does not help, unless a read failed for a passing reason.
#[derive(Debug, thiserror::Error)]
pub enum Error<E> {
    /// The rows cannot be read.
    #[error("rows cannot be read")]
    Rows(#[source] E),
    /// The question cannot be asked: these fields of QueryValueRequest are wrong.
    #[error("the question cannot be asked")]
    Refused(Vec<Invalid>),
    /// The council has published no such valuation.
    #[error("the council has not published the valuation {id}{}", version.map(|version| format!(" in version {version}")).unwrap_or_default())]
    UnknownValuation {
        /// Its id.
        id: String,
        /// The version asked for.
        version: Option<u32>,
    },
    /// The council has defined no such indicator.
    #[error("the council has not defined the indicator {id}{}", nearest(id, known))]
    UnknownIndicator {
        /// Its id.
        id: String,
        /// Those that it has defined.
        known: Vec<String>,
    },
    /// The views have not yet reached what is asked of them. Asking again later helps.
    #[error("the views reach {folded} entries and not yet all effects of the {entries} that are asked for")]
    NotFolded {
        /// Entries up to the point asked for.
        entries: u64,
        /// Entries in the views.
        folded: u64,
    },
    /// Amounts at two valuations are in two currencies.
    #[error("the valuations are in two currencies, {0} and {1}, which cannot be subtracted")]
    Currencies(String, String),
    /// The council defines no area in this vintage.
    #[error("no area is defined in the vintage {vintage}: {}", vintages(known))]
    UnknownVintage {
        /// The vintage asked for.
        vintage: String,
        /// Those that there are, ascending.
        known: Vec<String>,
    },
    /// A sum of amounts does not fit into 128 bits.
    #[error("the amounts are too large to be added exactly: ask for a smaller scope")]
    Overflow,
    /// Actors' amounts have too many different values.
    #[error("{0}: ask for a smaller scope, or for fewer groups")]
    TooManyAmounts(metrics::TooManyAmounts),
    /// A lattice has more cells than may be held at once.
    #[error("the lattice has more than {max} cells: ask for fewer years")]
    TooManyCells {
        /// How many may be held.
        max: usize,
    },
}

/// Indicators that an error names.
const NAMED_MAX: usize = 5;

/// "; the nearest of its indicators are …", or that it has none.
fn nearest(id: &str, known: &[String]) -> String {
    let mut nearest: Vec<&String> = known.iter().collect();
    nearest.sort_by_key(|known| metrics::how_far(id, known));
    nearest.truncate(NAMED_MAX);
    match nearest.as_slice() {
        [] => " and no other".into(),
        names => format!("; nearest to it are {}", names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")),
    }
}

fn vintages(known: &[String]) -> String {
    match known {
        [] => "no area is defined at all".into(),
        known => format!("there are {}", known.join(", ")),
    }
}

/// Turns a failure of reading rows into an answer's.
fn read<T, E>(result: Result<T, E>) -> Result<T, Error<E>> {
    result.map_err(Error::Rows)
}

/// A row that does not decode.
fn corrupt<E: From<Corrupt>>(error: Corrupt) -> Error<E> {
    Error::Rows(error.into())
}

/// One council's rows and what is asked of them.
struct Asked<'a, R> {
    rows: &'a R,
    council: &'a str,
    question: &'a Question,
    measures: Measures,
    scope: Scope,
    prices: Option<Prices>,
    /// None: no outcomes are wanted.
    indicator: Option<IndicatorUsed>,
    /// What counts; `None`: what the views hold.
    point: Option<Point>,
    areas: Arc<Areas>,
}

/// Answers a question for one council from one snapshot of its rows.
pub fn aggregate<R: Rows>(rows: &R, council: &str, question: &Question) -> Result<Answer, Error<R::Error>> {
    compare::compare(rows, council, question, answer(rows, council, question)?)
}

/// The answer without its comparison.
fn answer<R: Rows>(rows: &R, council: &str, question: &Question) -> Result<Answer, Error<R::Error>> {
    let asked = ask(rows, council, question)?;
    asked.answer(source::plan(&asked))
}

/// Checks a question and resolves its names.
fn ask<'a, R: Rows>(rows: &'a R, council: &'a str, question: &'a Question) -> Result<Asked<'a, R>, Error<R::Error>> {
    let resolved = question.as_of.map(|as_of| as_of::resolve(rows, council, as_of, "")).transpose()?;
    ask_at(rows, council, question, resolved.and_then(|resolved| resolved.point))
}

/// The same, where it is known what counts.
fn ask_at<'a, R: Rows>(rows: &'a R, council: &'a str, question: &'a Question, point: Option<Point>) -> Result<Asked<'a, R>, Error<R::Error>> {
    check(question).map_err(Error::Refused)?;
    let measures = Measures::load(rows, council)?;
    let scope = Scope::resolve(rows, council, &question.filters, &measures)?;
    let prices = question.valuation.as_ref().map(|asked| prices(rows, council, asked, &measures)).transpose()?;
    let named = question.indicator.as_ref().filter(|_| question.needs.outcomes);
    let indicator = named.map(|id| outcomes::indicator(rows, council, id)).transpose()?;
    let areas = Arc::new(Areas::load(rows, council, question)?);
    Ok(Asked { rows, council, question, measures, scope, prices, indicator, point, areas })
}

fn check(question: &Question) -> Result<(), Vec<Invalid>> {
    // Any metric of whole exchanges stands for all of them; so does any of outcomes, and any that compares deciles.
    let one = |is_asked: bool, needs: fn(&Needs) -> bool| metrics::ALL.iter().filter(move |metric| needs(&metric.needs)).take(usize::from(is_asked));
    let needs = question.needs;
    let mut stands: Vec<_> = one(needs.exchanges, |needs| needs.exchanges).chain(one(needs.outcomes, |needs| needs.outcomes)).collect();
    stands.extend(one(needs.observations, |needs| needs.observations).chain(one(needs.deciles, |needs| needs.deciles)));
    stands.extend(taking_part::bound(needs.taking_part));
    let mut wrong = metrics::check(&stands, &question.group_by, &question.filters.used(), true);
    wrong.extend(metrics::check_comparison(&stands, &question.group_by, &compared(question)));
    wrong.extend(metrics::whole_months(&stands, question.filters.start, question.filters.end));
    if question.one_sided_older_than_days > 0 && question.today.is_none() {
        wrong.push(Invalid::new("today", "is required with one_sided_older_than_days"));
    }
    if let (Some(start), Some(end)) = (question.filters.start, question.filters.end)
        && end < start
    {
        wrong.push(Invalid::new("scope.period_end", format!("is before scope.period_start, {start}")));
    }
    if question.as_of.is_some() && !question.needs.have_as_of() {
        wrong.push(Invalid::new("metrics", "cannot all be asked as of a point"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn compared(question: &Question) -> metrics::ComparisonAsked {
    let (compare_start, compare_end) = match question.comparison {
        Some(Comparison::With { start, end }) => (Some(start), Some(end)),
        _ => (None, None),
    };
    let compare_previous = question.comparison == Some(Comparison::Previous);
    let (start, end, has_indicator) = (question.filters.start, question.filters.end, question.indicator.is_some());
    metrics::ComparisonAsked { start, end, compare_start, compare_end, compare_previous, has_indicator }
}

/// Looks a valuation up.
fn prices<R: Rows>(rows: &R, council: &str, asked: &ValuationAsked, measures: &Measures) -> Result<Prices, Error<R::Error>> {
    let unknown = || Error::UnknownValuation { id: asked.id.clone(), version: asked.version };
    let mut prefix = Key::of(Table::Definition, council);
    prefix.byte(DefinitionKind::Valuation as u8).bytes(asked.id.as_bytes()).byte(0);
    let row = match asked.version {
        Some(version) => {
            prefix.be32(version);
            read(rows.get(Table::Definition, prefix.as_slice()))?
        }
        // Versions ascend.
        None => {
            let mut last = None;
            let mut visit = |_: &[u8], row: &[u8]| {
                last = Some(row.to_vec());
                true
            };
            read(rows.scan(Table::Definition, prefix.as_slice(), prefix.as_slice(), &mut visit))?;
            last
        }
    };
    let row = row.ok_or_else(unknown)?;
    let (_, facts) = read_definition(&row).map_err(corrupt)?;
    let Ok(crate::event::Body::Valuation(valuation)) = crate::event::Body::decode(facts) else {
        return Err(corrupt(Corrupt("Definition")));
    };
    let priced = measures.all().iter().map(|measure| Priced {
        id: &measure.id,
        unit: &measure.unit,
        contra_of: measure.negative.then(|| measures.get(measure.base).id.as_str()),
    });
    Ok(Prices::new(&valuation, priced))
}

#[cfg(test)]
mod tests;
