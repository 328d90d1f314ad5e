//! Clients that go away in the middle.

use super::Fresh;
use std::collections::BTreeSet;
use tandem_tests::client::{Gateway, batch_request, connect, numbered};
use tandem_tests::given::{contributed, contribution};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

/// Clients send batches, hear of some, and drop the connection with others in flight.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_vanished_client_was_told_of_is_there_and_the_server_is_well() {
    let fresh = Fresh::start().await;
    let mut acknowledged = BTreeSet::new();
    for client in 0..10_u64 {
        let channel = connect(&fresh.server.grpc).await.unwrap();
        let (requests, receiver) = mpsc::channel(20);
        let mut answers = Gateway::new(&channel).stream(ReceiverStream::new(receiver)).await.unwrap();
        let batch = |number: u64| (0..50).map(|event| contributed(client * 10_000 + number * 100 + event, contribution())).collect::<Vec<_>>();
        for number in 0..20 {
            requests.send(numbered(batch_request(&batch(number), false), number)).await.unwrap();
        }
        for number in 0..client {
            let answer = answers.next().await.unwrap().unwrap();
            assert_eq!((answer.batch, answer.recorded), (number, 50));
            acknowledged.extend(batch(number).iter().map(|parts| parts.envelope.clone()));
        }
        drop((answers, requests, channel));
    }
    let gateway = fresh.gateway();
    gateway.batch(batch_request(&[contributed(999_999, contribution())], false)).await.unwrap();
    let model = fresh.check().await;
    let entries: BTreeSet<_> = model.councils["E09000001"].entries.iter().map(|entry| entry.record.envelope.clone()).collect();
    assert!(acknowledged.is_subset(&entries));
    assert_eq!(entries.len(), model.councils["E09000001"].entries.len(), "nothing twice");
}

/// The same, cut off in the middle of a message by closing the socket.
#[tokio::test(flavor = "multi_thread")]
async fn half_a_message_is_nothing() {
    use std::io::Write;
    let fresh = Fresh::start().await;
    for length in [1, 24, 30, 60] {
        let mut socket = std::net::TcpStream::connect(&fresh.server.grpc).unwrap();
        // HTTP/2's preface, empty settings, and the front of a frame of headers.
        let bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x40\x01\x04\x00\x00\x00\x01\x83\x86\x44";
        socket.write_all(&bytes[..length.min(bytes.len())]).unwrap();
    }
    fresh.gateway().batch(batch_request(&[contributed(1, contribution())], false)).await.unwrap();
    let model = fresh.check().await;
    assert_eq!(model.councils["E09000001"].entries.len(), 1);
}
