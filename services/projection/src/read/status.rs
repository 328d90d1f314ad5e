//! Books, counts and lag.

use super::view::{View, corrupt};
use super::{Readable, check_council};
use crate::Partitions;
use crate::store::meta::Cursor;
use std::collections::BTreeSet;
use tandem_domain::bytes::{Corrupt, Take};
use tandem_domain::position::{LogId, Position, partition_of};
use tandem_domain::rows::{Book, Views};
use tandem_domain::tables::{Key, Table};
use tandem_proto::v1;
use tandem_proto::v1::{CouncilReflected, CouncilStatus, GetStatusRequest, GetStatusResponse, ListBooksRequest, ListBooksResponse, PartitionStatus};
use tandem_wire::page::{self, Question};
use tandem_wire::status::Failure;

/// Councils that one question may name.
const COUNCILS_MAX: usize = 1_000;

/// What an answer under this view reflects.
pub fn reflected<R: Readable>(view: &View<'_, R>) -> Result<CouncilReflected, Failure> {
    Ok(of_book(view.council(), view.log(), view.book()?.as_ref()))
}

/// What a book says that its answers reflect: everything up to the last record taken, duplicates included.
pub(crate) fn of_book(council: &str, log: LogId, book: Option<&Book>) -> CouncilReflected {
    let position = |book: &Book| Position { log, partition: book.partition, offset: book.offset, index: book.index }.token();
    CouncilReflected {
        council: council.into(),
        position: book.map_or_else(String::new, position),
        entries: book.map_or(0, |book| book.entries),
        book_time_us: book.map_or(0, |book| book.book_time_us),
    }
}

/// How the ledger stands. `view` is of no council; `ends` are the ends of the partitions that are asked about.
pub fn get_status<R: Readable>(
    view: &View<'_, R>,
    among: &Partitions,
    ends: &[(u32, u64)],
    request: &GetStatusRequest,
) -> Result<GetStatusResponse, Failure> {
    let page_size = page::size(request.page_size)?;
    if request.councils.len() > COUNCILS_MAX {
        return Err(Failure::invalid("councils", format!("has {}; the limit is {COUNCILS_MAX}", request.councils.len())));
    }
    request.councils.iter().try_for_each(|council| check_council(council))?;
    let question = Question::get_status(request);
    let after = question.after(&request.page_token)?;
    let (councils, more) = match request.councils.is_empty() {
        true => councils(view, among, after.as_deref(), page_size)?,
        false => named(&request.councils, among, after.as_deref(), page_size),
    };
    let last = councils.last().filter(|_| more).cloned();
    Ok(GetStatusResponse {
        councils: councils.iter().map(|council| council_status(&view.of(council))).collect::<Result<_, _>>()?,
        next_page_token: last.map_or_else(String::new, |last| question.token(last.as_bytes())),
        partitions: ends.iter().map(|(partition, end)| partition_status(view, *partition, *end)).collect::<Result<_, _>>()?,
        log_id: view.log().to_string(),
        version: env!("CARGO_PKG_VERSION").into(),
        missing_partitions: Vec::new(),
    })
}

fn council_status<R: Readable>(view: &View<'_, R>) -> Result<CouncilStatus, Failure> {
    let (book, views) = (view.book()?, view.views()?);
    let Views { applied, suspended, reversed, cures, .. } = views;
    Ok(CouncilStatus {
        reflects: Some(of_book(view.council(), view.log(), book.as_ref())),
        applied,
        suspended,
        duplicates: book.map_or(0, |book| book.duplicates),
        reversed,
        cures_pending: cures.len() as u64,
    })
}

fn partition_status<R: Readable>(view: &View<'_, R>, partition: u32, end: u64) -> Result<PartitionStatus, Failure> {
    let cursor = Cursor::read(view.rows(), partition).map_err(Into::into)?.unwrap_or_default();
    // A log of several machines may learn of its own end later than we read it.
    Ok(PartitionStatus { partition, applied_frames: cursor.next_offset, log_frames: end.max(cursor.next_offset) })
}

/// The books, by council, without how they are published. `view` is of no council.
pub fn list_books<R: Readable>(view: &View<'_, R>, among: &Partitions, request: &ListBooksRequest) -> Result<ListBooksResponse, Failure> {
    let page_size = page::size(request.page_size)?;
    let question = Question::list_books();
    let after = question.after(&request.page_token)?;
    let (councils, more) = councils(view, among, after.as_deref(), page_size)?;
    let last = councils.last().filter(|_| more).cloned();
    let book = |council: &String| -> Result<v1::Book, Failure> {
        let book = view.of(council).book()?.unwrap_or_default();
        Ok(v1::Book {
            council: council.clone(),
            size: book.entries,
            book_time_us: book.book_time_us,
            partition: partition_of(council, among.of()),
            ..Default::default()
        })
    };
    Ok(ListBooksResponse {
        books: councils.iter().map(book).collect::<Result<_, _>>()?,
        next_page_token: last.map_or_else(String::new, |last| question.token(last.as_bytes())),
        missing_partitions: Vec::new(),
    })
}

/// Councils that have a book and live in these partitions, ascending, after one; and whether there are more.
fn councils<R: Readable>(view: &View<'_, R>, among: &Partitions, after: Option<&[u8]>, page_size: usize) -> Result<(Vec<String>, bool), Failure> {
    // A council's own row ends with a zero byte; the next council's is greater than with a one.
    let from = after.map_or_else(Vec::new, |after| [after, &[1]].concat());
    let (mut councils, mut more) = (Vec::new(), false);
    view.scan(Table::Book, &Key::bare(Table::Book), &from, |rest, _| {
        let council = Take::new("Book", rest).text().map_err(corrupt)?;
        if !among.has_council(council) {
            return Ok(true);
        }
        more = councils.len() == page_size;
        if !more {
            councils.push(council.to_owned());
        }
        Ok(!more)
    })?;
    match councils.iter().all(|council| tandem_domain::is_council(council)) {
        true => Ok((councils, more)),
        false => Err(corrupt(Corrupt("Book"))),
    }
}

/// A page of the councils that were asked for.
fn named(asked: &[String], among: &Partitions, after: Option<&[u8]>, page_size: usize) -> (Vec<String>, bool) {
    let is_next = |council: &&String| among.has_council(council) && after.is_none_or(|after| council.as_bytes() > after);
    let asked: BTreeSet<&String> = asked.iter().filter(is_next).collect();
    (asked.iter().take(page_size).map(|council| (*council).clone()).collect(), asked.len() > page_size)
}
