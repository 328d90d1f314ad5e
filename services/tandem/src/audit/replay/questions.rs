//! What is asked of both, and their answers as rows that can be compared.

use std::fmt::Debug;
use std::time::Duration;
use tandem_domain::metrics::{self, Dimension, Metric};
use tandem_proto::v1::catalogue_item::Definition;
use tandem_proto::v1::query_service_client::QueryServiceClient;
use tandem_proto::v1::{
    CatalogueItem, CatalogueKind, CouncilReflected, GetCatalogueRequest, GetEntryRequest, GetExchangeRequest, GetStatementRequest, GetStatusRequest,
    ListExchangesRequest, ListSuspenseRequest, MetricValue, QueryValueRequest, Scope, ValuationRef, ValueRow,
};
use tandem_query::Transport;
use tonic::{Code, Request, Status};

/// How long one page may take.
const TIMEOUT: Duration = Duration::from_secs(600);
/// Rows of a page of values, and of everything else: the most that is given.
const VALUES_PAGE: u32 = 10_000;
const PAGE: u32 = 1_000;
/// What an overloaded server is given to recover, this often.
const RETRIES: u32 = 20;
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// One question, all its pages.
#[derive(Clone, Debug)]
pub enum Question {
    /// Metrics.
    Value(Box<QueryValueRequest>),
    /// Every exchange.
    Exchanges(ListExchangesRequest),
    /// One exchange's postings.
    Exchange(GetExchangeRequest),
    /// A person's account.
    Statement(GetStatementRequest),
    /// What became of an event.
    Entry(GetEntryRequest),
    /// What is in suspense.
    Suspense(ListSuspenseRequest),
    /// What is defined.
    Catalogue(GetCatalogueRequest),
    /// Counts.
    Status(GetStatusRequest),
}

/// One row of an answer: which, and all that it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its key in words.
    pub label: String,
    /// Figure by figure: name and value.
    pub figures: Vec<(String, String)>,
}

/// A page of an answer.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Its rows, in the answer's order.
    pub rows: Vec<Row>,
    /// Token of the next page; empty: none.
    pub next: String,
    /// Entries that it reflects.
    pub entries: u64,
}

/// How far a projection is.
pub struct Progress {
    /// Entries in its views.
    pub folded: u64,
    /// Cures that are due.
    pub cures_pending: u64,
}

impl Question {
    /// In words, for the report.
    pub fn words(&self) -> String {
        match self {
            Self::Value(value) => {
                let by: Vec<&str> = value.group_by().map(|dimension| short(dimension.as_str_name(), "DIMENSION_")).collect();
                let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ").to_lowercase()) };
                let valued =
                    value.valuation.as_ref().map_or(String::new(), |valuation| format!(" at {} version {}", valuation.id, valuation.version));
                let indicator = if value.indicator.is_empty() { String::new() } else { format!(" of {}", value.indicator) };
                let point = value.as_of_sequence.map_or(String::new(), |sequence| format!(" as of entry {sequence}"));
                format!("{}{indicator}{by}{valued}{point}", value.metrics.join(", "))
            }
            Self::Exchanges(_) => "exchanges".into(),
            Self::Exchange(of) => format!("exchange {}", of.exchange),
            Self::Statement(of) => format!("statement of {}", of.actor),
            Self::Entry(of) => format!("entries of event {}", of.event_id),
            Self::Suspense(_) => "suspense".into(),
            Self::Catalogue(of) => format!("catalogue, {}", short(of.kind().as_str_name(), "CATALOGUE_KIND_").to_lowercase()),
            Self::Status(_) => "status".into(),
        }
    }

    /// Whether it says itself up to which entry it counts, so that what came later does not matter.
    pub fn is_as_of(&self) -> bool {
        matches!(self, Self::Value(value) if value.as_of_sequence.is_some())
    }
}

fn short<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.strip_prefix(prefix).unwrap_or(name)
}

/// One side that answers.
pub struct Answerer<'a, T> {
    client: &'a mut QueryServiceClient<T>,
}

impl<'a, T: Transport> Answerer<'a, T> {
    /// By a client.
    pub fn new(client: &'a mut QueryServiceClient<T>) -> Self {
        Self { client }
    }

    /// A page, from a token on. What is overloaded or not ready is asked again.
    pub async fn page(&mut self, question: &Question, token: &str) -> Result<Page, Status> {
        let mut left = RETRIES;
        loop {
            match self.once(question, token).await {
                Err(status) if left > 0 && matches!(status.code(), Code::ResourceExhausted | Code::Unavailable) => {
                    left -= 1;
                    tokio::time::sleep(RETRY_AFTER).await;
                }
                other => return other,
            }
        }
    }

