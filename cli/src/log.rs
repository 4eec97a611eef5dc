//! What programs that run for long tell of themselves, on standard error.

use std::io;

use tracing_subscriber::EnvFilter;

/// `MESH_LOG` says how much: a level, or levels by module. Source: `tracing_subscriber::EnvFilter`.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_env("MESH_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // A second call, in tests, changes nothing.
    let _ = log.with_ansi(false).try_init();
}
