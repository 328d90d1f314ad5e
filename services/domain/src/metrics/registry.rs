//! Every metric, once.

use super::figures::taking_part;
use super::{Dimension, Filter, MINOR, Metric, Needs, TakingPartNeeds, figures};

const ANYTHING: &[Dimension] = &Dimension::ALL;
const HOME: &[Dimension] = &[Dimension::Council, Dimension::Service, Dimension::Area, Dimension::Month, Dimension::Quarter, Dimension::Year];
const ANY_FILTER: &[Filter] = &[Filter::Services, Filter::Measures, Filter::Sides, Filter::Areas, Filter::Evidence, Filter::Period];
const HOME_FILTER: &[Filter] = &[Filter::Services, Filter::Areas, Filter::Period];

const MONTHLY: &[Dimension] = &[Dimension::Council, Dimension::Service, Dimension::Month];
const MONTHLY_FILTER: &[Filter] = &[Filter::Services, Filter::Period];
const PLEDGED: &[Dimension] = HOME;
const PLEDGED_FILTER: &[Filter] = &[Filter::Services, Filter::Measures, Filter::Areas, Filter::Period];

const NO_PART: TakingPartNeeds = TakingPartNeeds { retention: false, amounts: false, grades: false, control: false, willingness: false };
const NOTHING: Needs =
    Needs { cells: false, measures: false, exchanges: false, exchange_values: false, participants: false, valuation: false, taking_part: NO_PART };
const CELLS: Needs = Needs { cells: true, ..NOTHING };
const MEASURES: Needs = Needs { measures: true, ..NOTHING };
const VALUE: Needs = Needs { valuation: true, ..CELLS };
const EXCHANGES: Needs = Needs { exchanges: true, ..NOTHING };
const EXCHANGE_VALUES: Needs = Needs { exchange_values: true, ..EXCHANGES };
const RECIPROCITY: Needs = Needs { valuation: true, ..EXCHANGE_VALUES };
const PARTICIPANTS: Needs = Needs { participants: true, ..NOTHING };
const RETENTION: Needs = Needs { taking_part: TakingPartNeeds { retention: true, ..NO_PART }, ..PARTICIPANTS };
const AMOUNTS: Needs = Needs { measures: true, taking_part: TakingPartNeeds { amounts: true, ..NO_PART }, ..CELLS };
const GRADES: Needs = Needs { taking_part: TakingPartNeeds { grades: true, ..NO_PART }, ..CELLS };
const CONTROL: Needs = Needs { taking_part: TakingPartNeeds { control: true, ..NO_PART }, ..CELLS };
const WILLINGNESS: Needs = Needs { taking_part: TakingPartNeeds { willingness: true, ..NO_PART }, ..NOTHING };

