//! `tandem value`.

use super::value_document::ValueDocument;
use super::{Asker, Asking, answered};
use crate::client::explain;
use crate::output::{self, Format};
use anyhow::{Context, ensure};
use clap::ValueEnum;
use std::io::IsTerminal;
use std::process::ExitCode;
use tandem_proto::v1::{Dimension, EvidenceGrade, QueryValueRequest, QueryValueResponse, Scope, Side, ValuationRef, WatchValueRequest};

/// What citizens and the state gave each other: metrics over a scope, grouped.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tandem value --council E09000001 --metric response_rate,match_latency --by service
  tandem value --council E09000001 --metric citizen_value,state_value --by service,month \\
      --from 2025-01-01 --to 2025-12-31 --valuation uk-wage-floor
  tandem value --council E09000001 --metric one_sided --older-than-days 30 --json
  tandem value --council E09000001 --metric participants,retention --by month
  tandem value --council E09000001 --metric willingness_gap --support-indicator education/willing-to-help

`tandem metrics` lists the metrics, `tandem catalogue valuations` a council's valuations.")]
pub struct Args {
    #[command(flatten)]
    asking: Asking,
    /// Councils, 1 to 1,000
    #[arg(long, short, required = true, value_name = "COUNCIL", value_delimiter = ',')]
    council: Vec<String>,
    /// Metrics, 1 to 20, by name
    #[arg(long, short, required = true, value_name = "METRIC", value_delimiter = ',')]
    metric: Vec<String>,
    /// Group by these, at most four and one calendar unit; without it the whole scope is one row
    #[arg(long, short, value_name = "DIMENSION", value_delimiter = ',')]
    by: Vec<By>,
    /// Only these services
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    service: Vec<String>,
    /// Only these measures; a base includes what counts negative in it
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    measure: Vec<String>,
    /// Only these areas
    #[arg(long, value_name = "SCHEME:CODE", value_delimiter = ',')]
    area: Vec<String>,
    /// Only this side
    #[arg(long, value_name = "SIDE", value_delimiter = ',')]
    side: Vec<SideName>,
    /// Only these grades of evidence
    #[arg(long, value_name = "GRADE", value_delimiter = ',')]
    evidence: Vec<EvidenceName>,
    /// First day on which it happened, YYYY-MM-DD
    #[arg(long, value_name = "DAY", default_value = "", hide_default_value = true)]
    from: String,
    /// Last day, inclusive, YYYY-MM-DD
    #[arg(long, value_name = "DAY", default_value = "", hide_default_value = true)]
    to: String,
    /// The price list, needed by metrics of value; without a version the newest
    #[arg(long, value_name = "ID[@VERSION]")]
    valuation: Option<String>,
    /// For one_sided: only exchanges that began at least so many days ago
    #[arg(long, value_name = "DAYS", default_value_t = 0, hide_default_value = true)]
    older_than_days: u32,
    /// The day from which that age is counted [default: today]
    #[arg(long, value_name = "DAY")]
    today: Option<String>,
    /// For willingness_gap: the indicator that says how many support what is pledged
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    support_indicator: String,
    /// Rows fetched at once, 1 to 10,000; all pages are fetched
    #[arg(long, value_name = "ROWS", default_value_t = 1_000)]
    page_size: u32,
    /// Stay, and print the answer again whenever it changes (JSON: one document a line)
    #[arg(long, conflicts_with = "csv")]
    watch: bool,
    #[command(flatten)]
    format: Format,
}

/// What to group by.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    Council,
    Service,
    Measure,
    Side,
    Area,
    Day,
    Month,
    Quarter,
    Year,
    Evidence,
}

impl By {
    fn dimension(self) -> Dimension {
        match self {
            Self::Council => Dimension::Council,
            Self::Service => Dimension::Service,
            Self::Measure => Dimension::Measure,
            Self::Side => Dimension::Side,
            Self::Area => Dimension::Area,
            Self::Day => Dimension::Day,
            Self::Month => Dimension::Month,
            Self::Quarter => Dimension::Quarter,
            Self::Year => Dimension::Year,
            Self::Evidence => Dimension::Evidence,
        }
    }
}

/// A side.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SideName {
    Citizen,
    State,
}

/// A grade of evidence.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum EvidenceName {
    SelfReported,
    PeerConfirmed,
    Professional,
    Sensor,
    Assumed,
}

