//! What every question is checked for before anybody works on it. All that is wrong is said at once, each with its field and limit.

use tandem_domain::date::Date;
use tandem_domain::event::{ID_BYTES_MAX, Invalid, is_council, parse_uuid};
use tandem_domain::position::Position;
use tandem_proto::v1::{
    CatalogueKind, ExchangeState, GetCatalogueRequest, GetCheckpointRequest, GetConsistencyProofRequest, GetEntryRequest, GetExchangeRequest,
    GetReceiptRequest, GetStatementRequest, GetStatusRequest, ListBooksRequest, ListExchangesRequest, ListSuspenseRequest, ReadEntriesRequest,
    SuspenseReason,
};
use tandem_wire::status::Failure;

/// Councils of one question.
pub(crate) const COUNCILS_MAX: usize = 1_000;
/// Positions that a question may wait for.
const AT_LEAST_MAX: usize = 1_000;
/// Items of a page, but for rows of values.
const PAGE_MAX: u32 = 1_000;
/// Greatest body field number in Facts.
const KIND_MAX: u32 = 127;

/// Collects what is wrong with a request.
#[derive(Debug, Default)]
pub(crate) struct Check(Vec<Invalid>);

impl Check {
    /// Says what is wrong with a field.
    pub fn wrong(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Invalid::new(field, description));
    }

    /// Refuses if anything is wrong.
    pub fn done(self) -> Result<(), Failure> {
        if self.0.is_empty() { Ok(()) } else { Err(Failure::Invalid(self.0)) }
    }

    /// A council's code, which is required.
    pub fn council(&mut self, field: &str, text: &str) {
        match text {
            "" => self.wrong(field, "is required"),
            text if !is_council(text) => self.wrong(field, "must be 2 to 32 bytes of [A-Za-z0-9_-]"),
            _ => {}
        }
    }

    /// An id, which is required.
    pub fn id(&mut self, field: &str, text: &str) {
        match text {
            "" => self.wrong(field, "is required"),
            text => self.id_or_none(field, text),
        }
    }

    /// An id, or none.
    pub fn id_or_none(&mut self, field: &str, text: &str) {
        let is_id = text.len() <= ID_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/:-".contains(&byte));
        if !is_id {
            self.wrong(field, format!("must be 1 to {ID_BYTES_MAX} bytes of [A-Za-z0-9._/:-]"));
        }
    }

    /// Ids of a list, at most `max`.
    pub fn ids(&mut self, field: &str, ids: &[String], max: usize) {
        self.at_most(field, ids.len(), max);
        for (index, id) in ids.iter().enumerate().take(max) {
            self.id(&format!("{field}[{index}]"), id);
        }
    }

    /// Councils of a list, at most [`COUNCILS_MAX`].
    pub fn councils(&mut self, field: &str, councils: &[String]) {
        self.at_most(field, councils.len(), COUNCILS_MAX);
        for (index, council) in councils.iter().enumerate().take(COUNCILS_MAX) {
            self.council(&format!("{field}[{index}]"), council);
        }
    }

    /// A list that may have so many.
    pub fn at_most(&mut self, field: &str, count: usize, max: usize) {
        if count > max {
            self.wrong(field, format!("has {count}; the limit is {max}"));
        }
    }

    /// A date, or none.
    pub fn date(&mut self, field: &str, text: &str) -> Option<Date> {
        if text.is_empty() {
            return None;
        }
        let date = Date::parse(text);
        if date.is_none() {
            self.wrong(field, "must be a day of the calendar, YYYY-MM-DD");
        }
        date
    }

    /// The two ends of a period, each of which may be open; `prefix` stands before their field names.
    pub fn period(&mut self, prefix: &str, start: &str, end: &str) {
        let start = self.date(&format!("{prefix}period_start"), start);
        let end = self.date(&format!("{prefix}period_end"), end);
        if let (Some(start), Some(end)) = (start, end)
            && end < start
        {
            self.wrong(format!("{prefix}period_end"), format!("is before {prefix}period_start, {start}"));
        }
    }

    /// Positions to wait for.
    pub fn at_least(&mut self, field: &str, positions: &[String]) {
        self.at_most(field, positions.len(), AT_LEAST_MAX);
        for (index, token) in positions.iter().enumerate().take(AT_LEAST_MAX) {
            if Position::from_token(token).is_none() {
                self.wrong(format!("{field}[{index}]"), "is not a position: send one as the gateway or an answer gave it");
            }
        }
    }

    /// The size of a page; 0 stands for the default.
    pub fn page_size(&mut self, size: u32, max: u32) {
        if size > max {
            self.wrong("page_size", format!("is {size}; the limit is {max}"));
        }
    }

    /// Values of an enum: known, and not the one that says nothing.
    pub fn values(&mut self, field: &str, values: &[i32], is_known: impl Fn(i32) -> bool) {
        for (index, &value) in values.iter().enumerate() {
            if value == 0 || !is_known(value) {
                self.wrong(format!("{field}[{index}]"), format!("is {value}, which says nothing here"));
            }
        }
    }
}

