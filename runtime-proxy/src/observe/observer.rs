//! One thread's part of all that is told.

use std::sync::Arc;

use super::log::{AccessLogs, Logger};
use super::metrics::{Counted, MessageCounts, Metrics, ServiceId, Shard};
use super::record::Record;
use crate::agent::health::Outcome;

/// One a thread. What it is told, it counts under the labels of the record and under its epoch, and logs.
pub struct Observer {
    metrics: Shard,
    log: Logger,
}

/// A connection that has been counted as open. To be handed back when it has ended.
pub struct Opened(Counted);

impl Observer {
    #[must_use]
    pub fn new(metrics: &Arc<Metrics>, logs: &AccessLogs) -> Self {
        Self { metrics: metrics.shard(), log: Logger::new(logs) }
    }

    /// For what it knows of peers and services.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        self.metrics.metrics()
    }

    /// The service of a request to a host that is not of the mesh, by the name that the request gave. The thread remembers.
    #[must_use]
    pub fn authority(&self, authority: &str) -> ServiceId {
        self.metrics.authority(authority)
    }

    /// A request has ended.
    pub fn request(&self, record: &Record<'_>) {
        self.metrics.request(record);
        if let Some(decided) = &record.decided {
            decided.health.request(outcome(record), record.took);
        }
        self.ended(record);
    }

    /// A gRPC request is under way, and its peer is known: where its messages are counted.
    #[must_use]
    pub fn messages(&self, record: &Record<'_>) -> MessageCounts {
        self.metrics.messages(record)
    }

    /// A connection whose bytes are not HTTP has been opened, and its peer is known.
    #[must_use]
    pub fn opened(&self, record: &Record<'_>) -> Opened {
        Opened(self.metrics.opened(record))
    }

    /// So much has passed until now, in all: for connections that last. Every five seconds is Istio's habit.
    pub fn moved(&self, opened: &mut Opened, record: &Record<'_>) {
        opened.0.moved(record);
    }

    /// A connection whose bytes are not HTTP has ended. One that was never said to be open is counted as both.
    pub fn connection(&self, opened: Option<Opened>, record: &Record<'_>) {
        let Opened(counted) = opened.unwrap_or_else(|| self.opened(record));
        self.metrics.closed(&counted, record);
        self.ended(record);
    }

    fn ended(&self, record: &Record<'_>) {
        if let Some(denial) = record.denial {
            self.metrics.denied(denial);
        }
        self.log.log(record, self.metrics().local());
    }
}

/// How the control runtime counts it. A client that goes away has not been failed.
fn outcome(record: &Record<'_>) -> Outcome {
    match record.http.and_then(|http| http.status) {
        Some(401 | 403) => Outcome::Denied,
        Some(500..) => Outcome::Failed,
        Some(_) => Outcome::Served,
        None if record.flags.contains(super::Flags::DOWNSTREAM_TERMINATION) => Outcome::Served,
        None => Outcome::Failed,
    }
}
