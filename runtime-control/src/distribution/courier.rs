//! Brings one proxy what it is to have: orders with their objects, and the world that it asks for.
//!
//! Whatever waits here is bounded: orders are few, and of the world only the names are kept, never a queue of what
//! changed. So a proxy that reads slowly gets the latest state late, and costs no memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use mesh_snapshot::object::Workload;
use mesh_snapshot::wire::name::Name;
use mesh_snapshot::wire::{self, to_proxy};
use mesh_snapshot::{Digest, ReadObjects as _, canonical};
use tokio::sync::{mpsc, watch};
use tonic::Status;

use super::Shared;
use super::codec::Frame;
use super::convert;
use super::parcel::{Held, frames};
use crate::orders::Ordered;
use crate::rollout::{Order, Refusal, Version};
use crate::store::{Reach, View};
use crate::world::World;

/// What a proxy asks its courier for.
#[derive(Debug)]
pub(super) enum Asked {
    Need {
        epoch: u64,
        digests: Vec<Digest>,
    },
    Subscribe {
        add: Vec<Name>,
        remove: Vec<Name>,
    },
    /// It holds all of this slice now.
    Holds(Digest),
    Serves(Version),
}

/// Why a courier stops.
pub(super) enum End {
    /// The stream is over.
    Gone,
    /// And the proxy is told why.
    Because(Status),
}

pub(super) struct Courier {
    shared: Arc<Shared>,
    instance: (String, String),
    workload: Workload,
    out: mpsc::Sender<Result<Frame, Status>>,
    /// Slices of which it holds all objects.
    slices: Claims,
    /// What it serves. None, though it serves something: the store does not hold that, so nobody knows what of the world it uses.
    serving: Option<Known>,
    blind: bool,
    /// What it was told to prepare of late, the newest last.
    prepared: VecDeque<Known>,
    sources: Vec<u8>,
    /// What was answered last.
    subscribed: BTreeMap<Name, Option<Bytes>>,
}

/// A snapshot as this proxy sees it.
#[derive(Clone)]
struct Known {
    version: Version,
    view: Arc<View>,
    reach: Arc<Reach>,
}

/// What a proxy says that it holds, the latest last. It has a few at a time; one that says more loses by it, since it is sent again what
/// was said first.
#[derive(Clone, Debug, Default)]
struct Claims(VecDeque<Digest>);

const CLAIMS_MAX: usize = 64;

impl Claims {
    fn add(&mut self, slice: Digest) {
        self.0.retain(|known| *known != slice);
        self.0.push_back(slice);
        if self.0.len() > CLAIMS_MAX {
            self.0.pop_front();
        }
    }

    fn contains(&self, slice: &Digest) -> bool {
        self.0.contains(slice)
    }
}

impl FromIterator<Digest> for Claims {
    fn from_iter<I: IntoIterator<Item = Digest>>(slices: I) -> Self {
        let mut claims = Self::default();
        slices.into_iter().for_each(|slice| claims.add(slice));
        claims
    }
}

/// What is confirmed, and the candidate.
const PREPARED_MAX: usize = 2;
/// Names that one proxy may subscribe to.
const NAMES_MAX: usize = 100_000;

impl Courier {
    pub(super) fn new(
        shared: Arc<Shared>,
        instance: (String, String),
        workload: Workload,
        out: mpsc::Sender<Result<Frame, Status>>,
        slices: impl IntoIterator<Item = Digest>,
    ) -> Self {
        Self {
            shared,
            instance,
            workload,
            out,
            slices: slices.into_iter().collect(),
            serving: None,
            blind: false,
            prepared: VecDeque::new(),
            sources: Vec::new(),
            subscribed: BTreeMap::new(),
        }
    }

    /// Works until the stream ends.
    pub(super) async fn run(
        mut self,
        serving: Option<Version>,
        mut orders: Ordered,
        mut asked: mpsc::Receiver<Asked>,
    ) -> End {
        let mut world = self.shared.world.clone();
        let mut sources = self.shared.store.sources();
        let done: Result<std::convert::Infallible, End> = async {
            self.greet(serving).await?;
            loop {
                tokio::select! {
                    biased;
                    order = orders.next() => {
                        let (term, order) = order.ok_or(End::Gone)?;
                        self.deliver(term, order).await?;
                    }
                    asked = asked.recv() => self.answer(asked.ok_or(End::Gone)?).await?,
                    changed = world.changed() => {
                        changed.map_err(|_| End::Gone)?;
                        self.follow(&mut world).await?;
                    }
                    changed = sources.changed() => {
                        changed.map_err(|_| End::Gone)?;
                        self.send_sources().await?;
                    }
                }
            }
        }
        .await;
        let Err(end) = done;
        end
    }

