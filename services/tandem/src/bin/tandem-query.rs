//! `tandem query` as a program of its own. See `tandem-query --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tandem::cli::service("query")
}
