//! A value question that may be asked.

use crate::as_of;
use crate::check::Check;
use crate::page::{self, DIGEST};
use crate::taking_part;
use std::collections::BTreeSet;
use tandem_domain::date::Date;
use tandem_domain::event::Invalid;
use tandem_domain::metrics::{self, ComparisonAsked, Dimension, Filter, GroupKey, Metric};
use tandem_proto::internal::v1::AggregateRequest;
use tandem_proto::v1::{EvidenceGrade, QueryValueRequest, Scope, Side};
use tandem_wire::auth::Principal;
use tandem_wire::partial::want;
use tandem_wire::status::Failure;

/// Services or measures of a scope.
const IDS_MAX: usize = 1_000;
/// Areas of a scope.
const AREAS_MAX: usize = 10_000;
/// Metrics of a question.
const METRICS_MAX: usize = 20;
/// Dimensions of a question.
const DIMENSIONS_MAX: usize = 4;
/// Rows of a page, at most and unless said.
const ROWS_MAX: u32 = 10_000;
const ROWS: u32 = 1_000;

/// A checked question.
pub(crate) struct Question {
    /// As it came, but for councils: ascending, each once.
    request: QueryValueRequest,
    scope: Scope,
    metrics: Vec<&'static Metric>,
    dimensions: Vec<Dimension>,
    after: Option<Vec<GroupKey>>,
    digest: [u8; DIGEST],
}

impl Question {
    /// Checks a question; says all that is wrong with it.
    pub fn new(request: QueryValueRequest) -> Result<Self, Failure> {
        let mut check = Check::default();
        let mut scope = request.scope.clone().unwrap_or_default();
        check_scope(&mut check, &scope);
        let metrics = check_metrics(&mut check, &request.metrics);
        let dimensions = check_dimensions(&mut check, &request.group_by);
        let together = metrics::check(&metrics, &dimensions, &filters(&scope), request.valuation.is_some());
        together.into_iter().for_each(|about| check.wrong(about.field, about.description));
        check_valuation(&mut check, &request);
        check_age(&mut check, &request);
        check_comparison(&mut check, &request, &scope, &metrics, &dimensions);
        as_of::check(&mut check, &request, &metrics, scope.councils.iter().collect::<BTreeSet<_>>().len());
        check_vintage(&mut check, &request.area_vintage);
        taking_part::check(&mut check, &request, &metrics);
        check.at_least("at_least", &request.at_least);
        check.page_size(request.page_size, ROWS_MAX);
        scope.councils.sort_unstable();
        scope.councils.dedup();
        let digest = page::digest(&request);
        let after = (!request.page_token.is_empty()).then(|| page::after(&request.page_token, digest));
        if after == Some(None) {
            check.wrong("page_token", "is not of this question: ask again without it, and change nothing but page_size between pages");
        }
        check.done()?;
        Ok(Self { request, scope, metrics, dimensions, after: after.flatten(), digest })
    }

    /// The same for a watch, whose answers have one page of [`ROWS`].
    pub fn watched(request: QueryValueRequest) -> Result<Self, Failure> {
        let question = Self::new(QueryValueRequest { page_size: 0, page_token: String::new(), ..request });
        // The fields are those of the watch's `query`.
        question.map_err(|failure| match failure {
            Failure::Invalid(violations) => Failure::Invalid(violations.into_iter().map(within_query).collect()),
            other => other,
        })
    }

    /// Refuses a caller who may not use one of the councils.
    pub fn permitted(&self, principal: &Principal) -> Result<(), Failure> {
        self.scope.councils.iter().try_for_each(|council| principal.require_council("scope.councils", council))
    }

    /// Its councils, ascending, each once.
    pub fn councils(&self) -> &[String] {
        &self.scope.councils
    }

    /// Its metrics, in the order asked.
    pub fn metrics(&self) -> &[&'static Metric] {
        &self.metrics
    }

    /// Its dimensions, in the order asked.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// The row after which the page begins; none: at the first.
    pub fn after(&self) -> Option<&[GroupKey]> {
        self.after.as_deref()
    }

    /// Positions that it waits for.
    pub fn at_least(&self) -> &[String] {
        &self.request.at_least
    }

    /// What binds page tokens to it.
    pub fn digest(&self) -> [u8; DIGEST] {
        self.digest
    }

    /// Rows of a page.
    pub fn rows_max(&self) -> usize {
        let size = if self.request.page_size == 0 { ROWS } else { self.request.page_size };
        size as usize
    }

    /// What to ask of a council's projection.
    pub fn of_council(&self, council: &str) -> AggregateRequest {
        let mut request = AggregateRequest {
            council: council.into(),
            // The council has a field of its own: a thousand of them need not go to each.
            scope: Some(Scope { councils: Vec::new(), ..self.scope.clone() }),
            group_by: self.request.group_by.clone(),
            valuation: self.request.valuation.clone(),
            one_sided_older_than_days: self.request.one_sided_older_than_days,
            today: self.request.today.clone(),
            at_least: self.request.at_least.clone(),
            compare_start: self.request.compare_start.clone(),
            compare_end: self.request.compare_end.clone(),
            compare_previous: self.request.compare_previous,
            as_of_sequence: self.request.as_of_sequence,
            as_of_date: self.request.as_of_date.clone(),
            change_from: self.request.change_from.clone(),
            area_vintage: self.request.area_vintage.clone(),
            ..AggregateRequest::default()
        };
        want(&mut request, metrics::needs(self.metrics.iter().copied()));
        if let Some(outcomes) = &mut request.outcomes {
            outcomes.indicator.clone_from(&self.request.indicator);
        }
        taking_part::name_indicator(&mut request, &self.request);
        request
    }

