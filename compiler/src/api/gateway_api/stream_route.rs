//! `TLSRoute`, `TCPRoute` and `UDPRoute`: where connections go that nobody looks into.
//!
//! The first two differ in nothing but names that clients ask for, so what comes after knows only [`StreamRoute`].

use schemars::JsonSchema;
use serde::Deserialize;

use super::backend_reference::backend_reference;
use super::{DefaultScope, ParentReference};
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsRoute {
    #[serde(default)]
    pub parent_refs: Vec<ParentReference>,
    /// Server names or `*.name`.
    #[serde(default)]
    pub hostnames: Vec<String>,
    pub rules: Vec<StreamRouteRule>,
    pub use_default_gateways: Option<DefaultScope>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TcpRoute {
    #[serde(default)]
    pub parent_refs: Vec<ParentReference>,
    pub rules: Vec<StreamRouteRule>,
    pub use_default_gateways: Option<DefaultScope>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UdpRoute {
    #[serde(default)]
    pub parent_refs: Vec<ParentReference>,
    pub rules: Vec<StreamRouteRule>,
    pub use_default_gateways: Option<DefaultScope>,
}

/// Where connections go, by weight.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamRouteRule {
    pub name: Option<String>,
    #[serde(default)]
    pub backend_refs: Vec<StreamBackendRef>,
}

backend_reference! {
    /// A backend and its share of the connections.
    pub struct StreamBackendRef {
        /// Absent: 1.
        pub weight: Option<i32>,
    }
}

/// A route of connections, of either kind that is served. Each part is at the place where its author wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamRoute {
    pub kind: StreamRouteKind,
    pub parent_refs: Vec<ParentReference>,
    /// Empty for TCP.
    pub hostnames: Vec<String>,
    pub rules: Vec<StreamRouteRule>,
}

/// A kind whose resources route connections.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum StreamRouteKind {
    Tls,
    Tcp,
}

impl StreamRouteKind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls => "TLSRoute",
            Self::Tcp => "TCPRoute",
        }
    }
}

impl TlsRoute {
    #[must_use]
    pub fn as_stream(&self) -> StreamRoute {
        StreamRoute {
            kind: StreamRouteKind::Tls,
            parent_refs: self.parent_refs.clone(),
            hostnames: self.hostnames.clone(),
            rules: self.rules.clone(),
        }
    }
}

impl TcpRoute {
    #[must_use]
    pub fn as_stream(&self) -> StreamRoute {
        StreamRoute {
            kind: StreamRouteKind::Tcp,
            parent_refs: self.parent_refs.clone(),
            hostnames: Vec::new(),
            rules: self.rules.clone(),
        }
    }
}

static TLS_FIELDS: Fields = Fields::new(|| fields(include_str!("tls_route.fields")));
static TCP_FIELDS: Fields = Fields::new(|| fields(include_str!("tcp_route.fields")));
static UDP_FIELDS: Fields = Fields::new(|| fields(include_str!("udp_route.fields")));

impl Read for TlsRoute {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &TLS_FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.tls_routes
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::gateway_api::check_tls_route(&resource.spec, at, out);
    }
}

impl Read for TcpRoute {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &TCP_FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.tcp_routes
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        let spec = &resource.spec;
        rules::gateway_api::check_stream_route(&spec.parent_refs, &spec.rules, at, out);
    }
}

impl Read for UdpRoute {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &UDP_FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.udp_routes
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        let spec = &resource.spec;
        rules::gateway_api::check_stream_route(&spec.parent_refs, &spec.rules, at, out);
    }
}
