//! When things happen: weekdays, school terms, bin weeks, summers and winters, in weights of a day.

use tandem_domain::date::Date;

/// The rhythm of a service.
#[derive(Clone, Copy, Debug)]
pub enum Season {
    /// Monday to Friday in term time.
    SchoolDays,
    /// Monday to Friday, every other week more (the fortnightly bin), most after Christmas.
    BinDays,
    /// Every day alike.
    EveryDay,
    /// Monday to Friday, a little at weekends, less in August.
    Weekdays,
    /// Weekends and summer nights.
    Weekends,
    /// Saturdays above all.
    Saturdays,
    /// Outdoors: weekends from spring to autumn.
    Outdoors,
    /// Monday to Friday, most in winter.
    Winter,
    /// The first week of a month.
    Monthly,
}

/// Monday is 0, Sunday 6.
pub fn weekday(date: Date) -> i32 {
    (date.0 + 3).rem_euclid(7) // 1970-01-01 was a Thursday.
}

/// About the holidays of English state schools, without the shifts from year to year.
fn is_term(month: u32, day: u32) -> bool {
    let holiday = matches!(
        (month, day),
        (1, 1..=5) | (2, 15..=23) | (4, 5..=20) | (5, 24..=31) | (7, 22..=31) | (8, _) | (9, 1..=2) | (10, 25..=31) | (12, 20..=31)
    );
    !holiday
}

/// How much of a service happens on a day, beside its other days: 1 to 400. Never 0: there is always somebody who reports something.
pub fn weight(season: Season, date: Date) -> u64 {
    let (_, month, day) = date.ymd();
    let weekday = weekday(date);
    let works = weekday < 5;
    match season {
        Season::SchoolDays if is_term(month, day) && works => 100,
        Season::SchoolDays if is_term(month, day) => 8,
        Season::SchoolDays => 2,
        Season::BinDays if (month, day) == (12, 25) || !works => 2,
        Season::BinDays if (month, day) >= (12, 27) || (month, day) <= (1, 8) => 200,
        Season::BinDays if (date.0 + 3).div_euclid(7) % 2 == 0 => 140,
        Season::BinDays => 70,
        Season::EveryDay => 100,
        Season::Weekdays if !works => 15,
        Season::Weekdays if month == 8 => 75,
        Season::Weekdays => 100,
        Season::Weekends => [80, 80, 80, 90, 140, 180, 130][weekday as usize] + if (6..=8).contains(&month) { 40 } else { 0 },
        Season::Saturdays => [40, 60, 60, 60, 60, 300, 10][weekday as usize],
        Season::Outdoors => [20, 25, 30, 25, 30, 200, 180][weekday as usize] * [1, 1, 3, 5, 6, 6, 6, 5, 5, 4, 2, 1][month as usize - 1] / 3,
        Season::Winter if !works => 20,
        Season::Winter => [180, 170, 130, 90, 70, 60, 60, 60, 80, 110, 150, 180][month as usize - 1],
        Season::Monthly if day <= 7 => 400,
        Season::Monthly => 4,
    }
    .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_and_terms() {
        let date = |text| Date::parse(text).unwrap();
        assert_eq!(["2025-03-03", "2025-03-09"].map(|text| weekday(date(text))), [0, 6]);
        let school = ["2025-03-03", "2025-03-08", "2025-08-04"].map(|text| weight(Season::SchoolDays, date(text)));
        assert_eq!(school, [100, 8, 2]);
        let bins = ["2025-03-03", "2025-03-10", "2025-12-25", "2025-12-29"].map(|text| weight(Season::BinDays, date(text)));
        assert!(bins[..2] == [140, 70] || bins[..2] == [70, 140]);
        assert_eq!(bins[2..], [2, 200]);
    }
}