    async fn once(&mut self, question: &Question, token: &str) -> Result<Page, Status> {
        match question {
            Question::Value(value) => {
                let request = QueryValueRequest { page_token: token.into(), page_size: VALUES_PAGE, ..(**value).clone() };
                let answer = self.client.query_value(timed(request)).await?.into_inner();
                let mut rows: Vec<Row> = answer.total.iter().map(|total| value_row("the whole".into(), total)).collect();
                rows.extend(answer.rows.iter().map(|row| value_row(keys(row), row)));
                Ok(Page { rows, next: answer.next_page_token, entries: entries(answer.reflects.first()) })
            }
            Question::Exchanges(of) => {
                let request = ListExchangesRequest { page_token: token.into(), page_size: PAGE, ..of.clone() };
                let answer = self.client.list_exchanges(timed(request)).await?.into_inner();
                Ok(page(&answer.exchanges, |exchange| exchange.id.clone(), answer.next_page_token, answer.reflects.as_ref()))
            }
            Question::Exchange(of) => {
                let request = GetExchangeRequest { page_token: token.into(), page_size: PAGE, ..of.clone() };
                let answer = self.client.get_exchange(timed(request)).await?.into_inner();
                let mut made =
                    page(&answer.postings, |posting| format!("posting {}", posting.sequence), answer.next_page_token, answer.reflects.as_ref());
                made.rows.splice(0..0, answer.exchange.iter().map(|exchange| row("the exchange".into(), exchange)));
                Ok(made)
            }
            Question::Statement(of) => {
                let request = GetStatementRequest { page_token: token.into(), page_size: PAGE, ..of.clone() };
                let answer = self.client.get_statement(timed(request)).await?.into_inner();
                let line = |posting: Option<&tandem_proto::v1::Posting>| posting.map_or(0, |posting| posting.sequence);
                let mut made =
                    page(&answer.lines, |own| format!("line {}", line(own.posting.as_ref())), answer.next_page_token, answer.reflects.as_ref());
                made.rows.extend(answer.given.iter().map(|account| row(format!("given {}", account.measure), account)));
                made.rows.extend(answer.received.iter().map(|account| row(format!("received {}", account.measure), account)));
                made.rows.extend(answer.shared.iter().map(|shared| row(format!("shared {}", line(shared.posting.as_ref())), shared)));
                Ok(made)
            }
            Question::Entry(of) => {
                let answer = self.client.get_entry(timed(of.clone())).await?.into_inner();
                Ok(page(&answer.entries, |entry| format!("entry {}", entry.sequence), String::new(), answer.reflects.as_ref()))
            }
            Question::Suspense(of) => {
                let request = ListSuspenseRequest { page_token: token.into(), page_size: PAGE, ..of.clone() };
                let answer = self.client.list_suspense(timed(request)).await?.into_inner();
                let mut made = page(&answer.entries, |entry| format!("entry {}", entry.sequence), answer.next_page_token, answer.reflects.as_ref());
                let total = Row { label: "the whole".into(), figures: vec![("total".into(), answer.total.to_string())] };
                made.rows.splice(0..0, token.is_empty().then_some(total));
                Ok(made)
            }
            Question::Catalogue(of) => {
                let request = GetCatalogueRequest { page_token: token.into(), page_size: PAGE, ..of.clone() };
                let answer = self.client.get_catalogue(timed(request)).await?.into_inner();
                Ok(page(&answer.items, defined, answer.next_page_token, answer.reflects.as_ref()))
            }
            Question::Status(of) => {
                let answer = self.client.get_status(timed(of.clone())).await?.into_inner();
                let council = answer.councils.first().cloned().unwrap_or_default();
                // How many records were exact duplicates is in no book.
                let counts = [("applied", council.applied), ("suspended", council.suspended), ("reversed", council.reversed)];
                let figures = counts.into_iter().map(|(name, count)| (name.to_owned(), count.to_string())).collect();
                let rows = vec![Row { label: "counts".into(), figures }];
                Ok(Page { rows, next: String::new(), entries: entries(council.reflects.as_ref()) })
            }
        }
    }

    /// What is defined of a kind, as items.
    pub async fn defined(&mut self, council: &str, kind: CatalogueKind) -> Result<Vec<CatalogueItem>, Status> {
        let (mut items, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = GetCatalogueRequest { council: council.into(), kind: kind.into(), page_size: PAGE, page_token, ..Default::default() };
            let answer = self.client.get_catalogue(timed(request)).await?.into_inner();
            items.extend(answer.items);
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                return Ok(items);
            }
        }
    }
}

/// How far a projection is with a council's book.
pub async fn ask_status<T: Transport>(client: &mut QueryServiceClient<T>, council: &str) -> Result<Progress, Status> {
    let answer = client.get_status(timed(GetStatusRequest { councils: vec![council.into()], ..Default::default() })).await?.into_inner();
    let own = answer.councils.into_iter().next().unwrap_or_default();
    Ok(Progress { folded: entries(own.reflects.as_ref()), cures_pending: own.cures_pending })
}

