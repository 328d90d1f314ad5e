//! The book's tree: it grows with the entries, in the same commit, and is read as tiles.
//!
//! ```text
//!  records ──▶ commitments ──┐  aside while the fold runs
//!     └──────▶ fold ──▶ entries noted ──▶ tree grows ──▶ rows in the round's batch
//! ```
//!
//! The fold's crate knows no trees, so the entries are noted as they pass into the batch. What the tree holds is the commitment that an
//! entry had when it came; it is never computed from the archive again, since a record loses its person part when the person is forgotten.

mod checkpoints;
mod grow;
mod note;
pub(crate) mod publish;
mod stored;
pub(crate) mod witness;

pub(crate) use grow::{Grown, Trees, check};
pub(crate) use note::{Noted, Noting};
pub(crate) use publish::Published;
pub use publish::Publisher;
pub(crate) use stored::{Commitments, Stored};
pub use witness::{Answer, Post, Witness};

use tandem_domain::fold::Intake;
use tandem_domain::record::{COMMITMENT_BYTES, Record};

/// What the tree holds of an entry.
pub(crate) type Commitment = [u8; COMMITMENT_BYTES];

/// Commitments of records whose book time is not known yet: it is 0 in them.
pub(crate) fn timeless(intake: &[Intake<'_>]) -> Vec<Commitment> {
    intake.iter().map(|intake| of_record(intake.record, 0)).collect()
}

/// One that cannot be read is, as to the fold, a record without fields.
fn of_record(record: &[u8], book_time_us: u64) -> Commitment {
    Record::decode(record).unwrap_or_default().commitment(book_time_us)
}

/// The same at its book time.
fn at(commitment: &Commitment, book_time_us: u64) -> Commitment {
    let mut commitment = *commitment;
    commitment[2..10].copy_from_slice(&book_time_us.to_be_bytes());
    commitment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commitment_without_its_time_needs_only_that() {
        for record in [&b""[..], b"no message", &[0x22, 1, b'x', 0x12, 2, 0x0a, 0]] {
            let intake = Intake { record, append_us: 1, offset: 0, index: 0 };
            let time = 0x0102_0304_0506_0708;
            assert_eq!(at(&timeless(&[intake])[0], time), of_record(record, time));
        }
    }
}
