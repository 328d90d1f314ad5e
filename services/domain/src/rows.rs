//! What stands in the rows of [`crate::tables`], but for cells and bitmaps: each row's fields and its bytes. The fold writes them,
//! whoever answers reads them. Equal rows have equal bytes.

use crate::bytes::{Corrupt, Take, put_signed, put_unsigned};
use crate::date::{Date, LATEST, Period, Span};
use crate::event::{EventId, Evidence, Side};
use crate::tables::NAME_KINDS;
use std::collections::VecDeque;

/// Live entries that an exchange holds at most.
pub const EXCHANGE_LIVE_MAX: u32 = 65_536;
/// Postings of a page of an exchange; the row itself holds fewer.
pub const PAGE_POSTINGS: usize = 64;

/// How far a council's book is. It is not a view: what it says of duplicates and positions cannot be had from the entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// Entries: the next sequence.
    pub entries: u64,
    /// Book time of the last entry, microseconds since 1970 UTC.
    pub book_time_us: u64,
    /// Records that were exact duplicates.
    pub duplicates: u64,
    /// Where the last record stood that was taken, duplicates included: partition, offset of the frame, index in it.
    pub partition: u32,
    /// See `partition`.
    pub offset: u64,
    /// See `partition`.
    pub index: u32,
}

impl Book {
    /// Its bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for value in [self.entries, self.book_time_us, self.duplicates, u64::from(self.partition), self.offset, u64::from(self.index)] {
            put_unsigned(out, value.into());
        }
    }

    /// Reads its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut take = Take::new("Book", bytes);
        Ok(Self {
            entries: take.number()?,
            book_time_us: take.number()?,
            duplicates: take.number()?,
            partition: take.number()?,
            offset: take.number()?,
            index: take.number()?,
        })
    }
}

/// How far a council's views are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Views {
    /// The fold that made them.
    pub fold_version: u32,
    /// Entries folded; less than the book's only while a rebuild runs.
    pub folded: u64,
    /// Entries that took effect, reversed ones included.
    pub applied: u64,
    /// Entries in suspense.
    pub suspended: u64,
    /// Entries cancelled.
    pub reversed: u64,
    /// Names given, by [`crate::tables::NameKind`].
    pub names: [u32; NAME_KINDS],
    /// Cures that are due, first in first out.
    pub cures: VecDeque<Cure>,
}

/// A cure that is due: what waits for `wait`, from the sequence after `after` on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cure {
    /// The cause.
    pub wait: Wait,
    /// The last sequence that was visited.
    pub after: Option<u64>,
}

impl Views {
    /// Its bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for value in [u64::from(self.fold_version), self.folded, self.applied, self.suspended, self.reversed] {
            put_unsigned(out, value.into());
        }
        self.names.iter().for_each(|count| put_unsigned(out, (*count).into()));
        put_unsigned(out, self.cures.len() as u128);
        for cure in &self.cures {
            cure.wait.put(out);
            put_unsigned(out, cure.after.map_or(0, |sequence| u128::from(sequence) + 1));
        }
    }

    /// Reads its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut take = Take::new("Views", bytes);
        let mut views = Self {
            fold_version: take.number()?,
            folded: take.number()?,
            applied: take.number()?,
            suspended: take.number()?,
            reversed: take.number()?,
            ..Self::default()
        };
        for count in &mut views.names {
            *count = take.number()?;
        }
        for _ in 0..take.number::<u32>()? {
            let wait = Wait::take(&mut take)?;
            views.cures.push_back(Cure { wait, after: take.number::<u64>()?.checked_sub(1) });
        }
        Ok(views)
    }
}

/// A row of the archive: book time (8, big-endian) ‖ Record.
pub fn put_entry(out: &mut Vec<u8>, book_time_us: u64, record: &[u8]) {
    out.extend_from_slice(&book_time_us.to_be_bytes());
    out.extend_from_slice(record);
}

/// What [`put_entry`] wrote.
pub fn read_entry(row: &[u8]) -> Result<(u64, &[u8]), Corrupt> {
    let mut take = Take::new("Entry", row);
    Ok((take.be64()?, take.rest()))
}

/// The sequences of an index row, ascending: the first may have its effect, the others are in conflict with it.
pub fn read_sequences(row: &[u8]) -> Result<Vec<u64>, Corrupt> {
    let mut take = Take::new("Index", row);
    let mut sequences = Vec::with_capacity(row.len() / 8);
    while !take.is_empty() {
        sequences.push(take.be64()?);
    }
    Ok(sequences)
}

/// A number of NameByText, 4 bytes big-endian.
pub fn read_number(row: &[u8]) -> Result<u32, Corrupt> {
    Take::new("Name", row).be32()
}

