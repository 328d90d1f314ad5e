//! What is printed: a Markdown table for people, or JSON.

use super::drive::Sample;
use serde::Serialize;
use serde_json::Value;

/// A table, and everything that was measured.
#[derive(Debug)]
pub struct Report {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
    data: Value,
}

impl Report {
    /// A table with these columns; `data` is what `--json` prints.
    pub fn new(headers: &[&str], rows: Vec<Vec<String>>, data: &impl Serialize) -> anyhow::Result<Self> {
        Ok(Self { headers: headers.iter().map(|header| (*header).to_owned()).collect(), rows, data: serde_json::to_value(data)? })
    }

    /// Prints it on stdout.
    pub fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(&self.data)?);
            return Ok(());
        }
        println!("| {} |", self.headers.join(" | "));
        println!("|{}", "---|".repeat(self.headers.len()));
        self.rows.iter().for_each(|row| println!("| {} |", row.join(" | ")));
        Ok(())
    }
}

/// Exact quantiles (nearest rank) of latencies, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quantiles {
    /// How many were measured.
    pub count: u64,
    /// Half were no slower.
    pub p50_us: u64,
    /// 99 of 100 were no slower.
    pub p99_us: u64,
    /// 999 of 1,000 were no slower.
    pub p99_9_us: u64,
    /// The slowest.
    pub max_us: u64,
}

impl Quantiles {
    /// Of these; all 0 if there are none.
    pub fn of(mut latencies_us: Vec<u64>) -> Self {
        latencies_us.sort_unstable();
        let count = latencies_us.len();
        let rank = |per_mille: usize| latencies_us.get((count * per_mille).div_ceil(1_000).max(1) - 1).copied().unwrap_or(0);
        Self { count: count as u64, p50_us: rank(500), p99_us: rank(990), p99_9_us: rank(999), max_us: rank(1_000) }
    }
}

/// Acknowledgements within a stretch of time.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Acknowledged {
    /// Events acknowledged in it.
    pub events: u64,
    /// The same a second.
    pub events_per_second: u64,
    /// Latency of the requests that were to be sent in it.
    pub latency: Quantiles,
}

impl Acknowledged {
    /// From `from_us` to `to_us` after the start.
    pub fn of(samples: &[Sample], from_us: u64, to_us: u64) -> Self {
        let answered = |sample: &&Sample| (from_us..to_us).contains(&(sample.intended_us + sample.latency_us));
        let events: u64 = samples.iter().filter(answered).map(|sample| u64::from(sample.events)).sum();
        let intended = samples.iter().filter(|sample| (from_us..to_us).contains(&sample.intended_us));
        Self {
            events,
            events_per_second: per_second(events, to_us.saturating_sub(from_us)),
            latency: Quantiles::of(intended.map(|sample| sample.latency_us).collect()),
        }
    }
}

/// Things a second; 0 if no time has passed.
pub fn per_second(count: u64, micros: u64) -> u64 {
    (u128::from(count) * 1_000_000).checked_div(u128::from(micros)).unwrap_or(0) as u64
}

/// 1234567 as "1,234,567".
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Microseconds as milliseconds, "1.234".
pub fn millis(micros: u64) -> String {
    format!("{}.{:03}", thousands(micros / 1_000), micros % 1_000)
}

/// Milliseconds as seconds, "1.234"; "–" if there are none.
pub fn seconds(ms: Option<u64>) -> String {
    ms.map_or("–".into(), millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let quantiles = Quantiles::of((1..=1_000).rev().collect());
        assert_eq!(quantiles, Quantiles { count: 1_000, p50_us: 500, p99_us: 990, p99_9_us: 999, max_us: 1_000 });
        assert_eq!(Quantiles::of(vec![7]), Quantiles { count: 1, p50_us: 7, p99_us: 7, p99_9_us: 7, max_us: 7 });
        assert_eq!(Quantiles::of(vec![]), Quantiles::default());
    }

    #[test]
    fn acknowledgements_count_by_their_answer_and_latencies_by_their_intention() {
        let samples = [(0, 5), (8, 4), (15, 1), (18, 9)].map(|(intended_us, latency_us)| Sample { intended_us, latency_us, events: 10 });
        let acknowledged = Acknowledged::of(&samples, 10, 20);
        assert_eq!((acknowledged.events, acknowledged.events_per_second, acknowledged.latency.count), (20, 2_000_000, 2));
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!((millis(1_234), millis(12_000_005)), ("1.234".into(), "12,000.005".into()));
        assert_eq!((per_second(3, 0), per_second(3, 2_000_000)), (0, 1));
    }
}
