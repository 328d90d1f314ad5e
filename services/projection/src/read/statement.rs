//! One citizen's account. An entry belongs to the period in which its first day lies.

use super::posting::{self, Sums};
use super::view::{View, corrupt};
use super::{Readable, exchange, period, reflected};
use std::collections::BTreeSet;
use tandem_domain::bytes::{Corrupt, put_ordered};
use tandem_domain::date::Span;
use tandem_domain::event::{Body, Contribution, Side, StateInput};
use tandem_domain::record::Record;
use tandem_domain::rows::{self, read_entry};
use tandem_domain::tables::{Key, NameKind, Table};
use tandem_proto::v1::{self, GetStatementRequest, GetStatementResponse, SharedInput};
use tandem_wire::page::{self, Question};
use tandem_wire::status::Failure;

/// Shared inputs that are listed at most.
const SHARED_MAX: usize = 1_000;
/// Entries that are looked up at once to learn their exchanges.
const LOOKED_UP: usize = 512;

/// What an actor gave and received. An actor whom nobody named has an empty statement: whether a pseudonym exists is nobody's business.
pub fn get_statement<R: Readable>(view: &View<'_, R>, request: &GetStatementRequest) -> Result<GetStatementResponse, Failure> {
    if request.actor.is_empty() {
        return Err(Failure::invalid("actor", "is required"));
    }
    let span = period(&request.period_start, &request.period_end)?;
    let page_size = page::size(request.page_size)?;
    let question =
        Question::of("GetStatement", &GetStatementRequest { page_size: 0, page_token: String::new(), at_least: Vec::new(), ..request.clone() });
    let after = question.after(&request.page_token)?;
    let mut response = GetStatementResponse { reflects: Some(reflected(view)?), ..Default::default() };
    let Some(actor) = view.number(NameKind::Actor, &request.actor)? else {
        return Ok(response);
    };
    let lines = Lines { view, actor, span };
    let (page, last) = lines.page(after.as_deref(), page_size)?;
    response.lines = lines.shown(&page)?;
    response.next_page_token = last.map_or_else(String::new, |last| question.token(&last));
    if after.is_none() {
        let (given, received, mine) = lines.whole()?;
        response.given = given.shown(view)?;
        response.received = received.shown(view)?;
        response.shared = lines.shared(&mine)?;
    }
    Ok(response)
}

/// An actor's lines in a period.
struct Lines<'a, 'v, R> {
    view: &'a View<'v, R>,
    actor: u32,
    span: Span,
}

impl<R: Readable> Lines<'_, '_, R> {
    fn prefix(&self) -> Key {
        let mut prefix = self.view.key(Table::Statement);
        prefix.be32(self.actor);
        prefix
    }

    /// Visits lines by first day and sequence, from the row after `after` on.
    fn scan(&self, after: Option<&[u8]>, mut visit: impl FnMut(&[u8], rows::StatementLine) -> Result<bool, Failure>) -> Result<(), Failure> {
        let mut from = Vec::new();
        put_ordered(&mut from, self.span.start.0);
        if let Some(after) = after {
            // Greater than the row's own key and not greater than the next one's.
            from = from.max([after, &[0]].concat());
        }
        self.view.scan(Table::Statement, &self.prefix(), &from, |key, row| {
            let line = rows::StatementLine::decode(row).map_err(corrupt)?;
            Ok(line.posting.occurred.start <= self.span.end && visit(key, line)?)
        })
    }

    /// A page, and the key of its last row if there are more.
    fn page(&self, after: Option<&[u8]>, page_size: usize) -> Result<(Vec<rows::StatementLine>, Option<Vec<u8>>), Failure> {
        let (mut page, mut last, mut more) = (Vec::new(), Vec::new(), false);
        self.scan(after, |key, line| {
            more = page.len() == page_size;
            if !more {
                page.push(line);
                last = key.to_vec();
            }
            Ok(!more)
        })?;
        Ok((page, more.then_some(last)))
    }

