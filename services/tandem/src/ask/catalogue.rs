//! `tandem catalogue`.

use super::facts;
use super::shown::{Reflects, bare, reach, side};
use super::{Asking, answered};
use crate::client::Server;
use crate::output::number::{NO_VALUE, grouped, money};
use crate::output::table::Table;
use crate::output::{self, Document, Format};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use tandem_proto::v1::catalogue_item::Definition;
use tandem_proto::v1::{AreaDefined, CatalogueItem, CatalogueKind, GetCatalogueRequest, ValuationPublished};

/// What a council has defined, and recording of definitions.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tandem catalogue measures --council E09000001
  tandem catalogue valuations --council E09000001 --json
  tandem catalogue record --help
  tandem catalogue import --help")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Services
    Services(List),
    /// Measures
    Measures(List),
    /// Indicators
    Indicators(List),
    /// Areas
    Areas(List),
    /// Valuations and their rates
    Valuations(List),
    /// Records the definitions of catalogue files
    Record(Record),
    /// Records the areas of a CSV file
    Import(Box<crate::import::areas::Args>),
}

#[derive(Clone, Debug, clap::Args)]
struct List {
    #[command(flatten)]
    asking: Asking,
    /// The council
    #[arg(long, short)]
    council: String,
    #[command(flatten)]
    format: Format,
}

/// Records catalogue files, e.g. the starter catalogue, as one council's definitions
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Example:
  tandem catalogue record --council E09000001 catalogue.toml

The same file twice records nothing twice.")]
struct Record {
    #[command(flatten)]
    server: Server,
    /// The council
    #[arg(long, short)]
    council: String,
    /// Catalogue files (TOML)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

async fn record(args: Record) -> anyhow::Result<ExitCode> {
    let recorded = crate::import::catalogue::record(&args.server, &args.council, &args.files).await?;
    let count = grouped(&recorded.definitions.to_string());
    let position = if recorded.position.is_empty() { String::new() } else { format!("; --at-least {}", recorded.position) };
    output::print(&format!("{count} definitions of {} are recorded{position}\n", args.council))?;
    Ok(ExitCode::SUCCESS)
}

/// Asks and prints, or records.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (kind, list) = match args.command {
        Command::Services(list) => (CatalogueKind::Service, list),
        Command::Measures(list) => (CatalogueKind::Measure, list),
        Command::Indicators(list) => (CatalogueKind::Indicator, list),
        Command::Areas(list) => (CatalogueKind::Area, list),
        Command::Valuations(list) => (CatalogueKind::Valuation, list),
        Command::Record(args) => return record(args).await,
        Command::Import(args) => return crate::import::areas::run(*args).await,
    };
    let mut asker = list.asking.connect().await?;
    let at_least = list.asking.at_least;
    let mut question = GetCatalogueRequest { council: list.council, kind: kind.into(), at_least, page_size: 1_000, page_token: String::new() };
    let mut document = Catalogue { kind, items: Vec::new(), reflects: None };
    loop {
        let (client, request) = asker.request(question.clone());
        let page = answered(client.get_catalogue(request).await)?;
        document.items.extend(page.items.into_iter().filter_map(item));
        document.reflects = document.reflects.or(page.reflects.map(Reflects::from));
        question.page_token = page.next_page_token;
        if question.page_token.is_empty() {
            break;
        }
    }
    list.format.print(&document)?;
    Ok(ExitCode::SUCCESS)
}

/// A part of a catalogue. The field names are those of the JSON document and stay.
#[derive(Clone, Debug, Serialize)]
pub struct Catalogue {
    /// Which part.
    #[serde(skip)]
    pub kind: CatalogueKind,
    /// By id.
    pub items: Vec<Item>,
    /// How far the answer reaches.
    pub reflects: Option<Reflects>,
}

/// One definition.
#[derive(Clone, Debug, Serialize)]
pub struct Item {
    /// Sequence of the entry that gave it its present form.
    pub sequence: u64,
    /// The definition, with the contract's field names.
    pub definition: Value,
    /// As it came.
    #[serde(skip)]
    pub source: Definition,
}

