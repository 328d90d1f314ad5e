//! Puts what the writer took into frames: the appends of one council share one, as long as they fit.

use crate::frame::{self, FRAME_BYTES_MAX};
use crate::queue::Append;
use bytes::Bytes;
use rustc_hash::FxHashMap;
use std::ops::Range;
use tandem_domain::position::partition_of;

/// A frame being filled: what the log stores for it, whose first bytes are left free for the log's own header.
#[derive(Debug)]
pub(crate) struct Building {
    pub partition: u32,
    pub records: u32,
    pub value: Vec<u8>,
    /// Of a copy: the append time in the log that it is copied from; 0: none.
    pub original_append_us: u64,
}

/// Where the records of an append went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// The frame of its first record.
    pub first: usize,
    /// Further frames, which hold nothing but the rest of this append; mostly none.
    pub rest: Range<usize>,
    /// Index of its last record in its last frame.
    pub index: u32,
}

impl Placed {
    /// The frame of its last record.
    pub fn last(&self) -> usize {
        if self.rest.is_empty() { self.first } else { self.rest.end - 1 }
    }

    /// All its frames.
    pub fn frames(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.first).chain(self.rest.clone())
    }
}

/// The frames of one commit.
pub(crate) struct Assembly<'a> {
    partitions: u32,
    /// Bytes left free at the head of each frame's value.
    head: usize,
    /// Values of earlier commits, to be filled again.
    spare: &'a mut Vec<Vec<u8>>,
    frames: Vec<Building>,
    /// The frame of each council that is not full: the last one of it.
    open: FxHashMap<&'a str, usize>,
    last: Option<(&'a str, usize)>,
}

impl<'a> Assembly<'a> {
    pub fn new(partitions: u32, head: usize, spare: &'a mut Vec<Vec<u8>>) -> Self {
        Self { partitions, head, spare, frames: Vec::new(), open: FxHashMap::default(), last: None }
    }

    /// Adds an append's records; says where they went.
    pub fn add(&mut self, append: &'a Append) -> Placed {
        let council = &*append.council;
        let first = self.frame_for(append);
        let (mut at, begun) = (first, self.frames.len());
        for record in &append.records {
            if !self.has_room(at, frame::length_in_frame(record)) {
                at = self.begin(council, append.original_append_us);
            }
            let building = &mut self.frames[at];
            frame::push(&mut building.value, record);
            building.records += 1;
        }
        Placed { first, rest: begun..self.frames.len(), index: self.frames[at].records - 1 }
    }

    fn has_room(&self, at: usize, length: usize) -> bool {
        let Building { value, original_append_us, .. } = &self.frames[at];
        value.len() - self.head + length + frame::length_of_original(*original_append_us) <= FRAME_BYTES_MAX
    }

    /// The council's open frame if all of the records fit and have the same time, or a new one: an append is split only if no frame could
    /// hold it.
    fn frame_for(&mut self, append: &'a Append) -> usize {
        let council = &*append.council;
        let open = match self.last {
            Some((last, at)) if last == council => Some(at),
            _ => self.open.get(council).copied(),
        };
        let length = |records: &[Bytes]| records.iter().map(|record| frame::length_in_frame(record)).sum();
        match open {
            Some(at) if self.frames[at].original_append_us == append.original_append_us && self.has_room(at, length(&append.records)) => {
                self.last = Some((council, at));
                at
            }
            _ => self.begin(council, append.original_append_us),
        }
    }

    fn begin(&mut self, council: &'a str, original_append_us: u64) -> usize {
        let mut value = self.spare.pop().unwrap_or_default();
        value.clear();
        value.resize(self.head, 0);
        frame::begin(&mut value, council);
        let at = self.frames.len();
        self.frames.push(Building { partition: partition_of(council, self.partitions), records: 0, value, original_append_us });
        self.open.insert(council, at);
        self.last = Some((council, at));
        at
    }

