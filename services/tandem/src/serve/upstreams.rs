//! Where a server finds the projections.

use anyhow::Context;
use std::path::PathBuf;
use tandem_query::Books;
use tandem_wire::connect::{Connection, Credentials, Token};

/// Flags of a server that asks projections.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Projections {
    /// Projections, e.g. http://10.0.0.3:50053; a name with several addresses is as many projections
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    projection: Vec<String>,
    /// File with the bearer token that the projections ask for (or set TANDEM_PROJECTION_TOKEN to the token itself)
    #[arg(long, value_name = "FILE")]
    projection_token_file: Option<PathBuf>,
    /// PEM file with the certificate authority of https projections [default: the system's]
    #[arg(long, value_name = "FILE")]
    projection_ca: Option<PathBuf>,
}

/// The variable that holds the token's text, for those who keep secrets out of files.
const VARIABLE: &str = "TANDEM_PROJECTION_TOKEN";

impl Projections {
    /// Finds and follows them in the background. `None`: none are named.
    pub fn books(&self) -> anyhow::Result<Option<Books<Connection>>> {
        if self.projection.is_empty() {
            return Ok(None);
        }
        let token = match &self.projection_token_file {
            Some(file) => Token::from_file(file)?,
            None => Token::from_text(&std::env::var(VARIABLE).unwrap_or_default()).context(VARIABLE)?,
        };
        let credentials = Credentials::with_ca(token, self.projection_ca.as_deref())?;
        Ok(Some(Books::at(&self.projection, credentials).context("--projection")?))
    }
}