/// A definition: sequence of the entry that gave it its present form (8, big-endian) ‖ Facts.
pub fn put_definition(out: &mut Vec<u8>, sequence: u64, facts: &[u8]) {
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(facts);
}

/// What [`put_definition`] wrote.
pub fn read_definition(row: &[u8]) -> Result<(u64, &[u8]), Corrupt> {
    let mut take = Take::new("Definition", row);
    Ok((take.be64()?, take.rest()))
}

/// Why an entry is in suspense. The numbers are those of the proto.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the proto's SuspenseReason says what each means")]
pub enum Reason {
    UnknownService = 1,
    UnknownMeasure = 2,
    UnknownIndicator = 3,
    UnknownTarget = 4,
    Conflict = 5,
    UnknownBody = 6,
    WrongSide = 7,
    AlreadyReversed = 8,
    NotReversible = 9,
    NotPermitted = 10,
    ExchangeFull = 11,
    Redefinition = 12,
}

impl Reason {
    /// From its number.
    pub fn from_number(number: u8) -> Option<Self> {
        use Reason::*;
        let all = [
            UnknownService,
            UnknownMeasure,
            UnknownIndicator,
            UnknownTarget,
            Conflict,
            UnknownBody,
            WrongSide,
            AlreadyReversed,
            NotReversible,
            NotPermitted,
            ExchangeFull,
            Redefinition,
        ];
        all.get(usize::from(number).wrapping_sub(1)).copied()
    }
}

/// What an entry in suspense waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// The definition of a service.
    Service(String),
    /// The definition of a measure.
    Measure(String),
    /// The definition of an indicator.
    Indicator(String),
    /// An effect of the event with this source and id.
    Target(String, EventId),
    /// Room in an exchange.
    Exchange(String),
}

impl Wait {
    /// The first byte of every wait for a target.
    pub const TARGET_TAG: u8 = 4;

    fn tag(&self) -> u8 {
        match self {
            Self::Service(_) => 1,
            Self::Measure(_) => 2,
            Self::Indicator(_) => 3,
            Self::Target(..) => Self::TARGET_TAG,
            Self::Exchange(_) => 5,
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Service(text) | Self::Measure(text) | Self::Indicator(text) | Self::Target(text, _) | Self::Exchange(text) => text,
        }
    }

    /// Its bytes: tag ‖ text ‖ 0 (‖ event id). No wait is the front of another, so that what waits for one can be scanned.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.push(self.tag());
        out.extend_from_slice(self.text().as_bytes());
        out.push(0);
        if let Self::Target(_, event_id) = self {
            out.extend_from_slice(event_id);
        }
    }

    /// Reads what [`Wait::put`] wrote.
    pub fn take(take: &mut Take<'_>) -> Result<Self, Corrupt> {
        let tag = take.byte()?;
        let text = take.text()?.to_owned();
        Ok(match tag {
            1 => Self::Service(text),
            2 => Self::Measure(text),
            3 => Self::Indicator(text),
            Self::TARGET_TAG => Self::Target(text, take.bytes(16)?.try_into().map_err(|_| take.corrupt())?),
            5 => Self::Exchange(text),
            _ => return Err(take.corrupt()),
        })
    }
}

/// An entry in suspense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspense {
    /// Why.
    pub reason: Reason,
    /// What it waits for; none: nothing that may come.
    pub wait: Option<Wait>,
}

impl Suspense {
    /// Its bytes: reason ‖ wait.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.reason as u8);
        if let Some(wait) = &self.wait {
            wait.put(out);
        }
    }

    /// Reads its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut take = Take::new("Suspense", bytes);
        let reason = Reason::from_number(take.byte()?).ok_or(take.corrupt())?;
        let wait = if take.is_empty() { None } else { Some(Wait::take(&mut take)?) };
        Ok(Self { reason, wait })
    }
}

/// What befell an entry later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Sequence of the entry that cured it.
    pub cured_by: Option<u64>,
    /// Sequence of the reversal that cancelled it.
    pub reversed_by: Option<u64>,
}

impl Verdict {
    /// Its bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_optional(out, self.cured_by);
        put_optional(out, self.reversed_by);
    }

    /// Reads its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut take = Take::new("Verdict", bytes);
        Ok(Self { cured_by: optional(&mut take)?, reversed_by: optional(&mut take)? })
    }
}

fn put_optional(out: &mut Vec<u8>, value: Option<u64>) {
    put_unsigned(out, value.map_or(0, |value| u128::from(value) + 1));
}

