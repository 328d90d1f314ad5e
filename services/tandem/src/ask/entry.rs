//! `tandem entry`, and entries with what became of them.

use super::facts;
use super::shown::{Reflects, bare, reach};
use super::{Asking, answered};
use crate::output::table::Table;
use crate::output::{Document, Format, instant, non_empty, or_empty};
use serde::Serialize;
use std::process::ExitCode;
use tandem_proto::v1::{EntryStatus, GetEntryRequest, GetEntryResponse};

/// What became of an event: every entry of its id.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Example:
  tandem entry --council E09000001 01890a5d-ac96-774b-bcce-b302099a8057")]
pub struct Args {
    #[command(flatten)]
    asking: Asking,
    /// The council
    #[arg(long, short)]
    council: String,
    /// The event's id
    event_id: String,
    /// Only this source's
    #[arg(long, default_value = "", hide_default_value = true)]
    source: String,
    #[command(flatten)]
    format: Format,
}

/// Asks and prints.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut asker = args.asking.connect().await?;
    let question = GetEntryRequest { council: args.council, event_id: args.event_id, source: args.source, at_least: args.asking.at_least };
    let (client, request) = asker.request(question);
    args.format.print(&Entries::from(answered(client.get_entry(request).await)?))?;
    Ok(ExitCode::SUCCESS)
}

/// An entry and what became of it. The field names are those of the JSON documents and stay.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Sequence in the book.
    pub sequence: u64,
    /// Book time, RFC 3339 in UTC.
    pub book_time: Option<String>,
    /// Its source.
    pub source: String,
    /// Its event id.
    pub event_id: String,
    /// Its body's field number in Facts.
    pub kind: u32,
    /// "APPLIED", "SUSPENDED" or "REVERSED".
    pub state: String,
    /// Why it is in suspense; null: it is not.
    pub reason: Option<String>,
    /// What would cure it; null: nothing that may come.
    pub waits_for: Option<String>,
    /// Sequence of what cured it; null: it needed no cure.
    pub cured_by: Option<u64>,
    /// Sequence of its reversal; null: it is not reversed.
    pub reversed_by: Option<u64>,
    /// First day.
    pub occurred_start: String,
    /// Last day; null: one day.
    pub occurred_end: Option<String>,
    /// Its facts; null: this version cannot read them.
    pub facts: serde_json::Value,
    /// The same in a few words.
    #[serde(skip)]
    pub words: String,
}

impl From<EntryStatus> for Entry {
    fn from(entry: EntryStatus) -> Self {
        let reason = bare(entry.reason().as_str_name(), "SUSPENSE_REASON_");
        Self {
            sequence: entry.sequence,
            book_time: instant(entry.book_time_us),
            state: bare(entry.state().as_str_name(), "ENTRY_STATE_"),
            reason: Some(reason).filter(|reason| reason != "UNSPECIFIED"),
            source: entry.source,
            event_id: entry.event_id,
            kind: entry.kind,
            waits_for: non_empty(entry.waits_for),
            cured_by: entry.cured_by,
            reversed_by: entry.reversed_by,
            occurred_start: entry.occurred_start,
            occurred_end: non_empty(entry.occurred_end),
            words: facts::in_words(entry.facts.as_ref()),
            facts: entry.facts.as_ref().map_or(serde_json::Value::Null, facts::facts),
        }
    }
}

impl Entry {
    /// CSV columns of an entry.
    pub const CSV: [&str; 13] = [
        "sequence",
        "book_time",
        "source",
        "event_id",
        "kind",
        "state",
        "reason",
        "waits_for",
        "cured_by",
        "reversed_by",
        "occurred_start",
        "occurred_end",
        "facts",
    ];

    /// Its CSV cells; the facts are JSON.
    pub fn csv(&self) -> Vec<String> {
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        vec![
            self.sequence.to_string(),
            or_empty(&self.book_time),
            self.source.clone(),
            self.event_id.clone(),
            self.kind.to_string(),
            self.state.clone(),
            or_empty(&self.reason),
            or_empty(&self.waits_for),
            number(self.cured_by),
            number(self.reversed_by),
            self.occurred_start.clone(),
            or_empty(&self.occurred_end),
            self.facts.to_string(),
        ]
    }

    /// What became of it, in words.
    fn fate(&self) -> String {
        let cured = self.cured_by.map(|by| format!(", cured by {by}")).unwrap_or_default();
        match (&self.reason, &self.waits_for, self.reversed_by) {
            (Some(reason), Some(waits_for), _) => format!("{reason}, waits for {waits_for}"),
            (Some(reason), None, _) => reason.clone(),
            (None, _, Some(by)) => format!("reversed by {by}{cured}"),
            (None, _, None) => cured.trim_start_matches(", ").to_string(),
        }
    }
}

/// Entries for people.
pub fn table(entries: &[Entry]) -> Table {
    let mut table = Table::new().right("entry").left("occurred").left("source").left("event").left("what").left("state").left("because of");
    for entry in entries {
        table.row(vec![
            entry.sequence.to_string(),
            entry.occurred_start.clone(),
            entry.source.clone(),
            entry.event_id.clone(),
            entry.words.clone(),
            entry.state.clone(),
            entry.fate(),
        ]);
    }
    table
}

/// Every entry of an event's id.
#[derive(Clone, Debug, Serialize)]
pub struct Entries {
    /// By sequence.
    pub entries: Vec<Entry>,
    /// How far the answer reaches.
    pub reflects: Option<Reflects>,
}

impl From<GetEntryResponse> for Entries {
    fn from(answer: GetEntryResponse) -> Self {
        Self { entries: answer.entries.into_iter().map(Entry::from).collect(), reflects: answer.reflects.map(Reflects::from) }
    }
}

impl Document for Entries {
    fn text(&self) -> String {
        format!("{}\n{}", table(&self.entries).render(), reach(self.reflects.as_slice()))
    }

    fn csv(&self) -> (Vec<&'static str>, Vec<Vec<String>>) {
        (Entry::CSV.to_vec(), self.entries.iter().map(Entry::csv).collect())
    }
}
