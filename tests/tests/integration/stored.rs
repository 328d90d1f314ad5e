//! The fold's rows, read through their published formats into the model's own form.

use std::collections::BTreeMap;
use tandem_domain::bitmap::Change;
use tandem_domain::bytes::Take;
use tandem_domain::cell::Cell as StoredCell;
use tandem_domain::date::{Date, Grain, Period};
use tandem_domain::memory::Memory;
use tandem_domain::rows::{self, Book, Exchange, StatementLine, Suspense, Verdict, Wait};
use tandem_domain::sheet::{AreaSub, DaySub, HomeSub, Items, MonthSub};
use tandem_domain::tables::{Key, NameKind, Rows, Table};
use tandem_tests::model::{Account, Cell, EventKey, ExchangeView, Line, Posting, Views};

/// Reads one council's views.
pub fn views(memory: &Memory, council: &str) -> Views {
    let reader = Reader { memory, council };
    let mut views = Views::default();
    reader.counts(&mut views);
    reader.catalogue(&mut views);
    reader.suspense(&mut views);
    reader.exchanges(&mut views);
    reader.months(&mut views);
    reader.days(&mut views);
    reader.areas(&mut views);
    reader.spans(&mut views);
    reader.homes(&mut views);
    reader.actors(&mut views);
    reader.pledges(&mut views);
    reader.outcomes(&mut views);
    views
}

struct Reader<'a> {
    memory: &'a Memory,
    council: &'a str,
}

