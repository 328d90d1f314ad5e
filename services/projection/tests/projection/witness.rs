//! Witnesses cosign what is published, and none of them holds it up or spoils it, whatever it answers.

use crate::history::{catalogue, gives, record};
use crate::support::{MemoryLog, metric, options, settle};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tandem_book::checkpoint::{Checkpoint, Opened, Trust, open};
use tandem_book::key::{SigningKey, Use};
use tandem_book::witness::{Refusal, Request, SIZE_CONTENT_TYPE, Watched, answer, judge, signed};
use tandem_projection::{Answer, Health, Options, Post, Projection, Publisher, Witness};

const COUNCIL: &str = "E09000001";

fn key() -> SigningKey {
    SigningKey::from_seed("tandem.test", Use::Note, &[1; 32]).unwrap()
}

fn witness_key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&format!("witness.test/w{seed}"), Use::Cosignature, &[seed; 32]).unwrap()
}

fn log_key() -> tandem_book::key::VerifierKey {
    key().named(&format!("tandem.test/{COUNCIL}")).unwrap().verifier()
}

/// How a witness behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Honest,
    /// Does not answer until it is told to be something else.
    Slow,
    Away,
    /// Cosigns another text.
    Lies,
    /// Answers with another witness's cosignature.
    Pretends,
    /// 200 with what is no signature.
    Babbles,
    /// 409, each time with another size.
    Wanders,
    /// As if it had seen more than there is.
    Ahead,
}

struct Fake {
    key: SigningKey,
    manner: Mutex<Manner>,
    changed: Condvar,
    last: Mutex<Option<Checkpoint>>,
    asked: Mutex<Vec<Request>>,
}

impl Fake {
    fn new(seed: u8, manner: Manner) -> Arc<Self> {
        let (manner, last, asked) = (Mutex::new(manner), Mutex::default(), Mutex::default());
        Arc::new(Self { key: witness_key(seed), manner, changed: Condvar::new(), last, asked })
    }

