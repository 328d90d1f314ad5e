//! `tandem gateway` as a program of its own. See `tandem-gateway --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tandem::cli::service("gateway")
}
