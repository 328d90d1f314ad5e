//! A council's measures, looked up once for a question.

use super::{Error, corrupt, read};
use crate::bytes::Corrupt;
use crate::event::{Body, Role, Side};
use crate::rows::{read_definition, read_number};
use crate::tables::{DefinitionKind, Key, NameKind, Rows, Table};
use rustc_hash::FxHashMap;

/// One measure. Places are indices into [`Measures::all`].
pub(super) struct Measure {
    pub id: String,
    pub unit: String,
    pub side: Side,
    pub role: Role,
    /// The place of its base; its own if it is none's contra measure.
    pub base: usize,
    /// Whether its quantities count negative in its base.
    pub negative: bool,
}

/// All measures by ascending id.
pub(super) struct Measures {
    all: Vec<Measure>,
    by_number: FxHashMap<u32, usize>,
}

impl Measures {
    pub fn load<R: Rows>(rows: &R, council: &str) -> Result<Self, Error<R::Error>> {
        let mut defined: Vec<(Measure, Option<String>)> = Vec::new();
        let mut prefix = Key::of(Table::Definition, council);
        prefix.byte(DefinitionKind::Measure as u8);
        scan(rows, Table::Definition, &prefix, |_, row| {
            let (_, facts) = read_definition(row)?;
            let Ok(Body::Measure(measure)) = Body::decode(facts) else {
                return Err(Corrupt("Definition"));
            };
            let contra_of = measure.contra_of.map(str::to_owned);
            let (side, role) = (measure.side, measure.role);
            let measure = Measure { id: measure.id.into(), unit: measure.unit.into(), side, role, base: 0, negative: contra_of.is_some() };
            defined.push((measure, contra_of));
            Ok(())
        })?;
        // The rows are in order of ids.
        let place = |id: &str| defined.binary_search_by(|(measure, _)| measure.id.as_str().cmp(id)).map_err(|_| corrupt(Corrupt("Definition")));
        let bases = defined.iter().map(|(measure, contra_of)| place(contra_of.as_ref().unwrap_or(&measure.id))).collect::<Result<Vec<_>, _>>()?;
        let mut by_number = FxHashMap::default();
        let mut prefix = Key::of(Table::NameByText, council);
        prefix.byte(NameKind::Measure as u8);
        let start = prefix.as_slice().len();
        scan(rows, Table::NameByText, &prefix, |key, row| {
            let id = &key[start..];
            // A measure that is only spoken of has a name and no definition.
            if let Ok(place) = defined.binary_search_by(|(measure, _)| measure.id.as_bytes().cmp(id)) {
                by_number.insert(read_number(row)?, place);
            }
            Ok(())
        })?;
        let all = defined.into_iter().zip(bases).map(|((measure, _), base)| Measure { base, ..measure }).collect();
        Ok(Self { all, by_number })
    }

    pub fn all(&self) -> &[Measure] {
        &self.all
    }

    pub fn get(&self, place: usize) -> &Measure {
        &self.all[place]
    }

    /// The place of a measure that entries with effect name: it is defined.
    pub fn place(&self, number: u32) -> Result<usize, Corrupt> {
        self.by_number.get(&number).copied().ok_or(Corrupt("NameByText"))
    }

    /// The place of a measure by its id.
    pub fn by_id(&self, id: &str) -> Result<usize, Corrupt> {
        self.all.binary_search_by(|measure| measure.id.as_str().cmp(id)).map_err(|_| Corrupt("Definition"))
    }

    /// Numbers of those that entries name, with their places.
    pub fn numbers(&self) -> impl Iterator<Item = (u32, usize)> {
        self.by_number.iter().map(|(number, place)| (*number, *place))
    }
}

/// Visits every row under a prefix.
pub(super) fn scan<R: Rows>(
    rows: &R,
    table: Table,
    prefix: &Key,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), Corrupt>,
) -> Result<(), Error<R::Error>> {
    let mut failure = None;
    let result = rows.scan(table, prefix.as_slice(), prefix.as_slice(), &mut |key, row| {
        failure = visit(key, row).err();
        failure.is_none()
    });
    read(result)?;
    failure.map_or(Ok(()), |error| Err(corrupt(error)))
}
