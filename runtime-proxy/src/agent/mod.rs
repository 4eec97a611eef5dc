//! What a proxy does about being told what to serve: on a thread of its own, beside the traffic.
//!
//! ```text
//!                 disk ◀──▶ store/ ◀───┐
//!                                      │
//! control ◀──▶ stream/ ◀──▶ shell/ ◀───┼──▶ trial/       decides; pure
//!                 ▲            │       │
//!                 │            ├──▶ prepare/ ──▶ Build    off the traffic's path
//!            identity/         ▼
//!                          live, world                    the data path reads
//! ```
//! [`Agent::run`] starts from the disk, before anybody is asked; then it keeps a stream to the control runtime, for as long as the proxy
//! lives. The proxy serves what it served while there is no stream. What the data path needs of all this is [`crate::live`],
//! [`crate::world`], [`health`] to count in, and [`status`] to show; what the agent needs of it is [`prepare::Build`].

pub mod config;

pub mod trial;

pub mod prepare;
pub mod walk;

pub mod store;

mod start;

pub mod backoff;
pub mod clock;
mod stream;

mod identity;

pub mod health;
pub mod status;

mod shell;

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use clock::Clock;
use config::Config;
use health::HealthCounters;
use identity::Renewer;
use prepare::{Assembler, Build};
use shell::{Parts, Shell};
use start::Started;
use status::Status;
use store::{Disk, FOLDERS, Folder, FolderError, Queue, Store, Unreadable};
use stream::Keeper;

use crate::live::Current;
use crate::world::World;

/// What may have been heard and not looked at. Beyond, the stream is not read.
const EVENTS_MAX: usize = 32;

/// An agent that has not started. What it shares with the data path is given to both.
pub struct Agent<B: Build> {
    pub config: Config,
    pub build: B,
    pub live: Current<B::Program>,
    pub world: World,
    pub health: HealthCounters,
    pub status: Arc<Status>,
    pub clock: Clock,
}

/// Why an agent cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    State(#[from] FolderError),
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

impl<B: Build> Agent<B> {
    /// As [`Agent::run`], on a thread of its own.
    ///
    /// # Errors
    ///
    /// When there can be no more threads.
    pub fn spawn(
        self,
        shutdown: CancellationToken,
    ) -> io::Result<JoinHandle<Result<(), StartError>>> {
        std::thread::Builder::new().name("mesh-agent".to_owned()).spawn(move || self.run(shutdown))
    }

    /// Starts from the disk, and then does what it is told, until `shutdown`. Blocks; not to be called where other tasks run.
    ///
    /// # Errors
    ///
    /// When the state folder cannot be used, or another process uses it. Whatever else is wrong is told by [`Status`] and logs, and
    /// tried again. A panic of one of its tasks is its own.
    pub fn run(self, shutdown: CancellationToken) -> Result<(), StartError> {
        let folder = Folder::open(&self.config.state, &FOLDERS)?;
        self.run_on(Arc::new(folder), shutdown)
    }

    /// As [`Agent::run`], with another disk than the folder that the configuration names.
    ///
    /// # Errors
    ///
    /// When there can be no more threads.
    pub fn run_on(
        self,
        disk: Arc<dyn Disk>,
        shutdown: CancellationToken,
    ) -> Result<(), StartError> {
        let Self { config, build, live, world, health, status, clock } = self;
        let _told = Told(world.clone());
        let assembler = Arc::new(Assembler::new(build, &config));
        let (mut store, found) = Store::open(disk);
        let complete = found.candidates.iter().filter(|candidate| candidate.complete);
        let slices = complete.map(|candidate| candidate.record.slice).collect();
        let deaths = config.limits.deaths;
        let started = start::start(&mut store, found, &assembler, clock.now(), deaths);
        tell(&started, &status);
        let remembered = store.world();
        let identity = read_identity(&store);
        let stored = store.objects();
        let disk = Arc::new(Queue::start(store).map_err(StartError::Thread)?);

        let config = Arc::new(config);
        let (bundles, streamed) = watch::channel(None);
        let renewer = Renewer::new(
            &config,
            identity,
            world.identity(),
            clock.clone(),
            Arc::clone(&status),
            Arc::clone(&disk),
            streamed,
        );
        let (events, heard) = mpsc::channel(EVENTS_MAX);
        let keeper = Keeper {
            control: config.control.clone(),
            limits: config.limits.clone(),
            identity: world.identity(),
            clock,
            status: Arc::clone(&status),
            events,
        };
        let close = config.limits.close;
        let parts = Parts {
            config,
            assembler,
            live,
            world,
            health,
            status,
            disk: Arc::clone(&disk),
            stored,
            bundles,
            slices,
            started_from: started.from.map(|candidate| candidate.slot),
        };
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(StartError::Thread)?;
        let panicked = runtime.block_on(async move {
            let mut tasks = JoinSet::new();
            tasks.spawn(renewer.run());
            tasks.spawn(keeper.run());
            tokio::select! {
                () = Shell::run(parts, started.start, remembered, heard, shutdown) => None,
                panicked = panic_of(tasks) => Some(panicked),
            }
        });
        // A build that goes on is not waited for.
        runtime.shutdown_background();
        if !disk.close(close) {
            tracing::error!("the disk has not done all that it was given");
        }
        match panicked {
            None => Ok(()),
            Some(panicked) => std::panic::resume_unwind(panicked),
        }
    }
}

/// However the agent ends, nobody is told of anything any more.
struct Told(World);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.note_told(false);
    }
}

/// What the first of these tasks panics with. Pending for as long as none does: each ends by itself when the agent does.
async fn panic_of(mut tasks: JoinSet<()>) -> Box<dyn Any + Send> {
    while let Some(ended) = tasks.join_next().await {
        if let Some(Ok(panicked)) = ended.err().map(JoinError::try_into_panic) {
            return panicked;
        }
    }
    std::future::pending().await
}

fn tell<P>(started: &Started<P>, status: &Status) {
    for problem in &started.problems {
        status.problems.add();
        tracing::warn!(problem, "starting from the disk");
    }
    let epoch = started.from.as_ref().map(|candidate| candidate.record.epoch);
    let slot = started.from.as_ref().map(|candidate| tracing::field::display(candidate.slot));
    tracing::info!(slot, epoch, "started from the disk, as far as there was something");
}

fn read_identity(store: &Store) -> Option<store::StoredIdentity> {
    match store.identity() {
        Ok(identity) => Some(identity),
        Err(Unreadable::Absent) => None,
        Err(error) => {
            tracing::warn!(%error, "the identity on the disk");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::panic_of;

    #[tokio::test]
    async fn the_panic_of_one_task_is_heard_of_though_others_ended_well() {
        let mut tasks = JoinSet::new();
        tasks.spawn(async {});
        tasks.spawn(async { panic!("a test's own") });
        tasks.spawn(std::future::pending());
        let panicked = panic_of(tasks).await;
        assert_eq!(panicked.downcast_ref(), Some(&"a test's own"));
    }
}