fn timed<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.set_timeout(TIMEOUT);
    request
}

fn entries(reflects: Option<&CouncilReflected>) -> u64 {
    reflects.map_or(0, |reflects| reflects.entries)
}

fn page<M: Debug>(items: &[M], label: impl Fn(&M) -> String, next: String, reflects: Option<&CouncilReflected>) -> Page {
    Page { rows: items.iter().map(|item| row(label(item), item)).collect(), next, entries: entries(reflects) }
}

/// A message as a row: each leaf of it is a figure, named by the way to it.
fn row(label: String, message: &impl Debug) -> Row {
    Row { label, figures: leaves(&format!("{message:#?}")) }
}

/// The leaves of a message in Rust's indented form.
fn leaves(text: &str) -> Vec<(String, String)> {
    let (mut way, mut found): (Vec<(usize, String)>, Vec<_>) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let (depth, line) = (line.len() - line.trim_start().len(), line.trim().trim_end_matches(','));
        while way.last().is_some_and(|(at, _)| *at >= depth) {
            way.pop();
        }
        let (name, value) =
            line.split_once(": ").filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')).unwrap_or(("", line));
        if value.ends_with(['{', '[', '(']) {
            way.push((depth, name.to_owned()));
        } else if !value.starts_with(['}', ']', ')']) {
            let names = way.iter().map(|(_, name)| name.as_str()).chain([name]).filter(|name| !name.is_empty());
            found.push((names.collect::<Vec<_>>().join("."), value.trim_matches('"').to_owned()));
        }
    }
    found
}

fn keys(row: &ValueRow) -> String {
    let key = |key: &tandem_proto::v1::GroupKey| {
        let mark = if key.overlaps { " (overlaps)" } else { "" };
        format!(
            "{} {}{mark}",
            short(key.dimension().as_str_name(), "DIMENSION_").to_lowercase(),
            if key.value.is_empty() { "none" } else { &key.value }
        )
    };
    row.keys.iter().map(key).collect::<Vec<_>>().join(", ")
}

fn value_row(label: String, row: &ValueRow) -> Row {
    let figures = |value: &MetricValue| {
        let part = if value.part.is_empty() { String::new() } else { format!(" ({})", value.part) };
        let name = format!("{}{part}", value.metric);
        leaves(&format!("{value:#?}")).into_iter().map(move |(figure, shown)| (format!("{name} {figure}"), shown)).collect::<Vec<_>>()
    };
    let labels = row.keys.iter().map(|key| ("label".to_owned(), key.label.clone()));
    Row { label, figures: labels.chain(row.values.iter().flat_map(figures)).collect() }
}

fn defined(item: &CatalogueItem) -> String {
    match &item.definition {
        Some(Definition::Service(of)) => format!("service {}", of.id),
        Some(Definition::Measure(of)) => format!("measure {}", of.id),
        Some(Definition::Indicator(of)) => format!("indicator {}", of.id),
        Some(Definition::Area(of)) => format!("area {} of {}", of.area, of.vintage),
        Some(Definition::Valuation(of)) => format!("valuation {} version {}", of.id, of.version),
        None => "a definition of no known kind".into(),
    }
}

/// What a council has defined that questions need.
#[derive(Clone, Debug, Default)]
pub struct Defined {
    /// The newest version of each valuation.
    pub valuations: Vec<ValuationRef>,
    /// Indicators.
    pub indicators: Vec<String>,
}

impl Defined {
    /// From the catalogue's items.
    pub fn of(items: &[CatalogueItem]) -> Self {
        let mut defined = Self::default();
        for item in items {
            match &item.definition {
                Some(Definition::Valuation(of)) => match defined.valuations.iter_mut().find(|known| known.id == of.id) {
                    Some(known) => known.version = known.version.max(of.version),
                    None => defined.valuations.push(ValuationRef { id: of.id.clone(), version: of.version }),
                },
                Some(Definition::Indicator(of)) => defined.indicators.push(of.id.clone()),
                _ => {}
            }
        }
        defined
    }
}

/// Ways to group: none, each dimension alone, and what goes together.
fn groupings() -> impl Iterator<Item = Vec<Dimension>> {
    use Dimension::{Area, Evidence, Measure, Month, Quarter, Service, Side, Year};
    let together: [&[Dimension]; 7] =
        [&[], &[Service, Month], &[Service, Measure, Month], &[Area, Month], &[Service, Area], &[Measure, Evidence, Year], &[Service, Side, Quarter]];
    together.into_iter().map(<[Dimension]>::to_vec).chain(Dimension::ALL.map(|dimension| vec![dimension]))
}

