//! What an import did, for people and as one JSON document.

use super::areas::Populated;
use super::standing::Counts;
use crate::output::number::grouped;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

/// The figures of an import. The field names are those of the JSON document and stay.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// True: nothing was sent.
    pub dry_run: bool,
    /// True: it was stopped before the end.
    pub interrupted: bool,
    /// Rows read.
    pub read: u64,
    /// Events sent, or that would be; those refused among them.
    pub events: u64,
    /// Rows whose events an earlier run had sent.
    pub done_before: u64,
    /// What became of the events: differences of the councils' counters, so that other writers to the same councils count too.
    /// Unset: nothing was sent.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// Rows that are no events, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Rows that were not recorded, or not wholly.
    pub rejected: u64,
    /// Where they are.
    pub rejects_files: Vec<PathBuf>,
    /// How populations from another file fared. Unset: there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub populated: Option<Populated>,
    /// Catalogue definitions recorded, over all councils.
    pub definitions: usize,
    /// The councils and the position of the last record of each.
    pub positions: BTreeMap<String, String>,
}

impl Summary {
    /// For people.
    pub fn text(&self) -> String {
        let mut lines: Vec<(String, String)> = Vec::new();
        let mut line = |name: &str, number: u64| lines.push((name.into(), grouped(&number.to_string())));
        line("read", self.read);
        line(if self.dry_run { "would send" } else { "events" }, self.events);
        if self.done_before > 0 {
            line("sent before", self.done_before);
        }
        if let Some(counts) = self.counts {
            line("applied", counts.applied);
            line("duplicate", counts.duplicate);
            lines.push(("suspended".into(), grouped(&counts.suspended.to_string())));
        }
        let mut line = |name: &str, number: u64| lines.push((name.into(), grouped(&number.to_string())));
        line("skipped", self.skipped.values().sum());
        for (reason, number) in &self.skipped {
            line(&format!("  {reason}"), *number);
        }
        line("rejected", self.rejected);
        if let Some(populated) = self.populated {
            line("with a population", populated.areas);
            line("  of those in the file", populated.populations);
        }
        let (names, numbers) = (lines.iter().map(|(name, _)| name.chars().count()).max(), lines.iter().map(|(_, number)| number.len()).max());
        let (names, numbers) = (names.unwrap_or_default(), numbers.unwrap_or_default());
        let mut text = String::new();
        for (name, number) in &lines {
            // Writing to a String does not fail.
            let _ = writeln!(text, "{name:<names$}  {number:>numbers$}");
        }
        for file in &self.rejects_files {
            let _ = writeln!(text, "the rejected rows and why are in {}", file.display());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_column_of_figures() {
        let summary = Summary {
            read: 37_230,
            events: 74_429,
            counts: Some(Counts { applied: 74_425, duplicate: 2, suspended: 2 }),
            skipped: [("zero tonnes".to_string(), 7)].into(),
            ..Summary::default()
        };
        let expected = "\
read           37,230
events         74,429
applied        74,425
duplicate           2
suspended           2
skipped             7
  zero tonnes       7
rejected            0
";
        assert_eq!(summary.text(), expected);
        let json = serde_json::to_value(&summary).unwrap();
        assert_eq!((&json["applied"], &json["skipped"]["zero tonnes"]), (&74_425.into(), &7.into()));
    }
}
