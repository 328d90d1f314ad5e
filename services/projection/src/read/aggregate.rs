//! What a value question adds up to in one council. The work is the domain's; here are the messages, and the call's deadline.

use super::view::{Deadline, View};
use super::{Readable, reflected};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;
use tandem_domain::aggregate::maintained::{self, State};
use tandem_domain::aggregate::{self, AsOf, Filters, Question, Start, ValuationAsked};
use tandem_domain::bytes::Corrupt;
use tandem_domain::date::Date;
use tandem_domain::event::{Evidence, Side};
use tandem_domain::metrics::{Dimension, Needs};
use tandem_domain::tables::{Rows, Table};
use tandem_proto::internal::v1::{AggregateRequest, AggregateResponse};
use tandem_proto::v1::{self, Scope};
use tandem_wire::change::{to_as_of, to_change};
use tandem_wire::partial::{from_comparison, to_response};
use tandem_wire::status::Failure;
use tandem_wire::taking_part::wanted;

/// Rows or reads between two looks at the clock.
const READS: u32 = 1_024;

/// Partial results of a value question for the view's council.
pub fn aggregate<R: Readable>(view: &View<'_, R>, request: &AggregateRequest) -> Result<AggregateResponse, Failure> {
    let question = question(request)?;
    let timed = Timed::new(view);
    let start = request.change_from.as_ref().map(start).transpose()?;
    let answered = aggregate::explain(&timed, view.council(), &question, start.as_ref()).map_err(|error| failure(view.council(), error))?;
    let maintained = match &answered.answer.valuation {
        Some(used) if question.needs.exchange_values && question.as_of.is_none() => {
            maintained::state(&timed, view.council(), &used.id, used.version).map_err(|error| failure(view.council(), error))?
        }
        _ => None,
    };
    Ok(AggregateResponse {
        maintained: maintained.map(|state| to_maintained(view.council(), state)),
        as_of: answered.as_of.map(to_as_of),
        change: answered.change.map(|(change, from)| Box::new(to_change(change, from))),
        ..to_response(answered.answer, Some(reflected(view)?))
    })
}

fn to_maintained(council: &str, state: State) -> v1::MaintainedValuation {
    let State { id, version, entries, book_entries, filling, answers } = state;
    let valuation = Some(v1::ValuationRef { id, version });
    v1::MaintainedValuation { council: council.into(), valuation, entries, book_entries, exchanges_filled: filling, answers }
}

/// How long the views may take to reach the end of the book again.
const REFOLD: Duration = Duration::from_secs(5);

pub(super) fn failure(council: &str, error: aggregate::Error<Interrupted>) -> Failure {
    match error {
        aggregate::Error::Rows(Interrupted(failure)) => failure,
        aggregate::Error::Refused(fields) => Failure::Invalid(fields),
        aggregate::Error::UnknownValuation { ref id, .. } => {
            let reason = "UNKNOWN_VALUATION";
            let description =
                format!("{council}: {error}: publish it there, or name one that `tandem catalogue valuations --council {council}` lists");
            Failure::Precondition { reason, subject: format!("valuation {id}"), description }
        }
        aggregate::Error::UnknownIndicator { ref id, .. } => Failure::Precondition {
            reason: "UNKNOWN_INDICATOR",
            subject: format!("indicator {id}"),
            description: format!("{council}: {error}: `tandem catalogue indicators --council {council}` lists all"),
        },
        aggregate::Error::NotFolded { .. } => Failure::Unavailable { why: format!("{council}: {error}"), retry_after: REFOLD },
        aggregate::Error::Currencies(..) => Failure::Precondition {
            reason: "DIFFERENT_CURRENCIES",
            subject: "change_from.valuation".into(),
            description: format!("{council}: {error}"),
        },
        aggregate::Error::UnknownVintage { ref vintage, .. } => {
            let reason = "UNKNOWN_AREA_VINTAGE";
            let description = format!("area_vintage: {council}: {error}: ask for one of these, or for none to join each area's newest");
            Failure::Precondition { reason, subject: format!("area_vintage {vintage}"), description }
        }
        aggregate::Error::Overflow => {
            Failure::Precondition { reason: "AMOUNTS_TOO_LARGE", subject: "scope".into(), description: format!("{council}: {error}") }
        }
        aggregate::Error::TooManyAmounts(_) => {
            Failure::Precondition { reason: "TOO_MANY_AMOUNTS", subject: "scope".into(), description: format!("{council}: {error}") }
        }
        aggregate::Error::TooManyCells { .. } => {
            Failure::Precondition { reason: "TOO_MANY_CELLS", subject: "first_year".into(), description: format!("{council}: {error}") }
        }
    }
}

