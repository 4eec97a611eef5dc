//! `VirtualService`: how requests for a host are routed.

mod action;
mod headers;
mod http;
mod policy;
mod stream;

pub use action::{
    Delegate, DirectResponse, DirectResponseBody, HttpRedirect, HttpRewrite, RedirectPortSelection,
    RegexRewrite,
};
pub use headers::{HeaderOperations, Headers};
pub use http::{HttpMatch, HttpRoute, HttpRouteDestination, StringMatch, TextTest};
pub use policy::{
    Abort, CorsPolicy, Delay, HttpFaultInjection, HttpMirror, HttpRetry, Percent,
    UnmatchedPreflights,
};
pub use stream::{L4Match, RouteDestination, TcpRoute, TlsMatch, TlsRoute};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualService {
    /// The hosts whose requests are routed: names, `*.name`, `*`. A short one is of the resource's namespace.
    /// Empty only in a delegate, which other `VirtualServices` name.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The gateways at which the routes apply, `namespace/name` or a name of this namespace; `mesh` is every sidecar.
    /// Empty: `mesh`.
    #[serde(default)]
    pub gateways: Vec<String>,
    /// Routes for HTTP. The first that matches decides.
    #[serde(default)]
    pub http: Vec<HttpRoute>,
    /// Routes for TLS that is not terminated, by the server name that the client asks for.
    #[serde(default)]
    pub tls: Vec<TlsRoute>,
    /// Routes for any other bytes.
    #[serde(default)]
    pub tcp: Vec<TcpRoute>,
    /// The namespaces that see the resource: names, `.` for its own, `*` for all. Empty: the mesh's default.
    #[serde(default)]
    pub export_to: Vec<String>,
}

/// A host, and perhaps one of its ports and a subset of its endpoints.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Destination {
    /// A Service or a host of a `ServiceEntry`. A short name is of the namespace of the resource, not of the client.
    pub host: String,
    /// A subset that a `DestinationRule` of the host defines.
    #[serde(default)]
    pub subset: String,
    /// May be absent where the host has one port.
    pub port: Option<PortSelector>,
}

/// A port, by number.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PortSelector {
    #[serde(default)]
    pub number: u32,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("../virtual_service.fields")));

impl Read for VirtualService {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.virtual_services
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::virtual_service::check(resource, at, out);
    }
}
