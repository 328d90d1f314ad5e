//! Writing: everything that a call changed, table by table, in order of keys.

use super::cells::{Cells, Change, SheetKey};
use super::names::text_key;
use super::{Fold, Folded, exchange, index, statement};
use crate::cell::Cell;
use crate::rows::{Verdict, put_entry, put_observations, put_postings};
use crate::sheet::{AreaSub, DaySub, HomeSub, MonthSub, put_head, put_item};
use crate::tables::{Key, NameKind, Rows, Sink, Table};
use std::collections::BTreeMap;

/// Writes rows with one buffer for values and one for keys.
struct Writer<'a> {
    sink: &'a mut dyn Sink,
    council: &'a str,
    key: Key,
    value: Vec<u8>,
}

impl Writer<'_> {
    fn key(&mut self, table: Table) -> &mut Key {
        self.key.restart(table, self.council)
    }

    fn put(&mut self, table: Table, encode: impl FnOnce(&mut Vec<u8>)) {
        self.value.clear();
        encode(&mut self.value);
        self.sink.put(table, self.key.as_slice(), &self.value);
    }

    fn merge(&mut self, table: Table, encode: impl FnOnce(&mut Vec<u8>)) {
        self.value.clear();
        encode(&mut self.value);
        self.sink.merge(table, self.key.as_slice(), &self.value);
    }
}

impl<R: Rows> Fold<'_, R> {
    /// Writes what changed. With `with_book` the book's own rows too.
    pub(super) fn finish(mut self, taken: usize, with_book: bool, sink: &mut dyn Sink) -> Result<Folded, R::Error> {
        let mut writer = Writer { sink, council: self.council, key: Key::default(), value: Vec::new() };
        if with_book {
            self.write_entries(&mut writer);
        }
        self.write_index(&mut writer);
        self.write_names(&mut writer);
        for (key, row) in &self.definitions {
            writer.sink.put(Table::Definition, key, row);
        }
        self.write_statuses(&mut writer);
        self.write_waiting(&mut writer);
        self.write_exchanges(&mut writer);
        write_cells(std::mem::take(&mut self.cells), &mut writer);
        self.write_statements(&mut writer);
        self.write_outcomes(&mut writer);
        if self.views != self.before.1 {
            writer.key(Table::Views);
            writer.put(Table::Views, |out| self.views.encode(out));
        }
        if with_book && self.book != self.before.0 {
            writer.key(Table::Book);
            writer.put(Table::Book, |out| self.book.encode(out));
        }
        Ok(Folded { taken, cures_pending: !self.views.cures.is_empty(), book: self.book, views: self.views })
    }

    fn write_entries(&self, writer: &mut Writer<'_>) {
        for (sequence, (book_time_us, record, _)) in (self.before.1.folded..).zip(&self.new) {
            writer.key(Table::Entry).be64(sequence);
            writer.put(Table::Entry, |out| put_entry(out, *book_time_us, record));
        }
    }

    fn write_index(&self, writer: &mut Writer<'_>) {
        for (source, indexed) in self.spoken.index.changed(&self.spoken.names) {
            index::put_key(writer.key(Table::Index), indexed.id, source);
            writer.put(Table::Index, |out| indexed.sequences().for_each(|sequence| out.extend_from_slice(&sequence.to_be_bytes())));
        }
    }

    fn write_names(&mut self, writer: &mut Writer<'_>) {
        let names = &mut self.spoken.names;
        let mut fresh = std::mem::take(&mut names.fresh);
        fresh.sort_unstable_by(|a, b| {
            let [a, b] = [a, b].map(|slot| names.get(*slot));
            (a.kind as u8, &a.text).cmp(&(b.kind as u8, &b.text))
        });
        for slot in &fresh {
            let name = names.get(*slot);
            writer.sink.put(Table::NameByText, &text_key(writer.council, name), &name.number.to_be_bytes());
        }
        fresh.sort_unstable_by_key(|slot| (names.get(*slot).kind as u8, names.get(*slot).number));
        // Actors are only ever looked up by their pseudonym.
        for name in fresh.into_iter().map(|slot| names.get(slot)).filter(|name| name.kind != NameKind::Actor) {
            writer.key(Table::NameByNumber).byte(name.kind as u8).be32(name.number);
            writer.put(Table::NameByNumber, |out| out.extend_from_slice(name.text.as_bytes()));
        }
    }

    fn write_statuses(&self, writer: &mut Writer<'_>) {
        let mut changed: Vec<_> = self.statuses.iter().filter(|(_, status)| status.changed).collect();
        changed.sort_unstable_by_key(|(sequence, _)| **sequence);
        for (sequence, status) in &changed {
            writer.key = Key::of(Table::Suspense, writer.council);
            writer.key.be64(**sequence);
            match &status.suspense {
                Some(suspense) => writer.put(Table::Suspense, |out| suspense.encode(out)),
                None if status.suspense_stored => writer.sink.delete(Table::Suspense, writer.key.as_slice()),
                None => {}
            }
        }
        for (sequence, status) in changed.into_iter().filter(|(_, status)| status.verdict != Verdict::default()) {
            writer.key(Table::Verdict).be64(*sequence);
            writer.put(Table::Verdict, |out| status.verdict.encode(out));
        }
    }

    fn write_waiting(&self, writer: &mut Writer<'_>) {
        for (key, added) in &self.waiting.changes {
            writer.key(Table::Waiting).bytes(key);
            match added {
                true => writer.put(Table::Waiting, |_| {}),
                false => writer.sink.delete(Table::Waiting, writer.key.as_slice()),
            }
        }
    }

    fn write_exchanges(&self, writer: &mut Writer<'_>) {
        let changed = self.spoken.exchanges.changed();
        for met in &changed {
            if let Some(row) = &met.row {
                writer.key(Table::Exchange).bytes(met.id.as_bytes());
                writer.put(Table::Exchange, |out| row.encode(out));
            }
        }
        for met in changed {
            for (number, page) in met.pages.iter().filter(|(_, page)| page.changed) {
                writer.key = exchange::page_key(writer.council, &met.id, *number);
                writer.put(Table::ExchangePage, |out| put_postings(out, &page.postings));
            }
        }
    }

    fn write_statements(&mut self, writer: &mut Writer<'_>) {
        let lines = &mut self.statements.lines;
        lines.sort_unstable_by_key(|line| (statement::actor_of(&line.posting), line.posting.occurred.start, line.posting.sequence));
        for line in lines {
            statement::put_key(writer.key(Table::Statement), &line.posting);
            writer.put(Table::Statement, |out| line.encode(out));
        }
        let participants: BTreeMap<_, _> = std::mem::take(&mut self.statements.participants).into_iter().collect();
        for ((service, roll, period), change) in participants {
            writer.key(Table::Participants).be32(service).byte(roll).period(period);
            writer.merge(Table::Participants, |out| change.encode(out));
        }
    }

    fn write_outcomes(&self, writer: &mut Writer<'_>) {
        for (key, observations) in &self.outcomes {
            match observations.is_empty() {
                true => writer.sink.delete(Table::Outcome, key),
                false => {
                    writer.value.clear();
                    put_observations(&mut writer.value, observations);
                    writer.sink.put(Table::Outcome, key, &writer.value);
                }
            }
        }
    }
}