/// A request that can be checked by itself.
pub(crate) trait Checked {
    /// Its one council; `None` if it is about several.
    fn council(&self) -> Option<&str>;
    /// Says all that is wrong with it.
    fn check(&self, check: &mut Check);
}

impl Checked for GetExchangeRequest {
    fn council(&self) -> Option<&str> {
        Some(&self.council)
    }

    fn check(&self, check: &mut Check) {
        check.council("council", &self.council);
        check.id("exchange", &self.exchange);
        check.at_least("at_least", &self.at_least);
        check.page_size(self.page_size, PAGE_MAX);
    }
}

impl Checked for ListExchangesRequest {
    fn council(&self) -> Option<&str> {
        Some(&self.council)
    }

    fn check(&self, check: &mut Check) {
        check.council("council", &self.council);
        check.values("states", &self.states, |value| ExchangeState::try_from(value).is_ok());
        check.id_or_none("home_service", &self.home_service);
        check.at_least("at_least", &self.at_least);
        check.page_size(self.page_size, PAGE_MAX);
    }
}

impl Checked for GetStatementRequest {
    fn council(&self) -> Option<&str> {
        Some(&self.council)
    }

    fn check(&self, check: &mut Check) {
        check.council("council", &self.council);
        check.id("actor", &self.actor);
        check.period("", &self.period_start, &self.period_end);
        check.at_least("at_least", &self.at_least);
        check.page_size(self.page_size, PAGE_MAX);
    }
}

impl Checked for GetEntryRequest {
    fn council(&self) -> Option<&str> {
        Some(&self.council)
    }

    fn check(&self, check: &mut Check) {
        check.council("council", &self.council);
        if parse_uuid(&self.event_id).is_none() {
            check.wrong("event_id", "must be a UUID of 36 lower-case characters with hyphens");
        }
        check.id_or_none("source", &self.source);
        check.at_least("at_least", &self.at_least);
    }
}

impl Checked for ListSuspenseRequest {
    fn council(&self) -> Option<&str> {
        Some(&self.council)
    }

    fn check(&self, check: &mut Check) {
        check.council("council", &self.council);
        check.values("reasons", &self.reasons, |value| SuspenseReason::try_from(value).is_ok());
        check.at_least("at_least", &self.at_least);
        check.page_size(self.page_size, PAGE_MAX);
    }
}

impl Checked for GetCatalogueRequest {
    fn council(&self) -> Option<&str> {
        Some(&self.council)
    }

    fn check(&self, check: &mut Check) {
        check.council("council", &self.council);
        if self.kind == 0 || CatalogueKind::try_from(self.kind).is_err() {
            check.wrong("kind", "is required: SERVICE, MEASURE, INDICATOR, AREA or VALUATION");
        }
        check.at_least("at_least", &self.at_least);
        check.page_size(self.page_size, PAGE_MAX);
    }
}

impl Checked for GetStatusRequest {
    fn council(&self) -> Option<&str> {
        None
    }

    fn check(&self, check: &mut Check) {
        check.councils("councils", &self.councils);
        check.at_least("at_least", &self.at_least);
        check.page_size(self.page_size, PAGE_MAX);
    }
}

impl Checked for ListBooksRequest {
    fn council(&self) -> Option<&str> {
        None
    }

    fn check(&self, check: &mut Check) {
        check.page_size(self.page_size, PAGE_MAX);
    }
}

impl Checked for GetCheckpointRequest {
    fn council(&self) -> Option<&str> {
        Some(&self.council)
    }

