//! How answers are shown: as a table for people, as one stable JSON document, or as CSV.

pub mod number;
pub mod table;

use serde::Serialize;
use std::io::{self, Write};

/// In which form an answer is printed.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Format {
    /// Print one JSON document; its fields stay as they are
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print CSV with a header line
    #[arg(long)]
    pub csv: bool,
}

/// An answer that can be shown in all three forms. Its JSON is what it serialises to.
pub trait Document: Serialize {
    /// For people.
    fn text(&self) -> String;
    /// Header and rows, exact and unformatted.
    fn csv(&self) -> (Vec<&'static str>, Vec<Vec<String>>);
}

impl Format {
    /// The answer as text in this form, with a line feed at its end.
    pub fn render(self, document: &impl Document) -> anyhow::Result<String> {
        if self.json {
            return Ok(serde_json::to_string_pretty(document)? + "\n");
        }
        if self.csv {
            return csv_text(document);
        }
        Ok(document.text())
    }

    /// Prints it.
    pub fn print(self, document: &impl Document) -> anyhow::Result<()> {
        Ok(print(&self.render(document)?)?)
    }
}

fn csv_text(document: &impl Document) -> anyhow::Result<String> {
    let (header, rows) = document.csv();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row)?;
    }
    Ok(String::from_utf8(writer.into_inner().map_err(|error| error.into_error())?)?)
}

/// Prints text to standard output at once, so that a reader sees whole answers.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Whether a failure is only that nobody reads our output any more.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// Book time for people and in JSON: "2025-03-01T12:00:00.000001Z"; `None` at 0, which stands for none.
pub fn instant(micros: u64) -> Option<String> {
    let micros = i64::try_from(micros).ok().filter(|micros| *micros > 0)?;
    Some(jiff::Timestamp::from_microsecond(micros).ok()?.to_string())
}

/// Longest line of wrapped text.
const LINE: usize = 100;

/// Text in lines of at most [`LINE`] characters, but for longer words; those after the first begin with `indent`.
pub fn wrapped(text: &str, indent: &str) -> String {
    let mut lines = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let is_full = line.chars().count() + 1 + word.chars().count() > LINE;
        if is_full && !line.trim().is_empty() {
            lines += &format!("{line}\n");
            line = indent.to_owned();
        } else if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    lines + &line + "\n"
}

/// An optional text, for CSV.
pub fn or_empty(text: &Option<String>) -> String {
    text.clone().unwrap_or_default()
}

/// A text that is empty where there is none.
pub fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_between_words() {
        assert_eq!(wrapped("", "  "), "\n");
        assert_eq!(wrapped("a  short\nline", "  "), "a short line\n");
        let word = "x".repeat(40);
        assert_eq!(wrapped(&format!("{word} {word} {word} y"), "  "), format!("{word} {word}\n  {word} y\n"));
        let long = "z".repeat(200);
        assert_eq!(wrapped(&format!("{long} a {long}"), "  "), format!("{long}\n  a\n  {long}\n"));
        // A line may be full to the last character.
        assert_eq!(wrapped(&format!("{} {}", "a".repeat(50), "b".repeat(49)), "").lines().count(), 1);
    }
}