fn item(item: CatalogueItem) -> Option<Item> {
    let source = item.definition?;
    let definition = match &source {
        Definition::Service(service) => facts::service(service),
        Definition::Measure(measure) => facts::measure(measure),
        Definition::Indicator(indicator) => facts::indicator(indicator),
        Definition::Area(area) => facts::area(area),
        Definition::Valuation(valuation) => facts::valuation(valuation),
    };
    Some(Item { sequence: item.sequence, definition, source })
}

impl Document for Catalogue {
    fn text(&self) -> String {
        let mut table = self.columns();
        for item in &self.items {
            cells(&item.source).into_iter().for_each(|row| table.row(row));
        }
        let table = if table.is_empty() { "nothing is defined\n".into() } else { table.render() };
        format!("{table}\n{}", reach(self.reflects.as_slice()))
    }

    /// The definition is JSON: each kind has its own fields.
    fn csv(&self) -> (Vec<&'static str>, Vec<Vec<String>>) {
        let id = |item: &Item| ["id", "area"].iter().find_map(|field| item.definition[field].as_str()).unwrap_or_default().to_string();
        let row = |item: &Item| vec![item.sequence.to_string(), id(item), json!(item.definition).to_string()];
        (vec!["sequence", "id", "definition"], self.items.iter().map(row).collect())
    }
}

impl Catalogue {
    fn columns(&self) -> Table {
        let table = Table::new();
        match self.kind {
            CatalogueKind::Service => table.left("service").left("name").left("mode").right("LGSL"),
            CatalogueKind::Measure => table.left("measure").left("name").left("side").left("unit").left("role").left("counts against"),
            CatalogueKind::Indicator => table.left("indicator").left("name").left("unit").left("better"),
            CatalogueKind::Area => table.left("area").left("vintage").left("name").left("parent").right("decile").right("population"),
            _ => table.left("valuation").left("measure").left("from").right("low").right("central").right("high").left("per").left("verified"),
        }
    }
}

/// A definition's rows: one, but for valuations one per rate.
fn cells(definition: &Definition) -> Vec<Vec<String>> {
    match definition {
        Definition::Service(service) => {
            let mode = bare(service.mode().as_str_name(), "SERVICE_MODE_");
            let lgsl = service.lgsl_id.map_or_else(|| NO_VALUE.into(), |id| id.to_string());
            vec![vec![service.id.clone(), service.name.clone(), mode, lgsl]]
        }
        Definition::Measure(measure) => {
            let role = bare(measure.role().as_str_name(), "ROLE_");
            vec![vec![measure.id.clone(), measure.name.clone(), side(measure.side), measure.unit.clone(), role, measure.contra_of.clone()]]
        }
        Definition::Indicator(indicator) => {
            let direction = bare(indicator.direction().as_str_name(), "DIRECTION_");
            vec![vec![indicator.id.clone(), indicator.name.clone(), indicator.unit.clone(), direction]]
        }
        Definition::Area(area) => vec![area_cells(area)],
        Definition::Valuation(valuation) => rates(valuation),
    }
}

fn area_cells(area: &AreaDefined) -> Vec<String> {
    let decile = area.deprivation_decile.map_or_else(|| NO_VALUE.into(), |decile| decile.to_string());
    let population = area.population.map_or_else(|| NO_VALUE.into(), |population| grouped(&population.to_string()));
    vec![area.area.clone(), area.vintage.clone(), area.name.clone(), area.parent.clone(), decile, population]
}

fn rates(valuation: &ValuationPublished) -> Vec<Vec<String>> {
    let name = format!("{}@{}", valuation.id, valuation.version);
    let amount = |minor: i64| money(&minor.to_string(), &valuation.currency);
    let rates = valuation.rates.iter().enumerate().map(|(index, rate)| {
        let name = if index == 0 { name.clone() } else { String::new() };
        let from = if rate.effective_from.is_empty() { "all days" } else { &rate.effective_from };
        vec![
            name,
            rate.measure.clone(),
            from.into(),
            amount(rate.low.unwrap_or(rate.central)),
            amount(rate.central),
            amount(rate.high.unwrap_or(rate.central)),
            grouped(&rate.per_quantity.to_string()),
            if rate.verified { "yes" } else { "no" }.into(),
        ]
    });
    rates.collect()
}
