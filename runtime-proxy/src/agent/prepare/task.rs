//! Preparing, in time: waits for objects, builds on another thread, stores, and waits for the world.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mesh_snapshot::wire::Refusal;
use mesh_snapshot::{Digest, ReadObjects, wire};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::verify::Age;
use super::{Assembler, Build, Held, Intake, Loaded};
use crate::agent::store::{Contents, Objects, Queue, Reach};
use crate::agent::trial::{Built, Offer, Refused, Version};
use crate::agent::walk::Walk;
use crate::world::World;

/// One offer, and what it takes to prepare it.
pub(crate) struct Job<B: Build> {
    pub(crate) offer: Offer,
    pub(crate) floor: u64,
    pub(crate) within: Duration,
    pub(crate) assembler: Arc<Assembler<B>>,
    /// One build at a time, also when nobody waits for it any more.
    pub(crate) builds: Arc<Semaphore>,
    pub(crate) intake: Intake,
    /// What the disk has.
    pub(crate) stored: Objects,
    pub(crate) disk: Arc<Queue>,
    pub(crate) world: World,
    /// Where what is missing is asked for.
    pub(crate) needs: mpsc::Sender<wire::Need>,
    /// Programs in memory, by the digest of their slices.
    pub(crate) programs: BTreeMap<Digest, (Arc<B::Program>, u64)>,
}

/// A version that is ready, and how long that took.
pub(crate) type Outcome<P> = Result<(Built<Arc<Held<P>>>, Duration), Refused>;

/// What takes so long, for whoever reads the refusal.
#[derive(Clone)]
struct Stage(Arc<Mutex<String>>);

impl Stage {
    fn is(&self, stage: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stage.into();
    }
}

impl<B: Build> Job<B> {
    /// Prepares, or says why not, within the time there is.
    pub(crate) async fn run(self) -> Outcome<B::Program> {
        let began = Instant::now();
        let stage = Stage(Arc::new(Mutex::new(String::new())));
        let within = self.within;
        let built = timeout(within, self.prepare(stage.clone())).await.unwrap_or_else(|_| {
            let stage = stage.0.lock().unwrap_or_else(PoisonError::into_inner);
            let detail = format!("after {} ms it still had to {stage}", within.as_millis());
            Err(Refused::new(Refusal::Time, detail))
        })?;
        Ok((built, began.elapsed()))
    }

    async fn prepare(self, stage: Stage) -> Result<Built<Arc<Held<B::Program>>>, Refused> {
        let Offer { epoch, snapshot, .. } = self.offer;
        let Age { serial, floor } =
            self.assembler.verify(snapshot, &self.offer.signatures, self.floor)?;
        self.assembler.weigh(self.offer.objects_bytes)?;
        let (walk, objects) = self.gather(&stage).await?;
        let slice = walk.slice.digest();
        let contents = objects.received(&walk);
        let reach: Reach = Arc::new(walk.reach.clone());
        let (program, memory_bytes) = match self.programs.get(&slice) {
            // The same slice means the same: whoever has it is not disturbed.
            Some((program, memory_bytes)) => (Arc::clone(program), *memory_bytes),
            None => self.build(walk, objects, &stage).await?,
        };
        stage.is("store it");
        let unsaved = self.store(&reach, contents).await?;
        let version = Version { epoch, snapshot, slice };
        let signatures = self.offer.signatures.clone();
        let payload = Arc::new(Held { program, reach, signatures, unsaved });
        Ok(Built { version, serial, floor, memory_bytes, payload })
    }

    /// Everything that the workload needs of the snapshot; what is missing is asked for.
    async fn gather(&self, stage: &Stage) -> Result<(Walk, Both), Refused> {
        loop {
            stage.is("receive its objects");
            let received = self.intake.complete().await?;
            let objects = Both { received, stored: self.stored.clone() };
            stage.is("read its objects");
            let (assembler, root) = (Arc::clone(&self.assembler), self.offer.snapshot);
            let (walked, objects) =
                blocking(move || (assembler.walk(root, &objects), objects)).await?;
            match walked? {
                Ok(walk) => return Ok((walk, objects)),
                Err(missing) => {
                    let asked = self.intake.ask(missing)?;
                    let digests = asked.iter().map(|digest| digest.as_bytes().to_vec()).collect();
                    let need = wire::Need { epoch: self.offer.epoch, digests };
                    // Nobody hears it when the proxy is ending.
                    let _ = self.needs.send(need).await;
                }
            }
        }
    }

    async fn build(
        &self,
        walk: Walk,
        objects: Both,
        stage: &Stage,
    ) -> Result<(Arc<B::Program>, u64), Refused> {
        stage.is("wait for an earlier build");
        let permit = Arc::clone(&self.builds).acquire_owned().await;
        stage.is("build it");
        let assembler = Arc::clone(&self.assembler);
        let product = blocking(move || {
            let product = assembler.assemble(&walk, &objects);
            drop(permit);
            product
        })
        .await??;
        for name in &product.preload {
            stage.is(format!("learn of {}", describe(name)));
            self.world.known(name).await;
        }
        Ok((Arc::new(product.program), product.memory_bytes))
    }

    /// What could not be stored; refused, unless the mesh serves it already: then it is better served than not.
    async fn store(&self, reach: &Reach, contents: Contents) -> Result<Contents, Refused> {
        let contents = Arc::new(contents);
        let (done, heard) = oneshot::channel();
        let (reach, to_store) = (Arc::clone(reach), Arc::clone(&contents));
        let given = self.disk.give(move |store| {
            let _ = done.send(store.put(&reach, &to_store).map_err(|error| error.to_string()));
        });
        let stored = match given {
            Ok(()) => heard.await.unwrap_or_else(|_| Err("the disk is gone".to_owned())),
            Err(full) => Err(full.to_string()),
        };
        match stored {
            Ok(()) => Ok(Contents::new()),
            Err(_) if self.offer.confirmed => Ok(Arc::unwrap_or_clone(contents)),
            Err(detail) => Err(Refused::new(Refusal::Storage, detail)),
        }
    }
}

/// What has just come, and what was here.
struct Both {
    received: Loaded,
    stored: Objects,
}

impl ReadObjects for Both {
    fn read(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        self.received.read(digest).or_else(|| self.stored.read(digest))
    }
}

impl Both {
    /// What has come and is needed. The rest nobody asked for.
    fn received(&self, walk: &Walk) -> Contents {
        let needed = self.received.0.iter().filter(|(digest, _)| walk.reach.contains(*digest));
        needed.map(|(digest, bytes)| (*digest, Arc::clone(bytes))).collect()
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refused> {
    let panicked = |_| Refused::new(Refusal::Program, "reading it panicked");
    spawn_blocking(work).await.map_err(panicked)
}

fn describe(name: &wire::name::Name) -> String {
    use wire::name::Name;
    match name {
        Name::Endpoints(set) if set.service.is_empty() => {
            let labels = set.labels.iter().map(|(name, value)| format!("{name}={value}"));
            format!(
                "the endpoints of {} in {}",
                labels.collect::<Vec<_>>().join(","),
                set.namespace
            )
        }
        Name::Endpoints(set) => format!("the endpoints of {}/{}", set.namespace, set.service),
        Name::Addresses(host) => format!("the addresses of {host}"),
        Name::Owner(address) => format!("the owner of {address}"),
        Name::Secret(name) => format!("the secret {}/{}", name.namespace, name.name),
        Name::Jwks(name) => format!("the keys of {name}"),
    }
}
