//! One thread's side of a cluster: what is known of its endpoints, and the connections to them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use super::endpoint::{Address, Endpoint, Original};
use super::limit::Limits;
use super::members::{self, Members};
use super::pool::{Ends, Pool};
use super::state::State;
use crate::tls::MeshClient;

/// Lasts as long as some program has the cluster, or requests are under way there.
pub(super) struct Upstream {
    pub(super) state: Arc<State>,
    mesh: Rc<MeshClient>,
    limits: Rc<Cell<Limits>>,
    /// Of the directory that the limits are from.
    generation: Cell<u64>,
    seen: RefCell<Seen>,
    /// Where clients wanted to go by themselves.
    elsewhere: RefCell<HashMap<Original, Rc<Target>>>,
}

/// An endpoint as it is known now, and the connections to it.
pub(super) struct Target {
    pub(super) known: Rc<Known>,
    pub(super) pool: Rc<Pool>,
}

/// An endpoint as a thread holds it: to hold it once more costs no atomic operation, so that threads do not meet. It holds no
/// connections: what is under way at an endpoint that has gone must not keep those that are idle.
pub(super) struct Known(pub(super) Arc<Endpoint>);

struct Seen {
    members: Arc<Members>,
    /// Of each member that has been picked.
    targets: Vec<Option<Rc<Target>>>,
}

/// Addresses that clients name are forgotten beyond this many, but for those that have connections.
const ELSEWHERE_MAX: usize = 1024;

impl Upstream {
    pub(super) fn new(state: &Arc<State>, mesh: &Rc<MeshClient>, limits: Limits) -> Rc<Self> {
        state.want();
        Rc::new(Self {
            state: Arc::clone(state),
            mesh: Rc::clone(mesh),
            limits: Rc::new(Cell::new(limits)),
            generation: Cell::new(0),
            seen: RefCell::new(Seen { members: state.members(), targets: Vec::new() }),
            elsewhere: RefCell::default(),
        })
    }

    /// Takes over the limits of a directory, unless it is older than the one that they are from.
    pub(super) fn limit(&self, generation: u64, limits: Limits) {
        if self.generation.get() <= generation {
            self.generation.set(generation);
            self.limits.set(limits);
        }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits.get()
    }

    /// Calls `see` with the members as they are known now. Connections to those that have gone are let go of: the idle ones are
    /// closed, the others when their requests have ended.
    pub(super) fn with_members<T>(&self, see: impl FnOnce(&Arc<Members>) -> T) -> T {
        if self.seen.borrow().members.version != self.state.version() {
            self.renew();
        }
        see(&self.seen.borrow().members)
    }

    /// Whether the members that were seen last are known. By now there may be others: who found nobody among these must
    /// not be judged by those.
    pub(super) fn is_known(&self) -> bool {
        self.state.is_known(&self.seen.borrow().members)
    }

    fn renew(&self) {
        let members = self.state.members();
        let before = std::mem::take(&mut self.seen.borrow_mut().targets);
        let mut pools: HashMap<u64, Rc<Pool>> = before
            .into_iter()
            .flatten()
            .map(|target| (target.known.0.standing.id, Rc::clone(&target.pool)))
            .collect();
        let target = |endpoint: &Arc<Endpoint>| {
            let pool = pools.remove(&endpoint.standing.id)?;
            Some(Target::new(endpoint, pool))
        };
        let targets = members.endpoints.iter().map(target).collect();
        *self.seen.borrow_mut() = Seen { members, targets };
        for pool in pools.into_values() {
            pool.retire(); // its endpoint has gone
        }
    }

    /// The member at a position of the members that were seen last.
    pub(super) fn member(&self, position: usize) -> Option<Rc<Target>> {
        let Seen { members, targets } = &mut *self.seen.borrow_mut();
        let endpoint = members.endpoints.get(position)?;
        if targets.len() <= position {
            targets.resize(members.endpoints.len(), None);
        }
        let target = targets.get_mut(position)?;
        Some(Rc::clone(target.get_or_insert_with(|| self.target(endpoint))))
    }

    /// The endpoint at an address that a client named: a member, if there is one. `None`: nobody can say who it must be.
    pub(super) fn at(&self, original: Original) -> Option<Rc<Target>> {
        let position = self.with_members(|members| members.position(original.address));
        if let Some(position) = position {
            return self.member(position);
        }
        if let Some(target) = self.elsewhere.borrow().get(&original) {
            return Some(Rc::clone(target));
        }
        let endpoint = members::elsewhere(&self.state.spec, original)?;
        let target = self.target(&Arc::new(endpoint));
        if ELSEWHERE_MAX <= self.elsewhere.borrow().len() {
            self.forget_unused();
        }
        self.elsewhere.borrow_mut().insert(original, Rc::clone(&target));
        Some(target)
    }

    fn target(&self, endpoint: &Arc<Endpoint>) -> Rc<Target> {
        let ends = Ends {
            endpoint: Arc::clone(endpoint),
            state: Arc::clone(&self.state),
            mesh: Rc::clone(&self.mesh),
            limits: Rc::clone(&self.limits),
        };
        Target::new(endpoint, Pool::new(ends))
    }

    /// Forgets addresses to which there is no connection.
    pub(super) fn forget_unused(&self) {
        self.elsewhere
            .borrow_mut()
            .retain(|_, target| 1 < Rc::strong_count(target) || !target.pool.is_unused());
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        let members = self.seen.get_mut().targets.drain(..).flatten();
        for target in members.chain(self.elsewhere.get_mut().drain().map(|(_, target)| target)) {
            target.pool.retire();
        }
    }
}

impl Target {
    fn new(endpoint: &Arc<Endpoint>, pool: Rc<Pool>) -> Rc<Self> {
        Rc::new(Self { known: Rc::new(Known(Arc::clone(endpoint))), pool })
    }
}

impl Members {
    fn position(&self, address: SocketAddr) -> Option<usize> {
        let is_there = |endpoint: &Arc<Endpoint>| endpoint.address.cmp(&Address::Socket(address));
        self.endpoints.binary_search_by(is_there).ok()
    }
}
