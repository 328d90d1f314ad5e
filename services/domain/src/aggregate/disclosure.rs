//! Which cells of a lattice may be published.
//!
//! **Unsafe cells** (primary suppression). A cell is unsafe if it rests on fewer than k holders, or if one of them has more than [`ONE_PERCENT`] of
//! it or two together more than [`TWO_PERCENT`] ((n,k)-dominance with n = 1 and 2: Hundepool and others, "Statistical Disclosure Control", Wiley 2012, chapter 4, and
//! the tau-Argus manual). Shares are of the sum of what holders have with signs dropped, so that contra measures hide nobody.
//!
//! **Cells that protect them** (secondary suppression). What an unsafe cell holds must not follow from totals. A cell cannot be recovered if what is
//! published also fits another table in which it differs. Such a table is shown for every suppressed cell: move an amount along
//! two lines of areas and two lines of units and back (or from the whole council, or from a unit without a parent, which then are suppressed themselves).
//! All cells that it changes are suppressed; of all such tables the one is chosen whose cells that were published so far have the fewest
//! entries. This is the hypercube method (tau-Argus: GHMITER), over whole hierarchies at once: one pass, and no cell can be had by linear algebra.
//!
//! **Cells that are unsafe together.** What a published total has beyond its published parts is known: it is the sum of those that are suppressed. If
//! these together would be unsafe, the next smallest part is suppressed too, until they are not or no part is published. How many people they have together is
//! taken to be no more than the one with the most has.
//!
//! Which cells are suppressed depends on the whole lattice of a year: never on which rows somebody asks to see, nor on a valuation.

use super::lattice::{Holders, Lattice, LatticeCell, Standing};
use rustc_hash::FxHashMap;

/// Least number of holders that anybody may ask for.
pub const K_MIN: u32 = 3;
/// Number of holders below which a cell is suppressed, unless another is asked for.
pub const K_DEFAULT: u32 = 10;
/// Greatest number that may be asked for.
pub const K_MAX: u32 = 1_000;
/// The largest holder's greatest share of a cell that is published.
pub const ONE_PERCENT: u128 = 75;
/// The greatest share of the two largest together.
pub const TWO_PERCENT: u128 = 85;

/// What an entry that names nobody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unnamed {
    /// A holder of its own: as if each came from somebody else.
    Holder,
    /// Not about a person: a cell of such entries alone is published, and they neither count as holders nor hide those who are named.
    Open,
}

/// What is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Holders that a published cell has at least.
    pub k: u32,
    /// How entries that name nobody are taken.
    pub unnamed: Unnamed,
}

/// Why a cell is suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It rests on fewer than k holders.
    Few,
    /// One holder or two have nearly all of it.
    Dominated,
    /// Its change since an earlier publication is unsafe by itself.
    Change,
    /// It was suppressed in an earlier publication, whose totals would give it away.
    Held,
    /// It protects another cell.
    Protects,
}

impl Rule {
    /// Whether this may not be known; `None`: it may.
    pub fn unsafe_because(&self, standing: &Standing) -> Option<Why> {
        let holders = self.holders(standing);
        if holders.entries == 0 {
            return None;
        }
        match holders {
            few if few.holders < u64::from(self.k) => Some(Why::Few),
            dominated if is_dominated(&dominated) => Some(Why::Dominated),
            _ => None,
        }
    }

    /// Those who count; none: there is nobody to protect.
    fn holders(&self, standing: &Standing) -> Holders {
        let mut holders = standing.named;
        if self.unnamed == Unnamed::Holder {
            holders.join(&standing.unnamed);
        }
        holders
    }

    /// Whether suppressed cells together may be known.
    fn is_safe_together<'a>(&self, cells: impl Iterator<Item = &'a Standing>) -> bool {
        let (mut together, mut most) = (Holders::default(), 0);
        for standing in cells {
            let holders = match self.holders(standing) {
                nobody if nobody.entries == 0 => standing.unnamed,
                holders => holders,
            };
            together.join(&holders);
            most = most.max(holders.holders);
        }
        most >= u64::from(self.k) && !is_dominated(&together)
    }
}

