//! One thread's part of all that is told.

use std::sync::Arc;

use super::log::AccessLogs;
use super::metrics::Metrics;
use super::record::Record;

/// One a thread. What it is told, it counts under the labels of the record, under its epoch, and logs.
pub struct Observer {
    metrics: Arc<Metrics>,
    logs: AccessLogs,
}

/// A connection that has been counted as open. To be handed back when it has ended.
#[derive(Debug, Default)]
pub struct Opened {
    received: u64,
    sent: u64,
}

impl Observer {
    #[must_use]
    pub fn new(metrics: &Arc<Metrics>, logs: &AccessLogs) -> Self {
        Self { metrics: Arc::clone(metrics), logs: logs.clone() }
    }

    /// For what it knows of peers and services.
    #[must_use]
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// A request has ended.
    pub fn request(&self, record: &Record<'_>) {
        let _ = (&self.logs, record);
    }

    /// A connection whose bytes are not HTTP has been opened, and its peer is known.
    #[must_use]
    pub fn opened(&self, record: &Record<'_>) -> Opened {
        let _ = record;
        Opened::default()
    }

    /// So much has passed until now, in all: for connections that last. Every five seconds is Istio's habit.
    pub fn moved(&self, opened: &mut Opened, record: &Record<'_>) {
        (opened.received, opened.sent) = (record.received, record.sent);
    }

    /// A connection whose bytes are not HTTP has ended. One that was never said to be open is counted as both.
    pub fn connection(&self, opened: Option<Opened>, record: &Record<'_>) {
        let _ = (opened, record);
    }
}
