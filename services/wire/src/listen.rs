//! Where a server may listen, and how: secure by default, with HTTP/2 set for bulk.

use crate::Error;
use std::{fs, net::SocketAddr, path::Path, time::Duration};
use tonic::transport::{Identity, Server, ServerTlsConfig};

/// HTTP/2 windows. 64 KiB ones cost a fifth of the throughput of batches; 1 MiB holds a quarter of the largest batch.
const WINDOW_BYTES: u32 = 1024 * 1024;
/// HTTP/2 frames as large as a window: 15 to 25 % more throughput on large batches.
const FRAME_BYTES: u32 = 1024 * 1024;
/// Calls at once on one connection; the next waits at the client.
const CALLS_PER_CONNECTION_MAX: u32 = 1024;
/// Request headers: a token, a deadline and trace ids need far less.
const HEADER_BYTES_MAX: u32 = 16 * 1024;
/// A peer that is silent for this long is asked whether it lives …
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// … and has this long to answer.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Refuses an address that others can reach unless both TLS and authentication are configured.
pub fn check_listen(addr: SocketAddr, tls_configured: bool, auth_configured: bool) -> Result<(), Error> {
    if addr.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    let missing = match (tls_configured, auth_configured) {
        (true, true) => return Ok(()),
        (false, true) => "--tls-cert FILE and --tls-key FILE",
        (true, false) => "--tokens FILE",
        (false, false) => "--tls-cert FILE, --tls-key FILE and --tokens FILE",
    };
    Err(Error::Exposed { addr, missing })
}

/// A server's certificate chain and key.
#[derive(Clone)]
pub struct Tls(ServerTlsConfig);

impl Tls {
    /// From PEM.
    pub fn from_pem(certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        Self(ServerTlsConfig::new().identity(Identity::from_pem(certificate, key)))
    }

    /// From two PEM files.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let read = |path: &Path| fs::read(path).map_err(|source| Error::Read { path: path.into(), source });
        Ok(Self::from_pem(read(certificate)?, read(key)?))
    }
}

/// A server with our transport settings, to which services are then added.
pub fn server(tls: Option<&Tls>) -> Result<Server, Error> {
    let server = Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES)
        .max_concurrent_streams(CALLS_PER_CONNECTION_MAX)
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
        .tcp_nodelay(true);
    match tls {
        None => Ok(server),
        Some(Tls(config)) => server.tls_config(config.clone()).map_err(|error| Error::Tls(crate::chain(&error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_open_without_tls_and_tokens() {
        for addr in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            check_listen(addr.parse().unwrap(), false, false).unwrap();
        }
        for addr in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "192.0.2.1:1", "[2001:db8::1]:1", "[::ffff:10.0.0.1]:1"] {
            let addr = addr.parse().unwrap();
            check_listen(addr, true, true).unwrap();
            for (tls, auth) in [(false, false), (true, false), (false, true)] {
                let text = check_listen(addr, tls, auth).unwrap_err().to_string();
                assert_eq!(text.contains("--tls-cert"), !tls, "{text}");
                assert_eq!(text.contains("--tokens"), !auth, "{text}");
                assert!(!text.contains('\n'));
            }
        }
    }

    #[test]
    fn a_bad_identity_is_one_clear_line() {
        let error = server(Some(&Tls::from_pem("no", "pem"))).map(drop).unwrap_err().to_string();
        assert!(error.contains("--tls-cert") && !error.contains('\n'), "{error}");
        let missing = Tls::from_files(Path::new("/nowhere/cert.pem"), Path::new("/nowhere/key.pem")).map(drop).unwrap_err();
        assert!(missing.to_string().starts_with("cannot read /nowhere/cert.pem"));
    }
}
