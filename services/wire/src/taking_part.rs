//! Who takes part and how, between projection and query: see [`crate::partial`].

use crate::partial::{from_side, number, strange, to_side};
use crate::status::Failure;
use std::collections::BTreeMap;
use tandem_domain::metrics::{
    AmountsPartial, BudgetPartial, PledgedPartial, RetentionPartial, SidePartial, TakingPart, TakingPartNeeds, WillingnessPartial,
};
use tandem_proto::internal::v1 as internal;

/// Asks a projection for it; which indicator says how many support, whoever knows adds.
pub(crate) fn want(request: &mut internal::AggregateRequest, needs: TakingPartNeeds) {
    request.want_retention = needs.retention;
    request.want_amounts = needs.amounts;
    request.want_grades = needs.grades;
    request.want_control = needs.control;
    request.want_willingness = needs.willingness.then(String::new);
}

/// What a projection is asked for.
pub fn wanted(request: &internal::AggregateRequest) -> TakingPartNeeds {
    TakingPartNeeds {
        retention: request.want_retention,
        amounts: request.want_amounts,
        grades: request.want_grades,
        control: request.want_control,
        willingness: request.want_willingness.is_some(),
    }
}

/// Adds it to a message.
pub(crate) fn put(taking_part: TakingPart, message: internal::Partial) -> internal::Partial {
    let RetentionPartial { before, returned, new, entries } = taking_part.retention;
    let empty = WillingnessPartial::default();
    internal::Partial {
        retention: (taking_part.retention != RetentionPartial::default()).then_some(internal::RetentionPartial { before, returned, new, entries }),
        amounts: taking_part.amounts.into_iter().map(to_amounts).collect(),
        grades: taking_part.grades.into_iter().map(to_class).collect(),
        roles: taking_part.roles.into_iter().map(to_class).collect(),
        budgets: taking_part.budgets.into_iter().map(to_budget).collect(),
        willingness: (taking_part.willingness != empty).then(|| to_willingness(taking_part.willingness)),
        ..message
    }
}

/// Takes it out of a message. Parts that were not asked for are unset.
pub(crate) fn take(message: &mut internal::Partial) -> Result<TakingPart, Failure> {
    let retention = message.retention.take().unwrap_or_default();
    let internal::RetentionPartial { before, returned, new, entries } = retention;
    Ok(TakingPart {
        retention: RetentionPartial { before, returned, new, entries },
        amounts: std::mem::take(&mut message.amounts).into_iter().map(from_amounts).collect::<Result<_, _>>()?,
        grades: from_classes(&mut message.grades)?,
        roles: from_classes(&mut message.roles)?,
        budgets: std::mem::take(&mut message.budgets).into_iter().map(from_budget).collect::<Result<_, _>>()?,
        willingness: message.willingness.take().map_or(Ok(WillingnessPartial::default()), from_willingness)?,
    })
}

type OfMeasure<T> = ((String, String), T);

fn to_amounts(((measure, unit), amounts): OfMeasure<AmountsPartial>) -> internal::AmountsPartial {
    let of_amount = |(amount, actors): (i128, u64)| internal::ActorsOfAmount { amount: amount.to_string(), actors };
    internal::AmountsPartial { measure, unit, actors: amounts.actors.into_iter().map(of_amount).collect(), entries: amounts.entries }
}

fn from_amounts(amounts: internal::AmountsPartial) -> Result<OfMeasure<AmountsPartial>, Failure> {
    let of_amount = |of: internal::ActorsOfAmount| Ok((number(&of.amount)?, of.actors));
    let actors = amounts.actors.into_iter().map(of_amount).collect::<Result<_, Failure>>()?;
    Ok(((amounts.measure, amounts.unit), AmountsPartial { actors, entries: amounts.entries }))
}

fn to_class((class, side): (u8, SidePartial)) -> internal::ClassPartial {
    internal::ClassPartial { class: class.into(), sum: Some(to_side(side)) }
}

fn from_classes(classes: &mut Vec<internal::ClassPartial>) -> Result<BTreeMap<u8, SidePartial>, Failure> {
    let class = |one: internal::ClassPartial| {
        let number = u8::try_from(one.class).map_err(|_| strange("an unknown class"))?;
        Ok((number, one.sum.map_or(Ok(SidePartial::default()), from_side)?))
    };
    std::mem::take(classes).into_iter().map(class).collect()
}

fn to_budget((currency, budget): (String, BudgetPartial)) -> internal::BudgetPartial {
    let quantity = budget.quantity.iter().map(ToString::to_string).collect();
    internal::BudgetPartial { currency, quantity, count: budget.count.to_vec() }
}

