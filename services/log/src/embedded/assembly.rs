//! Puts what the writer took into frames: the appends of one council share one, as long as they fit.

use super::keys::FRAME_HEADER;
use super::queue::Append;
use crate::frame::{self, FRAME_BYTES_MAX};
use bytes::Bytes;
use rustc_hash::FxHashMap;
use tandem_domain::position::{LogId, Position, partition_of};

/// A frame being filled: its value in the store, with the header still free.
#[derive(Debug)]
pub(super) struct Building {
    pub partition: u32,
    pub offset: u64,
    pub records: u32,
    pub value: Vec<u8>,
}

impl Building {
    fn has_room(&self, length: usize) -> bool {
        self.value.len() - FRAME_HEADER + length <= FRAME_BYTES_MAX
    }
}

/// The frames of one commit.
pub(super) struct Assembly<'a> {
    log: LogId,
    /// The offset that comes next in each partition.
    next: &'a mut [u64],
    /// Values of earlier commits, to be filled again.
    spare: &'a mut Vec<Vec<u8>>,
    frames: Vec<Building>,
    /// The frame of each council that is not full: the last one of it.
    open: FxHashMap<&'a str, usize>,
    last: Option<(&'a str, usize)>,
}

impl<'a> Assembly<'a> {
    pub fn new(log: LogId, next: &'a mut [u64], spare: &'a mut Vec<Vec<u8>>) -> Self {
        Self { log, next, spare, frames: Vec::new(), open: FxHashMap::default(), last: None }
    }

    /// Adds an append's records; says where the last one stands.
    pub fn add(&mut self, append: &'a Append) -> Position {
        let council = &*append.council;
        let mut at = self.frame_for(council, &append.records);
        for record in &append.records {
            if !self.frames[at].has_room(frame::length_in_frame(record)) {
                at = self.begin(council);
            }
            let building = &mut self.frames[at];
            frame::push(&mut building.value, record);
            building.records += 1;
        }
        let Building { partition, offset, records, .. } = self.frames[at];
        Position { log: self.log, partition, offset, index: records - 1 }
    }

    /// The council's open frame if all of the records fit, or a new one: an append is split only if no frame could hold it.
    fn frame_for(&mut self, council: &'a str, records: &[Bytes]) -> usize {
        let open = match self.last {
            Some((last, at)) if last == council => Some(at),
            _ => self.open.get(council).copied(),
        };
        let length = records.iter().map(|record| frame::length_in_frame(record)).sum();
        match open {
            Some(at) if self.frames[at].has_room(length) => {
                self.last = Some((council, at));
                at
            }
            _ => self.begin(council),
        }
    }

    fn begin(&mut self, council: &'a str) -> usize {
        let partition = partition_of(council, self.next.len() as u32);
        let offset = self.next[partition as usize];
        self.next[partition as usize] += 1;
        let mut value = self.spare.pop().unwrap_or_default();
        value.clear();
        value.resize(FRAME_HEADER, 0);
        frame::begin(&mut value, council);
        let at = self.frames.len();
        self.frames.push(Building { partition, offset, records: 0, value });
        self.open.insert(council, at);
        self.last = Some((council, at));
        at
    }

    pub fn finish(self) -> Vec<Building> {
        self.frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::seeded;
    use crate::frame::Frame;
    use rand::RngExt;

    fn append(council: &str, lengths: &[usize]) -> Append {
        let records = lengths.iter().map(|&length| vec![length as u8; length].into()).collect();
        Append::new(council, records).unwrap().0
    }

    #[test]
    fn appends_of_a_council_share_a_frame_where_they_fit() {
        let large = [60_000; 10];
        let appends = [append("AA", &[1, 2]), append("BB", &[3]), append("AA", &[4]), append("AA", &large), append("AA", &large), append("BB", &[5])];
        let (mut next, mut spare) = (vec![7], Vec::new());
        let mut assembly = Assembly::new(LogId([1; 16]), &mut next, &mut spare);
        let positions: Vec<_> = appends.iter().map(|append| assembly.add(append)).map(|at| (at.offset, at.index)).collect();
        assert_eq!(positions, [(7, 1), (8, 0), (7, 2), (7, 12), (9, 9), (8, 1)]);
        let frames = assembly.finish();
        assert_eq!(frames.iter().map(|frame| frame.offset).collect::<Vec<_>>(), [7, 8, 9]);
        assert_eq!(next, [10]);
    }

    #[test]
    fn every_record_stands_where_its_position_says() {
        let mut random = seeded();
        for _ in 0..30 {
            let councils = ["AA", "BB", "CC", "DD"];
            let appends: Vec<_> = (0..random.random_range(1..80))
                .map(|_| {
                    let lengths: Vec<_> = (0..random.random_range(1..60)).map(|_| random.random_range(1..40_000)).collect();
                    append(councils[random.random_range(0..4)], &lengths)
                })
                .collect();
            let (mut next, mut spare) = (vec![0; 3], vec![vec![9; 100]; 2]);
            let mut assembly = Assembly::new(LogId([1; 16]), &mut next, &mut spare);
            let positions: Vec<_> = appends.iter().map(|append| assembly.add(append)).collect();
            let frames = assembly.finish();
            for (append, at) in appends.iter().zip(positions) {
                let found = frames.iter().find(|frame| (frame.partition, frame.offset) == (at.partition, at.offset)).unwrap();
                assert!(found.value.len() - FRAME_HEADER <= FRAME_BYTES_MAX);
                let frame = Frame::parse(&found.value[FRAME_HEADER..]).unwrap();
                assert_eq!((frame.council, frame.records.len()), (&*append.council, found.records as usize));
                assert_eq!(frame.records[at.index as usize], append.records.last().unwrap());
                assert_eq!(at.partition, partition_of(&append.council, 3));
            }
            let of = |council: &str, bytes: &[u8]| (council.to_owned(), bytes.to_vec());
            for council in councils {
                let sent = appends
                    .iter()
                    .filter(|append| &*append.council == council)
                    .flat_map(|append| append.records.iter().map(|record| of(council, record)));
                let parsed = frames.iter().map(|frame| Frame::parse(&frame.value[FRAME_HEADER..]).unwrap()).filter(|frame| frame.council == council);
                let kept = parsed.flat_map(|frame| frame.records.iter().map(|record| of(council, record)).collect::<Vec<_>>());
                assert!(sent.eq(kept));
            }
        }
    }
}
