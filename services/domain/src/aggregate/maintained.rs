//! Maintained valuations: what each exchange is worth, and what that adds up to by home, kept at hand so that a question by such a
//! valuation need not read every exchange.
//!
//! ```text
//!  publish ──▶ fill ───────────────────▶ follow ──────────────────▶ drop, once four later ones are published
//!              all exchanges, in order   those that new entries      its rows, in chunks
//!                                        touch, see [`touched`]
//! ```
//!
//! **Which.** Of the published versions that are marked `maintained`, the [`MAINTAINED_MAX`] whose definitions stand last in the book.
//! A valuation is named in keys by the sequence of its definition, which never comes again.
//!
//! **Position.** A valuation's [`Progress`] says how many entries it has taken. For every exchange its stored worth is that of a moment not
//! before that point, and what later entries touch is worked out again when they are taken: so every step may begin anywhere, and may be
//! done twice. What an exchange is worth changes by nothing else: of a measure neither unit, side nor contra_of ever change, nor does a
//! published version. Once the progress is at the end of the views, the sums are those of the views.
//!
//! **Steps.** [`step`] is pure: rows of one snapshot → changes, to be committed at once, so that sums and position never part.

mod answer;
mod row;
mod touched;

use super::sums::Overflow;
use super::{Asked, Error, Question, ValuationAsked, ask, corrupt, read};
use crate::bytes::Corrupt;
use crate::event::Body;
use crate::rows::{Exchange, ExchangeState, Views, read_definition};
use crate::tables::{DefinitionKind, Key, Rows, Sink, Table};
use crate::valuation::Prices;
use row::{Home, HomeSums, Phase, Point, Progress, Standing};
use std::collections::BTreeMap;
use touched::Touched;

pub use answer::{State, state, states};

/// Versions of valuations that a council has maintained.
pub const MAINTAINED_MAX: usize = 4;

/// How much one step does for each valuation. Neither is 0.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Entries taken; of those that they cure, as many again.
    pub entries: u64,
    /// Exchanges filled in, or dropped.
    pub exchanges: usize,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stepped {
    /// Whether anything is to be committed.
    pub changed: bool,
    /// Whether another step has something to do on the same rows.
    pub more: bool,
    /// Valuations whose amounts do not fit into 128 bits: they stay behind, and questions read every exchange.
    pub too_large: u32,
}