fn is_dominated(holders: &Holders) -> bool {
    let Holders { total, largest, second, .. } = *holders;
    // Sums of quantities are far from 2^121.
    largest * 100 > total * ONE_PERCENT || (largest + second) * 100 > total * TWO_PERCENT
}

/// For each cell of a lattice why it is suppressed; `None`: it is published. `held` says which were suppressed in an earlier publication.
pub fn protect(lattice: &Lattice, rule: Rule, held: impl Fn(&LatticeCell) -> bool) -> Vec<Option<Why>> {
    let primary = |cell: &LatticeCell| {
        let change = rule.unsafe_because(&cell.change).map(|_| Why::Change);
        rule.unsafe_because(&cell.now).or_else(|| held(cell).then_some(Why::Held)).or(change)
    };
    let mut why: Vec<Option<Why>> = lattice.cells.iter().map(primary).collect();
    let areas = Tree::new(lattice.areas.iter().map(|node| node.parent));
    let periods = Tree::new(lattice.periods.iter().map(|node| node.parent));
    let mut first = 0;
    for cells in lattice.cells.chunk_by(|a, b| a.table == b.table) {
        let whole = first..first + cells.len();
        Grid::new(cells, &mut why[whole], rule, &areas, &periods).protect();
        first += cells.len();
    }
    why
}

/// Parents and children by place.
struct Tree {
    parents: Vec<Option<u32>>,
    children: Vec<Vec<u32>>,
    depths: Vec<u32>,
}

impl Tree {
    fn new(parents: impl Iterator<Item = Option<u32>>) -> Self {
        let parents: Vec<Option<u32>> = parents.collect();
        let mut children = vec![Vec::new(); parents.len()];
        for (place, parent) in (0u32..).zip(&parents) {
            parent.iter().for_each(|parent| children[*parent as usize].push(place));
        }
        let depth = |mut at: u32| {
            let mut depth = 0;
            while let Some(parent) = parents[at as usize] {
                (at, depth) = (parent, depth + 1);
            }
            depth
        };
        let depths = (0..parents.len() as u32).map(depth).collect();
        Self { parents, children, depths }
    }

    fn children(&self, of: u32) -> &[u32] {
        &self.children[of as usize]
    }

    fn parent(&self, of: u32) -> Option<u32> {
        self.parents[of as usize]
    }
}

/// Cells of one table.
struct Grid<'a> {
    cells: &'a [LatticeCell],
    why: &'a mut [Option<Why>],
    rule: Rule,
    areas: &'a Tree,
    periods: &'a Tree,
    /// By area and unit.
    places: FxHashMap<(u32, u32), u32>,
    /// Whether another table that fits what is published is known, in which the cell differs.
    is_covered: Vec<bool>,
}

/// Cells that another fitting table changes: the product of areas and units, and what suppressing those still published costs.
#[derive(Clone, Debug, Default)]
struct Cover {
    areas: Vec<u32>,
    periods: Vec<u32>,
    /// Entries, then cells, that were published so far.
    cost: (u64, usize),
}

impl<'a> Grid<'a> {
    fn new(cells: &'a [LatticeCell], why: &'a mut [Option<Why>], rule: Rule, areas: &'a Tree, periods: &'a Tree) -> Self {
        let places = cells.iter().zip(0..).map(|(cell, place)| ((cell.area, cell.period), place)).collect();
        Self { cells, why, rule, areas, periods, places, is_covered: vec![false; cells.len()] }
    }

    fn protect(&mut self) {
        // The largest first: what covers them covers something below them too.
        let mut order: Vec<u32> = (0..self.cells.len() as u32).filter(|place| self.why[*place as usize].is_some()).collect();
        order.sort_by_key(|place| {
            let cell = &self.cells[*place as usize];
            (self.areas.depths[cell.area as usize] + self.periods.depths[cell.period as usize], *place)
        });
        order.into_iter().for_each(|place| self.cover(place));
        while self.complete() {}
    }

