//! `tandem import`: streams the rows of CSV files through the gateway as events that a mapping file describes.
//!
//! The pure part (`plan` and what it is made of) turns a row into events, or says why not; the rest reads, sends, counts and reports.

pub mod areas;
mod bar;
pub mod catalogue;
mod columns;
mod condition;
mod dates;
mod decimal;
mod event;
mod gateway;
mod ids;
mod input;
mod lookup;
mod mapping;
mod packs;
pub mod plan;
mod rejects;
mod resume;
pub mod rows;
mod run;
mod standing;
mod summary;
mod template;

use crate::client::Servers;
use anyhow::Context;
use bar::Bar;
use catalogue::Definitions;
use rejects::Rejects;
use resume::Progress;
use rows::{Job, Options, Rows};
use run::{Connections, FileState, Import};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use summary::Summary;
use tokio::sync::watch;

/// Some rows were rejected; the others are recorded.
const EXIT_REJECTED: u8 = 1;
/// The import could not be done, or was stopped.
const EXIT_FAILED: u8 = 2;

/// Streams CSV files through the gateway as events; the same file twice changes nothing
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tandem import --mapping mappings/chicago-requests.toml requests.csv.gz
  tandem import --mapping mappings/chicago-requests.toml --dry-run requests.csv.gz
  zcat requests.csv.gz | tandem import --mapping mappings/chicago-requests.toml -

Exit status: 0 all rows are recorded or skipped as the mapping wants, 1 some were rejected, 2 it could not be done or was stopped.
Applied, duplicate and suspended are what the councils' counters moved by: other writers to the same councils count too.")]
pub struct Args {
    #[command(flatten)]
    servers: Servers,
    /// The mapping file (TOML): what the rows become
    #[arg(long, short, value_name = "FILE")]
    mapping: PathBuf,
    /// CSV files, plain or gzip; - for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Record every row for this council, whatever the mapping says
    #[arg(long, short)]
    council: Option<String>,
    /// Record only the rows of these councils; the others are skipped
    #[arg(long, value_name = "COUNCIL", value_delimiter = ',')]
    only: Vec<String>,
    /// Read, map and count; send nothing
    #[arg(long)]
    dry_run: bool,
    /// Refuse events whose service, measure or indicator is not defined, instead of recording them in suspense
    #[arg(long)]
    require_known: bool,
    /// Do not record the mapping's catalogue first
    #[arg(long)]
    no_catalogue: bool,
    /// Where rejected rows go [default: NAME.rejects.csv in the current directory, if there are any]
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Skip the rows that a stopped import has sent, if file and mapping are still the same
    #[arg(long)]
    resume: bool,
    /// Where lookup files are [default: beside each file]
    #[arg(long, value_name = "DIRECTORY")]
    lookup_dir: Option<PathBuf>,
    /// File with the secret of at least 16 bytes under which people's keys are hidden
    #[arg(long, value_name = "FILE")]
    pseudonym_secret: Option<PathBuf>,
    /// Wait at most so long for the last event to be folded
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    patience: u64,
    /// Show no progress
    #[arg(long)]
    no_progress: bool,
    /// Print one JSON document; its fields stay as they are
    #[arg(long)]
    json: bool,
    /// Of `tandem catalogue import`
    #[arg(skip)]
    areas: Option<areas::Choice>,
}

/// Imports, prints what became of the rows, and says by its exit code whether all is recorded.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let summary = match import(&args).await {
        Ok(summary) => summary,
        Err(error) => {
            eprintln!("tandem: {}", format!("{error:#}").replace('\n', " "));
            return Ok(ExitCode::from(EXIT_FAILED));
        }
    };
    let text = if args.json { serde_json::to_string_pretty(&summary)? + "\n" } else { summary.text() };
    crate::output::print(&text)?;
    if summary.interrupted {
        eprintln!("tandem: stopped before the end; to go on, give the same command with --resume");
        return Ok(ExitCode::from(EXIT_FAILED));
    }
    Ok(if summary.rejected > 0 { ExitCode::from(EXIT_REJECTED) } else { ExitCode::SUCCESS })
}

