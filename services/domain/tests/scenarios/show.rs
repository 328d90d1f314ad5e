//! What can be looked at in a scenario: a subject is one or two tables, shown in words. Entries are `#` and their sequence.
//!
//! `book counts suspense verdicts catalogue exchanges postings homes days journal months areas spans statements participants totals pledges
//! outcomes`

use crate::language::{COUNCIL, Letterbox};
use tandem_domain::bitmap::Change;
use tandem_domain::bytes::Take;
use tandem_domain::cell::Cell;
use tandem_domain::date::{DAY_US, Date, Grain, Period};
use tandem_domain::event::{Evidence, Side};
use tandem_domain::memory::Memory;
use tandem_domain::rows::*;
use tandem_domain::tables::{Key, NameKind, Rows, Table};

/// Shows one subject.
pub fn show(memory: &Memory, letterbox: &Letterbox, subject: &str) -> Vec<String> {
    let show = Show { memory, letterbox };
    match subject {
        "book" => show.each(Table::Entry, |key, row| show.entry(key, row)),
        "counts" => vec![show.counts()],
        "suspense" => show.each(Table::Suspense, |key, row| show.suspense(key, row)),
        "verdicts" => show.each(Table::Verdict, |key, row| show.verdict(key, row)),
        "catalogue" => show.each(Table::Definition, |key, row| show.definition(key, row)),
        "exchanges" => show.each(Table::Exchange, |key, row| show.exchange(key, row)),
        "postings" => show.each(Table::Exchange, |key, row| show.postings(key, row)),
        "homes" => {
            [show.each(Table::HomeCell, |key, row| show.home(key, row)), show.each(Table::LatencyCell, |key, row| show.latency(key, row))].concat()
        }
        "days" => show.each(Table::DayCell, |key, row| show.cube(key, row, Table::DayCell)),
        "journal" => show.each(Table::DayJournal, |key, row| show.cube(key, row, Table::DayJournal)),
        "months" => show.each(Table::MonthCell, |key, row| show.cube(key, row, Table::MonthCell)),
        "areas" => show.each(Table::AreaCell, |key, row| show.cube(key, row, Table::AreaCell)),
        "spans" => show.each(Table::SpanCell, |key, row| show.span(key, row)),
        "statements" => show.each(Table::Statement, |key, row| show.line(key, row)),
        "participants" => show.each(Table::Participants, |key, row| show.participants(key, row)),
        "totals" => show.each(Table::ActorTotal, |key, row| show.total(key, row)),
        "pledges" => {
            [show.each(Table::PledgeCell, |key, row| show.pledge(key, row)), show.each(Table::Fulfilment, |key, row| show.fulfilment(key, row))]
                .concat()
        }
        "outcomes" => show.each(Table::Outcome, |key, row| show.outcome(key, row)),
        _ => panic!("{subject}: nothing to look at"),
    }
}

struct Show<'a> {
    memory: &'a Memory,
    letterbox: &'a Letterbox,
}

fn or_nobody(sequence: Option<u64>, word: &str) -> String {
    sequence.map_or_else(String::new, |sequence| format!(" {word} #{sequence}"))
}

fn side(side: Side) -> &'static str {
    if side == Side::Citizen { "citizen" } else { "state" }
}

fn cell(row: &[u8]) -> String {
    let cell = Cell::decode(row).unwrap();
    let matched = if (cell.matched_quantity, cell.matched_count) == (0, 0) {
        String::new()
    } else {
        format!(", matched {} in {}", cell.matched_quantity, cell.matched_count)
    };
    let with_actor = if cell.actor_count == 0 { String::new() } else { format!(", {} with an actor", cell.actor_count) };
    format!("{} in {}{with_actor}{matched}", cell.quantity, cell.count)
}

impl<'a> Show<'a> {
    fn each(&self, table: Table, show: impl Fn(&mut Take<'a>, &'a [u8]) -> String) -> Vec<String> {
        let front = Key::of(table, COUNCIL).into_vec().len();
        self.memory.rows(table).map(|(key, row)| show(&mut Take::new("Key", &key[front..]), row)).collect()
    }

    fn name(&self, kind: NameKind, number: u32) -> String {
        let mut key = Key::of(Table::NameByNumber, COUNCIL);
        key.byte(kind as u8).be32(number);
        let name = self.memory.get(Table::NameByNumber, key.as_slice()).unwrap();
        name.map_or_else(|| "nowhere".to_owned(), |name| String::from_utf8(name).unwrap())
    }

    fn service(&self, take: &mut Take<'_>) -> String {
        self.name(NameKind::Service, take.be32().unwrap())
    }

