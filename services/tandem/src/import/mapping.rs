//! A mapping file as it is written: what the rows of one kind of CSV file become. See `services/tandem/mappings/README.md`.

use super::dates::Precision;
use super::decimal::Rounding;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A mapping file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// One line on what becomes what.
    pub about: String,
    /// The reporting system: `envelope.source` of every event, and part of every derived id.
    pub source: String,
    /// Template of the council.
    pub council: String,
    /// Catalogue files that the events need, beside this file.
    #[serde(default)]
    pub catalogue: Vec<PathBuf>,
    /// How actors' and recipients' keys become pseudonyms. Unset: keyed.
    #[serde(default)]
    pub pseudonyms: PseudonymKind,
    /// How the file is written.
    #[serde(default)]
    pub input: Input,
    /// Columns that are computed.
    #[serde(default)]
    pub column: Vec<Column>,
    /// Columns that come from other files.
    #[serde(default)]
    pub lookup: Vec<Lookup>,
    /// Columns of the row before with the same key.
    pub previous: Option<Previous>,
    /// Rows that are no events, and why.
    #[serde(default)]
    pub skip: Vec<Filter>,
    /// Rows that cannot be right, and why.
    #[serde(default)]
    pub reject: Vec<Filter>,
    /// What a row becomes: all of these whose conditions hold.
    pub event: Vec<Event>,
}

/// How people's keys become pseudonyms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PseudonymKind {
    /// Under the importer's secret (`--pseudonym-secret`).
    #[default]
    Keyed,
    /// Computable by anyone who has the source: only for published data whose keys name nobody.
    Public,
}

/// How the file is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Between columns: one ASCII character.
    pub delimiter: char,
}

impl Default for Input {
    fn default() -> Self {
        Self { delimiter: ',' }
    }
}

/// A computed column.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Template of its value, or of what is looked up in `values` or `rules`.
    pub from: String,
    /// Value map: exact.
    pub values: Option<BTreeMap<String, String>>,
    /// Value map: the first pair whose first text occurs in the value, whatever the case.
    pub rules: Option<Vec<(String, String)>>,
    /// Template of the value that neither knows. Unset: the row is rejected.
    pub otherwise: Option<String>,
    /// Template of a number that is taken off the number in `from`.
    pub minus: Option<String>,
}

/// Columns of another file, named `name.column`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// What its columns' names begin with.
    pub name: String,
    /// The CSV or CSV.gz file.
    pub file: PathBuf,
    /// Where the file is.
    #[serde(default)]
    pub beside: Beside,
    /// Its column that is searched.
    pub key: String,
    /// Template of what is searched for.
    pub by: String,
    /// Its columns that are wanted.
    pub columns: Vec<String>,
    /// What counts as found.
    #[serde(default, rename = "match")]
    pub matching: Matching,
    /// What happens if nothing is found.
    #[serde(default)]
    pub missing: Missing,
}

/// Where a lookup file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Beside {
    /// In the directory of the file that is imported, or in `--lookup-dir`.
    #[default]
    Input,
    /// In the directory of the mapping file.
    Mapping,
}

/// What counts as found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matching {
    /// The key itself.
    #[default]
    Exact,
    /// The longest key with which the value begins.
    LongestPrefix,
}

/// What happens if nothing is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// The row is rejected.
    #[default]
    Reject,
    /// The columns are empty.
    Empty,
}

/// Columns `previous.column`: of the row before with the same key in the same file; empty in the first.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// Template of the key.
    pub key: String,
    /// Which columns are kept.
    pub columns: Vec<String>,
    /// Only rows for which all of these hold are kept.
    #[serde(default)]
    pub when: Vec<Condition>,
}

/// Rows that are left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// All of these hold.
    pub when: Vec<Condition>,
    /// Why, as it is reported.
    pub reason: String,
}

/// A condition on one column; everything given must hold. Those on numbers never hold for an empty value.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The column.
    pub column: String,
    /// It is one of these.
    pub is: Option<Vec<String>>,
    /// It is none of these.
    pub is_not: Option<Vec<String>>,
    /// It begins with one of these.
    pub begins: Option<Vec<String>>,
    /// Whether it is empty.
    pub empty: Option<bool>,
    /// Whether it is zero.
    pub zero: Option<bool>,
    /// Whether it is below zero.
    pub negative: Option<bool>,
    /// It is this number or more.
    pub at_least: Option<String>,
    /// It is this number or less.
    pub at_most: Option<String>,
}

/// What kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// ContributionRecorded.
    Contribution,
    /// StateInputRecorded.
    StateInput,
    /// OutcomeObserved.
    Outcome,
    /// PledgeMade.
    Pledge,
    /// EntryReversed.
    Reversal,
    /// AreaDefined.
    Area,
}

