//! `tandem catalogue import`: the areas of a reference table, recorded as definitions.
//!
//! It is an import like others, with a mapping file, but for what definitions are: an event's id rests on its content, as those of catalogue
//! files do, so that an area may be defined anew, say with a population that was not known before. All areas may be recorded or those within
//! one; populations may come from another file.

use super::catalogue;
use super::input::{self, Input};
use super::mapping::{Kind, Mapping, Unusable};
use crate::client::Servers;
use serde::Serialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{AreaDefined, Event};

/// Residents of an area at most, as the contract has it.
const POPULATION_MAX: u64 = 1_000_000_000_000;

/// Records the areas of a CSV file as definitions; the same file twice changes nothing
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tandem catalogue import --mapping mappings/reference-lsoa21.toml --within E08000009 lsoa21.csv.gz
  tandem catalogue import --mapping mappings/reference-lsoa11.toml --scheme lsoa --within E08000009 lsoa11.csv.gz
  tandem catalogue import --mapping mappings/reference-lsoa21.toml --population residents.csv lsoa21.csv.gz

A GSS code names a boundary: where that changes, the code does. So two vintages may be recorded under one scheme (--scheme lsoa), and
`tandem value --area-vintage` chooses between them.

Exit status: 0 all rows are recorded or skipped as asked, 1 some were rejected, 2 it could not be done or was stopped.
Applied, duplicate and suspended are what the councils' counters moved by: other writers to the same councils count too.")]
pub struct Args {
    #[command(flatten)]
    servers: Servers,
    /// The mapping file (TOML): what of a row is its area, name, parent and decile, and whose it is
    #[arg(long, short, value_name = "FILE")]
    mapping: PathBuf,
    /// CSV files, plain or gzip; - for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Record all areas for this council [default: each for the council that the mapping names, its own]
    #[arg(long, short)]
    council: Option<String>,
    /// Record only areas of this council or with this parent, by code; the others are skipped
    #[arg(long, value_name = "CODE")]
    within: Option<String>,
    /// Record areas under this scheme, whatever the mapping says ("lsoa" for lsoa:E01000001)
    #[arg(long, value_name = "SCHEME")]
    scheme: Option<String>,
    /// CSV file with columns `area` (a code, or scheme:code) and `population`; areas that are not in it have none
    #[arg(long, value_name = "FILE")]
    population: Option<PathBuf>,
    /// Read, map and count; send nothing
    #[arg(long)]
    dry_run: bool,
    /// Where rejected rows go [default: NAME.rejects.csv in the current directory, if there are any]
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Skip the rows that a stopped import has sent, if files and options are still the same
    #[arg(long)]
    resume: bool,
    /// Wait at most so long for the last event to be folded
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    patience: u64,
    /// Show no progress
    #[arg(long)]
    no_progress: bool,
    /// Print one JSON document; its fields stay as they are
    #[arg(long)]
    json: bool,
}

/// Imports, prints what became of the rows, and says by its exit code whether all is recorded.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let choice = Choice { within: args.within, scheme: args.scheme, population: args.population };
    super::run(super::Args {
        servers: args.servers,
        mapping: args.mapping,
        files: args.files,
        council: args.council,
        only: Vec::new(),
        dry_run: args.dry_run,
        require_known: false,
        no_catalogue: false,
        rejects: args.rejects,
        resume: args.resume,
        lookup_dir: None,
        pseudonym_secret: None,
        patience: args.patience,
        no_progress: args.no_progress,
        json: args.json,
        areas: Some(choice),
    })
    .await
}

/// What the command line decides of areas.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Only areas of this council or with this parent.
    pub within: Option<String>,
    /// Instead of the mapping's.
    pub scheme: Option<String>,
    /// The file of populations.
    pub population: Option<PathBuf>,
}

impl Choice {
    /// As it is kept for `--resume`: with the content of the file.
    pub fn kept(&self) -> std::io::Result<String> {
        let population = self.population.as_ref().map(|path| input::digest(path)).transpose()?;
        Ok(format!("{:?}", (&self.within, &self.scheme, population)))
    }

