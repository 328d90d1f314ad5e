//! `tandem exchange`.

use super::shown::{Account, Posting, Reflects, bare, reach};
use super::{Asker, Asking, answered};
use crate::output::number::{NO_VALUE, quantity};
use crate::output::table::Table;
use crate::output::{Document, Format, non_empty, or_empty};
use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;
use std::process::ExitCode;
use tandem_proto::v1::{self, ExchangeState, GetExchangeRequest, GetExchangeResponse, ListExchangesRequest};

/// One exchange with both its sides, or a list of them.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tandem exchange --council E09000001 homework:plan-7
  tandem exchange --council E09000001 --state one-sided-citizen --service safety/reports")]
pub struct Args {
    #[command(flatten)]
    asking: Asking,
    /// The council
    #[arg(long, short)]
    council: String,
    /// The exchange; without it exchanges are listed
    id: Option<String>,
    /// List only those in this state
    #[arg(long, value_delimiter = ',', conflicts_with = "id")]
    state: Vec<StateName>,
    /// List only those whose home is this service
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true, conflicts_with = "id")]
    service: String,
    /// List at most so many
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    format: Format,
}

/// State of an exchange.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum StateName {
    OneSidedCitizen,
    OneSidedState,
    TwoSided,
    Empty,
}

impl StateName {
    fn number(self) -> i32 {
        match self {
            Self::OneSidedCitizen => ExchangeState::OneSidedCitizen.into(),
            Self::OneSidedState => ExchangeState::OneSidedState.into(),
            Self::TwoSided => ExchangeState::TwoSided.into(),
            Self::Empty => ExchangeState::Empty.into(),
        }
    }
}

