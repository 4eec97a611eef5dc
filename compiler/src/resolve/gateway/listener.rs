//! A listener of a `Gateway`, its own or one that a `ListenerSet` adds. Source: Istio, `buildListener`.

use std::collections::BTreeSet;

use mesh_snapshot::object::ServerProtocol;

use super::certificate::{Certificate, ClientCheck};
use crate::api::Resource;
use crate::api::gateway_api::{
    self, AllowedRoutes, CIPHER_SUITES, NamespacesFrom, RouteGroupKind, TlsMode,
};
use crate::diagnostic::FieldPath;
use crate::parse::DocumentId;
use crate::resolve::Namespaces;
use crate::resolve::host::{Host, lower};

#[derive(Clone, Debug)]
pub struct Listener<'a> {
    /// Among the listeners of its Gateway.
    pub index: usize,
    /// The `ListenerSet` that adds it; absent: the Gateway's own.
    pub set: Option<&'a Resource<gateway_api::ListenerSet>>,
    /// Where it is written, and there its place in `spec.listeners`.
    pub document: DocumentId,
    pub place: usize,
    /// Why it is not opened beside a listener before it.
    pub conflict: Option<ListenerConflict>,
    pub spec: &'a gateway_api::Listener,
    /// `*` where none is written.
    pub hostname: Host,
    /// Zero where it is out of range.
    pub port: u16,
    /// Absent where it is not one that is served.
    pub protocol: Option<ServerProtocol>,
    namespaces: AdmittedNamespaces<'a>,
    /// By place in `certificateRefs`.
    pub certificates: Vec<Certificate>,
    /// Whether clients are asked for certificates. Absent: they are not.
    pub client: Option<ClientCheck<'a>>,
}

/// Why two listeners cannot both be opened. Source: Gateway API, `Listener`: distinct listeners.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListenerConflict {
    /// The port is another protocol's, or one of two streams'.
    Protocol,
    /// Another has the port and the name.
    Hostname,
}

/// How a listener ends its clients' TLS, by Istio's option. Source: Istio, `buildTLS`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TerminateMode {
    Simple,
    /// Clients show a certificate of the authority beside the listener's own certificate.
    Mutual,
    /// Those do that have one.
    OptionalMutual,
    /// The proxy shows its identity in the mesh.
    IstioSimple,
    /// And clients show theirs.
    IstioMutual,
}

/// Why a listener cannot speak TLS as it is told to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TlsFault {
    /// None of its certificates is there.
    NoCertificate,
    /// It names more authorities for its clients than one.
    Authorities,
    NoAuthority,
}

/// The key of that option in `tls.options`.
const TERMINATE_MODE: &str = "gateway.istio.io/tls-terminate-mode";

#[derive(Clone, Debug)]
enum AdmittedNamespaces<'a> {
    All,
    Named(BTreeSet<&'a str>),
}

/// Why a listener does not take a route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// It is not on the port, or has not the name, that the route's parent reference asks for.
    Port,
    Section,
    /// It and the route have no name in common.
    Hostname,
    /// It takes no routes of this namespace, or of this kind.
    Namespace,
    Kind,
}

impl Refusal {
    /// How far the route came.
    #[must_use]
    pub const fn step(self) -> u8 {
        match self {
            Self::Port | Self::Section => 0,
            Self::Hostname => 1,
            Self::Namespace | Self::Kind => 2,
        }
    }
}

/// What is written in a listener's place: its kind and namespace.
pub(super) struct Home<'a> {
    pub(super) kind: &'static str,
    pub(super) namespace: &'a str,
    pub(super) document: DocumentId,
}

impl<'a> Listener<'a> {
    pub(super) fn new(
        place: usize,
        spec: &'a gateway_api::Listener,
        home: &Home<'a>,
        namespaces: &Namespaces<'a>,
        certificates: Vec<Certificate>,
        client: Option<ClientCheck<'a>>,
    ) -> Self {
        let hostname = spec.hostname.as_deref().filter(|it| !it.is_empty());
        Self {
            index: place,
            set: None,
            document: home.document,
            place,
            conflict: None,
            spec,
            hostname: hostname.map_or("*".into(), lower),
            port: u16::try_from(spec.port).unwrap_or(0),
            protocol: protocol(&spec.protocol),
            namespaces: admitted(&spec.allowed_routes, home.namespace, namespaces),
            certificates,
            client,
        }
    }

