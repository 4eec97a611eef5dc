//! Tells the rollout which instances have left the registry, whether their proxies are connected or not.

use std::sync::Arc;

use tokio::sync::watch;

use crate::conductor::Conductor;
use crate::rollout::Event;
use crate::world::World;

/// Runs until the rollout is not there any more.
pub(crate) async fn run(mut world: watch::Receiver<Arc<World>>, conductor: Conductor) {
    let mut before = world.borrow_and_update().clone();
    while world.changed().await.is_ok() {
        let now = world.borrow_and_update().clone();
        let stays = |name, workload| now.runs(name, workload);
        let gone = before.instances.iter().filter(|(name, it)| !stays(name, &it.workload));
        for ((namespace, name), _) in gone {
            let proxy = format!("{namespace}/{name}").into();
            if !conductor.tell(Event::Departed { proxy, connection: None }).await {
                return;
            }
        }
        before = now;
    }
}