async fn import(args: &Args) -> anyhow::Result<Summary> {
    let secret = args.pseudonym_secret.as_ref().map(|path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display())));
    let options = Options {
        council: args.council.clone(),
        only: args.only.clone(),
        pseudonym_secret: secret.transpose()?,
        lookup_directory: args.lookup_dir.clone(),
        areas: args.areas.clone(),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("this machine's clock is before 1970")?;
    let job = Job::new(&args.mapping, options, now.as_micros() as u64)?;
    let definitions = if args.no_catalogue { Definitions::default() } else { Definitions::read(&job.catalogue())? };
    // A mapping that does not fit one of the files is found before the first is sent.
    let opened = args.files.iter().map(|file| job.open(file).map(|rows| (file, rows))).collect::<Result<Vec<_>, _>>()?;
    let connections = match args.dry_run {
        true => None,
        false => Some(Connections { gateway: args.servers.gateway().connect().await?, query: args.servers.query().connect().await? }),
    };
    let mut import = Import::new(connections, definitions, args.require_known, Duration::from_secs(args.patience), stop_on_interrupt());
    for (index, (file, rows)) in opened.into_iter().enumerate() {
        let progress = progress(args, file)?;
        let done = progress.as_ref().map_or(0, |(_, progress)| progress.rows);
        let state = FileState::new(rejects(args, file, &rows, index > 0 || done > 0), bar(args, file, &rows), progress);
        import.file(rows, done, state).await.with_context(|| stopped(file))?;
        if import.summary.interrupted {
            break;
        }
    }
    import.finish().await?;
    import.summary.populated = job.areas().and_then(areas::Areas::populated);
    Ok(import.summary)
}

/// What is lost by an error in the middle: nothing.
fn stopped(file: &Path) -> String {
    format!("{} was not imported to its end; what was acknowledged is durable: to go on, give the same command with --resume", file.display())
}

fn rejects(args: &Args, file: &Path, rows: &Rows, append: bool) -> Rejects {
    match &args.rejects {
        Some(path) => Rejects::new(path.clone(), rows.header(), append),
        None => Rejects::new(Rejects::default_path(file), rows.header(), append),
    }
}

fn bar(args: &Args, file: &Path, rows: &Rows) -> Bar {
    let (bytes, total) = rows.progress();
    Bar::new(file.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes, total, args.no_progress)
}

/// Where a file's progress is kept, and how far it came. A dry run and standard input have none.
fn progress(args: &Args, file: &Path) -> anyhow::Result<Option<(PathBuf, Progress)>> {
    if args.dry_run || input::is_stdin(file) {
        return Ok(None);
    }
    let digest = |path: &Path| input::digest(path).with_context(|| format!("cannot read {}", path.display()));
    let choices = format!("{:?}", (&args.servers.gateway().server, &args.council, &args.only, &args.lookup_dir, &args.pseudonym_secret));
    let choices = match &args.areas {
        Some(areas) => choices + &areas.kept().context("cannot read the populations")?,
        None => choices,
    };
    let (input, mapping) = (digest(file)?, format!("{} {choices}", digest(&args.mapping)?));
    let path = resume::path(file);
    let rows = match args.resume.then(|| Progress::rows_done(&path, &input, &mapping)) {
        Some(Ok(rows)) => rows,
        Some(Err(reason)) => {
            eprintln!("tandem: --resume has no effect: {reason}; sending all rows, which is safe");
            0
        }
        None => 0,
    };
    Ok(Some((path, Progress { input, mapping, rows })))
}

/// True once the command is interrupted; a second time ends it at once.
fn stop_on_interrupt() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler the signal ends the process, which loses nothing that was acknowledged.
            return std::future::pending().await;
        }
        eprintln!("tandem: finishing what is under way; interrupt again to stop at once");
        // Nobody listens any more once the import has ended.
        let _ = sender.send(true);
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(i32::from(EXIT_FAILED));
        }
    });
    receiver
}