    /// Reads the populations, and checks the mapping.
    pub fn ready(self, mapping: &Mapping, path: &Path) -> Result<Arc<Areas>, Unusable> {
        let unusable = |what: String| Err(Unusable::new(path, what));
        if let Some(other) = mapping.event.iter().find(|event| event.kind != Kind::Area) {
            return unusable(format!("event {:?} is no area: only areas are imported into a catalogue; use `tandem import`", other.name));
        }
        let is_scheme =
            |scheme: &String| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        if let Some(scheme) = self.scheme.as_ref().filter(|scheme| !is_scheme(scheme)) {
            return unusable(format!("{scheme:?} is no scheme: letters, digits and -_. before the colon of an area"));
        }
        let population = self.population.as_deref().map(populations).transpose()?;
        Ok(Arc::new(Areas { within: self.within, scheme: self.scheme, population, populated: AtomicU64::new(0) }))
    }
}

/// What is done to the areas of a mapping.
#[derive(Debug)]
pub struct Areas {
    within: Option<String>,
    scheme: Option<String>,
    population: Option<HashMap<String, u64>>,
    populated: AtomicU64,
}

impl Areas {
    /// An area's definition as it is recorded for a council; `home` is the council that the mapping names. `Err(reason)`: it is not wanted.
    pub fn amend(&self, event: Event, council: &str, home: &str) -> Result<Event, String> {
        let Some(Body::AreaDefined(mut area)) = event.facts.and_then(|facts| facts.body) else {
            // `Choice::ready` let only areas through.
            return Err("is no area".into());
        };
        if let Some(within) = self.within.as_ref().filter(|within| *within != home && *within != code(&area.parent) && **within != area.parent) {
            return Err(format!("not within {within}"));
        }
        if let Some(scheme) = &self.scheme {
            area.area = format!("{scheme}:{}", code(&area.area));
        }
        self.populate(&mut area);
        Ok(catalogue::area_event(council, area))
    }

    fn populate(&self, area: &mut AreaDefined) {
        let Some(populations) = &self.population else { return };
        if let Some(population) = populations.get(&area.area).or_else(|| populations.get(code(&area.area))) {
            area.population = Some(*population);
            self.populated.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How the populations fared, if there were any.
    pub fn populated(&self) -> Option<Populated> {
        let of = self.population.as_ref()?.len() as u64;
        Some(Populated { areas: self.populated.load(Ordering::Relaxed), populations: of })
    }
}

/// How many populations came to an area. The field names are those of the JSON document and stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Populated {
    /// Definitions with a population from the file.
    pub areas: u64,
    /// Areas in the file.
    pub populations: u64,
}

/// What follows the scheme.
fn code(area: &str) -> &str {
    area.split_once(':').map_or(area, |(_, code)| code)
}

/// Reads a file of populations.
fn populations(path: &Path) -> Result<HashMap<String, u64>, Unusable> {
    let unusable = |what: String| Unusable::new(path, what);
    let mut input = Input::open(path, b',').map_err(|error| unusable(error.to_string()))?;
    let column = |name: &str| {
        let position = input.header().iter().position(|known| known.trim().eq_ignore_ascii_case(name));
        position.ok_or_else(|| unusable(format!("has no column {name:?}; it has {}", input.header().join(", "))))
    };
    let (area, population) = (column("area")?, column("population")?);
    let mut all = HashMap::new();
    while let Some(row) = input.next().map_err(|error| unusable(error.to_string()))? {
        let wrong = |what: String| unusable(format!("line {}: {what}", row.line));
        if let Some(problem) = &row.problem {
            return Err(wrong(problem.clone()));
        }
        let (id, text) = (row.values[area].trim(), row.values[population].trim());
        if id.is_empty() {
            return Err(wrong("area is empty".into()));
        }
        // Nobody knows is not nobody.
        if text.is_empty() {
            continue;
        }
        let number = text.parse::<u64>().ok().filter(|number| *number <= POPULATION_MAX);
        let number = number.ok_or_else(|| wrong(format!("population is {text:?}, which is no whole number from 0 to 10^12")))?;
        match all.insert(id.to_owned(), number) {
            Some(before) if before != number => return Err(wrong(format!("{id} has another population than before, {before}"))),
            _ => {}
        }
    }
    if all.is_empty() {
        return Err(unusable("has no population in it".into()));
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
