//! A stored row that is damaged is an error or goes unnoticed; it is never a panic.

use crate::fold_in_calls;
use crate::language::{COUNCIL, Letterbox};
use tandem_domain::fold::{Intake, fold, refold};
use tandem_domain::memory::Memory;
use tandem_domain::tables::{Sink, Table};

const BEFORE: &str = "
service tutoring
measure helping citizen min
measure teaching state min
indicator reading
valuation prices helping=1221
gives ana 90 helping tutoring exchange=plan-7 id=a area=ward:1
inputs 45 teaching tutoring exchange=plan-7 id=b for=ana
gives bo 30 helping tutoring exchange=plan-7 id=c on=2025-03-02
gives bo 30 helping tutoring id=d pledge=p
observes reading 1/2 tutoring id=o
pledges ana 10 helping tutoring id=p
gives cy 5 helping swimming id=w
measure refunded citizen min contra=later
reverses x id=early
reverses d
";

const AFTER: &str = "
gives ana 7 helping tutoring exchange=plan-7 on=2025-02-01 id=e
gives ana 8 helping tutoring id=x pledge=p
reverses b
reverses a
reverses o
reverses p
again c
again c quantity=31
again d
reverses d
observes reading 2/2 tutoring
service swimming
measure later citizen min
measure helping citizen min name=renamed
valuation prices helping=1221
inputs 45 teaching tutoring exchange=plan-7 for=ana
";

/// Ways to damage a row.
fn damaged(row: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new(), [row, &[0x80]].concat(), vec![0xff; row.len()], vec![0xff; 40], vec![0x7f; row.len()]];
    for at in 0..row.len() {
        all.push(row[..at].to_vec());
        for bits in [0x01, 0x10, 0x80, 0xff] {
            let mut flipped = row.to_vec();
            flipped[at] ^= bits;
            all.push(flipped);
        }
    }
    all
}

#[test]
fn damaged_rows_never_panic() {
    let mut letterbox = Letterbox::new();
    let read = |letterbox: &mut Letterbox, text: &str| text.lines().filter(|line| !line.is_empty()).for_each(|line| letterbox.read(line));
    read(&mut letterbox, BEFORE);
    let mut memory = Memory::new();
    fold_in_calls(&mut memory, &letterbox.sent, usize::MAX, usize::MAX);
    let first = letterbox.sent.len();
    read(&mut letterbox, AFTER);
    let after = letterbox.sent[first..].iter().enumerate();
    let intakes: Vec<_> = after.map(|(at, sent)| Intake { record: &sent.record, append_us: sent.append_us, offset: at as u64, index: 0 }).collect();
    let (mut errors, mut unnoticed) = (0, 0);
    for table in Table::ALL {
        for (key, row) in memory.rows(table) {
            for damage in damaged(row) {
                let mut rows = memory.clone();
                rows.put(table, key, &damage);
                let mut sink = rows.clone();
                let folded = fold(&rows, COUNCIL, 0, &intakes, usize::MAX, &mut sink).is_ok();
                if table.is_book() {
                    rows.drop_views();
                    let _ = refold(&rows, COUNCIL, usize::MAX, usize::MAX, &mut sink);
                }
                *if folded { &mut unnoticed } else { &mut errors } += 1;
            }
        }
    }
    assert!(errors > 1_000, "{errors} errors, {unnoticed} unnoticed");
}
