//! What the process uses, as Linux tells it.

use std::fmt::Write;
use std::fs;
use std::time::Instant;

/// Linux counts processor time in hundredths of a second, whatever its own clock is (USER_HZ).
const TICKS_PER_SECOND: u64 = 100;
/// Pages of x86-64, and of most others.
const PAGE_BYTES: u64 = 4096;

/// Appends it in Prometheus' text format, as far as it can be known.
pub(super) fn render(started: Instant, out: &mut String) {
    let mut family = |name: &str, kind: &str, help: &str, value: Option<String>| {
        if let Some(value) = value {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
    };
    family("tandem_uptime_seconds", "gauge", "Since the process began to serve.", Some(started.elapsed().as_secs().to_string()));
    family("process_resident_memory_bytes", "gauge", "Memory in use.", resident_bytes().map(|bytes| bytes.to_string()));
    family("process_cpu_seconds_total", "counter", "Processor time.", cpu_ticks().map(seconds));
    family("process_open_fds", "gauge", "Open files and sockets.", open_files().map(|count| count.to_string()));
    let name = concat!("tandem_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}");
    let _ = writeln!(out, "# HELP tandem_build_info Always 1.\n# TYPE tandem_build_info gauge\n{name} 1");
}

fn seconds(ticks: u64) -> String {
    format!("{}.{:02}", ticks / TICKS_PER_SECOND, ticks % TICKS_PER_SECOND)
}

fn resident_bytes() -> Option<u64> {
    let pages: u64 = fs::read_to_string("/proc/self/statm").ok()?.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}

fn cpu_ticks() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold anything; user and system time are the 14th and 15th field of the whole.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let (user, system) = (fields.next()?.parse::<u64>().ok()?, fields.next()?.parse::<u64>().ok()?);
    Some(user + system)
}

fn open_files() -> Option<usize> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count())
}
