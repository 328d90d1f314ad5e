//! Appends in the brokers' hands: answered when all frames that hold their records are acknowledged.

use crate::assembly::Placed;
use crate::queue::{Append, Queue};
use crate::{Error, lock};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tandem_domain::position::{LogId, Position};

/// What one take of the writer became: frames that go out at once.
#[derive(Debug)]
pub(super) struct Round {
    log: LogId,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    frames: Vec<Frame>,
    appends: Vec<Waiting>,
}

#[derive(Debug)]
struct Frame {
    partition: u32,
    /// Once acknowledged.
    offset: Option<u64>,
    /// Appends with records in it.
    appends: Vec<usize>,
}

#[derive(Debug)]
struct Waiting {
    /// Taken when it is answered.
    append: Option<Append>,
    placed: Placed,
    /// Frames of it that are not acknowledged.
    pending: usize,
}

/// Room of the queue that is free again: bytes, appends.
pub(super) type Room = (usize, usize);

impl Round {
    /// Of appends, where they were placed, and the partition of each frame.
    pub fn new(log: LogId, appends: Vec<Append>, placed: Vec<Placed>, partitions: impl Iterator<Item = u32>) -> Self {
        let mut frames: Vec<_> = partitions.map(|partition| Frame { partition, offset: None, appends: Vec::new() }).collect();
        for (number, placed) in placed.iter().enumerate() {
            placed.frames().for_each(|frame| frames[frame].appends.push(number));
        }
        let waiting = |(append, placed): (Append, Placed)| Waiting { append: Some(append), pending: placed.frames().count(), placed };
        let appends = appends.into_iter().zip(placed).map(waiting).collect();
        Self { log, state: Mutex::new(State { frames, appends }) }
    }

    /// A frame is acknowledged, at an offset, or failed. Answers the appends that wait for nothing else.
    pub fn done(&self, frame: usize, outcome: Result<u64, Error>) -> Room {
        let state = &mut *lock(&self.state);
        let mut room = (0, 0);
        state.frames[frame].offset = outcome.as_ref().ok().copied();
        for number in std::mem::take(&mut state.frames[frame].appends) {
            let waiting = &mut state.appends[number];
            waiting.pending -= 1;
            if waiting.pending > 0 && outcome.is_ok() {
                continue;
            }
            // Nothing is there if another frame of it has failed before.
            let Some(append) = waiting.append.take() else { continue };
            room.0 += append.charge();
            room.1 += 1;
            let last = &state.frames[waiting.placed.last()];
            let position = |offset| Position { log: self.log, partition: last.partition, offset, index: waiting.placed.index };
            let answer = match &outcome {
                Ok(_) => last.offset.map(position).ok_or_else(|| Error::OutcomeUnknown { why: "the brokers lost count of a frame".into() }),
                Err(error) => Err(error.clone()),
            };
            // Whoever does not wait any more does not need it.
            let _ = append.answer.send(answer);
        }
        room
    }
}

/// A frame on its way, as the client gives it back.
#[derive(Debug)]
pub(super) struct OnItsWay {
    pub round: Arc<Round>,
    pub frame: usize,
    pub flow: Arc<Flow>,
    pub queue: Arc<Queue>,
}

impl OnItsWay {
    /// See [`Round::done`].
    pub fn done(self, outcome: Result<u64, Error>) {
        let (charge, count) = self.round.done(self.frame, outcome);
        if count > 0 {
            self.queue.release(charge, count);
        }
        self.flow.frame_done(&self.round);
    }
}

/// How many rounds and frames are on their way.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// Frames that are not done, by round.
    rounds: Mutex<Vec<(usize, usize)>>,
    fewer: Condvar,
}

impl Flow {
    /// A round with so many frames goes out.
    pub fn begin(&self, round: &Arc<Round>, frames: usize) {
        lock(&self.rounds).push((Arc::as_ptr(round).addr(), frames));
    }

    fn frame_done(&self, round: &Arc<Round>) {
        let mut rounds = lock(&self.rounds);
        let key = Arc::as_ptr(round).addr();
        if let Some(at) = rounds.iter().position(|(round, _)| *round == key) {
            rounds[at].1 -= 1;
            if rounds[at].1 == 0 {
                rounds.swap_remove(at);
                self.fewer.notify_all();
            }
        }
    }

    /// Waits until at most so many rounds are on their way, or the time is up; says whether it is so.
    pub fn wait(&self, rounds_max: usize, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut rounds = lock(&self.rounds);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if rounds.len() <= rounds_max || left.is_zero() {
                return rounds.len() <= rounds_max;
            }
            rounds = self.fewer.wait_timeout(rounds, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembly::Assembly;
    use tokio::sync::oneshot::Receiver;

    type Answer = Receiver<Result<Position, Error>>;

    fn round(lengths: &[&[usize]]) -> (Round, Vec<Answer>, usize) {
        let append = |lengths: &&[usize]| Append::new("AA", lengths.iter().map(|&length| vec![1; length].into()).collect(), 0).unwrap();
        let (appends, answers): (Vec<_>, Vec<_>) = lengths.iter().map(append).unzip();
        let mut spare = Vec::new();
        let mut assembly = Assembly::new(1, 0, &mut spare);
        let placed = appends.iter().map(|append| assembly.add(append)).collect();
        let frames = assembly.finish();
        (Round::new(LogId([1; 16]), appends, placed, frames.iter().map(|frame| frame.partition)), answers, frames.len())
    }

    fn answered(answer: &mut Answer) -> Option<Result<(u64, u32), Error>> {
        answer.try_recv().ok().map(|result| result.map(|at| (at.offset, at.index)))
    }

    #[test]
    fn an_append_is_answered_when_its_last_frame_is_there() {
        let (round, mut answers, frames) = round(&[&[10, 10], &[60_000; 20], &[10]]);
        assert_eq!(frames, 3);
        assert_eq!(round.done(0, Ok(5)).1, 1);
        assert_eq!(answered(&mut answers[0]), Some(Ok((5, 1))));
        assert_eq!(round.done(2, Ok(9)).1, 1, "the small one behind it shares the last frame");
        assert_eq!((answered(&mut answers[1]), answered(&mut answers[2])), (None, Some(Ok((9, 5)))));
        assert_eq!(round.done(1, Ok(8)).1, 1);
        assert_eq!(answered(&mut answers[1]), Some(Ok((9, 4))));
    }

    #[test]
    fn one_failed_frame_fails_its_appends_once() {
        let (round, mut answers, _) = round(&[&[10, 10], &[60_000; 20], &[10]]);
        let unknown = || Error::OutcomeUnknown { why: "a reason".into() };
        round.done(0, Ok(5));
        assert_eq!(round.done(1, Err(unknown())).1, 1);
        assert_eq!(answered(&mut answers[1]), Some(Err(unknown())));
        assert_eq!(round.done(2, Err(unknown())).1, 1);
        assert_eq!(answered(&mut answers[2]), Some(Err(unknown())));
    }

    #[test]
    fn rounds_are_counted_until_their_last_frame() {
        let (first, second) = (Arc::new(round(&[&[1]]).0), Arc::new(round(&[&[1]]).0));
        let flow = Flow::default();
        flow.begin(&first, 2);
        flow.begin(&second, 1);
        flow.frame_done(&first);
        assert!(!flow.wait(1, Duration::ZERO) && flow.wait(2, Duration::ZERO));
        flow.frame_done(&first);
        assert!(flow.wait(1, Duration::ZERO) && !flow.wait(0, Duration::ZERO));
        flow.frame_done(&second);
        assert!(flow.wait(0, Duration::ZERO));
    }
}
