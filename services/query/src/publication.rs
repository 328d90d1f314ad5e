//! `tandem.v1.PublicationService`: tables for the public.

use crate::books::{Books, Client, Transport};
use crate::check::{Check, Checked};
use crate::front::{Answers, Front};
use crate::labels::Names;
use crate::upstream::{Deadline, pass_on};
use futures::stream::{StreamExt, iter};
use std::collections::HashSet;
use std::sync::Arc;
use tandem_domain::aggregate::disclosure::{K_DEFAULT, K_MAX, K_MIN, ONE_PERCENT, Rule, TWO_PERCENT, Unnamed, Why, protect};
use tandem_domain::aggregate::lattice::{Lattice, LatticeCell, Reached};
use tandem_domain::aggregate::published::{Figures, Levels, Row, Subject, Worth, rows};
use tandem_domain::date::{Date, Grain, Period};
use tandem_domain::event::Side;
use tandem_proto::internal::v1 as internal;
use tandem_proto::v1::publication_service_server::{PublicationService, PublicationServiceServer};
use tandem_proto::v1::{
    self, AreaLevels, CatalogueKind, CouncilReflected, Dimension, GetCheckpointRequest, LatticeKey, NoValue, Publication, PublishRequest,
    PublishResponse, PublishedRow, Suppression, UnnamedEntries,
};
use tandem_wire::auth::Role;
use tandem_wire::lattice::Arriving;
use tandem_wire::status::Failure;
use tonic::{Code, Request, Response, Status};

/// Whole days after the end of a unit before it is closed, unless others are asked for.
const GRACE_DAYS: u32 = 30;
/// Ten years.
const GRACE_DAYS_MAX: u32 = 3_660;
/// Cells that an earlier publication may have suppressed.
const HELD_MAX: usize = 500_000;
/// Largest request: so many cells with long names.
const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Rows of a message: about a megabyte.
const ROWS: usize = 5_000;

/// Answers with tables for the public. It is made by [`crate::QueryServer::publication`], and stops with it.
pub struct PublicationServer<T>(Arc<Front<T>>);

impl<T> Clone for PublicationServer<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Transport> PublicationServer<T> {
    pub(crate) fn new(front: Arc<Front<T>>) -> Self {
        Self(front)
    }

    /// The service for `tonic::transport::Server::add_service`.
    pub fn service(&self) -> PublicationServiceServer<Self> {
        PublicationServiceServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX)
    }
}

impl Checked for PublishRequest {
    fn council(&self) -> Option<&str> {
        Some(&self.council)
    }

    fn check(&self, check: &mut Check) {
        check.council("council", &self.council);
        match grain_of(self.grain) {
            None => check.wrong("grain", "is required: MONTH, QUARTER or YEAR"),
            Some(grain) => {
                let unit = Period::parse(&self.period).filter(|unit| unit.grain == grain);
                if !self.period.is_empty() && unit.is_none() {
                    check.wrong("period", "must be one unit of the grain: 2025-03, 2025-Q1 or 2025");
                }
            }
        }
        if AreaLevels::try_from(self.area_levels).is_err() {
            check.wrong("area_levels", format!("is {}, which says nothing here", self.area_levels));
        }
        if UnnamedEntries::try_from(self.unnamed_entries).is_err() {
            check.wrong("unnamed_entries", format!("is {}, which says nothing here", self.unnamed_entries));
        }
        if self.k != 0 && !(K_MIN..=K_MAX).contains(&self.k) {
            check.wrong("k", format!("is {}; it must be {K_MIN} to {K_MAX}", self.k));
        }
        if self.grace_days() > GRACE_DAYS_MAX {
            check.wrong("grace_days", format!("is {}; the limit is {GRACE_DAYS_MAX}", self.grace_days()));
        }
        if let (Some(first), Some(last)) = (self.first_year, self.last_year)
            && last < first
        {
            check.wrong("last_year", format!("is before first_year, {first}"));
        }
        if let Some(valuation) = &self.valuation {
            check.id("valuation.id", &valuation.id);
        }
        if let Some(previous) = &self.previous {
            check.at_most("previous.suppressed", previous.suppressed.len(), HELD_MAX);
            if previous.entries == 0 {
                check.wrong("previous.entries", "is required: the entries that the earlier publication rests on");
            }
        }
        check.at_least("at_least", &self.at_least);
    }
}

