//! Every metric, once.

use super::figures::taking_part;
use super::{Dimension, Filter, MINOR, Metric, Needs, TakingPartNeeds, association, equity, figures, outcomes};

const ANYTHING: &[Dimension] = &Dimension::ALL;
const HOME: &[Dimension] = &[
    Dimension::Council,
    Dimension::Service,
    Dimension::Area,
    Dimension::Month,
    Dimension::Quarter,
    Dimension::Year,
    Dimension::Decile,
    Dimension::ParentArea,
];
/// Whatever has entries of many deciles.
const ACROSS_DECILES: &[Dimension] = &[
    Dimension::Council,
    Dimension::Service,
    Dimension::Measure,
    Dimension::Side,
    Dimension::Day,
    Dimension::Month,
    Dimension::Quarter,
    Dimension::Year,
    Dimension::Evidence,
    Dimension::ParentArea,
];
const ANY_FILTER: &[Filter] = &[Filter::Services, Filter::Measures, Filter::Sides, Filter::Areas, Filter::Evidence, Filter::Period];
const HOME_FILTER: &[Filter] = &[Filter::Services, Filter::Areas, Filter::Period];

/// What an outcome is observed of, beside the council.
const OBSERVED: &[Dimension] =
    &[Dimension::Council, Dimension::Service, Dimension::Area, Dimension::Day, Dimension::Month, Dimension::Quarter, Dimension::Year];

const MONTHLY: &[Dimension] = &[Dimension::Council, Dimension::Service, Dimension::Month];
const MONTHLY_FILTER: &[Filter] = &[Filter::Services, Filter::Period];
const PLEDGED: &[Dimension] = HOME;
const PLEDGED_FILTER: &[Filter] = &[Filter::Services, Filter::Measures, Filter::Areas, Filter::Period];