    pub fn finish(mut self) -> Vec<Building> {
        for Building { value, original_append_us, .. } in &mut self.frames {
            frame::end(value, *original_append_us);
        }
        self.frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::seeded;
    use crate::frame::Frame;
    use rand::RngExt;

    const HEAD: usize = 12;

    fn append_of(council: &str, lengths: &[usize], original_append_us: u64) -> Append {
        let records = lengths.iter().map(|&length| vec![length as u8; length].into()).collect();
        Append::new(council, records, original_append_us).unwrap().0
    }

    fn append(council: &str, lengths: &[usize]) -> Append {
        append_of(council, lengths, 0)
    }

    fn placed(appends: &[Append]) -> (Vec<Placed>, Vec<Building>) {
        let mut spare = vec![vec![9; 100]; 2];
        let mut assembly = Assembly::new(3, HEAD, &mut spare);
        let placed = appends.iter().map(|append| assembly.add(append)).collect();
        (placed, assembly.finish())
    }

    #[test]
    fn appends_of_a_council_share_a_frame_where_they_fit() {
        let large = [60_000; 10];
        let appends = [append("AA", &[1, 2]), append("BB", &[3]), append("AA", &[4]), append("AA", &large), append("AA", &large), append("BB", &[5])];
        let (placed, frames) = placed(&appends);
        let at: Vec<_> = placed.iter().map(|at| (at.first, at.last(), at.index)).collect();
        assert_eq!(at, [(0, 0, 1), (1, 1, 0), (0, 0, 2), (0, 0, 12), (2, 2, 9), (1, 1, 1)]);
        assert_eq!(frames.len(), 3);
    }

    #[test]
    fn an_append_that_no_frame_holds_is_split() {
        let appends = [append("AA", &[7]), append("AA", &[60_000; 40]), append("BB", &[3])];
        let (placed, frames) = placed(&appends);
        // 15 records of 60,000 bytes in a frame: the first of its frames is new, since they do not all fit beside the small one.
        assert_eq!(placed[1], Placed { first: 1, rest: 2..4, index: 9 });
        assert_eq!((placed[1].last(), placed[1].frames().collect::<Vec<_>>()), (3, vec![1, 2, 3]));
        assert_eq!((placed[2].first, frames.len()), (4, 5));
    }

    #[test]
    fn copies_share_a_frame_only_with_copies_of_the_same_time() {
        let appends = [append("AA", &[1]), append_of("AA", &[2], 70), append_of("AA", &[3], 70), append_of("AA", &[4], 71), append("AA", &[5])];
        let (placed, frames) = placed(&appends);
        assert_eq!(placed.iter().map(|at| (at.first, at.index)).collect::<Vec<_>>(), [(0, 0), (1, 0), (1, 1), (2, 0), (3, 0)]);
        let times = frames.iter().map(|frame| Frame::parse(&frame.value[HEAD..]).unwrap().original_append_us);
        assert_eq!(times.collect::<Vec<_>>(), [0, 70, 71, 0]);
    }

    #[test]
    fn every_record_stands_where_it_was_said_to() {
        let mut random = seeded();
        for _ in 0..30 {
            let councils = ["AA", "BB", "CC", "DD"];
            let appends: Vec<_> = (0..random.random_range(1..80))
                .map(|_| {
                    let lengths: Vec<_> = (0..random.random_range(1..60)).map(|_| random.random_range(1..40_000)).collect();
                    append_of(councils[random.random_range(0..4)], &lengths, random.random_range(0..2))
                })
                .collect();
            let (placed, frames) = placed(&appends);
            for (append, at) in appends.iter().zip(placed) {
                let found = &frames[at.last()];
                assert!(found.value.len() - HEAD <= FRAME_BYTES_MAX);
                let frame = Frame::parse(&found.value[HEAD..]).unwrap();
                assert_eq!((frame.council, frame.records.len()), (&*append.council, found.records as usize));
                assert_eq!(frame.records[at.index as usize], append.records.last().unwrap());
                assert_eq!(frame.original_append_us, append.original_append_us);
                assert_eq!(found.partition, partition_of(&append.council, 3));
            }
            let of = |council: &str, bytes: &[u8]| (council.to_owned(), bytes.to_vec());
            for council in councils {
                let sent = appends
                    .iter()
                    .filter(|append| &*append.council == council)
                    .flat_map(|append| append.records.iter().map(|record| of(council, record)));
                let parsed = frames.iter().map(|frame| Frame::parse(&frame.value[HEAD..]).unwrap()).filter(|frame| frame.council == council);
                let kept = parsed.flat_map(|frame| frame.records.iter().map(|record| of(council, record)).collect::<Vec<_>>());
                assert!(sent.eq(kept));
            }
        }
    }
}
