//! A table for the public as it is written, and read again when the next one is made.

use super::shown::{bare, side};
use crate::output::number::{grouped, money, quantity};
use crate::output::table::Table as Lines;
use crate::output::{Document, instant, non_empty, or_empty};
use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use tandem_proto::v1::{self, AreaLevels, LatticeKey, NoValue, Suppression, UnnamedEntries};

/// What stands in front of every line that describes the table.
const COMMENT: &str = "# ";
/// Marks a suppressed figure in the table for people.
const SUPPRESSED: &str = "[c]";

/// A table for the public. The field names are those of the JSON document and of the CSV's comments, and stay.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// What the figures are.
    pub definition: &'static str,
    /// By which rule cells are suppressed.
    pub rule: String,
    /// The council.
    pub council: String,
    /// "MONTH", "QUARTER" or "YEAR".
    pub grain: String,
    /// "COUNCIL", "PARENTS" or "ALL".
    pub area_levels: String,
    /// Least number of people.
    pub k: u32,
    /// "HOLDER" or "OPEN".
    pub unnamed_entries: String,
    /// Whole days after the end of a unit before it is closed.
    pub grace_days: u32,
    /// Units that ended before this day are in the table.
    pub closed_before: String,
    /// Entries of the book that the figures rest on.
    pub entries: u64,
    /// Book time of the last of them, RFC 3339 in UTC; null if there is none.
    pub book_time: Option<String>,
    /// Token of the position that the server's answer reflects.
    pub position: Option<String>,
    /// Size of the book's published checkpoint when the table was made; null: there was none.
    pub checkpoint_size: Option<u64>,
    /// "ID@VERSION"; null: nothing is valued.
    pub valuation: Option<String>,
    /// ISO 4217; values are whole minor units of it.
    pub currency: Option<String>,
    /// Vintages in which areas have their parents.
    pub area_vintages: Vec<String>,
    /// Entries that the publication before rests on; null: none was named.
    pub previous_entries: Option<u64>,
    /// For the council to fill in.
    pub licence: Option<String>,
    /// Rows that are suppressed.
    pub rows_suppressed: u64,
    /// The rows.
    pub rows: Vec<Row>,
}

/// A row.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Service.
    pub service: String,
    /// Its name.
    pub service_name: Option<String>,
    /// Base measure; null: the value of a side.
    pub measure: Option<String>,
    /// "CITIZEN" or "STATE".
    pub side: String,
    /// UCUM, or ISO 4217 for money in minor units.
    pub unit: Option<String>,
    /// Area; null: the whole council.
    pub area: Option<String>,
    /// Its name.
    pub area_name: Option<String>,
    /// The area that it is part of; null: the whole council.
    pub area_parent: Option<String>,
    /// Whether it is what of the area is in none of its parts.
    pub area_rest: bool,
    /// Calendar unit.
    pub period: String,
    /// Whether it is only spans longer than the parts of the unit.
    pub period_rest: bool,
    /// Why there are no figures; null: there are.
    pub suppressed: Option<String>,
    /// Decimal text.
    pub quantity: Option<String>,
    /// Entries.
    pub entries: Option<u64>,
    /// People; null: fewer than k, or nobody is named.
    pub people: Option<u64>,
    /// Entries that name somebody, per cent.
    pub named_percent: Option<u32>,
    /// Minor units.
    pub value_low: Option<String>,
    /// Minor units.
    pub value: Option<String>,
    /// Minor units.
    pub value_high: Option<String>,
    /// Why there is no value: "UNPRICED" or "PRICE_CHANGES".
    pub no_value: Option<String>,
    /// Measures that are not in the value of a side.
    pub unpriced_measures: Vec<String>,
}

const DEFINITION: &str = "What citizens gave and what the state gave, by service, measure, area and calendar unit: quantity is the sum of entries that are not \
reversed, contra measures subtracted; people are different actors of contributions, or recipients of state inputs, where entries name them; value is \
quantity at the price list's low, central and high rates, each figure rounded once, so that parts may not add. A combination without a row had no entry. \
Spans that cross the turn of a year are not in the table.";

