//! What a port of a workload makes of those who connect to it.
//!
//! What `PeerAuthentication`s ask for is carried out by the server's proxy alone, and a gateway goes by its servers. Source: Istio, `mtlsChecker`,
//! `checkMtlsEnabled`: an endpoint without a sidecar takes no mutual TLS of the mesh.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use mesh_snapshot::Applies;
use mesh_snapshot::object::Role;

use crate::api::istio::{ClientTlsMode, MtlsMode};
use crate::check::capture::{self, Capture};
use crate::check::gateway_port::{Opened, Sent, opened};
use crate::check::injection::{self, WithoutProxy};
use crate::check::mtls::{self, Effective};
use crate::check::openers::Openers;
use crate::diagnostic::{Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::{Mesh, Viewer, Workload};

/// Who ends connections, and what these must be.
#[derive(Clone, Debug)]
pub(super) enum ServerPort {
    /// The proxy, as policies say.
    Proxied(Effective),
    /// Servers of a gateway; none: they are not known.
    Opened(Vec<Opened>),
    /// The application by itself, and what says so.
    Bare { because: (Place, String), certainty: Severity },
}

impl ServerPort {
    /// Whether nobody comes through who speaks so.
    pub(super) fn refuses(&self, client: ClientTlsMode, sent: Sent) -> bool {
        let is_mutual = matches!(client, ClientTlsMode::IstioMutual);
        match self {
            Self::Proxied(Effective { mode, .. }) => match mode {
                MtlsMode::Strict => !is_mutual,
                MtlsMode::Disable => is_mutual,
                MtlsMode::Permissive | MtlsMode::Unset => false,
            },
            Self::Opened(servers) => {
                !servers.is_empty() && servers.iter().all(|it| it.takes.refuses(client, sent))
            }
            Self::Bare { .. } => is_mutual,
        }
    }

    /// Where what its proxy takes is written.
    pub(super) fn policy(&self) -> Option<Place> {
        match self {
            Self::Proxied(asked) => asked.place.clone(),
            Self::Opened(_) | Self::Bare { .. } => None,
        }
    }

    /// How grave it is at most that somebody is refused: whether a namespace has injection may be decided elsewhere.
    pub(super) const fn certainty(&self) -> Severity {
        match self {
            Self::Proxied(_) | Self::Opened(_) => Severity::Error,
            Self::Bare { certainty, .. } => *certainty,
        }
    }
}

/// What is known of the proxies of all workloads.
pub(super) struct ServerPorts<'m, 'a> {
    mesh: &'m Mesh<'a>,
    without: BTreeMap<String, WithoutProxy>,
    captures: HashMap<DocumentId, Capture>,
    openers: OnceCell<Openers<'m, 'a>>,
}

impl<'m, 'a> ServerPorts<'m, 'a> {
    pub(super) fn of(mesh: &'m Mesh<'a>) -> Self {
        let captures = capture::particular(mesh).into_iter();
        let captures = captures.map(|(workload, capture)| (workload.id, capture)).collect();
        let without = injection::without_proxy(mesh);
        Self { mesh, without, captures, openers: OnceCell::new() }
    }

    /// Of a port that it has; absent: of any that nobody names.
    pub(super) fn at(&self, workload: &Workload<'_>, port: Option<u16>) -> ServerPort {
        if let Some(why) =
            self.without.get(&format!("{}/{}", workload.namespace(), workload.name()))
        {
            let because = (Place::resource(workload.id), format!("has no proxy: {}", why.reason()));
            let certainty = match why {
                WithoutProxy::NotInjected => Severity::Warning,
                _ => Severity::Error,
            };
            return ServerPort::Bare { because, certainty };
        }
        if workload.inventory.role == Role::Gateway {
            let openers = self.openers.get_or_init(|| Openers::of(self.mesh));
            let servers = port.map(|port| opened((self.mesh, openers), workload, port));
            return ServerPort::Opened(servers.unwrap_or_default());
        }
        let capture = self.captures.get(&workload.id);
        let kept_by = port.and_then(|port| capture?.kept_by(port));
        if let Some(annotation) = kept_by {
            let place = Place::value(workload.id, workload.annotations_path().field(annotation));
            let because = (place, "keeps the port from the proxy".to_owned());
            return ServerPort::Bare { because, certainty: Severity::Error };
        }
        ServerPort::Proxied(mtls::effective(self.mesh, &workload.inventory, port))
    }

    /// Of the same port, of pods for which a policy may be by labels that their template does not have, such as their zone.
    pub(super) fn apart(&self, workload: &Workload<'_>, port: Option<u16>) -> Vec<ServerPort> {
        if !matches!(self.at(workload, port), ServerPort::Proxied(_)) {
            return Vec::new();
        }
        let policies = &self.mesh.policies.peer_authentications;
        let scopes = policies.of_namespace(Some(workload.namespace()));
        let selectors = scopes.filter_map(|it| match &it.scope.as_ref().ok()?.applies {
            Applies::Selected(selectors) => Some(selectors),
            Applies::All | Applies::Gateways(_) | Applies::Addressed(_) => None,
        });
        let apart = selectors.flatten().filter(|labels| {
            !workload.inventory.has(labels) && workload.may_have(labels, Viewer::Istio)
        });
        let pods = apart.map(|labels| {
            let mut pods = workload.inventory.clone();
            pods.labels.extend(labels.clone());
            ServerPort::Proxied(mtls::effective(self.mesh, &pods, port))
        });
        pods.collect()
    }
}
