//! `tandem publish`.

use super::publish_document::{Earlier, Table};
use super::value::valuation;
use super::{Asking, answered};
use crate::client::explain;
use crate::output::{self, Format};
use anyhow::{Context, ensure};
use clap::ValueEnum;
use std::path::PathBuf;
use std::process::ExitCode;
use tandem_proto::v1::{AreaLevels, Dimension, EarlierPublication, PublishRequest, UnnamedEntries};

/// A table for the public: quantities and value on a fixed lattice, with what could tell of single people suppressed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tandem publish --council E09000001 --by quarter --csv --out recycling-2025.csv
  tandem publish --council E09000001 --by month --area-level council --valuation uk-wage-floor
  tandem publish --council E09000001 --by year --previous published-last-year.json --json

Rows are services, measures, areas and calendar units that are closed. Cells with fewer than k people, cells of which one
or two people have nearly all, and cells from which these could be worked out are suppressed and say so; a combination
without a row had no entry. Which cells are suppressed does not depend on --by, --area-level, --period or --valuation.

Publish with one --k, one --unnamed and one --grace-days, and name the last file with --previous: two tables made by
different rules, or without each other, can tell together what neither tells alone.")]
pub struct Args {
    #[command(flatten)]
    asking: Asking,
    /// The council
    #[arg(long, short, value_name = "COUNCIL")]
    council: String,
    /// Calendar units
    #[arg(long, short, value_name = "UNIT")]
    by: By,
    /// Which levels of area to show
    #[arg(long, value_name = "LEVEL", default_value = "all")]
    area_level: AreaLevel,
    /// Vintage in which areas have their parents [default: of each area the newest]
    #[arg(long, value_name = "VINTAGE", default_value = "", hide_default_value = true)]
    area_vintage: String,
    /// The price list; without a version the newest. Without it nothing is valued
    #[arg(long, value_name = "ID[@VERSION]")]
    valuation: Option<String>,
    /// People that a cell must rest on, 3 to 1,000
    #[arg(long, value_name = "N", default_value_t = 10)]
    k: u32,
    /// How entries that name nobody count: each as somebody else, or as not about people at all (sums of sensors, say)
    #[arg(long, value_name = "HOW", default_value = "holder")]
    unnamed: UnnamedName,
    /// Days after its end before a unit is closed, 0 to 3,660
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    grace_days: u32,
    /// Only this unit: 2025-03, 2025-Q1 or 2025
    #[arg(long, value_name = "PERIOD", default_value = "", hide_default_value = true)]
    period: String,
    /// First year to show
    #[arg(long, value_name = "YEAR")]
    from_year: Option<i32>,
    /// Last year to show
    #[arg(long, value_name = "YEAR")]
    to_year: Option<i32>,
    /// As of the entry with this sequence in the council's book [default: its last]
    #[arg(long, value_name = "SEQUENCE")]
    as_of_sequence: Option<u64>,
    /// The last publication of these units, as this command wrote it (CSV or JSON): nothing is shown that the two could tell together
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
    /// Write to this file, which must not exist yet
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// Calendar units.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    Month,
    Quarter,
    Year,
}

/// Levels of area.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum AreaLevel {
    /// The whole council
    Council,
    /// The whole council, and areas that have parts
    Parent,
    /// All
    All,
}

/// How entries that name nobody count.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum UnnamedName {
    /// Each as somebody else
    Holder,
    /// Not about people
    Open,
}

/// Asks and writes.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let request = request(&args)?;
    let (mut client, request) = args.asking.publications(request).await?;
    let mut parts = answered(client.publish(request).await)?;
    let mut publication = None;
    let mut rows = Vec::new();
    while let Some(part) = parts.message().await.map_err(|status| explain(&status))? {
        publication = publication.or(part.publication);
        rows.extend(part.rows);
    }
    let publication = publication.context("the server sent no table")?;
    ensure!(publication.rows == rows.len() as u64, "the server sent {} of {} rows: ask again", rows.len(), publication.rows);
    let table = Table::new(publication, rows);
    let text = if args.format.csv { table.csv_text()? } else { args.format.render(&table)? };
    match &args.out {
        None => output::print(&text)?,
        Some(path) => write(path, &text)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a file that is not there yet: what was published is needed again.
fn write(path: &std::path::Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = file.with_context(|| format!("cannot create {}: name another file with --out", path.display()))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(|| format!("cannot write {}", path.display()))
}

fn request(args: &Args) -> anyhow::Result<PublishRequest> {
    let grain = match args.by {
        By::Month => Dimension::Month,
        By::Quarter => Dimension::Quarter,
        By::Year => Dimension::Year,
    };
    let levels = match args.area_level {
        AreaLevel::Council => AreaLevels::Council,
        AreaLevel::Parent => AreaLevels::Parents,
        AreaLevel::All => AreaLevels::All,
    };
    let unnamed = match args.unnamed {
        UnnamedName::Holder => UnnamedEntries::Holder,
        UnnamedName::Open => UnnamedEntries::Open,
    };
    Ok(PublishRequest {
        council: args.council.clone(),
        grain: grain.into(),
        area_levels: levels.into(),
        area_vintage: args.area_vintage.clone(),
        valuation: args.valuation.as_deref().map(|text| valuation("--valuation", text)).transpose()?,
        k: args.k,
        unnamed_entries: unnamed.into(),
        grace_days: Some(args.grace_days),
        period: args.period.clone(),
        first_year: args.from_year,
        last_year: args.to_year,
        as_of_sequence: args.as_of_sequence,
        previous: args.previous.as_ref().map(|path| previous(args, path, unnamed)).transpose()?,
        at_least: args.asking.at_least.clone(),
    })
}

/// The earlier publication, if it was made by the same rule.
fn previous(args: &Args, path: &std::path::Path, unnamed: UnnamedEntries) -> anyhow::Result<EarlierPublication> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let earlier = Earlier::read(&text).with_context(|| format!("--previous {shown}: is not a table that tandem publish wrote as CSV or JSON"))?;
    let rule =
        |k: u32, unnamed: &str, days: u32| format!("--council {} --k {k} --unnamed {} --grace-days {days}", earlier.council, unnamed.to_lowercase());
    let unnamed = super::shown::bare(unnamed.as_str_name(), "UNNAMED_ENTRIES_");
    let is_same = (earlier.council.as_str(), earlier.k, earlier.unnamed_entries.as_str(), earlier.grace_days)
        == (args.council.as_str(), args.k, unnamed.as_str(), args.grace_days);
    ensure!(is_same, "--previous {shown} was made with {}: use the same", rule(earlier.k, &earlier.unnamed_entries, earlier.grace_days));
    Ok(EarlierPublication { entries: earlier.entries, suppressed: earlier.suppressed })
}
