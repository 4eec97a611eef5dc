//! Who serves a port, as far as the repository shows it, and what they take.

use mesh_snapshot::object::{Discovery, EndpointSet, Labels, ServicePort, Workload as Inventory};

use super::Known;
use crate::api::istio::ClientTlsMode;
use crate::check::gateway_port::Sent;
use crate::check::injection::is_without_proxies;
use crate::check::server_port::ServerPort;
use crate::check::{mtls, selection};
use crate::diagnostic::Severity;
use crate::resolve::service::Service;
use crate::resolve::{Mesh, Viewer, Workload};

/// Those of a port that are known, as far as they differ.
pub(super) enum Servers {
    Known {
        all: Vec<ServerPort>,
        /// What others of their pods may take, by labels that only some pods have.
        apart: Vec<ServerPort>,
        /// Whether machines are among them. What one takes depends on how it was set up.
        has_machines: bool,
    },
    /// Nobody knows which they are: what policies ask of all that they may be.
    Unseen(ServerPort),
}

impl Servers {
    pub(super) fn first(&self) -> Option<&ServerPort> {
        match self {
            Self::Known { all, .. } => all.first(),
            Self::Unseen(only) => Some(only),
        }
    }

    pub(super) fn has_gateway(&self) -> bool {
        let is_gateway = |it: &ServerPort| matches!(it, ServerPort::Opened(_));
        matches!(self, Self::Known { all, .. } if all.iter().any(is_gateway))
    }

    pub(super) fn are_proxied(&self) -> bool {
        let is_proxied = |it: &ServerPort| matches!(it, ServerPort::Proxied(_));
        matches!(self, Self::Known { all, .. } if all.iter().all(is_proxied))
    }

    /// How grave it is that all refuse those who speak so; `None` unless they do. Where some may not, it is no error.
    pub(super) fn refuse(&self, client: ClientTlsMode, sent: Sent) -> Option<Severity> {
        match self {
            Self::Known { all, .. } => {
                let refuse_all = all.iter().all(|it| it.refuses(client, sent));
                let severity = all.iter().map(ServerPort::certainty).min();
                let is_limited = self.others(client, sent).is_some();
                let max = if is_limited { Severity::Warning } else { Severity::Error };
                severity.filter(|_| refuse_all).map(|it| it.min(max))
            }
            Self::Unseen(only) => only.refuses(client, sent).then_some(Severity::Info),
        }
    }

    /// What becomes of connections, where not all who serve the port need refuse them.
    pub(super) fn others(&self, client: ClientTlsMode, sent: Sent) -> Option<&'static str> {
        match self {
            Self::Known { apart, .. } if apart.iter().any(|it| !it.refuses(client, sent)) => {
                Some("fails, but at pods that another PeerAuthentication is for")
            }
            Self::Known { has_machines: true, .. } => Some("fails at its pods"),
            Self::Known { .. } | Self::Unseen(_) => None,
        }
    }
}

/// The servers of a port, those with the labels of a subset. Of pods that no file of the repository makes, it is known what
/// policies ask of them if none could tell them apart.
pub(super) fn servers(
    (mesh, known): (&Mesh<'_>, &Known<'_, '_>),
    service: &Service<'_>,
    port: &ServicePort,
    labels: Option<&Labels>,
) -> Servers {
    let workloads = selection::of_service(mesh, service);
    if workloads.is_empty() {
        let nobody = Servers::Known { all: Vec::new(), apart: Vec::new(), has_machines: false };
        return unseen(mesh, service).map_or(nobody, Servers::Unseen);
    }
    let is_of_subset =
        |it: &&&Workload<'_>| labels.is_none_or(|labels| it.may_have(labels, Viewer::Istio));
    let own = workloads.iter().filter(is_of_subset);
    let own: Vec<_> = own.map(|it| (it, selection::target(it, &port.target))).collect();
    Servers::Known {
        all: own.iter().map(|(it, port)| known.ports.at(it, *port)).collect(),
        apart: own.iter().flat_map(|(it, port)| known.ports.apart(it, *port)).collect(),
        has_machines: selection::has_machines(mesh, service),
    }
}

/// What a Service without a selector leads to is mostly no part of the mesh.
fn unseen(mesh: &Mesh<'_>, service: &Service<'_>) -> Option<ServerPort> {
    let discovery = &service.object.discovery;
    let selects = matches!(discovery, Discovery::World { set: EndpointSet::Selected { .. }, .. });
    let is_for_some = |it: &crate::resolve::policy::Policy<'_, _>| {
        it.resource.namespace == service.namespace
            && !matches!(&it.scope, Ok(scope) if scope.applies == mesh_snapshot::Applies::All)
    };
    // Whatever is no pod, or is listed by somebody else, need not have a proxy.
    if !selects
        || !service.origin.is_kubernetes()
        || mesh.policies.peer_authentications.iter().any(is_for_some)
        || is_without_proxies(mesh, service.namespace)
    {
        return None;
    }
    let anybody = Inventory { namespace: service.namespace.to_owned(), ..Inventory::default() };
    Some(ServerPort::Proxied(mtls::effective(mesh, &anybody, None)))
}