fn optional(take: &mut Take<'_>) -> Result<Option<u64>, Corrupt> {
    match take.unsigned()?.checked_sub(1) {
        None => Ok(None),
        Some(value) => u64::try_from(value).map(Some).map_err(|_| take.corrupt()),
    }
}

/// One contribution or state input as accounts keep it. Names are numbers; 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Sequence of its entry.
    pub sequence: u64,
    /// Service.
    pub service: u32,
    /// Measure, as recorded (a contra measure is not its base).
    pub measure: u32,
    /// The measure's side.
    pub side: Side,
    /// How well it is evidenced.
    pub evidence: Evidence,
    /// Quantity, positive.
    pub quantity: u64,
    /// Area.
    pub area: u32,
    /// When it happened.
    pub occurred: Span,
    /// Who gave it; of a state input 0.
    pub actor: u32,
    /// Whom a state input was for; of a contribution 0.
    pub recipient: u32,
    /// Sequence of its reversal; none: it is live.
    pub reversed_by: Option<u64>,
}

impl Posting {
    /// Whether it has its effect.
    pub fn is_live(&self) -> bool {
        self.reversed_by.is_none()
    }

    /// Appends its bytes.
    pub fn put(&self, out: &mut Vec<u8>) {
        put_unsigned(out, self.sequence.into());
        out.push((self.side as u8) << 4 | self.evidence as u8);
        for value in [self.service, self.measure, self.area, self.actor, self.recipient] {
            put_unsigned(out, value.into());
        }
        put_unsigned(out, self.quantity.into());
        put_signed(out, self.occurred.start.0.into());
        put_unsigned(out, (i64::from(self.occurred.end.0) - i64::from(self.occurred.start.0)).unsigned_abs().into());
        put_optional(out, self.reversed_by);
    }

    /// Reads what [`Posting::put`] wrote.
    pub fn take(take: &mut Take<'_>) -> Result<Self, Corrupt> {
        let sequence = take.number()?;
        let both = take.byte()?;
        let side = side(both >> 4).ok_or(take.corrupt())?;
        let evidence = Evidence::from_number(both & 0x0f).ok_or(take.corrupt())?;
        let [service, measure, area, actor, recipient] = [take.number()?, take.number()?, take.number()?, take.number()?, take.number()?];
        let quantity = take.number()?;
        let start = take.day()?;
        let days: u32 = take.number()?;
        let end = start.0.checked_add_unsigned(days).map(Date).filter(|end| *end <= LATEST).ok_or(take.corrupt())?;
        let occurred = Span { start, end };
        Ok(Self { sequence, service, measure, side, evidence, quantity, area, occurred, actor, recipient, reversed_by: optional(take)? })
    }
}

fn side(number: u8) -> Option<Side> {
    match number {
        1 => Some(Side::Citizen),
        2 => Some(Side::State),
        _ => None,
    }
}

/// Where an exchange is counted: service, area and unit of the first entry that took effect in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    /// Service.
    pub service: u32,
    /// Area; 0: none.
    pub area: u32,
    /// Month or larger.
    pub period: Period,
}

/// State of an exchange. The numbers are those of the proto and of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExchangeState {
    /// Only citizens have a live entry.
    OneSidedCitizen = 1,
    /// Only the state has.
    OneSidedState = 2,
    /// Both have.
    TwoSided = 3,
    /// Nobody has.
    Empty = 4,
}

/// What one measure adds up to in an exchange, over live postings. Kept by ascending measure; lines with count 0 are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Measure, as recorded.
    pub measure: u32,
    /// Its side.
    pub side: Side,
    /// Sum of quantities, positive.
    pub quantity: u128,
    /// Live postings.
    pub count: u32,
}

/// An exchange: home, what it adds up to, and the postings that are on no page yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Where it is counted.
    pub home: Home,
    /// Least occurred start of live postings on the citizens' side.
    pub first_citizen: Option<Date>,
    /// The same on the state's side.
    pub first_state: Option<Date>,
    /// What it adds up to.
    pub accounts: Vec<Account>,
    /// Full pages of [`PAGE_POSTINGS`] postings each, before those of the row.
    pub pages: u32,
    /// The last postings in order of effect, fewer than [`PAGE_POSTINGS`].
    pub postings: Vec<Posting>,
}

impl Exchange {
    /// Live postings.
    pub fn live(&self) -> u32 {
        self.accounts.iter().map(|account| account.count).sum()
    }

    /// Its state.
    pub fn state(&self) -> ExchangeState {
        let has = |side| self.accounts.iter().any(|account| account.side == side && account.count > 0);
        match (has(Side::Citizen), has(Side::State)) {
            (true, true) => ExchangeState::TwoSided,
            (true, false) => ExchangeState::OneSidedCitizen,
            (false, true) => ExchangeState::OneSidedState,
            (false, false) => ExchangeState::Empty,
        }
    }

