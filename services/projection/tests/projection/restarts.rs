//! However often it is stopped or killed, and however its work is cut, it ends with the same rows.

use crate::history::{Planned, append, random, seed};
use crate::support::{Dump, MemoryLog, assert_same, copy_directory, dump, metric, open, options, settle};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::path::Path;
use std::sync::Arc;
use tandem_projection::{Health, Options, Projection, Rebuilt, rebuild};

/// One uninterrupted run.
fn reference(plan: &[Planned]) -> (Arc<MemoryLog>, Dump) {
    let (log, directory) = (MemoryLog::new(7, 3), tempfile::tempdir().unwrap());
    append(&log, plan, 0);
    let projection = open(directory.path(), &log);
    assert_eq!(settle(&projection), Health::Serving);
    assert_eq!(metric(&projection, "lag_frames"), 0);
    projection.stop().unwrap();
    drop(projection);
    (log, dump(directory.path()))
}

#[test]
fn restarts_and_kills_at_any_frame_give_the_same_rows() {
    let seed = seed();
    println!("SEED={seed}");
    let plan = random(seed, 300);
    let (_, expected) = reference(&plan);
    assert!(expected.len() > 1_000, "the history does something: {} rows", expected.len());
    let mut random = StdRng::seed_from_u64(seed);
    for run in 0..3 {
        let (log, parent) = (MemoryLog::new(7, 3), tempfile::tempdir().unwrap());
        let (mut at, mut life) = (0, 0);
        while at < plan.len() {
            let path = parent.path().join(life.to_string());
            let options = Options {
                round_bytes: random.random_range(1..40_000),
                round_cures: random.random_range(1..200),
                trim_after_bytes: random.random_bool(0.5).then_some(20_000),
                ..options()
            };
            let projection = Projection::open(&path, log.clone(), options).unwrap();
            let frames = random.random_range(1..80).min(plan.len() - at);
            append(&log, &plan[at..at + frames], at);
            at += frames;
            life += 1;
            let next = parent.path().join(life.to_string());
            leave(&mut random, projection, &path, &next);
        }
        let path = parent.path().join(life.to_string());
        let projection = open(&path, &log);
        assert_eq!(settle(&projection), Health::Serving);
        projection.stop().unwrap();
        drop(projection);
        println!("run {run}: {life} lives, {} trims", log.trims());
        assert_same(&dump(&path), &expected, "after restarts");
    }
}

/// Ends a life in one of the ways in which lives end; the next one begins in `next`.
fn leave(random: &mut StdRng, projection: Projection, path: &Path, next: &Path) {
    match random.random_range(0..3) {
        // Stopped in the middle of the work, in order or not.
        0 => projection.stop().unwrap(),
        1 => drop(projection),
        // Killed: what was written is there, nothing was closed.
        _ => {
            assert_eq!(settle(&projection), Health::Serving);
            return copy_directory(path, next);
        }
    }
    std::fs::rename(path, next).unwrap();
}

#[test]
fn a_rebuild_gives_the_same_rows() {
    let seed = seed();
    println!("SEED={seed}");
    let plan = random(seed, 150);
    let (log, directory) = (MemoryLog::new(7, 3), tempfile::tempdir().unwrap());
    append(&log, &plan[..140], 0);
    let projection = open(directory.path(), &log);
    settle(&projection);
    let entries = metric(&projection, "entries");
    drop(projection);
    let expected = dump(directory.path());

    let rebuilt = rebuild(directory.path(), |_| true).unwrap();
    assert_eq!(rebuilt, Rebuilt { councils: 4, entries });
    assert_same(&dump(directory.path()), &expected, "after a rebuild");

    // One that is broken off is finished by the next start, and then the log goes on.
    let broken_off = rebuild(directory.path(), |_| false).unwrap();
    assert!(broken_off.entries < entries);
    append(&log, &plan[140..], 140);
    let projection = open(directory.path(), &log);
    assert_eq!(settle(&projection), Health::Serving);
    drop(projection);
    let (_, expected) = reference(&plan);
    assert_same(&dump(directory.path()), &expected, "after a rebuild that was broken off");
}

#[test]
fn a_log_is_trimmed_behind_the_book_and_never_before_it() {
    let plan = random(1, 200);
    let (log, directory) = (MemoryLog::new(7, 3), tempfile::tempdir().unwrap());
    let trimming = || Options { trim_after_bytes: Some(30_000), round_bytes: 5_000, ..options() };
    append(&log, &plan, 0);
    let projection = Projection::open(directory.path(), log.clone(), trimming()).unwrap();
    assert_eq!(settle(&projection), Health::Serving);
    drop(projection);
    assert!(log.trims() > 0);
    let (_, expected) = reference(&plan);
    assert_same(&dump(directory.path()), &expected, "with trims");

    // It starts again, and a new one, which would lack what is gone, does not.
    drop(Projection::open(directory.path(), log.clone(), trimming()).unwrap());
    let other = tempfile::tempdir().unwrap();
    let error = Projection::open(other.path(), log, trimming()).err().unwrap().to_string();
    assert!(error.contains("needs offset 0 of partition") && error.contains("move it away"), "{error}");
}
