//! The gRPC server.

use super::Parts;
use super::health::Reports;
use std::sync::Arc;
use tandem_gateway::{GatewayServer, Known};
use tandem_projection::ProjectionServer;
use tandem_proto::internal::v1::projection_service_server::ProjectionServiceServer;
use tandem_wire::listen::{Tls, server};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;

/// The public services, as health checks and reflection name them.
pub(super) const SERVICES: [&str; 4] =
    ["tandem.v1.GatewayService", "tandem.v1.QueryService", "tandem.v1.AuditService", "tandem.v1.PublicationService"];

/// How query reaches the projection of its own process: without a network.
pub(crate) type InProcess = ProjectionServiceServer<ProjectionServer>;

/// Lets the gateway look into the projection's catalogue.
pub(super) struct Catalogue(pub tandem_projection::Known);

impl Known for Catalogue {
    fn service(&self, council: &str, id: &str) -> bool {
        self.0.service(council, id)
    }

    fn measure(&self, council: &str, id: &str) -> bool {
        self.0.measure(council, id)
    }

    fn indicator(&self, council: &str, id: &str) -> bool {
        self.0.indicator(council, id)
    }
}

/// Serves until told to stop, and then until the last call is answered.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    parts: Arc<Parts>,
    health: Reports,
    stopping: CancellationToken,
) -> anyhow::Result<()> {
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(tandem_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    let reflection = SERVICES.iter().fold(reflection, |builder, name| builder.with_service_name(*name));
    server(tls.as_ref())?
        .add_service(GatewayServer::new(parts.gateway.clone()))
        .add_service(parts.query.service())
        .add_service(parts.query.audit().service())
        .add_service(parts.query.publication().service())
        .add_service(health.service())
        .add_service(reflection.with_service_name("grpc.health.v1.Health").build_v1()?)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stopping.cancelled_owned())
        .await?;
    Ok(())
}