    fn measure(&self, take: &mut Take<'_>) -> String {
        self.name(NameKind::Measure, take.be32().unwrap())
    }

    fn area(&self, take: &mut Take<'_>) -> String {
        self.name(NameKind::Area, take.be32().unwrap())
    }

    fn id(&self, id: [u8; 16]) -> &str {
        self.letterbox.ids.get(&u128::from_be_bytes(id)).map_or("an event not sent", String::as_str)
    }

    fn counts(&self) -> String {
        let get = |table| self.memory.get(table, Key::of(table, COUNCIL).as_slice()).unwrap().unwrap();
        let (book, views) = (Book::decode(&get(Table::Book)).unwrap(), Views::decode(&get(Table::Views)).unwrap());
        assert_eq!(views.applied + views.suspended, book.entries);
        assert_eq!(self.memory.len(Table::Suspense) as u64, views.suspended);
        let Views { applied, suspended, reversed, .. } = views;
        format!("entries {} applied {applied} suspended {suspended} reversed {reversed} duplicates {}", book.entries, book.duplicates)
    }

    fn entry(&self, key: &mut Take<'_>, row: &[u8]) -> String {
        let (book_time_us, _) = read_entry(row).unwrap();
        let minutes = book_time_us % DAY_US / 60_000_000;
        format!("#{} {} {:02}:{:02}", key.be64().unwrap(), Date::of_instant(book_time_us), minutes / 60, minutes % 60)
    }

    fn suspense(&self, key: &mut Take<'_>, row: &[u8]) -> String {
        let Suspense { reason, wait } = Suspense::decode(row).unwrap();
        let wait = match wait {
            None => "for ever".to_owned(),
            Some(Wait::Service(id)) => format!("waits for service {id}"),
            Some(Wait::Measure(id)) => format!("waits for measure {id}"),
            Some(Wait::Indicator(id)) => format!("waits for indicator {id}"),
            Some(Wait::Exchange(id)) => format!("waits for exchange {id}"),
            Some(Wait::Target(source, id)) => format!("waits for {} from {source}", self.id(id)),
        };
        format!("#{} {reason:?} {wait}", key.be64().unwrap())
    }

    fn verdict(&self, key: &mut Take<'_>, row: &[u8]) -> String {
        let Verdict { cured_by, reversed_by } = Verdict::decode(row).unwrap();
        format!("#{}{}{}", key.be64().unwrap(), or_nobody(cured_by, "cured by"), or_nobody(reversed_by, "reversed by"))
    }

    fn definition(&self, key: &mut Take<'_>, row: &[u8]) -> String {
        let kind = ["service", "measure", "indicator", "area", "valuation"][usize::from(key.byte().unwrap()) - 1];
        let id = key.text().unwrap().to_owned();
        let more = match (kind, key.rest()) {
            (_, []) => String::new(),
            ("area", vintage) => format!(" {}", String::from_utf8_lossy(vintage)),
            (_, version) => format!(" version {}", Take::new("Key", version).be32().unwrap()),
        };
        format!("{kind} {id}{more} by #{}", read_definition(row).unwrap().0)
    }

    fn exchange(&self, key: &mut Take<'_>, row: &[u8]) -> String {
        let exchange = Exchange::decode(row).unwrap();
        let state = ["one-sided citizen", "one-sided state", "two-sided", "empty"][exchange.state() as usize - 1];
        let Home { service, area, period } = exchange.home;
        let home = format!("{} {} {period}", self.name(NameKind::Service, service), self.name(NameKind::Area, area));
        let account = |account: &Account| {
            format!("; {} {} {} in {}", side(account.side), account.quantity, self.name(NameKind::Measure, account.measure), account.count)
        };
        let accounts: String = exchange.accounts.iter().map(account).collect();
        let first = |word: &str, day: Option<Date>| day.map_or_else(String::new, |day| format!("; {word} since {day}"));
        let firsts = first("citizen", exchange.first_citizen) + &first("state", exchange.first_state);
        format!("{}: {state}; home {home}{accounts}{firsts}", key.text().unwrap())
    }

    fn postings(&self, key: &mut Take<'_>, row: &[u8]) -> String {
        let show = |posting: &Posting| {
            format!(" #{}{}", posting.sequence, or_nobody(posting.reversed_by, "(reversed by") + if posting.is_live() { "" } else { ")" })
        };
        let postings: String = Exchange::decode(row).unwrap().postings.iter().map(show).collect();
        format!("{}:{postings}", key.text().unwrap())
    }

