//! Explained changes between projection and query, points of a book, and how both stand in the public answer. As with [`crate::partial`],
//! what does not convert is our own fault.

use crate::partial::{from_amount, from_key, from_response, strange, to_amount, to_key, to_response};
use crate::status::Failure;
use tandem_domain::metrics::{AsOfUsed, Change, ChangeFigure, ChangePartial, EFFECTS, Effects, Shown};
use tandem_proto::internal::v1 as internal;
use tandem_proto::v1;

/// A point as a message.
pub fn to_as_of(used: AsOfUsed) -> v1::CouncilAsOf {
    v1::CouncilAsOf { council: used.council, sequence: used.sequence, book_time_us: used.book_time_us }
}

/// A change, and the point that it is counted from, as a message.
pub fn to_change(change: Change, from: AsOfUsed) -> internal::AggregateChange {
    internal::AggregateChange {
        from: Some(Box::new(internal::AggregateResponse { as_of: Some(to_as_of(from)), ..to_response(change.from, None) })),
        groups: change.groups.into_iter().map(to_partial).collect(),
        total: Some(to_partial(change.total)),
        amount_denominator: change.denominator,
    }
}

/// What [`to_change`] made.
pub fn from_change(change: internal::AggregateChange) -> Result<(Change, v1::CouncilAsOf), Failure> {
    let mut from = *change.from.ok_or_else(|| strange("no earlier answer"))?;
    let as_of = from.as_of.take().ok_or_else(|| strange("no earlier point"))?;
    let change = Change {
        from: from_response(from)?,
        groups: change.groups.into_iter().map(from_partial).collect::<Result<_, _>>()?,
        total: from_partial(change.total.ok_or_else(|| strange("no total"))?)?,
        denominator: change.amount_denominator,
    };
    let is_multiple = change.denominator > 0 && change.denominator.is_multiple_of(change.from.denominator);
    if is_multiple { Ok((change, as_of)) } else { Err(strange("a denominator that does not fit")) }
}

fn to_partial(partial: ChangePartial) -> internal::ChangePartial {
    internal::ChangePartial {
        keys: partial.keys.into_iter().map(to_key).collect(),
        citizen: Some(to_effects(partial.citizen)),
        state: Some(to_effects(partial.state)),
        matched: Some(to_effects(partial.matched)),
    }
}

fn from_partial(partial: internal::ChangePartial) -> Result<ChangePartial, Failure> {
    let effects = |effects: Option<internal::Effects>| effects.map_or(Ok(Effects::default()), from_effects);
    Ok(ChangePartial {
        keys: partial.keys.into_iter().map(from_key).collect::<Result<_, _>>()?,
        citizen: effects(partial.citizen)?,
        state: effects(partial.state)?,
        matched: effects(partial.matched)?,
    })
}

fn to_effects(effects: Effects) -> internal::Effects {
    let [quantity, correction, rate, coverage] = effects.all().map(to_amount);
    internal::Effects { quantity, correction, rate, coverage }
}

fn from_effects(effects: internal::Effects) -> Result<Effects, Failure> {
    Ok(Effects {
        quantity: from_amount(effects.quantity)?,
        correction: from_amount(effects.correction)?,
        rate: from_amount(effects.rate)?,
        coverage: from_amount(effects.coverage)?,
    })
}

/// A metric's change as the public answer has it.
pub fn to_metric_change(figure: ChangeFigure) -> v1::MetricChange {
    let amount = |shown: Shown| v1::ChangeAmount { central: shown.central, low: shown.low, high: shown.high, exact: shown.exact };
    let [quantity, correction, rate, coverage] = figure.effects.map_or([None, None, None, None], |effects| effects.map(|shown| Some(amount(shown))));
    v1::MetricChange {
        metric: figure.metric.into(),
        unit: figure.unit,
        from: figure.from.map(amount),
        to: figure.to.map(amount),
        change: figure.change.map(amount),
        quantity,
        correction,
        rate,
        coverage,
    }
}

/// How effects are defined, as the public answer has it.
pub fn effect_definitions() -> Vec<v1::EffectDefinition> {
    EFFECTS.iter().map(|effect| v1::EffectDefinition { name: effect.name.into(), definition: effect.definition.into() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_domain::metrics::{Amount, Answer, Dimension, GroupKey, Partial};

    fn effects(from: i128) -> Effects {
        let amount = |central| Amount { low: central - 1, central, high: i128::MAX };
        Effects { quantity: amount(from), correction: amount(-from), rate: amount(from + 1), coverage: amount(from + 2) }
    }

    fn change() -> Change {
        let partial = |keys| ChangePartial { keys, citizen: effects(10), state: effects(20), matched: effects(30) };
        let key = GroupKey { dimension: Dimension::Month, value: "2019".into(), coarser: true, overlaps: true };
        let from = Answer {
            groups: vec![Partial { keys: vec![key.clone()], ..Partial::default() }],
            total: Partial::default(),
            valuation: None,
            denominator: 60,
            area_vintages: Vec::new(),
            residents: Vec::new(),
        };
        Change { from, groups: vec![partial(vec![key])], total: partial(vec![]), denominator: 120 }
    }

    #[test]
    fn changes_go_there_and_back() {
        for (sequence, book_time_us) in [(Some(7), 8), (None, 0)] {
            let used = AsOfUsed { council: "E09000001".into(), sequence, book_time_us };
            let (back, as_of) = from_change(to_change(change(), used.clone())).unwrap();
            assert_eq!((back, as_of), (change(), to_as_of(used)));
        }
    }

    #[test]
    fn what_another_release_would_send_is_refused() {
        let used = AsOfUsed { council: "E09000001".into(), sequence: None, book_time_us: 0 };
        let changes: [fn(&mut internal::AggregateChange); 5] = [
            |change| change.from = None,
            |change| change.from.as_mut().unwrap().as_of = None,
            |change| change.total = None,
            |change| change.amount_denominator = 0,
            |change| change.amount_denominator = 90,
        ];
        for wrong in changes {
            let mut message = to_change(change(), used.clone());
            wrong(&mut message);
            assert!(matches!(from_change(message), Err(Failure::Internal(_))));
        }
    }

    #[test]
    fn figures_stand_where_they_belong() {
        let shown = |central: &str| Shown { central: central.into(), low: "l".into(), high: "h".into(), exact: "e".into() };
        let effects = ["1", "2", "3", "4"].map(shown);
        let figure = ChangeFigure {
            metric: "state_value",
            unit: "GBP{minor}".into(),
            from: None,
            to: Some(shown("9")),
            change: Some(shown("10")),
            effects: Some(effects),
        };
        let message = to_metric_change(figure);
        let central = |amount: &Option<v1::ChangeAmount>| amount.as_ref().map(|amount| amount.central.clone()).unwrap_or_default();
        let v1::MetricChange { from, to, change, quantity, correction, rate, coverage, .. } = &message;
        assert_eq!([from, to, change, quantity, correction, rate, coverage].map(central), ["", "9", "10", "1", "2", "3", "4"]);
        assert_eq!(to_metric_change(ChangeFigure::default()).coverage, None);
        assert_eq!(effect_definitions().len(), 4);
    }
}