impl Table {
    /// From the server's answer.
    pub fn new(publication: v1::Publication, rows: Vec<v1::PublishedRow>) -> Self {
        let p = publication;
        let unnamed = match p.unnamed_entries() {
            UnnamedEntries::Open => "an entry that names nobody is taken not to be about people",
            _ => "an entry that names nobody counts as somebody else's",
        };
        let rule = format!(
            "Suppressed are cells that rest on fewer than {k} people, cells of which one has more than {one} % or two together more than {two} %, cells whose change since the \
             publication before is of that kind, and what is needed so that none of these follows from other cells or, together with others, from a total; {unnamed}.",
            k = p.k,
            one = p.one_percent,
            two = p.two_percent
        );
        Self {
            definition: DEFINITION,
            rule,
            grain: bare(p.grain().as_str_name(), "DIMENSION_"),
            area_levels: bare(AreaLevels::try_from(p.area_levels).unwrap_or_default().as_str_name(), "AREA_LEVELS_"),
            unnamed_entries: bare(p.unnamed_entries().as_str_name(), "UNNAMED_ENTRIES_"),
            k: p.k,
            grace_days: p.grace_days,
            closed_before: p.closed_before,
            entries: p.entries,
            book_time: instant(p.book_time_us),
            position: p.reflects.and_then(|reflects| non_empty(reflects.position)),
            checkpoint_size: p.checkpoint_size,
            valuation: p.valuation.map(|used| format!("{}@{}", used.id, used.version)),
            currency: non_empty(p.currency),
            area_vintages: p.area_vintages,
            previous_entries: p.previous_entries,
            licence: None,
            rows_suppressed: p.rows_suppressed,
            council: p.council,
            rows: rows.into_iter().map(Row::from).collect(),
        }
    }

    /// What describes the table, by name.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        vec![
            ("definition", self.definition.to_owned()),
            ("rule", self.rule.clone()),
            ("council", self.council.clone()),
            ("grain", self.grain.clone()),
            ("area_levels", self.area_levels.clone()),
            ("k", self.k.to_string()),
            ("unnamed_entries", self.unnamed_entries.clone()),
            ("grace_days", self.grace_days.to_string()),
            ("closed_before", self.closed_before.clone()),
            ("entries", self.entries.to_string()),
            ("book_time", or_empty(&self.book_time)),
            ("position", or_empty(&self.position)),
            ("checkpoint_size", number(self.checkpoint_size)),
            ("valuation", or_empty(&self.valuation)),
            ("currency", or_empty(&self.currency)),
            ("area_vintages", self.area_vintages.join(" ")),
            ("previous_entries", number(self.previous_entries)),
            ("licence", or_empty(&self.licence)),
            ("rows_suppressed", format!("{} of {}", self.rows_suppressed, self.rows.len())),
        ]
    }

    /// As CSV, with a comment line for each of what describes it.
    pub fn csv_text(&self) -> anyhow::Result<String> {
        let comments: String = self.facts().iter().map(|(name, value)| format!("{COMMENT}{name}: {value}\n")).collect();
        let (header, rows) = self.csv();
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(header)?;
        rows.iter().try_for_each(|row| writer.write_record(row))?;
        Ok(comments + &String::from_utf8(writer.into_inner().map_err(|error| error.into_error())?)?)
    }

    fn line(&self, row: &Row) -> Vec<String> {
        let figure = |text: Option<String>| match (&row.suppressed, text) {
            (Some(_), _) => SUPPRESSED.to_owned(),
            (None, text) => text.unwrap_or_default(),
        };
        let currency = self.currency.as_deref().unwrap_or_default();
        let what = row.measure.clone().unwrap_or_else(|| format!("value, {} side", row.side.to_lowercase()));
        let number = |number: Option<u64>| number.map(|number| grouped(&number.to_string()));
        let range = match (&row.value_low, &row.value_high) {
            (Some(low), Some(high)) if low != high => format!("{} – {}", money(low, currency), money(high, currency)),
            _ => String::new(),
        };
        vec![
            row.service.clone(),
            what,
            place(row),
            format!("{}{}", row.period, if row.period_rest { ", longer spans" } else { "" }),
            figure(row.quantity.as_ref().map(|text| quantity(text, row.unit.as_deref().unwrap_or_default()))),
            figure(number(row.entries)),
            figure(number(row.people)),
            figure(row.value.as_ref().map(|value| money(value, currency))),
            range,
            note(self, row),
        ]
    }
}

fn place(row: &Row) -> String {
    let named = match (&row.area, &row.area_name) {
        (None, _) => "whole council".to_owned(),
        (Some(area), None) => area.clone(),
        (Some(area), Some(name)) => format!("{area} {name}"),
    };
    if row.area_rest { format!("{named}, in none of its areas") } else { named }
}

