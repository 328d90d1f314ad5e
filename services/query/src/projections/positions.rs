//! Which of a question's positions which projection waits for.

use super::Log;
use tandem_domain::event::Invalid;
use tandem_domain::position::Position;
use tandem_wire::status::{Failure, violations};
use tonic::{Code, Status};

/// Some of a question's positions, with their places among all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits {
    places: Vec<usize>,
    tokens: Vec<String>,
    positions: Vec<Position>,
}

impl Waits {
    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    /// Those in partitions of which this is so, and those that are not of the log at all: whoever gets them says what is wrong with them.
    pub fn of(at_least: &[String], log: Log, is: impl Fn(u32) -> bool) -> Self {
        let mut waits = Self::default();
        for (place, token) in at_least.iter().enumerate() {
            let position = Position::from_token(token);
            if position.as_ref().and_then(|position| partition(position, log)).is_none_or(&is) {
                waits.places.push(place);
                waits.tokens.push(token.clone());
                waits.positions.extend(position);
            }
        }
        waits
    }

    /// Their tokens.
    pub fn tokens(&self) -> Vec<String> {
        self.tokens.clone()
    }

    /// Whether all of them that are of a partition are folded where its cursor stands.
    pub fn are_reached(&self, partition: u32, cursor: (u64, u32)) -> bool {
        self.positions.iter().filter(|position| position.partition == partition).all(|position| (position.offset, position.index) < cursor)
    }

    /// A refusal of one of them by its place among those sent, with its place in the question.
    pub fn renumber(&self, status: Status) -> Status {
        let listed = violations(&status);
        if status.code() != Code::InvalidArgument || !listed.iter().any(|about| self.place(&about.field).is_some()) {
            return status;
        }
        let renumbered = |about: Invalid| match self.place(&about.field) {
            Some(place) => Invalid::new(format!("at_least[{place}]"), about.description),
            None => about,
        };
        Failure::Invalid(listed.into_iter().map(renumbered).collect()).into()
    }

    fn place(&self, field: &str) -> Option<usize> {
        let sent: usize = field.strip_prefix("at_least[")?.strip_suffix(']')?.parse().ok()?;
        self.places.get(sent).copied()
    }
}

/// The partition of a position that is of this log.
fn partition(position: &Position, log: Log) -> Option<u32> {
    (position.log == log.0 && position.partition < log.1).then_some(position.partition)
}

/// The partitions of those positions that are of the log.
pub(super) fn partitions(at_least: &[String], log: Log) -> Vec<u32> {
    at_least.iter().filter_map(|token| Position::from_token(token)).filter_map(|position| partition(&position, log)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_domain::position::LogId;

    #[test]
    fn positions_go_where_they_are_known_and_come_back_with_their_own_numbers() {
        let log = (LogId([1; 16]), 4);
        let token = |log, partition, offset| Position { log: LogId([log; 16]), partition, offset, index: 2 }.token();
        let all = [token(1, 0, 5), token(1, 3, 7), token(9, 1, 1), token(1, 3, 8), token(1, 4, 0)];
        let waits = Waits::of(&all, log, |partition| partition == 3);
        assert_eq!(waits.tokens(), [1, 2, 3, 4].map(|place| all[place].clone()), "foreign ones go along");
        assert_eq!(partitions(&all, log), [0, 3, 3]);
        assert!(waits.are_reached(3, (8, 3)) && !waits.are_reached(3, (8, 2)) && waits.are_reached(0, (0, 0)));
        let refused = Status::from(Failure::invalid("at_least[1]", "is of another log"));
        assert_eq!(waits.renumber(refused).message(), "at_least[2]: is of another log");
        for other in [Failure::invalid("council", "is required"), Failure::NotFound("at_least[1]".into())] {
            let status = Status::from(other);
            assert_eq!(waits.renumber(status.clone()).message(), status.message());
        }
    }
}
