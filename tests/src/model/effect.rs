//! Effects. Most are nothing but the state of the entry, since every view is computed from the entries; what is kept here is what
//! depends on the order in which things happened.

use super::calendar::unit;
use super::council::{Council, EXCHANGE_LIVE_MAX, Exchange, Move};
use super::entry::{State, Wait};
use super::judge::version;
use tandem_proto::v1::Side;
use tandem_proto::v1::facts::Body;

impl Council {
    pub(super) fn take_effect(&mut self, sequence: u64) {
        let entry = self.entry(sequence).clone();
        let key = entry.key.clone().expect("only identified entries take effect");
        match entry.body.expect("only known bodies take effect") {
            Body::ContributionRecorded(_) | Body::StateInputRecorded(_) => {
                self.post(sequence, 1);
                self.causes.push_back(Wait::Target(key));
            }
            Body::PledgeMade(_) | Body::OutcomeObserved(_) => self.causes.push_back(Wait::Target(key)),
            Body::EntryReversed(reversal) => {
                let target = self.entry(sequence).key_of(&reversal.target_source, &reversal.target_event_id);
                let target = self.by_key[&target][0];
                self.undo(target, sequence);
            }
            Body::ServiceDefined(service) => self.define(1, service.id, String::new(), sequence, Some(Wait::Service)),
            Body::MeasureDefined(measure) => self.define(2, measure.id, String::new(), sequence, Some(Wait::Measure)),
            Body::IndicatorDefined(indicator) => self.define(3, indicator.id, String::new(), sequence, Some(Wait::Indicator)),
            Body::AreaDefined(area) => self.define(4, area.area, area.vintage, sequence, None),
            Body::ValuationPublished(valuation) => self.define(5, valuation.id, version(valuation.version), sequence, None),
        }
    }

    fn define(&mut self, kind: i32, id: String, part: String, sequence: u64, wait: Option<fn(String) -> Wait>) {
        let before = self.definitions.insert((kind, id.clone(), part), sequence);
        if let (None, Some(wait)) = (before, wait) {
            self.causes.push_back(wait(id));
        }
    }

    fn undo(&mut self, target: u64, by: u64) {
        let entry = self.entry_mut(target);
        entry.state = State::Reversed;
        entry.reversed_by = Some(by);
        if self.entry(target).given().is_some() {
            self.post(target, -1);
        }
    }

    /// A contribution or state input comes (1) or goes (-1), and with it, perhaps, its exchange's being two-sided.
    fn post(&mut self, sequence: u64, sign: i64) {
        let book_time_us = self.book_time_us();
        let moved = |sequence, live, matched| Move { sequence, live, matched, book_time_us };
        let entry = self.entry(sequence);
        let given = entry.given().expect("postings have a quantity");
        if given.exchange.is_empty() {
            self.moves.push(moved(sequence, sign, 0));
            return;
        }
        let id = given.exchange.to_owned();
        let home = (given.service.to_owned(), given.area.to_owned(), unit(&entry.start, &entry.end, "month"));
        let side = usize::from(given.side == Side::State);
        let exchange = self.exchanges.entry(id.clone()).or_insert(Exchange { home, postings: vec![], live: [0, 0] });
        let (was_two_sided, was_full) = (exchange.is_two_sided(), exchange.live[0] + exchange.live[1] == EXCHANGE_LIVE_MAX);
        exchange.live[side] = exchange.live[side].checked_add_signed(sign).expect("only live entries go");
        let is_two_sided = exchange.is_two_sided();
        let others: Vec<u64> = if was_two_sided != is_two_sided { exchange.postings.clone() } else { vec![] };
        if sign > 0 {
            exchange.postings.push(sequence);
        }
        let matched = if sign > 0 { i64::from(is_two_sided) } else { -i64::from(was_two_sided) };
        self.moves.push(moved(sequence, sign, matched));
        for other in others.into_iter().filter(|other| *other != sequence) {
            if self.entry(other).is_live() {
                self.moves.push(moved(other, 0, sign));
            }
        }
        if sign < 0 && was_full {
            self.causes.push_back(Wait::Exchange(id));
        }
    }
}
