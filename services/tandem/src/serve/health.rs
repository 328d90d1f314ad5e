//! Whether the server can do its work, for gRPC health checks.

use super::parts::Parts;
use std::sync::Arc;
use std::time::Duration;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

/// How often all parts are looked at. A projection's own changes are told at once.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Tells health checks how it stands.
#[derive(Clone)]
pub(super) struct Reports(HealthReporter);

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
        let mut health = parts.projection.as_ref().map(|projection| projection.health());
        loop {
            match &mut health {
                // A projection that is gone leaves the timer.
                Some(health) => {
                    if let Ok(Err(_)) = tokio::time::timeout(LOOK_EVERY, health.changed()).await {
                        tokio::time::sleep(LOOK_EVERY).await;
                    }
                }
                None => tokio::time::sleep(LOOK_EVERY).await,
            }
            self.look(&parts).await;
        }
    }

    /// Says that it takes no more calls.
    pub async fn not_serving(&self, parts: &Parts) {
        for name in parts.services().into_iter().map(|(name, _)| name).chain([""]) {
            self.0.set_service_status(name, ServingStatus::NotServing).await;
        }
    }

    async fn look(&self, parts: &Parts) {
        let status = |serving| if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        let services = parts.services();
        let all = services.iter().all(|(_, why)| why.is_none());
        for (name, serving) in services.into_iter().map(|(name, why)| (name, why.is_none())).chain([("", all)]) {
            self.0.set_service_status(name, status(serving)).await;
        }
    }
}