impl Reader<'_> {
    /// Rows of the council: what follows the common front of their keys, and their values.
    fn rows(&self, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
        let prefix = Key::of(table, self.council).into_vec();
        let mut rows = Vec::new();
        self.memory
            .scan(table, &prefix, &prefix, &mut |key, value| {
                rows.push((key[prefix.len()..].to_vec(), value.to_vec()));
                true
            })
            .unwrap();
        rows
    }

    fn name(&self, kind: NameKind, number: u32) -> String {
        if number == 0 {
            return String::new();
        }
        if kind == NameKind::Actor {
            return self.actor(number);
        }
        let key = Key::of(Table::NameByNumber, self.council).byte(kind as u8).be32(number).clone();
        let text = self.memory.get(Table::NameByNumber, key.as_slice()).unwrap();
        String::from_utf8(text.unwrap_or_else(|| panic!("{kind:?} {number} has no name"))).unwrap()
    }

    /// Actors have no row by their number.
    fn actor(&self, number: u32) -> String {
        let prefix = Key::of(Table::NameByText, self.council).byte(NameKind::Actor as u8).clone().into_vec();
        let found = self.memory.rows(Table::NameByText).find(|(key, row)| key.starts_with(&prefix) && rows::read_number(row) == Ok(number));
        String::from_utf8(found.expect("the actor's name").0[prefix.len()..].to_vec()).unwrap()
    }

    fn take_name(&self, kind: NameKind, take: &mut Take<'_>) -> String {
        self.name(kind, take.be32().unwrap())
    }

    fn counts(&self, views: &mut Views) {
        let row = |table| self.memory.get(table, Key::of(table, self.council).as_slice()).unwrap().expect("a book has its rows");
        let book = Book::decode(&row(Table::Book)).unwrap();
        let folded = rows::Views::decode(&row(Table::Views)).unwrap();
        assert_eq!(folded.folded, book.entries, "all of the book is folded");
        assert!(folded.cures.is_empty(), "no cure is due: {:?}", folded.cures);
        views.counts = [book.entries, folded.applied, folded.suspended, book.duplicates, folded.reversed, book.book_time_us];
    }

    fn catalogue(&self, views: &mut Views) {
        for (key, value) in self.rows(Table::Definition) {
            let mut take = Take::new("Definition", &key);
            let (kind, id) = (i32::from(take.byte().unwrap()), take.text().unwrap().to_owned());
            let part = match kind {
                4 => take.text().unwrap().to_owned(),
                5 => format!("{:010}", take.be32().unwrap()),
                _ => String::new(),
            };
            let (sequence, facts) = rows::read_definition(&value).unwrap();
            views.definitions.insert((kind, id, part), (sequence, facts.to_vec()));
        }
        for (key, value) in self.rows(Table::Index) {
            let mut take = Take::new("Index", &key);
            let event_id = take.bytes(16).unwrap().try_into().unwrap();
            let source = self.take_name(NameKind::Source, &mut take);
            let key = EventKey { source, event_id };
            views.index.insert((key.id_text(), key.source), rows::read_sequences(&value).unwrap());
        }
    }

    fn suspense(&self, views: &mut Views) {
        for (key, value) in self.rows(Table::Suspense) {
            let Suspense { reason, wait } = Suspense::decode(&value).unwrap();
            let wait = wait.map(|wait| wait_text(&wait).1);
            views.suspense.insert(Take::new("Suspense", &key).be64().unwrap(), (reason as i32, wait));
        }
        for (key, _) in self.rows(Table::Waiting) {
            let mut take = Take::new("Waiting", &key);
            let (kind, text) = wait_text(&Wait::take(&mut take).unwrap());
            views.waiting.insert((kind, text, take.be64().unwrap()));
        }
        for (key, value) in self.rows(Table::Verdict) {
            let verdict = Verdict::decode(&value).unwrap();
            views.verdicts.insert(Take::new("Verdict", &key).be64().unwrap(), (verdict.cured_by, verdict.reversed_by));
        }
    }

    fn exchanges(&self, views: &mut Views) {
        for (key, value) in self.rows(Table::Exchange) {
            let id = String::from_utf8(key).unwrap();
            let exchange = Exchange::decode(&value).unwrap();
            let mut postings = Vec::new();
            for page in 0..exchange.pages {
                let key = Key::of(Table::ExchangePage, self.council).bytes(id.as_bytes()).byte(0).be32(page).clone();
                let page = rows::read_postings(&self.memory.get(Table::ExchangePage, key.as_slice()).unwrap().expect("a page")).unwrap();
                assert_eq!(page.len(), rows::PAGE_POSTINGS);
                postings.extend(page);
            }
            postings.extend(&exchange.postings);
            let account = |account: &rows::Account| {
                let sums = Account { side: account.side as i32, quantity: account.quantity as i128, count: account.count.into() };
                (self.name(NameKind::Measure, account.measure), sums)
            };
            let home = exchange.home;
            let view = ExchangeView {
                state: exchange.state() as i32,
                home: (self.name(NameKind::Service, home.service), self.name(NameKind::Area, home.area), home.period.to_string()),
                first_citizen: exchange.first_citizen.map(|day| day.to_string()),
                first_state: exchange.first_state.map(|day| day.to_string()),
                accounts: exchange.accounts.iter().map(account).collect(),
                postings: postings.iter().map(|posting| self.posting(posting)).collect(),
            };
            views.exchanges.insert(id, view);
        }
    }

    fn posting(&self, posting: &rows::Posting) -> Posting {
        Posting {
            sequence: posting.sequence,
            service: self.name(NameKind::Service, posting.service),
            measure: self.name(NameKind::Measure, posting.measure),
            side: posting.side as i32,
            evidence: posting.evidence as i32,
            quantity: posting.quantity as i64,
            area: self.name(NameKind::Area, posting.area),
            start: posting.occurred.start.to_string(),
            end: posting.occurred.end.to_string(),
            actor: self.name(NameKind::Actor, posting.actor),
            recipient: self.name(NameKind::Actor, posting.recipient),
            reversed_by: posting.reversed_by,
        }
    }

    fn months(&self, views: &mut Views) {
        for (key, sheet) in self.rows(Table::CubeMonths) {
            let mut take = Take::new("CubeMonths", &key);
            let (service, measure) = (self.take_name(NameKind::Service, &mut take), self.take_name(NameKind::Measure, &mut take));
            for (sub, cell) in items(&sheet) {
                let MonthSub { evidence, unit } = MonthSub::unpack(sub).unwrap();
                views.month_cells.insert([service.clone(), measure.clone(), evidence.to_string(), unit.to_string()], cell);
            }
        }
    }

    fn days(&self, views: &mut Views) {
        for (key, sheet) in self.rows(Table::CubeDays) {
            let mut take = Take::new("CubeDays", &key);
            let (service, measure) = (self.take_name(NameKind::Service, &mut take), self.take_name(NameKind::Measure, &mut take));
            let (evidence, block) = (take.byte().unwrap().to_string(), take.period().unwrap());
            for (sub, cell) in items(&sheet) {
                let DaySub { low, recorded } = DaySub::unpack(sub);
                let unit = Period { index: block.index * 32 + i32::from(low), ..block }.to_string();
                let front = [service.clone(), measure.clone(), evidence.clone(), unit.clone()];
                add(views.day_cells.entry(front).or_default(), &cell);
                views.day_journal.insert([service.clone(), measure.clone(), evidence.clone(), unit, recorded.to_string()], cell);
            }
        }
        // Days that cancel out over what was recorded when are no cells.
        views.day_cells.retain(|_, cell| *cell != Cell::default());
    }

    fn areas(&self, views: &mut Views) {
        let mut areas = BTreeMap::<[String; 4], Cell>::new();
        for (key, sheet) in self.rows(Table::AreaJournal) {
            let ([service, measure, unit], block) = self.area_key(&key);
            for (sub, cell) in items(&sheet) {
                let AreaSub { low, evidence, recorded } = AreaSub::unpack(sub);
                let area = self.name(NameKind::Area, block << 8 | u32::from(low));
                let recorded = Period { grain: Grain::Month, index: recorded }.to_string();
                add(areas.entry([service.clone(), measure.clone(), unit.clone(), area.clone()]).or_default(), &cell);
                views.area_cells.insert([service.clone(), measure.clone(), evidence.to_string(), unit.clone(), area, recorded], cell);
            }
        }
        areas.retain(|_, cell| *cell != Cell::default());
        let mut without_evidence = BTreeMap::new();
        for (key, sheet) in self.rows(Table::CubeAreas) {
            let ([service, measure, unit], block) = self.area_key(&key);
            for (low, cell) in items(&sheet) {
                let area = self.name(NameKind::Area, block << 8 | low as u32);
                without_evidence.insert([service.clone(), measure.clone(), unit.clone(), area], cell);
            }
        }
        assert_eq!(without_evidence, areas, "the cube by area, and its journal summed");
    }

    fn spans(&self, views: &mut Views) {
        for (key, value) in self.rows(Table::SpanCell) {
            let mut take = Take::new("SpanCell", &key);
            let (service, measure) = (self.take_name(NameKind::Service, &mut take), self.take_name(NameKind::Measure, &mut take));
            let (evidence, area) = (take.byte().unwrap().to_string(), self.take_name(NameKind::Area, &mut take));
            let (start, end) = (take.ordered_day().unwrap().to_string(), take.ordered_day().unwrap().to_string());
            insert(&mut views.span_cells, [service, measure, evidence, area, start, end], &value);
        }
    }

    /// Service, measure and unit, and the block of areas.
    fn area_key(&self, key: &[u8]) -> ([String; 3], u32) {
        let mut take = Take::new("AreaJournal", key);
        let (service, measure) = (self.take_name(NameKind::Service, &mut take), self.take_name(NameKind::Measure, &mut take));
        let unit = take.period().unwrap().to_string();
        ([service, measure, unit], block(&mut take))
    }

    fn homes(&self, views: &mut Views) {
        let mut without_areas = BTreeMap::<(String, String, u8, i32), i64>::new();
        for (key, sheet) in self.rows(Table::HomesByArea) {
            let mut take = Take::new("HomesByArea", &key);
            let (service, unit) = (self.take_name(NameKind::Service, &mut take), take.period().unwrap().to_string());
            let block = block(&mut take);
            for (sub, cell) in items(&sheet) {
                let HomeSub { low, what, days } = HomeSub::unpack(sub);
                let area = self.name(NameKind::Area, block << 8 | u32::from(low));
                *without_areas.entry((service.clone(), unit.clone(), what, days)).or_default() += cell.count;
                match what {
                    HomeSub::MET => views.latencies.insert([service.clone(), unit.clone(), area, days.to_string()], cell.count),
                    _ => views.homes.insert([service.clone(), unit.clone(), area, what.to_string(), Date(days).to_string()], cell.count),
                };
            }
        }
        let mut homes = BTreeMap::new();
        for (key, sheet) in self.rows(Table::Homes) {
            let mut take = Take::new("Homes", &key);
            let (service, unit) = (self.take_name(NameKind::Service, &mut take), take.period().unwrap().to_string());
            for (sub, cell) in items(&sheet) {
                let HomeSub { what, days, .. } = HomeSub::unpack(sub);
                homes.insert((service.clone(), unit.clone(), what, days), cell.count);
            }
        }
        without_areas.retain(|_, count| *count != 0);
        assert_eq!(homes, without_areas, "homes, and homes by area summed");
    }

    fn actors(&self, views: &mut Views) {
        for (key, value) in self.rows(Table::Statement) {
            let mut take = Take::new("Statement", &key);
            let (actor, first) = (self.take_name(NameKind::Actor, &mut take), Date(take.ordered().unwrap()).to_string());
            let line = StatementLine::decode(&value).unwrap();
            let line = Line { received: line.received, in_exchange: line.in_exchange, posting: self.posting(&line.posting) };
            views.statements.insert((actor, first, take.be64().unwrap()), line);
        }
        for (key, value) in self.rows(Table::Participants) {
            let mut take = Take::new("Participants", &key);
            let service = self.take_name(NameKind::Service, &mut take);
            let roll = ["month", "year"][usize::from(take.byte().unwrap())].to_owned();
            let unit = take.period().unwrap().to_string();
            let actors = Change::decode(&value).unwrap().added.iter().map(|actor| self.name(NameKind::Actor, actor)).collect();
            views.participants.insert([service, roll, unit], actors);
        }
        views.participants.retain(|_, actors| !actors.is_empty());
    }

    fn pledges(&self, views: &mut Views) {
        for (key, value) in self.rows(Table::PledgeCell) {
            let mut take = Take::new("PledgeCell", &key);
            let (service, measure) = (self.take_name(NameKind::Service, &mut take), self.take_name(NameKind::Measure, &mut take));
            let unit = take.period().unwrap().to_string();
            insert_plain(&mut views.pledges, [service, measure, unit, self.take_name(NameKind::Area, &mut take)], &value);
        }
        for (key, value) in self.rows(Table::Fulfilment) {
            let mut take = Take::new("Fulfilment", &key);
            let source = self.take_name(NameKind::Source, &mut take);
            let key = EventKey { source, event_id: take.bytes(16).unwrap().try_into().unwrap() };
            insert_plain(&mut views.fulfilments, (key.source.clone(), key.id_text()), &value);
        }
    }

    fn outcomes(&self, views: &mut Views) {
        for (key, value) in self.rows(Table::Outcome) {
            let mut take = Take::new("Outcome", &key);
            let (indicator, service) = (self.take_name(NameKind::Indicator, &mut take), self.take_name(NameKind::Service, &mut take));
            let area = self.take_name(NameKind::Area, &mut take);
            let days: [String; 2] = std::array::from_fn(|_| Date(take.ordered().unwrap()).to_string());
            let [first, last] = days;
            let source = self.take_name(NameKind::Source, &mut take);
            let observations = rows::read_observations(&value).unwrap();
            let observations: Vec<_> = observations.iter().map(|one| (one.sequence, one.numerator, one.denominator)).collect();
            if !observations.is_empty() {
                views.outcomes.insert([indicator, service, area, first, last, source], observations);
            }
        }
    }
}