    /// Whether councils that cannot be reached may be left out.
    pub fn allows_partial(&self) -> bool {
        self.request.allow_partial
    }

    /// Whether each calendar unit is compared with the one before.
    pub fn compares_previous(&self) -> bool {
        self.request.compare_previous
    }
}

fn within_query(mut about: Invalid) -> Invalid {
    about.field.insert_str(0, "query.");
    about
}

fn check_scope(check: &mut Check, scope: &Scope) {
    if scope.councils.is_empty() {
        check.wrong("scope.councils", "is required: 1 to 1,000 councils");
    }
    check.councils("scope.councils", &scope.councils);
    check.ids("scope.services", &scope.services, IDS_MAX);
    check.ids("scope.measures", &scope.measures, IDS_MAX);
    check.ids("scope.areas", &scope.areas, AREAS_MAX);
    check.values("scope.sides", &scope.sides, |value| Side::try_from(value).is_ok());
    check.values("scope.evidence", &scope.evidence, |value| EvidenceGrade::try_from(value).is_ok());
    check.period("scope.", &scope.period_start, &scope.period_end);
}

/// What the scope is narrowed by.
fn filters(scope: &Scope) -> Vec<Filter> {
    let period = !scope.period_start.is_empty() || !scope.period_end.is_empty();
    let narrowed = [
        (Filter::Services, !scope.services.is_empty()),
        (Filter::Measures, !scope.measures.is_empty()),
        (Filter::Sides, !scope.sides.is_empty()),
        (Filter::Areas, !scope.areas.is_empty()),
        (Filter::Evidence, !scope.evidence.is_empty()),
        (Filter::Period, period),
    ];
    narrowed.into_iter().filter(|(_, is_narrowed)| *is_narrowed).map(|(filter, _)| filter).collect()
}

/// The metrics by name; a name that none has is answered with the nearest.
fn check_metrics(check: &mut Check, names: &[String]) -> Vec<&'static Metric> {
    if names.is_empty() {
        check.wrong("metrics", "is required: 1 to 20 names, as `tandem metrics` lists them");
    }
    check.at_most("metrics", names.len(), METRICS_MAX);
    let mut metrics: Vec<&'static Metric> = Vec::new();
    for (index, name) in names.iter().enumerate().take(METRICS_MAX) {
        let field = format!("metrics[{index}]");
        match metrics::find(name) {
            Err(unknown) => check.wrong(field, unknown.to_string()),
            Ok(metric) if metrics.iter().any(|known| known.name == metric.name) => check.wrong(field, format!("is {name} twice")),
            Ok(metric) => metrics.push(metric),
        }
    }
    metrics
}

/// How dimensions go together, the registry checks.
fn check_dimensions(check: &mut Check, numbers: &[i32]) -> Vec<Dimension> {
    check.at_most("group_by", numbers.len(), DIMENSIONS_MAX);
    check.values("group_by", numbers, |number| Dimension::from_number(number).is_some());
    numbers.iter().filter_map(|&number| Dimension::from_number(number)).take(DIMENSIONS_MAX).collect()
}

fn check_valuation(check: &mut Check, request: &QueryValueRequest) {
    if let Some(valuation) = &request.valuation {
        check.id("valuation.id", &valuation.id);
    }
}

fn check_vintage(check: &mut Check, vintage: &str) {
    let is_vintage_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if vintage.len() > 32 || !vintage.bytes().all(is_vintage_byte) {
        check.wrong("area_vintage", "must be 1 to 32 bytes of [A-Za-z0-9._-]");
    }
}

fn check_age(check: &mut Check, request: &QueryValueRequest) {
    let today = check.date("today", &request.today);
    if request.one_sided_older_than_days > 0 && today.is_none() && request.today.is_empty() {
        check.wrong("today", "is required with one_sided_older_than_days: the ledger reads no clock");
    }
}

/// What is compared, and the indicator of what outcomes.
fn check_comparison(check: &mut Check, request: &QueryValueRequest, scope: &Scope, metrics: &[&Metric], dimensions: &[Dimension]) {
    check.id_or_none("indicator", &request.indicator);
    let compare_start = check.date("compare_start", &request.compare_start);
    let compare_end = check.date("compare_end", &request.compare_end);
    // A day that is none is already refused: it says nothing about what goes with what.
    let is_day = |text: &str, day: Option<Date>| text.is_empty() || day.is_some();
    let (start, end) = (Date::parse(&scope.period_start), Date::parse(&scope.period_end));
    let days = [(&request.compare_start, compare_start), (&request.compare_end, compare_end), (&scope.period_start, start), (&scope.period_end, end)];
    if !days.into_iter().all(|(text, day)| is_day(text, day)) {
        return;
    }
    let (compare_previous, has_indicator) = (request.compare_previous, !request.indicator.is_empty());
    let asked = ComparisonAsked { start, end, compare_start, compare_end, compare_previous, has_indicator };
    let wrong = metrics::check_comparison(metrics, dimensions, &asked);
    wrong.into_iter().for_each(|about| check.wrong(about.field, about.description));
}
