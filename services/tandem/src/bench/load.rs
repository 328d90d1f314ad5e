//! Requests, encoded before the clock starts.

use crate::generate::Generator;
use prost::bytes::{Bytes, BytesMut};

/// Buffers are cut into requests; this is how large one is.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;

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
    let mut requests = Vec::with_capacity((count / u64::from(batch)) as usize + 1);
    let mut buffer = BytesMut::with_capacity(BUFFER_BYTES);
    let mut events = 0;
    for event in generator.take(count as usize) {
        if buffer.capacity() - buffer.len() < 1_024 && buffer.is_empty() {
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