    /// Both sums over the whole period, and the sequences of live lines that stand in an exchange, ascending.
    fn whole(&self) -> Result<(Sums, Sums, Vec<u64>), Failure> {
        let (mut given, mut received, mut mine) = (Sums::default(), Sums::default(), Vec::new());
        self.scan(None, |_, line| {
            if line.received {
                received.add(&line.posting)
            } else {
                given.add(&line.posting)
            }
            if line.in_exchange && line.posting.is_live() {
                mine.push(line.posting.sequence);
            }
            Ok(true)
        })?;
        mine.sort_unstable();
        Ok((given, received, mine))
    }

    fn shown(&self, page: &[rows::StatementLine]) -> Result<Vec<v1::StatementLine>, Failure> {
        let mut sequences: Vec<u64> = page.iter().filter(|line| line.in_exchange).map(|line| line.posting.sequence).collect();
        sequences.sort_unstable();
        let exchanges = self.exchanges_of(&sequences)?;
        let shown = |line: &rows::StatementLine| -> Result<_, Failure> {
            let exchange = sequences.binary_search(&line.posting.sequence).map_or("", |at| exchanges[at].as_str());
            Ok(v1::StatementLine { posting: Some(posting::shown(self.view, &line.posting, exchange)?), received: line.received })
        };
        page.iter().map(shown).collect()
    }

    /// The exchange of each entry, which its facts say. `sequences` ascend.
    fn exchanges_of(&self, sequences: &[u64]) -> Result<Vec<String>, Failure> {
        let key = |sequence: &u64| {
            let mut key = self.view.key(Table::Entry);
            key.be64(*sequence);
            key.into_vec()
        };
        let rows = self.view.get_many(Table::Entry, &sequences.iter().map(key).collect::<Vec<_>>())?;
        rows.iter().map(|row| exchange_of(row.as_deref()).ok_or_else(|| corrupt(Corrupt("Entry")))).collect()
    }

    /// State inputs for nobody in particular, in the period, in the exchanges in which these entries of the actor stand.
    fn shared(&self, mine: &[u64]) -> Result<Vec<SharedInput>, Failure> {
        let (mut seen, mut shared) = (BTreeSet::new(), Vec::new());
        for sequences in mine.chunks(LOOKED_UP) {
            for id in self.exchanges_of(sequences)? {
                self.view.check_deadline()?;
                if seen.insert(id.clone()) {
                    self.shared_in(&id, &mut shared)?;
                }
                if shared.len() >= SHARED_MAX {
                    shared.truncate(SHARED_MAX);
                    return Ok(shared);
                }
            }
        }
        Ok(shared)
    }

    fn shared_in(&self, id: &str, shared: &mut Vec<SharedInput>) -> Result<(), Failure> {
        let Some(exchange) = exchange::load(self.view, id)? else {
            return Err(corrupt(Corrupt("Exchange")));
        };
        if exchange.first_state.is_none() {
            return Ok(());
        }
        let mut live = exchange::all_postings(self.view, id, &exchange)?;
        live.retain(rows::Posting::is_live);
        let actors: BTreeSet<u32> = live.iter().map(|posting| posting.actor).filter(|actor| *actor != 0).collect();
        let in_period = |posting: &rows::Posting| self.span.start <= posting.occurred.start && posting.occurred.start <= self.span.end;
        live.retain(|posting| posting.side == Side::State && posting.recipient == 0 && in_period(posting));
        live.sort_unstable_by_key(|posting| (posting.occurred.start, posting.sequence));
        for posting in live.iter().take(SHARED_MAX) {
            shared.push(SharedInput { posting: Some(posting::shown(self.view, posting, id)?), shared_with: actors.len() as u32 });
        }
        Ok(())
    }
}

fn exchange_of(row: Option<&[u8]>) -> Option<String> {
    let (_, record) = read_entry(row?).ok()?;
    let facts = Record::decode(record).ok()?.parts.facts;
    match Body::decode(facts).ok()? {
        Body::Contribution(Contribution { given, .. }) | Body::StateInput(StateInput { given, .. }) => given.exchange.map(str::to_owned),
        _ => None,
    }
}
