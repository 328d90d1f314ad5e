//! Civil dates, spans of them, and the calendar units that cells are kept in. No time zones, no clock.

/// A civil date (proleptic Gregorian) as days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub i32);

/// 1900-01-01: the earliest day on which anything may have happened.
pub const EARLIEST: Date = Date(-25_567);
/// 9999-12-31: the latest day that a period may name.
pub const LATEST: Date = Date(2_932_896);
/// Microseconds in a UTC day.
pub const DAY_US: u64 = 24 * 60 * 60 * 1_000_000;

impl Date {
    /// From year, month 1–12 and day; `None` if there is no such day.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
            return None;
        }
        // Howard Hinnant, "chrono-compatible low-level date algorithms", days_from_civil.
        let y = if month <= 2 { year - 1 } else { year };
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let month_from_march = (month as i32 + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + day as i32 - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(Self(era * 146_097 + day_of_era - 719_468))
    }

    /// Year, month 1–12, day.
    pub fn ymd(self) -> (i32, u32, u32) {
        // Hinnant, civil_from_days.
        let z = self.0 + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        (year_of_era + era * 400 + i32::from(month <= 2), month as u32, day as u32)
    }

    /// Reads "YYYY-MM-DD"; `None` if it is not a date of the calendar.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: &[u8; 10] = text.as_bytes().try_into().ok()?;
        let digits = |range: std::ops::Range<usize>| {
            bytes[range].iter().try_fold(0u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
        };
        if bytes[4] != b'-' || bytes[7] != b'-' {
            return None;
        }
        Self::from_ymd(digits(0..4)? as i32, digits(5..7)?, digits(8..10)?)
    }

    /// The UTC day of an instant, microseconds since 1970.
    pub fn of_instant(micros: u64) -> Self {
        Self((micros / DAY_US) as i32)
    }
}

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from `start` to `end`, both inclusive; `start` is never after `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// First day.
    pub start: Date,
    /// Last day.
    pub end: Date,
}

impl Span {
    /// One day.
    pub fn day(date: Date) -> Self {
        Self { start: date, end: date }
    }

    /// The smallest unit, no smaller than `least`, that contains the span.
    pub fn unit(self, least: Grain) -> Period {
        if self.start == self.end {
            return Period::of(self.start, least);
        }
        let units = [Grain::Day, Grain::Month, Grain::Quarter, Grain::Year];
        let fits = |grain: &Grain| Period::of(self.start, *grain) == Period::of(self.end, *grain);
        let grain = units.into_iter().filter(|grain| *grain >= least).find(fits).unwrap_or(Grain::Ever);
        Period::of(self.start, grain)
    }
}

/// Calendar units, small to large. The numbers are stored in keys and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    /// A civil day.
    Day = 0,
    /// A calendar month.
    Month = 1,
    /// A calendar quarter.
    Quarter = 2,
    /// A calendar year.
    Year = 3,
    /// All time.
    Ever = 4,
}

impl Grain {
    /// From its stored number.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Day, Self::Month, Self::Quarter, Self::Year, Self::Ever].get(usize::from(number)).copied()
    }
}

/// One calendar unit: the `index`-th of its grain. Days count from 1970-01-01; months, quarters and years from year 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    /// Its size.
    pub grain: Grain,
    /// Which one.
    pub index: i32,
}

impl Period {
    /// The unit of this grain in which a day lies.
    pub fn of(date: Date, grain: Grain) -> Self {
        let index = match grain {
            Grain::Day => date.0,
            Grain::Ever => 0,
            _ => {
                let (year, month, _) = date.ymd();
                match grain {
                    Grain::Month => year * 12 + month as i32 - 1,
                    Grain::Quarter => year * 4 + (month as i32 - 1) / 3,
                    _ => year,
                }
            }
        };
        Self { grain, index }
    }

    /// Reads a month, quarter or year as it is displayed; `None`: it is none of these.
    pub fn parse(text: &str) -> Option<Self> {
        let (grain, index) = match text.len() {
            4 => (Grain::Year, Date::parse(&format!("{text}-01-01"))?),
            7 => match text.split_once("-Q") {
                Some((year, quarter @ ("1" | "2" | "3" | "4"))) => {
                    let month = 3 * (quarter.parse::<u32>().ok()? - 1) + 1;
                    (Grain::Quarter, Date::parse(&format!("{year}-{month:02}-01"))?)
                }
                _ => (Grain::Month, Date::parse(&format!("{text}-01"))?),
            },
            _ => return None,
        };
        Some(Self::of(index, grain))
    }

    /// Its first and last day. `Ever` runs from [`EARLIEST`] to [`LATEST`].
    pub fn span(self) -> Span {
        let first_of_month = |months: i32| Date::from_ymd(months.div_euclid(12), months.rem_euclid(12) as u32 + 1, 1).unwrap_or(EARLIEST);
        let months = |first: i32, count: i32| Span { start: first_of_month(first), end: Date(first_of_month(first + count).0 - 1) };
        match self.grain {
            Grain::Day => Span::day(Date(self.index)),
            Grain::Month => months(self.index, 1),
            Grain::Quarter => months(self.index * 3, 3),
            Grain::Year => months(self.index * 12, 12),
            Grain::Ever => Span { start: EARLIEST, end: LATEST },
        }
    }
}

/// "2025-03-01", "2025-03", "2025-Q1", "2025" or "ever".
impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let index = self.index;
        match self.grain {
            Grain::Day => Date(index).fmt(f),
            Grain::Month => write!(f, "{:04}-{:02}", index.div_euclid(12), index.rem_euclid(12) + 1),
            Grain::Quarter => write!(f, "{:04}-Q{}", index.div_euclid(4), index.rem_euclid(4) + 1),
            Grain::Year => write!(f, "{index:04}"),
            Grain::Ever => f.write_str("ever"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back() {
        assert_eq!(Date::parse("1900-01-01"), Some(EARLIEST));
        assert_eq!(Date::parse("9999-12-31"), Some(LATEST));
        assert_eq!(Date::parse("1970-01-01"), Some(Date(0)));
        assert_eq!(Date::parse("2024-02-29"), Some(Date(19_782)));
        for day in (EARLIEST.0..80_000).chain(2_900_000..=LATEST.0) {
            assert_eq!(Date::parse(&Date(day).to_string()), Some(Date(day)));
        }
        for bad in ["2023-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "2024-1-01", "24-01-01", "2024-01-01T", "２024-01-1"] {
            assert_eq!(Date::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn units_are_read_as_they_are_shown() {
        for text in ["2025-03", "2025-Q1", "2025-Q4", "2025", "1999-12"] {
            assert_eq!(Period::parse(text).map(|period| period.to_string()).as_deref(), Some(text));
        }
        for bad in ["", "2025-13", "2025-Q5", "2025-Q0", "2025-1", "25", "ever", "2025-03-01", "x025", "202é-Q1"] {
            assert_eq!(Period::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn spans_go_to_the_smallest_unit_that_contains_them() {
        let span = |start: &str, end: &str| Span { start: Date::parse(start).unwrap(), end: Date::parse(end).unwrap() };
        let unit = |start, end, least| span(start, end).unit(least).to_string();
        assert_eq!(unit("2025-03-01", "2025-03-01", Grain::Day), "2025-03-01");
        assert_eq!(unit("2025-03-01", "2025-03-01", Grain::Month), "2025-03");
        assert_eq!(unit("2025-03-01", "2025-03-02", Grain::Day), "2025-03");
        assert_eq!(unit("2025-03-31", "2025-04-01", Grain::Day), "2025");
        assert_eq!(unit("2025-04-30", "2025-05-01", Grain::Day), "2025-Q2");
        assert_eq!(unit("2019-01-01", "2019-12-31", Grain::Month), "2019");
        assert_eq!(unit("2019-12-31", "2020-01-01", Grain::Day), "ever");
        for period in ["2025-02", "2024-02", "2025-12"] {
            let month = span(&format!("{period}-01"), &format!("{period}-02")).unit(Grain::Month);
            assert_eq!(month.to_string(), period);
            assert_eq!(month.span().unit(Grain::Day), month);
        }
    }
}
