//! Tables that can be worked out with a pencil. k is 3.

use super::built::{Given, area, built, period};
use crate::aggregate::disclosure::{Rule, Unnamed, Why, protect};
use crate::aggregate::lattice::{AreaNode, Holders, Lattice, PeriodNode, Standing};
use crate::aggregate::published::{Levels, Subject, Worth, rows};
use crate::date::Grain;
use crate::event::Side;
use crate::metrics::{Amount, ValuationUsed};
use crate::valuation::Rate;

const RULE: Rule = Rule { k: 3, unnamed: Unnamed::Holder };

/// A line for each area: what different people gave there in each of the units that have no parts. "-": nobody gave anything.
fn lattice(areas: Vec<AreaNode>, periods: Vec<PeriodNode>, leaves: &[u32], text: &str) -> Lattice {
    let mut given = Vec::new();
    for line in text.trim().lines() {
        let (name, cells) = line.trim().split_once('|').unwrap();
        let place = areas.iter().rposition(|node| node.id == name.trim()).unwrap() as u32;
        for (cell, period) in cells.split('|').zip(leaves) {
            for (person, amount) in cell.split_whitespace().filter(|word| *word != "-").enumerate() {
                // Different people in every cell.
                let person = place * 1_000 + period * 50 + person as u32;
                given.push(Given { area: place, period: *period, person, amount: amount.parse().unwrap() });
            }
        }
    }
    built(areas, periods, &given)
}

fn wards() -> Vec<AreaNode> {
    vec![area("", None, false), area("w1", Some(0), false), area("w2", Some(0), false), area("w3", Some(0), false)]
}

/// A quarter of an open year and its months.
fn quarter() -> Vec<PeriodNode> {
    vec![period("2025-Q1", None), period("2025-01", Some(0)), period("2025-02", Some(0)), period("2025-03", Some(0))]
}

/// The table as it is shown: quantities, and why there is none.
fn shown(lattice: &Lattice, why: &[Option<Why>]) -> String {
    let mark = |why: &Why| match why {
        Why::Few => "few",
        Why::Dominated => "dominated",
        Why::Change => "change",
        Why::Held => "held",
        Why::Protects => "protects",
    };
    let mut text = String::new();
    for (place, node) in (0u32..).zip(&lattice.areas) {
        text += if place == 0 { "all" } else { &node.id };
        for period in 0..lattice.periods.len() as u32 {
            let at = lattice.cells.iter().position(|cell| (cell.area, cell.period) == (place, period));
            let cell = at.map(|at| why[at].as_ref().map_or(lattice.cells[at].now.quantity.to_string(), |why| mark(why).into()));
            text += &format!(" | {}", cell.unwrap_or("-".into()));
        }
        text += "\n";
    }
    text
}

fn check(lattice: &Lattice, expected: &str) {
    let expected: String = expected.trim().lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect();
    assert_eq!(shown(lattice, &protect(lattice, RULE, |_| false)), expected);
}

#[test]
fn where_nobody_is_few_everything_is_shown() {
    let lattice = lattice(wards(), quarter(), &[1, 2, 3], "w1 | 5 5 5 | 4 4 4 | -\n w2 | 1 2 3 | 6 6 6 | 7 7 7\n w3 | 2 2 2 | - | -");
    // What nobody gave has no row: it is zero, and says so by not being there.
    check(
        &lattice,
        "all | 78 | 27 | 30 | 21
         w1  | 27 | 15 | 12 | -
         w2  | 45 | 6  | 18 | 21
         w3  | 6  | 6  | -  | -",
    );
}

#[test]
fn one_small_cell_takes_the_next_smallest_with_it_in_both_directions() {
    // Two people in w1 in January. A square of four is needed: w1 and w2 (the next smallest), January and February.
    let lattice = lattice(
        wards(),
        quarter(),
        &[1, 2, 3],
        "w1 | 5 5       | 4 4 4       | 9 9 9 9 9
         w2 | 1 2 3     | 6 6 6       | 7 7 7 7 7
         w3 | 2 2 2 2 2 | 3 3 3 3 3 3 | 8 8 8 8 8 8",
    );
    check(
        &lattice,
        "all | 202 | 26       | 48       | 128
         w1  | 67  | few      | protects | 45
         w2  | 59  | protects | protects | 35
         w3  | 76  | 10       | 18       | 48",
    );
}

#[test]
fn where_one_area_alone_has_anything_the_total_goes_too() {
    let one_month = || vec![period("2025-Q1", None), period("2025-01", Some(0))];
    let lattice = lattice(wards(), one_month(), &[1], "w1 | 5 5\n w2 | -\n w3 | -");
    check(&lattice, "all | few | few\n w1 | few | few\n w2 | - | -\n w3 | - | -");
}

#[test]
fn one_who_has_nearly_all_is_hidden() {
    let months = || vec![period("2025-01", None)];
    // 76 of 100 is more than three quarters; 75 of 100 is not. 86 of 100 in two hands is more than 85 %.
    let of = |w1: &str| lattice(wards(), months(), &[0], &format!("w1 | {w1}\n w2 | 20 20 20 20\n w3 | 30 30 30 30"));
    check(&of("76 8 8 8"), "all | 300 \n w1 | dominated \n w2 | protects \n w3 | 120");
    check(&of("75 9 8 8"), "all | 300 \n w1 | 100 \n w2 | 80 \n w3 | 120");
    check(&of("43 43 7 7"), "all | 300 \n w1 | dominated \n w2 | protects \n w3 | 120");
}

