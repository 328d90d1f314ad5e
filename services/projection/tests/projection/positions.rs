//! `at_least`: read your writes, or a clear error.

use crate::history::{catalogue, gives, measure, record, service};
use crate::support::Running;
use std::time::Duration;
use tandem_domain::position::{LogId, Position};
use tandem_log::EventLog;
use tandem_proto::internal::v1::projection_service_server::ProjectionService;
use tandem_proto::internal::v1::{GetExchangeRequest, GetExchangeResponse};
use tandem_proto::v1;
use tonic::{Code, Request, Response, Status};

const COUNCIL: &str = "E09000001";

fn request(at_least: impl Into<String>) -> Request<GetExchangeRequest> {
    let request =
        v1::GetExchangeRequest { council: COUNCIL.into(), exchange: "plan-7".into(), at_least: vec![at_least.into()], ..Default::default() };
    Request::new(GetExchangeRequest { request: Some(request) })
}

fn live(answer: Result<Response<GetExchangeResponse>, Status>) -> u32 {
    answer.unwrap().into_inner().response.unwrap().exchange.unwrap().live_entries
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_that_cannot_be_reached_are_refused() {
    let running = Running::start(2);
    let last = running.log.push(COUNCIL, &catalogue(COUNCIL), 1);
    let refused = [
        ("nonsense".to_owned(), "is not a position"),
        (Position { log: LogId([9; 16]), ..last }.token(), "of another log"),
        (Position { partition: 2, ..last }.token(), "names a partition"),
        (Position { offset: last.offset + 1, ..last }.token(), "beyond the end of the log"),
    ];
    for (token, why) in refused {
        let status = running.server.get_exchange(request(token)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().starts_with("at_least[0]: ") && status.message().contains(why), "{}", status.message());
    }
    let status = running.server.get_exchange(request(last.token())).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_waits_for_its_position_and_no_longer_than_its_deadline() {
    let running = Running::start(1);
    running.log.push(COUNCIL, &catalogue(COUNCIL), 1);
    running.log.hold(true);
    let last = running.log.push(COUNCIL, &[record(COUNCIL, 1, "2026-01-01", gives(90, "plan-7"), "ana", "")], 2);
    let mut hasty = request(last.token());
    hasty.set_timeout(Duration::from_millis(50));
    let status = running.server.get_exchange(hasty).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(status.message().contains("the position is in offset 1"), "{}", status.message());

    let server = running.server.clone();
    let waiting = tokio::spawn(async move { server.get_exchange(request(last.token())).await });
    running.log.hold(false);
    assert_eq!(live(waiting.await.unwrap()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_waits_for_the_cures_that_its_position_makes_due() {
    let (log, directory) = (crate::support::MemoryLog::new(7, 1), tempfile::tempdir().unwrap());
    // One cure a round: without waiting for them a reader would see some.
    let options = tandem_projection::Options { round_cures: 1, ..crate::support::options() };
    let projection = tandem_projection::Projection::open(directory.path(), log.clone(), options).unwrap();
    let server = tandem_projection::ProjectionServer::new(projection);
    let waiting: Vec<_> = (1..200).map(|number| record(COUNCIL, number, "2026-01-01", gives(1, "plan-7"), "ana", "")).collect();
    log.push(COUNCIL, &[record(COUNCIL, 1_000, "2026-01-01", service(), "", "")], 1);
    log.push(COUNCIL, &waiting, 1);
    let last = log.push(COUNCIL, &[record(COUNCIL, 1_001, "2026-01-01", measure("homework", 1), "", "")], 2);
    assert_eq!(live(server.get_exchange(request(last.token())).await), 199);
    assert_eq!(log.end(0).unwrap(), 3);
}
