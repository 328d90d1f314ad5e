//! Entries that have no effect yet.

use super::entry::{sequence_of, status};
use super::view::{View, corrupt};
use super::{Readable, reflected};
use tandem_domain::rows::Suspense;
use tandem_domain::tables::Table;
use tandem_proto::v1::{ListSuspenseRequest, ListSuspenseResponse};
use tandem_wire::page::{self, Question};
use tandem_wire::status::Failure;

/// A page of suspense by sequence.
pub fn list_suspense<R: Readable>(view: &View<'_, R>, request: &ListSuspenseRequest) -> Result<ListSuspenseResponse, Failure> {
    let page_size = page::size(request.page_size)?;
    if request.reasons.iter().any(|reason| !(1..=12).contains(reason)) {
        return Err(Failure::invalid("reasons", "must each be one of the named reasons"));
    }
    let question =
        Question::of("ListSuspense", &ListSuspenseRequest { page_size: 0, page_token: String::new(), at_least: Vec::new(), ..request.clone() });
    let from = question.from(&request.page_token)?;
    let (mut sequences, mut more) = (Vec::new(), false);
    view.scan(Table::Suspense, &view.key(Table::Suspense), &from, |rest, row| {
        let reason = Suspense::decode(row).map_err(corrupt)?.reason as i32;
        if request.reasons.is_empty() || request.reasons.contains(&reason) {
            more = sequences.len() == page_size;
            if !more {
                sequences.push(sequence_of(rest)?);
            }
        }
        Ok(!more)
    })?;
    let last = sequences.last().filter(|_| more).map(|sequence| sequence.to_be_bytes());
    Ok(ListSuspenseResponse {
        entries: sequences.into_iter().map(|sequence| status(view, sequence)).collect::<Result<_, _>>()?,
        next_page_token: last.map_or_else(String::new, |last| question.token(&last)),
        total: view.views()?.suspended,
        reflects: Some(reflected(view)?),
    })
}