impl EvidenceName {
    fn grade(self) -> EvidenceGrade {
        match self {
            Self::SelfReported => EvidenceGrade::SelfReported,
            Self::PeerConfirmed => EvidenceGrade::PeerConfirmed,
            Self::Professional => EvidenceGrade::Professional,
            Self::Sensor => EvidenceGrade::Sensor,
            Self::Assumed => EvidenceGrade::Assumed,
        }
    }
}

/// Asks and prints.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let question = question(&args)?;
    let mut asker = args.asking.connect().await?;
    if args.watch {
        watch(&mut asker, question, args.format).await?;
    } else {
        let answer = all_pages(&mut asker, question).await?;
        args.format.print(&ValueDocument::from(answer))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn question(args: &Args) -> anyhow::Result<QueryValueRequest> {
    let side = |side: &SideName| match side {
        SideName::Citizen => Side::Citizen.into(),
        SideName::State => Side::State.into(),
    };
    // The ledger reads no clock: what day it is, the one who asks says.
    let today = || args.today.clone().unwrap_or_else(|| jiff::ZonedDateTime::now().date().to_string());
    Ok(QueryValueRequest {
        scope: Some(Scope {
            councils: args.council.clone(),
            services: args.service.clone(),
            measures: args.measure.clone(),
            sides: args.side.iter().map(side).collect(),
            areas: args.area.clone(),
            evidence: args.evidence.iter().map(|name| name.grade().into()).collect(),
            period_start: args.from.clone(),
            period_end: args.to.clone(),
        }),
        metrics: args.metric.clone(),
        group_by: args.by.iter().map(|by| by.dimension().into()).collect(),
        valuation: args.valuation.as_deref().map(valuation).transpose()?,
        one_sided_older_than_days: args.older_than_days,
        today: if args.older_than_days > 0 { today() } else { args.today.clone().unwrap_or_default() },
        at_least: args.asking.at_least.clone(),
        page_size: args.page_size,
        page_token: String::new(),
        support_indicator: args.support_indicator.clone(),
    })
}

/// Reads `ID` or `ID@VERSION`.
fn valuation(text: &str) -> anyhow::Result<ValuationRef> {
    let Some((id, version)) = text.rsplit_once('@') else {
        return Ok(ValuationRef { id: text.into(), version: 0 });
    };
    let version = version.parse().with_context(|| format!("--valuation {text}: the version after @ must be a number from 1"))?;
    ensure!(version > 0, "--valuation {text}: versions begin at 1");
    Ok(ValuationRef { id: id.into(), version })
}

/// Reads page after page; each later page reflects at least what the first does.
async fn all_pages(asker: &mut Asker, mut question: QueryValueRequest) -> anyhow::Result<QueryValueResponse> {
    let mut whole: Option<QueryValueResponse> = None;
    loop {
        let (client, request) = asker.request(question.clone());
        let page = answered(client.query_value(request).await)?;
        question.page_token = page.next_page_token.clone();
        match &mut whole {
            Some(whole) => whole.rows.extend(page.rows),
            None => {
                question.at_least = page.reflects.iter().map(|reflects| reflects.position.clone()).filter(|position| !position.is_empty()).collect();
                whole = Some(page);
            }
        }
        if question.page_token.is_empty() {
            return whole.context("the server sent no answer");
        }
    }
}

/// Prints every answer as it comes, until interrupted.
async fn watch(asker: &mut Asker, question: QueryValueRequest, format: Format) -> anyhow::Result<()> {
    let mut answers = asker.client().watch_value(WatchValueRequest { query: Some(question) }).await.map_err(|status| explain(&status))?.into_inner();
    let clear = std::io::stdout().is_terminal() && !format.json;
    while let Some(message) = answers.message().await.map_err(|status| explain(&status))? {
        let answer = ValueDocument::from(message.answer.unwrap_or_default());
        let text = if format.json { serde_json::to_string(&answer)? + "\n" } else { format.render(&answer)? };
        // On a terminal each answer takes the place of the last; elsewhere a line stands between them.
        let text = match (clear, format.json) {
            (true, _) => format!("\u{1b}[H\u{1b}[2J{text}"),
            (false, true) => text,
            (false, false) => text + "\n",
        };
        output::print(&text)?;
    }
    anyhow::bail!("the server ended the watch: ask again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valuation_may_have_a_version() {
        assert_eq!(valuation("uk-floor").unwrap(), ValuationRef { id: "uk-floor".into(), version: 0 });
        assert_eq!(valuation("uk-floor@3").unwrap(), ValuationRef { id: "uk-floor".into(), version: 3 });
        assert!(valuation("uk-floor@x").is_err() && valuation("uk-floor@0").is_err());
    }
}
