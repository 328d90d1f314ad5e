//! Who comes back: from the actors of each month and of the larger units that hold what spans months.

use super::Unit;
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::collections::BTreeMap;

/// Of one month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RetentionTotal {
    /// Actors of the month before.
    pub before: u64,
    /// Those of them who are actors of the month too.
    pub returned: u64,
    /// Those of them who are not.
    pub lapsed: u64,
    /// Actors of the month who are actors of no month, quarter or year that ended before it began.
    pub new: u64,
}

/// Every month that has an actor, or follows one that has, up to the last that has. An actor has a live contribution whose span is
/// within the month.
pub(super) fn by_month(participants: &FxHashMap<Unit, Vec<i32>>) -> BTreeMap<String, RetentionTotal> {
    let months: BTreeMap<i32, &Vec<i32>> = participants
        .iter()
        .filter(|(unit, live)| matches!(unit, Unit::Month(..)) && live.iter().any(|live| *live > 0))
        .filter_map(|(unit, live)| Some((unit.last_month()?, live)))
        .collect();
    let mut ended: Vec<(i32, &Vec<i32>)> = participants.iter().filter_map(|(unit, live)| Some((unit.last_month()?, live))).collect();
    ended.sort_by_key(|(last_month, _)| std::cmp::Reverse(*last_month));
    let (Some(first), Some(last)) = (months.keys().next(), months.keys().last()) else { return BTreeMap::new() };
    let is_live = |live: Option<&&Vec<i32>>, actor: usize| live.is_some_and(|live| live[actor] > 0);
    let actors = months[first].len();
    let mut was_there = vec![false; actors];
    let mut totals = BTreeMap::new();
    for month in *first..=*last {
        while let Some((_, live)) = ended.pop_if(|(last_month, _)| *last_month < month) {
            was_there.iter_mut().zip(live).for_each(|(was_there, live)| *was_there |= *live > 0);
        }
        let (before, now) = (months.get(&(month - 1)), months.get(&month));
        if before.is_none() && now.is_none() {
            continue;
        }
        let mut total = RetentionTotal::default();
        for (actor, was_there) in was_there.iter().enumerate() {
            let (was, is) = (is_live(before, actor), is_live(now, actor));
            total.before += u64::from(was);
            total.returned += u64::from(was && is);
            total.lapsed += u64::from(was && !is);
            total.new += u64::from(is && !was_there);
        }
        totals.insert(Unit::Month(month.div_euclid(12), month.rem_euclid(12) as u32 + 1).to_string(), total);
    }
    totals
}
