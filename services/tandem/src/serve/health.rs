//! Whether the server can do its work, for gRPC health checks and /readyz.

use super::Parts;
use super::grpc::SERVICES;
use std::sync::Arc;
use std::time::Duration;
use tandem_projection::Health;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

/// How often the log is asked whether it still takes events.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Tells health checks how it stands.
#[derive(Clone)]
pub(super) struct Reports(HealthReporter);

/// Why the server is not ready, in words; `None`: it is.
pub(super) fn unready(parts: &Parts) -> Option<String> {
    if parts.log.statistics().failed {
        return Some("the log takes no more events: see the server's log, then restart it".into());
    }
    match &*parts.projection.health().borrow() {
        Health::Serving => None,
        Health::Starting(what) => Some(format!("starting: {what}")),
        Health::Failed(why) => Some(format!("the projection stopped: {why}")),
        Health::Stopped => Some("stopping".into()),
    }
}

/// What a server that is ready says: so, and which books somebody has to look at. They do not make it unready, as everything else goes on.
pub(super) fn ready(parts: &Parts) -> String {
    let mut text = "ready\n".to_owned();
    for (council, why) in parts.projection.unpublished() {
        text += &format!("the book of {council} is not published further: {why}\n");
    }
    text
}

impl Reports {
    /// Tells how it stands now.
    pub async fn new(parts: &Parts) -> Self {
        let reports = Self(HealthReporter::new());
        reports.look(parts).await;
        reports
    }

    /// The service for `tonic::transport::Server::add_service`.
    pub fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.0.clone()))
    }

    /// Tells every change, for ever.
    pub async fn follow(self, parts: Arc<Parts>) {
        let mut health = parts.projection.health();
        loop {
            // A projection that is gone leaves the timer.
            if let Ok(Err(_)) = tokio::time::timeout(LOOK_EVERY, health.changed()).await {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            self.look(&parts).await;
        }
    }

    /// Says that it takes no more calls.
    pub async fn not_serving(&self) {
        for name in SERVICES.into_iter().chain([""]) {
            self.0.set_service_status(name, ServingStatus::NotServing).await;
        }
    }

    /// The gateway needs only the log, the others only the projection.
    async fn look(&self, parts: &Parts) {
        let log = !parts.log.statistics().failed;
        let projection = matches!(*parts.projection.health().borrow(), Health::Serving);
        let status = |serving| if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        let [gateway, query, audit, publication] = SERVICES;
        for (name, serving) in [(gateway, log), (query, projection), (audit, projection), (publication, projection), ("", log && projection)] {
            self.0.set_service_status(name, status(serving)).await;
        }
    }
}
