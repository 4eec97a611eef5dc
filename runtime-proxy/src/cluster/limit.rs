//! How much may be under way towards one cluster, over all threads of the process (circuit breakers).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mesh_snapshot::object::ConnectionPool;

/// What is limited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Resource {
    Connections,
    /// Requests that wait for a connection.
    Pending,
    Requests,
    Retries,
}

/// How much of each is in use.
#[derive(Debug, Default)]
pub(super) struct Usage {
    connections: AtomicU32,
    pending: AtomicU32,
    requests: AtomicU32,
    retries: AtomicU32,
}

/// The most of each; `u32::MAX` is Envoy's own limit where nobody sets one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Limits {
    connections: u32,
    pending: u32,
    requests: u32,
    retries: u32,
}

impl Limits {
    pub(super) const fn new(pool: &ConnectionPool) -> Self {
        Self {
            connections: or_none(pool.connections_max),
            pending: or_none(pool.pending_requests_max),
            requests: or_none(pool.requests_max),
            retries: or_none(pool.retries_max),
        }
    }

    const fn of(&self, resource: Resource) -> u32 {
        match resource {
            Resource::Connections => self.connections,
            Resource::Pending => self.pending,
            Resource::Requests => self.requests,
            Resource::Retries => self.retries,
        }
    }
}

const fn or_none(limit: u32) -> u32 {
    if limit == 0 { u32::MAX } else { limit }
}

impl Usage {
    const fn of(&self, resource: Resource) -> &AtomicU32 {
        match resource {
            Resource::Connections => &self.connections,
            Resource::Pending => &self.pending,
            Resource::Requests => &self.requests,
            Resource::Retries => &self.retries,
        }
    }

    pub(super) fn used(&self, resource: Resource) -> u32 {
        self.of(resource).load(Ordering::Relaxed)
    }

    /// A place, until it is dropped; `None`: there is none left.
    pub(super) fn enter(self: &Arc<Self>, resource: Resource, limits: &Limits) -> Option<Place> {
        let place = self.enter_over(resource);
        (place.0 < limits.of(resource)).then_some(place.1)
    }

    /// A place whether or not there is one left.
    fn enter_over(self: &Arc<Self>, resource: Resource) -> (u32, Place) {
        let used = self.of(resource).fetch_add(1, Ordering::Relaxed);
        (used, Place { usage: Arc::clone(self), resource })
    }

    /// For a connection without which nothing at all would go to an endpoint. Source: Envoy, `ConnPoolImplBase`.
    pub(super) fn enter_regardless(self: &Arc<Self>, resource: Resource) -> Place {
        self.enter_over(resource).1
    }
}

/// Something under way, counted until it is dropped.
#[derive(Debug)]
pub struct Place {
    usage: Arc<Usage>,
    resource: Resource,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.usage.of(self.resource).fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mesh_snapshot::object::ConnectionPool;

    use super::{Limits, Resource, Usage};

    #[test]
    fn a_place_is_given_back_and_a_refusal_takes_none() {
        let usage = Arc::<Usage>::default();
        let limits = Limits::new(&ConnectionPool { requests_max: 2, ..ConnectionPool::default() });
        let enter = |resource| usage.enter(resource, &limits);
        let (one, two) = (enter(Resource::Requests).unwrap(), enter(Resource::Requests));
        assert!(two.is_some() && enter(Resource::Requests).is_none());
        drop(one);
        assert!(enter(Resource::Requests).is_some());
        assert_eq!(usage.used(Resource::Requests), 1);
        assert!(enter(Resource::Retries).is_some(), "zero is no limit");
    }
}
