//! One council's rows as an answer reads them: keys made, names looked up once, errors in the caller's words.

use super::Readable;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;
use tandem_domain::bytes::Corrupt;
use tandem_domain::event::{Body, Side};
use tandem_domain::position::LogId;
use tandem_domain::rows::{Book, Views, read_definition, read_number};
use tandem_domain::tables::{DefinitionKind, Key, NameKind, Table};
use tandem_wire::status::Failure;

/// A council under one snapshot.
pub struct View<'a, R> {
    rows: &'a R,
    council: &'a str,
    log: LogId,
    deadline: Deadline,
    names: RefCell<HashMap<(u8, u32), Rc<str>>>,
    measures: RefCell<HashMap<u32, Rc<MeasureShown>>>,
}

/// Until when somebody waits for an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    /// Fails once it has passed. Long scans ask now and then.
    pub fn check(self) -> Result<(), Failure> {
        match self.0.is_some_and(|deadline| Instant::now() > deadline) {
            true => Err(Failure::Expired("the answer took longer than the call's deadline: ask for less, or allow more time".into())),
            false => Ok(()),
        }
    }
}

/// What answers show of a measure.
pub(super) struct MeasureShown {
    pub id: Rc<str>,
    pub name: String,
    pub unit: String,
    /// Its side; `None` only if it is not defined.
    pub side: Option<Side>,
}

impl<'a, R: Readable> View<'a, R> {
    /// `rows` are one snapshot. After `deadline` reading stops: nobody waits for the answer any more.
    pub fn new(rows: &'a R, council: &'a str, log: LogId, deadline: Option<Instant>) -> Self {
        Self { rows, council, log, deadline: Deadline(deadline), names: RefCell::default(), measures: RefCell::default() }
    }

    /// The rows.
    pub fn rows(&self) -> &'a R {
        self.rows
    }

    /// The council.
    pub fn council(&self) -> &'a str {
        self.council
    }

    /// The log that positions are of.
    pub fn log(&self) -> LogId {
        self.log
    }

    /// The same snapshot, of another council.
    pub(super) fn of<'b>(&self, council: &'b str) -> View<'b, R>
    where
        'a: 'b,
    {
        View::new(self.rows, council, self.log, self.deadline.0)
    }

    /// Until when somebody waits.
    pub(super) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Fails once the deadline has passed. Long scans ask now and then.
    pub(super) fn check_deadline(&self) -> Result<(), Failure> {
        self.deadline.check()
    }

    pub(super) fn key(&self, table: Table) -> Key {
        Key::of(table, self.council)
    }

    pub(super) fn get(&self, table: Table, key: &Key) -> Result<Option<Vec<u8>>, Failure> {
        self.rows.get(table, key.as_slice()).map_err(Into::into)
    }

    /// Keys sorted and distinct.
    pub(super) fn get_many(&self, table: Table, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, Failure> {
        self.rows.get_many(table, keys).map_err(Into::into)
    }

    /// Visits rows whose keys begin with `prefix`, from the one after `after` on (what follows the prefix in its key) or from the first;
    /// `visit` gets what follows the prefix, and says whether to go on.
    pub(super) fn scan(
        &self,
        table: Table,
        prefix: &Key,
        from: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let prefix = prefix.as_slice();
        let (mut failure, mut seen) = (None, 0u32);
        let result = self.rows.scan(table, prefix, &[prefix, from].concat(), &mut |key, value| {
            seen += 1;
            let timely = if seen.is_multiple_of(4_096) { self.check_deadline() } else { Ok(()) };
            match timely.and_then(|()| visit(&key[prefix.len()..], value)) {
                Ok(go_on) => go_on,
                Err(error) => {
                    failure = Some(error);
                    false
                }
            }
        });
        result.map_err(Into::into)?;
        failure.map_or(Ok(()), Err)
    }

    /// The council's book; `None` if it has no record yet.
    pub fn book(&self) -> Result<Option<Book>, Failure> {
        self.get(Table::Book, &self.key(Table::Book))?.map(|row| Book::decode(&row).map_err(corrupt)).transpose()
    }

    /// How far the council's views are.
    pub(super) fn views(&self) -> Result<Views, Failure> {
        self.get(Table::Views, &self.key(Table::Views))?.map_or(Ok(Views::default()), |row| Views::decode(&row).map_err(corrupt))
    }

    /// The text of a name; empty for 0, which is none.
    pub(super) fn name(&self, kind: NameKind, number: u32) -> Result<Rc<str>, Failure> {
        if number == 0 {
            return Ok("".into());
        }
        if let Some(name) = self.names.borrow().get(&(kind as u8, number)) {
            return Ok(name.clone());
        }
        let mut key = self.key(Table::NameByNumber);
        key.byte(kind as u8).be32(number);
        let row = self.get(Table::NameByNumber, &key)?.ok_or_else(|| corrupt(Corrupt("NameByNumber")))?;
        let name: Rc<str> = String::from_utf8(row).map_err(|_| corrupt(Corrupt("NameByNumber")))?.into();
        self.names.borrow_mut().insert((kind as u8, number), name.clone());
        Ok(name)
    }

    /// The number of a name; `None` if the council never needed it.
    pub(super) fn number(&self, kind: NameKind, text: &str) -> Result<Option<u32>, Failure> {
        let mut key = self.key(Table::NameByText);
        key.byte(kind as u8).bytes(text.as_bytes());
        self.get(Table::NameByText, &key)?.map(|row| read_number(&row).map_err(corrupt)).transpose()
    }

    /// A measure by its number.
    pub(super) fn measure(&self, number: u32) -> Result<Rc<MeasureShown>, Failure> {
        if let Some(shown) = self.measures.borrow().get(&number) {
            return Ok(shown.clone());
        }
        let id = self.name(NameKind::Measure, number)?;
        let mut key = self.key(Table::Definition);
        key.byte(DefinitionKind::Measure as u8).bytes(id.as_bytes());
        let mut shown = MeasureShown { id, name: String::new(), unit: String::new(), side: None };
        if let Some(row) = self.get(Table::Definition, &key)? {
            let (_, facts) = read_definition(&row).map_err(corrupt)?;
            if let Ok(Body::Measure(measure)) = Body::decode(facts) {
                (shown.name, shown.unit, shown.side) = (measure.name.into(), measure.unit.into(), Some(measure.side));
            }
        }
        let shown = Rc::new(shown);
        self.measures.borrow_mut().insert(number, shown.clone());
        Ok(shown)
    }
}

/// A row that does not decode: no answer rather than a wrong one.
pub(super) fn corrupt(corrupt: Corrupt) -> Failure {
    Failure::Internal(corrupt.to_string())
}
