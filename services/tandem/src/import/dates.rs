//! From a source's dates to civil days. The zone is the mapping's, never the machine's.

use super::mapping::When;
use super::template::Template;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use serde::Deserialize;

/// What a date text names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// A day.
    #[default]
    Day,
    /// A month, "2025-03".
    Month,
    /// A quarter, "2025-Q1".
    Quarter,
    /// A year, "2025".
    Year,
}

/// A day or a span of days, as an event names it, and the instant if there was one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Days {
    /// First day, "YYYY-MM-DD".
    pub start: String,
    /// Last day. Empty: one day.
    pub end: String,
    /// The instant.
    pub instant: Option<Timestamp>,
}

/// `When`, ready for rows.
#[derive(Clone, Debug)]
pub struct Calendar {
    from: Template<usize>,
    to: Option<Template<usize>>,
    format: Option<String>,
    zone: Option<TimeZone>,
    precision: Precision,
}

impl Calendar {
    /// Compiles it; `template` resolves a template's columns.
    pub fn new(when: &When, template: impl Fn(&str) -> Result<Template<usize>, String>) -> Result<Self, String> {
        let is_day = when.precision == Precision::Day;
        if !is_day && (when.format.is_some() || when.zone.is_some()) {
            return Err("`format` and `zone` are for days only".into());
        }
        let zone = |name: &String| {
            TimeZone::get(name).map_err(|_| format!("{name:?} is no time zone that this machine knows; give an IANA name such as \"Europe/London\""))
        };
        Ok(Self {
            from: template(&when.from)?,
            to: when.to.as_deref().map(&template).transpose()?,
            format: when.format.clone(),
            zone: when.zone.as_ref().map(zone).transpose()?,
            precision: when.precision,
        })
    }

    /// The days of a row; the error names what is wrong.
    pub fn days(&self, values: &[String], name: impl Fn(usize) -> String) -> Result<Days, String> {
        let text = |template: &Template<usize>| {
            template
                .text(values)
                .ok_or_else(|| template.empty_column(values).map_or("the date is empty".into(), |column| format!("{} is empty", name(column))))
        };
        let (start, mut end, instant) = self.read(&text(&self.from)?)?;
        if let Some(to) = &self.to {
            end = self.read(&text(to)?)?.1;
            if end < start {
                return Err(format!("the span ends on {end}, before it begins on {start}"));
            }
        }
        let end = if end == start { String::new() } else { end.to_string() };
        Ok(Days { start: start.to_string(), end, instant })
    }

    /// First day, last day and instant of one text.
    fn read(&self, text: &str) -> Result<(Date, Date, Option<Timestamp>), String> {
        let text = text.trim();
        match self.precision {
            Precision::Day => self.day(text).map(|(day, instant)| (day, day, instant)),
            Precision::Month => months(text, "-", 1, 12).ok_or_else(|| format!("{text:?} is not a month \"YYYY-MM\"")),
            Precision::Quarter => months(text, "-Q", 3, 4).ok_or_else(|| format!("{text:?} is not a quarter \"YYYY-Q1\" to \"YYYY-Q4\"")),
            Precision::Year => months(&format!("{text}-1"), "-", 12, 1).ok_or_else(|| format!("{text:?} is not a year \"YYYY\"")),
        }
    }

    fn day(&self, text: &str) -> Result<(Date, Option<Timestamp>), String> {
        let wrong = |_| match (&self.format, &self.zone) {
            (Some(format), _) => format!("{text:?} is not a date of the form {format}"),
            (None, Some(_)) => format!("{text:?} is not an RFC 3339 timestamp"),
            (None, None) => format!("{text:?} is not a date \"YYYY-MM-DD\""),
        };
        let Some(zone) = &self.zone else {
            let format = self.format.as_deref().unwrap_or("%Y-%m-%d");
            return strtime::parse(format, text).and_then(|parsed| parsed.to_date()).map(|day| (day, None)).map_err(wrong);
        };
        let instant = match &self.format {
            Some(format) => strtime::parse(format, text).and_then(|parsed| parsed.to_timestamp()).map_err(wrong)?,
            None => text.parse::<Timestamp>().map_err(wrong)?,
        };
        Ok((zone.to_datetime(instant).date(), Some(instant)))
    }
}

