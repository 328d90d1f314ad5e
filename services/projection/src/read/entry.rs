//! Every entry of an event id, and what became of it.

use super::view::{View, corrupt};
use super::{Readable, days, reflected};
use prost::Message;
use tandem_domain::bytes::{Corrupt, Take};
use tandem_domain::event::{self, Envelope, EventId, parse_uuid};
use tandem_domain::record::Record;
use tandem_domain::rows::{Suspense, Verdict, Wait, read_entry, read_sequences};
use tandem_domain::tables::{NameKind, Table};
use tandem_proto::v1::{EntryState, EntryStatus, Facts, GetEntryRequest, GetEntryResponse};
use tandem_wire::status::Failure;

/// Entries that one answer lists at most.
const ENTRIES_MAX: usize = 1_000;

/// The entries of an event id. [`Failure::NotFound`] if there is none.
pub fn get_entry<R: Readable>(view: &View<'_, R>, request: &GetEntryRequest) -> Result<GetEntryResponse, Failure> {
    if request.event_id.is_empty() {
        return Err(Failure::invalid("event_id", "is required"));
    }
    let Some(event_id) = parse_uuid(&request.event_id) else {
        return Err(Failure::invalid("event_id", "must be a UUID of 36 lower-case characters"));
    };
    let mut sequences = match request.source.as_str() {
        "" => sequences_of_all(view, &event_id)?,
        source => sequences_of(view, &event_id, source)?,
    };
    if sequences.is_empty() {
        return Err(Failure::NotFound(format!("council {} has no entry of event {}", view.council(), request.event_id)));
    }
    sequences.sort_unstable();
    sequences.truncate(ENTRIES_MAX);
    let entries = sequences.into_iter().map(|sequence| status(view, sequence)).collect::<Result<_, _>>()?;
    Ok(GetEntryResponse { entries, reflects: Some(reflected(view)?) })
}

fn sequences_of<R: Readable>(view: &View<'_, R>, event_id: &EventId, source: &str) -> Result<Vec<u64>, Failure> {
    let Some(source) = view.number(NameKind::Source, source)? else {
        return Ok(Vec::new());
    };
    let mut key = view.key(Table::Index);
    key.bytes(event_id).be32(source);
    view.get(Table::Index, &key)?.map_or(Ok(Vec::new()), |row| read_sequences(&row).map_err(corrupt))
}

fn sequences_of_all<R: Readable>(view: &View<'_, R>, event_id: &EventId) -> Result<Vec<u64>, Failure> {
    let mut prefix = view.key(Table::Index);
    prefix.bytes(event_id);
    let mut all = Vec::new();
    view.scan(Table::Index, &prefix, &[], |_, row| {
        all.extend(read_sequences(row).map_err(corrupt)?);
        Ok(true)
    })?;
    Ok(all)
}

/// One entry as it stands.
pub(super) fn status<R: Readable>(view: &View<'_, R>, sequence: u64) -> Result<EntryStatus, Failure> {
    let row = |table| {
        let mut key = view.key(table);
        key.be64(sequence);
        view.get(table, &key)
    };
    let entry = row(Table::Entry)?.ok_or_else(|| corrupt(Corrupt("Entry")))?;
    let mut status = of_record(sequence, &entry)?;
    let verdict = row(Table::Verdict)?.map_or(Ok(Verdict::default()), |row| Verdict::decode(&row).map_err(corrupt))?;
    (status.cured_by, status.reversed_by) = (verdict.cured_by, verdict.reversed_by);
    let state = match row(Table::Suspense)? {
        Some(row) => {
            let suspense = Suspense::decode(&row).map_err(corrupt)?;
            status.reason = suspense.reason as i32;
            status.waits_for = suspense.wait.as_ref().map_or_else(String::new, waits_for);
            EntryState::Suspended
        }
        None if verdict.reversed_by.is_some() => EntryState::Reversed,
        None => EntryState::Applied,
    };
    status.state = state as i32;
    Ok(status)
}

/// What the archive alone says of an entry. One that cannot be read has a sequence and a time.
fn of_record(sequence: u64, entry: &[u8]) -> Result<EntryStatus, Failure> {
    let (book_time_us, record) = read_entry(entry).map_err(corrupt)?;
    let mut status = EntryStatus { sequence, book_time_us, ..Default::default() };
    let Ok(record) = Record::decode(record) else {
        return Ok(status);
    };
    if let Ok(envelope) = Envelope::decode(record.parts.envelope) {
        status.source = envelope.source.into();
        status.event_id = uuid(&envelope.event_id);
        (status.occurred_start, status.occurred_end) = days(envelope.occurred);
    }
    status.kind = event::kind(record.parts.facts).into();
    // A body that this version does not know decodes to none.
    status.facts = Facts::decode(record.parts.facts).ok().filter(|facts| facts.body.is_some());
    Ok(status)
}

fn waits_for(wait: &Wait) -> String {
    match wait {
        Wait::Service(id) | Wait::Measure(id) | Wait::Indicator(id) | Wait::Exchange(id) => id.clone(),
        Wait::Target(source, event_id) => format!("{source}/{}", uuid(event_id)),
    }
}

/// 36 lower-case characters.
fn uuid(bytes: &EventId) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// The sequence in a key that ends with it.
pub(super) fn sequence_of(rest: &[u8]) -> Result<u64, Failure> {
    Take::new("key", rest).be64().map_err(corrupt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_ids_are_shown_as_they_were_sent() {
        let text = "0190a000-0000-7000-8000-00000000002a";
        assert_eq!(parse_uuid(text).map(|id| uuid(&id)).as_deref(), Some(text));
    }
}
