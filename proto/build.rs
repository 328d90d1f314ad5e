//! Compiles the contract with protox: no protoc on the machine.
use prost::Message;
use std::{env, error::Error, fs, path::PathBuf};

const FILES: [&str; 8] = [
    "tandem/v1/event.proto",
    "tandem/v1/frame.proto",
    "tandem/v1/gateway_service.proto",
    "tandem/v1/query_service.proto",
    "tandem/v1/audit_service.proto",
    "tandem/v1/publish.proto",
    "tandem/internal/v1/lattice.proto",
    "tandem/internal/v1/projection_service.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=tandem");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
