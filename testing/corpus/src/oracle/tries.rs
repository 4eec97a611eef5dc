//! How often a request is sent, and how that ends.

use std::time::Duration;

use mesh_engine::route::{Failure, Forward, Retry};

use super::asked::Behaviour;

/// How it ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ended {
    pub status: u16,
    /// What the backend saw.
    pub attempts: u32,
}

/// What limits a request.
pub(super) struct Limits<'a> {
    pub retry: &'a Retry,
    pub timeout: Option<Duration>,
    pub try_timeout: Option<Duration>,
}

impl<'a> Limits<'a> {
    pub(super) fn of(forward: &'a Forward) -> Self {
        let Forward { retry, timeout, try_timeout, .. } = forward;
        Self { retry, timeout: *timeout, try_timeout: *try_timeout }
    }

    /// What becomes of a request to backends that nobody listens at.
    pub(super) fn unconnected(&self) -> Ended {
        let _ = self.retry.wants(Failure::Connect);
        Ended { status: 503, attempts: 0 }
    }

    /// What becomes of a request to a backend that behaves so.
    pub(super) fn run(&self, backend: Behaviour) -> Ended {
        let (mut attempts, mut elapsed) = (0, Duration::ZERO);
        loop {
            attempts += 1;
            let (failure, status, took) = self.one(backend, attempts);
            elapsed += took;
            if self.timeout.is_some_and(|timeout| timeout < elapsed) {
                return Ended { status: 504, attempts };
            }
            let is_over = attempts > self.retry.retries_max;
            if is_over || !failure.is_some_and(|failure| self.retry.wants(failure)) {
                return Ended { status, attempts };
            }
            elapsed += self.retry.backoff;
        }
    }

    /// How a try ends: what may be repeated, what it is answered with, and how long it took.
    fn one(&self, backend: Behaviour, attempt: u32) -> (Option<Failure>, u16, Duration) {
        let is_slow = backend.delay_first.is_none_or(|first| attempt <= first);
        let took = Duration::from_millis(if is_slow { backend.delay_ms } else { 0 });
        if let Some(limit) = self.try_timeout.filter(|limit| *limit < took) {
            return (Some(Failure::Reset { sent: true }), 504, limit);
        }
        if attempt <= backend.reset_first {
            return (Some(Failure::Reset { sent: true }), 503, took);
        }
        let status = if attempt <= backend.fail_first {
            backend.fail_status.unwrap_or(503)
        } else {
            backend.status.unwrap_or(200)
        };
        (Some(Failure::Answer { status, grpc_status: None }), status, took)
    }
}