/// The question in the domain's words.
fn question(request: &AggregateRequest) -> Result<Question, Failure> {
    let scope = request.scope.clone().unwrap_or_default();
    let group_by = each("group_by", &request.group_by, Dimension::from_number)?;
    let valuation = request.valuation.as_ref().map(valuation);
    Ok(Question {
        filters: filters(scope)?,
        group_by,
        valuation,
        needs: Needs {
            cells: request.want_cells,
            measures: request.want_measures,
            exchanges: request.want_exchanges,
            exchange_values: request.want_exchange_values,
            participants: request.want_participants,
            taking_part: wanted(request),
            residents: request.want_residents,
            deciles: request.want_deciles,
            outcomes: request.outcomes.is_some(),
            observations: request.outcomes.as_ref().is_some_and(|outcomes| outcomes.want_observations),
            ..Needs::default()
        },
        one_sided_older_than_days: request.one_sided_older_than_days,
        today: day("today", &request.today)?,
        indicator: request.outcomes.as_ref().map(|outcomes| outcomes.indicator.clone()),
        comparison: from_comparison(
            day("compare_start", &request.compare_start)?,
            day("compare_end", &request.compare_end)?,
            request.compare_previous,
        ),
        as_of: as_of("", request.as_of_sequence, &request.as_of_date)?,
        area_vintage: Some(request.area_vintage.clone()).filter(|vintage| !vintage.is_empty()),
        support_indicator: request.want_willingness.clone().filter(|id| !id.is_empty()),
    })
}

pub(super) fn valuation(valuation: &v1::ValuationRef) -> ValuationAsked {
    ValuationAsked { id: valuation.id.clone(), version: Some(valuation.version).filter(|version| *version > 0) }
}

fn start(from: &v1::ChangeFrom) -> Result<Start, Failure> {
    Ok(Start { as_of: as_of("change_from.", from.as_of_sequence, &from.as_of_date)?, valuation: from.valuation.as_ref().map(valuation) })
}

/// A point; `prefix` stands before the names of its fields.
fn as_of(prefix: &str, sequence: Option<u64>, date: &str) -> Result<Option<AsOf>, Failure> {
    let field = format!("{prefix}as_of_date");
    match (sequence, day(&field, date)?) {
        (Some(_), Some(_)) => Err(Failure::invalid(field, format!("is a point like {prefix}as_of_sequence: give one of them"))),
        (Some(sequence), None) => Ok(Some(AsOf::Sequence(sequence))),
        (None, day) => Ok(day.map(AsOf::Recorded)),
    }
}

fn filters(scope: Scope) -> Result<Filters, Failure> {
    let side = |number| match v1::Side::try_from(number) {
        Ok(v1::Side::Citizen) => Some(Side::Citizen),
        Ok(v1::Side::State) => Some(Side::State),
        _ => None,
    };
    let grade = |number: i32| u8::try_from(number).ok().and_then(Evidence::from_number);
    Ok(Filters {
        sides: each("scope.sides", &scope.sides, side)?,
        evidence: each("scope.evidence", &scope.evidence, grade)?,
        start: day("scope.period_start", &scope.period_start)?,
        end: day("scope.period_end", &scope.period_end)?,
        services: scope.services,
        measures: scope.measures,
        areas: scope.areas,
    })
}

fn each<T>(field: &str, numbers: &[i32], read: impl Fn(i32) -> Option<T>) -> Result<Vec<T>, Failure> {
    let one = |(index, number): (usize, &i32)| {
        read(*number).ok_or_else(|| Failure::invalid(format!("{field}[{index}]"), format!("is {number}, which says nothing here")))
    };
    numbers.iter().enumerate().map(one).collect()
}