/// Every metric in every one of these ways that it may be asked in, by every valuation and indicator that is defined.
pub fn values(council: &str, defined: &Defined, entries: u64) -> Vec<Question> {
    let mut questions = Vec::new();
    for metric in metrics::ALL {
        for group_by in groupings() {
            let valuations: Vec<Option<&ValuationRef>> = if metric.needs.valuation {
                defined.valuations.iter().map(Some).collect()
            } else {
                // Some have figures in money beside others: with the first they are asked, too.
                [None].into_iter().chain(defined.valuations.first().map(Some)).collect()
            };
            for valuation in valuations {
                if metrics::check(&[metric], &group_by, &[], valuation.is_some()).is_empty() {
                    questions.extend(of_metric(council, metric, &group_by, valuation, defined, entries));
                }
            }
        }
    }
    questions
}

fn of_metric(
    council: &str,
    metric: &Metric,
    group_by: &[Dimension],
    valuation: Option<&ValuationRef>,
    defined: &Defined,
    entries: u64,
) -> Vec<Question> {
    let has_calendar = group_by.iter().any(|dimension| dimension.grain().is_some());
    // What compares periods compares each with the one before.
    if metric.needs.comparison && !has_calendar {
        return Vec::new();
    }
    let base = QueryValueRequest {
        scope: Some(Scope { councils: vec![council.into()], ..Scope::default() }),
        metrics: vec![metric.name.into()],
        group_by: group_by.iter().map(|dimension| *dimension as i32).collect(),
        valuation: valuation.cloned(),
        compare_previous: metric.needs.comparison,
        ..Default::default()
    };
    let needs_indicator = metric.needs.outcomes || metric.needs.observations;
    let indicators: Vec<String> = if needs_indicator { defined.indicators.clone() } else { vec![String::new()] };
    let asked = indicators.into_iter().map(|indicator| QueryValueRequest { indicator, ..base.clone() });
    let mut questions: Vec<Question> = asked.map(|value| Question::Value(Box::new(value))).collect();
    // Half way, which only the journals know.
    let is_halfway = metric.needs.have_as_of() && valuation.is_none() && !needs_indicator && entries > 1 && group_by.len() != 1;
    if is_halfway {
        questions.push(Question::Value(Box::new(QueryValueRequest { as_of_sequence: Some(entries / 2), ..base })));
    }
    questions
}

/// What is asked beside values: every exchange, all in suspense, the catalogue, counts, and what was sampled.
pub fn others(council: &str, sample: &super::sample::Sample) -> Vec<Question> {
    let council = || council.to_owned();
    let mut questions = vec![
        Question::Status(GetStatusRequest { councils: vec![council()], ..Default::default() }),
        Question::Suspense(ListSuspenseRequest { council: council(), ..Default::default() }),
        Question::Exchanges(ListExchangesRequest { council: council(), ..Default::default() }),
    ];
    let kinds = [CatalogueKind::Service, CatalogueKind::Measure, CatalogueKind::Indicator, CatalogueKind::Area, CatalogueKind::Valuation];
    questions.extend(kinds.map(|kind| Question::Catalogue(GetCatalogueRequest { council: council(), kind: kind.into(), ..Default::default() })));
    questions.extend(sample.actors().map(|actor| Question::Statement(GetStatementRequest { council: council(), actor, ..Default::default() })));
    questions
        .extend(sample.exchanges().map(|exchange| Question::Exchange(GetExchangeRequest { council: council(), exchange, ..Default::default() })));
    questions.extend(sample.events().map(|event_id| Question::Entry(GetEntryRequest { council: council(), event_id, ..Default::default() })));
    questions
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_proto::v1::{Account, Exchange};

    #[test]
    fn a_message_is_its_leaves_with_the_way_to_them() {
        let account = Account { measure: "minutes: spent".into(), side: 1, quantity: "45".into(), ..Default::default() };
        let exchange =
            Exchange { id: "plan:7".into(), accounts: vec![account.clone(), Account { quantity: "9".into(), ..account }], ..Default::default() };
        let found = leaves(&format!("{exchange:#?}"));
        for expected in [("id", "plan:7"), ("accounts.measure", "minutes: spent"), ("accounts.quantity", "45"), ("accounts.quantity", "9")] {
            assert!(found.contains(&(expected.0.to_owned(), expected.1.to_owned())), "{expected:?} in {found:?}");
        }
    }

    #[test]
    fn every_metric_is_asked_in_some_way() {
        let defined = Defined { valuations: vec![ValuationRef { id: "floor".into(), version: 1 }], indicators: vec!["rate".into()] };
        let questions = values("E09000001", &defined, 100);
        for metric in metrics::ALL {
            let asked = questions.iter().filter(|question| matches!(question, Question::Value(value) if value.metrics == [metric.name])).count();
            assert!(asked > 0, "{}", metric.name);
        }
    }
}
