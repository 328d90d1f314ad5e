//! How fast the fold is in memory: `cargo run --release -p tandem-domain --example fold_speed -- [events] [events a call]`.
//!
//! The load: 50 services with 3 measures each, 200 areas, 365 days, two contributions and one state input in every exchange, a quarter
//! of all events in none, one actor for ten events.

#[path = "../tests/scenarios/encode.rs"]
#[allow(dead_code, reason = "the scenarios use all of it")]
mod encode;

use encode::{Message, envelope, record};
use std::time::{Duration, Instant};
use tandem_domain::date::Date;
use tandem_domain::fold::{Intake, fold, refold};
use tandem_domain::memory::Memory;
use tandem_domain::tables::{Sink, Table};

const COUNCIL: &str = "E09000001";
const SERVICES: u64 = 50;
const MEASURES: u64 = 3;
const AREAS: u64 = 200;
const DAYS: u64 = 365;
const START_US: u64 = 1_735_689_600_000_000;

/// Xorshift: the same load every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn catalogue() -> Vec<Vec<u8>> {
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

fn gift(at: u64, events: u64, chance: &mut Chance) -> Vec<u8> {
    let in_exchange = !at.is_multiple_of(4);
    let exchange = at / 4;
    let is_state = at % 4 == 3;
    // The same service and area for all of one exchange.
    let service = exchange * 7 % SERVICES;
    let measure = service * MEASURES + if is_state { 2 } else { at % 2 };
    let mut given = Message::default().text(1, &format!("service/{service}")).text(2, &format!("measure/{measure}"));
    given = given.number(3, 1 + chance.below(500) as i64).text(4, &format!("lsoa21:E0100{:04}", exchange * 13 % AREAS));
    if in_exchange {
        given = given.text(5, &format!("case:{exchange}"));
    }
    given = given.number(6, 1 + chance.below(3) as i64);
    let who = format!("person-{:08x}", chance.below(events / 10 + 1));
    let (field, person) = if is_state { (2, Message::default().text(3, &who)) } else { (1, Message::default().text(1, &who).number(2, 1)) };
    let day = Date((START_US / 86_400_000_000) as i32 + (at * DAYS / events + chance.below(14)) as i32).to_string();
    // Version 7: time first, then chance.
    let id = u128::from(START_US / 1_000 + at) << 80 | u128::from(chance.below(u64::MAX));
    record(&envelope(COUNCIL, "portal", id, &day, ""), &Message::default().message(field, &given), &person, START_US + at * 1_000_000, false)
}

fn main() {
    let number = |at: usize, default: u64| std::env::args().nth(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (events, call) = (number(1, 1_000_000), number(2, 20_000) as usize);
    let mut chance = Chance(88_172_645_463_325_252);
    let records: Vec<_> = catalogue().into_iter().chain((0..events).map(|at| gift(at, events, &mut chance))).collect();
    let mut memory = Memory::new();
    let clock = Instant::now();
    let (mut folding, mut storing) = (Duration::ZERO, Duration::ZERO);
    for (at, chunk) in records.chunks(call).enumerate() {
        let intake = |(index, record)| Intake { record, append_us: u64::MAX, offset: at as u64, index: index as u32 };
        let intakes: Vec<_> = chunk.iter().map(Vec::as_slice).enumerate().map(intake).collect();
        let start = ran(clock);
        let mut batch = Batch::default();
        let folded = fold(&memory, COUNCIL, 0, &intakes, usize::MAX, &mut batch).unwrap();
        assert_eq!(folded.taken, chunk.len());
        folding += ran(clock) - start;
        let start = ran(clock);
        batch.commit(&mut memory);
        storing += ran(clock) - start;
    }
    report("folded", records.len(), folding);
    report("stored", records.len(), storing);
    report("both", records.len(), folding + storing);
    memory.drop_views();
    let start = ran(clock);
    loop {
        let mut batch = Batch::default();
        let folded = refold(&memory, COUNCIL, call, usize::MAX, &mut batch).unwrap();
        batch.commit(&mut memory);
        if folded.views.folded == folded.book.entries {
            break;
        }
    }
    report("folded again, with storing", records.len(), ran(clock) - start);
    for table in Table::ALL {
        println!("{table:?}: {} rows", memory.len(table));
    }
}

/// Time that this thread ran, so that a busy machine tells the same; the clock's where the kernel does not say.
fn ran(since: Instant) -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = schedstat.and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

fn report(what: &str, events: usize, took: Duration) {
    println!("{what}: {:.0} events/s ({:.2} us an event)", events as f64 / took.as_secs_f64(), took.as_secs_f64() * 1e6 / events as f64);
}

/// Changes in the order of their writing.
#[derive(Default)]
struct Batch {
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

    fn commit(self, memory: &mut Memory) {
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
