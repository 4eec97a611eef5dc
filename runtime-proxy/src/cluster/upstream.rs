//! One thread's side of a cluster: what is known of its endpoints, and the connections to them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use super::endpoint::{Address, Endpoint};
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
    known: RefCell<Known>,
    /// Where clients wanted to go by themselves.
    elsewhere: RefCell<HashMap<SocketAddr, Rc<Target>>>,
}

/// An endpoint as it is known now, and the connections to it.
pub(super) struct Target {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) pool: Rc<Pool>,
}

struct Known {
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
            known: RefCell::new(Known { members: state.members(), targets: Vec::new() }),
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
        if self.known.borrow().members.version != self.state.version() {
            self.renew();
        }
        see(&self.known.borrow().members)
    }

    fn renew(&self) {
        let members = self.state.members();
        let before = std::mem::take(&mut self.known.borrow_mut().targets);
        let mut pools: HashMap<u64, Rc<Pool>> = before
            .into_iter()
            .flatten()
            .map(|target| (target.endpoint.standing.id, Rc::clone(&target.pool)))
            .collect();
        let target = |endpoint: &Arc<Endpoint>| {
            let pool = pools.remove(&endpoint.standing.id)?;
            Some(Rc::new(Target { endpoint: Arc::clone(endpoint), pool }))
        };
        let targets = members.endpoints.iter().map(target).collect();
        *self.known.borrow_mut() = Known { members, targets };
        drop(pools); // of those that have gone
    }

    /// The member at a position of the members that were seen last.
    pub(super) fn member(&self, position: usize) -> Option<Rc<Target>> {
        let Known { members, targets } = &mut *self.known.borrow_mut();
        let endpoint = members.endpoints.get(position)?;
        if targets.len() <= position {
            targets.resize(members.endpoints.len(), None);
        }
        let target = targets.get_mut(position)?;
        Some(Rc::clone(target.get_or_insert_with(|| self.target(endpoint))))
    }

    /// The endpoint at an address that a client named: a member, if there is one. `None`: nobody can say who it must be.
    pub(super) fn at(&self, address: SocketAddr) -> Option<Rc<Target>> {
        let position = self.with_members(|members| members.position(address));
        if let Some(position) = position {
            return self.member(position);
        }
        if let Some(target) = self.elsewhere.borrow().get(&address) {
            return Some(Rc::clone(target));
        }
        let endpoint = members::elsewhere(&self.state.spec, address)?;
        let target = self.target(&Arc::new(endpoint));
        if ELSEWHERE_MAX <= self.elsewhere.borrow().len() {
            self.forget_unused();
        }
        self.elsewhere.borrow_mut().insert(address, Rc::clone(&target));
        Some(target)
    }

    fn target(&self, endpoint: &Arc<Endpoint>) -> Rc<Target> {
        let ends = Ends {
            endpoint: Arc::clone(endpoint),
            state: Arc::clone(&self.state),
            mesh: Rc::clone(&self.mesh),
            limits: Rc::clone(&self.limits),
        };
        Rc::new(Target { endpoint: Arc::clone(endpoint), pool: Pool::new(ends) })
    }

    /// Forgets addresses to which there is no connection.
    pub(super) fn forget_unused(&self) {
        self.elsewhere
            .borrow_mut()
            .retain(|_, target| 1 < Rc::strong_count(target) || !target.pool.is_unused());
    }
}

impl Members {
    fn position(&self, address: SocketAddr) -> Option<usize> {
        let is_there = |endpoint: &Arc<Endpoint>| endpoint.address.cmp(&Address::Socket(address));
        self.endpoints.binary_search_by(is_there).ok()
    }
}
