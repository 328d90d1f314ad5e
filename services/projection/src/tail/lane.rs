//! Frames of one partition on their way through the fold.

use crate::Error;
use crate::progress::{At, Council};
use crate::store::meta::{Cursor, LastFrame};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use tandem_domain::position::partition_of;
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
        let parse = |stored: &'_ StoredFrame| -> Result<(), Error> {
            let council = stored.parse()?.council.to_owned();
            match partition_of(&council, partitions) == self.partition {
                true => Ok(()),
                false => Err(self.error(stored, format!("council {council} does not live in that partition"))),
            }
        };
        self.frames.iter().try_for_each(parse)?;
        self.frames.iter().map(|stored| stored.parse().map_err(Error::from)).collect()
    }

    fn error(&self, stored: &StoredFrame, why: String) -> Error {
        Error::Frame { partition: self.partition, offset: stored.offset, why }
    }

    /// Where the cursor stands once the books are as given, and how many frames from the front are then wholly folded.
    pub fn advance(&self, frames: &[Frame<'_>], books: &FxHashMap<String, Council>) -> (Cursor, usize) {
        let (mut next, mut last, mut done) = ((self.cursor.next_offset, self.cursor.next_index), None, 0);
        for (stored, frame) in self.frames.iter().zip(frames) {
            let at = books.get(frame.council).filter(|council| council.book.partition == self.partition).map(|council| council.book.at());
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
