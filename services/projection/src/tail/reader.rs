//! Reads ahead of the fold, so that one thread waits for the disk while the other works.

use super::{Ahead, Alarm};
use crate::Error;
use crate::projection::Shared;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// One read of one partition. Small enough that partitions take turns.
pub(super) const READ_BYTES: usize = 4 << 20;

/// How long a stop may take to be noticed.
const WAIT: Duration = Duration::from_millis(100);
/// Between two tries to read a log that is away, and between two lines about it.
const AWAY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Reads until told to stop, or until the fold has stopped.
pub(super) fn run(shared: &Shared, ahead: &SyncSender<Ahead>) {
    let _alarm = Alarm(shared);
    let mut next: Vec<u64> = shared.progress.borrow().cursors.iter().map(|(offset, _)| *offset).collect();
    // Nothing is waited for in partitions that others hold.
    (0u32..).zip(&mut next).filter(|(partition, _)| !shared.partitions.has(*partition)).for_each(|(_, next)| *next = u64::MAX);
    let mut told: Option<Instant> = None;
    while !shared.stopping() {
        let began = Instant::now();
        if !shared.source.wait(&next, WAIT) {
            // A closed log does not wait.
            std::thread::sleep(WAIT.saturating_sub(began.elapsed()));
            continue;
        }
        if !read_each(shared, &mut next, &mut told, ahead) {
            return;
        }
    }
}

/// One read of every partition held that has something; says whether to go on. A log that is away, as one whose brokers are, is waited for.
fn read_each(shared: &Shared, next: &mut [u64], told: &mut Option<Instant>, ahead: &SyncSender<Ahead>) -> bool {
    for partition in shared.partitions.iter() {
        let next = &mut next[partition as usize];
        match read(shared, partition, *next) {
            Ok(frames) => {
                let Some(last) = frames.last() else { continue };
                *next = last.offset + 1;
                *told = None;
                if ahead.send(Ok(frames)).is_err() {
                    return false;
                }
            }
            Err(Error::Log(error)) if error.retry_helps() => {
                if told.is_none_or(|told| told.elapsed() >= AWAY.1) {
                    *told = Some(Instant::now());
                    tracing::warn!(%error, partition, "the log cannot be read now: trying again");
                }
                std::thread::sleep(AWAY.0);
                return true;
            }
            Err(error) => {
                let _ = ahead.send(Err(error)); // a fold that has ended needs no reason
                return false;
            }
        }
    }
    true
}

fn read(shared: &Shared, partition: u32, from: u64) -> Ahead {
    if shared.source.end(partition)? <= from {
        return Ok(Vec::new());
    }
    let frames = shared.source.read(partition, from, READ_BYTES)?;
    let mut least = from;
    for frame in &frames {
        if frame.partition != partition || frame.offset < least {
            let why = format!("it was read from offset {from} of partition {partition} on, out of order");
            return Err(Error::Frame { partition: frame.partition, offset: frame.offset, why });
        }
        least = frame.offset + 1;
    }
    Ok(frames)
}
