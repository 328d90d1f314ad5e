//! Compares what a server answers with what was generated.

use super::Report;
use super::folded::until_folded;
use crate::client::{Connection, explain};
use anyhow::Context;
use std::collections::BTreeMap;
use tandem_proto::v1::query_service_client::QueryServiceClient;
use tandem_proto::v1::{CouncilStatus, Dimension, ListSuspenseRequest, MetricValue, QueryValueRequest, QueryValueResponse, Scope, ValueRow};
use tonic::Status;

/// A council's counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub entries: u64,
    pub applied: u64,
    pub suspended: u64,
    pub duplicates: u64,
    pub reversed: u64,
}

/// A council's counts now or, if there are positions, when they are folded.
pub(super) async fn counts(connection: Connection, council: &str, positions: &[String]) -> anyhow::Result<Counts> {
    let answer = until_folded(connection, council, positions).await?;
    let is_it = |status: &&CouncilStatus| status.reflects.as_ref().is_some_and(|reflects| reflects.council == council);
    let Some(status) = answer.councils.iter().find(is_it) else { return Ok(Counts::default()) };
    Ok(Counts {
        entries: status.reflects.as_ref().map_or(0, |reflects| reflects.entries),
        applied: status.applied,
        suspended: status.suspended,
        duplicates: status.duplicates,
        reversed: status.reversed,
    })
}

/// Everything that differs, one line each; empty if nothing does. Duplicates are compared as at least as many: a batch that had to be
/// sent again adds to them.
pub(super) async fn differences(connection: Connection, report: &Report, counts: &Counts) -> anyhow::Result<Vec<String>> {
    let mut comparison = Comparison { lines: Vec::new() };
    comparison.equal("entries", report.entries, counts.entries);
    comparison.equal("applied", report.applied, counts.applied);
    comparison.equal("suspended", report.suspended, counts.suspended);
    comparison.equal("reversed", report.reversed, counts.reversed);
    if counts.duplicates < report.duplicates {
        comparison.equal("duplicates", report.duplicates, counts.duplicates);
    }
    let mut asking = Asking { client: QueryServiceClient::new(connection), council: &report.council };
    let context = "cannot check the answers";
    comparison.maps("suspended", &report.suspended_by_reason, &asking.suspense().await.context(context)?);
    let answer = asking.value(&["quantity"], Dimension::Measure).await.context(context)?;
    // A measure that nobody gives is left out of the answer.
    let nets = report.measures.iter().filter_map(|(id, total)| total.net.clone().filter(|net| net != "0").map(|net| (id.clone(), net))).collect();
    comparison.maps("quantity", &nets, &quantities(&answer));
    let answer = asking.value(&["response_rate"], Dimension::Council).await.context(context)?;
    let rate = answer.first().and_then(|page| page.total.as_ref()).and_then(|row| row.values.first());
    let part = |part: fn(&MetricValue) -> Option<&String>| rate.and_then(part).cloned().unwrap_or_else(|| "0".into());
    comparison.equal("exchanges two-sided", report.exchanges.two_sided.to_string(), part(|rate| rate.numerator.as_ref()));
    comparison.equal("exchanges opened", report.exchanges.opened.to_string(), part(|rate| rate.denominator.as_ref()));
    let answer = asking.value(&["participants"], Dimension::Month).await.context(context)?;
    let expected = report.participants.iter().filter(|(_, count)| **count > 0).map(|(unit, count)| (unit.clone(), count.to_string())).collect();
    comparison.maps("participants", &expected, &figures(&answer, |figure| figure.central.as_ref()));
    comparison.residents(report, &asking.value(&["participation_rate"], Dimension::Decile).await.context(context)?);
    Ok(comparison.lines)
}

struct Comparison {
    lines: Vec<String>,
}

impl Comparison {
    /// The newest vintage is asked if none is. A decile in which nobody gave anything has no row.
    fn residents(&mut self, report: &Report, answer: &[QueryValueResponse]) {
        let answered = figures(answer, |rate| rate.denominator.as_ref());
        let deciles = report.residents.last_key_value().map(|(_, deciles)| deciles).into_iter().flatten();
        let expected: BTreeMap<String, u64> = deciles.map(|(decile, residents)| (decile.to_string(), residents.population)).collect();
        let all: u64 = expected.values().sum();
        let expected = expected.into_iter().filter(|(decile, _)| answered.contains_key(decile));
        self.maps("residents of decile", &expected.map(|(decile, residents)| (decile, residents.to_string())).collect(), &answered);
        let total = answer.first().and_then(|page| page.total.as_ref()?.values.first()?.denominator.clone());
        self.equal("residents", all.to_string(), total.unwrap_or_else(|| "0".into()));
    }

