//! Waits until what was recorded is folded.

use crate::client::{Connection, explain};
use anyhow::bail;
use std::time::{Duration, Instant};
use tandem_proto::v1::query_service_client::QueryServiceClient;
use tandem_proto::v1::{CouncilStatus, GetStatusRequest, GetStatusResponse};
use tonic::{Code, Request, Status};

/// One call waits this long for a position; then it asks again.
const PATIENCE: Duration = Duration::from_secs(25);
/// For so long the projection may make no headway before it counts as stuck.
const STUCK: Duration = Duration::from_secs(120);

/// Records of the councils in an answer that were taken: entries and duplicates.
pub(crate) fn records(answer: &GetStatusResponse) -> u64 {
    let of = |status: &CouncilStatus| status.duplicates + status.reflects.as_ref().map_or(0, |reflects| reflects.entries);
    answer.councils.iter().map(of).sum()
}

/// How a council stands; waits 25 seconds at most for the positions.
pub(crate) async fn status(connection: Connection, council: &str, at_least: &[String]) -> Result<GetStatusResponse, Status> {
    let mut request = Request::new(GetStatusRequest { councils: vec![council.into()], at_least: at_least.to_vec(), ..Default::default() });
    request.set_timeout(PATIENCE);
    Ok(QueryServiceClient::new(connection).get_status(request).await?.into_inner())
}

/// Waits until the positions (at most 1,000) are folded; how the council stands then. Fails if nothing moves for two
/// minutes.
pub(crate) async fn until_folded(connection: Connection, council: &str, positions: &[String]) -> anyhow::Result<GetStatusResponse> {
    let mut folded = 0;
    let mut moved = Instant::now();
    loop {
        match status(connection.clone(), council, positions).await {
            Ok(answer) => return Ok(answer),
            Err(failure) if matches!(failure.code(), Code::DeadlineExceeded | Code::Cancelled) => {}
            Err(failure) => bail!(explain(&failure)),
        }
        let now = status(connection.clone(), council, &[]).await.map_or(0, |answer| records(&answer));
        if now > folded {
            (folded, moved) = (now, Instant::now());
        }
        if moved.elapsed() > STUCK {
            bail!("the projection stands at {folded} records of {council} for two minutes: see the server's own log");
        }
    }
}