fn note(table: &Table, row: &Row) -> String {
    match (row.suppressed.as_deref(), row.no_value.as_deref()) {
        (Some("FEWER_THAN_K"), _) => format!("fewer than {}", table.k),
        (Some("DOMINATED"), _) => "dominated".into(),
        (Some("CHANGE"), _) => "its change would tell".into(),
        (Some("HELD"), _) => "suppressed before".into(),
        (Some(_), _) => "protects another cell".into(),
        (None, Some("UNPRICED")) => "no price".into(),
        (None, Some(_)) => "price changes within".into(),
        (None, None) if !row.unpriced_measures.is_empty() => format!("without {}, no price", row.unpriced_measures.join(", ")),
        (None, None) => String::new(),
    }
}

impl From<v1::PublishedRow> for Row {
    fn from(row: v1::PublishedRow) -> Self {
        let suppressed = Some(row.suppressed()).filter(|why| *why != Suppression::Unspecified);
        let no_value = Some(row.no_value()).filter(|why| *why != NoValue::Unspecified);
        Self {
            service: row.service,
            service_name: non_empty(row.service_name),
            measure: non_empty(row.measure),
            side: side(row.side),
            unit: non_empty(row.unit),
            area: non_empty(row.area),
            area_name: non_empty(row.area_name),
            area_parent: non_empty(row.area_parent),
            area_rest: row.area_rest,
            period: row.period,
            period_rest: row.period_rest,
            suppressed: suppressed.map(|why| bare(why.as_str_name(), "SUPPRESSION_")),
            quantity: row.quantity,
            entries: row.entries,
            people: row.people,
            named_percent: row.named_percent,
            value_low: row.value_low,
            value: row.value,
            value_high: row.value_high,
            no_value: no_value.map(|why| bare(why.as_str_name(), "NO_VALUE_")),
            unpriced_measures: row.unpriced_measures,
        }
    }
}

impl Document for Table {
    fn text(&self) -> String {
        let mut lines = Lines::new().left("service").left("what").left("area").left("period");
        lines = lines.right("quantity").right("entries").right("people").right("value").left("low – high").left("note");
        self.rows.iter().for_each(|row| lines.row(self.line(row)));
        let facts: String = self.facts().iter().map(|(name, value)| crate::output::wrapped(&format!("{name}: {value}"), "  ")).collect();
        format!("{}\n{facts}", lines.render())
    }

    fn csv(&self) -> (Vec<&'static str>, Vec<Vec<String>>) {
        let header = vec![
            "service",
            "service_name",
            "measure",
            "side",
            "unit",
            "area",
            "area_name",
            "area_parent",
            "area_rest",
            "period",
            "period_rest",
            "suppressed",
            "quantity",
            "entries",
            "people",
            "named_percent",
            "value_low",
            "value",
            "value_high",
            "no_value",
            "unpriced_measures",
        ];
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let row = |row: &Row| {
            vec![
                row.service.clone(),
                or_empty(&row.service_name),
                or_empty(&row.measure),
                row.side.clone(),
                or_empty(&row.unit),
                or_empty(&row.area),
                or_empty(&row.area_name),
                or_empty(&row.area_parent),
                row.area_rest.to_string(),
                row.period.clone(),
                row.period_rest.to_string(),
                or_empty(&row.suppressed),
                or_empty(&row.quantity),
                number(row.entries),
                number(row.people),
                number(row.named_percent.map(u64::from)),
                or_empty(&row.value_low),
                or_empty(&row.value),
                or_empty(&row.value_high),
                or_empty(&row.no_value),
                row.unpriced_measures.join(" "),
            ]
        };
        (header, self.rows.iter().map(row).collect())
    }
}

/// What the next publication must know of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Earlier {
    pub council: String,
    pub k: u32,
    pub unnamed_entries: String,
    pub grace_days: u32,
    pub entries: u64,
    pub suppressed: Vec<LatticeKey>,
}

/// The same as its JSON has it.
#[derive(Deserialize)]
struct EarlierJson {
    council: String,
    k: u32,
    unnamed_entries: String,
    grace_days: u32,
    entries: u64,
    rows: Vec<EarlierRow>,
}

/// A row, in JSON and in CSV.
#[derive(Deserialize)]
struct EarlierRow {
    service: String,
    measure: Option<String>,
    area: Option<String>,
    area_rest: bool,
    period: String,
    period_rest: bool,
    suppressed: Option<String>,
}

