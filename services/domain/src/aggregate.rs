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
//! at that point. [`explain`] does that at two points, or by two valuations, and says what the values changed by.

mod as_of;
mod cells;
mod change;
mod entries;
mod exchanges;
mod finish;
mod group;
pub mod maintained;
mod measures;
mod participants;
mod scope;
mod source;
mod sums;
mod walk;

use crate::bytes::Corrupt;
use crate::date::Date;
use crate::event::{Evidence, Invalid, Side};
use crate::metrics::{self, Answer, Dimension, Filter, Needs};
use crate::rows::read_definition;
use crate::tables::{DefinitionKind, Key, Rows, Table};
use crate::valuation::{Priced, Prices};
use as_of::Point;
use measures::Measures;
use scope::Scope;

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
    /// The point of the book up to which entries count; none: its end.
    pub as_of: Option<AsOf>,
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
    /// A sum of amounts does not fit into 128 bits.
    #[error("the amounts are too large to be added exactly: ask for a smaller scope")]
    Overflow,
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
    /// What counts; `None`: what the views hold.
    point: Option<Point>,
}

/// Answers a question for one council from one snapshot of its rows.
pub fn aggregate<R: Rows>(rows: &R, council: &str, question: &Question) -> Result<Answer, Error<R::Error>> {
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
    Ok(Asked { rows, council, question, measures, scope, prices, point })
}

fn check(question: &Question) -> Result<(), Vec<Invalid>> {
    // Any metric of whole exchanges stands for all of them.
    let whole = metrics::ALL.iter().filter(|metric| metric.needs.exchanges).take(usize::from(question.needs.exchanges));
    let mut wrong = metrics::check(&whole.collect::<Vec<_>>(), &question.group_by, &question.filters.used(), true);
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
