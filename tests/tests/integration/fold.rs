//! The fold against the model: random histories, cut at random points; then the views dropped and folded again.

use crate::stored;
use prost::Message;
use std::collections::BTreeMap;
use std::fmt::Debug;
use tandem_domain::fold::{Folded, Intake, fold, refold};
use tandem_domain::memory::Memory;
use tandem_domain::rows::read_entry;
use tandem_domain::tables::{Key, Rows, Sink, Table};
use tandem_proto::v1::{Envelope, Facts, Record, SuspenseReason};
use tandem_tests::events::{Council, Generator, Manner, Taken, history};
use tandem_tests::model::{Model, State, Views};
use tandem_tests::random::{Random, seeds, with_seed};

/// Changes as the fold hands them out, checked for their order and committed at once, as a store does.
#[derive(Default)]
struct Changes {
    changes: Vec<Change>,
    last: BTreeMap<Table, Vec<u8>>,
}

struct Change {
    table: Table,
    key: Vec<u8>,
    what: What,
}

enum What {
    Put(Vec<u8>),
    Merge(Vec<u8>),
    Delete,
}

impl Changes {
    fn push(&mut self, table: Table, key: &[u8], what: What) {
        let before = self.last.insert(table, key.to_vec());
        assert!(before.is_none_or(|before| before.as_slice() <= key), "changes of {table:?} come in ascending order of keys");
        self.changes.push(Change { table, key: key.to_vec(), what });
    }

    fn commit(self, memory: &mut Memory) {
        for Change { table, key, what } in self.changes {
            match what {
                What::Put(value) => memory.put(table, &key, &value),
                What::Merge(operand) => memory.merge(table, &key, &operand),
                What::Delete => memory.delete(table, &key),
            }
        }
    }
}

impl Sink for Changes {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.push(table, key, What::Put(value.to_vec()));
    }

    fn merge(&mut self, table: Table, key: &[u8], operand: &[u8]) {
        self.push(table, key, What::Merge(operand.to_vec()));
    }

    fn delete(&mut self, table: Table, key: &[u8]) {
        self.push(table, key, What::Delete);
    }
}

const PARTITION: u32 = 3;

fn intake(taken: &[Taken]) -> Vec<Intake<'_>> {
    taken.iter().map(|one| Intake { record: &one.record, append_us: one.append_us, offset: one.offset, index: one.index }).collect()
}

/// Folds with calls of this length and this room for cures.
fn fold_in_calls(memory: &mut Memory, council: &Council, length: usize, cures_max: usize) {
    let mut at = 0;
    loop {
        let until = (at + length).min(council.taken.len());
        let mut changes = Changes::default();
        let folded = fold(memory, &council.code, PARTITION, &intake(&council.taken[at..until]), cures_max, &mut changes).unwrap();
        changes.commit(memory);
        at += folded.taken;
        if at == council.taken.len() && !folded.cures_pending {
            return;
        }
    }
}

/// Folds all of a council's records in calls of random length, with random room for cures.
fn fold_all(memory: &mut Memory, council: &Council, random: &mut Random) {
    let (calls_max, cures_max) = *random.pick(&[(1, 1), (7, 3), (40, 10), (1_000, 1_000_000)]);
    let mut at = 0;
    loop {
        let until = (at + random.between(0, calls_max) as usize).min(council.taken.len());
        let mut changes = Changes::default();
        let cures = random.between(1, cures_max) as usize;
        let folded = fold(memory, &council.code, PARTITION, &intake(&council.taken[at..until]), cures, &mut changes).unwrap();
        changes.commit(memory);
        check_position(&folded, council, at + folded.taken);
        assert!(at + folded.taken == until || folded.cures_pending, "records are left only for want of cures");
        at += folded.taken;
        if at == council.taken.len() && !folded.cures_pending {
            return;
        }
    }
}

fn check_position(folded: &Folded, council: &Council, taken: usize) {
    if let Some(last) = taken.checked_sub(1).map(|last| &council.taken[last]) {
        assert_eq!((folded.book.partition, folded.book.offset, folded.book.index), (PARTITION, last.offset, last.index));
    }
}

