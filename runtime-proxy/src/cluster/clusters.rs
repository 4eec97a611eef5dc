//! What one thread knows of the clusters of its programs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::{self, Arc};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::dice::Dice;
use super::directory::{ClusterId, Directory, Entry};
use super::dns::keep_resolved;
use super::limit::Limits;
use super::upstream::Upstream;
use super::view::Cluster;
use crate::tls::MeshClient;

/// One a thread: its pools and balancers. They go from program to program: those of a cluster that the next one has too stay as
/// they are.
pub struct Clusters {
    mesh: Rc<MeshClient>,
    dice: Rc<Dice>,
    /// Of the directories that are in use, the newest first.
    tables: RefCell<Vec<Table>>,
    /// By the state that they are the thread's side of.
    upstreams: RefCell<HashMap<u64, Weak<Upstream>>>,
}

/// The clusters of one directory that have been asked for.
struct Table {
    directory: sync::Weak<Directory>,
    generation: u64,
    clusters: Vec<Option<Rc<Cluster>>>,
}

/// How often a thread looks after what no request makes it look at.
const LOOK_AFTER: Duration = Duration::from_secs(1);

impl Clusters {
    /// To be called where tasks can be spawned locally.
    #[must_use]
    pub fn new(mesh: Rc<MeshClient>) -> Rc<Self> {
        let clusters = Rc::new(Self {
            mesh,
            dice: Rc::new(Dice::new(rand::random())),
            tables: RefCell::default(),
            upstreams: RefCell::default(),
        });
        tokio::task::spawn_local(look_after(Rc::downgrade(&clusters)));
        clusters
    }

    /// The cluster of an ID that `directory` gave out.
    #[must_use]
    pub fn get(&self, directory: &Arc<Directory>, id: ClusterId) -> Option<Rc<Cluster>> {
        if let Some(cluster) = self.made(directory, id) {
            return Some(cluster);
        }
        self.follow(directory);
        if let Some(cluster) = self.made(directory, id) {
            return Some(cluster);
        }
        let cluster = self.make(directory, directory.entry(id)?);
        let mut tables = self.tables.borrow_mut();
        let table = tables.iter_mut().find(|table| table.generation == directory.generation)?;
        *table.clusters.get_mut(id.index())? = Some(Rc::clone(&cluster));
        Some(cluster)
    }

    /// Goes over to a newer directory, as [`Clusters::get`] does by itself. A thread that is not asked for any cluster lets
    /// go of what the directory before had by this alone.
    pub fn follow(&self, directory: &Arc<Directory>) {
        let generation = directory.generation;
        if self.tables.borrow().iter().any(|table| table.generation == generation) {
            return;
        }
        // What there are connections to already is taken over, so that they outlast the program before.
        let is_kept = |entry: &Entry| {
            self.upstreams.borrow().get(&entry.state.id).is_some_and(|it| 0 < it.strong_count())
        };
        let clusters = directory
            .clusters
            .iter()
            .map(|entry| is_kept(entry).then(|| self.make(directory, entry)))
            .collect();
        let table = Table { directory: Arc::downgrade(directory), generation, clusters };
        self.tables.borrow_mut().push(table);
        self.tables.borrow_mut().sort_by_key(|table| std::cmp::Reverse(table.generation));
        self.forget_tables();
    }

    fn made(&self, directory: &Directory, id: ClusterId) -> Option<Rc<Cluster>> {
        let tables = self.tables.borrow();
        let table = tables.iter().find(|table| table.generation == directory.generation)?;
        table.clusters.get(id.index())?.clone()
    }

    fn make(&self, directory: &Directory, entry: &Entry) -> Rc<Cluster> {
        let limits = Limits::new(&entry.spec.policy.connection_pool);
        let upstream = self.upstream(entry, limits);
        upstream.limit(directory.generation, limits);
        Cluster::new(&entry.spec, upstream, &self.dice)
    }

    fn upstream(&self, entry: &Entry, limits: Limits) -> Rc<Upstream> {
        let mut upstreams = self.upstreams.borrow_mut();
        let upstream = upstreams.entry(entry.state.id).or_default();
        upstream.upgrade().unwrap_or_else(|| {
            let made = Upstream::new(&entry.state, &self.mesh, limits);
            *upstream = Rc::downgrade(&made);
            keep_resolved(&entry.state);
            made
        })
    }

    /// Lets go of directories that nobody uses any more, but for the newest.
    fn forget_tables(&self) {
        let mut number = 0;
        let gone: Vec<_> = self
            .tables
            .borrow_mut()
            .extract_if(.., |table| {
                number += 1;
                1 < number && table.directory.strong_count() == 0
            })
            .collect();
        drop(gone);
    }

    fn look_after(&self) {
        self.forget_tables();
        self.upstreams.borrow_mut().retain(|_, upstream| 0 < upstream.strong_count());
        let upstreams: Vec<_> =
            self.upstreams.borrow().values().filter_map(Weak::upgrade).collect();
        for upstream in upstreams {
            upstream.with_members(|_| ());
            upstream.forget_unused();
            keep_resolved(&upstream.state); // whose thread may have ended
        }
    }
}

impl std::fmt::Debug for Clusters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clusters").finish_non_exhaustive()
    }
}

/// Endpoints that have gone have no connections after a while, requests or not.
async fn look_after(clusters: Weak<Clusters>) {
    let mut ticks = interval(LOOK_AFTER);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(clusters) = clusters.upgrade() else { return };
        clusters.look_after();
    }
}