    /// Suppresses what is needed so that a suppressed cell cannot be recovered.
    fn cover(&mut self, place: u32) {
        if self.is_covered[place as usize] {
            return;
        }
        let cover = self.cheapest(&self.cells[place as usize]);
        for area in &cover.areas {
            for period in &cover.periods {
                if let Some(place) = self.places.get(&(*area, *period)) {
                    self.why[*place as usize].get_or_insert(Why::Protects);
                    self.is_covered[*place as usize] = true;
                }
            }
        }
    }

    /// What it costs to suppress a cell; `None`: there is no such cell, so it is known to be zero.
    fn cost(&self, area: u32, period: u32) -> Option<(u64, usize)> {
        let place = *self.places.get(&(area, period))? as usize;
        Some(if self.why[place].is_some() { (0, 0) } else { (self.cells[place].now.entries(), 1) })
    }

    /// The cheapest cover of a cell.
    fn cheapest(&self, cell: &LatticeCell) -> Cover {
        let (areas_down, periods_down) = self.down(cell);
        let mut best: Option<Cover> = None;
        let mut line_of_areas = areas_down;
        let mut top_area = cell.area;
        loop {
            let (mut line_of_periods, mut top_period) = (periods_down.clone(), cell.period);
            loop {
                self.covers(&line_of_areas, top_area, &line_of_periods, top_period, &mut best);
                if best.as_ref().is_some_and(|best| best.cost == (0, 0)) {
                    return best.unwrap_or_default();
                }
                let Some(parent) = self.periods.parent(top_period) else { break };
                line_of_periods.push(parent);
                top_period = parent;
            }
            let Some(parent) = self.areas.parent(top_area) else { break };
            line_of_areas.push(parent);
            top_area = parent;
        }
        // The last one tried is the line from the whole council and from a unit without parent down to an entry: it always fits.
        best.unwrap_or_default()
    }

    /// Lines from a cell down to a leaf of both trees, through the cheapest cells. Wherever there are entries, one of the parts has them.
    fn down(&self, cell: &LatticeCell) -> (Vec<u32>, Vec<u32>) {
        let mut areas = vec![cell.area];
        self.descend(self.areas, &mut areas, |area| self.cost(area, cell.period));
        let leaf = areas[areas.len() - 1];
        let mut periods = vec![cell.period];
        self.descend(self.periods, &mut periods, |period| self.cost(leaf, period));
        (areas, periods)
    }

    /// Goes on from the last of a line to a leaf, each time to the cheapest child; false: there is none that will do.
    fn descend(&self, tree: &Tree, line: &mut Vec<u32>, cost: impl Fn(u32) -> Option<(u64, usize)>) -> bool {
        while let Some(children) = line.last().map(|last| tree.children(*last)).filter(|children| !children.is_empty()) {
            let cheapest = children.iter().filter_map(|child| Some((cost(*child)?, *child))).min();
            match cheapest {
                Some((_, child)) => line.push(child),
                None => return false,
            }
        }
        true
    }

    /// Tries the covers whose lines end at these tops: a top with a parent needs a line from one of its siblings beside it.
    fn covers(&self, areas: &[u32], top_area: u32, periods: &[u32], top_period: u32, best: &mut Option<Cover>) {
        let leaf_period = *periods.iter().max_by_key(|period| self.periods.depths[**period as usize]).unwrap_or(&top_period);
        let leaf_area = *areas.iter().max_by_key(|area| self.areas.depths[**area as usize]).unwrap_or(&top_area);
        let costs_more = |best: &Option<Cover>, cost: (u64, usize)| best.as_ref().is_some_and(|best| best.cost <= cost);
        for (cost, more_areas) in self.beside(self.areas, top_area, |area| self.cost(area, leaf_period)) {
            if costs_more(best, cost) {
                return;
            }
            let all_areas: Vec<u32> = areas.iter().chain(&more_areas).copied().collect();
            let other_leaf = more_areas.last().copied();
            let both = |period: u32| {
                let one = self.cost(leaf_area, period)?;
                let other = other_leaf.map_or(Some((0, 0)), |leaf| self.cost(leaf, period))?;
                Some((one.0 + other.0, one.1 + other.1))
            };
            for (cost, more_periods) in self.beside(self.periods, top_period, both) {
                if costs_more(best, cost) {
                    break;
                }
                self.consider(&all_areas, periods, &more_periods, best);
            }
        }
    }

