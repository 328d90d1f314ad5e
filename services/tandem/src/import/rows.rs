//! A mapping applied to files: where reading and the pure plan meet.

use super::areas;
use super::ids::Pseudonyms;
use super::input::{self, Input};
use super::lookup;
use super::mapping::{self, Mapping, PseudonymKind, Unusable};
use super::plan::{Choices, Outcome, Plan, State};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// The shortest secret that hides keys: 128 bits.
const SECRET_BYTES_MIN: usize = 16;

/// A mapping file and what the command line decides of it.
#[derive(Debug)]
pub struct Job {
    /// The mapping.
    pub mapping: Mapping,
    /// Its file.
    pub path: PathBuf,
    /// Where lookup files are, if not beside the input.
    pub lookup_directory: Option<PathBuf>,
    choices: Choices,
}

/// Options of a job.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Every row's council.
    pub council: Option<String>,
    /// Rows of other councils are skipped. Empty: all are wanted.
    pub only: Vec<String>,
    /// The secret under which people's keys are hidden.
    pub pseudonym_secret: Option<Vec<u8>>,
    /// Where lookup files are.
    pub lookup_directory: Option<PathBuf>,
    /// What is done to areas, if only they are recorded.
    pub areas: Option<areas::Choice>,
}

impl Job {
    /// Reads a mapping file. `now_us`: the clock, microseconds since 1970 UTC.
    pub fn new(path: &Path, options: Options, now_us: u64) -> Result<Self, Unusable> {
        let mapping: Mapping = mapping::read(path)?;
        let unusable = |what: &str| Unusable::new(path, what);
        let hides = mapping.event.iter().any(|event| event.actor.is_some() || event.recipient.is_some());
        let pseudonyms = match (mapping.pseudonyms, options.pseudonym_secret) {
            (PseudonymKind::Public, _) => Pseudonyms::Public,
            (PseudonymKind::Keyed, Some(secret)) if secret.len() < SECRET_BYTES_MIN => {
                return Err(unusable("the pseudonym secret has fewer than 16 bytes; make one with: head -c 32 /dev/urandom > secret"));
            }
            (PseudonymKind::Keyed, Some(secret)) => Pseudonyms::Keyed(secret),
            (PseudonymKind::Keyed, None) if hides => {
                return Err(unusable(
                    "names people by keys that must be hidden under a secret: give a file with at least 16 random bytes as --pseudonym-secret",
                ));
            }
            (PseudonymKind::Keyed, None) => Pseudonyms::Public,
        };
        if !mapping.input.delimiter.is_ascii() {
            return Err(unusable("`delimiter` must be one ASCII character"));
        }
        if let Some(council) = options.council.iter().chain(&options.only).find(|council| !tandem_domain::event::is_council(council)) {
            return Err(unusable(&format!("{council:?} is no council: 2 to 32 of [A-Za-z0-9_-]")));
        }
        let areas = options.areas.map(|areas| areas.ready(&mapping, path)).transpose()?;
        let choices = Choices { council: options.council, only: options.only, pseudonyms, now_us, areas };
        Ok(Self { mapping, path: path.into(), lookup_directory: options.lookup_directory, choices })
    }

    /// What is done to areas.
    pub fn areas(&self) -> Option<&areas::Areas> {
        self.choices.areas.as_deref()
    }

    /// Paths of the mapping's catalogue files.
    pub fn catalogue(&self) -> Vec<PathBuf> {
        let directory = self.path.parent().unwrap_or(Path::new(""));
        self.mapping.catalogue.iter().map(|file| directory.join(file)).collect()
    }

    /// Opens a file and fits the mapping to its columns; nothing of it is mapped if that fails.
    pub fn open(&self, path: &Path) -> Result<Rows, Unusable> {
        let input = Input::open(path, self.mapping.input.delimiter as u8).map_err(|error| Unusable::new(path, error))?;
        let beside = if input::is_stdin(path) { Path::new("") } else { path.parent().unwrap_or(Path::new("")) };
        let tables = lookup::read_all(&self.mapping, &self.path, self.lookup_directory.as_deref().unwrap_or(beside))?;
        let plan = Plan::new(&self.mapping, input.header(), tables, self.choices.clone());
        let plan = plan.map_err(|error| Unusable::new(&self.path, format!("does not fit {}: {error}", path.display())))?;
        Ok(Rows { input, plan, state: State::default() })
    }
}

/// The rows of one file.
pub struct Rows {
    input: Input,
    plan: Plan,
    state: State,
}

/// A row and what it becomes.
#[derive(Clone, Debug)]
pub struct MappedRow {
    /// The line on which it begins.
    pub line: u64,
    /// The row as it stands.
    pub values: Vec<String>,
    /// What it becomes.
    pub outcome: Outcome,
}

impl Rows {
    /// The next row, or none at the end; an error if the file breaks off.
    #[allow(clippy::should_implement_trait)] // it fails, and an iterator of results would go on after that
    pub fn next(&mut self) -> std::io::Result<Option<MappedRow>> {
        let Some(mut row) = self.input.next()? else { return Ok(None) };
        let outcome = match row.problem {
            Some(problem) => Outcome::Rejected(problem),
            None => self.plan.row(&mut row.values, &mut self.state),
        };
        Ok(Some(MappedRow { line: row.line, values: row.values, outcome }))
    }

    /// The file's columns.
    pub fn header(&self) -> &[String] {
        self.input.header()
    }

    /// As `Input::progress`.
    pub fn progress(&self) -> (Arc<AtomicU64>, Option<u64>) {
        self.input.progress()
    }
}
