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
    group_by: Vec<&'static str>,
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
            group_by: metric.group_by.iter().map(|dimension| dimension.name()).collect(),
        }
    }
}

impl Shown {
    /// "anything", or the dimensions.
    fn groups(&self) -> String {
        if self.group_by.len() == Dimension::ALL.len() { "anything".into() } else { self.group_by.join(", ") }
    }

    /// What must be named beside the metric: "a valuation, an indicator".
    fn needs(&self) -> String {
        let all = [(self.needs_valuation, "a valuation"), (self.needs_indicator, "an indicator"), (self.needs_comparison, "an earlier period")];
        all.into_iter().filter(|(needs, _)| *needs).map(|(_, what)| what).collect::<Vec<_>>().join(", ")
    }

    fn unit(&self) -> &str {
        match self.unit {
            "1" => "ratio",
            "{minor}" => "money",
            unit => unit.trim_start_matches('{').trim_end_matches('}'),
        }
    }
}

impl Document for Metrics {
    fn text(&self) -> String {
        if let [only] = self.metrics.as_slice() {
            let needs = match only.needs() {
                needs if needs.is_empty() => "nothing else".into(),
                needs => needs,
            };
            return format!("{}, {}, needs {needs}, grouped by {}\n\n{}\n", only.name, only.unit(), only.groups(), only.definition);
        }
        let mut table = Table::new().left("metric").left("unit").left("needs").left("grouped by");
        for metric in &self.metrics {
            table.row(vec![metric.name.into(), metric.unit().into(), metric.needs(), metric.groups()]);
        }
        format!("{}\n`tandem metrics NAME` says how one is defined\n", table.render())
    }

    fn csv(&self) -> (Vec<&'static str>, Vec<Vec<String>>) {
        let row = |metric: &Shown| {
            vec![
                metric.name.into(),
                metric.unit.into(),
                metric.denominator.unwrap_or_default().into(),
                metric.needs_valuation.to_string(),
                metric.group_by.join(" "),
                metric.definition.into(),
                metric.needs_indicator.to_string(),
                metric.needs_comparison.to_string(),
            ]
        };
        let header = "name,unit,denominator,needs_valuation,group_by,definition,needs_indicator,needs_comparison";
        (header.split(',').collect(), self.metrics.iter().map(row).collect())
    }
}