    /// Lines from the siblings of a top down to leaves, with what the sibling costs, the cheapest first; if it has no parent, one line that is empty.
    fn beside<'s>(
        &'s self,
        tree: &'s Tree,
        top: u32,
        cost: impl Fn(u32) -> Option<(u64, usize)> + Copy + 's,
    ) -> impl Iterator<Item = ((u64, usize), Vec<u32>)> + 's {
        let parent = tree.parent(top);
        let siblings = parent.map_or(&[][..], |parent| tree.children(parent)).iter().filter(|sibling| **sibling != top);
        let mut costed: Vec<_> = siblings.filter_map(|sibling| Some((cost(*sibling)?, *sibling))).collect();
        costed.sort_unstable();
        let line = move |(first, sibling): ((u64, usize), u32)| {
            let mut line = vec![sibling];
            self.descend(tree, &mut line, cost).then_some((first, line))
        };
        let alone = parent.is_none().then(|| ((0, 0), Vec::new()));
        alone.into_iter().chain(costed.into_iter().filter_map(line))
    }

    /// Takes a cover if all of its cells have entries and it costs less than the best so far.
    fn consider(&self, areas: &[u32], periods: &[u32], more_periods: &[u32], best: &mut Option<Cover>) {
        let mut cost = (0, 0);
        for period in periods.iter().chain(more_periods) {
            for area in areas {
                let Some(one) = self.cost(*area, *period) else { return };
                cost = (cost.0 + one.0, cost.1 + one.1);
                if best.as_ref().is_some_and(|best| best.cost <= cost) {
                    return;
                }
            }
        }
        let periods = periods.iter().chain(more_periods).copied().collect();
        *best = Some(Cover { areas: areas.to_vec(), periods, cost });
    }

    /// Looks at every published total whose suppressed parts are unsafe together, and suppresses the next smallest part; false: there is none.
    fn complete(&mut self) -> bool {
        let mut more = Vec::new();
        for (place, cell) in self.cells.iter().enumerate().filter(|(place, _)| self.why[*place].is_none()) {
            let of_areas = self.areas.children(cell.area).iter().map(|area| (*area, cell.period));
            let of_periods = self.periods.children(cell.period).iter().map(|period| (cell.area, *period));
            debug_assert!(self.why[place].is_none());
            more.extend(self.next_smallest(of_areas));
            more.extend(self.next_smallest(of_periods));
        }
        for place in &more {
            self.why[*place as usize].get_or_insert(Why::Protects);
        }
        more.iter().for_each(|place| self.cover(*place));
        !more.is_empty()
    }

    /// The smallest published part, if the suppressed ones are unsafe together.
    fn next_smallest(&self, parts: impl Iterator<Item = (u32, u32)>) -> Option<u32> {
        let present: Vec<u32> = parts.filter_map(|part| self.places.get(&part).copied()).collect();
        let (hidden, shown): (Vec<u32>, Vec<u32>) = present.into_iter().partition(|place| self.why[*place as usize].is_some());
        if hidden.is_empty() || self.rule.is_safe_together(hidden.iter().map(|place| &self.cells[*place as usize].now)) {
            return None;
        }
        shown.into_iter().min_by_key(|place| (self.cells[*place as usize].now.entries(), *place))
    }
}
