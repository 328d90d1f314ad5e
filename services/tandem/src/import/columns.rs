//! Which columns a row has: the file's own, and those that the mapping computes, looks up or carries over, in an order in which each is known
//! before it is used.

use super::condition::{self, Condition};
use super::decimal::Decimal;
use super::lookup::Table;
use super::mapping::{self, Mapping, Missing};
use super::template::Template;
use std::collections::{BTreeMap, HashMap};

/// All columns and how they are filled.
#[derive(Debug)]
pub struct Columns {
    names: Vec<String>,
    file_columns: usize,
    steps: Vec<Step>,
    previous: Option<Kept>,
}

#[derive(Debug)]
enum Step {
    Text { column: usize, from: Template<usize> },
    Values { column: usize, from: Template<usize>, values: Values, otherwise: Option<Template<usize>> },
    Difference { column: usize, from: Template<usize>, minus: Template<usize> },
    Lookup { first: usize, count: usize, by: Template<usize>, table: Table, missing: Missing, name: String },
    Previous { first: usize, count: usize, key: Template<usize> },
}

#[derive(Debug)]
enum Values {
    Exact(BTreeMap<String, String>),
    /// In lower case.
    Contains(Vec<(String, String)>),
}

/// What is kept of a row for the next one with its key.
#[derive(Debug)]
struct Kept {
    key: Template<usize>,
    columns: Vec<usize>,
    when: Vec<Condition>,
}

/// Rows kept, by key.
pub type Memory = HashMap<String, Vec<String>>;

/// What a step reads and what it makes.
struct Declared<'a> {
    what: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
    source: Source<'a>,
}