fn day(field: &str, text: &str) -> Result<Option<Date>, Failure> {
    match text {
        "" => Ok(None),
        text => Date::parse(text).map(Some).ok_or_else(|| Failure::invalid(field, "must be a day of the calendar, YYYY-MM-DD")),
    }
}

/// A view's rows, until its deadline: afterwards nobody waits for the answer.
pub(super) struct Timed<'a, R> {
    rows: &'a R,
    deadline: Deadline,
    reads: AtomicU32,
}

/// Reading stopped: the deadline passed, or a read failed.
pub(super) struct Interrupted(Failure);

impl From<Corrupt> for Interrupted {
    fn from(corrupt: Corrupt) -> Self {
        Self(super::view::corrupt(corrupt))
    }
}

impl<'a, R: Readable> Timed<'a, R> {
    pub(super) fn new(view: &View<'a, R>) -> Self {
        Self { rows: view.rows(), deadline: view.deadline(), reads: AtomicU32::new(0) }
    }

    fn look(&self) -> Result<(), Interrupted> {
        let reads = self.reads.fetch_add(1, Relaxed);
        if reads % READS == READS - 1 { self.deadline.check().map_err(Interrupted) } else { Ok(()) }
    }
}

impl<R: Readable> Rows for Timed<'_, R> {
    type Error = Interrupted;

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Interrupted> {
        self.look()?;
        self.rows.get(table, key).map_err(|error| Interrupted(error.into()))
    }

    fn get_many(&self, table: Table, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, Interrupted> {
        self.look()?;
        self.rows.get_many(table, keys).map_err(|error| Interrupted(error.into()))
    }

    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), Interrupted> {
        let mut late = None;
        let result = self.rows.scan(table, prefix, from, &mut |key, value| match self.look() {
            Ok(()) => visit(key, value),
            Err(interrupted) => {
                late = Some(interrupted);
                false
            }
        });
        result.map_err(|error| Interrupted(error.into()))?;
        late.map_or(Ok(()), Err)
    }

    fn cuts(&self, table: Table, prefix: &[u8]) -> Result<Vec<Vec<u8>>, Interrupted> {
        self.rows.cuts(table, prefix).map_err(|error| Interrupted(error.into()))
    }

    fn side_by_side<T: Send>(&self, pieces: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
        self.rows.side_by_side(pieces, work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};
    use tandem_domain::memory::Memory;
    use tandem_domain::position::LogId;

    /// Rows in memory whose errors can be answered with.
    struct Rowed(Memory);

    struct Broken(Corrupt);

    impl From<Corrupt> for Broken {
        fn from(corrupt: Corrupt) -> Self {
            Self(corrupt)
        }
    }

    impl From<Broken> for Failure {
        fn from(broken: Broken) -> Self {
            Self::Internal(broken.0.to_string())
        }
    }

    impl Rows for Rowed {
        type Error = Broken;

        fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Broken> {
            Ok(self.0.get(table, key)?)
        }

        fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), Broken> {
            Ok(self.0.scan(table, prefix, from, visit)?)
        }
    }

    fn ask(request: &AggregateRequest, deadline: Option<Instant>) -> Result<AggregateResponse, Failure> {
        let rows = Rowed(Memory::new());
        aggregate(&View::new(&rows, "E1", LogId([0; 16]), deadline), request)
    }

    #[test]
    fn nothing_recorded_is_an_empty_answer() {
        let request =
            AggregateRequest { council: "E1".into(), want_cells: true, want_exchanges: true, want_participants: true, ..Default::default() };
        let response = ask(&request, None).unwrap();
        assert_eq!((response.groups.len(), response.amount_denominator, response.reflects.unwrap().entries), (0, 1, 0));
        assert_eq!(response.total.unwrap().exchanges.unwrap().opened, 0);
    }

    #[test]
    fn wrong_fields_are_named() {
        let wrong = |request: AggregateRequest| match ask(&request, None) {
            Err(Failure::Invalid(fields)) => fields.into_iter().map(|about| about.field).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(wrong(AggregateRequest { group_by: vec![2, 99], ..Default::default() }), ["group_by[1]"]);
        assert_eq!(wrong(AggregateRequest { group_by: vec![3], want_exchanges: true, ..Default::default() }), ["group_by[0]"]);
        let scope = |scope: Scope| AggregateRequest { scope: Some(scope), want_exchanges: true, ..Default::default() };
        assert_eq!(wrong(scope(Scope { evidence: vec![0], ..Default::default() })), ["scope.evidence[0]"]);
        assert_eq!(wrong(scope(Scope { evidence: vec![1], sides: vec![1], ..Default::default() })), ["scope.sides", "scope.evidence"]);
        assert_eq!(wrong(scope(Scope { period_start: "2025-02-30".into(), ..Default::default() })), ["scope.period_start"]);
        let unknown = AggregateRequest { valuation: Some(v1::ValuationRef { id: "floor".into(), version: 2 }), ..Default::default() };
        assert!(matches!(ask(&unknown, None), Err(Failure::Precondition { reason: "UNKNOWN_VALUATION", .. })));
        let unknown = AggregateRequest { area_vintage: "imd2019".into(), ..Default::default() };
        let Err(Failure::Precondition { reason: "UNKNOWN_AREA_VINTAGE", description, .. }) = ask(&unknown, None) else { panic!() };
        assert!(description.contains("no area is defined in the vintage imd2019: no area is defined at all"), "{description}");
    }

    #[test]
    fn points_that_cannot_be_are_refused_with_their_field() {
        let wrong = |request: AggregateRequest| match ask(&request, None) {
            Err(Failure::Invalid(fields)) => fields.into_iter().map(|about| format!("{}: {}", about.field, about.description)).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        let (date, sequence) = ("2025-03-31".to_owned(), Some(0));
        let empty = "as_of_sequence: is 0; the book has no entries yet";
        assert_eq!(wrong(AggregateRequest { as_of_sequence: sequence, ..Default::default() }), [empty]);
        let day = "as_of_date: must be a day of the calendar, YYYY-MM-DD";
        assert_eq!(wrong(AggregateRequest { as_of_date: "2025-02-30".into(), ..Default::default() }), [day]);
        let both = "as_of_date: is a point like as_of_sequence: give one of them";
        assert_eq!(wrong(AggregateRequest { as_of_date: date.clone(), as_of_sequence: sequence, ..Default::default() }), [both]);
        let since = |from: v1::ChangeFrom| AggregateRequest { change_from: Some(from), ..Default::default() };
        let nothing = v1::ChangeFrom::default;
        assert_eq!(wrong(since(v1::ChangeFrom { as_of_sequence: sequence, ..nothing() })), [format!("change_from.{empty}")]);
        assert_eq!(wrong(since(v1::ChangeFrom { as_of_date: "x".into(), ..nothing() })), [format!("change_from.{day}")]);
        assert_eq!(wrong(since(nothing()))[0].split(':').next(), Some("valuation"));
        // A day has a point in every book, also in one that has nothing yet.
        let answer = ask(&AggregateRequest { council: "E1".into(), as_of_date: date, ..Default::default() }, None).unwrap();
        assert_eq!(answer.as_of, Some(v1::CouncilAsOf { council: "E1".into(), sequence: None, book_time_us: 0 }));
    }

    #[test]
    fn failures_say_whether_to_ask_again() {
        let late = failure("E1", aggregate::Error::NotFolded { entries: 9, folded: 4 });
        assert!(matches!(&late, Failure::Unavailable { why, .. } if why.contains("E1: the views reach 4 entries")), "{late:?}");
        let currencies = failure("E1", aggregate::Error::Currencies("GBP".into(), "USD".into()));
        assert!(matches!(currencies, Failure::Precondition { reason: "DIFFERENT_CURRENCIES", .. }), "{currencies:?}");
    }

    #[test]
    fn reading_stops_at_the_deadline() {
        let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap_or_else(Instant::now);
        let rows = Rowed(Memory::new());
        let view = View::new(&rows, "E1", LogId([0; 16]), Some(past));
        let timed = Timed::new(&view);
        let reads = (0..READS).map(|_| timed.get(Table::Book, b"x")).filter(|read| read.is_err()).count();
        assert_eq!(reads, 1);
    }
}
