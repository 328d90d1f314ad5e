//! `tandem projection` as a program of its own. See `tandem-projection --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tandem::cli::service("projection")
}
