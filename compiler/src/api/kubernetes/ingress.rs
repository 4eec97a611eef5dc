//! Kubernetes' `Ingress`, which is for the mesh where its class says so, and `IngressClass`, which says whom a class is for.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_optional};
use crate::api::scalar::Opaque;
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ingress {
    /// The `IngressClass` that says who serves it. The annotation `kubernetes.io/ingress.class` comes before it.
    pub ingress_class_name: Option<String>,
    /// For requests that no rule takes.
    pub default_backend: Option<IngressBackend>,
    /// Servers on port 443.
    #[serde(default)]
    pub tls: Vec<IngressTls>,
    #[serde(default)]
    pub rules: Vec<IngressRule>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IngressTls {
    /// Names and wildcards of one label. Empty: any.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Where the gateways run, not where the Ingress stands.
    #[serde(default)]
    pub secret_name: String,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IngressRule {
    /// A name or a wildcard of one label. Empty: any.
    #[serde(default)]
    pub host: String,
    pub http: Option<IngressPaths>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IngressPaths {
    #[serde(default)]
    pub paths: Vec<IngressPath>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IngressPath {
    /// Empty: `/`, where the type lets it be.
    #[serde(default)]
    pub path: String,
    /// Must be there for Kubernetes; Istio takes an absent one for `ImplementationSpecific`.
    pub path_type: Option<IngressPathType>,
    #[serde(default)]
    pub backend: IngressBackend,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum IngressPathType {
    Exact,
    /// Of whole segments: `/a` matches `/a/b` and not `/ab`.
    Prefix,
    /// Exact; with `/*` or `.*` at its end, a prefix of whole segments.
    ImplementationSpecific,
}

/// Exactly one of the two.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IngressBackend {
    /// Of the Ingress's own namespace.
    pub service: Option<IngressService>,
    /// Something else than a Service.
    pub resource: Option<Opaque>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IngressService {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub port: IngressPort,
}

/// The Service's own port, by exactly one of the two.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IngressPort {
    #[serde(default)]
    pub name: String,
    /// Zero: none.
    #[serde(default)]
    pub number: i32,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IngressClass {
    /// `istio.io/ingress-controller` for the mesh.
    #[serde(default)]
    pub controller: String,
    #[serde(default)]
    pub parameters: Opaque,
}

static INGRESS: Fields = Fields::new(|| fields(include_str!("ingress.fields")));
static INGRESS_CLASS: Fields = Fields::new(|| fields(include_str!("ingress_class.fields")));

impl Read for Ingress {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &INGRESS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_optional(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.ingresses
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::kubernetes::check_ingress(resource, at, out);
    }
}

impl Read for IngressClass {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &INGRESS_CLASS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_optional(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.ingress_classes
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::kubernetes::check_ingress_class(resource, at, out);
    }
}
