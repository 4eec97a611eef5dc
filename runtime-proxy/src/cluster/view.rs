//! A cluster as one program has it, for one thread.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use mesh_snapshot::object::{LoadBalancer, OutlierDetection, SimpleBalancer};

use super::choice::Choice;
use super::counters::Counters;
use super::dice::Dice;
use super::endpoint::{Endpoint, Original};
use super::error::PickError;
use super::limit::{Limits, Place, Resource};
use super::outlier::Outcome;
use super::picked::Picked;
use super::spec::Spec;
use super::state::State;
use super::upstream::{Target, Upstream};

/// An upstream, and how this program balances over it.
pub struct Cluster {
    spec: Arc<Spec>,
    upstream: Rc<Upstream>,
    choice: RefCell<Option<Choice>>,
    judge: Option<Rc<Judge>>,
    dice: Rc<Dice>,
    this: Weak<Self>,
}

/// What an endpoint is picked by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pick<'a> {
    /// For balancers that keep like requests together: [`mesh_engine::cluster::Hashed`].
    pub hash: Option<u64>,
    /// Where the request has been already: taken only when there is no other.
    pub avoid: &'a [Arc<Endpoint>],
    /// Where the client was going.
    pub original: Option<Original>,
}

impl Cluster {
    pub(super) fn new(spec: &Arc<Spec>, upstream: Rc<Upstream>, dice: &Rc<Dice>) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            spec: Arc::clone(spec),
            judge: Judge::new(spec, &upstream.state),
            upstream,
            choice: RefCell::default(),
            dice: Rc::clone(dice),
            this: Weak::clone(this),
        })
    }

    #[must_use]
    pub const fn spec(&self) -> &Arc<Spec> {
        &self.spec
    }

    /// Waits until somebody has said which endpoints there are. Bounded by the caller.
    pub async fn known(&self) {
        self.state().known().await;
    }

    /// An endpoint. It counts as busy from now on, until what comes of it has ended.
    ///
    /// # Errors
    ///
    /// When there is no endpoint to be used.
    pub fn pick(&self, pick: &Pick<'_>) -> Result<Picked, PickError> {
        let target = if self.goes_where_clients_go() {
            let original = pick.original.ok_or(PickError::NoDestination)?;
            self.upstream.at(original)
        } else {
            self.balanced(pick)
        };
        let cluster = self.this.upgrade();
        match (target, cluster) {
            (Some(target), Some(cluster)) => Ok(Picked::new(cluster, &target)),
            _ if !self.upstream.is_known() => Err(PickError::Unknown),
            _ => Err(PickError::NoneHealthy),
        }
    }

    fn goes_where_clients_go(&self) -> bool {
        self.state().is_original_destination()
            || self.spec.policy.load_balancer == LoadBalancer::Simple(SimpleBalancer::Passthrough)
    }

    fn balanced(&self, pick: &Pick<'_>) -> Option<Rc<Target>> {
        let mut choice = self.choice.borrow_mut();
        let position = self.upstream.with_members(|members| {
            let state = self.state();
            let choice = match &mut *choice {
                Some(choice) if choice.is_current(state, members) => choice,
                choice => choice.insert(Choice::new(&self.spec, state, members, &self.dice)),
            };
            choice.pick(pick.hash, pick.avoid, &self.dice)
        })?;
        self.upstream.member(position)
    }

    /// A place among the retries under way; `None`: there are too many, which is counted.
    #[must_use]
    pub fn retry(&self) -> Option<Place> {
        let place = self.state().usage.enter(Resource::Retries, &self.limits());
        if place.is_none() {
            Counters::add(&self.counters().retry_overflow);
        }
        place
    }

    /// No answer came of a request to `endpoint` in the time of one attempt. Whoever measures that time says so.
    pub fn timed_out(&self, endpoint: &Endpoint) {
        self.note(endpoint, Outcome::TimedOut);
    }

    /// The address of a host that a client named, for a cluster that leads to wherever clients go.
    ///
    /// # Errors
    ///
    /// When the name cannot be resolved.
    pub async fn resolve(&self, host: &str, port: u16) -> io::Result<SocketAddr> {
        let ip = match host.parse() {
            Ok(ip) => ip,
            Err(_) => self.state().resolve(host).await?,
        };
        Ok(SocketAddr::new(ip, port))
    }

    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.state().counters
    }

    /// How much of a resource is in use, over all threads.
    #[must_use]
    pub fn used(&self, resource: Resource) -> u32 {
        self.state().usage.used(resource)
    }

    pub(super) fn note(&self, endpoint: &Endpoint, outcome: Outcome) {
        if let Some(judge) = &self.judge {
            judge.note(endpoint, outcome);
        }
    }

    pub(super) fn judge(&self) -> Option<Rc<Judge>> {
        self.judge.clone()
    }

    pub(super) fn state(&self) -> &State {
        &self.upstream.state
    }

    pub(super) fn limits(&self) -> Limits {
        self.upstream.limits()
    }
}

/// Takes note of what comes of requests, for as long as they last.
pub(super) struct Judge {
    state: Arc<State>,
    policy: OutlierDetection,
}

impl Judge {
    fn new(spec: &Spec, state: &Arc<State>) -> Option<Rc<Self>> {
        let policy = spec.policy.outlier_detection.clone()?;
        Some(Rc::new(Self { state: Arc::clone(state), policy }))
    }

    pub(super) fn note(&self, endpoint: &Endpoint, outcome: Outcome) {
        self.state.note(endpoint, outcome, &self.policy);
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("name", &self.spec.name).finish_non_exhaustive()
    }
}
