//! The gRPC server.

use super::health::Reports;
use super::parts::Parts;
use std::sync::Arc;
use tandem_gateway::GatewayServer;
use tandem_projection::ProjectionServer;
use tandem_proto::internal::v1::projection_service_server::ProjectionServiceServer;
use tandem_wire::auth::Authenticator;
use tandem_wire::listen::{Tls, server};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::RoutesBuilder;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Status};

/// Serves until told to stop, and then until the last call is answered.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    parts: Arc<Parts>,
    health: Reports,
    stopping: CancellationToken,
) -> anyhow::Result<()> {
    let mut routes = RoutesBuilder::default();
    if let Some(gateway) = &parts.gateway {
        routes.add_service(GatewayServer::new(gateway.clone()));
    }
    if let Some(front) = &parts.front {
        front.add_to(&mut routes);
    }
    if let (Some(projection), Some(authenticator)) = (&parts.projection, &parts.internal) {
        let guard = guard(authenticator.clone());
        routes.add_service(ProjectionServiceServer::with_interceptor(ProjectionServer::new(projection.clone()), guard));
    }
    routes.add_service(health.service());
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(tandem_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    let reflection = parts.services().into_iter().fold(reflection, |builder, (name, _)| builder.with_service_name(name));
    routes.add_service(reflection.with_service_name("grpc.health.v1.Health").build_v1()?);
    server(tls.as_ref())?
        .add_routes(routes.routes())
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stopping.cancelled_owned())
        .await?;
    Ok(())
}

/// A projection answers everything to whoever may ask it at all: query and gateway, which know their own callers.
fn guard(authenticator: Authenticator) -> impl Fn(Request<()>) -> Result<Request<()>, Status> + Clone {
    move |request: Request<()>| {
        authenticator.authenticate(request.metadata())?.require_all_reading()?;
        Ok(request)
    }
}
