//! Where a server listens and whom it answers: the flags that all servers share, and what is refused before anything is opened.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tandem_wire::auth::Authenticator;
use tandem_wire::listen::{Tls, check_listen};

/// Flags of every server, beside its addresses.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Flags {
    /// File of principals and the hashes of their tokens; without it nobody is asked who they are
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// PEM file with the server's certificate chain
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM file with its key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Seconds that calls in flight have to end when the server stops
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    drain_seconds: u64,
}

/// Where a server may listen, and whom it answers.
pub(super) struct Listening {
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    pub authenticator: Authenticator,
    pub tls: Option<Tls>,
    pub drain: Duration,
}

impl Flags {
    /// Reads the files that they name, and refuses addresses that others could reach unprotected.
    pub fn check(&self, grpc: SocketAddr, http: SocketAddr) -> anyhow::Result<Listening> {
        let authenticator = self.tokens.as_deref().map_or_else(|| Ok(Authenticator::local()), Authenticator::from_file)?;
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(Tls::from_files(certificate, key)?),
            _ => None,
        };
        for addr in [grpc, http] {
            check_listen(addr, tls.is_some(), authenticator.is_configured())?;
        }
        Ok(Listening { grpc, http, authenticator, tls, drain: Duration::from_secs(self.drain_seconds) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[arg(long, default_value = "127.0.0.1:0")]
        grpc: SocketAddr,
        #[arg(long, default_value = "127.0.0.1:0")]
        http: SocketAddr,
        #[command(flatten)]
        flags: Flags,
    }

    fn check(flags: &[&str]) -> Result<(), String> {
        let cli = Cli::try_parse_from([&["serve"], flags].concat()).map_err(|error| error.to_string())?;
        cli.flags.check(cli.grpc, cli.http).map(drop).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn only_loopback_is_served_without_tokens_and_tls() {
        check(&[]).unwrap();
        check(&["--grpc", "[::1]:0", "--http", "127.0.0.1:0"]).unwrap();
        for flag in ["--grpc", "--http"] {
            let error = check(&[flag, "0.0.0.0:0"]).unwrap_err();
            assert!(error.contains("refusing to listen on 0.0.0.0:0") && error.contains("--tokens"), "{error}");
        }
        assert!(check(&["--tls-cert", "x.pem"]).unwrap_err().contains("--tls-key"));
        assert!(check(&["--tokens", "/nowhere/tokens.toml"]).unwrap_err().contains("cannot read /nowhere/tokens.toml"));
    }
}
