//! `tandem metrics`: the registry, which needs no server.

use crate::output::table::Table;
use crate::output::{Document, Format};
use serde::Serialize;
use std::process::ExitCode;
use tandem_domain::metrics::{ALL, Dimension, Metric};

/// Lists the metrics: how each is defined, what it needs and what it may be grouped by
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tandem metrics
  tandem metrics reciprocity
  tandem metrics --json")]
pub struct Args {
    /// Only this metric, in full
    name: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// Prints them.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let metrics = match &args.name {
        None => ALL.iter().map(Shown::from).collect(),
        Some(name) => {
            let found = tandem_domain::metrics::find(name);
            vec![Shown::from(found.map_err(|unknown| anyhow::anyhow!("{name} {unknown}; `tandem metrics` lists them all"))?)]
        }
    };
    args.format.print(&Metrics { metrics })?;
    Ok(ExitCode::SUCCESS)
}

/// Metrics. The field names are those of the JSON document and stay.
#[derive(Debug, Serialize)]
struct Metrics {
    metrics: Vec<Shown>,
}

/// One metric.
#[derive(Debug, Serialize)]
struct Shown {
    name: &'static str,
    definition: &'static str,
    unit: &'static str,
    denominator: Option<&'static str>,
    needs_valuation: bool,
    needs_indicator: bool,
    needs_comparison: bool,
    needs: Vec<&'static str>,
    group_by: Vec<&'static str>,
    narrowed_by: Vec<&'static str>,
}

impl From<&Metric> for Shown {
    fn from(metric: &Metric) -> Self {
        Self {
            name: metric.name,
            definition: metric.definition,
            unit: metric.unit,
            denominator: Some(metric.denominator).filter(|denominator| !denominator.is_empty()),
            needs_valuation: metric.needs.valuation,
            needs_indicator: metric.needs.outcomes,
            needs_comparison: metric.needs.comparison,
            needs: metric.needed(),
            group_by: metric.group_by.iter().map(|dimension| dimension.name()).collect(),
            narrowed_by: metric.filters.iter().map(|filter| filter.field()).collect(),
        }
    }
}

impl Shown {
    /// "anything", or the dimensions.
    fn groups(&self) -> String {
        if self.group_by.len() == Dimension::ALL.len() { "anything".into() } else { self.group_by.join(", ") }
    }

    fn unit(&self) -> &str {
        match self.unit {
            "1" => "ratio",
            "{minor}" => "money",
            unit => unit.trim_start_matches('{').trim_end_matches('}'),
        }
    }

    /// One metric in full.
    fn text(&self) -> String {
        let or = |words: String, none: &str| if words.is_empty() { none.to_owned() } else { words };
        let narrowed: Vec<_> = self.narrowed_by.iter().map(|field| field.trim_start_matches("scope.").trim_end_matches("_start")).collect();
        let mut table = Table::new().left("metric").left(self.name);
        table.row(vec!["unit".into(), self.unit().into()]);
        table.row(vec!["denominator".into(), or(self.denominator.unwrap_or_default().into(), "none")]);
        table.row(vec!["needs".into(), or(self.needs.join(", "), "nothing")]);
        table.row(vec!["grouped by".into(), self.groups()]);
        table.row(vec!["narrowed by".into(), narrowed.join(", ")]);
        format!("{}\n{}\n", table.render(), self.definition)
    }
}

impl Document for Metrics {
    fn text(&self) -> String {
        if let [only] = self.metrics.as_slice() {
            return only.text();
        }
        let mut table = Table::new().left("metric").left("unit").left("denominator").left("needs").left("grouped by");
        for metric in &self.metrics {
            let denominator = metric.denominator.unwrap_or_default();
            table.row(vec![metric.name.into(), metric.unit().into(), denominator.into(), metric.needs.join(", "), metric.groups()]);
        }
        format!("{}\n`tandem metrics NAME` says how one is defined, `--json` how all are\n", table.render())
    }

    fn csv(&self) -> (Vec<&'static str>, Vec<Vec<String>>) {
        let row = |metric: &Shown| {
            vec![
                metric.name.into(),
                metric.unit.into(),
                metric.denominator.unwrap_or_default().into(),
                metric.needs_valuation.to_string(),
                metric.needs.join(", "),
                metric.group_by.join(" "),
                metric.definition.into(),
                metric.needs_indicator.to_string(),
                metric.needs_comparison.to_string(),
            ]
        };
        let header = "name,unit,denominator,needs_valuation,needs,group_by,definition,needs_indicator,needs_comparison";
        (header.split(',').collect(), self.metrics.iter().map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: Option<&str>) -> Metrics {
        Metrics { metrics: ALL.iter().filter(|metric| name.is_none_or(|name| metric.name == name)).map(Shown::from).collect() }
    }

    #[test]
    fn every_metric_is_a_line_and_one_by_itself_is_told_in_full() {
        let text = Format::default().render(&shown(None)).unwrap();
        for metric in ALL {
            assert!(text.lines().any(|line| line.split_whitespace().next() == Some(metric.name)), "{} in {text}", metric.name);
        }
        let text = Format::default().render(&shown(Some("retention"))).unwrap();
        for words in ["actors of the month before", "months to group by", "council, service, month", "services, period", "Part lapsed:"] {
            assert!(text.contains(words), "{words} in {text}");
        }
    }

    #[test]
    fn the_json_document_has_all_that_the_registry_has() {
        let document = serde_json::to_value(shown(Some("willingness_gap"))).unwrap();
        let metric = &document["metrics"][0];
        assert_eq!((metric["unit"].as_str(), metric["denominator"].as_str()), (Some("1"), Some("the step before")));
        assert_eq!(metric["group_by"], serde_json::json!(["council", "service", "area", "month", "quarter", "year", "decile", "parent-area"]));
        assert_eq!(metric["needs"], serde_json::json!(["every entry"]));
        assert!(metric["definition"].as_str().unwrap().contains("done of pledged ="));
    }
}
