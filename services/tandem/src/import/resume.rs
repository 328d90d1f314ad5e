//! How far an import came, kept beside the work so that it can go on. Sending again would be right as well, only longer.

use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// What an interrupted import leaves behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// SHA-256 of the file that is imported.
    pub input: String,
    /// SHA-256 of the mapping, its lookup files' names and the choices that decide what is sent, the server among them.
    pub mapping: String,
    /// Rows from the first on of which every event is durable or refused.
    pub rows: u64,
}

/// Where the progress of a file is kept: "NAME.tandem-progress" in the current directory, since the file's own may be read-only.
pub fn path(input: &Path) -> PathBuf {
    let name = input.file_name().unwrap_or_default().to_string_lossy();
    PathBuf::from(format!("{name}.tandem-progress"))
}

impl Progress {
    /// Reads it; an error says why it is of no use.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("there is no {}: {error}", path.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{} cannot be understood: {error}", path.display()))
    }

    /// Replaces the file in one step: a crash leaves the old or the new one.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let new = PathBuf::from(name);
        std::fs::write(&new, serde_json::to_vec(self)?)?;
        std::fs::rename(&new, path)
    }

    /// Rows that need not be sent again, or why all must be.
    pub fn rows_done(path: &Path, input: &str, mapping: &str) -> Result<u64, String> {
        let progress = Self::read(path)?;
        match (progress.input == input, progress.mapping == mapping) {
            (true, true) => Ok(progress.rows),
            (false, _) => Err(format!("{} is of another state of the file", path.display())),
            (true, false) => Err(format!("{} is of another mapping, server or choice of options", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_file_and_mapping_go_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rows.csv.tandem-progress");
        assert!(Progress::rows_done(&path, "i", "m").unwrap_err().starts_with("there is no"));
        Progress { input: "i".into(), mapping: "m".into(), rows: 7 }.write(&path).unwrap();
        Progress { input: "i".into(), mapping: "m".into(), rows: 8 }.write(&path).unwrap();
        assert_eq!(Progress::rows_done(&path, "i", "m"), Ok(8));
        assert!(Progress::rows_done(&path, "j", "m").unwrap_err().contains("another state of the file"));
        assert!(Progress::rows_done(&path, "i", "n").unwrap_err().contains("another mapping"));
        std::fs::write(&path, "{").unwrap();
        assert!(Progress::rows_done(&path, "i", "m").unwrap_err().contains("cannot be understood"));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