/// Every metric, in the order in which they are shown.
pub const ALL: &[Metric] = &[
    Metric {
        name: "quantity",
        definition: "Sum of the quantities of each measure, one part per base measure; quantities of its contra measures are subtracted. \
            Different measures are never added. Exact: nothing is rounded.",
        unit: "the measure's",
        denominator: "",
        needs: MEASURES,
        group_by: ANYTHING,
        filters: ANY_FILTER,
        figures: figures::quantity,
    },
    Metric {
        name: "entries",
        definition: "Number of contributions and state inputs that have their effect: neither in suspense nor reversed. Exact.",
        unit: "{entry}",
        denominator: "",
        needs: CELLS,
        group_by: ANYTHING,
        filters: ANY_FILTER,
        figures: figures::entries,
    },
    Metric {
        name: "citizen_value",
        definition: "C = Σ quantity × rate over all contributions that have a price in the valuation; contra measures count negative. At the \
            valuation's low, central and high rates, each rounded once from its exact sum to the minor unit, half to even, so that parts may \
            not add up to totals. No value where nothing has a price: what has none is coverage, never zero.",
        unit: MINOR,
        denominator: "",
        needs: VALUE,
        group_by: ANYTHING,
        filters: ANY_FILTER,
        figures: figures::citizen_value,
    },
    Metric {
        name: "state_value",
        definition: "G = Σ quantity × rate over all state inputs that have a price in the valuation; money in its currency is worth itself; contra \
            measures count negative. Rates, rounding and missing prices as in citizen_value.",
        unit: MINOR,
        denominator: "",
        needs: VALUE,
        group_by: ANYTHING,
        filters: ANY_FILTER,
        figures: figures::state_value,
    },
    Metric {
        name: "co_produced_value",
        definition: "Σ quantity × rate over the contributions and state inputs of two-sided exchanges: those in which, in the whole council, both \
            sides have an entry that has its effect. Rates and rounding as in citizen_value. No value if nothing in scope has a price; 0 if something has and nothing is matched. \
            Coverage is of matched entries.",
        unit: MINOR,
        denominator: "",
        needs: VALUE,
        group_by: ANYTHING,
        filters: ANY_FILTER,
        figures: figures::co_produced_value,
    },
    Metric {
        name: "citizen_share",
        definition: "C ÷ (C + G) at the central rates. No value if one side has entries of which none has a price. Rounded once to 6 decimal places, \
            half to even.",
        unit: "1",
        denominator: "C + G, value of both sides",
        needs: VALUE,
        group_by: ANYTHING,
        filters: ANY_FILTER,
        figures: figures::citizen_share,
    },
    Metric {
        name: "leverage",
        definition: "C ÷ G at the central rates: what citizens give for each unit of the state's value. No value if one side has entries of which \
            none has a price. Rounded once to 6 decimal places, half to even.",
        unit: "1",
        denominator: "G, value of the state's side",
        needs: VALUE,
        group_by: ANYTHING,
        filters: ANY_FILTER,
        figures: figures::leverage,
    },
    Metric {
        name: "reciprocity",
        definition: "Σ 2·min(c, g) ÷ Σ (c + g) at the central rates, 0 to 1, over exchanges taken whole, by home; c and g are the value of an exchange's \
            two sides, and a side that contra measures make negative counts as 0. Exchanges with an entry that has no price are left out and \
            are coverage. Rounded once to 6 decimal places, half to even.",
        unit: "1",
        denominator: "Σ (c + g), value of both sides of the exchanges",
        needs: RECIPROCITY,
        group_by: HOME,
        filters: HOME_FILTER,
        figures: figures::reciprocity,
    },
    Metric {
        name: "response_rate",
        definition: "Two-sided exchanges ÷ all exchanges opened (with an entry that has its effect), by number and by home: needs no price. Rounded \
            once to 6 decimal places, half to even.",
        unit: "1",
        denominator: "exchanges opened",
        needs: EXCHANGES,
        group_by: HOME,
        filters: HOME_FILTER,
        figures: figures::response_rate,
    },
    Metric {
        name: "one_sided",
        definition: "Exchanges on one side only, by home, whose first day is at least so many days before the day given: how many on each side and, \
            with a valuation, the value of those among them of which every entry has a price, at low, central and high rates, each rounded once \
            to the minor unit, half to even.",
        unit: "{exchange}",
        denominator: "",
        needs: EXCHANGE_VALUES,
        group_by: HOME,
        filters: HOME_FILTER,
        figures: figures::one_sided,
    },
    Metric {
        name: "match_latency",
        definition: "Whole days from the first day of the one side to the first day of the other, of two-sided exchanges, by home: median (p50) and \
            90th percentile (p90) by nearest rank, the smallest number of days that at least half (nine tenths) of the exchanges do not exceed, \
            from the exact histogram. Nothing is rounded.",
        unit: "d",
        denominator: "",
        needs: EXCHANGES,
        group_by: HOME,
        filters: HOME_FILTER,
        figures: figures::match_latency,
    },
    Metric {
        name: "participants",
        definition: "Distinct actors with a contribution that has its effect. Contributions without an actor count in coverage only; if there are \
            contributions and none has an actor there is no value. Over several councils the sum of theirs: an actor of two councils counts twice. Exact.",
        unit: "{actor}",
        denominator: "",
        needs: PARTICIPANTS,
        group_by: ANYTHING,
        filters: ANY_FILTER,
        figures: figures::participants,
    },
    Metric {
        name: "retention",
        definition: "Actors of a month who were actors of the month before too ÷ actors of the month before, in the scope's services; an actor of \
            a month has a contribution there that has its effect. Part new: actors of the month with no contribution in any month, quarter or \
            year that ended before it began, however far back and whatever period is asked. Part lapsed: actors of the month before who are none \
            of the month. The month before the first one asked is read too. A month is there if it or the one before has an actor, up to the last \
            month in which anybody took part in the scope's services. The total is that of all its months: Σ ÷ Σ, with sums of new and lapsed. \
            Contributions whose span is longer than a month or which have no actor are coverage. Over several councils the sum of theirs. \
            Ratio rounded once to 6 decimal places, half to even; the counts are exact.",
        unit: "1",
        denominator: "actors of the month before",
        needs: RETENTION,
        group_by: MONTHLY,
        filters: MONTHLY_FILTER,
        figures: taking_part::retention,
    },
    Metric {
        name: "concentration",
        definition: "How unequally actors gave, of each measure by its quantities (contra measures are subtracted) and, with a valuation, of the \
            value at the central rates of what has a price; measures are never added. With what n actors gave in the scope in ascending \
            order, x_1 to x_n: gini = Σ (2i − n − 1) x_i ÷ (n Σ x_i) (Gini's mean difference in the form for sorted values; see Damgaard and \
            Weiner, Ecology 81, 2000), 0 where all gave the same, 1 − 1/n where one gave all; top tenth = what the ⌈n ÷ 10⌉ who gave most \
            gave ÷ Σ x_i; actors = n. Whoever gave less than came back counts as 0. Contributions without an actor (of value: or without a \
            price) are coverage. Actors of different councils are different actors, compared together. Reads every line of the actors' \
            statements. Integers throughout, each ratio rounded once to 6 decimal places, half to even.",
        unit: "1",
        denominator: "gini: n Σ x_i; top tenth: Σ x_i",
        needs: AMOUNTS,
        group_by: ANYTHING,
        filters: ANY_FILTER,
        figures: taking_part::concentration,
    },
    Metric {
        name: "evidence_quality",
        definition: "Entries of each evidence grade ÷ all entries and, with a valuation, value of each grade ÷ value of all grades at the central \
            rates; contributions and state inputs together; contra measures count negative, so that a share may lie outside 0 to 1. No \
            value for a grade with entries of which none has a price, or where the value of all is not positive; what has no price is \
            coverage, of each grade by itself. Rounded once to 6 decimal places, half to even.",
        unit: "1",
        denominator: "entries, or their value, of all grades",
        needs: GRADES,
        group_by: ANYTHING,
        filters: ANY_FILTER,
        figures: taking_part::evidence_quality,
    },
    Metric {
        name: "control",
        definition: "Who decides. Of the money of individual budgets, in each currency by itself: what the citizen chose how to spend, what the \
            council chose and what both chose together, each ÷ all of which it is known who chose; contra measures (money that came back) are \
            subtracted; state inputs of which it is not known are coverage, and those in another unit than money are left out. Besides, contributions \
            by the role of their base measure (DELIVER, DESIGN, GOVERN, INFORM): entries and, with a valuation, value at low, central and \
            high rates, each rounded once to the minor unit, half to even. Individual budgets are in no view: every entry is read. Ratios \
            rounded once to 6 decimal places, half to even; entries are exact.",
        unit: "1",
        denominator: "money of individual budgets of which it is known who chose",
        needs: CONTROL,
        group_by: ANYTHING,
        filters: ANY_FILTER,
        figures: taking_part::control,
    },
    Metric {
        name: "willingness_gap",
        definition: "How much of what is supported is pledged, done and matched: each step as a share of the one before, of each measure by itself. \
            support = Σ numerators ÷ Σ denominators of the observations in force of the indicator that support_indicator names, in its unit. pledged of support = number \
            of pledges ÷ number who support, which is the indicator × the denominators it was observed of: it needs an indicator in \
            \"%\", \"1\" or \"{…}\" that counts people, and is above 1 where more pledged than were asked. done of pledged = quantity of the contributions \
            that name one of these pledges and are of its measure ÷ quantity pledged; it may be above 1, and what names a pledge of another measure is \
            coverage. matched of done = the part of that in two-sided exchanges ÷ all of it. Contra measures are subtracted; no share of \
            what is not positive. Pledges count by their period, observations by theirs, and what was done counts with its pledge, \
            whenever it was done. Every entry is read. Rounded once to 6 decimal places, half to even.",
        unit: "1",
        denominator: "the step before",
        needs: WILLINGNESS,
        group_by: PLEDGED,
        filters: PLEDGED_FILTER,
        figures: taking_part::willingness_gap,
    },
];