fn insert<K: Ord>(cells: &mut BTreeMap<K, Cell>, key: K, value: &[u8]) {
    let StoredCell { quantity, count, matched_quantity, matched_count, actor_count } = StoredCell::decode(value).unwrap();
    let cell = Cell { quantity, count, matched_quantity, matched_count, actor_count };
    if cell != Cell::default() {
        cells.insert(key, cell);
    }
}

/// The cells of a sheet.
fn items(sheet: &[u8]) -> Vec<(u64, Cell)> {
    let cell = |StoredCell { quantity, count, matched_quantity, matched_count, actor_count }| Cell {
        quantity,
        count,
        matched_quantity,
        matched_count,
        actor_count,
    };
    Items::of(sheet).unwrap().map(|item| item.unwrap()).map(|(sub, stored)| (sub, cell(stored))).collect()
}

fn add(sum: &mut Cell, cell: &Cell) {
    sum.quantity += cell.quantity;
    sum.count += cell.count;
    sum.matched_quantity += cell.matched_quantity;
    sum.matched_count += cell.matched_count;
    sum.actor_count += cell.actor_count;
}

/// An area's number but for its lower byte.
fn block(take: &mut Take<'_>) -> u32 {
    take.bytes(3).unwrap().iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

fn insert_plain<K: Ord>(cells: &mut BTreeMap<K, (i128, i64)>, key: K, value: &[u8]) {
    let cell = StoredCell::decode(value).unwrap();
    if (cell.quantity, cell.count) != (0, 0) {
        cells.insert(key, (cell.quantity, cell.count));
    }
}

/// Kind and text of a wait, as the model has them.
fn wait_text(wait: &Wait) -> (u8, String) {
    match wait {
        Wait::Service(id) => (1, id.clone()),
        Wait::Measure(id) => (2, id.clone()),
        Wait::Indicator(id) => (3, id.clone()),
        Wait::Target(source, event_id) => (4, format!("{source}/{}", EventKey { source: source.clone(), event_id: *event_id }.id_text())),
        Wait::Exchange(id) => (5, id.clone()),
    }
}
