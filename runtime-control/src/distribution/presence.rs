//! Which identities the registry has instances of, and had of late: whoever has left for good gets no further certificate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::identity::Identity;
use crate::world::World;

#[derive(Debug)]
pub(super) struct Presence {
    /// Who had left before is not known.
    began: Instant,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    present: BTreeSet<Identity>,
    /// Since when, of those that were present in this life of the control runtime.
    gone: BTreeMap<Identity, Instant>,
}

/// For a registry that is written anew, an instance that is moved, or a control runtime that starts before them.
pub(super) const GRACE: Duration = Duration::from_mins(10);

impl Presence {
    pub(super) fn new(world: &World) -> Self {
        let presence = Self { began: Instant::now(), known: Mutex::default() };
        presence.look(world);
        presence
    }

    /// Looks at every world that comes, for as long as it is polled.
    pub(super) async fn follow(&self, mut world: watch::Receiver<Arc<World>>) {
        loop {
            let now = world.borrow_and_update().clone();
            self.look(&now);
            if world.changed().await.is_err() {
                return;
            }
        }
    }

    /// Whether the registry has an instance of this identity, or had one until a short while ago.
    pub(super) fn knows(&self, identity: &Identity) -> bool {
        let known = self.lock();
        let since = known.gone.get(identity).copied().unwrap_or(self.began);
        known.present.contains(identity) || since.elapsed() < GRACE
    }

    fn look(&self, world: &World) {
        let (now, mut known) = (Instant::now(), self.lock());
        let present: BTreeSet<_> = world.instances.values().map(|it| world.identity(it)).collect();
        let before = std::mem::take(&mut known.present);
        known.gone.extend(before.into_iter().map(|identity| (identity, now)));
        // Forgotten, it is as one that left before this life began, which is longer ago still.
        known.gone.retain(|identity, since| {
            !present.contains(identity) && now.duration_since(*since) < GRACE
        });
        known.present = present;
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::Workload;

    use super::*;
    use crate::world::Instance;

    fn world(service_accounts: &[&str]) -> World {
        let mut world = World::default();
        "cluster.local".clone_into(&mut world.trust_domain);
        for service_account in service_accounts {
            let workload = Workload {
                namespace: "shop".to_owned(),
                name: "web".to_owned(),
                service_account: (*service_account).to_owned(),
                ..Workload::default()
            };
            let instance = Instance {
                name: format!("{service_account}-1"),
                workload,
                address: [127, 0, 0, 1].into(),
                reached_at: BTreeMap::new(),
                meshed: true,
                locality: String::new(),
                weight: 1,
                healthy: true,
            };
            world.instances.insert(("shop".to_owned(), instance.name.clone()), instance);
        }
        world
    }

    fn identity(service_account: &str) -> Identity {
        format!("spiffe://cluster.local/ns/shop/sa/{service_account}").parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_left_is_known_for_a_while() {
        let presence = Presence::new(&world(&["web", "api"]));
        tokio::time::sleep(GRACE * 5).await;
        presence.look(&world(&["api"]));
        tokio::time::sleep(GRACE / 2).await;
        assert!(presence.knows(&identity("web")), "it may come back");
        presence.look(&world(&["api", "other"]));
        tokio::time::sleep(GRACE / 2).await;
        assert!(!presence.knows(&identity("web")));
        assert!(presence.knows(&identity("api")));
        presence.look(&world(&["web"]));
        tokio::time::sleep(GRACE * 2).await;
        assert!(presence.knows(&identity("web")), "it is back");
        assert!(!presence.knows(&identity("nobody")), "never there");
        assert_eq!(presence.lock().gone.len(), 2, "api and other, until the next look");
        presence.look(&world(&["web"]));
        assert!(presence.lock().gone.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_left_before_the_control_runtime_began_may_still_come() {
        let presence = Presence::new(&World::default());
        tokio::time::sleep(GRACE / 2).await;
        assert!(presence.knows(&identity("web")));
        tokio::time::sleep(GRACE / 2).await;
        assert!(!presence.knows(&identity("web")));
    }
}
