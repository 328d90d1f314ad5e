//! The other questions: exchanges, statements, entries and counts, as the proto has them.

use super::council::Council;
use super::entry::{Entry, State};
use super::views::{Account, posting_of};
use std::collections::{BTreeMap, BTreeSet};
use tandem_proto::v1::{self, CatalogueItem, EntryState, EntryStatus, Facts, SharedInput, StatementLine, catalogue_item::Definition, facts::Body};

/// One day is said by leaving the end out.
fn end_of(entry: &Entry) -> String {
    if entry.end == entry.start { String::new() } else { entry.end.clone() }
}

/// A contribution or state input.
pub fn posting(council: &Council, entry: &Entry) -> v1::Posting {
    let posting = posting_of(entry);
    let measure = council.measure(&posting.measure).expect("defined");
    v1::Posting {
        sequence: posting.sequence,
        service: posting.service,
        side: posting.side,
        quantity: posting.quantity,
        unit: measure.unit.clone(),
        area: posting.area,
        occurred_start: posting.start,
        occurred_end: end_of(entry),
        evidence: posting.evidence,
        reversed_by: posting.reversed_by,
        exchange: entry.given().map(|given| given.exchange.to_owned()).unwrap_or_default(),
        measure_name: measure.name.clone(),
        measure: posting.measure,
    }
}

/// The lines of a T-account.
pub fn accounts(council: &Council, accounts: &BTreeMap<String, Account>) -> Vec<v1::Account> {
    let line = |(measure, account): (&String, &Account)| v1::Account {
        measure: measure.clone(),
        side: account.side,
        quantity: account.quantity.to_string(),
        unit: council.measure(measure).expect("defined").unit.clone(),
        count: account.count,
    };
    accounts.iter().map(line).collect()
}

/// An exchange and its postings.
pub fn exchange(council: &Council, id: &str) -> Option<(v1::Exchange, Vec<v1::Posting>)> {
    let exchange = council.exchanges.get(id)?;
    let view = council.exchange_view(exchange);
    let (home_service, home_area, home_month) = view.home.clone();
    let answer = v1::Exchange {
        id: id.to_owned(),
        state: view.state,
        home_service,
        home_area,
        home_month,
        first_citizen_day: view.first_citizen.clone().unwrap_or_default(),
        first_state_day: view.first_state.clone().unwrap_or_default(),
        accounts: accounts(council, &view.accounts),
        live_entries: (exchange.live[0] + exchange.live[1]) as u32,
    };
    let mut postings: Vec<_> = exchange.postings.iter().map(|sequence| posting(council, council.entry(*sequence))).collect();
    postings.sort_by_key(|posting| posting.sequence);
    Some((answer, postings))
}

/// One citizen's account over a period; empty bounds are none.
pub fn statement(council: &Council, actor: &str, from: &str, to: &str) -> v1::GetStatementResponse {
    let mut answer = v1::GetStatementResponse::default();
    let mut sums: [BTreeMap<String, Account>; 2] = Default::default();
    let mut mine = BTreeSet::new();
    for entry in council.entries.iter().filter(|entry| !matches!(entry.state, State::Suspended(..)) && entry.given().is_some()) {
        let given = entry.given().expect("filtered");
        let received = given.side == v1::Side::State;
        let who = if received { &entry.recipient } else { &entry.actor };
        if who.as_deref() != Some(actor) || !in_period(entry, from, to) {
            continue;
        }
        answer.lines.push(StatementLine { posting: Some(posting(council, entry)), received });
        if entry.is_live() {
            let new = Account { side: given.side.into(), quantity: 0, count: 0 };
            let sum = sums[usize::from(received)].entry(given.measure.to_owned()).or_insert(new);
            sum.quantity += i128::from(given.quantity);
            sum.count += 1;
            mine.extend((!given.exchange.is_empty()).then(|| given.exchange.to_owned()));
        }
    }
    answer.lines.sort_by_key(|line| line.posting.as_ref().map(|posting| (posting.occurred_start.clone(), posting.sequence)));
    let [given, received] = sums;
    answer.given = accounts(council, &given);
    answer.received = accounts(council, &received);
    answer.shared = mine.iter().flat_map(|exchange| shared(council, exchange, from, to)).collect();
    answer
}

/// An entry belongs to the period in which its first day lies.
fn in_period(entry: &Entry, from: &str, to: &str) -> bool {
    entry.start.as_str() >= from && (to.is_empty() || entry.start.as_str() <= to)
}

/// Live state inputs of an exchange and a period that were for nobody in particular.
fn shared(council: &Council, exchange: &str, from: &str, to: &str) -> Vec<SharedInput> {
    let live = || council.exchanges[exchange].postings.iter().map(|sequence| council.entry(*sequence)).filter(|entry| entry.is_live());
    let is_state = |entry: &&Entry| entry.given().is_some_and(|given| given.side == v1::Side::State);
    let actors: BTreeSet<_> = live().filter(|entry| !is_state(entry)).filter_map(|entry| entry.actor.clone()).collect();
    let inputs = live().filter(is_state).filter(|entry| entry.recipient.is_none() && in_period(entry, from, to));
    inputs.map(|entry| SharedInput { posting: Some(posting(council, entry)), shared_with: actors.len() as u32 }).collect()
}

/// What became of an entry.
pub fn status(entry: &Entry) -> EntryStatus {
    let (state, reason, waits_for) = match &entry.state {
        State::Applied => (EntryState::Applied, 0, String::new()),
        State::Reversed => (EntryState::Reversed, 0, String::new()),
        State::Suspended(reason, wait) => (EntryState::Suspended, (*reason).into(), wait.as_ref().map(ToString::to_string).unwrap_or_default()),
    };
    EntryStatus {
        sequence: entry.sequence,
        book_time_us: entry.book_time_us,
        source: entry.key.as_ref().map(|key| key.source.clone()).unwrap_or_default(),
        event_id: entry.key.as_ref().map(|key| key.id_text()).unwrap_or_default(),
        kind: entry.kind.into(),
        state: state.into(),
        reason,
        waits_for,
        cured_by: entry.cured_by,
        reversed_by: entry.reversed_by,
        facts: entry.body.clone().map(|body| Facts { body: Some(body) }),
        occurred_start: entry.start.clone(),
        occurred_end: end_of(entry),
    }
}

/// A part of the catalogue, by its number in CatalogueKind.
pub fn catalogue(council: &Council, kind: i32) -> Vec<CatalogueItem> {
    let of_kind = council.definitions.iter().filter(|((of, _, _), _)| *of == kind);
    let item = |sequence: u64| {
        let definition = match council.entry(sequence).body.clone()? {
            Body::ServiceDefined(service) => Definition::Service(service),
            Body::MeasureDefined(measure) => Definition::Measure(measure),
            Body::IndicatorDefined(indicator) => Definition::Indicator(indicator),
            Body::AreaDefined(area) => Definition::Area(area),
            Body::ValuationPublished(valuation) => Definition::Valuation(valuation),
            _ => return None,
        };
        Some(CatalogueItem { sequence, definition: Some(definition) })
    };
    of_kind.filter_map(|(_, sequence)| item(*sequence)).collect()
}