/// Asks and prints.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut asker = args.asking.connect().await?;
    match args.id.clone() {
        Some(id) => args.format.print(&one(&mut asker, &args, id).await?)?,
        None => args.format.print(&list(&mut asker, &args).await?)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn one(asker: &mut Asker, args: &Args, exchange: String) -> anyhow::Result<OneExchange> {
    let at_least = args.asking.at_least.clone();
    let mut question = GetExchangeRequest { council: args.council.clone(), exchange, at_least, page_size: 1_000, page_token: String::new() };
    let mut whole: Option<GetExchangeResponse> = None;
    loop {
        let (client, request) = asker.request(question.clone());
        let page = answered(client.get_exchange(request).await)?;
        question.page_token = page.next_page_token.clone();
        match &mut whole {
            Some(whole) => whole.postings.extend(page.postings),
            None => whole = Some(page),
        }
        if question.page_token.is_empty() {
            break;
        }
    }
    whole.context("the server sent no answer")?.try_into()
}

async fn list(asker: &mut Asker, args: &Args) -> anyhow::Result<Exchanges> {
    let mut question = ListExchangesRequest {
        council: args.council.clone(),
        states: args.state.iter().map(|state| state.number()).collect(),
        home_service: args.service.clone(),
        at_least: args.asking.at_least.clone(),
        page_size: args.limit.clamp(1, 1_000) as u32,
        page_token: String::new(),
    };
    let mut document = Exchanges { exchanges: Vec::new(), more: false, reflects: None };
    loop {
        let (client, request) = asker.request(question.clone());
        let page = answered(client.list_exchanges(request).await)?;
        document.exchanges.extend(page.exchanges.into_iter().map(Exchange::from));
        document.reflects = document.reflects.or(page.reflects.map(Reflects::from));
        question.page_token = page.next_page_token;
        document.more = !question.page_token.is_empty() || document.exchanges.len() > args.limit;
        if question.page_token.is_empty() || document.exchanges.len() >= args.limit {
            document.exchanges.truncate(args.limit);
            return Ok(document);
        }
    }
}

/// An exchange. The field names are those of the JSON documents and stay.
#[derive(Clone, Debug, Serialize)]
pub struct Exchange {
    /// Its id.
    pub id: String,
    /// "TWO_SIDED" and so on.
    pub state: String,
    /// Service of its first entry.
    pub home_service: String,
    /// Area of its first entry; null: none.
    pub home_area: Option<String>,
    /// Month or larger span of its first entry.
    pub home_month: String,
    /// First day on the citizens' side; null: none.
    pub first_citizen_day: Option<String>,
    /// First day on the state's side; null: none.
    pub first_state_day: Option<String>,
    /// Both sides, by measure.
    pub accounts: Vec<Account>,
    /// Live entries.
    pub live_entries: u32,
}

impl From<v1::Exchange> for Exchange {
    fn from(exchange: v1::Exchange) -> Self {
        Self {
            state: bare(exchange.state().as_str_name(), "EXCHANGE_STATE_"),
            id: exchange.id,
            home_service: exchange.home_service,
            home_area: non_empty(exchange.home_area),
            home_month: exchange.home_month,
            first_citizen_day: non_empty(exchange.first_citizen_day),
            first_state_day: non_empty(exchange.first_state_day),
            accounts: exchange.accounts.into_iter().map(Account::from).collect(),
            live_entries: exchange.live_entries,
        }
    }
}

impl Exchange {
    /// What one side gave, in one cell.
    fn side(&self, side: &str) -> String {
        let accounts = self.accounts.iter().filter(|account| account.side == side);
        let cell = accounts.map(|account| quantity(&account.quantity, &account.unit)).collect::<Vec<_>>().join(" + ");
        non_empty(cell).unwrap_or_else(|| NO_VALUE.into())
    }
}

/// One exchange with its postings.
#[derive(Clone, Debug, Serialize)]
pub struct OneExchange {
    /// The exchange.
    pub exchange: Exchange,
    /// Its postings, by sequence.
    pub postings: Vec<Posting>,
    /// How far the answer reaches.
    pub reflects: Option<Reflects>,
}

impl TryFrom<GetExchangeResponse> for OneExchange {
    type Error = anyhow::Error;

    fn try_from(answer: GetExchangeResponse) -> anyhow::Result<Self> {
        Ok(Self {
            exchange: answer.exchange.context("the server sent no exchange")?.into(),
            postings: answer.postings.into_iter().map(Posting::from).collect(),
            reflects: answer.reflects.map(Reflects::from),
        })
    }
}

impl Document for OneExchange {
    fn text(&self) -> String {
        let exchange = &self.exchange;
        let area = exchange.home_area.as_deref().map(|area| format!(", {area}")).unwrap_or_default();
        let day = |day: &Option<String>| non_empty(or_empty(day)).unwrap_or_else(|| NO_VALUE.into());
        let mut text = format!("{}  {}\n", exchange.id, exchange.state);
        text += &format!("home {}{area}, {}\n", exchange.home_service, exchange.home_month);
        text += &format!("first day: citizens {}, state {}\n\n", day(&exchange.first_citizen_day), day(&exchange.first_state_day));
        let mut accounts = Table::new().left("side").left("measure").right("quantity").right("entries");
        for account in &exchange.accounts {
            let shown = quantity(&account.quantity, &account.unit);
            accounts.row(vec![account.side.clone(), account.measure.clone(), shown, account.count.to_string()]);
        }
        text += &accounts.render();
        text.push('\n');
        text += &postings(&self.postings).render();
        text.push('\n');
        text + &reach(self.reflects.as_slice())
    }

    fn csv(&self) -> (Vec<&'static str>, Vec<Vec<String>>) {
        (Posting::CSV.to_vec(), self.postings.iter().map(Posting::csv).collect())
    }
}

/// Postings for people.
fn postings(postings: &[Posting]) -> Table {
    let mut table = Table::new().right("entry").left("occurred").left("side").left("measure").right("quantity").left("evidence").left("");
    for posting in postings {
        let measure = posting.measure_name.clone().unwrap_or_else(|| posting.measure.clone());
        let reversed = posting.reversed_by.map(|by| format!("reversed by {by}")).unwrap_or_default();
        table.row(vec![
            posting.sequence.to_string(),
            posting.occurred(),
            posting.side.clone(),
            measure,
            quantity(&posting.quantity.to_string(), &posting.unit),
            posting.evidence.clone(),
            reversed,
        ]);
    }
    table
}

/// Some exchanges.
#[derive(Clone, Debug, Serialize)]
pub struct Exchanges {
    /// By id.
    pub exchanges: Vec<Exchange>,
    /// Whether there are, or may be, more than the limit let through.
    pub more: bool,
    /// How far the answer reaches.
    pub reflects: Option<Reflects>,
}

impl Document for Exchanges {
    fn text(&self) -> String {
        let mut table = Table::new().left("exchange").left("state").left("home").left("month").right("citizens").right("state gave").right("entries");
        for exchange in &self.exchanges {
            table.row(vec![
                exchange.id.clone(),
                exchange.state.clone(),
                exchange.home_service.clone(),
                exchange.home_month.clone(),
                exchange.side("CITIZEN"),
                exchange.side("STATE"),
                exchange.live_entries.to_string(),
            ]);
        }
        let table = if table.is_empty() { "no such exchanges\n".into() } else { table.render() };
        let more = if self.more { "there may be more: raise --limit\n" } else { "" };
        format!("{table}\n{more}{}", reach(self.reflects.as_slice()))
    }

    fn csv(&self) -> (Vec<&'static str>, Vec<Vec<String>>) {
        let header = vec!["id", "state", "home_service", "home_area", "home_month", "first_citizen_day", "first_state_day", "live_entries"];
        let row = |exchange: &Exchange| {
            vec![
                exchange.id.clone(),
                exchange.state.clone(),
                exchange.home_service.clone(),
                or_empty(&exchange.home_area),
                exchange.home_month.clone(),
                or_empty(&exchange.first_citizen_day),
                or_empty(&exchange.first_state_day),
                exchange.live_entries.to_string(),
            ]
        };
        (header, self.exchanges.iter().map(row).collect())
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
