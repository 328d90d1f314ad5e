//! `tandem backup`: snapshots of a one-machine ledger that is stopped; and, for one that serves, the same every so often ([`periodic`]).

mod checkpoints;
pub(crate) mod periodic;
pub mod restore;

use crate::output::number::grouped;
use anyhow::Context;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tandem_projection::snapshot::{self, Error, Manifest, Sent, SnapshotStore};
use tokio::task::spawn_blocking;

/// Backs up the ledger of a stopped server, and looks after backups
#[derive(Clone, Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  tandem backup --data-dir ./tandem-data --to /mnt/backup/tandem
  tandem serve --backup-to s3://council-backups/tandem --backup-every 300 --backup-keep 48
  tandem backup list --from /mnt/backup/tandem
  tandem backup check --from /mnt/backup/tandem
  tandem backup prune --from /mnt/backup/tandem --keep 14

A server that runs backs itself up (--backup-to): what is acknowledged and not in a backup yet is lost with the machine, which is at most what came
in the seconds of --backup-every and while the backup was taken. Only files that the store does not have are sent.
URL is a directory, file:///DIRECTORY or s3://BUCKET/PREFIX (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT; without TLS
AWS_ALLOW_HTTP=true).
The signing key is in no backup: whoever can read one could sign in your name. Keep a copy of signing.key where you keep secrets."
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The stopped server's data directory
    #[arg(long, value_name = "DIRECTORY", default_value = "./tandem-data")]
    data_dir: PathBuf,
    /// Where backups are kept; a directory is made if it is not there
    #[arg(long, value_name = "URL", required = true)]
    to: Option<String>,
    /// Print one JSON document; its fields stay as they are
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Shows the backups that there are, oldest first
    List(ListArgs),
    /// Reads a whole backup and compares every file with its hash
    Check(CheckArgs),
    /// Removes old backups, and files that none of those that are left needs
    Prune(PruneArgs),
}

#[derive(Clone, Debug, clap::Args)]
struct ListArgs {
    /// Where backups are kept
    #[arg(long, value_name = "URL")]
    from: String,
    /// Print one JSON document; its fields stay as they are
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug, clap::Args)]
struct CheckArgs {
    /// Where backups are kept
    #[arg(long, value_name = "URL")]
    from: String,
    /// Which one: its number, or the beginning of its name [default: the newest]
    #[arg(long, value_name = "ID")]
    snapshot: Option<String>,
}

#[derive(Clone, Debug, clap::Args)]
struct PruneArgs {
    /// Where backups are kept
    #[arg(long, value_name = "URL")]
    from: String,
    /// How many of the newest to keep, of each ledger
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: u32,
}

/// Where the copy stands while it is sent: in the data directory, since its files are hard links.
const FROZEN: &str = "backup.tmp";

/// Backs up, or looks after backups.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Some(Command::List(list)) => run_list(&list).await?,
        Some(Command::Check(check)) => run_check(&check).await?,
        Some(Command::Prune(prune)) => run_prune(&prune).await?,
        None => run_backup(&args.data_dir, &args.to.unwrap_or_default(), args.json).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A backup as it is told of.
#[derive(Debug, Serialize)]
struct Told {
    snapshot: String,
    entries: u64,
    files: u64,
    bytes: u64,
    /// Of those the ones that were sent.
    files_sent: u64,
    bytes_sent: u64,
    /// Until the copy was made, and until all was sent, milliseconds.
    copied_ms: u64,
    taken_ms: u64,
}

impl Told {
    fn new(sent: &Sent, copied: Duration, taken: Duration) -> Self {
        Self {
            snapshot: sent.id.clone(),
            entries: sent.entries,
            files: sent.files.0,
            bytes: sent.files.1,
            files_sent: sent.sent.0,
            bytes_sent: sent.sent.1,
            copied_ms: milliseconds(copied),
            taken_ms: milliseconds(taken),
        }
    }
}