const NO_PART: TakingPartNeeds = TakingPartNeeds { retention: false, amounts: false, grades: false, control: false, willingness: false };
const NOTHING: Needs = Needs {
    cells: false,
    measures: false,
    exchanges: false,
    exchange_values: false,
    participants: false,
    valuation: false,
    outcomes: false,
    observations: false,
    comparison: false,
    residents: false,
    deciles: false,
    taking_part: NO_PART,
};
const CELLS: Needs = Needs { cells: true, ..NOTHING };
const MEASURES: Needs = Needs { measures: true, ..NOTHING };
const VALUE: Needs = Needs { valuation: true, ..CELLS };
const EXCHANGES: Needs = Needs { exchanges: true, ..NOTHING };
const EXCHANGE_VALUES: Needs = Needs { exchange_values: true, ..EXCHANGES };
const RECIPROCITY: Needs = Needs { valuation: true, ..EXCHANGE_VALUES };
const PARTICIPANTS: Needs = Needs { participants: true, ..NOTHING };
const OUTCOMES: Needs = Needs { outcomes: true, ..NOTHING };
const OUTCOMES_AND_VALUE: Needs = Needs { outcomes: true, comparison: true, ..VALUE };
const OBSERVATIONS: Needs = Needs { outcomes: true, observations: true, ..VALUE };
const PARTICIPATION: Needs = Needs { residents: true, ..PARTICIPANTS };
const EQUITY: Needs = Needs { measures: true, residents: true, deciles: true, ..CELLS };
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
        name: "outcome",
        definition: "O = Σ numerator ÷ Σ denominator over the observations in force of the indicator asked: of the same service, indicator, area, \
            period and source the one that took effect last and is not reversed. Observations of a whole council and of its areas are all \
            counted if both were recorded. No value where nothing was observed. Rounded once to the indicator's decimal places, half to even; \
            the numerator is in its smallest unit.",
        unit: "the indicator's",
        denominator: "Σ denominator of the observations",
        needs: OUTCOMES,
        group_by: OBSERVED,
        filters: HOME_FILTER,
        figures: outcomes::outcome,
    },
    Metric {
        name: "outcome_per_pound",
        definition: "ΔO ÷ G. ΔO is how much the outcome of the indicator asked improved, in the indicator's good direction, from the period compared \
            with to this one; G is the state_value of this period at the central rates in the major unit of the valuation's currency. No value \
            where G is not above 0, where it has entries of which none has a price, or where nothing was observed in one of the periods. An \
            association, not an effect. Exact until it is rounded once to 6 decimal places, half to even; numerator and denominator are in lowest terms.",
        unit: "the indicator's per unit of money",
        denominator: "G, value of the state's side in this period",
        needs: OUTCOMES_AND_VALUE,
        group_by: OBSERVED,
        filters: HOME_FILTER,
        figures: outcomes::outcome_per_pound,
    },
    Metric {
        name: "effort_per_outcome",
        definition: "C ÷ ΔO. C is the citizen_value of this period at the central rates in the major unit of the valuation's currency; ΔO as in \
            outcome_per_pound. No value where ΔO is not above 0, where C has entries of which none has a price, or where nothing was observed in \
            one of the periods. Rounding as in outcome_per_pound.",
        unit: "money per the indicator's unit",
        denominator: "ΔO, improvement of the outcome from the period compared with",
        needs: OUTCOMES_AND_VALUE,
        group_by: OBSERVED,
        filters: HOME_FILTER,
        figures: outcomes::effort_per_outcome,
    },
    Metric {
        name: "cost_shift",
        definition: "1 where, from the period compared with to this one, G (state_value) fell, C (citizen_value) rose and O (outcome) did not improve in \
            the indicator's good direction, else 0; at the central rates, from exact differences. Its parts are the three changes: of C and G \
            rounded once to the minor unit, of O to the indicator's decimal places, half to even. No value if one of the three is unknown in \
            either period: a side has entries of which none has a price, or nothing was observed. A side without entries is 0.",
        unit: "1",
        denominator: "",
        needs: OUTCOMES_AND_VALUE,
        group_by: OBSERVED,
        filters: HOME_FILTER,
        figures: outcomes::cost_shift,
    },
    Metric {
        name: "amenability",
        definition: "How the outcome of the indicator asked moves with what citizens and the state give, by declared mode of the service: association only. \
            An observation is a service (by area: in one area) in one month, quarter or year, the smallest that contains the period observed, wholly \
            within the scope's period: \
            x is the side's value within that unit at the central rates, in the major unit of the currency and divided by the unit's months; y is \
            O, counted so that more is better. Per mode and side: the number of observations, and the slope of the ordinary least squares line of \
            y on x with its 95 % interval (low to high) by Student's t with n - 2 degrees of freedom. No value with fewer than 3 observations or \
            where x or y does not vary. Observations whose side has entries of which none has a price are left out and are coverage; those longer \
            than a year count nowhere. Floating point, summed in order of council, service, area and unit, shown with 6 significant digits.",
        unit: "the indicator's per unit of money a month",
        denominator: "",
        needs: OBSERVATIONS,
        group_by: &[Dimension::Council, Dimension::Service, Dimension::Area],
        filters: HOME_FILTER,
        figures: association::amenability,
    },
    Metric {
        name: "participation_rate",
        definition: "Distinct actors with a contribution that has its effect ÷ residents. Residents are the sum of the populations of the scope's areas: \
            of those that it names, which must not contain each other; if it names none, of all areas of the council's catalogue that are of one scheme, the \
            one with the most areas that have a population (among equals the one with the most areas, then the last by name). A row of one area has that area's, \
            a row of a decile or of a parent area those of the scope's areas with that decile or parent, every other row the whole scope's; what is unknown has none. \
            Each area is as in the vintage asked, without one as in its newest. No value unless each of these areas has a population: what has none is coverage, \
            never zero. Actors are not asked where they live, so it may be above 1. Actors and residents of several councils are summed. Rounded once to 6 decimal \
            places, half to even.",
        unit: "1",
        denominator: "residents of the areas",
        needs: PARTICIPATION,
        group_by: ANYTHING,
        filters: ANY_FILTER,
        figures: equity::participation_rate,
    },
    Metric {
        name: "equity",
        definition: "Per head of the residents of each deprivation decile, 1 the most deprived: the value of contributions (citizen) and of the state inputs of two-sided \
            exchanges (state), at low, central and high rates; without a valuation, of each measure its quantity, of the state's measures the matched one. Only \
            entries in the areas whose residents are counted, as participation_rate says which. And the concentration index of each, at the central rates, over \
            the deciles as groups: C = (2 ÷ μ)·Σ fₜ·μₜ·Rₜ − 1, where fₜ is a decile's share of residents, μₜ its amount per head, μ the amount per head of all, and \
            Rₜ the share of residents in more deprived deciles and half the decile's own (Kakwani, Wagstaff and van Doorslaer 1997, Journal of Econometrics \
            77(1), 87–103). Below zero the most deprived have more per head, above zero the least deprived; 0 is the same everywhere. No value unless each area with \
            the decile (for the index: with any) has a population; no index where the amount is not above zero or residents are in fewer than two deciles. \
            Contra measures count negative. Exact, without floating point (an index whose amounts × residents exceed 127 bits loses their last binary digits \
            first); rounded once to 6 decimal places, half to even.",
        unit: "amount per resident",
        denominator: "residents of the decile's areas; of the index 1",
        needs: EQUITY,
        group_by: ACROSS_DECILES,
        filters: ANY_FILTER,
        figures: equity::equity,
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
