//! `tandem value`.

use super::points::Points;
use super::value_beside::Beside;
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
  tandem value --council E09000001 --metric citizen_value --valuation uk-wage-floor --valuation uk-market
  tandem value --council E09000001 --metric entries --as-of 2025-03-31
  tandem value --council E09000001 --metric citizen_value,co_produced_value --by service --valuation uk-wage-floor \\
      --explain --from-as-of 2025-03-31 --as-of 2025-06-30
  tandem value --council E09000001 --metric cost_shift,outcome --indicator recycling-rate --by service \\
      --from 2025-01-01 --to 2025-12-31 --compare 2024-01-01..2024-12-31 --valuation uk-wage-floor
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
    /// The price list, needed by metrics of value; without a version the newest. Up to four, side by side
    #[arg(long, value_name = "ID[@VERSION]")]
    valuation: Vec<String>,
    #[command(flatten)]
    points: Points,
    /// For one_sided: only exchanges that began at least so many days ago
    #[arg(long, value_name = "DAYS", default_value_t = 0, hide_default_value = true)]
    older_than_days: u32,
    /// The day from which that age is counted [default: today]
    #[arg(long, value_name = "DAY")]
    today: Option<String>,
    /// The indicator that metrics of outcomes are about
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    indicator: String,
    /// Compare every row with an earlier period, first and last day; needs --from
    #[arg(long, value_name = "DAY..DAY", value_parser = period)]
    compare: Option<(String, String)>,
    /// Compare every row with the calendar unit before it; needs one in --by
    #[arg(long, conflicts_with = "compare")]
    compare_previous: bool,
    /// Vintage in which areas have their decile, parent and population [default: of each area the newest]
    #[arg(long, value_name = "VINTAGE", default_value = "", hide_default_value = true)]
    area_vintage: String,
    /// For willingness_gap: the indicator that says how many support what is pledged
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    support_indicator: String,
    /// Answer without the councils whose books cannot be reached now, and name them
    #[arg(long)]
    partial: bool,
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
    Decile,
    ParentArea,
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
            Self::Decile => Dimension::Decile,
            Self::ParentArea => Dimension::ParentArea,
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
    let document = |answer| ValueDocument { explain: args.points.explain, ..ValueDocument::from(answer) };
    if args.watch {
        watch(&mut asker, question, args.format, document).await?;
    } else {
        match args.valuation.as_slice() {
            [] | [_] => args.format.print(&document(all_pages(&mut asker, question).await?))?,
            several => args.format.print(&beside(&mut asker, &question, several, document).await?)?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Valuations that are shown side by side.
const BESIDE_MAX: usize = 4;
/// Times that valuations are asked again so that all answers reflect the same entries.
const BESIDE_TRIES: usize = 3;

/// The same question by each valuation.
async fn beside(
    asker: &mut Asker,
    question: &QueryValueRequest,
    valuations: &[String],
    document: impl Fn(QueryValueResponse) -> ValueDocument,
) -> anyhow::Result<Beside> {
    let mut tries = 1;
    loop {
        let mut question = question.clone();
        let mut answers = Vec::new();
        for text in valuations {
            question.valuation = Some(valuation("--valuation", text)?);
            let answer = all_pages(asker, question.clone()).await?;
            question.at_least = positions(&answer);
            answers.push(document(answer));
        }
        let beside = Beside { answers };
        if beside.reflect_the_same() || tries == BESIDE_TRIES {
            return Ok(beside);
        }
        tries += 1;
    }
}

/// Positions that later answers are to reflect at least.
fn positions(answer: &QueryValueResponse) -> Vec<String> {
    answer.reflects.iter().map(|reflects| reflects.position.clone()).filter(|position| !position.is_empty()).collect()
}

fn question(args: &Args) -> anyhow::Result<QueryValueRequest> {
    let side = |side: &SideName| match side {
        SideName::Citizen => Side::Citizen.into(),
        SideName::State => Side::State.into(),
    };
    // The ledger reads no clock: what day it is, the one who asks says.
    ensure!(args.valuation.len() <= BESIDE_MAX, "--valuation: at most {BESIDE_MAX} are shown side by side");
    if args.valuation.len() > 1 {
        ensure!(!args.watch, "--watch takes one --valuation");
        args.points.beside()?;
    }
    let today = || args.today.clone().unwrap_or_else(|| jiff::ZonedDateTime::now().date().to_string());
    let mut question = QueryValueRequest {
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
        valuation: args.valuation.first().map(|text| valuation("--valuation", text)).transpose()?,
        one_sided_older_than_days: args.older_than_days,
        today: if args.older_than_days > 0 { today() } else { args.today.clone().unwrap_or_default() },
        at_least: args.asking.at_least.clone(),
        page_size: args.page_size,
        support_indicator: args.support_indicator.clone(),
        indicator: args.indicator.clone(),
        compare_start: args.compare.as_ref().map(|(start, _)| start.clone()).unwrap_or_default(),
        compare_end: args.compare.as_ref().map(|(_, end)| end.clone()).unwrap_or_default(),
        compare_previous: args.compare_previous,
        area_vintage: args.area_vintage.clone(),
        allow_partial: args.partial,
        ..QueryValueRequest::default()
    };
    args.points.put(&mut question)?;
    Ok(question)
}

/// Reads `DAY..DAY`; what is no day, the server says.
fn period(text: &str) -> Result<(String, String), String> {
    match text.split_once("..") {
        Some((start, end)) if !start.is_empty() && !end.is_empty() => Ok((start.into(), end.into())),
        _ => Err("must be two days, YYYY-MM-DD..YYYY-MM-DD".into()),
    }
}

/// Reads `ID` or `ID@VERSION`.
pub(super) fn valuation(flag: &str, text: &str) -> anyhow::Result<ValuationRef> {
    let Some((id, version)) = text.rsplit_once('@') else {
        return Ok(ValuationRef { id: text.into(), version: 0 });
    };
    let version = version.parse().with_context(|| format!("{flag} {text}: the version after @ must be a number from 1"))?;
    ensure!(version > 0, "{flag} {text}: versions begin at 1");
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
            Some(whole) => {
                whole.rows.extend(page.rows);
                if let (Some(change), Some(page)) = (&mut whole.change, page.change) {
                    change.rows.extend(page.rows);
                }
            }
            None => {
                question.at_least = positions(&page);
                whole = Some(page);
            }
        }
        if question.page_token.is_empty() {
            return whole.context("the server sent no answer");
        }
    }
}