/// An event of a row. Texts are templates; one that has an empty column in it is unset, and what is required must be set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Its name in this source: part of its id.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Only if all of these hold.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// The parts of its key in the source. Unset: the row's content and its ordinal among equal rows.
    pub id: Option<Vec<String>>,
    /// When it happened.
    pub occurred: When,
    /// `service`.
    pub service: Option<String>,
    /// `measure`.
    pub measure: Option<String>,
    /// `quantity`; of an outcome `numerator`.
    pub quantity: Option<String>,
    /// What the quantity is multiplied by, e.g. "100" for pounds to pence.
    pub times: Option<String>,
    /// What happens to more decimals than the unit has.
    #[serde(default)]
    pub round: Rounding,
    /// Template of the measure that takes what is below zero, without its sign. Unset: such a row is rejected.
    pub negative_measure: Option<String>,
    /// `area`.
    pub area: Option<String>,
    /// `exchange`.
    pub exchange: Option<String>,
    /// `evidence`, e.g. "self-reported".
    pub evidence: Option<String>,
    /// `providing_body`.
    pub providing_body: Option<String>,
    /// `individual_budget`.
    #[serde(default)]
    pub individual_budget: bool,
    /// `chosen_by`, e.g. "citizen".
    pub chosen_by: Option<String>,
    /// The pledge that it fulfils.
    pub pledge: Option<Reference>,
    /// What it cancels.
    pub reverses: Option<Reference>,
    /// `reason` of a reversal, e.g. "superseded".
    pub reason: Option<String>,
    /// `indicator`.
    pub indicator: Option<String>,
    /// `denominator`. Unset: 1.
    pub denominator: Option<String>,
    /// The period of an outcome or pledge. Unset: when it happened.
    pub period: Option<When>,
    /// `vintage` of an area.
    pub vintage: Option<String>,
    /// `name` of an area.
    pub title: Option<String>,
    /// `parent` of an area.
    pub parent: Option<String>,
    /// `deprivation_decile` of an area.
    pub decile: Option<String>,
    /// `population` of an area.
    pub population: Option<String>,
    /// Key of who gave; sent as a pseudonym.
    pub actor: Option<String>,
    /// `actor_kind`, e.g. "person".
    pub actor_kind: Option<String>,
    /// Key of whom it was for; sent as a pseudonym.
    pub recipient: Option<String>,
    /// `source_key`: sent as it is, so only keys that say nothing of a person.
    pub source_key: Option<String>,
}

/// Another event, by what its id is derived from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Its name.
    pub event: String,
    /// The parts of its key.
    pub id: Vec<String>,
    /// Its source. Unset: this mapping's.
    pub source: Option<String>,
}

/// A day or span.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Template of the day, month ("2025-03"), quarter ("2025-Q1") or year.
    pub from: String,
    /// Template of the last one. Unset: the same.
    pub to: Option<String>,
    /// How a day is written, as in strptime. Unset: "%Y-%m-%d"; with a zone: RFC 3339.
    pub format: Option<String>,
    /// IANA time zone in which an instant's day counts, e.g. "Europe/London". Unset: the text has no instant.
    pub zone: Option<String>,
    /// What `from` names.
    #[serde(default)]
    pub precision: Precision,
}

/// A file that cannot be used, and where.
#[derive(Debug, thiserror::Error)]
#[error("{path}{line}: {what}")]
pub struct Unusable {
    path: String,
    line: String,
    what: String,
}

impl Unusable {
    /// About a whole file.
    pub fn new(path: &Path, what: impl std::fmt::Display) -> Self {
        Self { path: path.display().to_string(), line: String::new(), what: what.to_string() }
    }
}

/// Reads a TOML file; an unknown key is an error that says where it stands.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Unusable> {
    let text = std::fs::read_to_string(path).map_err(|error| Unusable::new(path, format!("cannot be read: {error}")))?;
    parse(path, &text)
}

fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, Unusable> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map(|before| format!(":{}", before.matches('\n').count() + 1)).unwrap_or_default();
        Unusable { path: path.display().to_string(), line, what: error.message().replace('\n', " ") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str =
        "about = \"x\"\nsource = \"s\"\ncouncil = \"c1\"\n\n[[event]]\nname = \"e\"\nkind = \"contribution\"\noccurred = { from = \"{d}\" }\n";

    #[test]
    fn an_unknown_key_is_an_error_with_its_line() {
        let path = Path::new("m.toml");
        assert!(parse::<Mapping>(path, SMALL).is_ok());
        let error = parse::<Mapping>(path, &format!("{SMALL}quantty = \"1\"\n")).unwrap_err().to_string();
        assert!(error.starts_with("m.toml:9: unknown field `quantty`"), "{error}");
        let error = parse::<Mapping>(path, &SMALL.replace("from =", "form =")).unwrap_err().to_string();
        assert!(error.starts_with("m.toml:8: unknown field `form`"), "{error}");
        let error = parse::<Mapping>(path, &SMALL.replace("contribution", "contributoin")).unwrap_err().to_string();
        assert!(error.starts_with("m.toml:7: unknown variant"), "{error}");
        assert!(!error.contains('\n'));
    }
}
