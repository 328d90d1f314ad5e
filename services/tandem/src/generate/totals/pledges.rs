//! Pledges and the contributions that name them, by the pledge's plan: a plan has one pledge at most.

use rustc_hash::FxHashMap;
use serde::Serialize;

/// One pledge.
#[derive(Clone, Copy, Debug, Default)]
struct Promise {
    measure: u32,
    /// Pledged and not cancelled; 0 before the pledge comes, and below while only its cancellation has come.
    pledged: i128,
    /// Live contributions that name it.
    credited: i128,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Pledges(FxHashMap<u64, Promise>);

impl Pledges {
    /// A pledge of so much, or of so much less.
    pub(super) fn pledge(&mut self, plan: u64, measure: u32, quantity: i128) {
        let promise = self.0.entry(plan).or_default();
        promise.measure = measure;
        promise.pledged += quantity;
    }

    /// A contribution that names it, or its cancellation.
    pub(super) fn credit(&mut self, plan: u64, measure: u32, quantity: i128) {
        let promise = self.0.entry(plan).or_default();
        promise.measure = measure;
        promise.credited += quantity;
    }

    /// Sums by number of the measure.
    pub(super) fn totals(&self) -> FxHashMap<u32, PledgeTotal> {
        let mut totals: FxHashMap<u32, PledgeTotal> = FxHashMap::default();
        let is_left = |promise: &&Promise| (promise.pledged, promise.credited) != (0, 0);
        for promise in self.0.values().filter(is_left) {
            totals.entry(promise.measure).or_default().add(promise.pledged, promise.credited);
        }
        totals
    }
}

/// Of one measure. Quantities are in its unit, as decimal text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PledgeTotal {
    /// Pledges that are not cancelled.
    pub pledges: u64,
    /// Those of them of which live contributions give all that was promised.
    pub kept: u64,
    /// Those of which they give a part.
    pub kept_in_part: u64,
    /// What they promise in all.
    #[serde(serialize_with = "super::as_text")]
    pub pledged: i128,
    /// What live contributions that name them give.
    #[serde(serialize_with = "super::as_text")]
    pub credited: i128,
    /// What live contributions that name a cancelled pledge give.
    #[serde(serialize_with = "super::as_text")]
    pub credited_to_cancelled: i128,
}

impl PledgeTotal {
    /// Adds one pledge; `pledged` is 0 if it is cancelled.
    pub(in crate::generate) fn add(&mut self, pledged: i128, credited: i128) {
        if pledged == 0 {
            self.credited_to_cancelled += credited;
            return;
        }
        self.pledges += 1;
        self.kept += u64::from(credited >= pledged);
        self.kept_in_part += u64::from(0 < credited && credited < pledged);
        self.pledged += pledged;
        self.credited += credited;
    }
}
