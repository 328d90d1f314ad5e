//! The points of the book and the change that a value question asks about: what may be asked.

use crate::check::Check;
use tandem_domain::date::Date;
use tandem_domain::metrics::{ComparisonAsked, EXPLAINED, Metric, check_as_of, check_explained, is_explained};
use tandem_proto::v1::{ChangeFrom, QueryValueRequest};

/// Says all that is wrong with a question's points. `councils` are told apart: each once.
pub(crate) fn check(check: &mut Check, request: &QueryValueRequest, metrics: &[&'static Metric], councils: usize) {
    let to = check_point(check, "", request.as_of_sequence, &request.as_of_date, councils);
    if request.as_of_sequence.is_some() || !request.as_of_date.is_empty() {
        check_as_of(metrics).into_iter().for_each(|about| check.wrong(about.field, about.description));
    }
    let Some(from) = &request.change_from else {
        return;
    };
    let since = check_point(check, "change_from.", from.as_of_sequence, &from.as_of_date, councils);
    check_start(check, from);
    let day = |text: &str| Date::parse(text);
    let (compare_start, compare_end) = (day(&request.compare_start), day(&request.compare_end));
    let compared = ComparisonAsked { compare_start, compare_end, compare_previous: request.compare_previous, ..ComparisonAsked::default() };
    check_explained(&compared).into_iter().for_each(|about| check.wrong(about.field, about.description));
    if let (Some(since), Some(to)) = (since, to)
        && since > to
    {
        check.wrong("change_from.as_of_date", format!("is after as_of_date, {to}"));
    }
    if let (Some(since), Some(to)) = (from.as_of_sequence, request.as_of_sequence)
        && since > to
    {
        check.wrong("change_from.as_of_sequence", format!("is after as_of_sequence, {to}"));
    }
    for (index, metric) in metrics.iter().enumerate().filter(|(_, metric)| !is_explained(metric)) {
        check.wrong(format!("metrics[{index}]"), format!("{}: only the change of {} is explained", metric.name, EXPLAINED.join(", ")));
    }
}

/// A point's day, if it has one.
fn check_point(check: &mut Check, prefix: &str, sequence: Option<u64>, day: &str, councils: usize) -> Option<Date> {
    if sequence.is_some() && !day.is_empty() {
        check.wrong(format!("{prefix}as_of_date"), format!("is a point like {prefix}as_of_sequence: give one of them"));
    }
    if sequence.is_some() && councils > 1 {
        let description = format!("is of one council's book, and {councils} are asked: ask one, or give {prefix}as_of_date");
        check.wrong(format!("{prefix}as_of_sequence"), description);
    }
    check.date(&format!("{prefix}as_of_date"), day)
}

fn check_start(check: &mut Check, from: &ChangeFrom) {
    if from.as_of_sequence.is_none() && from.as_of_date.is_empty() && from.valuation.is_none() {
        check.wrong("change_from", "says nothing: give an earlier point or another valuation");
    }
    if let Some(valuation) = &from.valuation {
        check.id("change_from.valuation.id", &valuation.id);
    }
}
