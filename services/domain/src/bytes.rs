//! Small codecs for rows: minimal varints, so that equal rows have equal bytes.

use crate::date::{Date, Grain, Period};

/// A stored row that does not decode: a corrupt store or a bug, never a client's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored row of {0} does not decode")]
pub struct Corrupt(pub &'static str);

/// Appends an unsigned LEB128 varint.
pub fn put_unsigned(out: &mut Vec<u8>, mut value: u128) {
    // Nearly all fit into 64 bits, which are faster to shift.
    if let Ok(narrow) = u64::try_from(value) {
        return crate::protobuf::put_varint(out, narrow);
    }
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed varint, zigzag.
pub fn put_signed(out: &mut Vec<u8>, value: i128) {
    put_unsigned(out, ((value << 1) ^ (value >> 127)) as u128);
}

/// Appends a day or index so that bytes sort as numbers do.
pub fn put_ordered(out: &mut Vec<u8>, value: i32) {
    out.extend_from_slice(&((value as u32) ^ 0x8000_0000).to_be_bytes());
}

/// Appends a period: grain, then index in order.
pub fn put_period(out: &mut Vec<u8>, period: Period) {
    out.push(period.grain as u8);
    put_ordered(out, period.index);
}

/// Reads a row from its front.
pub struct Take<'a> {
    rest: &'a [u8],
    row: &'static str,
}

impl<'a> Take<'a> {
    /// `row` names the row in the error.
    pub fn new(row: &'static str, bytes: &'a [u8]) -> Self {
        Self { rest: bytes, row }
    }

    /// Whether all is read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The error of this row.
    pub fn corrupt(&self) -> Corrupt {
        Corrupt(self.row)
    }

    /// An unsigned varint.
    #[inline]
    pub fn unsigned(&mut self) -> Result<u128, Corrupt> {
        match self.short() {
            Some(short) => Ok(short.into()),
            None => self.long(),
        }
    }

    /// An unsigned varint of one or two bytes, as most are; `None`, and nothing taken: it is longer.
    #[inline]
    fn short(&mut self) -> Option<u16> {
        match *self.rest {
            [one, ref rest @ ..] if one < 0x80 => {
                self.rest = rest;
                Some(one.into())
            }
            [low, high, ref rest @ ..] if high < 0x80 => {
                self.rest = rest;
                Some(u16::from(low & 0x7f) | u16::from(high) << 7)
            }
            _ => None,
        }
    }

    fn long(&mut self) -> Result<u128, Corrupt> {
        // Up to 9 bytes need no 128 bits.
        let mut short = 0u64;
        for (at, &byte) in self.rest.iter().take(9).enumerate() {
            short |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Ok(short.into());
            }
        }
        let mut value = 0u128;
        for (at, &byte) in self.rest.iter().take(19).enumerate() {
            value |= u128::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Ok(value);
            }
        }
        Err(self.corrupt())
    }

    /// A signed varint.
    #[inline]
    pub fn signed(&mut self) -> Result<i128, Corrupt> {
        if let Some(short) = self.short() {
            return Ok((i32::from(short >> 1) ^ -i32::from(short & 1)).into());
        }
        let value = self.long()?;
        Ok((value >> 1) as i128 ^ -((value & 1) as i128))
    }

    /// An unsigned varint of a narrower type.
    #[inline]
    pub fn number<T: TryFrom<u128>>(&mut self) -> Result<T, Corrupt> {
        T::try_from(self.unsigned()?).map_err(|_| self.corrupt())
    }

    /// A signed varint of a narrower type.
    #[inline]
    pub fn narrow<T: TryFrom<i128>>(&mut self) -> Result<T, Corrupt> {
        T::try_from(self.signed()?).map_err(|_| self.corrupt())
    }

    /// So many bytes.
    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8], Corrupt> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or(Corrupt(self.row))?;
        self.rest = rest;
        Ok(head)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Corrupt> {
        Ok(self.bytes(1)?[0])
    }

    /// A big-endian number of 1 to 8 bytes.
    #[inline]
    pub fn be(&mut self, width: usize) -> Result<u64, Corrupt> {
        // One load where more bytes follow, as nearly always.
        let eight = self.rest.first_chunk().copied();
        let head = self.bytes(width)?;
        Ok(match eight {
            Some(eight) => u64::from_be_bytes(eight) >> (64 - 8 * width),
            None => head.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        })
    }

    /// A big-endian number of 4 bytes.
    pub fn be32(&mut self) -> Result<u32, Corrupt> {
        Ok(self.bytes(4)?.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte)))
    }

    /// A big-endian number of 8 bytes.
    pub fn be64(&mut self) -> Result<u64, Corrupt> {
        Ok(self.bytes(8)?.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
    }

    /// What [`put_ordered`] wrote.
    pub fn ordered(&mut self) -> Result<i32, Corrupt> {
        Ok((self.be32()? ^ 0x8000_0000) as i32)
    }

    /// What [`put_period`] wrote.
    pub fn period(&mut self) -> Result<Period, Corrupt> {
        let grain = Grain::from_number(self.byte()?).ok_or(self.corrupt())?;
        Ok(Period { grain, index: self.ordered()? })
    }

    /// A signed varint day, of the years 0 to 9999: no arithmetic on it overflows.
    pub fn day(&mut self) -> Result<Date, Corrupt> {
        let day = self.narrow()?;
        self.calendar(day)
    }

    /// A day of those years as [`put_ordered`] wrote it.
    pub fn ordered_day(&mut self) -> Result<Date, Corrupt> {
        let day = self.ordered()?;
        self.calendar(day)
    }

    fn calendar(&self, day: i32) -> Result<Date, Corrupt> {
        if (-719_528..=2_932_896).contains(&day) { Ok(Date(day)) } else { Err(self.corrupt()) }
    }

    /// Text up to a zero byte, which is taken too; all of the rest if there is none.
    pub fn text(&mut self) -> Result<&'a str, Corrupt> {
        let end = self.rest.iter().position(|&byte| byte == 0).unwrap_or(self.rest.len());
        let text = std::str::from_utf8(&self.rest[..end]).map_err(|_| self.corrupt())?;
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_there_and_back() {
        for value in [0, 1, -1, 63, 64, -64, -65, 8_191, 8_192, -8_192, -8_193, i128::from(i64::MAX), i128::MAX, i128::MIN] {
            let mut out = Vec::new();
            put_signed(&mut out, value);
            // Whatever follows.
            for more in [&[][..], &[0], &[0xff; 24]] {
                let bytes = [&out, more].concat();
                let mut take = Take::new("test", &bytes);
                assert_eq!((take.signed(), take.rest()), (Ok(value), more));
            }
            let cut = Take::new("test", &out[..out.len() - 1]).signed();
            assert!(cut.is_err(), "{value}");
        }
        for width in 1..=8 {
            let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9];
            let expected = bytes[..width].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            for end in width..=bytes.len() {
                let mut take = Take::new("test", &bytes[..end]);
                assert_eq!((take.be(width), take.rest()), (Ok(expected), &bytes[width..end]));
            }
            assert!(Take::new("test", &bytes[..width - 1]).be(width).is_err());
        }
        let mut keys: Vec<Vec<u8>> = [-5, 0, 7, i32::MIN, i32::MAX]
            .map(|day| {
                let mut out = vec![];
                put_ordered(&mut out, day);
                out
            })
            .to_vec();
        keys.sort();
        let days: Vec<i32> = keys.iter().map(|key| Take::new("test", key).ordered().unwrap()).collect();
        assert_eq!(days, [i32::MIN, -5, 0, 7, i32::MAX]);
    }
}
