//! Requests of the gateway as they come off the wire, with each event left as the client's own bytes: an event is stored and hashed
//! as it was sent, so decoding it only to encode it again would cost time and could change it.

use bytes::Bytes;
use prost::Message;
use std::marker::PhantomData;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::{ProstCodec, ProstEncoder};

use crate::status::Failure;

/// `RecordRequest`, `RecordBatchRequest` and `RecordStreamRequest` in one: they differ only in how many events they may have and
/// in the number of the batch. On the wire a singular message field is a repeated one that occurs once.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Events {
    /// Encoded `Event` messages.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub events: Vec<Bytes>,
    /// Refuse what the catalogue does not know.
    #[prost(bool, tag = "2")]
    pub require_known: bool,
    /// The client's number for the batch; 0 but in a stream.
    #[prost(uint64, tag = "3")]
    pub batch: u64,
}

/// prost's codec, except that what cannot be decoded is `INVALID_ARGUMENT` (the caller's fault), not `INTERNAL` (ours).
#[derive(Clone, Copy, Debug)]
pub struct StrictCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for StrictCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for StrictCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = StrictDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        StrictDecoder(PhantomData)
    }
}

/// Decodes requests, strictly.
#[derive(Clone, Copy, Debug)]
pub struct StrictDecoder<U>(PhantomData<U>);

impl<U: Message + Default> Decoder for StrictDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let malformed = |error| Failure::Unreadable(format!("the request is not the protobuf message that this call takes: {error}"));
        U::decode(bytes).map(Some).map_err(|error| malformed(error).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_proto::v1::{Envelope, Event, Facts, Person, RecordBatchRequest, RecordRequest, RecordStreamRequest};

    fn event(n: usize) -> Event {
        Event {
            envelope: Some(Envelope { event_id: format!("id-{n}"), council: "E09000001".into(), ..Default::default() }),
            facts: n.is_multiple_of(2).then(Facts::default),
            person: n.is_multiple_of(3).then(|| Person { notes: "x".repeat(n * 50), ..Default::default() }),
        }
    }

    fn raw(events: &[Event], require_known: bool, batch: u64) -> Events {
        Events { events: events.iter().map(|event| event.encode_to_vec().into()).collect(), require_known, batch }
    }

    #[test]
    fn a_single_event_is_wire_identical() {
        for require_known in [false, true] {
            let typed = RecordRequest { event: Some(event(3)), require_known }.encode_to_vec();
            let expected = raw(&[event(3)], require_known, 0);
            assert_eq!(Events::decode(typed.as_slice()).unwrap(), expected);
            assert_eq!(expected.encode_to_vec(), typed);
        }
        assert!(Events::decode(RecordRequest::default().encode_to_vec().as_slice()).unwrap().events.is_empty());
    }

    #[test]
    fn batches_are_wire_identical() {
        for count in [0, 1, 2, 100] {
            let events: Vec<_> = (0..count).map(event).collect();
            let typed = RecordBatchRequest { events: events.clone(), require_known: true }.encode_to_vec();
            assert_eq!(Events::decode(typed.as_slice()).unwrap(), raw(&events, true, 0));
            assert_eq!(raw(&events, true, 0).encode_to_vec(), typed);
            let typed = RecordStreamRequest { events: events.clone(), require_known: false, batch: u64::MAX }.encode_to_vec();
            assert_eq!(Events::decode(typed.as_slice()).unwrap(), raw(&events, false, u64::MAX));
            assert_eq!(raw(&events, false, u64::MAX).encode_to_vec(), typed);
        }
    }

    #[test]
    fn an_event_keeps_bytes_that_no_encoder_would_write() {
        // Field 9 is unknown, the varint of field 2 is longer than it need be, and the fields are out of order.
        let odd = [0x4a, 1, 7, 0x12, 0x81, 0x00, 0x08, 0x0a, 0];
        let mut wire = vec![0x0a, odd.len() as u8];
        wire.extend(odd);
        assert_eq!(Events::decode(wire.as_slice()).unwrap().events, [Bytes::copy_from_slice(&odd)]);
    }
}