    fn home(&self, key: &mut Take<'_>, row: &[u8]) -> String {
        let (service, period, area) = (self.service(key), key.period().unwrap(), self.area(key));
        let state = ["one-sided citizen", "one-sided state", "two-sided", "empty"][usize::from(key.byte().unwrap()) - 1];
        format!("{service} {area} {period} {state} since {}: {}", Date(key.ordered().unwrap()), Cell::decode(row).unwrap().count)
    }

    fn latency(&self, key: &mut Take<'_>, row: &[u8]) -> String {
        let (service, period, area) = (self.service(key), key.period().unwrap(), self.area(key));
        format!("{service} {area} {period} met after {} days: {}", key.be32().unwrap(), Cell::decode(row).unwrap().count)
    }

    fn cube(&self, key: &mut Take<'_>, row: &[u8], table: Table) -> String {
        let (service, measure) = (self.service(key), self.measure(key));
        let evidence = Evidence::from_number(key.byte().unwrap()).unwrap();
        let period = key.period().unwrap();
        let area = if table == Table::AreaCell { format!(" {}", self.area(key)) } else { String::new() };
        let recorded = match table {
            Table::DayJournal => format!(" recorded {}", Date(key.ordered().unwrap())),
            Table::AreaCell => format!(" recorded {}", Period { grain: Grain::Month, index: key.ordered().unwrap() }),
            _ => String::new(),
        };
        format!("{service} {measure} {evidence:?} {period}{area}{recorded}: {}", cell(row))
    }

    fn span(&self, key: &mut Take<'_>, row: &[u8]) -> String {
        let (service, measure) = (self.service(key), self.measure(key));
        let evidence = Evidence::from_number(key.byte().unwrap()).unwrap();
        let area = self.area(key);
        let (start, end) = (key.ordered_day().unwrap(), key.ordered_day().unwrap());
        format!("{service} {measure} {evidence:?} {area} {start}..{end}: {}", cell(row))
    }

    fn line(&self, key: &mut Take<'_>, row: &[u8]) -> String {
        let StatementLine { received, in_exchange, posting } = StatementLine::decode(row).unwrap();
        let actor = self.name(NameKind::Actor, key.be32().unwrap());
        assert_eq!((key.ordered().unwrap(), key.be64().unwrap()), (posting.occurred.start.0, posting.sequence));
        let verb = if received { "received" } else { "gave" };
        let (measure, service) = (self.name(NameKind::Measure, posting.measure), self.name(NameKind::Service, posting.service));
        let shared = if in_exchange { " in an exchange" } else { "" };
        let reversed = or_nobody(posting.reversed_by, "reversed by");
        format!("{actor} {verb} {} {measure} in {service} on {}{shared} #{}{reversed}", posting.quantity, posting.occurred.start, posting.sequence)
    }

    fn participants(&self, key: &mut Take<'_>, row: &[u8]) -> String {
        let service = self.service(key);
        let roll = ["months", "years"][usize::from(key.byte().unwrap())];
        let actors = Change::decode(row).unwrap().added.iter().map(|actor| format!(" {}", self.name(NameKind::Actor, actor))).collect::<String>();
        format!("{service} {roll} {}:{actors}", key.period().unwrap())
    }

    fn total(&self, key: &mut Take<'_>, row: &[u8]) -> String {
        let (measure, period) = (self.measure(key), key.period().unwrap());
        format!("{measure} {period} {}: {}", self.name(NameKind::Actor, key.be32().unwrap()), cell(row))
    }

    fn pledge(&self, key: &mut Take<'_>, row: &[u8]) -> String {
        let (service, measure, period) = (self.service(key), self.measure(key), key.period().unwrap());
        format!("pledged {service} {measure} {period} {}: {}", self.area(key), cell(row))
    }

    fn fulfilment(&self, key: &mut Take<'_>, row: &[u8]) -> String {
        let source = self.name(NameKind::Source, key.be32().unwrap());
        let id = key.bytes(16).unwrap().try_into().unwrap();
        format!("fulfilled {} from {source}: {}", self.id(id), cell(row))
    }

    fn outcome(&self, key: &mut Take<'_>, row: &[u8]) -> String {
        let indicator = self.name(NameKind::Indicator, key.be32().unwrap());
        let (service, area) = (self.service(key), self.area(key));
        let (start, end) = (Date(key.ordered().unwrap()), Date(key.ordered().unwrap()));
        let source = self.name(NameKind::Source, key.be32().unwrap());
        let show = |observation: &Observation| format!(" {}/{} #{}", observation.numerator, observation.denominator, observation.sequence);
        let observations: String = read_observations(row).unwrap().iter().map(show).collect();
        format!("{indicator} {service} {area} {start}..{end} from {source}:{observations}")
    }
}
