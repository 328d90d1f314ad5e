//! Writes events as a client's protobuf library would, from plain values.

use tandem_domain::event::Parts;
use tandem_domain::protobuf::put_varint;
use tandem_domain::record::Record;

/// A protobuf message that grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message(pub Vec<u8>);

impl Message {
    pub fn text(mut self, number: u32, text: &str) -> Self {
        if !text.is_empty() {
            self.bytes(number, text.as_bytes());
        }
        self
    }

    pub fn number(mut self, number: u32, value: i64) -> Self {
        if value != 0 {
            put_varint(&mut self.0, u64::from(number) << 3);
            put_varint(&mut self.0, value as u64);
        }
        self
    }

    pub fn message(mut self, number: u32, message: &Self) -> Self {
        self.bytes(number, &message.0);
        self
    }

    fn bytes(&mut self, number: u32, bytes: &[u8]) {
        put_varint(&mut self.0, u64::from(number) << 3 | 2);
        put_varint(&mut self.0, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }
}

/// A UUID's text.
pub fn uuid(id: u128) -> String {
    let hex = format!("{id:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

pub fn envelope(council: &str, source: &str, id: u128, start: &str, end: &str) -> Message {
    Message::default().text(1, &uuid(id)).text(2, council).text(3, source).text(4, start).text(5, end)
}

/// An encoded record.
pub fn record(envelope: &Message, facts: &Message, person: &Message, received_us: u64, officer: bool) -> Vec<u8> {
    let parts = Parts { envelope: &envelope.0, facts: &facts.0, person: &person.0 };
    let record = Record { parts, received_us, principal: "local", officer, facts_salt: &[1; 16], person_salt: &[2; 16] };
    let mut out = Vec::with_capacity(320);
    record.encode(&mut out);
    out
}