impl Earlier {
    /// Reads a table that was written as JSON or CSV.
    pub fn read(text: &str) -> anyhow::Result<Self> {
        let read = match text.trim_start().starts_with('{') {
            true => serde_json::from_str::<EarlierJson>(text)?,
            false => from_csv(text)?,
        };
        let EarlierJson { council, k, unnamed_entries, grace_days, entries, rows } = read;
        // Value of sides is made of the other cells.
        let suppressed = rows.into_iter().filter(|row| row.suppressed.is_some()).filter_map(key).collect();
        Ok(Self { council, k, unnamed_entries, grace_days, entries, suppressed })
    }
}

fn key(row: EarlierRow) -> Option<LatticeKey> {
    let EarlierRow { service, measure, area, area_rest, period, period_rest, .. } = row;
    Some(LatticeKey { service, measure: measure?, area: area.unwrap_or_default(), area_rest, period, period_rest })
}

fn from_csv(text: &str) -> anyhow::Result<EarlierJson> {
    let comments = text.lines().map_while(|line| line.strip_prefix(COMMENT));
    let facts: HashMap<&str, &str> = comments.filter_map(|line| line.split_once(": ")).collect();
    ensure!(!facts.is_empty(), "it does not begin with lines that describe it");
    let fact = |name: &str| facts.get(name).copied().with_context(|| format!("the line \"{COMMENT}{name}: …\" is missing"));
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
    Ok(EarlierJson {
        council: fact("council")?.to_owned(),
        k: fact("k")?.parse()?,
        unnamed_entries: fact("unnamed_entries")?.to_owned(),
        grace_days: fact("grace_days")?.parse()?,
        entries: fact("entries")?.parse()?,
        rows: reader.deserialize().collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let row = |measure: &str, area: &str, suppressed: Suppression| v1::PublishedRow {
            service: "care".into(),
            measure: measure.into(),
            side: v1::Side::Citizen.into(),
            unit: "min".into(),
            area: area.into(),
            period: "2025-03".into(),
            suppressed: suppressed.into(),
            quantity: (suppressed == Suppression::Unspecified).then(|| "1234".into()),
            entries: (suppressed == Suppression::Unspecified).then_some(12),
            ..Default::default()
        };
        let rows = vec![
            row("help", "", Suppression::Unspecified),
            row("help", "ward:1", Suppression::FewerThanK),
            row("help", "ward:2", Suppression::Protects),
            row("", "ward:2", Suppression::Protects),
        ];
        let (grain, unnamed) = (v1::Dimension::Month, UnnamedEntries::Holder);
        let publication = v1::Publication {
            council: "E1".into(),
            grain: grain.into(),
            unnamed_entries: unnamed.into(),
            k: 10,
            grace_days: 30,
            entries: 99,
            ..Default::default()
        };
        Table::new(publication, rows)
    }

    #[test]
    fn what_is_written_can_be_read_for_the_next() {
        let table = table();
        let json = serde_json::to_string(&table).unwrap();
        let read = Earlier::read(&json).unwrap();
        assert_eq!(Earlier::read(&table.csv_text().unwrap()).unwrap(), read);
        assert_eq!((read.council.as_str(), read.k, read.unnamed_entries.as_str(), read.grace_days, read.entries), ("E1", 10, "HOLDER", 30, 99));
        assert_eq!(read.suppressed.iter().map(|key| key.area.as_str()).collect::<Vec<_>>(), ["ward:1", "ward:2"]);
        assert!(Earlier::read("service,measure\ncare,help\n").is_err() && Earlier::read("{}").is_err() && Earlier::read("").is_err());
    }

    #[test]
    fn suppressed_is_marked_and_not_zero() {
        let table = table();
        let text = table.text();
        let line = |part: &str| text.lines().find(|line| line.contains(part)).unwrap().to_owned();
        assert!(line("ward:1").contains("[c]") && line("ward:1").ends_with("fewer than 10"), "{text}");
        assert!(line("ward:2").ends_with("protects another cell") && line("whole council").contains("1,234 min"), "{text}");
        let csv = table.csv_text().unwrap();
        let line = csv.lines().find(|line| line.contains("ward:1")).unwrap();
        assert!(line.contains("FEWER_THAN_K,,,,,,,,,"), "{line}");
        assert!(csv.contains("# licence: \n") && csv.contains("# k: 10\n"), "{csv}");
    }
}
