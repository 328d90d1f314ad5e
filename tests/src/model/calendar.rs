//! Days as text: "2025-03-01" sorts as it should, and the unit that a day lies in is the front of it.

use tandem_domain::date::Date;

/// The smallest of day ("2025-03-01"), month ("2025-03"), quarter ("2025-Q1"), year ("2025") and "ever" that holds both days; nothing
/// smaller than `least`, which is one of "day", "month", "quarter", "year".
pub fn unit(start: &str, end: &str, least: &str) -> String {
    let grains = ["day", "month", "quarter", "year"];
    let from = grains.iter().position(|grain| *grain == least).expect("a grain");
    let fits = grains[from..].iter().map(|grain| (unit_of(start, grain), unit_of(end, grain))).find(|(first, last)| first == last);
    fits.map_or("ever".to_owned(), |(unit, _)| unit)
}

/// The unit in which a day lies.
fn unit_of(day: &str, grain: &str) -> String {
    match grain {
        "day" => day.to_owned(),
        "month" => day[..7].to_owned(),
        "quarter" => format!("{}-Q{}", &day[..4], number(&day[5..7]).div_ceil(3)),
        _ => day[..4].to_owned(),
    }
}

/// First and last day of a unit.
pub fn unit_span(unit: &str) -> (String, String) {
    let months = |year: &str, first: u32, last: u32| (format!("{year}-{first:02}-01"), format!("{year}-{last:02}-{:02}", days_in(year, last)));
    match unit.len() {
        10 => (unit.to_owned(), unit.to_owned()),
        7 if unit.as_bytes()[5] == b'Q' => months(&unit[..4], number(&unit[6..]) * 3 - 2, number(&unit[6..]) * 3),
        7 => months(&unit[..4], number(&unit[5..]), number(&unit[5..])),
        _ if unit == "ever" => ("1900-01-01".to_owned(), "9999-12-31".to_owned()),
        _ => months(unit, 1, 12),
    }
}

fn days_in(year: &str, month: u32) -> u32 {
    let year = number(year);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1]
}

fn number(text: &str) -> u32 {
    text.parse().expect("digits")
}

/// Days since 1970, to count days between two.
pub fn day_number(day: &str) -> i32 {
    Date::parse(day).expect("a date").0
}

/// The UTC day of an instant in microseconds.
pub fn utc_day(micros: u64) -> String {
    Date::of_instant(micros).to_string()
}

/// The UTC month of an instant in microseconds.
pub fn utc_month(micros: u64) -> String {
    utc_day(micros)[..7].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_their_spans() {
        assert_eq!(unit("2025-03-01", "2025-03-01", "day"), "2025-03-01");
        assert_eq!(unit("2025-03-01", "2025-03-31", "day"), "2025-03");
        assert_eq!(unit("2025-02-28", "2025-03-01", "month"), "2025-Q1");
        assert_eq!(unit("2025-03-31", "2025-04-01", "day"), "2025");
        assert_eq!(unit("2024-12-31", "2025-01-01", "day"), "ever");
        assert_eq!(unit("2024-02-05", "2024-02-05", "year"), "2024");
        assert_eq!(unit_span("2024-02"), ("2024-02-01".into(), "2024-02-29".into()));
        assert_eq!(unit_span("2025-Q4"), ("2025-10-01".into(), "2025-12-31".into()));
        assert_eq!(unit_span("2025"), ("2025-01-01".into(), "2025-12-31".into()));
    }
}
