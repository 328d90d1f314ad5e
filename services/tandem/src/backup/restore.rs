//! `tandem restore`.

use super::{checkpoints, count, size};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use tandem_projection::snapshot::{self, SnapshotStore};

/// Restores a ledger from a backup into a new data directory
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tandem restore --from /mnt/backup/tandem --data-dir ./restored
  tandem restore --from s3://council-backups/tandem --snapshot 42 --data-dir ./restored --checkpoints ./old-data/checkpoints

Every file is compared with its hash before anything is put in its place. The signing key is in no backup: put signing.key into the new
directory, or name it with `tandem serve --signing-key`.
A backup knows what was published when it was taken. If more was published since, name the newest checkpoints that you have with
--checkpoints: the server then refuses to sign a history that does not go on from them. Without them it would sign another one, and
auditors would find out.")]
pub struct Args {
    /// Where backups are kept
    #[arg(long, value_name = "URL")]
    from: String,
    /// Which one: its number, or the beginning of its name [default: the newest]
    #[arg(long, value_name = "ID")]
    snapshot: Option<String>,
    /// Data directory to make; it may be there if it is empty
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: PathBuf,
    /// Directory of checkpoints that survived: those that are newer than the backup's are taken
    #[arg(long, value_name = "DIRECTORY")]
    checkpoints: Option<PathBuf>,
}

/// Restores.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    if let Some(directory) = &args.checkpoints {
        anyhow::ensure!(directory.is_dir(), "there is no directory {}: name one that has checkpoints with --checkpoints", directory.display());
    }
    let store = SnapshotStore::open(&args.from)?;
    let restored = snapshot::restore_ledger(&store, args.snapshot.as_deref(), &args.data_dir).await?;
    let published = args.data_dir.join("checkpoints");
    let newer = args.checkpoints.as_deref().map_or(Ok(0), |from| checkpoints::take_newer(from, &published))?;
    let manifest = &restored.manifest;
    crate::output::print(&format!(
        "restored snapshot {} of {}: {} entries of {} councils, {}, in {} ms\n",
        restored.id,
        manifest.taken,
        count(manifest.entries()),
        count(manifest.books.len() as u64),
        size(manifest.bytes()),
        count(super::milliseconds(began.elapsed())),
    ))?;
    if newer > 0 {
        eprintln!(
            "tandem: took {newer} newer checkpoints from --checkpoints: those books are published again once they have grown beyond them, as the same history"
        );
    }
    let has_published = published.is_dir() && std::fs::read_dir(&published)?.next().is_some();
    if has_published && !args.data_dir.join("signing.key").exists() {
        eprintln!(
            "tandem: the signing key is in no backup: put it at {}, or name it with --signing-key",
            args.data_dir.join("signing.key").display()
        );
    }
    Ok(ExitCode::SUCCESS)
}
