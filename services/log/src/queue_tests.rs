use super::*;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// Room for four appends of one 1,000-byte record.
fn small() -> Queue {
    Queue::new(4 * (1_000 + APPEND_OVERHEAD + RECORD_OVERHEAD), 100)
}

fn records(tag: u8) -> Vec<Bytes> {
    vec![vec![tag; 1_000].into()]
}

type Appending<'a> = Pin<Box<dyn Future<Output = Result<Position, Error>> + 'a>>;

/// An append that was polled once.
fn start(queue: &Queue, tag: u8) -> Appending<'_> {
    let mut append: Appending<'_> = Box::pin(queue.append("AA", records(tag), true));
    assert!(poll(&mut append).is_none());
    append
}

fn poll(append: &mut Appending<'_>) -> Option<Result<Position, Error>> {
    match append.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

fn try_once(queue: &Queue, tag: u8) -> Option<Error> {
    match pin!(queue.append("AA", records(tag), false)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result.err(),
        Poll::Pending => None,
    }
}

/// What the writer gets.
fn tags(queue: &Queue, taken: &mut Taken) -> Vec<u8> {
    assert!(queue.take(taken, usize::MAX));
    taken.appends.iter().map(|append| append.records[0][0]).collect()
}

#[test]
fn waiting_appends_come_in_the_order_of_their_calls() {
    let queue = small();
    let _all: Vec<_> = (0..12).map(|tag| start(&queue, tag)).collect();
    assert_eq!(queue.load().2, 8);
    let mut taken = Taken::default();
    assert_eq!(tags(&queue, &mut taken), [0, 1, 2, 3]);
    // Nothing moves up before the answer: what the writer holds counts.
    assert_eq!(queue.load().2, 8);
    assert_eq!(tags(&queue, &mut taken), [4, 5, 6, 7]);
    assert_eq!(tags(&queue, &mut taken), [8, 9, 10, 11]);
}

#[test]
fn one_that_does_not_wait_is_refused_while_others_do() {
    let queue = small();
    let _all: Vec<_> = (0..4).map(|tag| start(&queue, tag)).collect();
    assert_eq!(try_once(&queue, 9), Some(Error::Overloaded));
    let waiting = start(&queue, 4);
    let mut taken = Taken::default();
    tags(&queue, &mut taken);
    assert_eq!(try_once(&queue, 9), Some(Error::Overloaded));
    drop(waiting);
    // Room is there only after the answers.
    assert_eq!(try_once(&queue, 9), Some(Error::Overloaded));
}

#[test]
fn a_dropped_append_is_given_up_while_it_waits_and_not_after() {
    let queue = small();
    let mut all: Vec<_> = (0..8).map(|tag| start(&queue, tag)).collect();
    drop(all.remove(5));
    drop(all.remove(2)); // accepted already
    let mut taken = Taken::default();
    assert_eq!(tags(&queue, &mut taken), [0, 1, 2, 3]);
    assert_eq!(tags(&queue, &mut taken), [4, 6, 7]);
    drop(all);
    assert_eq!(queue.load(), (taken.charge, 3, 0));
}

#[test]
fn an_append_larger_than_the_queue_gets_all_of_it() {
    let queue = Queue::new(10, 100);
    let _all: Vec<_> = (0..3).map(|tag| start(&queue, tag)).collect();
    let mut taken = Taken::default();
    for tag in 0..3 {
        assert_eq!(tags(&queue, &mut taken), [tag]);
    }
}

#[test]
fn the_number_of_appends_is_bounded_too() {
    let queue = Queue::new(usize::MAX, 2);
    let _all: Vec<_> = (0..2).map(|tag| start(&queue, tag)).collect();
    assert_eq!(try_once(&queue, 9), Some(Error::Overloaded));
}

#[test]
fn all_room_is_given_back() {
    let queue = Queue::new(usize::MAX, 3);
    let mut taken = Taken::default();
    for _ in 0..10 {
        let _all: Vec<_> = (0..5).map(|tag| start(&queue, tag)).collect();
        for expected in [3, 2] {
            assert!(queue.take(&mut taken, usize::MAX));
            // As the writer does to answer them.
            assert_eq!(taken.appends.drain(..).count(), expected);
        }
    }
    queue.close();
    assert!(!queue.take(&mut taken, usize::MAX));
    assert_eq!(queue.load(), (0, 0, 0));
}

#[test]
fn the_writer_takes_no_more_than_it_asks_for_but_one() {
    let queue = Queue::new(usize::MAX, 100);
    let _all: Vec<_> = (0..5).map(|tag| start(&queue, tag)).collect();
    let mut taken = Taken::default();
    for (bytes_max, expected) in [(0, 1), (2_600, 2), (usize::MAX, 2)] {
        assert!(queue.take(&mut taken, bytes_max));
        assert_eq!(taken.appends.len(), expected);
    }
}

#[test]
fn room_that_is_held_is_free_once_it_is_released() {
    let queue = small();
    let _all: Vec<_> = (0..6).map(|tag| start(&queue, tag)).collect();
    let mut taken = Taken::default();
    assert!(queue.take(&mut taken, usize::MAX));
    let held = taken.hold();
    assert_eq!((held.len(), queue.load().2), (4, 2));
    queue.release(held[0].charge(), 1);
    assert_eq!(queue.load().2, 1);
    assert_eq!(tags(&queue, &mut taken), [4]);
    queue.release(held[1..].iter().map(Append::charge).sum(), 3);
    assert_eq!(tags(&queue, &mut taken), [5]);
    let last = taken.hold();
    assert_eq!(queue.load(), (last[0].charge(), 1, 0), "what was not held is free by the next take");
}

#[test]
fn closing_refuses_what_waits_and_keeps_what_was_accepted() {
    let queue = small();
    let mut all: Vec<_> = (0..6).map(|tag| start(&queue, tag)).collect();
    queue.close();
    queue.close();
    assert_eq!(all.iter_mut().map(poll).collect::<Vec<_>>(), [None, None, None, None, Some(Err(Error::Closed)), Some(Err(Error::Closed))]);
    assert_eq!(try_once(&queue, 9), Some(Error::Closed));
    let mut taken = Taken::default();
    assert_eq!(tags(&queue, &mut taken), [0, 1, 2, 3]);
    assert!(!queue.take(&mut taken, usize::MAX));
    // Whoever's answer got lost does not know what became of it.
    assert!(matches!(poll(&mut all[0]), Some(Err(Error::OutcomeUnknown { .. }))));
}

#[test]
fn failing_refuses_all() {
    let queue = small();
    let mut all: Vec<_> = (0..6).map(|tag| start(&queue, tag)).collect();
    let failed = Error::Failed { why: "a reason".into() };
    queue.fail(failed.clone());
    queue.close();
    assert!(all.iter_mut().all(|append| poll(append) == Some(Err(failed.clone()))));
    assert_eq!(try_once(&queue, 9), Some(failed));
    assert!(!queue.take(&mut Taken::default(), usize::MAX));
}

#[test]
fn what_cannot_be_recorded_is_refused() {
    let record = |bytes: usize| Bytes::from(vec![0; bytes]);
    let refused = |council: &str, records: Vec<Bytes>| match Append::new(council, records, 0) {
        Err(Error::Invalid(text)) => text,
        other => panic!("{other:?}"),
    };
    assert!(refused("a council", vec![record(1)]).contains("not a council"));
    assert!(refused("AA", vec![]).contains("at least one"));
    assert!(refused("AA", vec![record(1), record(RECORD_BYTES_MAX + 1)]).contains("65536"));
    let large = record(RECORD_BYTES_MAX);
    assert!(refused("AA", vec![large; APPEND_BYTES_MAX / RECORD_BYTES_MAX + 1]).contains("16777216"));
}
