//! A lattice as messages, and back.

use crate::status::Failure;
use std::fmt::Display;
use std::str::FromStr;
use tandem_domain::aggregate::lattice::{AreaNode, Holders, Lattice, LatticeCell, MeasureNode, PeriodNode, Reached, Standing, TableNode};
use tandem_domain::date::{Date, Grain, Period};
use tandem_domain::event::Side;
use tandem_domain::metrics::{Amount, ValuationUsed};
use tandem_domain::valuation::Rate;
use tandem_proto::internal::v1 as internal;
use tandem_proto::v1::{self, CouncilReflected, Dimension, ValuationRef};

/// Cells of a message: about a megabyte.
const CELLS: usize = 10_000;

/// The messages of a lattice, each made when it is asked for.
pub fn to_messages(mut lattice: Lattice, reflects: CouncilReflected) -> impl Iterator<Item = internal::GetLatticeResponse> + Send {
    let mut cells = std::mem::take(&mut lattice.cells).into_iter();
    let rest = std::iter::from_fn(move || {
        let cells: Vec<_> = cells.by_ref().take(CELLS).map(|cell| to_cell(&cell)).collect();
        (!cells.is_empty()).then(|| internal::GetLatticeResponse { cells, ..Default::default() })
    });
    std::iter::once(to_head(lattice, reflects)).chain(rest)
}

fn to_head(lattice: Lattice, reflects: CouncilReflected) -> internal::GetLatticeResponse {
    let area = |node: AreaNode| internal::LatticeArea { id: node.id, parent: node.parent, is_rest: node.is_rest };
    let measure = |node: MeasureNode| internal::LatticeMeasure { id: node.id, unit: node.unit, side: node.side as i32 };
    let valuation = lattice.valuation;
    internal::GetLatticeResponse {
        reflects: Some(reflects),
        reached: lattice.reached.map(to_reached),
        previous: lattice.previous.map(to_reached),
        areas: lattice.areas.into_iter().map(area).collect(),
        periods: lattice.periods.into_iter().map(to_period).collect(),
        measures: lattice.measures.into_iter().map(measure).collect(),
        tables: lattice.tables.into_iter().map(|node| internal::LatticeTable { service: node.service, measure: node.measure }).collect(),
        cells: Vec::new(),
        currency: valuation.as_ref().map(|used| used.currency.clone()).unwrap_or_default(),
        valuation: valuation.map(|used| ValuationRef { id: used.id, version: used.version }),
        rate_denominator: lattice.denominator,
        rates: lattice.rates.into_iter().map(|((measure, period), rate)| to_rate(measure, period, rate)).collect(),
        area_vintages: lattice.vintages,
    }
}

fn to_reached(reached: Reached) -> internal::LatticeReached {
    let Reached { entries, book_time_us, closed_before } = reached;
    internal::LatticeReached { entries, book_time_us, closed_before: closed_before.to_string() }
}

fn to_period(node: PeriodNode) -> internal::LatticePeriod {
    let grain = match node.period.grain {
        Grain::Month => Dimension::Month,
        Grain::Quarter => Dimension::Quarter,
        Grain::Year => Dimension::Year,
        Grain::Day | Grain::Ever => Dimension::Unspecified,
    };
    internal::LatticePeriod { grain: grain.into(), index: node.period.index, is_rest: node.is_rest, parent: node.parent }
}

fn to_rate(measure: u32, period: u32, rate: Rate) -> internal::LatticeRate {
    let [low, central, high] = match rate {
        Rate::One(rate) => [rate.low, rate.central, rate.high].map(|rate| rate.to_string()),
        Rate::Changes | Rate::Unpriced => Default::default(),
    };
    internal::LatticeRate { measure, period, low, central, high }
}

fn to_cell(cell: &LatticeCell) -> internal::LatticeCell {
    let change = (cell.change.entries() > 0).then(|| to_standing(&cell.change));
    internal::LatticeCell { table: cell.table, area: cell.area, period: cell.period, now: Some(to_standing(&cell.now)), change }
}

fn to_standing(standing: &Standing) -> internal::LatticeStanding {
    let holders = |holders: &Holders| (holders.entries > 0).then(|| to_holders(holders));
    internal::LatticeStanding { quantity: standing.quantity.to_string(), named: holders(&standing.named), unnamed: holders(&standing.unnamed) }
}

