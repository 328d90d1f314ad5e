//! How a client connects: our transport settings, TLS, and a token with every call.

use crate::Error;
use std::path::Path;
use std::time::Duration;
use std::{fs, net::SocketAddr};
use tonic::codegen::http::Uri;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};

/// HTTP/2 windows of a client, as the server's: 64 KiB ones cost a fifth of the throughput of batches.
const WINDOW_BYTES: u32 = 1024 * 1024;
/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that sends the token with every call.
pub type Connection = InterceptedService<Channel, Token>;

/// Adds `authorization: Bearer …` where there is a token.
#[derive(Clone, Debug, Default)]
pub struct Token(Option<MetadataValue<Ascii>>);

impl Token {
    /// Reads it; blank text is none.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        match text.trim() {
            "" => Ok(Self(None)),
            token => Ok(Self(Some(format!("Bearer {token}").parse().map_err(|_| Error::Token)?))),
        }
    }

    /// Reads it from a file.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        Self::from_text(&fs::read_to_string(path).map_err(|source| Error::Read { path: path.into(), source })?)
    }
}

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// Whom a client trusts, and how it says who it is.
#[derive(Clone, Default)]
pub struct Credentials {
    /// Sent with every call.
    pub token: Token,
    /// The certificate authority of https servers; `None`: the system's.
    pub ca: Option<Certificate>,
}

impl Credentials {
    /// Reads the certificate authority from a PEM file.
    pub fn with_ca(token: Token, path: Option<&Path>) -> Result<Self, Error> {
        let read = |path: &Path| fs::read(path).map_err(|source| Error::Read { path: path.into(), source });
        Ok(Self { token, ca: path.map(read).transpose()?.map(Certificate::from_pem) })
    }
}

/// When a silent connection is taken for broken.
#[derive(Clone, Copy, Debug)]
pub struct KeepAlive {
    /// Silent for this long, the server is asked whether it lives …
    pub interval: Duration,
    /// … and has this long to answer.
    pub timeout: Duration,
    /// Also while there is no call.
    pub while_idle: bool,
}

impl KeepAlive {
    /// For a person's command, which waits rather than gives up.
    pub const PATIENT: Self = Self { interval: Duration::from_secs(30), timeout: Duration::from_secs(20), while_idle: false };
    /// Between servers: a peer that is gone is noticed within ten seconds, so that another one can be asked.
    pub const WATCHFUL: Self = Self { interval: Duration::from_secs(5), timeout: Duration::from_secs(5), while_idle: true };
}

/// Host and port of a server's URL. Refuses what is not one.
pub fn host_and_port(url: &str) -> Result<(String, u16), Error> {
    let refuse = |problem: &str| Error::Url { url: url.into(), problem: problem.into() };
    let uri: Uri = url.parse().map_err(|_| refuse("it cannot be read"))?;
    let default = match uri.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return Err(refuse("it does not begin with http:// or https://")),
    };
    let host = uri.host().ok_or_else(|| refuse("it has no host"))?;
    Ok((host.trim_matches(['[', ']']).to_owned(), uri.port_u16().unwrap_or(default)))
}

/// A server at a URL; with `at`, at this one of the addresses that its name has.
pub fn endpoint(url: &str, at: Option<SocketAddr>, ca: Option<&Certificate>, keep_alive: KeepAlive) -> Result<Endpoint, Error> {
    let refuse = |error: tonic::transport::Error| Error::Url { url: url.into(), problem: crate::chain(&error) };
    let (host, _) = host_and_port(url)?;
    let is_tls = url.starts_with("https:");
    let endpoint = match at {
        None => Endpoint::from_shared(url.to_owned()).map_err(refuse)?,
        Some(at) => {
            // The server is asked for, and proves, its name and not its address.
            let origin = url.parse().map_err(|_| Error::Url { url: url.into(), problem: "it cannot be read".into() })?;
            Endpoint::from_shared(format!("{}://{at}", if is_tls { "https" } else { "http" })).map_err(refuse)?.origin(origin)
        }
    };
    let endpoint = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .http2_keep_alive_interval(keep_alive.interval)
        .keep_alive_timeout(keep_alive.timeout)
        .keep_alive_while_idle(keep_alive.while_idle)
        .tcp_nodelay(true);
    if !is_tls {
        return Ok(endpoint);
    }
    let tls = ClientTlsConfig::new().domain_name(host);
    let tls = match ca {
        None => tls.with_enabled_roots(),
        Some(certificate) => tls.ca_certificate(certificate.clone()),
    };
    endpoint.tls_config(tls).map_err(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_host_and_a_port() {
        for (url, expected) in [
            ("http://127.0.0.1:50053", ("127.0.0.1", 50053)),
            ("https://books.example.org", ("books.example.org", 443)),
            ("http://[::1]:7/", ("::1", 7)),
        ] {
            let (host, port) = host_and_port(url).unwrap();
            assert_eq!((host.as_str(), port), expected, "{url}");
            endpoint(url, Some("127.0.0.1:9".parse().unwrap()), None, KeepAlive::WATCHFUL).unwrap();
        }
        for url in ["", "127.0.0.1:50053", "ftp://x", "http://", "not a url"] {
            let error = host_and_port(url).unwrap_err().to_string();
            assert!(error.contains("is not the URL of a server") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_token_goes_with_every_call() {
        let mut token = Token::from_text(" secret\n").unwrap();
        assert_eq!(token.call(Request::new(())).unwrap().metadata().get("authorization").unwrap(), "Bearer secret");
        assert!(Token::from_text(" ").unwrap().call(Request::new(())).unwrap().metadata().is_empty());
        assert!(Token::from_text("two\nlines").is_err());
    }
}
