//! A council's areas as a plain table: what is joined to an entry, and who lives where, found by going over all of it.

use crate::aggregate::Question;
use crate::metrics::{Dimension, GroupKey, Residents};
use std::collections::BTreeSet;

/// A definition.
#[derive(Clone, Debug)]
pub struct AreaRow {
    pub area: &'static str,
    pub vintage: &'static str,
    /// Empty: none.
    pub parent: &'static str,
    /// 0: none.
    pub decile: i64,
    /// Below 0: none.
    pub population: i64,
}

/// All definitions, in order of effect.
#[derive(Default)]
pub struct AreaTable(pub Vec<AreaRow>);

impl AreaTable {
    /// The definition that counts for a question.
    pub fn of(&self, question: &Question, area: &str) -> Option<&AreaRow> {
        let asked = |row: &&AreaRow| question.area_vintage.as_deref().is_none_or(|asked| asked == row.vintage);
        // Of equals the last one is found.
        self.0.iter().filter(|row| row.area == area).filter(asked).max_by_key(|row| row.vintage)
    }

    /// Values of the dimensions that are joined.
    pub fn key(&self, question: &Question, dimension: Dimension, area: &str) -> String {
        let row = self.of(question, area);
        match dimension {
            Dimension::Decile => row.filter(|row| row.decile > 0).map(|row| row.decile.to_string()).unwrap_or_default(),
            _ => row.map(|row| row.parent.to_owned()).unwrap_or_default(),
        }
    }

    /// The areas over which residents are summed.
    pub fn universe(&self, question: &Question) -> BTreeSet<String> {
        let named = &question.filters.areas;
        if !named.is_empty() {
            return named.iter().cloned().collect();
        }
        let scheme = |area: &str| area[..area.find(':').unwrap_or(area.len())].to_owned();
        let defined: BTreeSet<&str> = self.0.iter().map(|row| row.area).filter(|area| self.of(question, area).is_some()).collect();
        let schemes: BTreeSet<String> = defined.iter().map(|area| scheme(area)).collect();
        let score = |one: &String| {
            let areas: Vec<_> = defined.iter().filter(|area| scheme(area) == *one).collect();
            (areas.iter().filter(|area| self.of(question, area).unwrap().population >= 0).count(), areas.len(), one.clone())
        };
        let best = schemes.iter().map(score).max();
        defined.into_iter().filter(|area| best.as_ref().is_some_and(|(.., best)| scheme(area) == *best)).map(str::to_owned).collect()
    }

    /// The decile in which an entry of this area counts, if its residents do.
    pub fn counted_decile(&self, question: &Question, area: &str) -> Option<u8> {
        let row = self.of(question, area).filter(|row| row.decile > 0)?;
        self.universe(question).contains(area).then_some(row.decile as u8)
    }

    /// Who lives in a group's areas, or in the whole scope's; `decile`: in those of them with this decile.
    pub fn residents(&self, question: &Question, keys: Option<&[GroupKey]>, decile: Option<u8>) -> Residents {
        let keys = keys.unwrap_or_default();
        let value = |dimension| keys.iter().find(|key| key.dimension == dimension).map(|key| key.value.as_str());
        let (area, in_decile, parent) = (value(Dimension::Area), value(Dimension::Decile), value(Dimension::ParentArea));
        let mut all = self.universe(question);
        if let Some(area) = area {
            let counts = self.of(question, area).is_some() || all.contains(area);
            all = if counts { [area.to_owned()].into() } else { BTreeSet::new() };
        } else {
            all.retain(|area| in_decile.is_none_or(|key| !key.is_empty() && self.key(question, Dimension::Decile, area) == key));
            all.retain(|area| parent.is_none_or(|key| !key.is_empty() && self.key(question, Dimension::ParentArea, area) == key));
        }
        if let Some(decile) = decile {
            all.retain(|area| self.of(question, area).is_some_and(|row| row.decile == i64::from(decile)));
        }
        let mut residents = Residents { areas: all.len() as u64, ..Residents::default() };
        for row in all.iter().filter_map(|area| self.of(question, area)).filter(|row| row.population >= 0) {
            residents.areas_with_population += 1;
            residents.population += row.population as u64;
        }
        residents
    }
}
