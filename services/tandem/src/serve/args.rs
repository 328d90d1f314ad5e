//! Flags of `tandem serve`, and what is refused before anything is opened.

use anyhow::{bail, ensure};
use clap::ValueEnum;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tandem_wire::auth::Authenticator;
use tandem_wire::listen::{Tls, check_listen};

/// Runs everything in one process: log, projection, gateway, query
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tandem serve
  tandem serve --data-dir /var/lib/tandem --grpc 0.0.0.0:50051 --tokens /etc/tandem/tokens.toml \\
      --tls-cert /etc/tandem/server.pem --tls-key /etc/tandem/server.key

Port 0 takes a free one. When it serves, the addresses are printed, a line each: `grpc ADDRESS` and `http ADDRESS`.
The HTTP port has /healthz, /readyz, /metrics and the published books: /books/COUNCIL/checkpoint and /books/COUNCIL/tile/….
The key that signs them: --signing-key, else TANDEM_SIGNING_KEY (the text of one), else DIRECTORY/signing.key, which a new data directory
is given. SIGTERM and SIGINT stop gracefully, a second one at once. Logging: RUST_LOG.")]
pub struct Args {
    /// Where log and projection are kept; made if it is not there
    #[arg(long, value_name = "DIRECTORY", default_value = "./tandem-data")]
    data_dir: PathBuf,
    /// Address of the gRPC services
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50051")]
    grpc: SocketAddr,
    /// Address of health checks and metrics
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Which log
    #[arg(long, value_enum, default_value_t = Log::Embedded)]
    log: Log,
    /// Kafka brokers, with --log kafka
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    kafka_brokers: Vec<String>,
    /// Kafka topic, with --log kafka
    #[arg(long, value_name = "TOPIC", default_value = "tandem.events")]
    kafka_topic: String,
    /// File of principals and the hashes of their tokens; without it nobody is asked who they are
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// File of the key that signs the books' checkpoints, which nobody else may read; `tandem keygen` makes one
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
    /// Name of this server's books, which are called NAME/COUNCIL: a host name of yours, for good [default: that of the key]
    #[arg(long, value_name = "NAME")]
    book_name: Option<String>,
    /// A witness that cosigns the books' checkpoints, by the URL below which it has add-checkpoint, and its vkey; may be given several times
    #[arg(long = "witness", value_name = "URL=VKEY")]
    witnesses: Vec<String>,
    /// PEM file with the server's certificate chain
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM file with its key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Seconds that calls in flight have to end when the server stops
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    drain_seconds: u64,
    #[command(flatten)]
    backup: crate::backup::periodic::BackupArgs,
}

/// Which log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Log {
    /// RocksDB, in this process
    Embedded,
    /// Kafka
    Kafka,
}

/// A configuration that may be used.
pub(super) struct Checked {
    pub data_dir: PathBuf,
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    pub authenticator: Authenticator,
    pub tls: Option<Tls>,
    pub drain: Duration,
    pub signing_key: Option<PathBuf>,
    pub book_name: Option<String>,
    pub backup: crate::backup::periodic::BackupArgs,
    pub witnesses: Vec<String>,
}

impl Args {
    /// Reads the files that it names and refuses what is unsafe or not there yet.
    pub(super) fn check(&self) -> anyhow::Result<Checked> {
        if self.log == Log::Kafka {
            bail!("--log kafka is not built yet: leave it out to use the embedded log");
        }
        ensure!(self.kafka_brokers.is_empty(), "--kafka-brokers goes with --log kafka, which is not built yet: leave it out");
        let authenticator = self.tokens.as_deref().map_or_else(|| Ok(Authenticator::local()), Authenticator::from_file)?;
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(Tls::from_files(certificate, key)?),
            _ => None,
        };
        for addr in [self.grpc, self.http] {
            check_listen(addr, tls.is_some(), authenticator.is_configured())?;
        }
        let drain = Duration::from_secs(self.drain_seconds);
        Ok(Checked {
            data_dir: self.data_dir.clone(),
            grpc: self.grpc,
            http: self.http,
            authenticator,
            tls,
            drain,
            signing_key: self.signing_key.clone(),
            book_name: self.book_name.clone(),
            backup: self.backup.clone(),
            witnesses: self.witnesses.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn check(flags: &[&str]) -> Result<(), String> {
        let args = Cli::try_parse_from([&["serve"], flags].concat()).map_err(|error| error.to_string())?.args;
        args.check().map(drop).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn only_loopback_is_served_without_tokens_and_tls() {
        check(&[]).unwrap();
        check(&["--grpc", "[::1]:0", "--http", "127.0.0.1:0"]).unwrap();
        for flag in ["--grpc", "--http"] {
            let error = check(&[flag, "0.0.0.0:0"]).unwrap_err();
            assert!(error.contains("refusing to listen on 0.0.0.0:0") && error.contains("--tokens"), "{error}");
        }
    }

    #[test]
    fn what_is_not_built_says_so() {
        assert!(check(&["--log", "kafka", "--kafka-brokers", "127.0.0.1:9092"]).unwrap_err().contains("not built yet"));
        assert!(check(&["--kafka-brokers", "127.0.0.1:9092"]).unwrap_err().contains("--log kafka"));
        assert!(check(&["--tls-cert", "x.pem"]).unwrap_err().contains("--tls-key"));
        assert!(check(&["--tokens", "/nowhere/tokens.toml"]).unwrap_err().contains("cannot read /nowhere/tokens.toml"));
    }
}