fn to_holders(holders: &Holders) -> internal::LatticeHolders {
    let second = if holders.second == 0 { String::new() } else { holders.second.to_string() };
    let (total, largest) = (holders.total.to_string(), holders.largest.to_string());
    internal::LatticeHolders { holders: holders.holders, entries: holders.entries, total, largest, second }
}

/// A lattice whose messages come one by one.
#[derive(Default)]
pub struct Arriving {
    lattice: Lattice,
    reflects: Option<CouncilReflected>,
}

impl Arriving {
    /// Takes the next message.
    pub fn take(&mut self, message: internal::GetLatticeResponse) -> Result<(), Failure> {
        let cells = message.cells.iter().map(from_cell).collect::<Result<Vec<_>, _>>()?;
        self.lattice.cells.extend(cells);
        if message.reached.is_some() {
            self.reflects = message.reflects.clone();
            let cells = std::mem::take(&mut self.lattice.cells);
            self.lattice = Lattice { cells, ..from_head(message)? };
        }
        Ok(())
    }

    /// The whole, and what it reflects.
    pub fn whole(self) -> Result<(Lattice, CouncilReflected), Failure> {
        let reflects = self.reflects.ok_or_else(|| wrong("it has no head"))?;
        let Lattice { areas, periods, measures, tables, cells, .. } = &self.lattice;
        let within = |place: u32, count: usize| (place as usize) < count;
        let are_known =
            cells.iter().all(|cell| within(cell.table, tables.len()) && within(cell.area, areas.len()) && within(cell.period, periods.len()))
                && tables.iter().all(|table| within(table.measure, measures.len()))
                && areas.iter().filter_map(|node| node.parent).all(|parent| within(parent, areas.len()))
                && periods.iter().filter_map(|node| node.parent).all(|parent| within(parent, periods.len()));
        if are_known { Ok((self.lattice, reflects)) } else { Err(wrong("a place is beyond its list")) }
    }
}

fn wrong(what: impl Display) -> Failure {
    Failure::Internal(format!("a projection's lattice cannot be read: {what}"))
}

fn from_head(message: internal::GetLatticeResponse) -> Result<Lattice, Failure> {
    let area = |node: internal::LatticeArea| AreaNode { id: node.id, parent: node.parent, is_rest: node.is_rest };
    let table = |node: internal::LatticeTable| TableNode { service: node.service, measure: node.measure };
    let used = |used: ValuationRef| ValuationUsed { id: used.id, version: used.version, currency: message.currency.clone() };
    Ok(Lattice {
        reached: message.reached.map(from_reached).transpose()?,
        previous: message.previous.map(from_reached).transpose()?,
        areas: message.areas.into_iter().map(area).collect(),
        periods: message.periods.into_iter().map(from_period).collect::<Result<_, _>>()?,
        measures: message.measures.into_iter().map(from_measure).collect::<Result<_, _>>()?,
        tables: message.tables.into_iter().map(table).collect(),
        cells: Vec::new(),
        valuation: message.valuation.map(used),
        denominator: message.rate_denominator.max(1),
        rates: message.rates.into_iter().map(|rate| Ok(((rate.measure, rate.period), from_rate(&rate)?))).collect::<Result<_, Failure>>()?,
        vintages: message.area_vintages,
    })
}

fn from_reached(reached: internal::LatticeReached) -> Result<Reached, Failure> {
    let internal::LatticeReached { entries, book_time_us, closed_before } = reached;
    Ok(Reached { entries, book_time_us, closed_before: Date::parse(&closed_before).ok_or_else(|| wrong("a day is none"))? })
}

fn from_period(node: internal::LatticePeriod) -> Result<PeriodNode, Failure> {
    let grain = match node.grain() {
        Dimension::Month => Grain::Month,
        Dimension::Quarter => Grain::Quarter,
        Dimension::Year => Grain::Year,
        _ => return Err(wrong("a calendar unit is none")),
    };
    Ok(PeriodNode { period: Period { grain, index: node.index }, is_rest: node.is_rest, parent: node.parent })
}