/// Brings a council's maintained valuations a step nearer to the end of its views. What it wrote must be committed before the next one reads.
pub fn step<R: Rows>(rows: &R, council: &str, bounds: Bounds, sink: &mut dyn Sink) -> Result<Stepped, Error<R::Error>> {
    let (wanted, stored) = (wanted(rows, council)?, all_progress(rows, council)?);
    let end = End::read(rows, council)?;
    let mut stepped = Stepped::default();
    let is_wanted = |sequence: u64| wanted.iter().any(|one| one.sequence == sequence);
    for (sequence, progress) in &stored {
        if progress.phase == Phase::Dropping || !is_wanted(*sequence) {
            stepped.changed = true;
            let is_gone = drop_some(rows, council, *sequence, bounds.exchanges, sink)?;
            stepped.more |= !is_gone || is_wanted(*sequence);
        }
    }
    // Valuations that are equally far have the same to do.
    let mut shared: Option<(Point, u64, Touched)> = None;
    for one in &wanted {
        let progress = stored.get(&one.sequence).cloned().unwrap_or_else(|| Progress::new(end.point));
        let is_done = progress.phase == Phase::Following && progress.point == end.point;
        if is_done || progress.phase == Phase::Dropping {
            continue;
        }
        let question = Question { valuation: Some(one.asked()), ..Question::default() };
        let work = Work { asked: ask(rows, council, &question)?, sequence: one.sequence, bounds, end: &end };
        let advanced = match &progress.phase {
            Phase::Filling { after, exchanges } => work.fill(progress.point, after, *exchanges),
            _ => work.follow(progress, &mut shared),
        };
        match advanced {
            Ok((progress, changes)) => {
                stepped.changed = true;
                stepped.more |= progress.phase != Phase::Following || progress.point != end.point;
                work.put(&progress, changes, sink)?;
            }
            Err(Error::Overflow) => stepped.too_large += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(stepped)
}

/// Where the views end.
struct End {
    point: Point,
}

impl End {
    fn read<R: Rows>(rows: &R, council: &str) -> Result<Self, Error<R::Error>> {
        let row = read(rows.get(Table::Views, Key::of(Table::Views, council).as_slice()))?;
        let views = row.map_or(Ok(Views::default()), |row| Views::decode(&row)).map_err(corrupt)?;
        Ok(Self { point: Point { folded: views.folded, applied: views.applied, cures_pending: !views.cures.is_empty() } })
    }
}

/// A version that is maintained.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    /// Of its definition.
    sequence: u64,
    id: String,
    version: u32,
}

impl Wanted {
    fn asked(&self) -> ValuationAsked {
        ValuationAsked { id: self.id.clone(), version: Some(self.version) }
    }
}

/// Those that are maintained, the last published first.
fn wanted<R: Rows>(rows: &R, council: &str) -> Result<Vec<Wanted>, Error<R::Error>> {
    let mut prefix = Key::of(Table::Definition, council);
    prefix.byte(DefinitionKind::Valuation as u8);
    let mut all = Vec::new();
    super::measures::scan(rows, Table::Definition, &prefix, |_, row| {
        let (sequence, facts) = read_definition(row)?;
        let Ok(Body::Valuation(valuation)) = Body::decode(facts) else {
            return Err(Corrupt("Definition"));
        };
        if valuation.maintained {
            all.push(Wanted { sequence, id: valuation.id.into(), version: valuation.version });
        }
        Ok(())
    })?;
    all.sort_unstable_by_key(|one| std::cmp::Reverse(one.sequence));
    all.truncate(MAINTAINED_MAX);
    Ok(all)
}

fn key_of(table: Table, council: &str, sequence: u64) -> Key {
    let mut key = Key::of(table, council);
    key.be64(sequence);
    key
}

/// How far every valuation is that has rows.
fn all_progress<R: Rows>(rows: &R, council: &str) -> Result<BTreeMap<u64, Progress>, Error<R::Error>> {
    let prefix = Key::of(Table::MaintainedProgress, council);
    let start = prefix.as_slice().len();
    let mut all = BTreeMap::new();
    super::measures::scan(rows, Table::MaintainedProgress, &prefix, |key, row| {
        let sequence = crate::bytes::Take::new("MaintainedProgress", &key[start..]).be64()?;
        all.insert(sequence, Progress::decode(row)?);
        Ok(())
    })?;
    Ok(all)
}

/// Drops some rows of a valuation, and says whether those were the last. Until they are, its progress says that they go.
fn drop_some<R: Rows>(rows: &R, council: &str, sequence: u64, rows_max: usize, sink: &mut dyn Sink) -> Result<bool, Error<R::Error>> {
    let mut left = rows_max;
    for table in [Table::MaintainedWorth, Table::MaintainedSums] {
        let prefix = key_of(table, council, sequence);
        let mut keys = Vec::new();
        read(rows.scan(table, prefix.as_slice(), prefix.as_slice(), &mut |key, _| {
            keys.push(key.to_vec());
            keys.len() < left
        }))?;
        keys.iter().for_each(|key| sink.delete(table, key));
        left = left.saturating_sub(keys.len());
        if left == 0 {
            break;
        }
    }
    let key = key_of(Table::MaintainedProgress, council, sequence);
    match left {
        0 => sink.put(Table::MaintainedProgress, key.as_slice(), &Progress::dropping().encode()),
        _ => sink.delete(Table::MaintainedProgress, key.as_slice()),
    }
    Ok(left > 0)
}

/// One valuation's step.
struct Work<'a, R> {
    asked: Asked<'a, R>,
    sequence: u64,
    bounds: Bounds,
    end: &'a End,
}

/// What a step changes, unless it is nothing: worths by exchange, and differences of sums.
#[derive(Default)]
struct Changes {
    worths: BTreeMap<Vec<u8>, Option<Standing>>,
    homes: BTreeMap<Home, HomeSums>,
}