fn from_budget(budget: internal::BudgetPartial) -> Result<(String, BudgetPartial), Failure> {
    let four = || strange("another number of choosers");
    let quantity = budget.quantity.iter().map(|quantity| number(quantity)).collect::<Result<Vec<i128>, _>>()?;
    let quantity = quantity.try_into().map_err(|_| four())?;
    Ok((budget.currency, BudgetPartial { quantity, count: budget.count.try_into().map_err(|_| four())? }))
}

fn to_willingness(of: WillingnessPartial) -> internal::WillingnessPartial {
    let pledged = |((measure, unit), of): OfMeasure<PledgedPartial>| internal::PledgedPartial {
        measure,
        unit,
        pledged: of.pledged.to_string(),
        pledges: of.pledges,
        done: of.done.to_string(),
        matched: of.matched.to_string(),
        contributions: of.contributions,
        of_another_measure: of.of_another_measure,
    };
    internal::WillingnessPartial {
        support_unit: of.support_unit,
        support_places: of.support_places.into(),
        support_numerator: of.support_numerator.to_string(),
        support_denominator: of.support_denominator.to_string(),
        pledged: of.pledged.into_iter().map(pledged).collect(),
    }
}

fn from_willingness(of: internal::WillingnessPartial) -> Result<WillingnessPartial, Failure> {
    let pledged = |of: internal::PledgedPartial| {
        let sums = PledgedPartial {
            pledged: number(&of.pledged)?,
            pledges: of.pledges,
            done: number(&of.done)?,
            matched: number(&of.matched)?,
            contributions: of.contributions,
            of_another_measure: of.of_another_measure,
        };
        Ok(((of.measure, of.unit), sums))
    };
    Ok(WillingnessPartial {
        support_unit: of.support_unit,
        support_places: u8::try_from(of.support_places).map_err(|_| strange("too many decimal places"))?,
        support_numerator: number(&of.support_numerator)?,
        support_denominator: number(&of.support_denominator)?,
        pledged: of.pledged.into_iter().map(pledged).collect::<Result<_, Failure>>()?,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use tandem_domain::metrics::Amount;

    /// Something in every field.
    pub(crate) fn full() -> TakingPart {
        let side = |central: i128, count| {
            let value = Amount { low: central, central, high: central };
            SidePartial { value, count, priced_count: count - 1, unpriced_measures: vec!["a".into()], ..SidePartial::default() }
        };
        let pledged = PledgedPartial { pledged: i128::MAX, pledges: 2, done: -3, matched: 4, contributions: 5, of_another_measure: 6 };
        TakingPart {
            retention: RetentionPartial { before: 1, returned: 2, new: 3, entries: 4 },
            amounts: [
                ((String::new(), String::new()), AmountsPartial { actors: [(0, 3), (i128::MAX / 9, 1)].into(), entries: 5 }),
                (("help".into(), "min".into()), AmountsPartial { actors: [(60, 2)].into(), entries: 4 }),
            ]
            .into(),
            grades: [(1, side(7, 2)), (5, side(-7, 3))].into(),
            roles: [(4, side(9, 4))].into(),
            budgets: [("GBP".into(), BudgetPartial { quantity: [-1, 2, 3, i128::MAX], count: [1, 2, 3, 4] })].into(),
            willingness: WillingnessPartial {
                support_unit: "%".into(),
                support_places: 2,
                support_numerator: i128::MIN,
                support_denominator: 8,
                pledged: [(("help".into(), "min".into()), pledged)].into(),
            },
        }
    }

    #[test]
    fn what_another_release_would_send_is_refused() {
        let refused = |change: fn(&mut internal::Partial)| {
            let mut message = put(full(), internal::Partial::default());
            change(&mut message);
            assert!(matches!(take(&mut message), Err(Failure::Internal(_))));
        };
        refused(|message| message.amounts[0].actors[0].amount = "1.5".into());
        refused(|message| message.grades[0].class = 256);
        refused(|message| message.budgets[0].count.truncate(3));
        refused(|message| message.budgets[0].quantity.push("1".into()));
        refused(|message| message.willingness.as_mut().unwrap().support_places = 256);
        refused(|message| message.willingness.as_mut().unwrap().pledged[0].done = "much".into());
    }

    #[test]
    fn needs_go_there_and_back() {
        for at in 0..5 {
            let needs = TakingPartNeeds { retention: at == 0, amounts: at == 1, grades: at == 2, control: at == 3, willingness: at == 4 };
            let mut request = internal::AggregateRequest::default();
            want(&mut request, needs);
            assert_eq!(wanted(&request), needs);
        }
    }
}