/// The days of the `number`-th run of `length` months in a year: "2025{separator}3".
fn months(text: &str, separator: &str, length: i8, most: i8) -> Option<(Date, Date, Option<Timestamp>)> {
    let (year, number) = text.split_once(separator)?;
    let number: i8 = number.parse().ok().filter(|number| (1..=most).contains(number))?;
    let year: i16 = year.parse().ok().filter(|_| year.len() == 4)?;
    let start = Date::new(year, (number - 1) * length + 1, 1).ok()?;
    let end = Date::new(year, number * length, 1).ok()?.last_of_month();
    Some((start, end, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(text: &str, format: Option<&str>, zone: Option<&str>, precision: Precision) -> Result<(String, String), String> {
        let when = When { from: "{d}".into(), to: None, format: format.map(Into::into), zone: zone.map(Into::into), precision };
        let template = |text: &str| Template::parse(text)?.resolve(|_| Some(0));
        let days = Calendar::new(&when, template)?.days(&[text.into()], |_| "d".into())?;
        Ok((days.start, days.end))
    }

    #[test]
    fn reads_days_in_the_formats_declared() {
        let day = |text: &str| Ok((text.to_string(), String::new()));
        assert_eq!(days("2012-02-29", None, None, Precision::Day), day("2012-02-29"));
        assert_eq!(days("31/12/2024", Some("%d/%m/%Y"), None, Precision::Day), day("2024-12-31"));
        assert_eq!(days("2003-1-3", Some("%Y-%m-%d"), None, Precision::Day), day("2003-01-03"));
        assert_eq!(days("2019-01-24T09:35:07", Some("%Y-%m-%dT%H:%M:%S"), None, Precision::Day), day("2019-01-24"));
    }

    /// Half past midnight of summer time is still the day before in UTC.
    #[test]
    fn an_instant_falls_on_the_day_of_the_zone_named() {
        let london = |text| days(text, None, Some("Europe/London"), Precision::Day).unwrap().0;
        assert_eq!(london("2025-06-07T00:30:00+01:00"), "2025-06-07");
        assert_eq!(london("2025-06-06T23:30:00Z"), "2025-06-07");
        assert_eq!(london("2025-12-06T23:30:00Z"), "2025-12-06");
        assert_eq!(days("2025-06-06T23:30:00Z", None, Some("America/Chicago"), Precision::Day).unwrap().0, "2025-06-06");
        assert!(days("2025-06-06", None, Some("Mars/Olympus"), Precision::Day).unwrap_err().contains("no time zone"));
    }

    #[test]
    fn spans_are_whole_months_quarters_and_years() {
        let span = |start: &str, end: &str| Ok((start.to_string(), end.to_string()));
        assert_eq!(days("2024-02", None, None, Precision::Month), span("2024-02-01", "2024-02-29"));
        assert_eq!(days("2020-Q4", None, None, Precision::Quarter), span("2020-10-01", "2020-12-31"));
        assert_eq!(days("2019", None, None, Precision::Year), span("2019-01-01", "2019-12-31"));
    }

    #[test]
    fn says_what_is_wrong_with_a_date() {
        for (text, precision) in [
            ("2023-02-29", Precision::Day),
            ("", Precision::Day),
            ("2020-13", Precision::Month),
            ("2020-Q5", Precision::Quarter),
            ("20", Precision::Year),
        ] {
            assert!(days(text, None, None, precision).is_err(), "{text}");
        }
        assert_eq!(days("2023-02-29", None, None, Precision::Day), Err("\"2023-02-29\" is not a date \"YYYY-MM-DD\"".into()));
        assert_eq!(days("", None, None, Precision::Day), Err("d is empty".into()));
    }
}
