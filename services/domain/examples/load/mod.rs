//! A council that is generated in memory, for measuring.

#[path = "../../tests/scenarios/encode.rs"]
#[allow(dead_code, reason = "the scenarios use all of it")]
mod encode;

use encode::{Message, envelope, record};
use std::time::{Duration, Instant};
use tandem_domain::date::Date;
use tandem_domain::memory::Memory;
use tandem_domain::tables::{Sink, Table};

pub const COUNCIL: &str = "E09000001";
const SERVICES: u64 = 50;
const MEASURES: u64 = 3;
const AREAS: u64 = 200;
const DAYS: u64 = 365;
pub const START_US: u64 = 1_735_689_600_000_000;

/// Xorshift: the same load every time.
pub struct Chance(u64);

impl Default for Chance {
    fn default() -> Self {
        Self(88_172_645_463_325_252)
    }
}

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Definitions of services and measures.
pub fn catalogue() -> Vec<Vec<u8>> {
    let services = (0..SERVICES).map(|at| (16, Message::default().text(1, &format!("service/{at}")).text(2, "A service").number(3, 1)));
    let measures = (0..SERVICES * MEASURES).map(|at| {
        let side = if at % MEASURES == 2 { 2 } else { 1 };
        (17, Message::default().text(1, &format!("measure/{at}")).text(2, "A measure").number(3, side).text(4, "min").number(5, 1))
    });
    let record = |(at, (field, message)): (usize, (u32, Message))| {
        let envelope = envelope(COUNCIL, "catalogue", at as u128, "2025-01-01", "");
        record(&envelope, &Message::default().message(field, &message), &Message::default(), START_US, true)
    };
    services.chain(measures).enumerate().map(record).collect()
}

/// A price list of all measures; `from`: from when the second of two rates is in force, and none for the same price on all days.
pub fn valuation(id: &str, from: &str) -> Vec<u8> {
    let list = Message::default().text(1, id).number(2, 1).text(3, "A valuation").text(4, "GBP").number(6, if from.is_empty() { 2 } else { 1 });
    let rate = |at: u64, more: i64, from: &str| {
        let price = 1_000 + at as i64 + more;
        let amounts = Message::default().text(1, &format!("measure/{at}")).number(2, 60).number(3, price).number(4, price - 100);
        amounts.number(5, price + 100).text(6, from)
    };
    let list = (0..SERVICES * MEASURES).fold(list, |list, at| match from {
        "" => list.message(12, &rate(at, 0, "")),
        from => list.message(12, &rate(at, 0, "2024-04-01")).message(12, &rate(at, 50, from)),
    });
    let id = id.bytes().fold(0, |id, byte| id << 8 | u128::from(byte));
    let envelope = envelope(COUNCIL, "prices", id, "2025-01-01", "");
    record(&envelope, &Message::default().message(20, &list), &Message::default(), START_US, true)
}

/// How many events, and how they lie.
pub struct Load {
    pub events: u64,
    /// From one recorded event to the next.
    pub step_us: u64,
    /// Whether every service is given in every area; else each in four.
    pub everywhere: bool,
}

/// One event.
pub fn gift(at: u64, load: &Load, chance: &mut Chance) -> Vec<u8> {
    let events = load.events;
    let in_exchange = !at.is_multiple_of(4);
    let exchange = at / 4;
    let is_state = at % 4 == 3;
    // The same service and area for all of one exchange.
    let service = exchange * 7 % SERVICES;
    let measure = service * MEASURES + if is_state { 2 } else { at % 2 };
    let mut given = Message::default().text(1, &format!("service/{service}")).text(2, &format!("measure/{measure}"));
    let area = if load.everywhere { exchange / SERVICES } else { exchange * 13 } % AREAS;
    given = given.number(3, 1 + chance.below(500) as i64).text(4, &format!("lsoa21:E0100{area:04}"));
    if in_exchange {
        given = given.text(5, &format!("case:{exchange}"));
    }
    given = given.number(6, 1 + chance.below(3) as i64);
    let who = format!("person-{:08x}", chance.below(events / 10 + 1));
    let (field, person) = if is_state { (2, Message::default().text(3, &who)) } else { (1, Message::default().text(1, &who).number(2, 1)) };
    let day = Date((START_US / 86_400_000_000) as i32 + (at * DAYS / events + chance.below(14)) as i32).to_string();
    // Version 7: time first, then chance.
    let id = u128::from(START_US / 1_000 + at) << 80 | u128::from(chance.below(u64::MAX));
    record(&envelope(COUNCIL, "portal", id, &day, ""), &Message::default().message(field, &given), &person, START_US + at * load.step_us, false)
}

/// Time that this thread ran, so that a busy machine tells the same; the clock's where the kernel does not say.
pub fn ran(since: Instant) -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = schedstat.and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

/// Changes in the order of their writing.
#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// Table, what (0 put, 1 merge, 2 delete), end of key, end of value.
    changes: Vec<(Table, u8, usize, usize)>,
}

impl Batch {
    fn push(&mut self, table: Table, what: u8, key: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(key);
        let end_of_key = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.changes.push((table, what, end_of_key, self.bytes.len()));
    }

    pub fn commit(self, memory: &mut Memory) {
        let mut start = 0;
        for (table, what, end_of_key, end) in self.changes {
            let (key, value) = (&self.bytes[start..end_of_key], &self.bytes[end_of_key..end]);
            match what {
                0 => memory.put(table, key, value),
                1 => memory.merge(table, key, value),
                _ => memory.delete(table, key),
            }
            start = end;
        }
    }
}

impl Sink for Batch {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.push(table, 0, key, value);
    }

    fn merge(&mut self, table: Table, key: &[u8], operand: &[u8]) {
        self.push(table, 1, key, operand);
    }

    fn delete(&mut self, table: Table, key: &[u8]) {
        self.push(table, 2, key, &[]);
    }
}
