//! A deliberately naive ledger to test the real one with. It shares no code with the fold: it keeps every record as prost decodes it
//! and answers by going over all of them. What it does is what `services/FOLD.md` says, in the same order.

mod answers;
mod areas;
mod calendar;
mod council;
mod effect;
mod entry;
mod judge;
mod metrics;
mod money;
mod value;
mod views;

pub use answers::{accounts, catalogue, exchange, posting, statement, status};
pub use calendar::{day_number, unit, unit_span, utc_day, utc_month};
pub use council::{Council, Exchange, Move};
pub use entry::{Entry, EventKey, Given, State, Wait};
pub use metrics::{Expected, expected};
pub use money::{Amount, Prices, Ratio};
pub use value::{Answer, Figures, OF_EXCHANGES, Quantity, RowKey, answer};
pub use views::{Account, Cell, ExchangeView, Line, Posting, Views};

use std::collections::BTreeMap;

/// Many councils.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// By code.
    pub councils: BTreeMap<String, Council>,
}

impl Model {
    /// Takes a record of a council's frame, in order. `append_us` is when its frame was appended.
    pub fn take(&mut self, council: &str, append_us: u64, record: &[u8]) {
        let council = self.councils.entry(council.to_owned()).or_insert_with(|| Council::new(council));
        council.take(append_us, record);
    }
}
