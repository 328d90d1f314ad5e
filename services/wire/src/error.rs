//! What can be wrong with a server's configuration.

use std::{io, net::SocketAddr, path::PathBuf};

/// A configuration that a server cannot start with. Retrying does not help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Anybody on the network could read or write.
    #[error("refusing to listen on {addr}, which others can reach: set {missing}, or listen on 127.0.0.1")]
    Exposed {
        /// The address asked for.
        addr: SocketAddr,
        /// The flags that are missing.
        missing: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The tokens file says something that it may not.
    #[error("tokens file {}: {problem}", path.display())]
    Tokens {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// A server's URL that cannot be one.
    #[error("{url:?} is not the URL of a server ({problem}): it is like http://127.0.0.1:50053, or https://…")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A token that cannot be sent.
    #[error("the token is not one line of plain ASCII text")]
    Token,
    /// The certificate or its key is no use.
    #[error("--tls-cert and --tls-key are not a PEM certificate chain and its PEM key: {0}")]
    Tls(String),
}
