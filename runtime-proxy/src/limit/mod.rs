//! What limits of rates count: buckets of tokens, one for each thing that a limit is for, shared by all threads.
//!
//! A bucket outlives the program that it was made for: as long as the limit stays the same, so does what was counted. Source: Envoy,
//! which keeps the filter chains and routes that an update does not change.

mod bucket;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use mesh_engine::filter::{Entry, Level, Limit, LimitId, OnRoute};
use mesh_snapshot::object::{RouteLevel, TokenBucket, Traffic};
use tokio::time::Instant;

use self::bucket::Bucket;

/// Of all limits of a program, by [`LimitId::index`].
#[derive(Debug, Default)]
pub(crate) struct Buckets(Vec<Slots>);

#[derive(Clone, Debug)]
struct Slots {
    limit: Limit,
    by_scope: Arc<RwLock<HashMap<Scope<'static>, Arc<Bucket>>>>,
}

/// What has a bucket of its own.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Scope<'a> {
    traffic: Traffic,
    port: u16,
    /// Which of the ways in at that port: Envoy's filter chains.
    chain: usize,
    virtual_host: Cow<'a, str>,
    route: Option<(Cow<'a, str>, usize)>,
}

impl Buckets {
    /// `before` is what is in force.
    pub(crate) fn of(limits: &[Limit], before: Option<&Self>) -> Self {
        let slots = |limit: &Limit| {
            let mut known = before.into_iter().flat_map(|buckets| &buckets.0);
            known
                .find(|slots| slots.limit.is_same(limit))
                .cloned()
                .unwrap_or_else(|| Slots { limit: limit.clone(), by_scope: Arc::default() })
        };
        Self(limits.iter().map(slots).collect())
    }

    /// Whether there was a token, which is taken then.
    pub(crate) fn take(&self, id: LimitId, scope: &Scope<'_>, now: Instant) -> bool {
        // An ID of another program is nobody's: nothing is limited.
        self.0.get(id.index()).is_none_or(|slots| slots.bucket(scope, now).take(now))
    }
}

impl Slots {
    fn bucket(&self, scope: &Scope<'_>, now: Instant) -> Arc<Bucket> {
        let found = {
            let known = self.by_scope.read().unwrap_or_else(PoisonError::into_inner);
            find(&known, scope)
        };
        found.unwrap_or_else(|| self.add(scope, self.limit.bucket, now))
    }

    /// Two threads may come here at once: the first one's bucket is both's.
    fn add(&self, scope: &Scope<'_>, bucket: TokenBucket, now: Instant) -> Arc<Bucket> {
        let mut known = self.by_scope.write().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Bucket::full(bucket, now));
        Arc::clone(known.entry(scope.clone().into_owned()).or_insert_with(new))
    }
}

fn find<'a>(known: &HashMap<Scope<'a>, Arc<Bucket>>, scope: &Scope<'a>) -> Option<Arc<Bucket>> {
    known.get(scope).cloned()
}

impl<'a> Scope<'a> {
    /// What a limit counts together with a request that comes in at `entry`, by this `chain`, and is taken by the route `on`.
    pub(crate) fn of(level: Level, entry: Entry, chain: usize, on: Option<&OnRoute<'a>>) -> Self {
        let whole = Self {
            traffic: entry.traffic,
            port: entry.port,
            chain,
            virtual_host: Cow::Borrowed(""),
            route: None,
        };
        let (Level::Routes(level), Some(on)) = (level, on) else { return whole };
        let of_port = Self { port: on.port, ..whole };
        let of_host = |of_port| Self { virtual_host: Cow::Borrowed(on.virtual_host), ..of_port };
        match level {
            RouteLevel::Port => of_port,
            RouteLevel::VirtualHost => of_host(of_port),
            RouteLevel::Route => {
                let (item, matching) = on.place;
                Self { route: Some((Cow::Borrowed(item), matching)), ..of_host(of_port) }
            }
        }
    }

    fn into_owned(self) -> Scope<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Scope {
            traffic: self.traffic,
            port: self.port,
            chain: self.chain,
            virtual_host: owned(self.virtual_host),
            route: self.route.map(|(item, matching)| (owned(item), matching)),
        }
    }
}

#[cfg(test)]
mod tests {
    use mesh_engine::filter::{Entry, Level, OnRoute};
    use mesh_snapshot::object::{RouteAction, RouteLevel, Traffic};

    use super::Scope;

    fn on(virtual_host: &'static str, item: &'static str, matching: usize) -> OnRoute<'static> {
        let action = RouteAction::Forward;
        OnRoute { port: 80, virtual_host, name: "n", action, place: (item, matching) }
    }

    #[test]
    fn what_is_counted_together_follows_from_the_level() {
        let entry = |port| Entry { traffic: Traffic::Gateway, port };
        let same = |level, one: (Entry, usize, OnRoute<'_>), other: (Entry, usize, OnRoute<'_>)| {
            Scope::of(level, one.0, one.1, Some(&one.2))
                == Scope::of(level, other.0, other.1, Some(&other.2))
        };
        let (a, b) = (on("a", "http[0]", 0), on("b", "http[0]", 0));
        assert!(same(Level::Entry, (entry(8080), 0, a), (entry(8080), 0, b)));
        assert!(!same(Level::Entry, (entry(8080), 0, a), (entry(8081), 0, a)));
        assert!(!same(Level::Entry, (entry(8080), 0, a), (entry(8080), 1, a)));
        let level = Level::Routes(RouteLevel::Port);
        assert!(same(level, (entry(8080), 0, a), (entry(8081), 0, b)));
        let level = Level::Routes(RouteLevel::VirtualHost);
        assert!(!same(level, (entry(8080), 0, a), (entry(8080), 0, b)));
        assert!(same(level, (entry(8080), 0, a), (entry(8080), 0, on("a", "http[1]", 0))));
        let level = Level::Routes(RouteLevel::Route);
        assert!(!same(level, (entry(8080), 0, a), (entry(8080), 0, on("a", "http[1]", 0))));
        assert!(!same(level, (entry(8080), 0, a), (entry(8080), 0, on("a", "http[0]", 1))));
    }
}
