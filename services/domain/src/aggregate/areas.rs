//! What a council's catalogue says of areas, joined to entries when a question is asked: decile, parent, population, each in one vintage.

use super::measures::scan;
use super::{Error, Question};
use crate::bytes::Corrupt;
use crate::event::{Area, Body};
use crate::metrics::{Dimension, GroupKey, Residents, ResidentsPartial};
use crate::rows::{read_definition, read_number};
use crate::tables::{DefinitionKind, Key, NameKind, Rows, Table};
use std::collections::{BTreeMap, BTreeSet};

/// One area in the vintage that counts.
#[derive(Debug)]
pub(super) struct Defined {
    pub id: String,
    pub vintage: String,
    pub parent: Option<String>,
    /// 0: none.
    decile: u8,
    population: Option<u64>,
    /// Whether the scope's residents are summed over it.
    in_scope: bool,
}

/// What is joined to the entries of an area. Of what is not known, 0.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes {
    pub decile: u8,
    /// As [`Areas::parent`] takes it.
    pub parent: u32,
    /// The decile, if the scope's residents are summed over the area.
    pub counted_decile: u8,
}

/// A council's areas.
#[derive(Debug, Default)]
pub(super) struct Areas {
    /// By ascending id.
    all: Vec<Defined>,
    /// Ascending.
    parents: Vec<String>,
    /// By the number that entries name an area by.
    attributes: Vec<Attributes>,
    /// Areas that the scope names and the catalogue has not, or not in the vintage asked.
    undefined: BTreeSet<String>,
    /// Whether the scope names areas.
    are_named: bool,
}

impl Areas {
    /// Loads what a question needs: nothing, if it joins nothing.
    pub fn load<R: Rows>(rows: &R, council: &str, question: &Question) -> Result<Self, Error<R::Error>> {
        let joins = question.group_by.iter().any(|dimension| matches!(dimension, Dimension::Decile | Dimension::ParentArea));
        if !joins && !question.needs.residents && !question.needs.deciles && question.area_vintage.is_none() {
            return Ok(Self::default());
        }
        let mut areas = Self { all: defined(rows, council, question.area_vintage.as_deref())?, ..Self::default() };
        let parents: BTreeSet<&String> = areas.all.iter().filter_map(|area| area.parent.as_ref()).collect();
        areas.parents = parents.into_iter().cloned().collect();
        areas.choose_scope(&question.filters.areas);
        areas.join(rows, council)?;
        Ok(areas)
    }

    /// Marks the areas over which residents are summed: those named, or those of one scheme.
    fn choose_scope(&mut self, named: &[String]) {
        self.are_named = !named.is_empty();
        if self.are_named {
            let named: BTreeSet<&String> = named.iter().collect();
            self.all.iter_mut().for_each(|area| area.in_scope = named.contains(&area.id));
            self.undefined = named.into_iter().filter(|id| self.place(id).is_none()).cloned().collect();
            return;
        }
        let mut schemes: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for area in &self.all {
            let (with_population, areas) = schemes.entry(scheme(&area.id)).or_default();
            *with_population += u64::from(area.population.is_some());
            *areas += 1;
        }
        // Among equals the last one: schemes are named after their year.
        let Some(chosen) = schemes.into_iter().max_by_key(|(_, counts)| *counts).map(|(scheme, _)| scheme.to_owned()) else {
            return;
        };
        self.all.iter_mut().for_each(|area| area.in_scope = scheme(&area.id) == chosen);
    }

    /// Finds the numbers of the areas that entries name.
    fn join<R: Rows>(&mut self, rows: &R, council: &str) -> Result<(), Error<R::Error>> {
        let mut prefix = Key::of(Table::NameByText, council);
        prefix.byte(NameKind::Area as u8);
        let start = prefix.as_slice().len();
        let mut attributes: Vec<Attributes> = Vec::new();
        scan(rows, Table::NameByText, &prefix, |key, row| {
            let number = read_number(row)? as usize;
            let Some(area) = std::str::from_utf8(&key[start..]).ok().and_then(|id| self.place(id)).map(|place| &self.all[place]) else {
                return Ok(());
            };
            if attributes.len() <= number {
                attributes.resize(number + 1, Attributes::default());
            }
            let parent = area.parent.as_ref().and_then(|parent| self.parents.binary_search(parent).ok()).map_or(0, |place| place as u32 + 1);
            attributes[number] = Attributes { decile: area.decile, parent, counted_decile: if area.in_scope { area.decile } else { 0 } };
            Ok(())
        })?;
        self.attributes = attributes;
        Ok(())
    }

