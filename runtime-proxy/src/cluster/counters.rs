//! What is told of a cluster as a whole.

use std::sync::atomic::{AtomicU64, Ordering};

/// What has happened since the cluster was first made.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections that could not be made.
    pub connect_failures: AtomicU64,
    /// Connections that were made.
    pub connections: AtomicU64,
    /// Connections that a limit forbade.
    pub connection_overflow: AtomicU64,
    /// Requests that a limit refused.
    pub request_overflow: AtomicU64,
    /// Retries that a limit forbade (Envoy: `upstream_rq_retry_overflow`).
    pub retry_overflow: AtomicU64,
    pub ejections: AtomicU64,
    /// Endpoints that had to be ejected and were not, since too many were.
    pub ejection_overflow: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
