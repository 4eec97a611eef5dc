//! The workloads that policies are for, and what the rules of all these policies ask of them.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::token::{Issuers, Tokens};
use mesh_snapshot::object::Role;

use crate::api::istio::{AuthorizationPolicy, MtlsMode};
use crate::check::openers::Openers;
use crate::check::served_hosts::{ServedHosts, Servers};
use crate::check::workload_ports::ports;
use crate::check::{inventory, mtls, outsiders, selection};
use crate::diagnostic::Place;
use crate::resolve::policy::{Policy, Scope};
use crate::resolve::{Mesh, Workload};

/// Thousands of policies may be for the same thousands of workloads. What is kept is made of the mesh alone.
pub(super) struct Selections<'m, 'a> {
    mesh: &'m Mesh<'a>,
    issuers: Issuers<'m>,
    servers: Servers<'m, 'a>,
    openers: OnceCell<Openers<'m, 'a>>,
    /// By where policies stand and whom they are for.
    known: RefCell<BTreeMap<(&'m str, &'m Scope<'a>), Rc<Selected<'m, 'a>>>>,
}

impl<'m, 'a> Selections<'m, 'a> {
    pub(super) fn of(mesh: &'m Mesh<'a>) -> Self {
        let (issuers, servers) = (Issuers::default(), Servers::of(mesh));
        Self { mesh, issuers, servers, openers: OnceCell::new(), known: RefCell::default() }
    }

    /// `None`: it cannot be told whom the policy is for.
    pub(super) fn by(
        &self,
        policy: &'m Policy<'a, AuthorizationPolicy>,
    ) -> Option<Rc<Selected<'m, 'a>>> {
        let scope = policy.scope.as_ref().ok()?;
        let mut known = self.known.borrow_mut();
        let selected = known.entry((&policy.resource.namespace, scope)).or_insert_with(|| {
            Rc::new(Selected {
                workloads: selection::all_of_policy(self.mesh, scope),
                plain_text: OnceCell::new(),
                anonymous: OnceCell::new(),
                tokens: OnceCell::new(),
                are_for_tcp_alone: OnceCell::new(),
                served: OnceCell::new(),
                names: OnceCell::new(),
            })
        });
        Some(Rc::clone(selected))
    }

    pub(super) fn tokens<'s>(
        &self,
        policy: &'m Policy<'a, AuthorizationPolicy>,
        selected: &'s Selected<'m, 'a>,
    ) -> &'s Tokens<'m> {
        selected.tokens.get_or_init(|| self.issuers.of(self.mesh, policy, &selected.workloads))
    }

    /// The hosts for which they read requests; absent: they may for any.
    pub(super) fn served<'s>(&self, selected: &'s Selected<'m, 'a>) -> Option<&'s ServedHosts> {
        selected.served.get_or_init(|| self.servers.hosts(&selected.workloads)).as_deref()
    }

    /// The hosts that handshakes with them may name; absent: they may name any, or none.
    pub(super) fn names<'s>(&self, selected: &'s Selected<'m, 'a>) -> Option<&'s ServedHosts> {
        selected.names.get_or_init(|| self.servers.names(&selected.workloads)).as_deref()
    }

    /// Where it is written of the first that all of them take plain text alone; `None` unless they do.
    pub(super) fn plain_text<'s>(&self, selected: &'s Selected<'m, 'a>) -> Option<&'s Place> {
        selected.plain_text.get_or_init(|| plain_text(self.mesh, &selected.workloads)).as_ref()
    }

    /// The first Gateway of these proxies, where no server of any of them asks its clients for a certificate.
    pub(super) fn anonymous_gateway<'s>(
        &self,
        selected: &'s Selected<'m, 'a>,
    ) -> Option<&'s Place> {
        let find = || anonymous_gateway(self.mesh, self.openers(), &selected.workloads);
        selected.anonymous.get_or_init(find).as_ref()
    }

    /// Whether none of them reads requests.
    pub(super) fn are_for_tcp_alone(&self, selected: &Selected<'m, 'a>) -> bool {
        let ask = || ports((self.mesh, self.openers()), &selected.workloads).are_for_tcp_alone();
        *selected.are_for_tcp_alone.get_or_init(ask)
    }

    fn openers(&self) -> &Openers<'m, 'a> {
        self.openers.get_or_init(|| Openers::of(self.mesh))
    }
}

/// Some workloads, with what was asked of them so far.
pub(super) struct Selected<'m, 'a> {
    /// None: they are not all known.
    pub(super) workloads: Vec<&'m Workload<'a>>,
    plain_text: OnceCell<Option<Place>>,
    anonymous: OnceCell<Option<Place>>,
    tokens: OnceCell<Tokens<'m>>,
    are_for_tcp_alone: OnceCell<bool>,
    served: OnceCell<Option<Rc<ServedHosts>>>,
    names: OnceCell<Option<Rc<ServedHosts>>>,
}

fn plain_text(mesh: &Mesh<'_>, workloads: &[&Workload<'_>]) -> Option<Place> {
    let mut modes = workloads.iter().flat_map(|it| {
        let asked = mtls::Asked::of(mesh, &it.inventory);
        let ports = it.inventory.ports.values().map(|port| Some(*port)).chain([None]);
        ports.map(move |port| asked.at(port))
    });
    let first = modes.next().filter(|it| it.mode == MtlsMode::Disable)?;
    modes.all(|it| it.mode == MtlsMode::Disable).then_some(first.place)?
}

/// Of a proxy that serves no Gateway of Istio's nothing is known.
fn anonymous_gateway(
    mesh: &Mesh<'_>,
    openers: &Openers<'_, '_>,
    proxies: &[&Workload<'_>],
) -> Option<Place> {
    let is_gateway = |it: &&Workload<'_>| it.inventory.role == Role::Gateway;
    if !proxies.iter().all(is_gateway)
        || mesh.api_gateways.iter().next().is_some()
        || inventory::may_have_gateways(mesh)
    {
        return None;
    }
    let own = |proxy: &&Workload<'_>| openers.istio(proxy);
    let are_anonymous = proxies.iter().all(|proxy| {
        !own(proxy).is_empty() && !own(proxy).iter().any(|it| outsiders::asks_for_certificates(it))
    });
    let mut all = proxies.iter().flat_map(own);
    let first = all.by_ref().min_by_key(|it| &it.age).filter(|_| are_anonymous)?;
    Some(Place::resource(first.resource.id))
}
