//! Which partitions of the log a projection holds: all, or some of them beside other projections that hold the others.

use crate::Error;
use std::collections::BTreeSet;
use std::fmt;
use tandem_domain::position::partition_of;
use tandem_wire::status::Failure;

/// Some partitions of a log, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partitions {
    /// How many the log has.
    of: u32,
    these: BTreeSet<u32>,
}

impl Partitions {
    /// Those that are wanted (`None`: all) of a log of so many. Refuses none, and ones that the log does not have.
    pub fn new(wanted: Option<&BTreeSet<u32>>, of: u32) -> Result<Self, Error> {
        let these = wanted.map_or_else(|| (0..of).collect(), Clone::clone);
        match these.last() {
            None => Err(Error::Partitions(format!("none is named, and the log has {of}: name at least one"))),
            Some(last) if *last >= of => Err(Error::Partitions(format!("there is no partition {last}: the log has 0 to {}", of.saturating_sub(1)))),
            Some(_) => Ok(Self { of, these }),
        }
    }

    /// How many the log has.
    pub fn of(&self) -> u32 {
        self.of
    }

    /// Whether it is one of them.
    pub fn has(&self, partition: u32) -> bool {
        self.these.contains(&partition)
    }

    /// Whether a council lives in one of them.
    pub fn has_council(&self, council: &str) -> bool {
        self.has(partition_of(council, self.of))
    }

    /// They, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.these.iter().copied()
    }

    /// Only those that are asked for; none asked for: all of them.
    pub fn narrowed(&self, asked: &[u32]) -> Self {
        let is_asked = |partition: &u32| asked.is_empty() || asked.contains(partition);
        Self { of: self.of, these: self.these.iter().copied().filter(is_asked).collect() }
    }

    /// Refuses a council that lives in another partition.
    pub(crate) fn require(&self, council: &str) -> Result<(), Failure> {
        match partition_of(council, self.of) {
            partition if self.has(partition) => Ok(()),
            partition => Err(Failure::Precondition {
                reason: OTHER_PARTITION,
                subject: format!("partitions/{partition}"),
                description: format!("council {council} lives in partition {partition}, and this projection holds {self}: ask the one that holds it"),
            }),
        }
    }
}

/// Why a projection refuses a council that another one holds.
pub const OTHER_PARTITION: &str = "OTHER_PARTITION";

impl fmt::Display for Partitions {
    /// As ranges: "0-3,6".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for partition in self.iter() {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == partition => *last = partition,
                _ => ranges.push((partition, partition)),
            }
        }
        for (index, (first, last)) in ranges.into_iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            if first == last { write!(f, "{comma}{first}")? } else { write!(f, "{comma}{first}-{last}")? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(these: &[u32], of: u32) -> Result<Partitions, String> {
        Partitions::new(Some(&these.iter().copied().collect()), of).map_err(|error| error.to_string())
    }

    #[test]
    fn they_are_of_the_log() {
        assert_eq!(Partitions::new(None, 4).unwrap().to_string(), "0-3");
        assert_eq!(some(&[6, 0, 2, 1], 8).unwrap().to_string(), "0-2,6");
        assert!(some(&[], 8).unwrap_err().contains("none is named"));
        assert!(some(&[3, 8], 8).unwrap_err().contains("there is no partition 8: the log has 0 to 7"));
    }

    #[test]
    fn councils_of_others_are_refused() {
        // E09000001 lives in partition 9 of 16.
        let held = some(&[8, 9], 16).unwrap();
        assert_eq!((held.require("E09000001"), held.has_council("E09000001")), (Ok(()), true));
        let failure = some(&[0, 1], 16).unwrap().require("E09000001").unwrap_err();
        assert!(
            matches!(&failure, Failure::Precondition { reason: OTHER_PARTITION, description, .. } if description.contains("holds 0-1")),
            "{failure:?}"
        );
        assert_eq!((held.narrowed(&[9, 12]).to_string(), held.narrowed(&[])), ("9".into(), held));
    }
}
