//! Numbers for people, from exact decimal text to exact decimal text: no floating point.

use tandem_domain::metrics::minor_places;

/// What stands where there is no value.
pub const NO_VALUE: &str = "—";

/// Behind a unit of which there is so much per head.
const PER_HEAD: &str = "/{resident}";

/// A quantity with its unit: "1,234 min", "£12.34", "0.714286". The unit is UCUM, "GBP{minor}" or "GBP" for money, "1" for ratios; that
/// something is per head stands in its name.
pub fn quantity(text: &str, unit: &str) -> String {
    if let Some(currency) = currency_of(unit) {
        return money(text, currency);
    }
    let number = grouped(text);
    match unit.strip_suffix(PER_HEAD).unwrap_or(unit) {
        "" | "1" => number,
        unit => format!("{number} {}", unit.trim_start_matches('{').trim_end_matches('}')),
    }
}

/// The currency, if a unit is one of money.
pub fn currency_of(unit: &str) -> Option<&str> {
    let unit = unit.strip_suffix(PER_HEAD).unwrap_or(unit);
    let code = unit.strip_suffix("{minor}").unwrap_or(unit);
    (code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(code)
}

/// Minor units as an amount: "£12.34", "-$0.05", "CHF 1,000.00", "¥500".
pub fn money(minor: &str, currency: &str) -> String {
    let (sign, digits) = split_sign(minor);
    let amount = grouped(&shifted(digits, minor_places(currency) as usize));
    match currency {
        "GBP" => format!("{sign}£{amount}"),
        "EUR" => format!("{sign}€{amount}"),
        "USD" => format!("{sign}${amount}"),
        "JPY" => format!("{sign}¥{amount}"),
        other => format!("{sign}{other} {amount}"),
    }
}

fn split_sign(text: &str) -> (&str, &str) {
    text.strip_prefix('-').map_or(("", text), |digits| ("-", digits))
}

/// Moves the decimal point left.
fn shifted(digits: &str, places: usize) -> String {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let padded = format!("{whole:0>width$}", width = places + 1);
    let (whole, moved) = padded.split_at(padded.len() - places);
    match (moved, fraction) {
        ("", "") => whole.into(),
        (moved, fraction) => format!("{whole}.{moved}{fraction}"),
    }
}

/// Digits in groups of three.
pub fn grouped(text: &str) -> String {
    let (sign, digits) = split_sign(text);
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut out = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A share in whole per cent, rounded down, so that 100 % means all of it.
pub fn share(covered: u64, total: u64) -> String {
    if total == 0 {
        return NO_VALUE.into();
    }
    match u128::from(covered) * 100 / u128::from(total) {
        0 if covered > 0 => "<1 %".into(),
        percent => format!("{percent} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact_text() {
        for (minor, currency, expected) in [
            ("1234", "GBP", "£12.34"),
            ("5", "GBP", "£0.05"),
            ("0", "GBP", "£0.00"),
            ("-5", "USD", "-$0.05"),
            ("123456789012345678901234567890", "EUR", "€1,234,567,890,123,456,789,012,345,678.90"),
            ("500", "JPY", "¥500"),
            ("1234567", "KWD", "KWD 1,234.567"),
            ("100000", "CHF", "CHF 1,000.00"),
            ("1234.5", "GBP", "£12.345"),
        ] {
            assert_eq!(money(minor, currency), expected);
        }
    }

    #[test]
    fn quantities_have_their_unit() {
        for (text, unit, expected) in [
            ("90", "min", "90 min"),
            ("1234567", "g", "1,234,567 g"),
            ("3", "{request}", "3 request"),
            ("1234", "GBP", "£12.34"),
            ("1234", "GBP{minor}", "£12.34"),
            ("0.714286", "1", "0.714286"),
            ("-1234.5", "%", "-1,234.5 %"),
            ("100", "", "100"),
        ] {
            assert_eq!(quantity(text, unit), expected);
        }
    }

    #[test]
    fn a_share_is_all_only_if_it_is_all() {
        assert_eq!(share(999, 1_000), "99 %");
        assert_eq!(share(1_000, 1_000), "100 %");
        assert_eq!(share(1, 1_000), "<1 %");
        assert_eq!(share(0, 1_000), "0 %");
        assert_eq!(share(0, 0), "—");
        assert_eq!(share(u64::MAX, u64::MAX), "100 %");
    }
}