    fn place(&self, id: &str) -> Option<usize> {
        self.all.binary_search_by(|area| area.id.as_str().cmp(id)).ok()
    }

    /// What is joined to entries of the area of this number; 0 is no area.
    pub fn attributes(&self, number: u32) -> Attributes {
        self.attributes.get(number as usize).copied().unwrap_or_default()
    }

    /// The id of a parent; empty for 0.
    pub fn parent(&self, number: u32) -> String {
        number.checked_sub(1).and_then(|place| self.parents.get(place as usize)).cloned().unwrap_or_default()
    }

    /// The vintages that are joined, ascending.
    pub fn vintages(&self) -> Vec<String> {
        self.all.iter().map(|area| &area.vintage).collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }

    /// Who lives in the areas that the groups of a question are about.
    pub fn residents(&self, council: &str, group_by: &[Dimension]) -> Vec<ResidentsPartial> {
        let by_area = group_by.contains(&Dimension::Area);
        let mut sums: BTreeMap<(Vec<GroupKey>, u8, bool), Residents> = BTreeMap::new();
        let mut add = |keys: Vec<GroupKey>, decile: u8, in_scope: bool, population: Option<u64>| {
            let sum = sums.entry((keys, decile, in_scope)).or_default();
            sum.areas += 1;
            sum.areas_with_population += u64::from(population.is_some());
            // A council has fewer than 2^23 areas of at most 10^12 residents.
            sum.population += population.unwrap_or_default();
        };
        // A row of one area has its residents, whether the whole scope's are summed over it or not.
        for area in self.all.iter().filter(|area| area.in_scope || (by_area && !self.are_named)) {
            add(keys(council, group_by, &area.id, area.decile, area.parent.as_deref()), area.decile, area.in_scope, area.population);
        }
        for id in &self.undefined {
            add(keys(council, group_by, id, 0, None), 0, true, None);
        }
        sums.into_iter().map(|((keys, decile, in_scope), residents)| ResidentsPartial { keys, decile, in_scope, residents }).collect()
    }
}

/// The council's areas, each in the vintage asked or, without one, in its newest.
pub(super) fn defined<R: Rows>(rows: &R, council: &str, asked: Option<&str>) -> Result<Vec<Defined>, Error<R::Error>> {
    let mut prefix = Key::of(Table::Definition, council);
    prefix.byte(DefinitionKind::Area as u8);
    let (mut all, mut vintages): (Vec<Defined>, BTreeSet<String>) = Default::default();
    scan(rows, Table::Definition, &prefix, |_, row| {
        let (_, facts) = read_definition(row)?;
        let Ok(Body::Area(Area { area, vintage, parent, decile, population, .. })) = Body::decode(facts) else {
            return Err(Corrupt("Definition"));
        };
        if !vintages.contains(vintage) {
            vintages.insert(vintage.to_owned());
        }
        if asked.is_some_and(|asked| asked != vintage) {
            return Ok(());
        }
        // An area's vintages follow each other, ascending: the last one stays.
        if all.last().is_some_and(|last| last.id == area) {
            all.pop();
        }
        let (id, vintage, parent, decile) = (area.to_owned(), vintage.to_owned(), parent.map(str::to_owned), decile.unwrap_or_default());
        all.push(Defined { id, vintage, parent, decile, population, in_scope: false });
        Ok(())
    })?;
    match asked.filter(|asked| !vintages.contains(*asked)) {
        Some(asked) => Err(Error::UnknownVintage { vintage: asked.to_owned(), known: vintages.into_iter().collect() }),
        None => Ok(all),
    }
}

/// "lsoa21" of "lsoa21:E01000001".
fn scheme(id: &str) -> &str {
    id.split_once(':').map_or(id, |(scheme, _)| scheme)
}

/// The keys of an area in the dimensions that tell residents apart.
fn keys(council: &str, group_by: &[Dimension], area: &str, decile: u8, parent: Option<&str>) -> Vec<GroupKey> {
    let key = |dimension: &Dimension| {
        let value = match dimension {
            Dimension::Council => council.to_owned(),
            Dimension::Area => area.to_owned(),
            Dimension::Decile => decile_text(decile),
            Dimension::ParentArea => parent.unwrap_or_default().to_owned(),
            _ => return None,
        };
        Some(GroupKey { dimension: *dimension, value, coarser: false, overlaps: false })
    };
    group_by.iter().filter_map(key).collect()
}

/// "1" to "10"; empty: it is not known.
pub(super) fn decile_text(decile: u8) -> String {
    if decile == 0 { String::new() } else { decile.to_string() }
}
