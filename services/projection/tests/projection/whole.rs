//! The projection over the embedded log, and the service over the wire.

use crate::history::{START_US, catalogue, gives, record};
use crate::support::{assert_same, dump, options};
use bytes::Bytes;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tandem_domain::position::{LogId, Position};
use tandem_log::{EmbeddedLog, EventLog};
use tandem_projection::{Projection, ProjectionServer};
use tandem_proto::internal::v1::GetExchangeRequest;
use tandem_proto::internal::v1::projection_service_client::ProjectionServiceClient;
use tandem_proto::v1;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Channel;
use tonic::{Code, Request};

const COUNCIL: &str = "E09000001";

/// A client, and what stops its server and waits until that holds nothing any more.
async fn client(projection: &Projection) -> (ProjectionServiceClient<Channel>, oneshot::Sender<()>, JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let service = ProjectionServer::new(projection.clone()).into_service();
    let server = tandem_wire::listen::server(None).unwrap().add_service(service);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = server.serve_with_incoming_shutdown(TcpListenerStream::new(listener), async { drop(stopped.await) });
    let serving = tokio::spawn(async { serving.await.unwrap() });
    let channel = Channel::from_shared(format!("http://{addr}")).unwrap().connect().await.unwrap();
    (ProjectionServiceClient::new(channel), stop, serving)
}

fn asked(at_least: &Position) -> Request<GetExchangeRequest> {
    let request =
        v1::GetExchangeRequest { council: COUNCIL.into(), exchange: "plan-7".into(), at_least: vec![at_least.token()], ..Default::default() };
    Request::new(GetExchangeRequest { request: Some(request) })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_embedded_log_acknowledged_is_answered_over_the_wire() {
    let directory = tempfile::tempdir().unwrap();
    let open_log = || Arc::new(EmbeddedLog::open(directory.path().join("log"), Default::default()).unwrap());
    let (first, second) = (directory.path().join("first"), directory.path().join("second"));
    let log = open_log();
    let projection = Projection::open(&first, log.clone(), options()).unwrap();
    let (mut client, stop, serving) = client(&projection).await;
    let mut records = catalogue(COUNCIL);
    records.extend((1..2_000).map(|number| record(COUNCIL, number, "2026-01-05", gives(1, "plan-7"), "ana", "")));
    let mut last = None;
    for (appended, records) in (1u32..).zip(records.chunks(300)) {
        let records = records.iter().map(|record| Bytes::from(record.encode_to_vec())).collect();
        let position = log.append(COUNCIL, records).await.unwrap();
        let answer = client.get_exchange(asked(&position)).await.unwrap().into_inner().response.unwrap();
        assert_eq!(answer.exchange.unwrap().live_entries, (appended * 300 - 3).min(1_999));
        assert!(answer.reflects.unwrap().book_time_us >= START_US);
        last = Some(position);
    }
    let other = Position { log: LogId([0; 16]), ..last.unwrap() };
    assert_eq!(client.get_exchange(asked(&other)).await.unwrap_err().code(), Code::InvalidArgument);
    let never = Position { offset: 1 << 40, ..last.unwrap() };
    assert_eq!(client.get_exchange(asked(&never)).await.unwrap_err().code(), Code::InvalidArgument);

    // Restarted, and folded anew beside it: the same rows.
    projection.stop().unwrap();
    stop.send(()).unwrap();
    drop(client);
    serving.await.unwrap();
    drop((projection, log));
    let log = open_log();
    let again = Projection::open(&second, log.clone(), options()).unwrap();
    let server = ProjectionServer::new(again.clone());
    let mut patient = asked(&last.unwrap());
    patient.set_timeout(Duration::from_secs(60));
    tandem_proto::internal::v1::projection_service_server::ProjectionService::get_exchange(&server, patient).await.unwrap();
    drop((server, again, log));
    assert_same(&dump(&second), &dump(&first), "folded anew");
}