    /// The kinds of routes that may attach, and whether `allowedRoutes` asks for others too.
    /// Source: Istio, `GenerateGatewaySupportedKinds`.
    #[must_use]
    pub fn kinds(&self) -> (Vec<&'static str>, bool) {
        let carried: &[&str] = match self.protocol {
            Some(ServerProtocol::Http | ServerProtocol::Https) => &["HTTPRoute", "GRPCRoute"],
            Some(ServerProtocol::Tls) if self.passes_through() || self.spec.tls.is_none() => {
                &["TLSRoute"]
            }
            Some(ServerProtocol::Tls) => &["TLSRoute", "TCPRoute"],
            Some(ServerProtocol::Tcp) => &["TCPRoute"],
            None => &[],
        };
        let asked = &self.spec.allowed_routes.kinds;
        let is_asked = |kind: &&&str| asked.iter().any(|it| is_kind(it, kind));
        if asked.is_empty() {
            return (carried.to_vec(), false);
        }
        let allowed: Vec<_> = carried.iter().filter(is_asked).copied().collect();
        let has_others = allowed.len() != asked.len();
        (allowed, has_others)
    }

    /// Whether routes of a namespace may attach.
    #[must_use]
    pub fn admits_namespace(&self, namespace: &str) -> bool {
        match &self.namespaces {
            AdmittedNamespaces::All => true,
            AdmittedNamespaces::Named(names) => names.contains(namespace),
        }
    }

    #[must_use]
    pub fn is_http(&self) -> bool {
        matches!(self.protocol, Some(ServerProtocol::Http | ServerProtocol::Https))
    }

    /// Whether it speaks TLS with its clients, or leaves that to whom it leads to.
    #[must_use]
    pub fn needs_tls(&self) -> bool {
        matches!(self.protocol, Some(ServerProtocol::Https | ServerProtocol::Tls))
    }

    #[must_use]
    pub fn passes_through(&self) -> bool {
        self.spec.tls.as_ref().is_some_and(|tls| tls.mode == Some(TlsMode::Passthrough))
    }

    /// Whether it is opened: not without a certificate that can be used, and not where clients are to be asked for
    /// certificates that nobody could verify.
    #[must_use]
    pub fn is_served(&self) -> bool {
        if self.conflict.is_some() || self.port == 0 {
            return false;
        }
        match self.protocol {
            None => false,
            Some(ServerProtocol::Http | ServerProtocol::Tcp) => true,
            Some(ServerProtocol::Https | ServerProtocol::Tls) => {
                self.passes_through()
                    || self.spec.tls.is_some()
                        && self.has_certificate()
                        && self.client.as_ref().is_none_or(ClientCheck::is_usable)
            }
        }
    }

    /// Whether routes may attach, though it may not be opened for want of a certificate. A set's listener must be in order.
    /// Source: Istio, `GatewayCollection`, `ListenerSetCollection`.
    #[must_use]
    pub fn takes_routes(&self) -> bool {
        self.conflict.is_none()
            && !(self.needs_tls() && self.spec.tls.is_none())
            && (self.set.is_none() || self.fault().is_none() && self.protocol.is_some())
    }

    fn has_certificate(&self) -> bool {
        match self.terminate_mode() {
            TerminateMode::IstioMutual => true,
            // Nothing of the snapshot says that strangers are shown an identity of the mesh.
            TerminateMode::IstioSimple => false,
            _ => self.certificates.iter().any(Certificate::is_usable),
        }
    }

    /// Whether an option of `tls.options` says something that is done.
    #[must_use]
    pub fn knows_option(&self, name: &str, value: &str) -> bool {
        match name {
            TERMINATE_MODE => {
                matches!(value, "SIMPLE" | "MUTUAL" | "OPTIONAL_MUTUAL" | "ISTIO_MUTUAL")
            }
            CIPHER_SUITES => true,
            _ => false,
        }
    }

