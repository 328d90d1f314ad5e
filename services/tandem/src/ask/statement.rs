//! `tandem statement`.

use super::shown::{Account, Posting, Reflects, reach};
use super::{Asking, answered};
use crate::output::number::quantity;
use crate::output::table::Table;
use crate::output::{Document, Format};
use anyhow::Context;
use serde::Serialize;
use std::process::ExitCode;
use tandem_proto::v1::{GetStatementRequest, GetStatementResponse};

/// One citizen's account: what I gave, what the state gave back.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Example:
  tandem statement --council E09000001 --actor hh-4711 --from 2025-01-01 --to 2025-12-31")]
pub struct Args {
    #[command(flatten)]
    asking: Asking,
    /// The council
    #[arg(long, short)]
    council: String,
    /// The citizen's pseudonym
    #[arg(long, short)]
    actor: String,
    /// First day on which it happened, YYYY-MM-DD
    #[arg(long, value_name = "DAY", default_value = "", hide_default_value = true)]
    from: String,
    /// Last day, inclusive, YYYY-MM-DD
    #[arg(long, value_name = "DAY", default_value = "", hide_default_value = true)]
    to: String,
    #[command(flatten)]
    format: Format,
}

/// Asks and prints.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut asker = args.asking.connect().await?;
    let mut question = GetStatementRequest {
        council: args.council,
        actor: args.actor,
        period_start: args.from,
        period_end: args.to,
        at_least: args.asking.at_least,
        page_size: 1_000,
        page_token: String::new(),
    };
    let mut whole: Option<GetStatementResponse> = None;
    loop {
        let (client, request) = asker.request(question.clone());
        let page = answered(client.get_statement(request).await)?;
        question.page_token = page.next_page_token.clone();
        match &mut whole {
            Some(whole) => whole.lines.extend(page.lines),
            None => whole = Some(page),
        }
        if question.page_token.is_empty() {
            break;
        }
    }
    args.format.print(&Statement::from(whole.context("the server sent no answer")?))?;
    Ok(ExitCode::SUCCESS)
}

/// The account. The field names are those of the JSON document and stay.
#[derive(Clone, Debug, Serialize)]
pub struct Statement {
    /// What I gave, by measure.
    pub given: Vec<Account>,
    /// What the state gave me by name, by measure.
    pub received: Vec<Account>,
    /// The entries, by day and sequence.
    pub lines: Vec<Line>,
    /// What came to everybody in an exchange of mine; never summed.
    pub shared: Vec<Shared>,
    /// How far the answer reaches.
    pub reflects: Option<Reflects>,
}

/// One entry.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Whether I received it; else I gave it.
    pub received: bool,
    /// The entry.
    #[serde(flatten)]
    pub posting: Posting,
}

/// A state input that came to everybody in an exchange.
#[derive(Clone, Debug, Serialize)]
pub struct Shared {
    /// How many have a live entry in the exchange.
    pub shared_with: u32,
    /// The entry.
    #[serde(flatten)]
    pub posting: Posting,
}

impl From<GetStatementResponse> for Statement {
    fn from(answer: GetStatementResponse) -> Self {
        let line = |line: tandem_proto::v1::StatementLine| Some(Line { received: line.received, posting: line.posting?.into() });
        let shared = |input: tandem_proto::v1::SharedInput| Some(Shared { shared_with: input.shared_with, posting: input.posting?.into() });
        Self {
            given: answer.given.into_iter().map(Account::from).collect(),
            received: answer.received.into_iter().map(Account::from).collect(),
            lines: answer.lines.into_iter().filter_map(line).collect(),
            shared: answer.shared.into_iter().filter_map(shared).collect(),
            reflects: answer.reflects.map(Reflects::from),
        }
    }
}

impl Document for Statement {
    fn text(&self) -> String {
        let mut sums = Table::new().left("").left("measure").right("in all").right("entries");
        for (word, accounts) in [("gave", &self.given), ("received", &self.received)] {
            for account in accounts {
                sums.row(vec![word.into(), account.measure.clone(), quantity(&account.quantity, &account.unit), account.count.to_string()]);
            }
        }
        if sums.is_empty() && self.lines.is_empty() {
            return format!("no entries of this actor in the period\n\n{}", reach(self.reflects.as_slice()));
        }
        let mut lines = Table::new().left("occurred").left("").left("service").left("measure").right("quantity").left("exchange").left("");
        for line in &self.lines {
            let word = if line.received { "received" } else { "gave" };
            let note = line.posting.reversed_by.map(|by| format!("reversed by {by}")).unwrap_or_default();
            lines.row(cells(&line.posting, word, note));
        }
        for shared in &self.shared {
            lines.row(cells(&shared.posting, "shared", format!("with {}", shared.shared_with)));
        }
        format!("{}\n{}\n{}", sums.render(), lines.render(), reach(self.reflects.as_slice()))
    }

    fn csv(&self) -> (Vec<&'static str>, Vec<Vec<String>>) {
        let header = ["direction", "shared_with"].into_iter().chain(Posting::CSV).collect();
        let row = |direction: &str, shared_with: String, posting: &Posting| [vec![direction.into(), shared_with], posting.csv()].concat();
        let lines = self.lines.iter().map(|line| row(if line.received { "received" } else { "gave" }, String::new(), &line.posting));
        let shared = self.shared.iter().map(|shared| row("shared", shared.shared_with.to_string(), &shared.posting));
        (header, lines.chain(shared).collect())
    }
}

fn cells(posting: &Posting, word: &str, note: String) -> Vec<String> {
    let measure = posting.measure_name.clone().unwrap_or_else(|| posting.measure.clone());
    let exchange = posting.exchange.clone().unwrap_or_default();
    let shown = quantity(&posting.quantity.to_string(), &posting.unit);
    vec![posting.occurred(), word.into(), posting.service.clone(), measure, shown, exchange, note]
}