    fn becomes(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
        self.changed.notify_all();
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

struct Way(Arc<Fake>);

impl Post for Way {
    fn post(&self, body: &str) -> Result<Answer, String> {
        let fake = &self.0;
        let request = Request::parse(body.as_bytes()).unwrap();
        fake.asked.lock().unwrap().push(request.clone());
        let manner = *fake.changed.wait_while(fake.manner.lock().unwrap(), |manner| *manner == Manner::Slow).unwrap();
        let says = |status: u16, content_type: &str, body: String| Ok(Answer { status, content_type: content_type.into(), body: body.into_bytes() });
        match manner {
            Manner::Slow => unreachable!("it waited until it was not"),
            Manner::Away => Err("nobody is there".into()),
            Manner::Lies => {
                let other = Checkpoint::new("tandem.test/E09000001", 1, [7; 32]).sign(&key()).unwrap();
                says(200, "", answer(&other, &fake.key, 5).unwrap())
            }
            Manner::Pretends => says(200, "", answer(&request.note, &witness_key(99), 5).unwrap()),
            Manner::Babbles => says(200, "", "— nonsense\n\u{7}".into()),
            Manner::Wanders => says(409, SIZE_CONTENT_TYPE, format!("{}\n", (request.old + 1) % 3)),
            Manner::Ahead => says(409, SIZE_CONTENT_TYPE, "1000000\n".into()),
            Manner::Honest => {
                let watched = [Watched { origin: format!("tandem.test/{COUNCIL}"), key: log_key() }];
                let new = signed(&request, &watched).unwrap();
                let mut last = fake.last.lock().unwrap();
                match judge(&request, &new, last.as_ref()) {
                    Ok(()) => {
                        *last = Some(new);
                        says(200, "", answer(&request.note, &fake.key, 5).unwrap())
                    }
                    Err(Refusal::Conflict { size, .. }) => says(409, SIZE_CONTENT_TYPE, format!("{size}\n")),
                    Err(refusal) => says(refusal.status(), "", refusal.to_string()),
                }
            }
        }
    }
}

fn publishing(path: &Path, log: &Arc<MemoryLog>, checkpoints: &Path, witnesses: &[&Arc<Fake>]) -> Projection {
    let witnesses = witnesses.iter().map(|fake| Witness::new(fake.key.verifier(), Way((*fake).clone())).unwrap()).collect();
    let publisher = Arc::new(Publisher::new("tandem.test", &key(), checkpoints).unwrap().with_witnesses(witnesses));
    let projection = Projection::open(path, log.clone(), Options { publisher: Some(publisher), ..options() }).unwrap();
    assert_eq!(settle(&projection), Health::Serving);
    projection
}

fn push(log: &MemoryLog, numbers: std::ops::Range<u64>) {
    log.push(COUNCIL, &numbers.map(|number| record(COUNCIL, number, "2026-01-05", gives(1, ""), "ana", "")).collect::<Vec<_>>(), 1);
}

/// Waits until a checkpoint of this size is there with the cosignatures of these witnesses.
fn until(checkpoints: &Path, size: u64, by: &[&Arc<Fake>]) -> Opened {
    let witnesses: Vec<_> = by.iter().map(|fake| fake.key.verifier()).collect();
    let trust = Trust { quorum: witnesses.len(), witnesses, ..Trust::of(log_key()) };
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let note = std::fs::read(checkpoints.join(format!("{COUNCIL}.checkpoint"))).ok();
        if let Some(opened) = note.and_then(|note| open(&note, &trust).ok()).filter(|opened| opened.checkpoint.size == size) {
            return opened;
        }
        assert!(Instant::now() < deadline, "waited in vain for {size} entries cosigned by {}", by.len());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until so many were counted.
fn counted(projection: &Projection, name: &str, least: u64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while metric(projection, name) < least {
        assert!(Instant::now() < deadline, "{name} stays below {least}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

struct Case {
    home: tempfile::TempDir,
    log: Arc<MemoryLog>,
}

impl Case {
    fn new() -> Self {
        let log = MemoryLog::new(7, 1);
        log.push(COUNCIL, &catalogue(COUNCIL), 1);
        Self { home: tempfile::tempdir().unwrap(), log }
    }

    fn checkpoints(&self) -> std::path::PathBuf {
        self.home.path().join("checkpoints")
    }

    fn start(&self, witnesses: &[&Arc<Fake>]) -> Projection {
        publishing(&self.home.path().join("projection"), &self.log, &self.checkpoints(), witnesses)
    }
}

#[test]
fn every_witness_cosigns_the_checkpoint_as_it_grows_and_across_restarts() {
    let (case, first, second) = (Case::new(), Fake::new(8, Manner::Honest), Fake::new(9, Manner::Honest));
    let projection = case.start(&[&first, &second]);
    until(&case.checkpoints(), 3, &[&first, &second]);
    push(&case.log, 0..300);
    let opened = until(&case.checkpoints(), 303, &[&first, &second]);
    assert_eq!(opened.note.signatures().len(), 3, "the publisher's own and two");
    drop(projection);
    // It does not know any more what they have seen: they tell it.
    let projection = case.start(&[&first, &second]);
    push(&case.log, 300..301);
    until(&case.checkpoints(), 304, &[&first, &second]);
    // They are counted a moment after they are there.
    counted(&projection, "cosignatures_total", 2);
    assert!(projection.unpublished().is_empty());
}

#[test]
fn a_witness_that_does_not_answer_holds_up_nothing() {
    let (case, slow, quick) = (Case::new(), Fake::new(8, Manner::Slow), Fake::new(9, Manner::Honest));
    let _projection = case.start(&[&slow, &quick]);
    for (round, size) in [(0, 4), (1, 5), (2, 6)] {
        push(&case.log, round..round + 1);
        until(&case.checkpoints(), size, &[&quick]);
    }
    assert_eq!(slow.asked(), 1, "it still has the first");
    slow.becomes(Manner::Honest);
    until(&case.checkpoints(), 6, &[&slow, &quick]);
}

#[test]
fn a_witness_that_is_away_lies_or_babbles_spoils_nothing_and_is_asked_again() {
    for manner in [Manner::Away, Manner::Lies, Manner::Pretends, Manner::Babbles, Manner::Wanders, Manner::Ahead] {
        let (case, bad, good) = (Case::new(), Fake::new(8, manner), Fake::new(9, Manner::Honest));
        let projection = case.start(&[&bad, &good]);
        push(&case.log, 0..10);
        let opened = until(&case.checkpoints(), 13, &[&good]);
        assert_eq!(opened.note.signatures().len(), 2, "{manner:?}");
        counted(&projection, "cosignature_failures_total", 1);
        bad.becomes(Manner::Honest);
        until(&case.checkpoints(), 13, &[&bad, &good]);
        assert!(projection.unpublished().is_empty(), "{manner:?}");
    }
}

#[test]
fn a_witness_that_forgot_is_told_again() {
    let (case, witness) = (Case::new(), Fake::new(8, Manner::Honest));
    let _projection = case.start(&[&witness]);
    push(&case.log, 0..10);
    until(&case.checkpoints(), 13, &[&witness]);
    *witness.last.lock().unwrap() = None;
    push(&case.log, 10..20);
    until(&case.checkpoints(), 23, &[&witness]);
    assert_eq!(witness.asked.lock().unwrap().last().unwrap().old, 0);
}

#[test]
fn keys_of_the_wrong_kind_are_refused() {
    let away = Way(Fake::new(8, Manner::Away));
    assert!(Witness::new(key().verifier(), away).unwrap_err().to_string().contains("type 0x04"));
    let home = tempfile::tempdir().unwrap();
    assert!(Publisher::new("tandem.test", &witness_key(8), home.path()).unwrap_err().to_string().contains("is a witness's"));
}
