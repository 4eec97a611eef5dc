//! The Gateway API's `Gateway`: listeners at the edge of the mesh.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{LocalReference, ObjectReference, SecretReference};
use crate::api::field::FieldTable;
use crate::api::kubernetes::LabelSelector;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gateway {
    pub gateway_class_name: String,
    pub listeners: Vec<Listener>,
    /// Addresses, or the Service in front of the proxies.
    #[serde(default)]
    pub addresses: Vec<Address>,
    #[serde(default)]
    pub infrastructure: Infrastructure,
    /// Who may add listeners to this Gateway.
    #[serde(default)]
    pub allowed_listeners: AllowedListeners,
    #[serde(default)]
    pub tls: GatewayTls,
    pub default_scope: Option<DefaultScope>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Listener {
    pub name: String,
    /// A name or `*.name`. Absent: all.
    pub hostname: Option<String>,
    pub port: i32,
    /// HTTP, HTTPS, TLS, TCP or UDP.
    pub protocol: String,
    pub tls: Option<ListenerTls>,
    #[serde(default)]
    pub allowed_routes: AllowedRoutes,
}

/// Istio's option of a listener for its suites of TLS 1.2, by commas. Source: Istio, `buildTLS`.
pub const CIPHER_SUITES: &str = "gateway.istio.io/tls-cipher-suites";

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListenerTls {
    /// Absent: `Terminate`.
    pub mode: Option<TlsMode>,
    #[serde(default)]
    pub certificate_refs: Vec<SecretReference>,
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum TlsMode {
    Terminate,
    Passthrough,
}

/// Which routes may attach.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllowedRoutes {
    #[serde(default)]
    pub namespaces: RouteNamespaces,
    /// Empty: those that the protocol can carry.
    #[serde(default)]
    pub kinds: Vec<RouteGroupKind>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteNamespaces {
    #[serde(default)]
    pub from: NamespacesFrom,
    /// For `Selector`: the namespaces, by label.
    pub selector: Option<LabelSelector>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum NamespacesFrom {
    /// The Gateway's.
    #[default]
    Same,
    All,
    Selector,
}

/// Which `ListenerSet`s may add listeners.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllowedListeners {
    #[serde(default)]
    pub namespaces: ListenerNamespaces,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListenerNamespaces {
    #[serde(default)]
    pub from: ListenerNamespacesFrom,
    /// For `Selector`: the namespaces, by label.
    pub selector: Option<LabelSelector>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum ListenerNamespacesFrom {
    #[default]
    None,
    /// The Gateway's.
    Same,
    All,
    Selector,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteGroupKind {
    /// Absent: the Gateway API's own.
    pub group: Option<String>,
    pub kind: String,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Address {
    /// Absent: `IPAddress`.
    pub r#type: Option<String>,
    pub value: Option<String>,
}

/// Which routes attach to a Gateway, or to which Gateways a route, that does not name it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum DefaultScope {
    All,
    None,
}

/// What is deployed for the Gateway.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Infrastructure {
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// A `ConfigMap` of the Gateway's namespace.
    pub parameters_ref: Option<LocalReference>,
}

/// TLS of the Gateway as a whole.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayTls {
    /// What backends are shown.
    pub backend: Option<BackendTls>,
    /// What clients are asked for.
    pub frontend: Option<FrontendTls>,
}

/// What clients are asked for, by port.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FrontendTls {
    pub default: PortTls,
    /// In place of `default`.
    #[serde(default)]
    pub per_port: Vec<FrontendPort>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FrontendPort {
    pub port: i32,
    pub tls: PortTls,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PortTls {
    /// Absent: clients are not asked for certificates.
    pub validation: Option<FrontendValidation>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FrontendValidation {
    /// A `ConfigMap` or a Secret with `ca.crt`.
    pub ca_certificate_refs: Vec<ObjectReference>,
    #[serde(default)]
    pub mode: FrontendMode,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum FrontendMode {
    #[default]
    AllowValidOnly,
    /// Also those without a certificate, and those whose certificate nobody believes.
    AllowInsecureFallback,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackendTls {
    pub client_certificate_ref: Option<SecretReference>,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("gateway.fields")));

impl Read for Gateway {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.api_gateways
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::gateway_api::check_gateway(resource, at, out);
    }
}
