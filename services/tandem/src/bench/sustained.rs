//! `tandem bench sustained`: the highest offered rate at which the projection keeps up.
//!
//! A rate is sustained if nothing failed, 99 % of what was offered was acknowledged in time, and the projection's lag at the end
//! (60 seconds after the warm-up) is no more than one second above its lag after ten.

use super::council::CouncilArgs;
use super::record::{self, HowArgs, Run, Trial};
use super::report::Report;
use crate::client::Servers;
use anyhow::ensure;
use serde::Serialize;

/// By how much the lag may grow from 10 seconds to the end.
const LAG_GROWTH_MS_MAX: u64 = 1_000;
/// The search ends when the lowest rate that failed is less than this share (1 ÷ 20, 5 %) above the highest that held.
const PRECISION: u64 = 20;

/// Where and how to search.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    how: HowArgs,
    /// Events offered a second in the first trial
    #[arg(long, default_value_t = 150_000, value_name = "R")]
    from: u64,
    /// Seconds of a trial after its warm-up
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Trials at most
    #[arg(long, default_value_t = 10)]
    trials: u32,
    #[command(flatten)]
    council: CouncilArgs,
}

#[derive(Debug, Serialize)]
struct Found {
    /// The highest rate that was sustained; 0: none was.
    sustained_per_second: u64,
    /// The lowest that was not; none: every one was.
    failed_per_second: Option<u64>,
    trials: Vec<Run>,
}

/// Runs it.
pub async fn run(servers: &Servers, args: Args) -> anyhow::Result<Report> {
    ensure!(args.from >= 1_000 && args.seconds > 10 && args.trials >= 1, "--from must be at least 1000, --seconds above 10, --trials at least 1");
    ensure!(args.council.council.is_none(), "every trial has a council of its own: leave --council out");
    let (how, batch) = args.how.check()?;
    let mut search = Search { rate: args.from, held: 0, failed: None };
    let mut trials = Vec::new();
    for number in 0..args.trials {
        let trial = Trial { servers, how, batch, rate: Some(search.rate), seconds: args.seconds, warm_up_seconds: args.how.warm_up_seconds };
        let events = search.rate * (args.seconds + args.how.warm_up_seconds);
        let run = trial.run(&mut args.council.generator(events, number)?).await?;
        let held = is_sustained(&run);
        eprintln!("{}: {} a second {}", run.council, search.rate, if held { "held" } else { "did not hold" });
        trials.push(run);
        if !search.step(held) {
            break;
        }
    }
    let found = Found { sustained_per_second: search.held, failed_per_second: search.failed, trials };
    let rows = found.trials.iter().map(|run| [record::row(run), vec![if is_sustained(run) { "yes".into() } else { "no".into() }]].concat()).collect();
    Report::new(&[record::HEADERS.as_slice(), &["sustained"]].concat(), rows, &found)
}

fn is_sustained(run: &Run) -> bool {
    let (Some(offered), Some(early), Some(late)) = (run.offered_per_second, run.lag_10_s_ms, run.lag_end_ms) else { return false };
    run.failed == 0 && run.acknowledged.events_per_second >= offered * 99 / 100 && late <= early + LAG_GROWTH_MS_MAX
}

/// Up by a quarter until a rate fails, down by a quarter until one holds, then halves what is between.
#[derive(Clone, Copy, Debug)]
struct Search {
    rate: u64,
    held: u64,
    failed: Option<u64>,
}

impl Search {
    /// Takes a verdict on `rate` and sets the next one; false if there is nothing more to find out.
    fn step(&mut self, held: bool) -> bool {
        match held {
            true => self.held = self.rate,
            false => self.failed = Some(self.rate),
        }
        let next = match self.failed {
            None => self.held * 5 / 4,
            Some(failed) if self.held == 0 => failed * 3 / 4,
            Some(failed) => (self.held + failed) / 2,
        };
        self.rate = (next / 1_000 * 1_000).max(1_000);
        let is_close = self.failed.is_some_and(|failed| failed - self.held <= failed / PRECISION);
        !is_close && self.rate != self.held && self.failed != Some(self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(from: u64, limit: u64) -> (u64, u32) {
        let mut search = Search { rate: from, held: 0, failed: None };
        let mut trials = 1;
        while search.step(search.rate <= limit) {
            trials += 1;
        }
        (search.held, trials)
    }

    #[test]
    fn the_search_comes_within_five_per_cent() {
        for (from, limit) in [(150_000, 400_000), (150_000, 150_000), (150_000, 20_000), (1_000_000, 333_000)] {
            let (held, trials) = search(from, limit);
            assert!(held <= limit && held >= limit * 94 / 100 && trials <= 14, "{held} of {limit} in {trials}");
        }
        assert_eq!(search(150_000, 10).0, 0);
    }
}
