//! Lines of statements made or changed in this call, and the participants that follow from them.

use super::Fold;
use crate::bitmap::Change;
use crate::bytes::{Corrupt, Take};
use crate::date::{Date, Grain, Period, Span};
use crate::rows::{Posting, StatementLine};
use crate::tables::{Key, Rows, Table};
use rustc_hash::FxHashMap;

/// Roll-up of participants by months and larger.
pub(super) const MONTHS: u8 = 0;
/// Roll-up of participants by years and larger.
pub(super) const YEARS: u8 = 1;

#[derive(Default)]
pub(super) struct Statements {
    /// In order of effect; a line of a reversed posting may be there without its first form.
    pub(super) lines: Vec<StatementLine>,
    /// Places of lines by actor, as far as `indexed`: only reversals need it.
    by_actor: FxHashMap<u32, Vec<u32>>,
    indexed: usize,
    /// Changes of participants by service, roll-up and period.
    pub(super) participants: FxHashMap<(u32, u8, Period), Change>,
}

/// Whose line it is.
pub(super) fn actor_of(posting: &Posting) -> u32 {
    posting.actor.max(posting.recipient)
}

/// What a line's key ends with.
pub(super) fn put_key(key: &mut Key, posting: &Posting) {
    key.be32(actor_of(posting)).day(posting.occurred.start.0).be64(posting.sequence);
}

impl Statements {
    pub(super) fn add(&mut self, posting: Posting, in_exchange: bool) {
        self.lines.push(StatementLine { received: posting.recipient != 0, in_exchange, posting });
    }

    /// An actor took part.
    pub(super) fn take_part(&mut self, posting: &Posting) {
        for (roll, least) in [(MONTHS, Grain::Month), (YEARS, Grain::Year)] {
            self.participants.entry((posting.service, roll, posting.occurred.unit(least))).or_default().add(posting.actor);
        }
    }

    fn places(&mut self, actor: u32) -> &[u32] {
        for (place, line) in self.lines.iter().enumerate().skip(self.indexed) {
            self.by_actor.entry(actor_of(&line.posting)).or_default().push(place as u32);
        }
        self.indexed = self.lines.len();
        self.by_actor.get(&actor).map_or(&[], Vec::as_slice)
    }

    /// Replaces the line of a posting that is now reversed, or adds it over the stored one.
    fn mark(&mut self, posting: Posting, in_exchange: bool) {
        let places = self.places(actor_of(&posting)).to_vec();
        match places.into_iter().find(|place| self.lines[*place as usize].posting.sequence == posting.sequence) {
            Some(place) => self.lines[place as usize].posting = posting,
            None => self.add(posting, in_exchange),
        }
    }
}

impl<R: Rows> Fold<'_, R> {
    /// The line of a reversed posting is marked; of a contribution, the actor leaves where nothing else keeps them.
    pub(super) fn mark_line(&mut self, posting: Posting, in_exchange: bool) -> Result<(), R::Error> {
        self.statements.mark(posting, in_exchange);
        if posting.actor == 0 {
            return Ok(());
        }
        let (month, year) = (posting.occurred.unit(Grain::Month), posting.occurred.unit(Grain::Year));
        let (stays_month, stays_year) = self.stays(&posting, month, year)?;
        for (roll, period, stays) in [(MONTHS, month, stays_month), (YEARS, year, stays_year)] {
            let change = self.statements.participants.entry((posting.service, roll, period)).or_default();
            if !stays {
                change.remove(posting.actor);
            }
        }
        Ok(())
    }

    /// Whether another live contribution of the actor stands in the same cell of months, and of years.
    fn stays(&mut self, gone: &Posting, month: Period, year: Period) -> Result<(bool, bool), R::Error> {
        let mut stays = (false, false);
        let mut see = |line: &StatementLine| {
            let other = &line.posting;
            if !line.received && other.is_live() && other.service == gone.service && other.sequence != gone.sequence {
                stays.0 |= other.occurred.unit(Grain::Month) == month;
                stays.1 |= other.occurred.unit(Grain::Year) == year;
            }
            // Who stands in the cell of months stands in that of years.
            !stays.0
        };
        let places = self.statements.places(gone.actor).to_vec();
        let here: Vec<&StatementLine> = places.iter().map(|place| &self.statements.lines[*place as usize]).collect();
        let settled = !here.iter().all(|line| see(line));
        if settled {
            return Ok(stays);
        }
        // What stands in the cell of years began in that year; nothing else needs to be looked at.
        let Span { start, end } = match year.grain {
            Grain::Ever => Span { start: Date(i32::MIN), end: Date(i32::MAX) },
            _ => year.span(),
        };
        let mut prefix = Key::of(Table::Statement, self.council);
        prefix.be32(gone.actor);
        let mut from = prefix.clone();
        from.day(start.0);
        let mut corrupt = None;
        self.rows.scan(Table::Statement, prefix.as_slice(), from.as_slice(), &mut |key, row| {
            let rest = key.get(prefix.as_slice().len()..).unwrap_or_default();
            match read_line(rest, row) {
                Ok((day, _)) if day > end.0 => false,
                Ok((_, line)) => here.iter().any(|other| other.posting.sequence == line.posting.sequence) || see(&line),
                Err(error) => {
                    corrupt = Some(error);
                    false
                }
            }
        })?;
        corrupt.map_or(Ok(stays), |error| Err(error.into()))
    }
}

fn read_line(rest_of_key: &[u8], row: &[u8]) -> Result<(i32, StatementLine), Corrupt> {
    Ok((Take::new("Statement", rest_of_key).ordered()?, StatementLine::decode(row)?))
}
