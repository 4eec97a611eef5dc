//! What is counted, and under which key.

use super::counter::{Counter, Histogram};
use super::party::PeerId;
use super::registry::Key;
use super::service::ServiceId;
use crate::observe::flags::Flags;
use crate::observe::record::{Direction, Http, Record, Security};

/// What all of Istio's labels follow from, but those that only HTTP has.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct ConnectionKey {
    pub(super) direction: Direction,
    pub(super) service: ServiceId,
    pub(super) peer: PeerId,
    pub(super) security: Security,
    pub(super) flags: Flags,
}

/// The same of a request.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct RequestKey {
    pub(super) connection: ConnectionKey,
    pub(super) is_grpc: bool,
    /// Zero: no answer.
    pub(super) status: u16,
    /// Of gRPC, 0 to 16; another number is 2, unknown.
    pub(super) grpc_status: Option<u8>,
}

/// What the labels of gRPC's messages follow from: those of a connection, but for how it ended and how it was secured, since they are
/// told before the end.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct MessageKey(pub(super) ConnectionKey);

impl MessageKey {
    pub(super) const fn of(record: &Record<'_>) -> Self {
        // What proves no identity is all the same here: two keys are never one set of labels.
        let security = match record.security {
            Security::Unknown | Security::Plain => Security::Plain,
            Security::Mutual => Security::Mutual,
        };
        Self(ConnectionKey { security, flags: Flags::NONE, ..ConnectionKey::of(record) })
    }
}

impl ConnectionKey {
    pub(super) const fn of(record: &Record<'_>) -> Self {
        Self {
            direction: record.direction,
            service: record.service,
            peer: record.peer,
            security: record.security,
            flags: record.flags,
        }
    }
}

impl RequestKey {
    pub(super) fn of(record: &Record<'_>) -> Self {
        let http = record.http.as_ref();
        let is_grpc = http.is_some_and(|http| http.is_grpc);
        Self {
            connection: ConnectionKey::of(record),
            is_grpc,
            status: http.and_then(|http| http.status).unwrap_or(0),
            grpc_status: http.filter(|_| is_grpc).and_then(Http::grpc_status),
        }
    }
}

impl Key for ConnectionKey {
    fn overflowing(self) -> Self {
        let (service, peer) = (ServiceId::OVERFLOW, PeerId::UNKNOWN);
        let Self { direction, security, .. } = self;
        Self { direction, service, peer, security, flags: Flags::NONE }
    }
}

impl Key for MessageKey {
    fn overflowing(self) -> Self {
        Self(self.0.overflowing())
    }
}

impl Key for RequestKey {
    fn overflowing(self) -> Self {
        Self { connection: self.connection.overflowing(), grpc_status: None, ..self }
    }
}

#[derive(Debug, Default)]
pub(super) struct RequestSeries {
    pub(super) requests: Counter,
    /// Milliseconds.
    pub(super) duration: Histogram,
    /// Bytes.
    pub(super) received: Histogram,
    pub(super) sent: Histogram,
}

impl RequestSeries {
    pub(super) fn count(&self, record: &Record<'_>) {
        self.requests.add(1);
        let micros = u64::try_from(record.took.as_micros()).unwrap_or(u64::MAX);
        self.duration.record(micros);
        let (request_head, response_head) =
            record.http.map_or((0, 0), |http| (http.request_head, http.response_head));
        self.received.record(record.received.saturating_add(request_head).saturating_mul(1000));
        self.sent.record(record.sent.saturating_add(response_head).saturating_mul(1000));
    }
}

#[derive(Debug, Default)]
pub(super) struct MessageSeries {
    pub(super) requests: Counter,
    pub(super) responses: Counter,
}

#[derive(Debug, Default)]
pub(super) struct ConnectionSeries {
    pub(super) opened: Counter,
    pub(super) closed: Counter,
    /// From the client, in bytes.
    pub(super) received: Counter,
    pub(super) sent: Counter,
}