fn from_measure(node: internal::LatticeMeasure) -> Result<MeasureNode, Failure> {
    let side = match node.side() {
        v1::Side::Citizen => Side::Citizen,
        v1::Side::State => Side::State,
        v1::Side::Unspecified => return Err(wrong("a measure has no side")),
    };
    Ok(MeasureNode { id: node.id, unit: node.unit, side })
}

fn from_rate(rate: &internal::LatticeRate) -> Result<Rate, Failure> {
    if rate.central.is_empty() {
        return Ok(Rate::Changes);
    }
    Ok(Rate::One(Amount { low: number(&rate.low)?, central: number(&rate.central)?, high: number(&rate.high)? }))
}

fn from_cell(cell: &internal::LatticeCell) -> Result<LatticeCell, Failure> {
    let standing = |standing: &Option<internal::LatticeStanding>| standing.as_ref().map_or(Ok(Standing::default()), from_standing);
    Ok(LatticeCell { table: cell.table, area: cell.area, period: cell.period, now: standing(&cell.now)?, change: standing(&cell.change)? })
}

fn from_standing(standing: &internal::LatticeStanding) -> Result<Standing, Failure> {
    let holders = |holders: &Option<internal::LatticeHolders>| holders.as_ref().map_or(Ok(Holders::default()), from_holders);
    Ok(Standing { quantity: number(&standing.quantity)?, named: holders(&standing.named)?, unnamed: holders(&standing.unnamed)? })
}

fn from_holders(holders: &internal::LatticeHolders) -> Result<Holders, Failure> {
    let second = if holders.second.is_empty() { 0 } else { number(&holders.second)? };
    let (total, largest) = (number(&holders.total)?, number(&holders.largest)?);
    Ok(Holders { holders: holders.holders, entries: holders.entries, total, largest, second })
}

fn number<T: FromStr>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|_| wrong("a number is none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lattice() -> Lattice {
        let day = |text| Date::parse(text).unwrap();
        let reached = Reached { entries: 9, book_time_us: 77, closed_before: day("2025-06-01") };
        let held = |named| Standing {
            quantity: -5,
            named: Holders { holders: 2, entries: named, total: 1 << 100, largest: 7, second: 0 },
            unnamed: Holders::default(),
        };
        let period = |grain, index, is_rest, parent| PeriodNode { period: Period { grain, index }, is_rest, parent };
        Lattice {
            reached: Some(reached),
            previous: Some(Reached { entries: 3, ..reached }),
            areas: vec![AreaNode::default(), AreaNode { id: "ward:1".into(), parent: Some(0), is_rest: false }],
            periods: vec![period(Grain::Quarter, 8_100, false, None), period(Grain::Quarter, 8_100, true, Some(0))],
            measures: vec![MeasureNode { id: "help".into(), unit: "min".into(), side: Side::Citizen }],
            tables: vec![TableNode { service: "care".into(), measure: 0 }],
            cells: (0..2).map(|area| LatticeCell { table: 0, area, period: 1, now: held(4), change: held(u64::from(area)) }).collect(),
            valuation: Some(ValuationUsed { id: "floor".into(), version: 2, currency: "GBP".into() }),
            denominator: 60,
            rates: [((0, 0), Rate::One(Amount { low: 1, central: 2, high: 3 })), ((0, 1), Rate::Changes)].into(),
            vintages: vec!["imd2025".into()],
        }
    }

    #[test]
    fn a_lattice_goes_there_and_back() {
        let mut sent = lattice();
        let mut arriving = Arriving::default();
        to_messages(sent.clone(), CouncilReflected::default()).for_each(|message| arriving.take(message).unwrap());
        // Where nobody changed anything there is no change.
        sent.cells[0].change = Standing::default();
        assert_eq!(arriving.whole().unwrap().0, sent);
    }

    #[test]
    fn a_place_beyond_its_list_is_refused() {
        let mut sent = lattice();
        sent.cells[1].area = 2;
        let mut arriving = Arriving::default();
        to_messages(sent, CouncilReflected::default()).for_each(|message| arriving.take(message).unwrap());
        assert!(arriving.whole().is_err());
        assert!(Arriving::default().whole().is_err());
    }
}
