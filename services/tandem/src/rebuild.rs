//! `tandem rebuild`.

use crate::output::number::grouped;
use anyhow::{Context, ensure};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;

/// Drops the views and folds the whole history again
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Example:
  tandem rebuild --data-dir ./tandem-data

Stop the server first. The books stay as they are; if this is interrupted, the server or another rebuild goes on from there.")]
pub struct Args {
    /// The server's data directory
    #[arg(long, value_name = "DIRECTORY", default_value = "./tandem-data")]
    data_dir: PathBuf,
}

/// Between two lines about how far it is.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Rebuilds.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    ensure!(args.data_dir.is_dir(), "there is no directory {}: name the server's with --data-dir", args.data_dir.display());
    let path = args.data_dir.join("projection");
    let started = Instant::now();
    let rebuild = move || {
        let mut told = Instant::now();
        tandem_projection::rebuild(&path, |done| {
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                tracing::info!(councils = done.councils, entries = done.entries, "folding again");
            }
            true
        })
    };
    let done = spawn_blocking(rebuild).await.context("the rebuild panicked")??;
    let count = |number: u64| grouped(&number.to_string());
    let seconds = started.elapsed().as_secs_f64();
    println!("folded {} entries of {} councils again in {seconds:.1} s", count(done.entries), count(done.councils));
    Ok(ExitCode::SUCCESS)
}
