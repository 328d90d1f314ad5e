//! How a command finds its server.

use anyhow::Context;
pub use tandem_wire::connect::Connection;
use tandem_wire::connect::{self, Credentials, KeepAlive, Token};
use tonic::service::interceptor::InterceptedService;
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

/// Servers of a command that records and asks: where the services are apart, events and questions have one each.
#[derive(Clone, Debug, clap::Args)]
pub struct Servers {
    #[command(flatten)]
    server: Server,
    /// URL of the server that answers questions, if that is not --server
    #[arg(long, env = "TANDEM_QUERY", global = true, value_name = "URL")]
    query: Option<String>,
}

impl Servers {
    /// Who takes events.
    pub fn gateway(&self) -> &Server {
        &self.server
    }

    /// Who answers questions.
    pub fn query(&self) -> Server {
        Server { server: self.query.clone().unwrap_or_else(|| self.server.server.clone()), ..self.server.clone() }
    }
}

impl Server {
    /// Connects now, so that a server that is not there is one clear line.
    pub async fn connect(&self) -> anyhow::Result<Connection> {
        let credentials = self.credentials()?;
        let endpoint = connect::endpoint(&self.server, None, credentials.ca.as_ref(), KeepAlive::PATIENT).context("--server")?;
        let channel = endpoint.connect().await.map_err(|error| self.explain(&error))?;
        Ok(InterceptedService::new(channel, credentials.token))
    }

    fn credentials(&self) -> anyhow::Result<Credentials> {
        let token = match &self.token_file {
            Some(path) => Token::from_file(path)?,
            None => Token::from_text(&std::env::var("TANDEM_TOKEN").unwrap_or_default()).context("TANDEM_TOKEN")?,
        };
        Ok(Credentials::with_ca(token, self.tls_ca.as_deref())?)
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
        let error = format!("{:#}", server.connect().await.map(drop).unwrap_err());
        assert!(error.contains("--server") && error.contains("is not the URL of a server"), "{error}");
    }
}