    /// The earlier of both sides' first days.
    pub fn first_day(&self) -> Option<Date> {
        self.first_citizen.into_iter().chain(self.first_state).min()
    }

    /// Whole days between both sides' first days, if it has both.
    pub fn latency_days(&self) -> Option<u32> {
        Some(self.first_citizen?.0.abs_diff(self.first_state?.0))
    }

    /// Its bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_unsigned(out, self.home.service.into());
        put_unsigned(out, self.home.area.into());
        crate::bytes::put_period(out, self.home.period);
        for first in [self.first_citizen, self.first_state] {
            out.push(u8::from(first.is_some()));
            first.inspect(|first| put_signed(out, first.0.into()));
        }
        put_unsigned(out, self.accounts.len() as u128);
        for account in &self.accounts {
            put_unsigned(out, account.measure.into());
            out.push(account.side as u8);
            put_unsigned(out, account.quantity);
            put_unsigned(out, account.count.into());
        }
        put_unsigned(out, self.pages.into());
        put_postings(out, &self.postings);
    }

    /// Reads its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let (front, postings) = Self::decode_front(bytes)?;
        Ok(Self { postings: read_postings(postings)?, ..front })
    }

    /// Reads all but its postings, which are most of it: none are in the exchange, and their bytes are for [`postings`].
    pub fn decode_front(bytes: &[u8]) -> Result<(Self, &[u8]), Corrupt> {
        let mut take = Take::new("Exchange", bytes);
        let home = Home { service: take.number()?, area: take.number()?, period: take.period()? };
        let first_citizen = if take.byte()? == 1 { Some(take.day()?) } else { None };
        let first_state = if take.byte()? == 1 { Some(take.day()?) } else { None };
        let mut accounts = Vec::new();
        for _ in 0..take.number::<u32>()? {
            let measure = take.number()?;
            let side = side(take.byte()?).ok_or(take.corrupt())?;
            accounts.push(Account { measure, side, quantity: take.unsigned()?, count: take.number()? });
        }
        let pages = take.number()?;
        Ok((Self { home, first_citizen, first_state, accounts, pages, postings: Vec::new() }, take.rest()))
    }
}

/// Appends postings; a page of an exchange is just these.
pub fn put_postings(out: &mut Vec<u8>, postings: &[Posting]) {
    postings.iter().for_each(|posting| posting.put(out));
}

/// What [`put_postings`] wrote.
pub fn read_postings(bytes: &[u8]) -> Result<Vec<Posting>, Corrupt> {
    postings(bytes).collect()
}

/// The same one by one. After an error there is nothing more to be had.
pub fn postings(bytes: &[u8]) -> impl Iterator<Item = Result<Posting, Corrupt>> {
    let mut take = Take::new("Postings", bytes);
    std::iter::from_fn(move || (!take.is_empty()).then(|| Posting::take(&mut take)))
}

/// A line of a statement: whether it was given or received, whether it stands in an exchange, and the posting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementLine {
    /// True: the actor received it. False: they gave it.
    pub received: bool,
    /// Whether it names an exchange; which one, its entry says.
    pub in_exchange: bool,
    /// The rest.
    pub posting: Posting,
}

impl StatementLine {
    /// Its bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.received) | u8::from(self.in_exchange) << 1);
        self.posting.put(out);
    }

    /// Reads its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut take = Take::new("Statement", bytes);
        let flags = take.byte()?;
        Ok(Self { received: flags & 1 != 0, in_exchange: flags & 2 != 0, posting: Posting::take(&mut take)? })
    }
}

/// One observation of an indicator, in order of effect; the last one is in force. A reversed one is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Sequence of its entry.
    pub sequence: u64,
    /// Numerator.
    pub numerator: i64,
    /// Denominator, at least 1.
    pub denominator: i64,
}

/// Appends observations.
pub fn put_observations(out: &mut Vec<u8>, observations: &[Observation]) {
    for observation in observations {
        put_unsigned(out, observation.sequence.into());
        put_signed(out, observation.numerator.into());
        put_signed(out, observation.denominator.into());
    }
}

/// What [`put_observations`] wrote.
pub fn read_observations(bytes: &[u8]) -> Result<Vec<Observation>, Corrupt> {
    let mut take = Take::new("Outcome", bytes);
    let mut observations = Vec::new();
    while !take.is_empty() {
        observations.push(Observation { sequence: take.number()?, numerator: take.narrow()?, denominator: take.narrow()? });
    }
    Ok(observations)
}
