//! Exchanges: one with its postings, and lists of them.

use super::view::{View, corrupt};
use super::{Readable, posting, reflected};
use tandem_domain::rows::{self, read_postings};
use tandem_domain::tables::{NameKind, Table};
use tandem_proto::v1::{Exchange, GetExchangeRequest, GetExchangeResponse, ListExchangesRequest, ListExchangesResponse};
use tandem_wire::page::{self, Question};
use tandem_wire::status::Failure;

/// Exchanges that one page looks at at most: a filter that matches nothing still answers soon.
const VISITED_MAX: usize = 20_000;

/// One exchange and a page of its postings by sequence. [`Failure::NotFound`] if no entry that took effect named it.
pub fn get_exchange<R: Readable>(view: &View<'_, R>, request: &GetExchangeRequest) -> Result<GetExchangeResponse, Failure> {
    if request.exchange.is_empty() {
        return Err(Failure::invalid("exchange", "is required"));
    }
    let page_size = page::size(request.page_size)?;
    let question = Question::of(
        "GetExchange",
        &GetExchangeRequest { council: request.council.clone(), exchange: request.exchange.clone(), ..Default::default() },
    );
    let after = question.after_sequence(&request.page_token)?;
    let Some(exchange) = load(view, &request.exchange)? else {
        return Err(Failure::NotFound(format!("council {} has no exchange {}", view.council(), request.exchange)));
    };
    let mut postings = all_postings(view, &request.exchange, &exchange)?;
    // They stand in the order in which they took effect; a cured one has an earlier sequence.
    postings.sort_unstable_by_key(|posting| posting.sequence);
    postings.retain(|posting| after.is_none_or(|after| posting.sequence > after));
    let more = postings.len() > page_size;
    postings.truncate(page_size);
    let last = postings.last().filter(|_| more).map(|posting| posting.sequence);
    Ok(GetExchangeResponse {
        exchange: Some(shown(view, &request.exchange, &exchange)?),
        postings: postings.iter().map(|posting| posting::shown(view, posting, &request.exchange)).collect::<Result<_, _>>()?,
        next_page_token: last.map_or_else(String::new, |sequence| question.token(&sequence.to_be_bytes())),
        reflects: Some(reflected(view)?),
    })
}

/// Exchanges by id.
pub fn list_exchanges<R: Readable>(view: &View<'_, R>, request: &ListExchangesRequest) -> Result<ListExchangesResponse, Failure> {
    let page_size = page::size(request.page_size)?;
    if request.states.iter().any(|state| !(1..=4).contains(state)) {
        return Err(Failure::invalid("states", "must each be one of the named states"));
    }
    let question =
        Question::of("ListExchanges", &ListExchangesRequest { page_size: 0, page_token: String::new(), at_least: Vec::new(), ..request.clone() });
    let from = question.from(&request.page_token)?;
    let service = match request.home_service.as_str() {
        "" => None,
        id => match view.number(NameKind::Service, id)? {
            Some(number) => Some(number),
            // Nothing was ever recorded for it.
            None => return Ok(ListExchangesResponse { reflects: Some(reflected(view)?), ..Default::default() }),
        },
    };
    let (mut exchanges, mut last, mut visited, mut more) = (Vec::new(), Vec::new(), 0, false);
    view.scan(Table::Exchange, &view.key(Table::Exchange), &from, |id, row| {
        if exchanges.len() == page_size || visited == VISITED_MAX {
            more = true;
            return Ok(false);
        }
        visited += 1;
        last = id.to_vec();
        let exchange = rows::Exchange::decode(row).map_err(corrupt)?;
        let state_matches = request.states.is_empty() || request.states.contains(&(exchange.state() as i32));
        if state_matches && service.is_none_or(|service| exchange.home.service == service) {
            exchanges.push((String::from_utf8_lossy(id).into_owned(), exchange));
        }
        Ok(true)
    })?;
    Ok(ListExchangesResponse {
        exchanges: exchanges.iter().map(|(id, exchange)| shown(view, id, exchange)).collect::<Result<_, _>>()?,
        next_page_token: if more { question.token(&last) } else { String::new() },
        reflects: Some(reflected(view)?),
    })
}

/// An exchange's row.
pub(super) fn load<R: Readable>(view: &View<'_, R>, id: &str) -> Result<Option<rows::Exchange>, Failure> {
    let mut key = view.key(Table::Exchange);
    key.bytes(id.as_bytes());
    view.get(Table::Exchange, &key)?.map(|row| rows::Exchange::decode(&row).map_err(corrupt)).transpose()
}

/// Every posting that an exchange ever had, in the order in which they took effect.
pub(super) fn all_postings<R: Readable>(view: &View<'_, R>, id: &str, exchange: &rows::Exchange) -> Result<Vec<rows::Posting>, Failure> {
    let mut prefix = view.key(Table::ExchangePage);
    prefix.bytes(id.as_bytes()).byte(0);
    let (mut postings, mut pages) = (Vec::new(), 0);
    view.scan(Table::ExchangePage, &prefix, &[], |_, row| {
        pages += 1;
        postings.extend(read_postings(row).map_err(corrupt)?);
        Ok(true)
    })?;
    if pages != exchange.pages {
        return Err(Failure::Internal(format!("exchange {id} has {pages} pages of postings and says {}", exchange.pages)));
    }
    postings.extend_from_slice(&exchange.postings);
    Ok(postings)
}

fn shown<R: Readable>(view: &View<'_, R>, id: &str, exchange: &rows::Exchange) -> Result<Exchange, Failure> {
    let day = |day: Option<tandem_domain::date::Date>| day.map_or_else(String::new, |day| day.to_string());
    let mut accounts = exchange.accounts.iter().map(|account| posting::account(view, account)).collect::<Result<Vec<_>, _>>()?;
    accounts.sort_by(|a, b| a.measure.cmp(&b.measure));
    Ok(Exchange {
        id: id.into(),
        state: exchange.state() as i32,
        home_service: view.name(NameKind::Service, exchange.home.service)?.to_string(),
        home_area: view.name(NameKind::Area, exchange.home.area)?.to_string(),
        home_month: exchange.home.period.to_string(),
        first_citizen_day: day(exchange.first_citizen),
        first_state_day: day(exchange.first_state),
        accounts,
        live_entries: exchange.live(),
    })
}
