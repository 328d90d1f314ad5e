//! How an audit shows that it goes on: a bar on a terminal, a line every ten seconds elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Between two looks at a terminal.
const BAR_EVERY: Duration = Duration::from_millis(200);

/// Does `work` and shows meanwhile on standard error how many of `total` entries are done, how many a second, and how long it will take.
pub fn during<T>(name: &str, total: u64, done: &AtomicU64, quiet: bool, work: impl FnOnce() -> T) -> T {
    if quiet {
        return work();
    }
    let (finished, waiting) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let started = Instant::now();
            let bar = std::io::stderr().is_terminal().then(|| bar(name, total));
            let every = if bar.is_some() { BAR_EVERY } else { LINE_EVERY };
            while let Err(RecvTimeoutError::Timeout) = waiting.recv_timeout(every) {
                let done = done.load(Ordering::Relaxed);
                let text = line(total, done, started.elapsed());
                match &bar {
                    Some(bar) => {
                        bar.set_position(done);
                        bar.set_message(text);
                    }
                    None => eprintln!("{name}: {text}"),
                }
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        });
        let made = work();
        drop(finished);
        made
    })
}

fn bar(name: &str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(5));
    let style = ProgressStyle::with_template("{prefix} [{bar:30}] {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("=> "));
    bar.set_prefix(name.to_owned());
    bar
}

/// "1024 of 4096 entries, 25 %, 512 a second, 6 s left".
fn line(total: u64, done: u64, elapsed: Duration) -> String {
    let milliseconds = elapsed.as_millis().max(1);
    let percent = (u128::from(done) * 100).checked_div(u128::from(total)).unwrap_or(100);
    let left = (u128::from(total.saturating_sub(done)) * milliseconds).checked_div(u128::from(done));
    let left = left.map_or(String::new(), |left| format!(", {} s left", left.div_ceil(1_000)));
    format!("{done} of {total} entries, {percent} %, {} a second{left}", u128::from(done) * 1_000 / milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        assert_eq!(line(4096, 1024, Duration::from_secs(2)), "1024 of 4096 entries, 25 %, 512 a second, 6 s left");
        assert_eq!(line(4096, 0, Duration::from_secs(2)), "0 of 4096 entries, 0 %, 0 a second");
        assert_eq!(line(0, 0, Duration::ZERO), "0 of 0 entries, 100 %, 0 a second");
    }
}
