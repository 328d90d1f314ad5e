//! `tandem generate`: a synthetic council, deterministic from a seed, of any size, with totals that every answer can be checked against.
//!
//! [`Generator`] yields the events; it is pure, uses integers only and gives the same bytes on any machine. What there is in them:
//! ten kinds of services with seasons of their own (school terms, weekdays, bin weeks, summers, winters), actors and areas of uneven
//! activity, exchanges in which the state answers on the day or months later or never, reports that come late or twice, conflicts,
//! corrections (some before what they correct), pledges kept, kept in part or not at all, individual budgets and who chose how they are
//! spent, contra measures, spans of a week to four months, entries without area or actor, areas in two vintages, a service that is
//! defined late, and a few mistakes that stay in suspense. Outcomes follow what both sides give in relational services, half as far where
//! an expert leads, and not at all in transactional ones; less is given where more are deprived.

mod areas;
mod catalogue;
mod check;
mod dice;
mod event;
pub(crate) mod folded;
mod generator;
mod mishap;
mod plan;
mod season;
mod send;
mod shape;
mod tide;
mod totals;
mod world;

#[cfg(test)]
mod answers_tests;
#[cfg(test)]
mod recount;
#[cfg(test)]
mod recount_answers;
#[cfg(test)]
mod tests;

pub use generator::Generator;
pub use shape::{Shape, ShapeArgs, fixed_events};
pub use totals::Report;

use anyhow::{Context, bail, ensure};
use prost::Message;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;
use tandem_domain::date::{DAY_US, Date};

/// Records a synthetic council on the server, or writes its events to a file.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    servers: crate::client::Servers,
    #[command(flatten)]
    shape: ShapeArgs,
    /// Writes length-delimited tandem.v1.Event messages to the file (- for stdout) and sends nothing
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    out: Option<PathBuf>,
    /// Writes the totals as JSON to the file
    #[arg(long, value_name = "FILE")]
    totals: Option<PathBuf>,
    /// When all is folded, compares the server's answers with the totals; exit code 1 if they differ
    #[arg(long)]
    check: bool,
    /// No progress line
    #[arg(long)]
    quiet: bool,
}

/// Runs it.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut generator = Generator::new(args.shape.shape()?);
    // Else it would be found out only after everything has been written or sent.
    let totals_file = args.totals.as_deref().map(create).transpose()?;
    let verdict = match &args.out {
        Some(path) => {
            write_events(&mut generator, path)?;
            ExitCode::SUCCESS
        }
        None => send_and_check(&args, &mut generator).await?,
    };
    if let Some(mut file) = totals_file {
        serde_json::to_writer_pretty(&mut file, &generator.report())
            .and_then(|()| writeln!(file).map_err(serde_json::Error::io))
            .context("cannot write the totals")?;
        file.flush().context("cannot write the totals")?;
    }
    Ok(verdict)
}

fn create(path: &Path) -> anyhow::Result<BufWriter<std::fs::File>> {
    Ok(BufWriter::new(std::fs::File::create(path).with_context(|| format!("cannot create {}", path.display()))?))
}

fn write_events(generator: &mut Generator, path: &Path) -> anyhow::Result<()> {
    let mut out: Box<dyn Write> = match path.as_os_str() == "-" {
        true => Box::new(BufWriter::new(std::io::stdout().lock())),
        false => Box::new(create(path)?),
    };
    let mut bytes = Vec::new();
    for event in generator {
        bytes.clear();
        event.encode_length_delimited(&mut bytes)?;
        out.write_all(&bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    out.flush().with_context(|| format!("cannot write {}", path.display()))
}

async fn send_and_check(args: &Args, generator: &mut Generator) -> anyhow::Result<ExitCode> {
    let last_day = generator.world().shape.last_day();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
    let latest = Date::of_instant(now + DAY_US);
    ensure!(last_day <= latest, "the last day would be {last_day}, which is in the future; ask for an earlier --year or fewer --days");
    let gateway = args.servers.gateway().connect().await?;
    let connection = args.servers.query().connect().await?;
    let council = generator.world().shape.council.clone();
    let before = check::counts(connection.clone(), &council, &[]).await?;
    let is_new = before.entries == 0;
    ensure!(
        is_new || !args.check,
        "{council} holds {} entries already, so that its totals could not be compared; name another --council",
        before.entries
    );
    let position = send::send(gateway, generator, args.quiet).await?;
    let Some(position) = position else { bail!("the server acknowledged no position") };
    let after = check::counts(connection.clone(), &council, &[position]).await?;
    eprintln!(
        "{council}: {} entries, {} applied, {} suspended, {} reversed, {} duplicates",
        after.entries, after.applied, after.suspended, after.reversed, after.duplicates
    );
    if !args.check {
        return Ok(ExitCode::SUCCESS);
    }
    let differences = check::differences(connection, &generator.report(), &after).await?;
    for difference in &differences {
        println!("{difference}");
    }
    match differences.is_empty() {
        true => eprintln!("{council}: every total is as generated"),
        false => eprintln!("{council}: {} totals differ from what was generated", differences.len()),
    }
    Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
