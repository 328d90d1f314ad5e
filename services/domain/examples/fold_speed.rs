//! How fast the fold is in memory: `cargo run --release -p tandem-domain --example fold_speed -- [events] [events a call]`.
//!
//! The load: 50 services with 3 measures each, 200 areas, 365 days, two contributions and one state input in every exchange, a quarter
//! of all events in none, one actor for ten events.

#[allow(dead_code, reason = "ask_speed uses the rest")]
mod load;

use load::{Batch, COUNCIL, Chance, Load, catalogue, gift, ran};
use std::time::{Duration, Instant};
use tandem_domain::fold::{Intake, fold, refold};
use tandem_domain::memory::Memory;
use tandem_domain::tables::Table;

fn main() {
    let number = |at: usize, default: u64| std::env::args().nth(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (events, call) = (number(1, 1_000_000), number(2, 20_000) as usize);
    let (load, mut chance) = (Load { events, step_us: 1_000_000, everywhere: false }, Chance::default());
    let records: Vec<_> = catalogue().into_iter().chain((0..events).map(|at| gift(at, &load, &mut chance))).collect();
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

fn report(what: &str, events: usize, took: Duration) {
    println!("{what}: {:.0} events/s ({:.2} us an event)", events as f64 / took.as_secs_f64(), took.as_secs_f64() * 1e6 / events as f64);
}
