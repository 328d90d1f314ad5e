//! Conditions on a row's columns.

use super::decimal::Decimal;
use super::mapping;

/// A condition, ready for rows.
#[derive(Clone, Debug)]
pub struct Condition {
    column: usize,
    name: String,
    is: Option<Vec<String>>,
    is_not: Option<Vec<String>>,
    begins: Option<Vec<String>>,
    empty: Option<bool>,
    zero: Option<bool>,
    negative: Option<bool>,
    at_least: Option<Decimal>,
    at_most: Option<Decimal>,
}

impl Condition {
    /// Compiles one; `number` finds a column.
    pub fn new(condition: &mapping::Condition, number: impl Fn(&str) -> Result<usize, String>) -> Result<Self, String> {
        let decimal = |text: &Option<String>| text.as_deref().map(Decimal::parse).transpose().map_err(|error| error.to_string());
        Ok(Self {
            column: number(&condition.column)?,
            name: condition.column.clone(),
            is: condition.is.clone(),
            is_not: condition.is_not.clone(),
            begins: condition.begins.clone(),
            empty: condition.empty,
            zero: condition.zero,
            negative: condition.negative,
            at_least: decimal(&condition.at_least)?,
            at_most: decimal(&condition.at_most)?,
        })
    }

    /// Whether it holds; an error if a number is asked of what is none.
    pub fn holds(&self, values: &[String]) -> Result<bool, String> {
        let value = &values[self.column];
        let among = |list: &Vec<String>| list.iter().any(|text| text == value);
        let texts = self.is.as_ref().is_none_or(among)
            && !self.is_not.as_ref().is_some_and(among)
            && self.begins.as_ref().is_none_or(|list| list.iter().any(|text| value.starts_with(text)))
            && self.empty.is_none_or(|empty| value.is_empty() == empty);
        let has_number = self.zero.is_some() || self.negative.is_some() || self.at_least.is_some() || self.at_most.is_some();
        if !texts || !has_number {
            return Ok(texts);
        }
        if value.is_empty() {
            return Ok(false);
        }
        let number = Decimal::parse(value).map_err(|error| format!("{}: {error}", self.name))?;
        let distance = |bound: &Option<Decimal>| bound.map_or(Ok(None), |bound| number.minus(bound).map(|distance| Some(distance.sign())));
        let (least, most) = (distance(&self.at_least), distance(&self.at_most));
        let (least, most) = (least.map_err(|error| error.to_string())?, most.map_err(|error| error.to_string())?);
        Ok(self.zero.is_none_or(|zero| (number.sign() == 0) == zero)
            && self.negative.is_none_or(|negative| (number.sign() < 0) == negative)
            && least.is_none_or(|sign| sign >= 0)
            && most.is_none_or(|sign| sign <= 0))
    }
}

/// Whether all hold.
pub fn all(conditions: &[Condition], values: &[String]) -> Result<bool, String> {
    for condition in conditions {
        if !condition.holds(values)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(condition: mapping::Condition, value: &str) -> Result<bool, String> {
        Condition::new(&mapping::Condition { column: "c".into(), ..condition }, |_| Ok(0))?.holds(&[value.into()])
    }

    #[test]
    fn compares_texts_and_numbers() {
        let none = mapping::Condition::default;
        assert_eq!(holds(mapping::Condition { is: Some(vec!["a".into()]), ..none() }, "a"), Ok(true));
        assert_eq!(holds(mapping::Condition { is_not: Some(vec!["a".into()]), ..none() }, "a"), Ok(false));
        assert_eq!(holds(mapping::Condition { begins: Some(vec!["03".into(), "04".into()]), ..none() }, "0401"), Ok(true));
        assert_eq!(holds(mapping::Condition { empty: Some(true), ..none() }, ""), Ok(true));
        assert_eq!(holds(mapping::Condition { zero: Some(true), ..none() }, "0.000"), Ok(true));
        assert_eq!(holds(mapping::Condition { negative: Some(true), ..none() }, "-0.01"), Ok(true));
        let range = || mapping::Condition { at_least: Some("1".into()), at_most: Some("2.5".into()), ..none() };
        assert_eq!((holds(range(), "2.5"), holds(range(), "2.51"), holds(range(), "0.99")), (Ok(true), Ok(false), Ok(false)));
    }

    #[test]
    fn an_empty_value_is_no_number_and_a_word_is_an_error() {
        for zero in [true, false] {
            assert_eq!(holds(mapping::Condition { zero: Some(zero), ..Default::default() }, ""), Ok(false));
        }
        assert_eq!(holds(mapping::Condition { zero: Some(true), ..Default::default() }, "many"), Err("c: \"many\" is not a decimal number".into()));
    }
}
