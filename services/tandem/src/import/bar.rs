//! How an import shows that it goes on: a bar on a terminal, a line every ten seconds elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Progress of one file.
pub struct Bar {
    name: String,
    bytes: Arc<AtomicU64>,
    total: Option<u64>,
    bar: Option<ProgressBar>,
    quiet: bool,
    started: Instant,
    shown: Instant,
}

impl Bar {
    /// Of a file whose bytes are counted as they are read; `quiet` shows nothing.
    pub fn new(name: String, bytes: Arc<AtomicU64>, total: Option<u64>, quiet: bool) -> Self {
        let on_terminal = std::io::stderr().is_terminal() && !quiet;
        let bar = on_terminal.then(|| {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(5));
            let template = match total {
                Some(_) => "{prefix} [{bar:30}] {percent:>3} % {msg}, {eta} left",
                None => "{prefix} {spinner} {msg}",
            };
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style.progress_chars("=> "));
            bar.set_prefix(name.clone());
            bar
        });
        Self { name, bytes, total, bar, quiet, started: Instant::now(), shown: Instant::now() }
    }

    /// Shows how many rows are done.
    pub fn show(&mut self, rows: u64) {
        let bytes = self.bytes.load(Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
            bar.set_message(format!("{rows} rows, {} a second", self.rate(rows)));
        } else if !self.quiet && self.shown.elapsed() >= LINE_EVERY {
            self.shown = Instant::now();
            eprintln!("{}: {rows} rows, {} a second{}", self.name, self.rate(rows), self.left(bytes));
        }
    }

    fn rate(&self, rows: u64) -> u128 {
        u128::from(rows) * 1_000 / self.started.elapsed().as_millis().max(1)
    }

    /// ", 40 %, 12 s left", if the size is known.
    fn left(&self, bytes: u64) -> String {
        match self.total {
            Some(total) if bytes > 0 && total > 0 => {
                let seconds = self.started.elapsed().as_secs() * total.saturating_sub(bytes) / bytes;
                format!(", {} %, {seconds} s left", bytes.min(total) * 100 / total)
            }
            _ => String::new(),
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