#[test]
fn two_small_cells_do_not_protect_each_other() {
    // Together w1 and w2 are one person each: whoever is in one knows the other. The next smallest goes too.
    let months = vec![period("2025-01", None)];
    let mut areas = wards();
    areas.push(area("w4", Some(0), false));
    let lattice = lattice(areas, months, &[0], "w1 | 5\n w2 | 6\n w3 | 7 7 7\n w4 | 9 9 9 9");
    check(&lattice, "all | 68 \n w1 | few \n w2 | few \n w3 | protects \n w4 | 36");
}

#[test]
fn entries_that_name_nobody_are_each_somebody_or_nobody() {
    let unnamed = |entries: u64, named: u64| {
        let mut standing = Standing::default();
        (0..entries).for_each(|_| standing.unnamed.add(1, 10));
        (0..named).for_each(|_| standing.named.add(1, 10));
        standing
    };
    let open = Rule { unnamed: Unnamed::Open, ..RULE };
    for (standing, as_holders, as_nobody) in [
        (unnamed(2, 0), Some(Why::Few), None),
        (unnamed(3, 0), None, None),
        (unnamed(4, 0), None, None),
        // Among any number of entries without a name, one who is named is one.
        (unnamed(50, 1), None, Some(Why::Few)),
        (unnamed(50, 4), None, None),
        (Standing::default(), None, None),
    ] {
        assert_eq!((RULE.unsafe_because(&standing), open.unsafe_because(&standing)), (as_holders, as_nobody), "{standing:?}");
    }
}

#[test]
fn a_change_that_rests_on_one_person_is_not_shown_nor_what_was_hidden_before() {
    let months = vec![period("2025-01", None)];
    let mut lattice = lattice(wards(), months, &[0], "w1 | 5 5 5\n w2 | 6 6 6 6\n w3 | 7 7 7 7 7");
    let one = Holders { holders: 1, entries: 1, total: 5, largest: 5, second: 0 };
    let of = |area: u32| move |cell: &&mut crate::aggregate::lattice::LatticeCell| cell.area == area;
    // Somebody's entry in w1 came late: the total has changed by the same person.
    for area in [0, 1] {
        lattice.cells.iter_mut().filter(of(area)).for_each(|cell| cell.change = Standing { quantity: 5, named: one, ..Standing::default() });
    }
    let why = protect(&lattice, RULE, |_| false);
    assert_eq!(shown(&lattice, &why), "all | change\nw1 | change\nw2 | 24\nw3 | 35\n");
    // If w3 was hidden in the earlier table, it stays hidden.
    let why = protect(&lattice, RULE, |cell| cell.area == 3);
    assert_eq!(shown(&lattice, &why), "all | change\nw1 | change\nw2 | 24\nw3 | held\n");
}

/// Value of the worked table at 2 pence a minute until March and 3 from then on.
#[test]
fn value_is_shown_where_it_can_be_worked_out_from_the_table() {
    let year =
        vec![period("2025", None), period("2025-Q1", Some(0)), period("2025-01", Some(1)), period("2025-02", Some(1)), period("2025-03", Some(1))];
    let whole = || vec![area("", None, false)];
    let priced = |text: &str| {
        let mut lattice = lattice(whole(), year.clone(), &[2, 3, 4], text);
        lattice.valuation = Some(ValuationUsed { id: "floor".into(), version: 1, currency: "GBP".into() });
        let pence = |pence| Rate::One(Amount { low: pence - 1, central: pence, high: pence + 1 });
        lattice.rates = [((0, 0), Rate::Changes), ((0, 1), Rate::Changes), ((0, 2), pence(2)), ((0, 3), pence(2)), ((0, 4), pence(3))].into();
        lattice
    };
    let quarter = |lattice: &Lattice| {
        let why = protect(lattice, RULE, |_| false);
        let rows = rows(lattice, &why, RULE, Grain::Quarter, Levels::All).unwrap();
        rows.into_iter().map(|row| (row.subject, row.figures.map(|figures| (figures.quantity, figures.worth)))).collect::<Vec<_>>()
    };
    // 2 × 30 + 2 × 12 + 3 × 15 pence. The value of the side is the same.
    let all = quarter(&priced(" | 10 10 10 | 4 4 4 | 5 5 5"));
    let worth = Worth::Money(Amount { low: 30 + 12 + 2 * 15, central: 129, high: 3 * 30 + 3 * 12 + 4 * 15 });
    assert_eq!(all, [(Subject::Measure(0), Ok((Some(57), worth))), (Subject::Value(Side::Citizen), Ok((None, worth)))]);
    // In February two people gave: February and another month are hidden, and the quarter's value would tell them apart.
    let hidden = quarter(&priced(" | 10 10 10 10 | 4 4 | 5 5 5"));
    assert_eq!(hidden, [(Subject::Measure(0), Ok((Some(63), Worth::Changes))), (Subject::Value(Side::Citizen), Ok((None, Worth::Changes)))]);
}
