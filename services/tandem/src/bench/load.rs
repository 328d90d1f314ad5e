//! Requests, encoded before the clock starts.

use crate::generate::Generator;
use prost::bytes::{Bytes, BytesMut};

/// Buffers are cut into requests; this is how large one is: much larger than the largest request (10,000 events).
const BUFFER_BYTES: usize = 16 * 1024 * 1024;
/// Room for one event; most need about 230.
const EVENT_BYTES: usize = 300;

/// One request: the same bytes are a `RecordRequest` (of one event), a `RecordBatchRequest` and a `RecordStreamRequest`.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The message.
    pub body: Bytes,
    /// Events in it.
    pub events: u32,
}

/// Takes the next `count` events, `batch` a request; fewer if the generator ends. Memory: about 230 bytes an event.
pub fn encode(generator: &mut Generator, count: u64, batch: u32) -> Vec<Encoded> {
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(generator.size_hint().0);
    let mut requests = Vec::with_capacity(count / batch as usize + 1);
    let mut buffer = BytesMut::with_capacity(BUFFER_BYTES);
    let mut events = 0;
    for event in generator.take(count) {
        // A request does not begin where it would have to be copied to a larger buffer.
        if events == 0 && buffer.capacity() < batch as usize * EVENT_BYTES {
            buffer = BytesMut::with_capacity(BUFFER_BYTES);
        }
        prost::encoding::message::encode(1, &event, &mut buffer);
        events += 1;
        if events == batch {
            requests.push(Encoded { body: buffer.split().freeze(), events });
            events = 0;
        }
    }
    if events > 0 {
        requests.push(Encoded { body: buffer.freeze(), events });
    }
    requests
}

/// Events in all.
pub fn events(requests: &[Encoded]) -> u64 {
    requests.iter().map(|request| u64::from(request.events)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::council::CouncilArgs;
    use prost::Message;
    use tandem_proto::v1::{RecordBatchRequest, RecordStreamRequest};

    #[test]
    fn requests_hold_the_events_in_their_order() {
        let args = CouncilArgs {
            seed: 1,
            council: Some("ONE".into()),
            services: 3,
            measures: 9,
            areas: 4,
            days: 30,
            actors: 100,
            exchanges: 500,
            random_ids: false,
        };
        let generator = || args.generator(1_000, 0).unwrap();
        let requests = encode(&mut generator(), u64::MAX, 100);
        let decoded = requests.iter().map(|request| RecordBatchRequest::decode(request.body.clone()).unwrap());
        assert_eq!(decoded.flat_map(|request| request.events).collect::<Vec<_>>(), generator().collect::<Vec<_>>());
        assert!(requests.iter().rev().skip(1).all(|request| request.events == 100));
        assert_eq!(events(&requests), generator().count() as u64);
        let stream = RecordStreamRequest::decode(requests[0].body.clone()).unwrap();
        assert_eq!((stream.events.len(), stream.batch, stream.require_known), (100, 0, false));
        assert_eq!(events(&encode(&mut generator(), 10, 1)), 10);
    }
}
