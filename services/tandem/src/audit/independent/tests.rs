//! Against the naive model of the tests, over random histories: two programs that share nothing.

use super::*;
use tandem_proto::v1::ExchangeState;
use tandem_tests::events::{Generator, Manner, Taken};
use tandem_tests::model::{Model, State as ModelState};
use tandem_tests::random::{Random, seeds};

#[test]
fn it_counts_what_the_model_counts() {
    for seed in seeds(40) {
        println!("TANDEM_SEED={seed}");
        let model = model(&mut Random::new(seed));
        for council in model.councils.values() {
            let mut recount = Recount::new(&council.code);
            for entry in &council.entries {
                let message = Entry {
                    sequence: entry.sequence,
                    book_time_us: entry.book_time_us,
                    commitment: entry.commitment(),
                    record: Some(entry.record.clone()),
                };
                recount.take(&message);
            }
            let tally = recount.tally(None);
            let count = |state: fn(&ModelState) -> bool| council.entries.iter().filter(|entry| state(&entry.state)).count() as u64;
            let reversed = count(|state| *state == ModelState::Reversed);
            let suspended = count(|state| matches!(state, ModelState::Suspended(..)));
            assert_eq!(tally.counts, [council.entries.len() as u64 - suspended, suspended, reversed]);
            let mut cells: BTreeMap<_, (i128, u64)> = BTreeMap::new();
            for entry in council.live() {
                let Some(given) = entry.given() else { continue };
                let measure = council.measure(given.measure).unwrap();
                let (base, sign) = if measure.contra_of.is_empty() { (&measure.id, 1) } else { (&measure.contra_of, -1) };
                let unit = tandem_tests::model::unit(&entry.start, &entry.end, "month");
                let cell = cells.entry((given.service.to_owned(), base.clone(), unit)).or_default();
                *cell = (cell.0 + sign * i128::from(given.quantity), cell.1 + 1);
            }
            assert_eq!(tally.cells, cells);
            let two_sided = council.exchanges.values().filter(|exchange| exchange.is_two_sided()).count() as u64;
            assert_eq!(tally.exchanges.get(&(ExchangeState::TwoSided as i32)).copied().unwrap_or_default(), two_sided);
            assert_eq!(tally.exchanges.values().sum::<u64>(), council.exchanges.len() as u64);
        }
    }
}

/// A random history of what gateways let through.
fn model(random: &mut Random) -> Model {
    let (mut model, mut generator) = (Model::default(), Generator::new("E09000001", Random::new(random.bits()), Manner::Acceptable));
    for offset in 0..400 {
        let taken = Taken::alone(generator.event(), offset, random);
        model.take("E09000001", taken.append_us, &taken.record);
    }
    model
}

#[test]
fn units_are_the_smallest_that_hold_a_span() {
    for (start, end, expected) in [
        ("2025-03-01", "2025-03-31", "2025-03"),
        ("2025-02-28", "2025-03-01", "2025-Q1"),
        ("2025-03-31", "2025-04-01", "2025"),
        ("2024-12-31", "2025-01-01", "ever"),
    ] {
        assert_eq!(unit(start, end), expected);
    }
}
