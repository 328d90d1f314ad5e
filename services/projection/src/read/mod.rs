//! The answers, as pure functions of rows and a request: each reads one [`View`] and knows neither RocksDB nor tokio.

mod aggregate;
mod books;
mod catalogue;
mod entries;
mod entry;
mod exchange;
mod lattice;
mod posting;
mod statement;
mod status;
mod suspense;
mod view;

pub use aggregate::aggregate;
pub(crate) use books::{Audit, add_published};
pub use catalogue::get_catalogue;
pub use entries::{Chunk, EntriesQuestion, read_entries};
pub use entry::get_entry;
pub use exchange::{get_exchange, list_exchanges};
pub use lattice::get_lattice;
pub use statement::get_statement;
pub(crate) use status::of_book;
pub use status::{get_status, list_books, reflected};
pub use suspense::list_suspense;
pub use view::View;

use tandem_domain::date::{Date, EARLIEST, LATEST, Span};
use tandem_domain::event::is_council;
use tandem_domain::tables::Rows;
use tandem_wire::status::Failure;

/// Rows whose errors can be answered with.
pub trait Readable: Rows<Error: Into<Failure>> {}

impl<R: Rows<Error: Into<Failure>>> Readable for R {}

/// Refuses a council that cannot be one.
pub fn check_council(council: &str) -> Result<(), Failure> {
    match council {
        "" => Err(Failure::invalid("council", "is required")),
        council if is_council(council) => Ok(()),
        _ => Err(Failure::invalid("council", "must be 2 to 32 bytes of [A-Za-z0-9_-]")),
    }
}

/// Days of a period; either may be empty: no bound.
fn period(start: &str, end: &str) -> Result<Span, Failure> {
    let day = |field, text, unbounded| match text {
        "" => Ok(unbounded),
        text => Date::parse(text).ok_or_else(|| Failure::invalid(field, "must be a date \"YYYY-MM-DD\"")),
    };
    let span = Span { start: day("period_start", start, EARLIEST)?, end: day("period_end", end, LATEST)? };
    if span.end < span.start {
        return Err(Failure::invalid("period_end", "is before period_start"));
    }
    Ok(span)
}

/// "YYYY-MM-DD" of the first day, and of the last unless it is the same.
fn days(span: Span) -> (String, String) {
    (span.start.to_string(), if span.end == span.start { String::new() } else { span.end.to_string() })
}
