//! `tandem log`: what is done to a log as a whole.

mod copy;
mod group;
mod source;

use clap::Subcommand;
use std::process::ExitCode;

/// Copies a log
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    Copy(copy::Args),
}

/// Does it.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Copy(args) => copy::run(args).await,
    }
}
