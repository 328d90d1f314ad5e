//! Frames of one partition on their way through the fold.

use crate::Error;
use crate::progress::At;
use crate::store::meta::{Cursor, LastFrame};
use std::collections::VecDeque;
use tandem_domain::position::partition_of;
use tandem_domain::rows::Book;
use tandem_log::{Frame, StoredFrame};

/// The frames of a partition from its cursor on that were read and are not wholly folded, in order. A frame may stay behind one that
/// waits for another council's cures even though it is folded itself: its council's book says so.
pub(super) struct Lane {
    pub partition: u32,
    pub cursor: Cursor,
    pub frames: VecDeque<StoredFrame>,
}

impl Lane {
    /// The frames' contents. Refuses one that does not belong here: no answer can be right after it.
    pub fn parse(&self, partitions: u32) -> Result<Vec<Frame<'_>>, Error> {
        let parse = |stored| -> Result<Frame<'_>, Error> {
            let frame = StoredFrame::parse(stored)?;
            match partition_of(frame.council, partitions) == self.partition {
                true => Ok(frame),
                false => Err(self.error(stored, format!("council {} does not live in that partition", frame.council))),
            }
        };
        self.frames.iter().map(parse).collect()
    }

    fn error(&self, stored: &StoredFrame, why: String) -> Error {
        Error::Frame { partition: self.partition, offset: stored.offset, why }
    }

    /// Where the cursor stands once the books are as given, and how many frames from the front are then wholly folded.
    pub fn advance(&self, frames: &[Frame<'_>], book: impl Fn(&str) -> Option<Book>) -> (Cursor, usize) {
        let (mut next, mut last, mut done) = ((self.cursor.next_offset, self.cursor.next_index), None, 0);
        for (stored, frame) in self.frames.iter().zip(frames) {
            let at = book(frame.council).map(|book| book.at());
            let end = (stored.offset, frame.records.len() as u32 - 1); // a frame has a record
            match at {
                Some(at) if at >= end => {
                    next = (stored.offset + 1, 0);
                    last = Some(stored);
                    done += 1;
                    continue;
                }
                Some((offset, index)) if offset == stored.offset => {
                    next = (offset, index + 1);
                    last = Some(stored);
                }
                _ => next = (stored.offset, 0),
            }
            break;
        }
        let last = last.map(LastFrame::of).or(self.cursor.last);
        (Cursor { next_offset: next.0, next_index: next.1, last }, done)
    }
}
