//! A book as an auditor checks it, by the formula in frame.proto and nothing else.

use sha2::{Digest, Sha256};
use tandem_proto::v1::{Entry, Record};

/// The 74 bytes that stand for a record in its book.
pub fn commitment(record: &Record, book_time_us: u64) -> Vec<u8> {
    let mut facts = Sha256::new();
    facts.update(&record.facts_salt);
    facts.update([0x0a]);
    facts.update(varint(record.envelope.len()));
    facts.update(&record.envelope);
    facts.update(&record.facts);
    let mut person = Sha256::new();
    person.update(&record.person_salt);
    person.update(&record.person);

    let mut out = vec![1, kind(&record.facts) + if record.officer { 128 } else { 0 }];
    out.extend_from_slice(&book_time_us.to_be_bytes());
    out.extend_from_slice(&facts.finalize());
    out.extend_from_slice(&person.finalize());
    out
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn kind(facts: &[u8]) -> u8 {
    tandem_domain::event::kind(facts)
}

/// Checks a whole book as `AuditService.ReadEntries` gives it: dense, book times never going back and never after the gateway's
/// stamp unless an earlier entry's was, commitments as they should be.
pub fn verify(entries: &[Entry]) -> Result<(), String> {
    let mut book_time_us = 0;
    for (index, entry) in entries.iter().enumerate() {
        let record = entry.record.as_ref().ok_or(format!("entry {index} has no record"))?;
        if entry.sequence != index as u64 {
            return Err(format!("entry {index} has sequence {}", entry.sequence));
        }
        if entry.book_time_us < book_time_us {
            return Err(format!("book time goes back at entry {index}: {} after {book_time_us}", entry.book_time_us));
        }
        if entry.book_time_us > book_time_us.max(record.received_us) {
            return Err(format!("book time of entry {index} is later than its record was received"));
        }
        if record.facts_salt.len() != 16 || record.person_salt.len() != 16 || record.facts_salt == record.person_salt {
            return Err(format!("entry {index} has bad salts"));
        }
        if entry.commitment != commitment(record, entry.book_time_us) {
            return Err(format!("commitment of entry {index} is another than that of its record"));
        }
        book_time_us = entry.book_time_us;
    }
    Ok(())
}