    fn equal<T: PartialEq + std::fmt::Display>(&mut self, what: &str, expected: T, answered: T) {
        if expected != answered {
            self.lines.push(format!("{what}: generated {expected}, answered {answered}"));
        }
    }

    fn maps<T: PartialEq + std::fmt::Display + Clone + Default>(
        &mut self,
        what: &str,
        expected: &BTreeMap<String, T>,
        answered: &BTreeMap<String, T>,
    ) {
        let keys: std::collections::BTreeSet<_> = expected.keys().chain(answered.keys()).collect();
        for key in keys {
            let of = |map: &BTreeMap<String, T>| map.get(key).cloned().unwrap_or_default();
            self.equal(&format!("{what} {key}"), of(expected), of(answered));
        }
    }
}

/// Central figures by measure: the part that a metric of quantities names, or the row's key.
fn quantities(pages: &[QueryValueResponse]) -> BTreeMap<String, String> {
    let rows = pages.iter().flat_map(|page| &page.rows);
    let figures =
        rows.flat_map(|row| row.values.iter().map(move |value| (if value.part.is_empty() { first_key(row) } else { value.part.clone() }, value)));
    figures.filter_map(|(measure, value)| Some((measure, value.central.clone().filter(|central| central != "0")?))).collect()
}

fn first_key(row: &ValueRow) -> String {
    row.keys.first().map(|key| key.value.clone()).unwrap_or_default()
}

/// Figures other than 0 by the row's first key and, where a metric has several, the part: "2025-03", "2025-03 lapsed".
fn figures(pages: &[QueryValueResponse], read: fn(&MetricValue) -> Option<&String>) -> BTreeMap<String, String> {
    let rows = pages.iter().flat_map(|page| &page.rows);
    let values = rows.flat_map(|row| row.values.iter().map(move |value| (row, value)));
    let figure = |(row, value): (&ValueRow, &MetricValue)| {
        let key = [first_key(row), value.part.clone()].join(" ").trim().to_owned();
        Some((key, read(value).filter(|figure| *figure != "0")?.clone()))
    };
    values.filter_map(figure).collect()
}

struct Asking<'a> {
    client: QueryServiceClient<Connection>,
    council: &'a str,
}

impl Asking<'_> {
    /// All pages of a question about the whole council.
    async fn value(&mut self, metrics: &[&str], group: Dimension) -> anyhow::Result<Vec<QueryValueResponse>> {
        let request = QueryValueRequest {
            scope: Some(Scope { councils: vec![self.council.into()], ..Default::default() }),
            metrics: metrics.iter().map(|metric| (*metric).to_owned()).collect(),
            group_by: vec![group as i32],
            page_size: 10_000,
            ..Default::default()
        };
        self.pages(request).await
    }

    /// All pages of a question.
    async fn pages(&mut self, mut request: QueryValueRequest) -> anyhow::Result<Vec<QueryValueResponse>> {
        let mut pages = Vec::new();
        loop {
            let page = self.client.query_value(request.clone()).await.map_err(for_people)?.into_inner();
            request.page_token = page.next_page_token.clone();
            pages.push(page);
            if request.page_token.is_empty() {
                return Ok(pages);
            }
        }
    }

    /// Entries in suspense, by reason.
    async fn suspense(&mut self) -> anyhow::Result<BTreeMap<String, u64>> {
        let mut request = ListSuspenseRequest { council: self.council.into(), page_size: 1_000, ..Default::default() };
        let mut counts = BTreeMap::new();
        loop {
            let page = self.client.list_suspense(request.clone()).await.map_err(for_people)?.into_inner();
            for entry in &page.entries {
                *counts.entry(entry.reason().as_str_name().to_owned()).or_default() += 1;
            }
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return Ok(counts);
            }
        }
    }
}

fn for_people(status: Status) -> anyhow::Error {
    explain(&status)
}
