//! `tandem bench`: the load generator and its report.
//!
//! Events come from `tandem generate` (the cardinality of a real council-year), encoded before the clock starts, so that the client
//! takes little of the processors that it shares with the server. Latency is counted from the moment at which a request was to be
//! sent, not from when it was: a server that stalls is charged for everything that had to wait. Every run records into a council of
//! its own, so that no run meets the duplicates of another.

mod codec;
mod council;
mod drive;
mod fold;
mod load;
mod pace;
mod probe;
mod process;
mod query;
mod record;
mod report;
mod sustained;
mod watch;

use clap::Subcommand;
use std::process::ExitCode;

/// Measures throughput and latency of a server.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    servers: crate::client::Servers,
    /// Prints JSON instead of Markdown
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Offers events at a rate, or as fast as they are taken, and reports acknowledgements and the projection's lag
    Record(record::Args),
    /// Finds the highest rate at which the projection keeps up
    Sustained(sustained::Args),
    /// Records a council-year as fast as it is taken, and reports the time until all of it is folded, disk and memory
    Fold(fold::Args),
    /// Times the usual questions
    Query(query::Args),
    /// Times how soon an event is in a watched answer
    Watch(watch::Args),
}

/// Runs it.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let report = match args.command {
        Command::Record(record) => record::run(&args.servers, record).await?,
        Command::Sustained(sustained) => sustained::run(&args.servers, sustained).await?,
        Command::Fold(fold) => fold::run(&args.servers, fold).await?,
        Command::Query(query) => query::run(&args.servers, query).await?,
        Command::Watch(watch) => watch::run(&args.servers, watch).await?,
    };
    report.print(args.json)?;
    Ok(ExitCode::SUCCESS)
}