fn grain_of(number: i32) -> Option<Grain> {
    match Dimension::try_from(number) {
        Ok(Dimension::Month) => Some(Grain::Month),
        Ok(Dimension::Quarter) => Some(Grain::Quarter),
        Ok(Dimension::Year) => Some(Grain::Year),
        _ => None,
    }
}

/// A question that was checked, with its defaults.
struct Question {
    request: PublishRequest,
    grain: Grain,
    levels: Levels,
    rule: Rule,
    grace_days: u32,
    period: Option<Period>,
}

impl Question {
    fn new(request: PublishRequest) -> Self {
        let levels = match request.area_levels() {
            AreaLevels::Council => Levels::Council,
            AreaLevels::Parents => Levels::Parents,
            AreaLevels::Unspecified | AreaLevels::All => Levels::All,
        };
        let unnamed = match request.unnamed_entries() {
            UnnamedEntries::Open => Unnamed::Open,
            UnnamedEntries::Unspecified | UnnamedEntries::Holder => Unnamed::Holder,
        };
        let k = if request.k == 0 { K_DEFAULT } else { request.k };
        Self {
            grain: grain_of(request.grain).unwrap_or(Grain::Month),
            levels,
            rule: Rule { k, unnamed },
            grace_days: request.grace_days.unwrap_or(GRACE_DAYS),
            period: Period::parse(&request.period),
            request,
        }
    }

    /// Years have no cell in common, so the rows of one are the same whichever are asked for.
    fn of_projection(&self) -> internal::GetLatticeRequest {
        let year = self.period.map(|period| Period::of(period.span().start, Grain::Year).index);
        internal::GetLatticeRequest {
            council: self.request.council.clone(),
            area_vintage: self.request.area_vintage.clone(),
            valuation: self.request.valuation.clone(),
            as_of_sequence: self.request.as_of_sequence,
            previous_sequence: self.request.previous.as_ref().map(|previous| previous.entries.saturating_sub(1)),
            grace_days: self.grace_days,
            first_year: self.request.first_year.max(year),
            last_year: self.request.last_year.into_iter().chain(year).min(),
            at_least: self.request.at_least.clone(),
        }
    }
}

#[tonic::async_trait]
impl<T: Transport> PublicationService for PublicationServer<T> {
    type PublishStream = Answers<PublishResponse>;

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<Self::PublishStream>, Status> {
        let (request, deadline) = self.0.admit(request, Role::Reader)?;
        let books = &self.0.books;
        let _room = self.0.room()?;
        let question = Question::new(request);
        let (lattice, reflects) = lattice(books, &question, deadline).await?;
        is_closed(&question, &lattice)?;
        let names = |kind| self.0.labels.names(books, &reflects, kind, deadline);
        let names = [names(CatalogueKind::Service).await?, names(CatalogueKind::Area).await?];
        let checkpoint_size = checkpoint_size(books, &question.request.council, deadline).await?;
        let made = tokio::task::spawn_blocking(move || {
            let mut table = table(&question, &lattice, &names)?;
            if let Some(publication) = &mut table.0 {
                (publication.reflects, publication.checkpoint_size) = (Some(reflects), checkpoint_size);
            }
            Ok::<_, Failure>(table)
        });
        let (publication, rows) = made.await.map_err(|error| Failure::Internal(format!("a publication panicked: {error}")))??;
        let head = PublishResponse { publication, rows: Vec::new() };
        let mut rows = rows.into_iter();
        let parts = std::iter::from_fn(move || {
            let rows: Vec<_> = rows.by_ref().take(ROWS).collect();
            (!rows.is_empty()).then_some(PublishResponse { publication: None, rows })
        });
        Ok(Response::new(self.0.until_stopped(iter(std::iter::once(head).chain(parts)).map(Ok))))
    }
}

