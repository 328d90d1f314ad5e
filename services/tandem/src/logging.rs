//! What the process says of itself, on standard error.

use std::io::{IsTerminal, stderr};
use tracing_subscriber::EnvFilter;

/// Begins to log: what `RUST_LOG` lets through, or else the given level and above.
pub fn start(default_level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_level));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_ansi(stderr().is_terminal()).init();
}
