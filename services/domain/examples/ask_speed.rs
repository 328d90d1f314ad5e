//! How fast questions are answered in memory: `cargo run --release -p tandem-domain --example ask_speed -- [events] [part of a name]`.
//!
//! The load is that of `fold_speed` recorded evenly over its year, with every service in every area, and three valuations. A store adds
//! to this what it takes to read the rows that a question visits.

#[allow(dead_code, reason = "fold_speed uses the rest")]
mod load;

use load::{Batch, COUNCIL, Chance, Load, catalogue, gift, ran, valuation};
use std::time::{Duration, Instant};
use tandem_domain::aggregate::{AsOf, Question, ValuationAsked, aggregate};
use tandem_domain::date::Date;
use tandem_domain::fold::{Intake, fold};
use tandem_domain::memory::Memory;
use tandem_domain::metrics::{self, Dimension};

/// A question is asked at least so many times.
const RUNS: u32 = 3;
/// And until this is over.
const LEAST: Duration = Duration::from_millis(500);

fn main() {
    let events = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let part = std::env::args().nth(2).unwrap_or_default();
    let rows = folded(events);
    for (name, question) in questions(events).into_iter().filter(|(name, _)| name.contains(&part)) {
        time(&name, &rows, &question);
    }
}

fn folded(events: u64) -> Memory {
    let load = Load { events, step_us: 365 * 86_400_000_000 / events, everywhere: true };
    let (mut chance, mut memory, mut offset) = (Chance::default(), Memory::new(), 0);
    let valuations = VALUATIONS.iter().map(|(id, from)| valuation(id, from));
    let mut records = catalogue().into_iter().chain(valuations).chain((0..events).map(|at| gift(at, &load, &mut chance)));
    loop {
        let chunk: Vec<_> = records.by_ref().take(20_000).collect();
        if chunk.is_empty() {
            return memory;
        }
        let intake = |(index, record)| Intake { record, append_us: u64::MAX, offset, index: index as u32 };
        let intakes: Vec<_> = chunk.iter().map(Vec::as_slice).enumerate().map(intake).collect();
        let mut batch = Batch::default();
        let folded = fold(&memory, COUNCIL, 0, &intakes, usize::MAX, &mut batch).unwrap();
        assert_eq!(folded.taken, chunk.len());
        batch.commit(&mut memory);
        offset += 1;
    }
}

/// Valuations, and from when their second rates are in force.
const VALUATIONS: [(&str, &str); 3] = [("constant", ""), ("april", "2025-04-01"), ("mid-april", "2025-04-06")];

fn questions(events: u64) -> Vec<(String, Question)> {
    use Dimension::*;
    let day = |text| Some(AsOf::Recorded(Date::parse(text).unwrap()));
    let (june, within) = (day("2025-06-30"), Some(AsOf::Sequence(events / 2)));
    let all: [(&str, &[Dimension], &str, Option<AsOf>); 20] = [
        ("citizen_value", &[Service, Month], "constant", None),
        ("citizen_value", &[Service, Month], "april", None),
        ("citizen_value", &[Service, Month], "mid-april", None),
        ("citizen_value", &[Service, Day], "constant", None),
        ("citizen_value", &[Area, Month], "constant", None),
        ("citizen_value", &[Area, Month, Evidence], "constant", None),
        ("reciprocity", &[Service, Month], "constant", None),
        ("reciprocity", &[Service, Month], "april", None),
        ("response_rate", &[Service, Month], "", None),
        ("match_latency", &[Area, Month], "", None),
        ("participants", &[Month], "", None),
        ("participants", &[Service, Month], "", None),
        ("participants", &[Area, Month], "", None),
        ("citizen_value", &[Service, Month], "constant", june),
        ("citizen_value", &[Service, Month], "mid-april", june),
        ("citizen_value", &[Area, Month], "constant", june),
        ("citizen_value", &[Service, Month], "constant", within),
        ("response_rate", &[Service, Month], "", june),
        ("reciprocity", &[Service, Month], "constant", june),
        ("participants", &[Month], "", june),
    ];
    let asked = |(metric, group_by, valuation, as_of): (&str, &[Dimension], &str, Option<AsOf>)| {
        let point = match as_of {
            None => String::new(),
            Some(AsOf::Recorded(day)) => format!(" as of {day}"),
            Some(AsOf::Sequence(sequence)) => format!(" as of entry {sequence}"),
        };
        let valued = if valuation.is_empty() { String::new() } else { format!(" at {valuation}") };
        let needs = metrics::ALL.iter().find(|one| one.name == metric).expect("a metric").needs;
        let valuation = (!valuation.is_empty()).then(|| ValuationAsked { id: valuation.into(), version: None });
        let question = Question { group_by: group_by.to_vec(), valuation, needs, as_of, ..Question::default() };
        (format!("{metric} by {group_by:?}{valued}{point}"), question)
    };
    all.map(asked).into()
}

fn time(name: &str, rows: &Memory, question: &Question) {
    // The kernel counts a thread's time in ticks: the mean of many runs tells more than any of them.
    let clock = Instant::now();
    let (start, mut runs, mut groups) = (ran(clock), 0, 0);
    while runs < RUNS || ran(clock) - start < LEAST {
        groups = aggregate(rows, COUNCIL, question).unwrap().groups.len();
        runs += 1;
    }
    println!("{:>10} us  {name}: {groups} groups", ((ran(clock) - start) / runs).as_micros());
}
