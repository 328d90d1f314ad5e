//! What questions about who takes part need besides, see [`crate::question`].

use crate::check::Check;
use tandem_domain::date::Date;
use tandem_domain::metrics::{self, Metric};
use tandem_proto::internal::v1::AggregateRequest;
use tandem_proto::v1::QueryValueRequest;

/// Says what is wrong with it.
pub(crate) fn check(check: &mut Check, request: &QueryValueRequest, metrics: &[&Metric]) {
    check.id_or_none("support_indicator", &request.support_indicator);
    if !request.support_indicator.is_empty() && !metrics.iter().any(|metric| metric.needs.taking_part.willingness) {
        check.wrong("support_indicator", "is for willingness_gap, which is not asked: ask it too, or leave this out");
    }
    // What is no date is said elsewhere.
    let day = |text: fn(&QueryValueRequest) -> Option<&String>| text(request).and_then(|text| Date::parse(text));
    let start = day(|request| request.scope.as_ref().map(|scope| &scope.period_start));
    let end = day(|request| request.scope.as_ref().map(|scope| &scope.period_end));
    metrics::whole_months(metrics, start, end).into_iter().for_each(|about| check.wrong(about.field, about.description));
}

/// Says which indicator, if a projection is asked for what needs it.
pub(crate) fn name_indicator(request: &mut AggregateRequest, asked: &QueryValueRequest) {
    if let Some(indicator) = &mut request.want_willingness {
        indicator.clone_from(&asked.support_indicator);
    }
}