    async fn greet(&mut self, serving: Option<Version>) -> Result<(), End> {
        if let Some(version) = serving {
            self.serves(version).await;
        }
        let trust_domain = self.shared.trust_domain.clone();
        let roots = self.shared.roots.clone().into_bytes();
        let bundle = wire::TrustBundle { trust_domain, roots };
        self.send(to_proxy::Message::TrustBundle(bundle)).await?;
        self.send_sources().await
    }

    async fn deliver(&mut self, term: u64, order: Order) -> Result<(), End> {
        let Order::Prepare { version, slice, within, confirmed } = order else {
            let message = convert::order(&self.shared.name, term, order);
            return match message {
                Some(message) => self.send(message).await,
                None => Ok(()),
            };
        };
        // Without it there is no slice, and the rollout would have known.
        let Ok(known) = self.learn(version).await else { return Ok(()) };
        let Some(bundle) = self.shared.store.get(&version.snapshot) else { return Ok(()) };
        self.prepared.retain(|known| known.version != version);
        self.prepared.push_back(known.clone());
        if self.prepared.len() > PREPARED_MAX {
            self.prepared.pop_front();
        }
        let held = self.held(version).await;
        let shared = self.shared.clone();
        let packed = tokio::task::spawn_blocking(move || {
            shared.parcels.of(&shared.store, version, &known.view, &held)
        });
        let Ok(Ok(parcel)) = packed.await else { return Ok(()) };
        let bounds = (parcel.objects, parcel.objects_bytes);
        let message = convert::prepare(term, (version, slice, within, confirmed), &bundle, bounds);
        self.send(message).await?;
        for frame in &parcel.frames {
            self.send_frame(Frame::Encoded(frame.clone())).await?;
        }
        self.send_sources().await?;
        // New names may be its own now.
        self.tell_news().await
    }

    /// What the proxy holds: known slices of snapshots in the store, and the way to that of what it serves.
    async fn held(&self, to_prepare: Version) -> Held {
        let (shared, workload) = (self.shared.clone(), self.workload.clone());
        let slices = self.slices.clone();
        let served = self.known().filter(|known| known.version != to_prepare);
        let mut held = Held::default();
        for known in served {
            held.roots
                .extend(known.view.path.iter().filter(|_| slices.contains(&known.view.digest)));
        }
        let found = tokio::task::spawn_blocking(move || {
            for snapshot in shared.store.digests() {
                let Ok(view) = shared.store.view(snapshot, &workload) else { continue };
                if slices.contains(&view.digest) && !held.roots.contains(&view.digest) {
                    let Ok(reach) = shared.store.reach(snapshot, &view) else { continue };
                    held.roots.push(view.digest);
                    held.reaches.push(reach);
                }
            }
            held
        });
        found.await.unwrap_or_default()
    }

    fn known(&self) -> impl Iterator<Item = &Known> {
        self.serving.iter().chain(&self.prepared)
    }

    async fn serves(&mut self, version: Version) {
        self.serving = self.learn(version).await.ok();
        self.blind = self.serving.is_none();
    }

    /// Finds the proxy's part of a snapshot.
    async fn learn(&self, version: Version) -> Result<Known, Refusal> {
        if let Some(known) = self.known().find(|known| known.version == version) {
            return Ok(known.clone());
        }
        let (shared, workload) = (self.shared.clone(), self.workload.clone());
        let found = tokio::task::spawn_blocking(move || {
            let view = shared.store.view(version.snapshot, &workload)?;
            let reach = shared.store.reach(version.snapshot, &view)?;
            Ok(Known { version, view, reach })
        });
        found.await.unwrap_or_else(|_| Err(stopping()))
    }

    async fn answer(&mut self, asked: Asked) -> Result<(), End> {
        match asked {
            Asked::Need { epoch, digests } => self.send_needed(epoch, &digests).await,
            Asked::Holds(slice) => {
                self.slices.add(slice);
                Ok(())
            }
            Asked::Serves(version) => {
                self.serves(version).await;
                Ok(())
            }
            Asked::Subscribe { add, remove } => {
                for name in &remove {
                    self.subscribed.remove(name);
                }
                if self.subscribed.len() + add.len() > NAMES_MAX {
                    let limit = format!("more than {NAMES_MAX} names");
                    return Err(End::Because(Status::resource_exhausted(limit)));
                }
                for name in add {
                    self.subscribed.insert(name, None);
                }
                self.tell_news().await
            }
        }
    }