impl<R: Rows> Work<'_, R> {
    /// Takes the next exchanges in order of ids.
    fn fill(&self, point: Point, after: &[u8], exchanges: u64) -> Result<(Progress, Changes), Error<R::Error>> {
        let prefix = Key::of(Table::Exchange, self.asked.council);
        let start = prefix.as_slice().len();
        let mut from = prefix.clone();
        from.bytes(after);
        let mut ids: Vec<Vec<u8>> = Vec::new();
        let result = self.asked.rows.scan(Table::Exchange, prefix.as_slice(), from.as_slice(), &mut |key, _| {
            if &key[start..] > after {
                ids.push(key[start..].to_vec());
            }
            ids.len() < self.bounds.exchanges
        });
        read(result)?;
        let changes = self.asked.worth_again(self.sequence, &ids)?;
        let phase = match ids.last().filter(|_| ids.len() == self.bounds.exchanges) {
            Some(last) => Phase::Filling { after: last.clone(), exchanges: exchanges + ids.len() as u64 },
            None => Phase::Following,
        };
        Ok((Progress { point, phase }, changes))
    }

    /// Takes the next entries.
    fn follow(&self, progress: Progress, shared: &mut Option<(Point, u64, Touched)>) -> Result<(Progress, Changes), Error<R::Error>> {
        let to = self.end.point.folded.min(progress.point.folded.saturating_add(self.bounds.entries));
        if !shared.as_ref().is_some_and(|(from, end, _)| (*from, *end) == (progress.point, to)) {
            let touched = touched::between(self.asked.rows, self.asked.council, progress.point, to, self.bounds.entries)?;
            *shared = Some((progress.point, to, touched));
        }
        match shared {
            Some((_, _, Touched::These(ids))) => {
                let changes = self.asked.worth_again(self.sequence, ids)?;
                // The views may have cures to come whose causes are all taken.
                let point = Point { folded: to, ..self.end.point };
                Ok((Progress { point, ..progress }, changes))
            }
            // So many that they are sooner found by going through all of them again: their worths stay until then.
            _ => Ok((Progress::new(self.end.point), Changes::default())),
        }
    }

    /// Writes a step.
    fn put(&self, progress: &Progress, changes: Changes, sink: &mut dyn Sink) -> Result<(), Error<R::Error>> {
        let (rows, council) = (self.asked.rows, self.asked.council);
        for (id, standing) in changes.worths {
            let mut key = key_of(Table::MaintainedWorth, council, self.sequence);
            key.bytes(&id);
            match standing {
                Some(standing) => sink.put(Table::MaintainedWorth, key.as_slice(), &standing.encode()),
                None => sink.delete(Table::MaintainedWorth, key.as_slice()),
            }
        }
        let key = |home: &Home| {
            let mut key = key_of(Table::MaintainedSums, council, self.sequence);
            home.put(&mut key);
            key.into_vec()
        };
        let keys: Vec<_> = changes.homes.keys().map(key).collect();
        let before = read(rows.get_many(Table::MaintainedSums, &keys))?;
        for ((key, before), change) in keys.iter().zip(before).zip(changes.homes.into_values()) {
            let mut sums = before.map_or(Ok(HomeSums::default()), |row| HomeSums::decode(&row)).map_err(corrupt)?;
            sums.plus(&change).map_err(|Overflow| Error::Overflow)?;
            match sums.is_nothing() {
                true => sink.delete(Table::MaintainedSums, key),
                false => sink.put(Table::MaintainedSums, key, &sums.encode()),
            }
        }
        let key = key_of(Table::MaintainedProgress, council, self.sequence);
        sink.put(Table::MaintainedProgress, key.as_slice(), &progress.encode());
        Ok(())
    }
}

impl<R: Rows> Asked<'_, R> {
    /// Works out what exchanges are worth, and how that differs from what is stored. `ids` ascend.
    fn worth_again(&self, sequence: u64, ids: &[Vec<u8>]) -> Result<Changes, Error<R::Error>> {
        let prices = self.prices.as_ref().ok_or_else(|| corrupt(Corrupt("Definition")))?;
        let keys = |front: Key| -> Vec<Vec<u8>> { ids.iter().map(|id| [front.as_slice(), id].concat()).collect() };
        let exchanges = read(self.rows.get_many(Table::Exchange, &keys(Key::of(Table::Exchange, self.council))))?;
        let before = read(self.rows.get_many(Table::MaintainedWorth, &keys(key_of(Table::MaintainedWorth, self.council, sequence))))?;
        let mut changes = Changes::default();
        for ((id, exchange), before) in ids.iter().zip(exchanges).zip(before) {
            // What an entry in suspense names may not be there.
            let Some(exchange) = exchange.map(|row| Exchange::decode(&row)).transpose().map_err(corrupt)? else {
                continue;
            };
            let before = before.map(|row| Standing::decode(&row)).transpose().map_err(corrupt)?;
            let after = self.standing(prices, id, &exchange)?;
            if before == after {
                continue;
            }
            for home in Home::both(&exchange.home) {
                let sums = changes.homes.entry(home).or_default();
                let mut change = |standing: &Option<Standing>, sign| standing.as_ref().map_or(Ok(()), |standing| sums.add(standing, sign));
                change(&before, -1).and_then(|()| change(&after, 1)).map_err(|Overflow| Error::Overflow)?;
            }
            changes.worths.insert(id.clone(), after);
        }
        Ok(changes)
    }

    /// What an exchange adds to its home; `None`: nothing, it is empty.
    fn standing(&self, prices: &Prices, id: &[u8], exchange: &Exchange) -> Result<Option<Standing>, Error<R::Error>> {
        let state = exchange.state();
        let Some(first_day) = exchange.first_day().filter(|_| state != ExchangeState::Empty) else {
            return Ok(None);
        };
        let worth = self.worth(prices, id, exchange)?;
        let priced = worth.unpriced.is_empty().then_some([worth.citizen, worth.state]);
        Ok(Some(Standing { state, first_day, priced, unpriced: worth.unpriced.into_iter().collect() }))
    }
}