async fn run_backup(data_dir: &Path, to: &str, json: bool) -> anyhow::Result<()> {
    anyhow::ensure!(data_dir.is_dir(), "there is no directory {}: name the server's with --data-dir", data_dir.display());
    let store = SnapshotStore::open_or_make(to)?;
    let (began, directory) = (Instant::now(), data_dir.to_owned());
    let frozen =
        spawn_blocking(move || snapshot::freeze_stopped(&directory, &directory.join(FROZEN))).await.context("copying the ledger panicked")?;
    let frozen = match frozen {
        Err(Error::Projection(tandem_projection::Error::InUse { .. }) | Error::Log(tandem_log::Error::InUse { .. })) => {
            anyhow::bail!("a process uses {}: a server that runs backs itself up, see `tandem serve --backup-to`", data_dir.display())
        }
        frozen => frozen?,
    };
    let copied = began.elapsed();
    let sent = store.send(&frozen).await?;
    let told = Told::new(&sent, copied, began.elapsed());
    if json {
        crate::output::print(&(serde_json::to_string_pretty(&told)? + "\n"))?;
    } else {
        let (files, sent) = (count(told.files), count(told.files_sent));
        crate::output::print(&format!(
            "snapshot {}: {} entries, {files} files, {}; sent {sent} files, {}, in {} ms\n",
            told.snapshot,
            count(told.entries),
            size(told.bytes),
            size(told.bytes_sent),
            count(told.taken_ms),
        ))?;
    }
    Ok(())
}

/// A line of the list.
#[derive(Debug, Serialize)]
struct Listed {
    snapshot: String,
    taken: String,
    log: String,
    /// Whether it is of a whole one-machine ledger, or of a projection alone.
    ledger: bool,
    councils: u64,
    entries: u64,
    files: u64,
    bytes: u64,
}

impl Listed {
    fn new(id: String, manifest: &Manifest) -> Self {
        Self {
            snapshot: id,
            taken: manifest.taken.clone(),
            log: manifest.log.clone(),
            ledger: manifest.log_copy.is_some(),
            councils: manifest.books.len() as u64,
            entries: manifest.entries(),
            files: manifest.files.len() as u64,
            bytes: manifest.bytes(),
        }
    }

    fn line(&self) -> String {
        let kind = if self.ledger { "ledger" } else { "projection" };
        let (councils, entries) = (count(self.councils), count(self.entries));
        format!("{}  {}  {kind} of log {}: {entries} entries of {councils} councils, {}\n", self.snapshot, self.taken, self.log, size(self.bytes))
    }
}

async fn run_list(args: &ListArgs) -> anyhow::Result<()> {
    let store = SnapshotStore::open(&args.from)?;
    let mut listed = Vec::new();
    for named in store.list().await? {
        listed.push(Listed::new(named.id(), &store.manifest(&named).await?));
    }
    let text = if args.json { serde_json::to_string_pretty(&listed)? + "\n" } else { listed.iter().map(Listed::line).collect() };
    Ok(crate::output::print(&text)?)
}

async fn run_check(args: &CheckArgs) -> anyhow::Result<()> {
    let store = SnapshotStore::open(&args.from)?;
    let checked = snapshot::check(&store, args.snapshot.as_deref()).await?;
    let (files, bytes) = (count(checked.manifest.files.len() as u64), size(checked.manifest.bytes()));
    Ok(crate::output::print(&format!("snapshot {}: all {files} files are what was written, {bytes}\n", checked.id))?)
}

async fn run_prune(args: &PruneArgs) -> anyhow::Result<()> {
    let store = SnapshotStore::open(&args.from)?;
    let pruned = store.prune(args.keep as usize).await?;
    let (files, bytes) = (count(pruned.files.0), size(pruned.files.1));
    let text = format!("removed {} snapshots and {files} files, {bytes}; {} snapshots are left\n", count(pruned.snapshots), count(pruned.kept));
    Ok(crate::output::print(&text)?)
}

fn count(number: u64) -> String {
    grouped(&number.to_string())
}

/// Bytes for people: mebibytes with one decimal.
fn size(bytes: u64) -> String {
    let tenths = u128::from(bytes) * 10 / (1 << 20);
    format!("{}.{} MiB", grouped(&(tenths / 10).to_string()), tenths % 10)
}

fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// Removes the copy that a process left which was killed: its hard links keep files on the disk that nobody needs.
pub(crate) fn tidy(data_dir: &Path) {
    let left = data_dir.join(FROZEN);
    if left.exists()
        && let Err(error) = std::fs::remove_dir_all(&left)
    {
        tracing::warn!(%error, directory = %left.display(), "what a backup left behind was not removed");
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_for_people() {
        assert_eq!((size(0), size(1 << 20), size((1 << 20) * 1_234 + (1 << 19))), ("0.0 MiB".into(), "1.0 MiB".into(), "1,234.5 MiB".into()));
    }
}
