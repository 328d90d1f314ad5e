//! Reads one message's fields with its path at hand for the error.

use super::{EventId, ID_BYTES_MAX, Invalid, QUANTITY_MAX};
use crate::date::{Date, Span};
use crate::protobuf::{Fields, Value};
use std::ops::RangeInclusive;

pub(super) struct Reader<'a> {
    path: &'static str,
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(path: &'static str, bytes: &'a [u8]) -> Self {
        Self { path, bytes }
    }

    #[cold]
    pub(super) fn invalid(&self, field: &str, description: impl Into<String>) -> Invalid {
        Invalid::new(format!("{}.{field}", self.path), description)
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = Result<(u32, Value<'a>), Invalid>> {
        let path = self.path;
        Fields::new(self.bytes)
            .map(move |field| field.map(|field| (field.number, field.value)).map_err(|_| Invalid::new(path, "is not a protobuf message")))
    }

    pub(super) fn bytes(&self, field: &str, value: Value<'a>) -> Result<&'a [u8], Invalid> {
        match value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(self.invalid(field, "has the wrong wire type")),
        }
    }

    pub(super) fn text(&self, field: &str, value: Value<'a>) -> Result<&'a str, Invalid> {
        std::str::from_utf8(self.bytes(field, value)?).map_err(|_| self.invalid(field, "is not UTF-8"))
    }

    pub(super) fn integer(&self, field: &str, value: Value<'a>) -> Result<i64, Invalid> {
        match value {
            Value::Varint(number) => Ok(number as i64),
            _ => Err(self.invalid(field, "has the wrong wire type")),
        }
    }

    pub(super) fn number(&self, field: &str, value: Value<'a>, range: RangeInclusive<i64>) -> Result<i64, Invalid> {
        let number = self.integer(field, value)?;
        if range.contains(&number) {
            return Ok(number);
        }
        Err(self.invalid(field, format!("is {number}; the limits are {} and {}", range.start(), range.end())))
    }

    pub(super) fn quantity(&self, field: &str, number: i64) -> Result<u64, Invalid> {
        match number {
            1..=1_000_000_000_000_000 => Ok(number as u64),
            _ => Err(self.invalid(field, format!("is {number}; the limits are 1 and {QUANTITY_MAX}"))),
        }
    }

    pub(super) fn id(&self, field: &str, text: &'a str) -> Result<&'a str, Invalid> {
        if text.is_empty() {
            return Err(self.invalid(field, "is required"));
        }
        if text.len() > ID_BYTES_MAX || !text.bytes().all(is_id_byte) {
            return Err(self.invalid(field, format!("must be at most {ID_BYTES_MAX} bytes of [A-Za-z0-9._/:-]")));
        }
        Ok(text)
    }

    pub(super) fn optional_id(&self, field: &str, text: &'a str) -> Result<Option<&'a str>, Invalid> {
        if text.is_empty() { Ok(None) } else { self.id(field, text).map(Some) }
    }

    pub(super) fn area(&self, field: &str, text: &'a str) -> Result<Option<&'a str>, Invalid> {
        let area = self.optional_id(field, text)?;
        match area.map(|area| area.split_once(':')) {
            None => Ok(None),
            Some(Some((scheme, code))) if !scheme.is_empty() && !code.is_empty() => Ok(area),
            Some(_) => Err(self.invalid(field, "must be \"scheme:code\"")),
        }
    }

    pub(super) fn council(&self, text: &'a str) -> Result<&'a str, Invalid> {
        if is_council(text) { Ok(text) } else { Err(self.invalid("council", "must be 2 to 32 bytes of [A-Za-z0-9_-]")) }
    }

    pub(super) fn words(&self, field: &str, text: &'a str, length: RangeInclusive<usize>) -> Result<&'a str, Invalid> {
        if text.is_empty() && *length.start() > 0 {
            return Err(self.invalid(field, "is required"));
        }
        if length.contains(&text.len()) {
            return Ok(text);
        }
        Err(self.invalid(field, format!("is {} bytes; the limit is {}", text.len(), length.end())))
    }

    pub(super) fn uuid(&self, field: &str, text: &str) -> Result<EventId, Invalid> {
        parse_uuid(text).ok_or_else(|| self.invalid(field, "must be a UUID of 36 lower-case characters"))
    }

    pub(super) fn span(&self, start_field: &str, start: &str, end_field: &str, end: &str) -> Result<Span, Invalid> {
        if start.is_empty() {
            return Err(self.invalid(start_field, "is required"));
        }
        let date = |field, text| Date::parse(text).ok_or_else(|| self.invalid(field, "must be a date \"YYYY-MM-DD\""));
        let first = date(start_field, start)?;
        let last = if end.is_empty() { first } else { date(end_field, end)? };
        if last < first {
            return Err(self.invalid(end_field, format!("is before {start_field}")));
        }
        Ok(Span { start: first, end: last })
    }
}

/// Which bytes an identifier may have: looked up, since every byte of every event comes by here.
static ID_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'.' | b'_' | b'/' | b':' | b'-');
        byte += 1;
    }
    table
};

#[inline]
fn is_id_byte(byte: u8) -> bool {
    ID_BYTES[usize::from(byte)]
}

/// Whether a text can be a council's code: 2 to 32 bytes of `[A-Za-z0-9_-]`.
pub fn is_council(text: &str) -> bool {
    (2..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Reads a UUID of 36 lower-case characters.
pub fn parse_uuid(text: &str) -> Option<EventId> {
    let bytes: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut id = [0u8; 16];
    let mut at = 0;
    let mut wrong = bytes[8] ^ b'-' | bytes[13] ^ b'-' | bytes[18] ^ b'-' | bytes[23] ^ b'-';
    for (index, byte) in id.iter_mut().enumerate() {
        at += usize::from(matches!(index, 4 | 6 | 8 | 10));
        let (high, low) = (HEX[usize::from(bytes[at])], HEX[usize::from(bytes[at + 1])]);
        wrong |= (high | low) & 0xf0;
        *byte = high << 4 | low;
        at += 2;
    }
    (wrong == 0).then_some(id)
}

/// The value of a lower-case hexadecimal digit; 0xff of anything else.
static HEX: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    table
};