/// Drops the views and folds the archive again, in calls of random length.
fn refold_all(memory: &mut Memory, code: &str, random: &mut Random) {
    let (entries_max, cures_max) = *random.pick(&[(1, 1), (9, 2), (5_000, 1_000)]);
    loop {
        let mut changes = Changes::default();
        let folded = refold(memory, code, random.between(1, entries_max) as usize, random.between(1, cures_max) as usize, &mut changes).unwrap();
        changes.commit(memory);
        if folded.views.folded == folded.book.entries && !folded.cures_pending {
            return;
        }
    }
}

fn model_of(councils: &[Council]) -> Model {
    let mut model = Model::default();
    for council in councils {
        council.taken.iter().for_each(|one| model.take(&council.code, one.append_us, &one.record));
    }
    model
}

/// The first difference of two maps, for people.
fn same<K: Ord + Debug, V: PartialEq + Debug>(what: &str, model: &BTreeMap<K, V>, fold: &BTreeMap<K, V>) {
    for key in model.keys().chain(fold.keys()) {
        let (model, fold) = (model.get(key), fold.get(key));
        assert!(model == fold, "{what} {key:?}\n  model {model:?}\n  fold  {fold:?}");
    }
}

fn compare(model: &Views, fold: &Views) {
    same("index", &model.index, &fold.index);
    same("suspense", &model.suspense, &fold.suspense);
    same("verdict", &model.verdicts, &fold.verdicts);
    same("definition", &model.definitions, &fold.definitions);
    assert_eq!(model.waiting, fold.waiting);
    assert_eq!(model.counts, fold.counts, "entries, applied, suspended, duplicates, reversed, book time");
    same("exchange", &model.exchanges, &fold.exchanges);
    same("day cell", &model.day_cells, &fold.day_cells);
    same("day journal", &model.day_journal, &fold.day_journal);
    same("month cell", &model.month_cells, &fold.month_cells);
    same("area cell", &model.area_cells, &fold.area_cells);
    same("span cell", &model.span_cells, &fold.span_cells);
    same("home", &model.homes, &fold.homes);
    same("latency", &model.latencies, &fold.latencies);
    same("statement", &model.statements, &fold.statements);
    same("participants", &model.participants, &fold.participants);
    same("pledges", &model.pledges, &fold.pledges);
    same("fulfilment", &model.fulfilments, &fold.fulfilments);
    same("outcome", &model.outcomes, &fold.outcomes);
}

/// A record's envelope and facts, for people.
fn shown(record: &Record) -> (Result<Envelope, prost::DecodeError>, Result<Facts, prost::DecodeError>) {
    (Envelope::decode(record.envelope.as_slice()), Facts::decode(record.facts.as_slice()))
}

/// Book times and records of the archive are the model's.
fn compare_archive(memory: &Memory, model: &tandem_tests::model::Council) {
    for entry in &model.entries {
        let key = Key::of(Table::Entry, &model.code).be64(entry.sequence).clone();
        let row = memory.get(Table::Entry, key.as_slice()).unwrap().expect("an entry is in the archive");
        let (book_time_us, record) = read_entry(&row).unwrap();
        assert_eq!(book_time_us, entry.book_time_us, "book time of entry {}", entry.sequence);
        let record = Record::decode(record).unwrap();
        assert!(record == entry.record, "entry {}\n  model {:?}\n  fold  {:?}", entry.sequence, shown(&entry.record), shown(&record));
    }
}

fn check(councils: &[Council], random: &mut Random) {
    let mut memory = Memory::new();
    for council in councils {
        fold_all(&mut memory, council, random);
    }
    let model = model_of(councils);
    for council in councils {
        let expected = &model.councils[&council.code];
        compare_archive(&memory, expected);
        compare(&expected.views(), &stored::views(&memory, &council.code));
    }
    let before = memory.clone();
    memory.drop_views();
    for council in councils {
        refold_all(&mut memory, &council.code, random);
    }
    for table in Table::ALL {
        let rows = |memory: &Memory| memory.rows(table).map(|(key, value)| (key.to_vec(), value.to_vec())).collect::<BTreeMap<_, _>>();
        same(&format!("folded again: {table:?}"), &rows(&before), &rows(&memory));
    }
}