/// The whole lattice.
async fn lattice<T: Transport>(books: &Books<T>, question: &Question, deadline: Deadline) -> Result<(Lattice, CouncilReflected), Status> {
    let call = |mut projection: Client<T>, question| async move { projection.get_lattice(deadline.request(question)).await };
    let mut messages = books.ask(question.of_projection(), deadline, call).await?;
    let mut arriving = Arriving::default();
    while let Some(message) = messages.message().await.map_err(pass_on)? {
        arriving.take(message)?;
    }
    Ok(arriving.whole()?)
}

/// Size of the published checkpoint, if the book has one.
async fn checkpoint_size<T: Transport>(books: &Books<T>, council: &str, deadline: Deadline) -> Result<Option<u64>, Status> {
    let call = |mut projection: Client<T>, question| async move {
        projection.get_checkpoint(deadline.request(internal::GetCheckpointRequest { request: Some(question) })).await
    };
    match books.ask(GetCheckpointRequest { council: council.into() }, deadline, call).await {
        Ok(answer) => Ok(answer.response.map(|checkpoint| checkpoint.size)),
        Err(status) if matches!(status.code(), Code::NotFound | Code::FailedPrecondition) => Ok(None),
        Err(status) => Err(status),
    }
}

/// Refuses a unit that is not closed, and a table of which none is.
fn is_closed(question: &Question, lattice: &Lattice) -> Result<(), Failure> {
    let Some(Reached { closed_before, book_time_us, .. }) = lattice.reached else {
        return Err(Failure::Internal("a lattice says nothing of its end".into()));
    };
    let (last, grace) = (Date::of_instant(book_time_us), question.grace_days);
    let refuse = |subject: String, why: String| Err(Failure::Precondition { reason: "PERIOD_OPEN", subject, description: why });
    if let Some(period) = question.period.filter(|period| period.span().end >= closed_before) {
        let from = Date(period.span().end.0.saturating_add_unsigned(grace).saturating_add(1));
        let why = format!(
            "period: {period} is open: it closes {grace} days after its end, with the first entry recorded on {from} or later (the last is of {last})"
        );
        return refuse(format!("period {period}"), why);
    }
    let has_any = lattice.periods.iter().any(|node| node.period.grain == question.grain);
    if !has_any && question.period.is_none() {
        let why = format!(
            "grain: no closed unit has entries: one closes {grace} days after its end, the last entry was recorded on {last}, and longer spans are in larger units only"
        );
        return refuse("grain".into(), why);
    }
    Ok(())
}

/// What the table is, without what it reflects, and its rows.
fn table(question: &Question, lattice: &Lattice, names: &[Names; 2]) -> Result<(Option<Publication>, Vec<PublishedRow>), Failure> {
    let held = held(&question.request);
    let why = protect(lattice, question.rule, |cell| !held.is_empty() && held.contains(&key(lattice, cell)));
    let too_large = |_| Failure::Precondition {
        reason: "AMOUNTS_TOO_LARGE",
        subject: "valuation".into(),
        description: "the amounts are too large to be added exactly: publish without this valuation".into(),
    };
    let mut rows = rows(lattice, &why, question.rule, question.grain, question.levels).map_err(too_large)?;
    if let Some(period) = question.period {
        rows.retain(|row| lattice.periods[row.period as usize].period == period);
    }
    let rows: Vec<PublishedRow> = rows.iter().map(|row| to_row(lattice, row, names)).collect();
    Ok((Some(publication(question, lattice, &rows)), rows))
}

fn publication(question: &Question, lattice: &Lattice, rows: &[PublishedRow]) -> Publication {
    let Question { request, rule, .. } = question;
    let reached = lattice.reached.unwrap_or(Reached { entries: 0, book_time_us: 0, closed_before: tandem_domain::date::EARLIEST });
    let levels = if request.area_levels() == AreaLevels::Unspecified { AreaLevels::All } else { request.area_levels() };
    let unnamed = if rule.unnamed == Unnamed::Open { UnnamedEntries::Open } else { UnnamedEntries::Holder };
    Publication {
        council: request.council.clone(),
        grain: request.grain,
        area_levels: levels.into(),
        reflects: None,
        entries: reached.entries,
        book_time_us: reached.book_time_us,
        closed_before: reached.closed_before.to_string(),
        k: rule.k,
        one_percent: ONE_PERCENT as u32,
        two_percent: TWO_PERCENT as u32,
        unnamed_entries: unnamed.into(),
        grace_days: question.grace_days,
        valuation: lattice.valuation.as_ref().map(|used| v1::ValuationRef { id: used.id.clone(), version: used.version }),
        currency: lattice.valuation.as_ref().map(|used| used.currency.clone()).unwrap_or_default(),
        area_vintages: lattice.vintages.clone(),
        previous_entries: lattice.previous.map(|previous| previous.entries),
        rows: rows.len() as u64,
        rows_suppressed: rows.iter().filter(|row| row.suppressed() != Suppression::Unspecified).count() as u64,
        checkpoint_size: None,
    }
}