enum Source<'a> {
    Column(&'a mapping::Column),
    Lookup(&'a mapping::Lookup, Table),
    Previous(&'a mapping::Previous),
}

impl Columns {
    /// Orders the mapping's columns behind those of the file; `tables` are its lookups' in their order.
    pub fn new(header: &[String], mapping: &Mapping, tables: Vec<Table>) -> Result<Self, String> {
        let mut columns = Self { names: Vec::new(), file_columns: header.len(), steps: Vec::new(), previous: None };
        for name in header {
            columns.add(name)?;
        }
        let mut waiting = declared(mapping, tables)?;
        while !waiting.is_empty() {
            let known = |step: &Declared| step.inputs.iter().all(|name| columns.position(name).is_some());
            let Some(next) = waiting.iter().position(known) else {
                let missing = waiting
                    .iter()
                    .flat_map(|step| &step.inputs)
                    .find(|name| columns.position(name).is_none() && !waiting.iter().any(|step| step.outputs.contains(name)));
                return Err(match missing {
                    Some(missing) => columns.unknown(missing),
                    None => {
                        format!("the columns {} need each other", waiting.iter().map(|step| step.what.as_str()).collect::<Vec<_>>().join(" and "))
                    }
                });
            };
            let step = waiting.remove(next);
            columns.add_step(step)?;
        }
        if let Some(previous) = &mapping.previous {
            let kept = Kept {
                key: columns.template(&previous.key)?,
                columns: previous.columns.iter().map(|name| columns.number(name)).collect::<Result<_, _>>()?,
                when: previous.when.iter().map(|condition| Condition::new(condition, |name| columns.number(name))).collect::<Result<_, _>>()?,
            };
            columns.previous = Some(kept);
        }
        Ok(columns)
    }

    fn add(&mut self, name: &str) -> Result<usize, String> {
        if self.position(name).is_some() {
            return Err(format!("there are two columns {name:?}"));
        }
        self.names.push(name.into());
        Ok(self.names.len() - 1)
    }

    fn add_step(&mut self, step: Declared<'_>) -> Result<(), String> {
        let first = self.names.len();
        for output in &step.outputs {
            self.add(output)?;
        }
        let count = step.outputs.len();
        self.steps.push(match step.source {
            Source::Column(column) => self.computed(column, first)?,
            Source::Lookup(lookup, table) => {
                Step::Lookup { first, count, by: self.template(&lookup.by)?, table, missing: lookup.missing, name: lookup.name.clone() }
            }
            Source::Previous(previous) => Step::Previous { first, count, key: self.template(&previous.key)? },
        });
        Ok(())
    }

    fn computed(&self, declared: &mapping::Column, column: usize) -> Result<Step, String> {
        let from = self.template(&declared.from)?;
        let otherwise = declared.otherwise.as_deref().map(|text| self.template(text)).transpose()?;
        Ok(match (&declared.minus, &declared.values, &declared.rules) {
            (Some(minus), None, None) if otherwise.is_none() => Step::Difference { column, from, minus: self.template(minus)? },
            (None, Some(values), None) => Step::Values { column, from, values: Values::Exact(values.clone()), otherwise },
            (None, None, Some(rules)) => {
                let rules = rules.iter().map(|(text, value)| (text.to_lowercase(), value.clone())).collect();
                Step::Values { column, from, values: Values::Contains(rules), otherwise }
            }
            (None, None, None) if otherwise.is_none() => Step::Text { column, from },
            _ => {
                return Err(format!(
                    "column {:?}: give one of `values`, `rules` and `minus`, and `otherwise` only with the first two",
                    declared.name
                ));
            }
        })
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// A column's name.
    pub fn name(&self, number: usize) -> String {
        self.names[number].clone()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// A column's number; the error names the nearest columns.
    pub fn number(&self, name: &str) -> Result<usize, String> {
        self.position(name).ok_or_else(|| self.unknown(name))
    }

    /// A template over these columns.
    pub fn template(&self, text: &str) -> Result<Template<usize>, String> {
        Template::parse(text)?.resolve(|name| self.position(name)).map_err(|name| self.unknown(&name))
    }

    fn unknown(&self, name: &str) -> String {
        let mut names: Vec<_> = self.names.iter().map(|known| (distance(&name.to_lowercase(), &known.to_lowercase()), known)).collect();
        names.sort();
        let nearest: Vec<_> = names.iter().take(3).map(|(_, known)| format!("{known:?}")).collect();
        format!("there is no column {name:?} in the file or the mapping; the nearest are {}", nearest.join(", "))
    }

    /// Fills the computed columns of a row in. The error is the first reason to reject it; the columns that it concerns stay empty.
    pub fn fill(&self, values: &mut [String], memory: &Memory) -> Result<(), String> {
        let mut result = Ok(());
        for step in &self.steps {
            let done = step.fill(values, memory);
            result = result.and(done);
        }
        result
    }

    /// Keeps what the next row with the same key may ask for.
    pub fn keep(&self, values: &[String], memory: &mut Memory) -> Result<(), String> {
        let Some(kept) = &self.previous else { return Ok(()) };
        if !condition::all(&kept.when, values)? {
            return Ok(());
        }
        if let Some(key) = kept.key.text(values) {
            memory.insert(key, kept.columns.iter().map(|column| values[*column].clone()).collect());
        }
        Ok(())
    }

    /// Name and value of each of the file's own columns.
    pub fn of_file<'a>(&'a self, values: &'a [String]) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.names.iter().zip(values).take(self.file_columns).map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl Step {
    fn fill(&self, values: &mut [String], memory: &Memory) -> Result<(), String> {
        match self {
            Self::Text { column, from } => values[*column] = from.text(values).unwrap_or_default(),
            Self::Values { column, from, values: map, otherwise } => {
                let Some(value) = from.text(values) else { return Ok(()) };
                values[*column] = match (map.find(&value), otherwise) {
                    (Some(found), _) => found.into(),
                    (None, Some(otherwise)) => otherwise.text(values).unwrap_or_default(),
                    (None, None) => return Err(format!("the mapping has no value for {value:?}")),
                };
            }
            Self::Difference { column, from, minus } => {
                let (Some(from), Some(minus)) = (from.text(values), minus.text(values)) else { return Ok(()) };
                let difference = Decimal::parse(&from).and_then(|from| from.minus(Decimal::parse(&minus)?));
                values[*column] = difference.map_err(|error| error.to_string())?.to_string();
            }
            Self::Lookup { first, count, by, table, missing, name } => {
                let Some(key) = by.text(values) else { return Ok(()) };
                match (table.find(&key), missing) {
                    (Some(found), _) => values[*first..*first + *count].clone_from_slice(found),
                    (None, Missing::Empty) => {}
                    (None, Missing::Reject) => return Err(format!("{name} has no row for {key:?}")),
                }
            }
            Self::Previous { first, count, key } => {
                if let Some(kept) = key.text(values).and_then(|key| memory.get(&key)) {
                    values[*first..*first + *count].clone_from_slice(kept);
                }
            }
        }
        Ok(())
    }
}

impl Values {
    fn find(&self, value: &str) -> Option<&str> {
        match self {
            Self::Exact(values) => values.get(value).map(String::as_str),
            Self::Contains(rules) => {
                let value = value.to_lowercase();
                rules.iter().find(|(text, _)| value.contains(text)).map(|(_, value)| value.as_str())
            }
        }
    }
}

fn declared(mapping: &Mapping, tables: Vec<Table>) -> Result<Vec<Declared<'_>>, String> {
    let inputs = |texts: &[Option<&String>]| -> Result<Vec<String>, String> {
        let templates = texts.iter().flatten().map(|text| Template::parse(text)).collect::<Result<Vec<_>, _>>()?;
        Ok(templates.iter().flat_map(|template| template.columns().map(str::to_owned).collect::<Vec<_>>()).collect())
    };
    let mut steps = Vec::new();
    for column in &mapping.column {
        let inputs = inputs(&[Some(&column.from), column.otherwise.as_ref(), column.minus.as_ref()])?;
        steps.push(Declared { what: column.name.clone(), inputs, outputs: vec![column.name.clone()], source: Source::Column(column) });
    }
    for (lookup, table) in mapping.lookup.iter().zip(tables) {
        let outputs = lookup.columns.iter().map(|column| format!("{}.{column}", lookup.name)).collect();
        steps.push(Declared { what: lookup.name.clone(), inputs: inputs(&[Some(&lookup.by)])?, outputs, source: Source::Lookup(lookup, table) });
    }
    if let Some(previous) = &mapping.previous {
        let outputs = previous.columns.iter().map(|column| format!("previous.{column}")).collect();
        steps.push(Declared { what: "previous".into(), inputs: inputs(&[Some(&previous.key)])?, outputs, source: Source::Previous(previous) });
    }
    Ok(steps)
}

/// Letters to insert, delete or change to come from one name to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, character) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, other) in to.iter().enumerate() {
            let changed = diagonal + usize::from(character != *other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distance_counts_letters_changed() {
        assert_eq!(distance("ward", "ward"), 0);
        assert_eq!(distance("wrad", "ward"), 2);
        assert_eq!(distance("", "ward"), 4);
        assert_eq!(distance("status", "statuses"), 2);
    }
}
