//! The file of rows that were not recorded: line, reason, and the row as it stood, so that it can be mended and imported again.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

/// Opens its file with the first row that is rejected.
pub struct Rejects {
    path: PathBuf,
    append: bool,
    writer: Option<csv::Writer<std::fs::File>>,
    header: Vec<String>,
    count: u64,
}

impl Rejects {
    /// Rejects of files with this header. `append`: an interrupted import goes on.
    pub fn new(path: PathBuf, header: &[String], append: bool) -> Self {
        Self { path, append, writer: None, header: header.to_vec(), count: 0 }
    }

    /// Where the rejects of a file go unless said otherwise: "NAME.rejects.csv" in the current directory.
    pub fn default_path(input: &Path) -> PathBuf {
        let name = input.file_name().unwrap_or_default().to_string_lossy();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let name = name.strip_suffix(".csv").unwrap_or(name);
        PathBuf::from(format!("{}.rejects.csv", if name == "-" { "stdin" } else { name }))
    }

    /// Adds a row.
    pub fn add(&mut self, line: u64, reason: &str, row: &[String]) -> anyhow::Result<()> {
        let result = self.write(line, reason, row);
        result.map_err(|error| anyhow::anyhow!("cannot write {}: {error}; name another file with --rejects", self.path.display()))
    }

    fn write(&mut self, line: u64, reason: &str, row: &[String]) -> csv::Result<()> {
        if self.writer.is_none() {
            self.writer = Some(self.open()?);
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let line = line.to_string();
        writer.write_record([line.as_str(), reason].into_iter().chain(row.iter().map(String::as_str)))?;
        self.count += 1;
        Ok(())
    }

    fn open(&self) -> csv::Result<csv::Writer<std::fs::File>> {
        let mut options = OpenOptions::new();
        let goes_on = self.append && self.path.exists();
        let file = match goes_on {
            true => options.append(true).open(&self.path)?,
            false => options.write(true).create(true).truncate(true).open(&self.path)?,
        };
        // A row with too few or too many columns is written as it stood.
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
        if !goes_on {
            writer.write_record(["line", "reason"].into_iter().chain(self.header.iter().map(String::as_str)))?;
        }
        Ok(writer)
    }

    /// Writes what is buffered; the file's path if it holds any row of this run.
    pub fn finish(mut self) -> anyhow::Result<Option<PathBuf>> {
        if let Some(writer) = &mut self.writer {
            writer.flush()?;
        }
        Ok((self.count > 0).then_some(self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_file_after_the_input() {
        for (input, expected) in [
            ("/data/rows.csv.gz", "rows.rejects.csv"),
            ("rows.csv", "rows.rejects.csv"),
            ("rows.txt", "rows.txt.rejects.csv"),
            ("-", "stdin.rejects.csv"),
        ] {
            assert_eq!(Rejects::default_path(Path::new(input)), PathBuf::from(expected));
        }
    }

    #[test]
    fn there_is_a_file_only_if_there_are_rows() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r.csv");
        let header = ["a".to_string(), "b".to_string()];
        assert_eq!(Rejects::new(path.clone(), &header, false).finish().unwrap(), None);
        assert!(!path.exists());
        let mut rejects = Rejects::new(path.clone(), &header, false);
        rejects.add(2, "a is empty", &["".into(), "x,y".into()]).unwrap();
        rejects.add(3, "has 1 columns; the header has 2", &["1".into()]).unwrap();
        assert_eq!(rejects.finish().unwrap(), Some(path.clone()));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "line,reason,a,b\n2,a is empty,,\"x,y\"\n3,has 1 columns; the header has 2,1\n");
        let mut more = Rejects::new(path.clone(), &header, true);
        more.add(9, "late", &["1".into(), "2".into()]).unwrap();
        more.finish().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{text}9,late,1,2\n"));
    }
}
