//! Signals, and the time between the first and the end.

use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

/// SIGTERM and SIGINT.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on they no longer end the process by themselves.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The next one's name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Waits for the servers to answer what is in flight, no longer than `limit`. A second signal ends the process at once: what was not
/// answered is then of unknown outcome to its senders, as after a crash.
pub(super) async fn drain(signals: &mut Signals, limit: Duration, servers: [&mut JoinHandle<anyhow::Result<()>>; 2]) {
    let all = async {
        for server in servers {
            match server.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "a server ended with an error"),
                Err(error) => tracing::error!(%error, "a server panicked"),
            }
        }
    };
    tokio::select! {
        () = all => {}
        () = tokio::time::sleep(limit) => tracing::warn!(seconds = limit.as_secs(), "calls are still in flight after the time to drain: leaving them"),
        signal = signals.next() => {
            tracing::warn!(signal, "stopping at once");
            std::process::exit(1);
        }
    }
}
