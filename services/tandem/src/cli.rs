//! The command line.

use crate::{ask, audit, backup, bench, generate, import, keygen, log, logging, output, rebuild, serve, witness};
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// A ledger of what citizens and the state give each other.
#[derive(Debug, Parser)]
#[command(
    name = "tandem",
    version,
    about,
    after_help = "\
Examples:
  tandem serve
  tandem import --help
  tandem value --council E09000001 --metric response_rate,match_latency --by service

A command finds its server by --server URL or TANDEM_SERVER. Exit status: 0 done, 1 failed, 2 not understood."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::all::Args),
    Gateway(serve::gateway::Args),
    Projection(Box<serve::projection::Args>),
    Query(serve::query::Args),
    /// Streams CSV files through the gateway
    Import(import::Args),
    Value(Box<ask::value::Args>),
    Statement(ask::statement::Args),
    Exchange(ask::exchange::Args),
    Entry(ask::entry::Args),
    Suspense(ask::suspense::Args),
    Status(ask::status::Args),
    Catalogue(ask::catalogue::Args),
    Metrics(ask::metrics::Args),
    Publish(Box<ask::publish::Args>),
    Audit(audit::Args),
    Rebuild(rebuild::Args),
    Backup(backup::Args),
    Restore(backup::restore::Args),
    Keygen(keygen::Args),
    Witness(witness::Args),
    Log(Box<log::Args>),
    /// Records a synthetic council with known totals
    Generate(generate::Args),
    /// Measures throughput and latency
    Bench(bench::Args),
}

/// Runs the command that the arguments name; its error is one line on standard error.
pub fn main() -> ExitCode {
    start(Cli::parse().command)
}

/// Runs one service as a program of its own, `tandem-NAME`: its arguments are those of `tandem NAME`.
pub fn service(name: &'static str) -> ExitCode {
    start(Cli::parse_from([OsString::from("tandem"), name.into()].into_iter().chain(std::env::args_os().skip(1))).command)
}

fn start(command: Command) -> ExitCode {
    let is_server = matches!(command, Command::Serve(_) | Command::Gateway(_) | Command::Projection(_) | Command::Query(_));
    logging::start(if is_server || matches!(command, Command::Rebuild(_) | Command::Witness(_)) { "info" } else { "warn" });
    match run(command) {
        Ok(code) => code,
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tandem: {}", format!("{error:#}").replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Serve(args) => serve::all::run(args).await,
            Command::Gateway(args) => serve::gateway::run(args).await,
            Command::Projection(args) => serve::projection::run(*args).await,
            Command::Query(args) => serve::query::run(args).await,
            Command::Import(args) => import::run(args).await,
            Command::Value(args) => ask::value::run(*args).await,
            Command::Statement(args) => ask::statement::run(args).await,
            Command::Exchange(args) => ask::exchange::run(args).await,
            Command::Entry(args) => ask::entry::run(args).await,
            Command::Suspense(args) => ask::suspense::run(args).await,
            Command::Status(args) => ask::status::run(args).await,
            Command::Catalogue(args) => ask::catalogue::run(args).await,
            Command::Metrics(args) => ask::metrics::run(args),
            Command::Publish(args) => ask::publish::run(*args).await,
            Command::Audit(args) => audit::run(args).await,
            Command::Rebuild(args) => rebuild::run(args).await,
            Command::Backup(args) => backup::run(args).await,
            Command::Restore(args) => backup::restore::run(args).await,
            Command::Keygen(args) => keygen::run(&args),
            Command::Witness(args) => witness::run(args).await,
            Command::Log(args) => log::run(*args).await,
            Command::Generate(args) => generate::run(args).await,
            Command::Bench(args) => bench::run(args).await,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
        }
    }
}
