//! Which records became entries.

use super::{Commitment, at};
use tandem_domain::bytes::Corrupt;
use tandem_domain::fold::Intake;
use tandem_domain::rows::read_entry;
use tandem_domain::tables::{Sink, Table};

/// Passes one council's changes on, and notes the entries among them: they come in the order of their records.
pub(crate) struct Noting<'a, S> {
    sink: &'a mut S,
    intake: &'a [Intake<'a>],
    /// Index in the intake of the next record that may be an entry.
    next: usize,
    noted: Noted,
}

/// The entries among the records of an intake.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    /// Which record of the intake, at which book time.
    entries: Vec<(usize, u64)>,
    /// Whether some entry is none of the records.
    is_lost: bool,
}

impl Noted {
    /// The commitments of the entries, given those of the whole intake without their times.
    pub fn commitments(self, timeless: &[Commitment]) -> Result<Vec<Commitment>, Corrupt> {
        match self.is_lost {
            false => Ok(self.entries.into_iter().map(|(index, book_time_us)| at(&timeless[index], book_time_us)).collect()),
            true => Err(Corrupt("Entry")),
        }
    }
}

impl<'a, S: Sink> Noting<'a, S> {
    pub fn new(sink: &'a mut S, intake: &'a [Intake<'a>]) -> Self {
        Self { sink, intake, next: 0, noted: Noted::default() }
    }

    /// What was noted.
    pub fn finish(self) -> Noted {
        self.noted
    }

    /// A record that is skipped is a duplicate. One with the bytes of the entry's record stands for it just as well: the commitment is the same.
    fn note(&mut self, row: &[u8]) {
        let Ok((book_time_us, record)) = read_entry(row) else {
            self.noted.is_lost = true;
            return;
        };
        match self.intake[self.next..].iter().position(|intake| intake.record == record) {
            Some(skipped) => {
                self.noted.entries.push((self.next + skipped, book_time_us));
                self.next += skipped + 1;
            }
            None => self.noted.is_lost = true,
        }
    }
}

impl<S: Sink> Sink for Noting<'_, S> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        if table == Table::Entry {
            self.note(value);
        }
        self.sink.put(table, key, value);
    }

    fn merge(&mut self, table: Table, key: &[u8], operand: &[u8]) {
        self.sink.merge(table, key, operand);
    }

    fn delete(&mut self, table: Table, key: &[u8]) {
        self.sink.delete(table, key);
    }
}
