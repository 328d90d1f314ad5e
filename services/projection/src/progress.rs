//! How far the fold is, for whoever waits for it.

use rustc_hash::FxHashMap;
use tandem_domain::position::{Position, partition_of};
use tandem_domain::rows::Book;

/// Whether a projection can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Not yet; the text says what it does.
    Starting(String),
    /// It folds and answers.
    Serving,
    /// It stopped because of what the text says, and answers nothing.
    Failed(String),
    /// It was stopped.
    Stopped,
}

/// Committed progress of the fold.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub health: Health,
    /// Per partition the first record that is not folded: offset of the frame, index in it.
    pub cursors: Vec<(u64, u32)>,
    /// Per council its book, and whether cures are due.
    pub books: FxHashMap<String, Council>,
}

/// Committed progress of one council.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Council {
    pub book: Book,
    pub suspended: u64,
    pub cures: u64,
}

impl Progress {
    /// Whether answers about a council reflect a position, cures that it made due included. Without a council it is about every council.
    pub fn reflects(&self, position: &Position, council: Option<&str>) -> bool {
        let at = (position.offset, position.index);
        let folded = self.cursors.get(position.partition as usize).is_some_and(|cursor| at < *cursor);
        let Some(council) = council else {
            return folded;
        };
        let own = self.books.get(council);
        // A council that is ahead of its partition, which another council's cures hold up, need not wait for it.
        let ahead = own.is_some_and(|own| {
            own.book.partition == position.partition && partition_of(council, self.cursors.len() as u32) == position.partition && at <= own.book.at()
        });
        (folded || ahead) && own.is_none_or(|own| own.cures == 0)
    }
}

/// The last record of a book.
pub(crate) trait At {
    /// Offset of the frame, index in it.
    fn at(&self) -> (u64, u32);
}

impl At for Book {
    fn at(&self) -> (u64, u32) {
        (self.offset, self.index)
    }
}

impl Council {
    /// After a fold.
    pub fn of(folded: &tandem_domain::fold::Folded) -> Self {
        let cures = folded.views.cures.len() as u64;
        Self { book: folded.book, suspended: folded.views.suspended, cures: cures.max(folded.cures_pending.into()) }
    }
}