/// Prints every answer as it comes, until interrupted.
async fn watch(
    asker: &mut Asker,
    question: QueryValueRequest,
    format: Format,
    document: impl Fn(QueryValueResponse) -> ValueDocument,
) -> anyhow::Result<()> {
    let mut answers = asker.client().watch_value(WatchValueRequest { query: Some(question) }).await.map_err(|status| explain(&status))?.into_inner();
    let clear = std::io::stdout().is_terminal() && !format.json;
    while let Some(message) = answers.message().await.map_err(|status| explain(&status))? {
        let answer = document(message.answer.unwrap_or_default());
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
    fn an_earlier_period_has_two_days() {
        assert_eq!(period("2024-01-01..2024-12-31"), Ok(("2024-01-01".into(), "2024-12-31".into())));
        assert!(["2024-01-01", "2024-01-01..", "..2024-12-31", ""].iter().all(|text| period(text).is_err()));
    }

    #[test]
    fn a_valuation_may_have_a_version() {
        assert_eq!(valuation("--valuation", "uk-floor").unwrap(), ValuationRef { id: "uk-floor".into(), version: 0 });
        assert_eq!(valuation("--valuation", "uk-floor@3").unwrap(), ValuationRef { id: "uk-floor".into(), version: 3 });
        assert!(valuation("--valuation", "uk-floor@x").is_err() && valuation("--valuation", "uk-floor@0").is_err());
    }
}
