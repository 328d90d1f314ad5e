//! Scenarios that a council officer can read. Each file in this directory is about one subject and holds cases:
//!
//! ```text
//! == A title
//! gives ana 90 helping tutoring exchange=plan-7     (see language.rs)
//! ---- exchanges counts                              (what to look at: see show.rs)
//! plan-7: …                                          (what is expected there)
//! ```
//!
//! Every case is folded in one call, in calls cut at different places with different bounds on cures, and folded again from the
//! archive: every row must be the same, byte for byte. `UPDATE_SCENARIOS=1 cargo test` writes what comes out into the files.

mod corrupt_rows;
mod encode;
mod exchange_full;
mod language;
mod show;

use language::{COUNCIL, Letterbox, Sent};
use std::path::PathBuf;
use tandem_domain::fold::{Folded, Intake, fold, refold};
use tandem_domain::memory::Memory;
use tandem_domain::tables::Table;

/// Folds records in calls of at most `records` each, judging at most `cures` waiting entries in each.
pub fn fold_in_calls(memory: &mut Memory, sent: &[Sent], records: usize, cures: usize) -> Folded {
    let intake = |(at, sent): (usize, &Sent)| (sent.record.clone(), sent.append_us, at as u64);
    let owned: Vec<_> = sent.iter().enumerate().map(intake).collect();
    let intakes: Vec<_> =
        owned.iter().map(|(record, append_us, offset)| Intake { record, append_us: *append_us, offset: *offset, index: 0 }).collect();
    let mut taken = 0_usize;
    loop {
        let end = intakes.len().min(taken.saturating_add(records));
        let rows = memory.clone();
        let folded = fold(&rows, COUNCIL, 0, &intakes[taken..end], cures, memory).expect("rows decode");
        taken += folded.taken;
        if taken == intakes.len() && !folded.cures_pending {
            return folded;
        }
    }
}

fn refold_in_calls(memory: &mut Memory, entries: usize, cures: usize) {
    memory.drop_views();
    loop {
        let rows = memory.clone();
        let folded = refold(&rows, COUNCIL, entries, cures, memory).expect("rows decode");
        if folded.views.folded == folded.book.entries && !folded.cures_pending {
            return;
        }
    }
}

/// Folds in one call and in many; all ways must agree.
pub fn fold_every_way(sent: &[Sent], title: &str) -> Memory {
    let mut expected = Memory::new();
    fold_in_calls(&mut expected, sent, usize::MAX, usize::MAX);
    for (records, cures) in [(1, usize::MAX), (1, 1), (2, 1), (3, 2), (5, usize::MAX), (usize::MAX, 1), (usize::MAX, 2)] {
        let mut cut = Memory::new();
        fold_in_calls(&mut cut, sent, records, cures);
        assert_same(&cut, &expected, &format!("{title}: calls of {records} records and {cures} cures"));
        for (entries, cures) in [(1, 1), (3, usize::MAX), (usize::MAX, 2)] {
            refold_in_calls(&mut cut, entries, cures);
            assert_same(&cut, &expected, &format!("{title}: folded again, {entries} entries and {cures} cures a call"));
        }
    }
    expected
}

fn assert_same(found: &Memory, expected: &Memory, how: &str) {
    for table in Table::ALL {
        let [found, expected] = [found, expected].map(|memory| memory.rows(table).collect::<Vec<_>>());
        let differs = found.iter().zip(&expected).find(|(found, expected)| found != expected);
        assert!(found == expected, "{how}: {table:?}: {} and {} rows, first difference {differs:?}", found.len(), expected.len());
    }
}

struct Case {
    /// Title and lines as they stand in the file, up to and with the line of what to look at.
    text: String,
    title: String,
    lines: Vec<String>,
    subjects: Vec<String>,
    expected: Vec<String>,
}

fn cases(file: &str) -> (String, Vec<Case>) {
    let (mut head, mut cases) = (String::new(), Vec::<Case>::new());
    for line in file.lines() {
        let words = line.split('#').next().unwrap_or_default().trim();
        if let Some(title) = line.strip_prefix("== ") {
            cases.push(Case { text: format!("{line}\n"), title: title.to_owned(), lines: vec![], subjects: vec![], expected: vec![] });
            continue;
        }
        let Some(case) = cases.last_mut() else {
            head += &format!("{line}\n");
            continue;
        };
        if !case.subjects.is_empty() {
            case.expected.push(line.to_owned());
            continue;
        }
        case.text += &format!("{line}\n");
        match words.strip_prefix("----") {
            Some(subjects) => case.subjects = subjects.split_whitespace().map(str::to_owned).collect(),
            None if words.is_empty() => {}
            None => case.lines.push(words.to_owned()),
        }
    }
    (head, cases)
}

/// What every file begins with: lines that are sent before those of every case.
fn preamble(head: &str) -> impl Iterator<Item = &str> {
    head.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).filter(|line| !line.is_empty())
}

fn check(name: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(format!("{name}.txt"));
    let file = std::fs::read_to_string(&path).expect("the file of scenarios");
    let (head, cases) = cases(&file);
    let update = std::env::var_os("UPDATE_SCENARIOS").is_some();
    let mut updated = head.clone();
    for case in &cases {
        let mut letterbox = Letterbox::new();
        preamble(&head).chain(case.lines.iter().map(String::as_str)).for_each(|line| letterbox.read(line));
        let memory = fold_every_way(&letterbox.sent, &case.title);
        let found: Vec<String> = case.subjects.iter().flat_map(|subject| show::show(&memory, &letterbox, subject)).collect();
        let expected: Vec<&str> = case.expected.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
        if !update {
            assert_eq!(found, expected, "{name}.txt: {}\nfound\n{}\nexpected\n{}", case.title, found.join("\n"), expected.join("\n"));
        }
        updated += &format!("{}{}\n\n", case.text, found.join("\n"));
    }
    if update {
        std::fs::write(&path, updated.trim_end().to_owned() + "\n").expect("the file of scenarios");
    }
}

macro_rules! scenarios {
    ($($name:ident)*) => { $(#[test] fn $name() { check(stringify!($name)); })* };
}

scenarios! { book suspense reversals exchanges cells people pledges outcomes catalogue cures }
