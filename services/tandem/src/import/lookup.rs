//! Other files in which a row's columns are looked up. They are held in memory: only the columns wanted.

use super::input;
use super::mapping::{Beside, Lookup, Mapping, Matching, Unusable};
use std::collections::HashMap;
use std::path::Path;

/// A lookup file's rows by key.
#[derive(Debug)]
pub struct Table {
    rows: HashMap<String, Vec<String>>,
    matching: Matching,
    longest: usize,
}

impl Table {
    /// A table of rows by key.
    pub fn new(rows: HashMap<String, Vec<String>>, matching: Matching) -> Self {
        let longest = rows.keys().map(String::len).max().unwrap_or_default();
        Self { rows, matching, longest }
    }

    /// The columns of the row found.
    pub fn find(&self, key: &str) -> Option<&[String]> {
        match self.matching {
            Matching::Exact => self.rows.get(key),
            Matching::LongestPrefix => {
                let longest = self.longest.min(key.len());
                (0..=longest).rev().filter_map(|length| key.get(..length)).find_map(|prefix| self.rows.get(prefix))
            }
        }
        .map(Vec::as_slice)
    }
}

/// Reads all lookup files of a mapping. `mapping_path` and `input_directory` are where they may be.
pub fn read_all(mapping: &Mapping, mapping_path: &Path, input_directory: &Path) -> Result<Vec<Table>, Unusable> {
    let directory = |lookup: &Lookup| match lookup.beside {
        Beside::Mapping => mapping_path.parent().unwrap_or(Path::new("")).to_path_buf(),
        Beside::Input => input_directory.to_path_buf(),
    };
    mapping.lookup.iter().map(|lookup| read(lookup, &directory(lookup).join(&lookup.file))).collect()
}

fn read(lookup: &Lookup, path: &Path) -> Result<Table, Unusable> {
    let unusable = |what: String| Unusable::new(path, what);
    let mut input = input::Input::open(path, b',').map_err(|error| unusable(format!("{error}; say where it is with --lookup-dir")))?;
    let number = |name: &String| {
        let position = input.header().iter().position(|known| known == name);
        position.ok_or_else(|| unusable(format!("has no column {name:?}; it has {}", input.header().join(", "))))
    };
    let key = number(&lookup.key)?;
    let wanted = lookup.columns.iter().map(number).collect::<Result<Vec<_>, _>>()?;
    let mut rows = HashMap::new();
    while let Some(row) = input.next().map_err(|error| unusable(error.to_string()))? {
        if let Some(problem) = row.problem {
            return Err(unusable(format!("line {}: {problem}", row.line)));
        }
        let found: Vec<_> = wanted.iter().map(|column| row.values[*column].clone()).collect();
        let key = &row.values[key];
        match rows.get(key) {
            Some(earlier) if *earlier != found => return Err(unusable(format!("line {}: {key:?} has other values than before", row.line))),
            _ => rows.insert(key.clone(), found),
        };
    }
    Ok(Table::new(rows, lookup.matching))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_longest_prefix() {
        let row = |key: &str| (key.to_string(), vec![key.to_string()]);
        let table = Table::new([row("03"), row("0302"), row("030201")].into(), Matching::LongestPrefix);
        let find = |key| table.find(key).map(|found| found[0].as_str());
        assert_eq!(find("030201"), Some("030201"));
        assert_eq!(find("030299"), Some("0302"));
        assert_eq!(find("03é"), Some("03"));
        assert_eq!(find("0401"), None);
        assert_eq!(find(""), None);
    }
}
