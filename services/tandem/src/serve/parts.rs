//! What a server is made of. `tandem serve` has all the parts, each separate service some.

use super::front::Front;
use crate::backup::periodic::Backups;
use std::sync::Arc;
use std::time::Instant;
use tandem_gateway::Gateway;
use tandem_log::{AnyLog, EventLog};
use tandem_projection::{Health, Projection};
use tandem_wire::auth::Authenticator;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

/// The services, as health checks and reflection name them.
pub(super) const GATEWAY: &str = "tandem.v1.GatewayService";
pub(super) const QUERY: &str = "tandem.v1.QueryService";
pub(super) const AUDIT: &str = "tandem.v1.AuditService";
pub(super) const PUBLICATION: &str = "tandem.v1.PublicationService";
pub(super) const PROJECTION: &str = "tandem.internal.v1.ProjectionService";

/// All that serves.
pub(super) struct Parts {
    pub log: Option<Arc<AnyLog>>,
    pub gateway: Option<Arc<Gateway<AnyLog>>>,
    pub projection: Option<Projection>,
    /// Who may ask the projection over the network; `None`: only its own process does.
    pub internal: Option<Authenticator>,
    pub front: Option<Front>,
    /// Backups that this server takes of itself.
    pub backups: Option<Backups>,
    pub started: Instant,
}

impl Default for Parts {
    fn default() -> Self {
        Self { log: None, gateway: None, projection: None, internal: None, front: None, backups: None, started: Instant::now() }
    }
}

impl Parts {
    /// Each service that it offers over gRPC, and why that cannot do its work now; `None`: it can.
    pub fn services(&self) -> Vec<(&'static str, Option<String>)> {
        let mut services = Vec::new();
        if self.gateway.is_some() {
            services.push((GATEWAY, self.log_failed()));
        }
        if let Some(front) = &self.front {
            // In one process the front needs the projection that is in it.
            let why = self.projection_unready().or_else(|| front.unready());
            services.extend([(QUERY, why.clone()), (AUDIT, why.clone()), (PUBLICATION, why)]);
        }
        if self.internal.is_some() {
            services.push((PROJECTION, self.projection_unready()));
        }
        services
    }

    /// Why the server is not ready, in words; `None`: it is.
    pub fn unready(&self) -> Option<String> {
        self.services().into_iter().find_map(|(_, why)| why)
    }

    /// What somebody has to look at although the server is ready, a line each.
    pub fn notes(&self) -> String {
        let mut text = String::new();
        for (council, why) in self.projection.iter().flat_map(Projection::unpublished) {
            text += &format!("the book of {council} is not published further: {why}\n");
        }
        text + &self.front.as_ref().map_or_else(String::new, Front::notes)
    }

    fn log_failed(&self) -> Option<String> {
        let failed = self.log.as_ref().is_some_and(|log| log.statistics().failed);
        failed.then(|| "the log takes no more events: see the server's log, then restart it".into())
    }

    fn projection_unready(&self) -> Option<String> {
        match &*self.projection.as_ref()?.health().borrow() {
            Health::Serving => None,
            Health::Starting(what) => Some(format!("starting: {what}")),
            Health::Failed(why) => Some(format!("the projection stopped: {why}")),
            Health::Stopped => Some("stopping".into()),
        }
    }

    /// Takes backups until told to stop, if it was asked for.
    pub async fn back_up(&self, stopping: CancellationToken) {
        if let (Some(backups), Some(projection), Some(log)) = (&self.backups, &self.projection, &self.log) {
            backups.run(projection.clone(), log.clone(), stopping).await;
        }
    }

    /// Takes no more calls; those in flight go on.
    pub fn drain(&self) {
        if let Some(gateway) = &self.gateway {
            gateway.drain();
        }
        if let Some(front) = &self.front {
            front.drain();
        }
    }

    /// What is in the log's queue is made durable, and the round of the fold under way is committed.
    pub async fn close(&self) -> anyhow::Result<()> {
        let (log, projection) = (self.log.clone(), self.projection.clone());
        spawn_blocking(move || {
            if let Some(log) = log {
                log.close();
            }
            projection.map_or(Ok(()), |projection| projection.stop())
        })
        .await??;
        tracing::info!("stopped");
        Ok(())
    }
}
