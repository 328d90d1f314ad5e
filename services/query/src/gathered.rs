//! Pages of several projections made into one, as one projection that holds everything would answer.

use std::collections::BTreeMap;
use tandem_proto::v1::{CouncilStatus, GetStatusRequest, GetStatusResponse, ListBooksRequest, ListBooksResponse};
use tandem_wire::page::{self, Question};
use tandem_wire::status::Failure;

/// How the ledger stands.
pub(crate) fn status(answers: Vec<GetStatusResponse>, missing: Vec<u32>, question: &GetStatusRequest) -> Result<GetStatusResponse, Failure> {
    let only = answers.len() == 1;
    let more = answers.iter().any(|answer| !answer.next_page_token.is_empty());
    let mut all = GetStatusResponse::default();
    for answer in answers {
        all.councils.extend(answer.councils);
        all.partitions.extend(answer.partitions);
        all.next_page_token = answer.next_page_token;
        (all.log_id, all.version) = (answer.log_id, answer.version);
        all.missing_partitions = answer.missing_partitions;
    }
    if !only {
        let council = |status: &CouncilStatus| status.reflects.as_ref().map_or_else(String::new, |reflects| reflects.council.clone());
        (all.councils, all.next_page_token) = page(all.councils, council, question.page_size, &Question::get_status(question), more)?;
        all.partitions.sort_unstable_by_key(|status| status.partition);
    }
    all.missing_partitions.extend(missing);
    Ok(all)
}

/// The books.
pub(crate) fn books(answers: Vec<ListBooksResponse>, missing: Vec<u32>, question: &ListBooksRequest) -> Result<ListBooksResponse, Failure> {
    let only = answers.len() == 1;
    let more = answers.iter().any(|answer| !answer.next_page_token.is_empty());
    let mut all = ListBooksResponse::default();
    for answer in answers {
        all.books.extend(answer.books);
        all.next_page_token = answer.next_page_token;
        all.missing_partitions = answer.missing_partitions;
    }
    if !only {
        (all.books, all.next_page_token) = page(all.books, |book| book.council.clone(), question.page_size, &Question::list_books(), more)?;
    }
    all.missing_partitions.extend(missing);
    Ok(all)
}

/// The first rows by council, and the token of the page after them. Each projection gave its own first ones, so that the first of all are
/// among them; `more`: some projection has others behind its own.
fn page<T>(rows: Vec<T>, council: impl Fn(&T) -> String, size: u32, question: &Question, more: bool) -> Result<(Vec<T>, String), Failure> {
    let size = page::size(size)?;
    let mut sorted: BTreeMap<String, T> = rows.into_iter().map(|row| (council(&row), row)).collect();
    let more = more || sorted.len() > size;
    let rest = sorted.keys().nth(size).cloned().map(|first| sorted.split_off(&first));
    drop(rest);
    let token = match sorted.last_key_value() {
        Some((last, _)) if more => question.token(last.as_bytes()),
        _ => String::new(),
    };
    Ok((sorted.into_values().collect(), token))
}