#[test]
fn random_histories_fold_as_the_model_says() {
    for seed in seeds(300) {
        with_seed(seed, |mut random| {
            let count = *random.pick(&[5, 30, 150, 600]);
            let councils: Vec<_> = (0..random.between(1, 2)).map(|n| history(&format!("E0900000{n}"), &mut random, count)).collect();
            check(&councils, &mut random);
        });
    }
}

#[test]
fn long_histories_fold_as_the_model_says() {
    for seed in seeds(300).into_iter().step_by(100) {
        with_seed(seed, |mut random| {
            let council = history("E09000001", &mut random, 6_000);
            check(&[council], &mut random);
        });
    }
}

#[test]
fn histories_meet_every_rule() {
    let (mut reasons, mut cured_kinds, mut reversed_kinds, mut flips, mut states) = Default::default();
    fn count<K: Ord>(of: &mut BTreeMap<K, u64>, key: K) {
        *of.entry(key).or_default() += 1;
    }
    with_seed(7, |mut random| {
        let councils: Vec<_> = (0..40).map(|n| history(&format!("C{n}"), &mut random, 600)).collect();
        for council in model_of(&councils).councils.values() {
            for entry in &council.entries {
                match &entry.state {
                    State::Suspended(reason, wait) => count(&mut reasons, (reason.as_str_name(), wait.is_some())),
                    State::Reversed => count(&mut reversed_kinds, entry.kind),
                    State::Applied => {}
                }
                if entry.cured_by.is_some() {
                    count(&mut cured_kinds, entry.kind);
                }
            }
            council.exchanges.values().for_each(|exchange| count(&mut states, council.exchange_view(exchange).state));
            council.moves.iter().filter(|moved| moved.live == 0).for_each(|moved| count(&mut flips, moved.matched));
        }
    });
    // An exchange that is full has a test of its own.
    assert_eq!(reasons.len(), 11, "{reasons:?}");
    assert_eq!(cured_kinds.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 17], "{cured_kinds:?}");
    assert_eq!(reversed_kinds.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4], "{reversed_kinds:?}");
    assert_eq!(flips.keys().copied().collect::<Vec<_>>(), [-1, 1], "{flips:?}");
    assert_eq!(states.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4], "{states:?}");
}

/// An exchange takes 65,536 live entries; what comes then waits until some are reversed, and joins in its turn.
#[test]
fn a_full_exchange_takes_more_when_entries_are_reversed() {
    with_seed(11, |mut random| {
        let mut events = Vec::new();
        let mut generator = Generator::new("E09000001", Random::new(5), Manner::Acceptable);
        for id in ["waste/recycling", "tutoring", "teaching"] {
            events.push(generator.define(id));
        }
        let given = |generator: &mut Generator, number: u64, is_citizen: bool| generator.to_exchange("case:full", number, is_citizen);
        (0..65_534).for_each(|number| events.push(given(&mut generator, number, true)));
        events.push(given(&mut generator, 65_534, false));
        (65_535..65_545).for_each(|number| events.push(given(&mut generator, number, number % 2 == 0)));
        // The only state input among the first goes: one-sided until the next one that waits has its turn.
        for number in [65_534, 3, 3, 65_000, 65_536, 65_537] {
            let reversal = generator.reversal_of(number);
            events.push(reversal);
        }
        let taken = events.into_iter().zip(1..).map(|(parts, offset)| Taken::alone(parts, offset, &mut random)).collect();
        let council = Council { code: "E09000001".into(), taken };
        let model = model_of(std::slice::from_ref(&council));
        let model = &model.councils["E09000001"];
        let full = model.entries.iter().filter(|entry| matches!(entry.state, State::Suspended(SuspenseReason::ExchangeFull, _))).count();
        assert!((1..10).contains(&full), "{full} entries still wait");
        let mut memory = Memory::new();
        fold_in_calls(&mut memory, &council, 20_000, 1);
        compare(&model.views(), &stored::views(&memory, &council.code));
    });
}
