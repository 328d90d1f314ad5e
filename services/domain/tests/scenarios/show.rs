//! What can be looked at in a scenario: a subject is one or two tables, shown in words. Entries are `#` and their sequence.
//!
//! `book counts suspense verdicts catalogue exchanges postings homes days journal months areas spans statements participants pledges
//! outcomes`

use crate::language::{COUNCIL, Letterbox};
use tandem_domain::bitmap::Change;
use tandem_domain::bytes::Take;
use tandem_domain::cell::Cell;
use tandem_domain::date::{DAY_US, Date, Grain, Period};
use tandem_domain::event::{Evidence, Side};
use tandem_domain::memory::Memory;
use tandem_domain::rows::*;
use tandem_domain::sheet::{AreaSub, DaySub, HomeSub, Items, MonthSub};
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
        "homes" => show.homes(),
        "days" => show.days(),
        "journal" => show.journal(),
        "months" => show.months(),
        "areas" => [show.areas(), show.area_journal()].concat(),
        "spans" => show.each(Table::SpanCell, |key, row| show.span(key, row)),
        "statements" => show.each(Table::Statement, |key, row| show.line(key, row)),
        "participants" => show.each(Table::Participants, |key, row| show.participants(key, row)),
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
    shown(Cell::decode(row).unwrap())
}

fn home(service: &str, area: &str, period: Period, sub: u64, cell: Cell) -> String {
    let HomeSub { what, days, .. } = HomeSub::unpack(sub);
    if what == HomeSub::MET {
        return format!("{service} {area} {period} met after {days} days: {}", cell.count);
    }
    let state = ["one-sided citizen", "one-sided state", "two-sided"][usize::from(what) - 1];
    format!("{service} {area} {period} {state} since {}: {}", Date(days), cell.count)
}

fn shown(cell: Cell) -> String {
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

    /// Actors have no row by their number.
    fn actor(&self, number: u32) -> String {
        let prefix = Key::of(Table::NameByText, COUNCIL).byte(NameKind::Actor as u8).clone().into_vec();
        let found = self.memory.rows(Table::NameByText).find(|(key, row)| key.starts_with(&prefix) && read_number(row) == Ok(number));
        String::from_utf8(found.expect("the actor's name").0[prefix.len()..].to_vec()).unwrap()
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

    /// Every item of every sheet of a table.
    fn items(&self, table: Table, show: impl Fn(&mut Take<'_>, u64, Cell) -> String) -> Vec<String> {
        let prefix = Key::of(table, COUNCIL).into_vec();
        let mut lines = Vec::new();
        for (key, sheet) in self.memory.rows(table) {
            for item in Items::of(sheet).unwrap() {
                let (sub, cell) = item.unwrap();
                lines.push(show(&mut Take::new("key", &key[prefix.len()..]), sub, cell));
            }
        }
        lines
    }

    /// The area of which a key has all but the lower byte.
    fn area_in(&self, key: &mut Take<'_>, low: u8) -> String {
        let block = key.bytes(3).unwrap();
        self.name(NameKind::Area, u32::from_be_bytes([block[0], block[1], block[2], low]))
    }

    fn homes(&self) -> Vec<String> {
        let without_areas = self.items(Table::Homes, |key, sub, cell| {
            let (service, period) = (self.service(key), key.period().unwrap());
            home(&service, "any area", period, sub, cell)
        });
        let by_area = self.items(Table::HomesByArea, |key, sub, cell| {
            let (service, period) = (self.service(key), key.period().unwrap());
            home(&service, &self.area_in(key, HomeSub::unpack(sub).low), period, sub, cell)
        });
        [without_areas, by_area].concat()
    }

    fn day_cells(&self) -> Vec<(String, Date, Cell)> {
        let mut cells = Vec::new();
        let prefix = Key::of(Table::CubeDays, COUNCIL).into_vec();
        for (key, sheet) in self.memory.rows(Table::CubeDays) {
            let mut key = Take::new("key", &key[prefix.len()..]);
            let (service, measure) = (self.service(&mut key), self.measure(&mut key));
            let (evidence, block) = (Evidence::from_number(key.byte().unwrap()).unwrap(), key.period().unwrap());
            for item in Items::of(sheet).unwrap() {
                let (sub, cell) = item.unwrap();
                let DaySub { low, recorded } = DaySub::unpack(sub);
                let unit = Period { index: block.index * 32 + i32::from(low), ..block };
                cells.push((format!("{service} {measure} {evidence:?} {unit}"), recorded, cell));
            }
        }
        cells
    }

    /// Whenever it was recorded.
    fn days(&self) -> Vec<String> {
        let cells = self.day_cells();
        let sum = |same: &[(String, Date, Cell)]| {
            let mut sum = Cell::default();
            same.iter().for_each(|(_, _, cell)| sum += *cell);
            format!("{}: {}", same[0].0, shown(sum))
        };
        cells.chunk_by(|(a, ..), (b, ..)| a == b).map(sum).collect()
    }

    fn journal(&self) -> Vec<String> {
        self.day_cells().into_iter().map(|(what, recorded, cell)| format!("{what} recorded {recorded}: {}", shown(cell))).collect()
    }

    fn months(&self) -> Vec<String> {
        self.items(Table::CubeMonths, |key, sub, sum| {
            let (service, measure) = (self.service(key), self.measure(key));
            let MonthSub { evidence, unit } = MonthSub::unpack(sub).unwrap();
            format!("{service} {measure} {:?} {unit}: {}", Evidence::from_number(evidence).unwrap(), shown(sum))
        })
    }

    fn areas(&self) -> Vec<String> {
        self.items(Table::CubeAreas, |key, sub, sum| {
            let (service, measure, period) = (self.service(key), self.measure(key), key.period().unwrap());
            format!("{service} {measure} {period} {}: {}", self.area_in(key, sub as u8), shown(sum))
        })
    }

    fn area_journal(&self) -> Vec<String> {
        self.items(Table::AreaJournal, |key, sub, sum| {
            let (service, measure, period) = (self.service(key), self.measure(key), key.period().unwrap());
            let AreaSub { low, evidence, recorded } = AreaSub::unpack(sub);
            let evidence = Evidence::from_number(evidence).unwrap();
            let recorded = Period { grain: Grain::Month, index: recorded };
            format!("{service} {measure} {evidence:?} {period} {} recorded {recorded}: {}", self.area_in(key, low), shown(sum))
        })
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
        let actor = self.actor(key.be32().unwrap());
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
        let actors = Change::decode(row).unwrap().added.iter().map(|actor| format!(" {}", self.actor(actor))).collect::<String>();
        format!("{service} {roll} {}:{actors}", key.period().unwrap())
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