    /// The cipher suites that it speaks, of TLS 1.2; empty: the proxy's.
    #[must_use]
    pub fn cipher_suites(&self) -> Vec<String> {
        let options = self.spec.tls.iter().filter_map(|tls| tls.options.get(CIPHER_SUITES));
        let names = options.flat_map(|names| names.split(','));
        names.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    /// How clients' TLS ends.
    #[must_use]
    pub fn terminate_mode(&self) -> TerminateMode {
        let option = self.spec.tls.as_ref().and_then(|tls| tls.options.get(TERMINATE_MODE));
        match option.map(String::as_str) {
            Some("MUTUAL") => TerminateMode::Mutual,
            Some("OPTIONAL_MUTUAL") => TerminateMode::OptionalMutual,
            Some("ISTIO_SIMPLE") => TerminateMode::IstioSimple,
            Some("ISTIO_MUTUAL") => TerminateMode::IstioMutual,
            _ => TerminateMode::Simple,
        }
    }

    /// What is wrong with how it speaks TLS, as far as the repository tells. Source: Istio, `buildTLS`.
    #[must_use]
    pub fn fault(&self) -> Option<TlsFault> {
        self.spec.tls.as_ref()?;
        let is_own = matches!(
            self.terminate_mode(),
            TerminateMode::IstioSimple | TerminateMode::IstioMutual
        );
        if self.passes_through() || is_own {
            return None;
        }
        let is_whole = |it: &Certificate| it.fault().is_none();
        if !self.certificates.iter().any(is_whole) && !self.certificates.is_empty() {
            return Some(TlsFault::NoCertificate);
        }
        match self.client.as_ref()?.authorities.as_slice() {
            [it] => it.fault().map(|_| TlsFault::NoAuthority),
            _ => Some(TlsFault::Authorities),
        }
    }

    /// A name that no other listener of its Gateway has.
    #[must_use]
    pub fn full_name(&self) -> String {
        match self.set {
            None => self.spec.name.clone(),
            Some(set) => format!("{}/{}/{}", set.namespace, set.name(), self.spec.name),
        }
    }

    /// The field that it stands in, in its document.
    #[must_use]
    pub fn path(&self) -> FieldPath {
        FieldPath::default().field("spec").field("listeners").index(self.place)
    }

    /// Why both cannot stand on one port. Source: Gateway API, `Listener`: plain HTTP and TLS share none, whatever their
    /// names; else Istio, `listenersDistinct`, `listenerConflictReason`.
    #[must_use]
    pub fn conflict_with(&self, other: &Listener<'_>) -> Option<ListenerConflict> {
        if self.port != other.port {
            return None;
        }
        let (own, its) = (self.spec.protocol.as_str(), other.spec.protocol.as_str());
        let collides = match (Layer::of(own), Layer::of(its)) {
            (Layer::Names, Layer::Names) => {
                self.needs_tls() != other.needs_tls() || self.hostname == other.hostname
            }
            (Layer::Other, _) | (_, Layer::Other) => own == its,
            _ => true,
        };
        let is_stream = Layer::of(own) == Layer::Stream;
        collides.then_some(if own != its || is_stream {
            ListenerConflict::Protocol
        } else {
            ListenerConflict::Hostname
        })
    }
}

/// By what a listener knows which connections are its own.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Layer {
    /// By names.
    Names,
    /// By the port alone.
    Stream,
    Other,
}

impl Layer {
    fn of(protocol: &str) -> Self {
        match protocol {
            "HTTP" | "HTTPS" | "TLS" => Self::Names,
            "TCP" | "UDP" => Self::Stream,
            _ => Self::Other,
        }
    }
}

fn is_kind(written: &RouteGroupKind, kind: &str) -> bool {
    let group = written.group.as_deref().unwrap_or("gateway.networking.k8s.io");
    written.kind == kind && group == "gateway.networking.k8s.io"
}

/// Words in capitals alone. Source: Gateway API, `ProtocolType`.
fn protocol(word: &str) -> Option<ServerProtocol> {
    Some(match word {
        "HTTP" => ServerProtocol::Http,
        "HTTPS" => ServerProtocol::Https,
        "TLS" => ServerProtocol::Tls,
        "TCP" => ServerProtocol::Tcp,
        _ => return None,
    })
}

fn admitted<'a>(
    routes: &AllowedRoutes,
    own: &'a str,
    namespaces: &Namespaces<'a>,
) -> AdmittedNamespaces<'a> {
    match (routes.namespaces.from, &routes.namespaces.selector) {
        (NamespacesFrom::Same, _) => AdmittedNamespaces::Named(BTreeSet::from([own])),
        (NamespacesFrom::All, _) | (NamespacesFrom::Selector, None) => AdmittedNamespaces::All,
        (NamespacesFrom::Selector, Some(selector)) => {
            let selected = |name: &&str| selector.selects(&namespaces.labels(name));
            AdmittedNamespaces::Named(namespaces.names().filter(selected).collect())
        }
    }
}
