//! How far the fold is, for whoever waits for it.

use rustc_hash::FxHashMap;
use tandem_domain::position::Position;
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
    /// Per partition of the log the first record that is not folded: offset of the frame, index in it. (0, 0) where it is not held.
    pub cursors: Vec<(u64, u32)>,
    /// Per council of the partitions held its book, and whether cures are due.
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
    /// Whether answers about these councils reflect a position, the cures that it made due included. Without a council: whether it is
    /// folded, cures or not.
    pub fn reflects(&self, position: &Position, councils: &[String]) -> bool {
        let at = (position.offset, position.index);
        let folded = self.cursors.get(position.partition as usize).is_some_and(|cursor| at < *cursor);
        let mut own = councils.iter().filter_map(|council| self.books.get(council)).filter(|own| own.book.partition == position.partition).peekable();
        // A council that is ahead of its partition, which another council's cures hold up, need not wait for it.
        let could_be_ahead = own.peek().is_some();
        own.all(|own| (folded || at <= own.book.at()) && own.cures == 0) && (folded || could_be_ahead)
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

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_domain::position::LogId;

    #[test]
    fn a_council_need_not_wait_for_another_ones_cures() {
        let council = |offset, cures| Council { book: Book { partition: 0, offset, index: 0, ..Book::default() }, cures, suspended: 0 };
        let books = [("held-up".to_owned(), council(4, 1)), ("ahead".to_owned(), council(9, 0))].into_iter().collect();
        let progress = Progress { health: Health::Serving, cursors: vec![(5, 0), (0, 0)], books };
        let reflects = |partition, offset, councils: &[&str]| {
            let councils: Vec<String> = councils.iter().map(|council| (*council).to_owned()).collect();
            progress.reflects(&Position { log: LogId([0; 16]), partition, offset, index: 0 }, &councils)
        };
        assert!(reflects(0, 4, &[]) && !reflects(0, 5, &[]));
        assert!(!reflects(0, 4, &["held-up"]) && !reflects(0, 9, &["held-up"]));
        assert!(reflects(0, 9, &["ahead"]) && !reflects(0, 10, &["ahead"]) && !reflects(0, 9, &["ahead", "held-up"]));
        assert!(reflects(0, 4, &["nobody"]) && !reflects(0, 5, &["nobody"]));
        assert!(!reflects(1, 0, &["ahead"]) && !reflects(2, 0, &["ahead"]));
    }
}