type Key = (String, String, String, bool, String, bool);

/// Cells that stay suppressed.
fn held(request: &PublishRequest) -> HashSet<Key> {
    let key = |key: &LatticeKey| {
        let LatticeKey { service, measure, area, area_rest, period, period_rest } = key.clone();
        (service, measure, area, area_rest, period, period_rest)
    };
    request.previous.iter().flat_map(|previous| &previous.suppressed).map(key).collect()
}

fn key(lattice: &Lattice, cell: &LatticeCell) -> Key {
    let (table, area) = (&lattice.tables[cell.table as usize], &lattice.areas[cell.area as usize]);
    let (measure, period) = (&lattice.measures[table.measure as usize], &lattice.periods[cell.period as usize]);
    (table.service.clone(), measure.id.clone(), area.id.clone(), area.is_rest, period.period.to_string(), period.is_rest)
}

fn to_row(lattice: &Lattice, row: &Row<'_>, [services, areas]: &[Names; 2]) -> PublishedRow {
    let (area, period) = (&lattice.areas[row.area as usize], &lattice.periods[row.period as usize]);
    let name = |names: &Names, id: &str| names.get(id).cloned().unwrap_or_default();
    // What is in none of an area's parts is of that area.
    let parent = area.parent.filter(|_| !area.is_rest).map(|parent| lattice.areas[parent as usize].id.clone());
    let (measure, unit, side) = match row.subject {
        Subject::Measure(measure) => {
            let measure = &lattice.measures[measure as usize];
            (measure.id.clone(), measure.unit.clone(), measure.side)
        }
        Subject::Value(side) => (String::new(), String::new(), side),
    };
    let plain = PublishedRow {
        service: row.service.to_owned(),
        service_name: name(services, row.service),
        measure,
        side: if side == Side::Citizen { v1::Side::Citizen } else { v1::Side::State }.into(),
        unit,
        area: area.id.clone(),
        area_name: name(areas, &area.id),
        area_parent: parent.unwrap_or_default(),
        area_rest: area.is_rest,
        period: period.period.to_string(),
        period_rest: period.is_rest,
        ..PublishedRow::default()
    };
    match &row.figures {
        Err(why) => PublishedRow { suppressed: suppression(*why).into(), ..plain },
        Ok(figures) => with_figures(lattice, plain, figures),
    }
}

fn with_figures(lattice: &Lattice, row: PublishedRow, figures: &Figures) -> PublishedRow {
    let (money, no_value) = match figures.worth {
        Worth::Money(amount) => (Some(amount), NoValue::Unspecified),
        Worth::NotAsked => (None, NoValue::Unspecified),
        Worth::Unpriced => (None, NoValue::Unpriced),
        Worth::Changes => (None, NoValue::PriceChanges),
    };
    PublishedRow {
        quantity: figures.quantity.map(|quantity| quantity.to_string()),
        entries: Some(figures.entries),
        people: figures.people,
        named_percent: figures.named_percent,
        value_low: money.map(|money| money.low.to_string()),
        value: money.map(|money| money.central.to_string()),
        value_high: money.map(|money| money.high.to_string()),
        no_value: no_value.into(),
        unpriced_measures: figures.unpriced.iter().map(|measure| lattice.measures[*measure as usize].id.clone()).collect(),
        ..row
    }
}

fn suppression(why: Why) -> Suppression {
    match why {
        Why::Few => Suppression::FewerThanK,
        Why::Dominated => Suppression::Dominated,
        Why::Change => Suppression::Change,
        Why::Held => Suppression::Held,
        Why::Protects => Suppression::Protects,
    }
}
