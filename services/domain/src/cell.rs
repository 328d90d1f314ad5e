//! What is summed: quantity and count, the part of both that stands in two-sided exchanges, and how many entries have an actor.

use crate::bytes::{Corrupt, Take, put_signed};

/// A cell of the cube, or a change of one: changes add.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Sum of quantities.
    pub quantity: i128,
    /// Entries.
    pub count: i64,
    /// Sum of quantities in two-sided exchanges.
    pub matched_quantity: i128,
    /// Entries in two-sided exchanges.
    pub matched_count: i64,
    /// Contributions with an actor. Only cells of the cube count them.
    pub actor_count: i64,
}

impl Cell {
    /// A number of things, without quantity.
    pub fn count(count: i64) -> Self {
        Self { count, ..Self::default() }
    }

    /// Whether adding it changes nothing.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// Its bytes: five signed varints.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for value in [self.quantity, self.count.into(), self.matched_quantity, self.matched_count.into(), self.actor_count.into()] {
            match value {
                // Most are this small, and one byte.
                -64..64 => out.push((value << 1 ^ value >> 7) as u8),
                _ => put_signed(out, value),
            }
        }
    }

    /// Reads its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut take = Take::new("Cell", bytes);
        let cell = Self::take(&mut take)?;
        if take.is_empty() { Ok(cell) } else { Err(take.corrupt()) }
    }

    /// Reads its bytes from the front of others.
    #[inline]
    pub fn take(take: &mut Take<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            quantity: take.signed()?,
            count: take.narrow()?,
            matched_quantity: take.signed()?,
            matched_count: take.narrow()?,
            actor_count: take.narrow()?,
        })
    }
}

impl Cell {
    /// The sum; `None` if it does not fit, which only corrupt rows can bring about: quantities are at most 10^15 and entries fewer
    /// than 2^64, so that no sum of a book comes near 2^127.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self {
            quantity: self.quantity.checked_add(other.quantity)?,
            count: self.count.checked_add(other.count)?,
            matched_quantity: self.matched_quantity.checked_add(other.matched_quantity)?,
            matched_count: self.matched_count.checked_add(other.matched_count)?,
            actor_count: self.actor_count.checked_add(other.actor_count)?,
        })
    }
}

impl std::ops::AddAssign for Cell {
    fn add_assign(&mut self, other: Self) {
        self.quantity += other.quantity;
        self.count += other.count;
        self.matched_quantity += other.matched_quantity;
        self.matched_count += other.matched_count;
        self.actor_count += other.actor_count;
    }
}
