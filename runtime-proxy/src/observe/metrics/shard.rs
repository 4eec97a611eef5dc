//! What one thread counts.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use super::Metrics;
use super::counter::Counter;
use super::denier::{Denier, DenierId};
use super::registry;
use super::series::{
    ConnectionKey, ConnectionSeries, MessageKey, MessageSeries, RequestKey, RequestSeries,
};
use super::service::ServiceId;
use crate::observe::record::{Denial, Record};

/// Of one thread, which alone counts in it.
pub(in crate::observe) struct Shard {
    metrics: Arc<Metrics>,
    requests: registry::Shard<RequestKey, RequestSeries>,
    connections: registry::Shard<ConnectionKey, ConnectionSeries>,
    messages: registry::Shard<MessageKey, MessageSeries>,
    denials: registry::Shard<DenierId, Counter>,
    /// By the rule's id.
    deniers: RefCell<HashMap<Box<str>, DenierId>>,
    authorities: RefCell<HashMap<Box<str>, ServiceId>>,
}

/// Where the messages of one gRPC request are counted. Of one thread.
pub struct MessageCounts(registry::Own<MessageSeries>);

impl MessageCounts {
    /// So many more from the client.
    pub fn requests(&self, more: u64) {
        self.0.requests.add(more);
    }

    /// So many more from the server.
    pub fn responses(&self, more: u64) {
        self.0.responses.add(more);
    }
}

/// What has been counted of a connection that is still open.
pub(in crate::observe) struct Counted {
    series: registry::Own<ConnectionSeries>,
    received: u64,
    sent: u64,
}

impl Counted {
    /// Counts what has passed since the last time.
    pub(in crate::observe) fn moved(&mut self, record: &Record<'_>) {
        self.series.received.add(record.received.saturating_sub(self.received));
        self.series.sent.add(record.sent.saturating_sub(self.sent));
        self.received = self.received.max(record.received);
        self.sent = self.sent.max(record.sent);
    }
}

impl Shard {
    pub(super) fn new(metrics: &Arc<Metrics>) -> Self {
        Self {
            metrics: Arc::clone(metrics),
            requests: metrics.requests.shard(),
            connections: metrics.connections.shard(),
            messages: metrics.messages.shard(),
            denials: metrics.denials.shard(),
            deniers: RefCell::default(),
            authorities: RefCell::default(),
        }
    }

    pub(in crate::observe) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub(in crate::observe) fn request(&self, record: &Record<'_>) {
        self.requests.with(RequestKey::of(record), |series| series.count(record));
    }

    pub(in crate::observe) fn opened(&self, record: &Record<'_>) -> Counted {
        self.connections.with(ConnectionKey::of(record), |series| {
            series.opened.add(1);
            Counted { series: registry::Own::clone(series), received: 0, sent: 0 }
        })
    }

    pub(in crate::observe) fn messages(&self, record: &Record<'_>) -> MessageCounts {
        self.messages
            .with(MessageKey::of(record), |series| MessageCounts(registry::Own::clone(series)))
    }

    /// Its last bytes count under the same flags as its end.
    pub(in crate::observe) fn closed(&self, counted: &Counted, record: &Record<'_>) {
        self.connections.with(ConnectionKey::of(record), |series| {
            series.closed.add(1);
            let series = registry::Own::clone(series);
            Counted { series, ..*counted }.moved(record);
        });
    }

    pub(in crate::observe) fn denied(&self, denial: Denial<'_>) {
        let id = denial.rule.map_or("", |rule| rule.id());
        let known = self.deniers.borrow().get(id).copied();
        let denier = known.unwrap_or_else(|| {
            let denier = self.metrics.denier(Denier::of(denial.rule));
            if self.deniers.borrow().len() < self.metrics.max {
                self.deniers.borrow_mut().insert(id.into(), denier);
            }
            denier
        });
        self.denials.with(denier, |denials| denials.add(1));
    }

    /// The number of a service that is known by what requests call it, and by nothing else.
    pub(in crate::observe) fn authority(&self, authority: &str) -> ServiceId {
        if let Some(service) = self.authorities.borrow().get(authority) {
            return *service;
        }
        let service = self.metrics.service(authority, authority, "");
        if self.authorities.borrow().len() < self.metrics.max {
            self.authorities.borrow_mut().insert(authority.into(), service);
        }
        service
    }
}
