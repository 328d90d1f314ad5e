//! Entries of a book as frames again: as many in each as have a common append time that gives all of them the book time they have.
//!
//! Book time = max(of the entry before, min(the gateway's stamp, the append time)). An entry's own book time would always do as its append
//! time, but then most frames would hold a single record.

use bytes::Bytes;
use tandem_domain::record::Record;

/// Records of a council, to be appended with one original append time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The council.
    pub council: String,
    /// Encoded records, in order.
    pub records: Vec<Bytes>,
    /// Microseconds since 1970 UTC.
    pub append_us: u64,
}

/// Bytes and records of one batch, about: a frame's worth.
const BATCH_BYTES_MAX: usize = 800 * 1024;

/// Gathers entries, in order.
#[derive(Debug)]
pub struct Grouping {
    council: String,
    records: Vec<Bytes>,
    bytes: usize,
    /// Append times that give every entry gathered so far its book time: from, to.
    allowed: (u64, u64),
    /// Book time of the entry before.
    before_us: u64,
}

impl Grouping {
    /// Of a book from its beginning.
    pub fn new(council: &str) -> Self {
        Self { council: council.into(), records: Vec::new(), bytes: 0, allowed: (1, u64::MAX), before_us: 0 }
    }

    /// Adds the next entry; gives what was gathered before, if it does not go with that.
    pub fn add(&mut self, book_time_us: u64, record: &[u8]) -> Option<Batch> {
        // The gateway writes records; one that could not be read would be an empty one to the fold, too.
        let stamp_us = Record::decode(record).unwrap_or_default().received_us;
        let own = allowed(self.before_us, stamp_us, book_time_us);
        let both = (self.allowed.0.max(own.0), self.allowed.1.min(own.1));
        let fits = both.0 <= both.1 && self.bytes + record.len() <= BATCH_BYTES_MAX;
        let done = if fits { None } else { self.finish() };
        self.allowed = if fits { both } else { own };
        self.before_us = book_time_us;
        self.bytes += record.len();
        self.records.push(Bytes::copy_from_slice(record));
        done
    }

    /// What is gathered, if anything is.
    pub fn finish(&mut self) -> Option<Batch> {
        if self.records.is_empty() {
            return None;
        }
        let (least, most) = std::mem::replace(&mut self.allowed, (1, u64::MAX));
        self.bytes = 0;
        // Of those allowed the one nearest to what the log's clock can have said.
        let append_us = self.before_us.clamp(least, most);
        Some(Batch { council: self.council.clone(), records: std::mem::take(&mut self.records), append_us })
    }
}

/// The append times, from and to, for which max(before, min(stamp, append)) is the book time.
fn allowed(before_us: u64, stamp_us: u64, book_time_us: u64) -> (u64, u64) {
    match (book_time_us > before_us, stamp_us > book_time_us) {
        // It moved the book's time: to the stamp, which the append time must not be below; or to the append time itself.
        (true, false) => (book_time_us.max(1), u64::MAX),
        (true, true) => (book_time_us.max(1), book_time_us),
        // It did not: because the stamp is not later, or the append time is not.
        (false, false) => (1, u64::MAX),
        (false, true) => (1, book_time_us.max(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_tests::random::{Random, seeds};

    fn record(stamp_us: u64, length: usize) -> Vec<u8> {
        let facts = vec![7; length];
        let mut out = Vec::new();
        Record { parts: tandem_domain::event::Parts { facts: &facts, ..Default::default() }, received_us: stamp_us, ..Record::default() }
            .encode(&mut out);
        out
    }

    fn grouped(entries: &[(u64, Vec<u8>)]) -> Vec<Batch> {
        let mut grouping = Grouping::new("AA");
        let mut batches: Vec<_> = entries.iter().filter_map(|(book, record)| grouping.add(*book, record)).collect();
        batches.extend(grouping.finish());
        batches
    }

    /// Book times that a fold gives.
    fn folded(batches: &[Batch]) -> Vec<u64> {
        let mut now = 0;
        let times =
            batches.iter().flat_map(|batch| batch.records.iter().map(|record| (Record::decode(record).unwrap().received_us, batch.append_us)));
        times
            .map(|(stamp, append)| {
                now = now.max(stamp.min(append));
                now
            })
            .collect()
    }

    #[test]
    fn every_entry_has_the_book_time_it_had() {
        for seed in seeds(50) {
            println!("TANDEM_SEED={seed}");
            let mut random = Random::new(seed);
            let (mut now, mut append) = (0, 1_000);
            let entries: Vec<_> = (0..300)
                .map(|_| {
                    // Clocks that are right, ahead, and behind; commits of several records.
                    if random.below(4) == 0 {
                        append += random.below(30);
                    }
                    let stamp = 1 + (append + random.below(40)).saturating_sub(random.below(80));
                    now = now.max(stamp.min(append));
                    (now, record(stamp, random.below(50) as usize))
                })
                .collect();
            let batches = grouped(&entries);
            assert!(folded(&batches).iter().eq(entries.iter().map(|(book, _)| book)));
            let records = batches.iter().flat_map(|batch| batch.records.iter().map(|record| record.to_vec()));
            assert!(records.eq(entries.iter().map(|(_, record)| record.clone())));
        }
    }

    #[test]
    fn an_honest_clock_gives_large_frames() {
        let entries: Vec<_> = (0..20_000).map(|n| (1_000 + n, record(1_000 + n, 100))).collect();
        let batches = grouped(&entries);
        assert!(batches.len() <= 4, "{}", batches.len());
        assert_eq!(folded(&batches), entries.iter().map(|(book, _)| *book).collect::<Vec<_>>());
    }

    #[test]
    fn a_clock_that_is_ahead_gives_a_frame_for_each_commit() {
        let entries: Vec<_> = (0..100).map(|n| (1_000 + n / 10, record(5_000, 10))).collect();
        assert_eq!(grouped(&entries).len(), 10);
    }
}
