//! `tandem audit`: what anybody can find out about a book without believing those who keep it.

mod books;
mod catalogue;
mod check;
mod history;
mod http;
mod independent;
mod pack;
mod progress;
mod receipt;
mod replay;
mod shelf;
mod slots;
mod source;
mod state;
mod trust;
mod verdict;
mod verify;

#[cfg(test)]
mod tests;

pub(crate) use http::{agent, said};
pub(crate) use source::read_file;

use crate::output;
use clap::Subcommand;
use std::process::ExitCode;
use verdict::{BookVerdict, Document, Verdict};

/// Verify books and receipts, and fold books again
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    Verify(verify::Args),
    Replay(Box<replay::Args>),
    Receipt(receipt::Args),
    Export(pack::Args),
}

/// Runs one. An error is that something could not be checked: status 2, as 1 says that something is wrong.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let blocking = |work: Box<dyn FnOnce() -> anyhow::Result<Verdict> + Send>| tokio::task::spawn_blocking(work);
    let result = match args.command {
        Command::Verify(args) => blocking(Box::new(move || verify::run(&args))).await?,
        Command::Receipt(args) => blocking(Box::new(move || receipt::run(&args))).await?,
        Command::Export(args) => blocking(Box::new(move || pack::run(&args))).await?,
        Command::Replay(args) => replay::run(&args).await,
    };
    match result {
        Ok(verdict) => Ok(verdict.into()),
        Err(error) if output::is_broken_pipe(&error) => Err(error),
        Err(error) => {
            eprintln!("tandem: could not check: {}", format!("{error:#}").replace('\n', " "));
            Ok(Verdict::Unchecked.into())
        }
    }
}

/// Prints what became of some books.
fn print(books: &[BookVerdict], json: bool) -> anyhow::Result<()> {
    if json {
        let document = Document { verdict: Verdict::of(books.iter().map(|book| book.verdict)), books };
        return Ok(output::print(&(serde_json::to_string_pretty(&document)? + "\n"))?);
    }
    books.iter().try_for_each(|book| say(book.verdict, false, &book.line()))
}

/// A verdict is an answer, so it goes to standard output; that there is none is an error.
fn say(verdict: Verdict, json: bool, line: &str) -> anyhow::Result<()> {
    if verdict == Verdict::Unchecked && !json {
        eprintln!("tandem: {line}");
        return Ok(());
    }
    Ok(output::print(&format!("{line}\n"))?)
}