    /// Objects of the proxy's own slice of that epoch, and no others.
    async fn send_needed(&mut self, epoch: u64, digests: &[Digest]) -> Result<(), End> {
        let known = self.known().find(|known| known.version.epoch == epoch);
        let Some(Known { version, view, reach }) = known else { return Ok(()) };
        let Some(bundle) = self.shared.store.get(&version.snapshot) else { return Ok(()) };
        let own = |digest: &&Digest| view.path.contains(digest) || reach.all.contains(digest);
        let objects = digests.iter().filter(own).filter_map(|digest| bundle.snapshot.read(digest));
        let frames = frames(epoch, objects.map(Bytes::from_owner));
        for frame in frames {
            self.send_frame(Frame::Encoded(frame)).await?;
        }
        Ok(())
    }

    /// The world has changed: perhaps even what this proxy is.
    async fn follow(&mut self, world: &mut watch::Receiver<Arc<World>>) -> Result<(), End> {
        let now = world.borrow_and_update().clone();
        if !now.runs(&self.instance, &self.workload) {
            let reason = "the registry says something else of this instance now";
            return Err(End::Because(Status::failed_precondition(reason)));
        }
        self.tell_news().await
    }

    /// Answers every name whose answer is another than the last one.
    async fn tell_news(&mut self) -> Result<(), End> {
        let world = self.shared.world.borrow().clone();
        let entitlements: Vec<Arc<Reach>> = self.known().map(|known| known.reach.clone()).collect();
        let mut news = Vec::new();
        for (name, told) in &mut self.subscribed {
            let answer = if may_know(&entitlements, &world, name) {
                world.answer(name)
            } else {
                (!self.blind).then(|| World::nothing(name))
            };
            // Not knowing is no answer: the proxy keeps what it has, or waits.
            let Some(answer) = answer else { continue };
            if told.as_ref() != Some(&answer) {
                *told = Some(answer.clone());
                news.push(answer);
            }
        }
        for answer in news {
            self.send_frame(Frame::Encoded(answer)).await?;
        }
        Ok(())
    }

    /// Where the policies of the latest snapshot stand, unless it knows.
    async fn send_sources(&mut self) -> Result<(), End> {
        let latest = self.prepared.back().or(self.serving.as_ref());
        let Some(Known { version, reach, .. }) = latest else { return Ok(()) };
        let Some(bundle) = self.shared.store.get(&version.snapshot) else { return Ok(()) };
        let source_map = canonical::encode(&bundle.source_map.of(&reach.policies));
        let snapshot = version.snapshot.as_bytes().to_vec();
        let told = [snapshot.as_slice(), &source_map].concat();
        if told == self.sources {
            return Ok(());
        }
        self.sources = told;
        self.send(to_proxy::Message::Sources(wire::Sources { snapshot, source_map })).await
    }

    async fn send(&self, message: to_proxy::Message) -> Result<(), End> {
        self.send_frame(message.into()).await
    }

    async fn send_frame(&self, frame: Frame) -> Result<(), End> {
        self.out.send(Ok(frame)).await.map_err(|_| End::Gone)
    }
}

/// Whether one of its slices names it. Whose address it is, only those may know who see that host.
fn may_know(slices: &[Arc<Reach>], world: &World, name: &Name) -> bool {
    slices.iter().any(|reach| match name {
        Name::Owner(address) => reach.entitlements.hosts.contains(world.owner(address)),
        _ => reach.entitlements.cover(name),
    })
}

fn stopping() -> Refusal {
    let detail = "the control runtime is stopping".to_owned();
    Refusal { reason: crate::rollout::Reason::Corrupt, detail, key: None, item: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_proxy_claims_to_hold_is_kept_within_bounds() {
        let slice = |number: u32| Digest::of(&number.to_be_bytes());
        let mut claims: Claims = (0..1000).map(slice).collect();
        assert_eq!(claims.0.len(), CLAIMS_MAX);
        assert!(claims.contains(&slice(999)) && !claims.contains(&slice(0)));
        (0..100).for_each(|_| claims.add(slice(999)));
        assert_eq!(claims.0.len(), CLAIMS_MAX, "and none twice");
        assert!(claims.contains(&slice(998)));
    }
}