    fn check(&self, check: &mut Check) {
        check.council("council", &self.council);
    }
}

impl Checked for GetReceiptRequest {
    fn council(&self) -> Option<&str> {
        Some(&self.council)
    }

    fn check(&self, check: &mut Check) {
        check.council("council", &self.council);
        if parse_uuid(&self.event_id).is_none() {
            check.wrong("event_id", "must be a UUID of 36 lower-case characters");
        }
        check.id_or_none("source", &self.source);
        check.at_least("at_least", &self.at_least);
    }
}

impl Checked for GetConsistencyProofRequest {
    fn council(&self) -> Option<&str> {
        Some(&self.council)
    }

    fn check(&self, check: &mut Check) {
        check.council("council", &self.council);
        if self.to_size.is_some_and(|to| to < self.from_size) {
            check.wrong("to_size", format!("is before from_size, {}", self.from_size));
        }
    }
}

impl Checked for ReadEntriesRequest {
    fn council(&self) -> Option<&str> {
        Some(&self.council)
    }

    fn check(&self, check: &mut Check) {
        check.council("council", &self.council);
        if self.to_sequence.is_some_and(|to| to < self.from_sequence) {
            check.wrong("to_sequence", format!("is before from_sequence, {}", self.from_sequence));
        }
        check.at_most("kinds", self.kinds.len(), KIND_MAX as usize + 1);
        for (index, kind) in self.kinds.iter().enumerate() {
            if *kind > KIND_MAX {
                check.wrong(format!("kinds[{index}]"), format!("is {kind}; kinds are 0 to {KIND_MAX}"));
            }
        }
    }
}

/// Checks a request and gives its failure, if it is wrong.
pub(crate) fn check(request: &impl Checked) -> Result<(), Failure> {
    let mut check = Check::default();
    request.check(&mut check);
    check.done()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields that are wrong.
    fn wrong(request: &impl Checked) -> Vec<String> {
        match check(request) {
            Ok(()) => Vec::new(),
            Err(Failure::Invalid(violations)) => violations.into_iter().map(|about| about.field).collect(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let council = || "E09000001".to_string();
        assert!(wrong(&GetExchangeRequest { council: council(), exchange: "plan-7".into(), ..Default::default() }).is_empty());
        let bad =
            GetExchangeRequest { council: "E".into(), exchange: "a b".into(), at_least: vec!["x".into()], page_size: 1_001, ..Default::default() };
        assert_eq!(wrong(&bad), ["council", "exchange", "at_least[0]", "page_size"]);
        let bad = GetStatementRequest { period_start: "2025-02-30".into(), ..Default::default() };
        assert_eq!(wrong(&bad), ["council", "actor", "period_start"]);
        let bad = GetStatementRequest {
            council: council(),
            actor: "ana".into(),
            period_start: "2025-02-02".into(),
            period_end: "2025-02-01".into(),
            ..Default::default()
        };
        assert_eq!(wrong(&bad), ["period_end"]);
        assert_eq!(
            wrong(&GetEntryRequest { council: council(), event_id: "7".into(), source: "a b".into(), at_least: vec![] }),
            ["event_id", "source"]
        );
        assert_eq!(wrong(&ListExchangesRequest { council: council(), states: vec![3, 0, 99], ..Default::default() }), ["states[1]", "states[2]"]);
        assert_eq!(wrong(&ListSuspenseRequest { council: council(), reasons: vec![-1], ..Default::default() }), ["reasons[0]"]);
        assert_eq!(wrong(&GetCatalogueRequest { council: council(), ..Default::default() }), ["kind"]);
        assert_eq!(wrong(&GetStatusRequest { councils: vec![council(), "?".into()], ..Default::default() }), ["councils[1]"]);
        assert_eq!(wrong(&GetStatusRequest { councils: vec![council(); 1_001], ..Default::default() }), ["councils"]);
        assert_eq!(wrong(&ListBooksRequest { page_size: 5_000, ..Default::default() }), ["page_size"]);
        let bad = ReadEntriesRequest { council: council(), from_sequence: 5, to_sequence: Some(4), kinds: vec![1, 128], ..Default::default() };
        assert_eq!(wrong(&bad), ["to_sequence", "kinds[1]"]);
    }
}
