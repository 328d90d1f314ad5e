//! An exchange that fills up: too many entries to write down.

use crate::encode::{Message, envelope, record};
use crate::language::{COUNCIL, Letterbox, Sent};
use crate::{fold_in_calls, show};
use tandem_domain::memory::Memory;
use tandem_domain::rows::{EXCHANGE_LIVE_MAX, Exchange, PAGE_POSTINGS};
use tandem_domain::tables::{Key, Rows, Table};

fn gift(id: u128) -> Sent {
    let given = Message::default().text(1, "tutoring").text(2, "helping").number(3, 1).text(5, "crowd").number(6, 1);
    let envelope = envelope(COUNCIL, "desk", id, "2025-03-01", "");
    let received_us = 1_741_600_000_000_000;
    Sent { record: record(&envelope, &Message::default().message(1, &given), &Message::default(), received_us, false), append_us: received_us }
}

fn lines(text: &str) -> Letterbox {
    let mut letterbox = Letterbox::new();
    text.lines().map(str::trim).filter(|line| !line.is_empty()).for_each(|line| letterbox.read(line));
    letterbox
}

#[test]
fn the_next_entry_of_a_full_exchange_waits_for_room() {
    let letterbox = lines(
        "service tutoring
         measure helping citizen min
         measure teaching state min
         gives ana 5 helping tutoring exchange=crowd id=first
         gives bo  6 helping tutoring exchange=crowd id=second",
    );
    let mut sent = letterbox.sent.clone();
    sent.extend((0..u128::from(EXCHANGE_LIVE_MAX) - 2).map(gift));
    let late = lines(
        "gives cy 7 helping tutoring exchange=crowd id=third
         gives di 8 helping tutoring exchange=crowd id=fourth
         inputs 9 teaching tutoring exchange=crowd id=fifth
         gives di 8 helping tutoring exchange=roomy id=sixth
         reverses first id=back-1
         reverses second id=back-2
         reverses third id=back-3",
    );
    let mut expected: Option<Memory> = None;
    for (records, cures) in [(30_000, usize::MAX), (65_537, 1), (7, 1)] {
        let mut memory = Memory::new();
        fold_in_calls(&mut memory, &sent, 30_000, usize::MAX);
        fold_in_calls(&mut memory, &late.sent, records, cures);
        expected.get_or_insert_with(|| memory.clone());
        assert!(expected.as_ref() == Some(&memory), "calls of {records} records, {cures} cures");
    }
    let memory = expected.unwrap();
    assert_eq!(show::show(&memory, &late, "suspense"), Vec::<String>::new());
    let first = u64::from(EXCHANGE_LIVE_MAX) + 3;
    let verdicts = [
        format!("#3 reversed by #{}", first + 4),
        format!("#4 reversed by #{}", first + 5),
        format!("#{first} cured by #{} reversed by #{}", first + 4, first + 6),
        format!("#{} cured by #{}", first + 1, first + 5),
        format!("#{} cured by #{}", first + 2, first + 6),
    ];
    assert_eq!(show::show(&memory, &late, "verdicts"), verdicts);
    let shown = show::show(&memory, &late, "exchanges");
    assert_eq!(
        shown[0],
        "crowd: two-sided; home tutoring nowhere 2025-03; citizen 65542 helping in 65535; state 9 teaching in 1; citizen since 2025-03-01; state since 2025-03-01"
    );
    let mut key = Key::of(Table::Exchange, COUNCIL);
    key.bytes(b"crowd");
    let row = Exchange::decode(&memory.get(Table::Exchange, key.as_slice()).unwrap().unwrap()).unwrap();
    assert_eq!((row.live(), row.pages as usize, row.postings.len()), (EXCHANGE_LIVE_MAX, 65_539 / PAGE_POSTINGS, 65_539 % PAGE_POSTINGS));
    assert_eq!(memory.len(Table::ExchangePage), row.pages as usize);
    let days = show::show(&memory, &late, "days");
    assert_eq!(days[0], "tutoring helping SelfReported 2025-03-01: 65550 in 65536, 2 with an actor, matched 65542 in 65535");
}
