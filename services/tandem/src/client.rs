//! How a command finds its server.

use anyhow::Context;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// What every client command needs to know of its server.
#[derive(Clone, Debug, clap::Args)]
pub struct Server {
    /// The server's URL, e.g. http://127.0.0.1:50051
    #[arg(long, env = "TANDEM_SERVER", default_value = "http://127.0.0.1:50051", global = true, value_name = "URL")]
    pub server: String,
    /// File with the bearer token (or set TANDEM_TOKEN to the token itself)
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<std::path::PathBuf>,
    /// PEM file with the certificate authority of an https server [default: the system's]
    #[arg(long, global = true, value_name = "FILE")]
    pub tls_ca: Option<std::path::PathBuf>,
}

/// A connection that sends the token with every call.
pub type Connection = InterceptedService<Channel, Token>;

/// Adds `authorization: Bearer …` where there is a token.
#[derive(Clone, Debug)]
pub struct Token(Option<MetadataValue<Ascii>>);

impl Interceptor for Token {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// HTTP/2 windows of a client, as the server's: 64 KiB ones cost a fifth of the throughput of batches.
const WINDOW_BYTES: u32 = 1024 * 1024;

impl Server {
    /// Connects now, so that a server that is not there is one clear line.
    pub async fn connect(&self) -> anyhow::Result<Connection> {
        let channel = self.endpoint()?.connect().await.map_err(|error| self.explain(&error))?;
        Ok(InterceptedService::new(channel, self.token()?))
    }

    fn endpoint(&self) -> anyhow::Result<Endpoint> {
        let endpoint = Endpoint::from_shared(self.server.clone()).with_context(|| format!("--server {} is not a URL", self.server))?;
        let endpoint = endpoint
            .connect_timeout(Duration::from_secs(5))
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20))
            .tcp_nodelay(true);
        if !self.server.starts_with("https:") {
            return Ok(endpoint);
        }
        let tls = ClientTlsConfig::new();
        let tls = match &self.tls_ca {
            None => tls.with_enabled_roots(),
            Some(path) => tls.ca_certificate(Certificate::from_pem(std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?)),
        };
        Ok(endpoint.tls_config(tls)?)
    }

    fn token(&self) -> anyhow::Result<Token> {
        let token = match &self.token_file {
            Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
            None => std::env::var("TANDEM_TOKEN").unwrap_or_default(),
        };
        match token.trim() {
            "" => Ok(Token(None)),
            token => Ok(Token(Some(format!("Bearer {token}").parse().context("the token is not plain ASCII text")?))),
        }
    }

    fn explain(&self, error: &tonic::transport::Error) -> anyhow::Error {
        let reason = std::iter::successors(std::error::Error::source(error), |error| error.source()).last();
        let reason = reason.map(ToString::to_string).unwrap_or_else(|| error.to_string());
        anyhow::anyhow!("cannot reach {}: {reason}; start one with `tandem serve`, or name another with --server URL or TANDEM_SERVER", self.server)
    }
}

/// A status as one line for people: what, why, and what to do where that is known.
pub fn explain(status: &Status) -> anyhow::Error {
    let violations = status.get_details_bad_request().map(|request| request.field_violations).unwrap_or_default();
    let text = match status.message() {
        // The message holds the first of several only.
        _ if violations.len() > 1 => violations.iter().map(|about| format!("{}: {}", about.field, about.description)).collect::<Vec<_>>().join("; "),
        "" => format!("the server answered {:?}", status.code()),
        // tonic's own words for a call that broke say less than their cause.
        "transport error" => cause(status),
        text => text.replace('\n', " "),
    };
    let advice = match status.code() {
        Code::Unauthenticated => "; give it by --token-file FILE or TANDEM_TOKEN",
        Code::Unimplemented => "; the server does not know this question: it is older than this command, or no tandem server",
        Code::Unavailable if status.details().is_empty() => "; see whether the server runs, then ask again",
        Code::DeadlineExceeded | Code::Cancelled if status.details().is_empty() => "; allow more time, or ask for less",
        _ => "",
    };
    anyhow::anyhow!("{text}{advice}")
}

fn cause(error: &dyn std::error::Error) -> String {
    let last = std::iter::successors(error.source(), |error| error.source()).last();
    last.map_or_else(|| "the connection broke".into(), |cause| format!("the connection broke: {cause}").replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_domain::event::Invalid;
    use tandem_wire::status::Failure;

    #[test]
    fn a_status_is_one_line_that_says_what_to_do() {
        for (status, expected) in [
            (Failure::invalid("council", "is required").into(), "council: is required"),
            (Failure::Invalid(vec![Invalid::new("a", "is wrong"), Invalid::new("b", "is too")]).into(), "a: is wrong; b: is too"),
            (Failure::Unauthenticated("a token is needed").into(), "a token is needed; give it by --token-file FILE or TANDEM_TOKEN"),
            (Status::unavailable(""), "the server answered Unavailable; see whether the server runs, then ask again"),
            (Status::cancelled("Timeout expired"), "Timeout expired; allow more time, or ask for less"),
            (Status::internal("two\nlines"), "two lines"),
        ] {
            assert_eq!(explain(&status).to_string(), expected);
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_one_clear_line() {
        let server = Server { server: "http://127.0.0.1:1".into(), token_file: None, tls_ca: None };
        let error = server.connect().await.map(drop).unwrap_err().to_string();
        assert!(error.starts_with("cannot reach http://127.0.0.1:1: ") && error.contains("tandem serve"), "{error}");
        let server = Server { server: "not a url".into(), ..server };
        assert!(server.connect().await.map(drop).unwrap_err().to_string().contains("is not a URL"));
    }
}
