//! What one thread serves with.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng as _, RngCore as _};

use super::peers::Peers;
use crate::agent::clock::Clock;
use crate::cluster::{Cluster, ClusterId, Clusters};
use crate::drain::Drain;
use crate::http::HttpLimits;
use crate::listener::Own;
use crate::live::{Live, Pinned, Reader};
use crate::observe::Observer;
use crate::program::Program;
use crate::tls::{Identity, MeshServer};
use crate::world::{Version, Watched, World};

/// Shared by everything that the thread does.
pub(crate) struct Serving {
    pub(crate) live: Reader<Program>,
    pub(crate) clusters: Rc<Clusters>,
    /// How the mesh's mutual TLS ends here.
    pub(crate) mesh: Arc<MeshServer>,
    pub(crate) world: World,
    pub(crate) observer: Observer,
    pub(crate) peers: Peers,
    pub(crate) limits: HttpLimits,
    pub(crate) clock: Clock,
    /// Of what comes from others.
    pub(crate) drain: Drain,
    /// Of what the workload sends: it begins when the other is over.
    pub(crate) drain_outbound: Drain,
    /// Where this proxy itself listens: nothing is passed on to there.
    pub(crate) own: Arc<Own>,
    /// Copies of requests that are under way.
    pub(crate) mirrors: Cell<u32>,
    pub(crate) dice: RefCell<SmallRng>,
    pub(crate) identity: Arc<Watched<Identity>>,
    /// Of which version of the identity, and its name.
    pub(crate) principal: RefCell<(Version, Arc<str>)>,
}

impl Serving {
    /// Uniform over all of `u32`.
    pub(crate) fn roll(&self) -> u32 {
        self.dice.borrow_mut().next_u32()
    }

    /// Uniform over all of `u128`.
    pub(crate) fn roll_wide(&self) -> u128 {
        self.dice.borrow_mut().random()
    }

    pub(crate) fn cluster(&self, live: &Live<Program>, id: ClusterId) -> Option<Rc<Cluster>> {
        self.clusters.get(live.program.directory(), id)
    }

    /// The SPIFFE ID that this proxy proves; empty while it has none.
    pub(crate) fn principal(&self) -> Arc<str> {
        let version = self.identity.version();
        let mut known = self.principal.borrow_mut();
        if known.0 != version {
            let id = self.identity.get().map(|identity| Arc::from(identity.id().as_str()));
            *known = (version, id.unwrap_or_else(|| Arc::from("")));
        }
        Arc::clone(&known.1)
    }

    /// What is in force now.
    pub(crate) fn live(&self) -> Option<Pinned<Program>> {
        self.live.get()
    }
}