fn write_cells(cells: Cells, writer: &mut Writer<'_>) {
    write_few(Table::CubeMonths, MonthSub::WIDTH, &cells.months.sorted(), writer);
    for (key, changes) in cells.days.sorted() {
        write_sheet(Table::CubeDays, key, DaySub::WIDTH, sums(&changes, |sub| sub), writer);
    }
    let areas = cells.areas.sorted();
    for (key, changes) in &areas {
        write_sheet(Table::CubeAreas, *key, 1, sums(changes, |sub| AreaSub::unpack(sub).low.into()), writer);
    }
    for (key, changes) in areas {
        write_sheet(Table::AreaJournal, key, AreaSub::WIDTH, sums(&changes, |sub| sub), writer);
    }
    write_few(Table::Homes, HomeSub::WIDTH, &cells.homes.sorted(), writer);
    for (key, changes) in cells.homes_by_area.sorted() {
        write_sheet(Table::HomesByArea, key, HomeSub::WIDTH_BY_AREA, sums(&changes, |sub| sub), writer);
    }
    for (key, change) in cells.spans.sorted() {
        key.put(writer.key(Table::SpanCell));
        writer.merge(Table::SpanCell, |out| change.encode(out));
    }
    for ((service, measure, period, area), change) in cells.pledges.sorted() {
        writer.key(Table::PledgeCell).be32(service).be32(measure).period(period).be32(area);
        writer.merge(Table::PledgeCell, |out| change.encode(out));
    }
    for ((source, id), change) in cells.fulfilments.sorted() {
        writer.key(Table::Fulfilment).be32(source).bytes(&id);
        writer.merge(Table::Fulfilment, |out| change.encode(out));
    }
}

/// Changes of one sheet, in order of sub-keys, summed by what `sub` makes of them, which keeps the order.
fn sums(changes: &[Change], sub: fn(u64) -> u64) -> impl Iterator<Item = (u64, Cell)> {
    changes.chunk_by(move |a, b| sub(a.sub) == sub(b.sub)).map(move |same| {
        let mut sum = Cell::default();
        same.iter().for_each(|change| sum += change.cell());
        (sub(same[0].sub), sum)
    })
}

/// A sheet that was touched is merged even if its changes cancel out: a cut between them would have merged it too.
fn write_sheet(table: Table, (front, back): (u64, u64), width: u8, items: impl Iterator<Item = (u64, Cell)>, writer: &mut Writer<'_>) {
    // Both numbers are as wide as the table's key has them.
    let (front_bytes, back_bytes) = match table {
        Table::CubeMonths => (8, 0),
        Table::CubeDays => (8, 6),
        Table::Homes => (4, 5),
        Table::HomesByArea => (4, 8),
        _ => (8, 8),
    };
    writer.key(table).bytes(&front.to_be_bytes()[8 - front_bytes..]).bytes(&back.to_be_bytes()[8 - back_bytes..]);
    writer.merge(table, |out| {
        put_head(out, width);
        items.for_each(|(sub, sum)| put_item(out, width, sub, &sum));
    });
}

fn write_few(table: Table, width: u8, sorted: &[(SheetKey, Cell)], writer: &mut Writer<'_>) {
    for sheet in sorted.chunk_by(|(a, _), (b, _)| (a.front, a.back) == (b.front, b.back)) {
        let (key, _) = sheet[0];
        write_sheet(table, (key.front, key.back), width, sheet.iter().map(|(key, sum)| (key.sub, *sum)), writer);
    }
}
