//! The schemas of all kinds, and what must hold of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

mod page;

use super::field::{FieldState, FieldTable};
use super::kind::{KINDS, Treatment};
use super::read::Read;
use super::{Project, gateway_api, istio, kubernetes, mesh_config};

/// A kind whose resources are compiled.
pub(crate) struct Compiled {
    pub(crate) group: &'static str,
    pub(crate) name: &'static str,
    /// With types that several fields share under `$defs`.
    schema: Value,
    /// With all of them written out.
    pub(crate) whole: Value,
    pub(crate) table: &'static FieldTable,
}

pub(crate) fn compiled() -> Vec<Compiled> {
    vec![
        of::<istio::VirtualService>("networking.istio.io", "VirtualService"),
        of::<istio::DestinationRule>("networking.istio.io", "DestinationRule"),
        of::<istio::Gateway>("networking.istio.io", "Gateway"),
        of::<istio::ServiceEntry>("networking.istio.io", "ServiceEntry"),
        of::<istio::Sidecar>("networking.istio.io", "Sidecar"),
        of::<istio::WorkloadEntry>("networking.istio.io", "WorkloadEntry"),
        of::<istio::WorkloadGroup>("networking.istio.io", "WorkloadGroup"),
        of::<istio::ProxyConfig>("networking.istio.io", "ProxyConfig"),
        of::<istio::EnvoyFilter>("networking.istio.io", "EnvoyFilter"),
        of::<istio::Telemetry>("telemetry.istio.io", "Telemetry"),
        of::<istio::WasmPlugin>("extensions.istio.io", "WasmPlugin"),
        of::<istio::TrafficExtension>("extensions.istio.io", "TrafficExtension"),
        of::<istio::PeerAuthentication>("security.istio.io", "PeerAuthentication"),
        of::<istio::RequestAuthentication>("security.istio.io", "RequestAuthentication"),
        of::<istio::AuthorizationPolicy>("security.istio.io", "AuthorizationPolicy"),
        of::<gateway_api::GatewayClass>("gateway.networking.k8s.io", "GatewayClass"),
        of::<gateway_api::Gateway>("gateway.networking.k8s.io", "Gateway"),
        of::<gateway_api::HttpRoute>("gateway.networking.k8s.io", "HTTPRoute"),
        of::<gateway_api::GrpcRoute>("gateway.networking.k8s.io", "GRPCRoute"),
        of::<gateway_api::TlsRoute>("gateway.networking.k8s.io", "TLSRoute"),
        of::<gateway_api::TcpRoute>("gateway.networking.k8s.io", "TCPRoute"),
        of::<gateway_api::UdpRoute>("gateway.networking.k8s.io", "UDPRoute"),
        of::<gateway_api::ListenerSet>("gateway.networking.k8s.io", "ListenerSet"),
        of::<gateway_api::BackendTlsPolicy>("gateway.networking.k8s.io", "BackendTLSPolicy"),
        of::<gateway_api::BackendTrafficPolicy>(
            "gateway.networking.x-k8s.io",
            "XBackendTrafficPolicy",
        ),
        of::<gateway_api::ReferenceGrant>("gateway.networking.k8s.io", "ReferenceGrant"),
        of::<gateway_api::Backend>("gateway.networking.x-k8s.io", "XBackend"),
        of::<gateway_api::MeshClass>("gateway.networking.x-k8s.io", "XMesh"),
        of::<istio::IstioOperator>("install.istio.io", "IstioOperator"),
        of::<kubernetes::Namespace>("", "Namespace"),
        of::<kubernetes::Service>("", "Service"),
        of::<kubernetes::ServiceAccount>("", "ServiceAccount"),
        of::<kubernetes::Secret>("", "Secret"),
        of::<kubernetes::ConfigMap>("", "ConfigMap"),
        of::<kubernetes::Pod>("", "Pod"),
        of::<kubernetes::Deployment>("apps", "Deployment"),
        of::<kubernetes::StatefulSet>("apps", "StatefulSet"),
        of::<kubernetes::DaemonSet>("apps", "DaemonSet"),
        of::<kubernetes::ReplicaSet>("apps", "ReplicaSet"),
        of::<kubernetes::ReplicationController>("", "ReplicationController"),
        of::<kubernetes::Rollout>("argoproj.io", "Rollout"),
        of::<kubernetes::Job>("batch", "Job"),
        of::<kubernetes::CronJob>("batch", "CronJob"),
        of::<kubernetes::EndpointSlice>("discovery.k8s.io", "EndpointSlice"),
        of::<kubernetes::Ingress>("networking.k8s.io", "Ingress"),
        of::<kubernetes::IngressClass>("networking.k8s.io", "IngressClass"),
        of::<kubernetes::MutatingWebhooks>(
            "admissionregistration.k8s.io",
            "MutatingWebhookConfiguration",
        ),
        of::<kubernetes::ValidatingWebhooks>(
            "admissionregistration.k8s.io",
            "ValidatingWebhookConfiguration",
        ),
        of::<kubernetes::CustomResourceDefinition>(
            "apiextensions.k8s.io",
            "CustomResourceDefinition",
        ),
        of::<mesh_config::MeshConfig>("mesh", "MeshConfig"),
        of::<mesh_config::MeshNetworks>("mesh", "MeshNetworks"),
    ]
}

fn of<T: Read>(group: &'static str, name: &'static str) -> Compiled
where
    T::Document: JsonSchema,
{
    let table = T::fields();
    Compiled {
        group,
        name,
        schema: schema::<T::Document>(false),
        whole: schema::<T::Document>(true),
        table,
    }
}

fn schema<T: JsonSchema>(inline: bool) -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = inline);
    settings.into_generator().into_root_schema_for::<T>().into()
}

/// The paths of all leaves: `spec.hosts[]`, `spec.http[].match[].headers.*.exact`.
fn leaves(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    let before = found.len();
    let parts = ["anyOf", "oneOf", "allOf"].iter().filter_map(|key| schema.get(key)?.as_array());
    for part in parts.flatten() {
        leaves(part, path, found);
    }
    for (name, property) in
        schema.get("properties").and_then(Value::as_object).into_iter().flatten()
    {
        let dot = if path.is_empty() { "" } else { "." };
        leaves(property, &format!("{path}{dot}{name}"), found);
    }
    match schema.get("additionalProperties") {
        None | Some(Value::Bool(false)) => {}
        Some(values) => leaves(values, &format!("{path}.*"), found),
    }
    if let Some(items) = schema.get("items") {
        leaves(items, &format!("{path}[]"), found);
    }
    let is_null = schema.get("type").is_some_and(|kind| kind == "null");
    if found.len() == before && !is_null {
        found.insert(path.to_owned());
    }
}

pub(crate) fn all_leaves(kind: &Compiled) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    leaves(&kind.whole, "", &mut found);
    // A value that may be one of several is a leaf under each of them, and once among its own fields.
    let inner: Vec<_> = found
        .iter()
        .filter(|path| found.iter().any(|other| is_below(other, path)))
        .cloned()
        .collect();
    found.retain(|path| !inner.contains(path));
    found
}

fn is_below(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent).is_some_and(|rest| rest.starts_with(['.', '[']))
}

#[test]
fn every_kind_that_is_compiled_has_a_schema() {
    let mut listed: BTreeSet<_> = compiled().iter().map(|kind| (kind.group, kind.name)).collect();
    assert!(listed.remove(&("mesh", "MeshConfig")) && listed.remove(&("mesh", "MeshNetworks")));
    let compiled = KINDS.iter().filter(|kind| matches!(kind.treatment, Treatment::Compiled(_)));
    assert_eq!(listed, compiled.map(|kind| (kind.group, kind.name)).collect());
}

#[test]
fn every_field_has_a_state() {
    for kind in compiled() {
        let unknown: Vec<_> =
            all_leaves(&kind).into_iter().filter(|path| kind.table.state(path).is_none()).collect();
        assert!(unknown.is_empty(), "{} has fields without a state: {unknown:#?}", kind.name);
    }
}

#[test]
fn every_state_names_a_field() {
    for kind in compiled() {
        let leaves = all_leaves(&kind);
        for (path, state) in kind.table.lines() {
            let (path, _) = path.split_once('=').unwrap_or((&path, ""));
            let is_leaf = leaves.contains(path);
            // Only what speaks, and what another program reads, may stand for a whole subtree.
            let may_be_tree =
                state.speaks() || matches!(state, FieldState::Elsewhere | FieldState::Named(_));
            let is_tree = may_be_tree && leaves.iter().any(|leaf| is_below(leaf, path));
            assert!(is_leaf || is_tree, "{} has no field `{path}`, or it is no leaf", kind.name);
        }
    }
}

#[test]
fn every_check_that_a_state_names_exists() {
    for kind in compiled() {
        for (path, state) in kind.table.lines() {
            let FieldState::Named(check) = state else { continue };
            let is_known = crate::registry::checks().any(|it| it.name == check);
            assert!(is_known, "{} {path}: there is no check `{check}`", kind.name);
        }
    }
}

#[test]
fn every_value_with_a_state_exists() {
    for kind in compiled() {
        for (line, _) in kind.table.lines() {
            let Some((_, value)) = line.split_once('=') else { continue };
            let text = kind.whole.to_string();
            // A reference is to any kind.
            let is_known = text.contains(&format!("\"{value}\""))
                || line.contains(".kind=") && KINDS.iter().any(|it| it.name == value);
            assert!(is_known, "{}: no value `{value}`", kind.name);
        }
    }
}

/// The checked-in schemas are those of the types; `UPDATE=1` writes them.
#[test]
fn schemas_are_fresh() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    let mut expected: Vec<(PathBuf, String)> = Vec::new();
    for kind in compiled() {
        let group = if kind.group.is_empty() { "core" } else { kind.group };
        let path = folder.join(group).join(format!("{}.json", kind.name));
        expected.push((path, text(&finished(&kind))));
    }
    expected.push((folder.join("mesh/mesh.yaml.json"), text(&schema::<Project>(false))));
    for (path, text) in expected {
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "{} is stale: run the tests with UPDATE=1", path.display());
    }
}

/// With the group, versions and kind that a resource must name.
fn finished(kind: &Compiled) -> Value {
    let mut schema = kind.schema.clone();
    let Some(known) =
        KINDS.iter().find(|known| (known.group, known.name) == (kind.group, kind.name))
    else {
        return schema;
    };
    let slash = if known.group.is_empty() { "" } else { "/" };
    let versions: Vec<_> =
        known.versions.iter().map(|version| format!("{}{slash}{version}", known.group)).collect();
    schema["title"] = json!(known.name);
    schema["properties"]["apiVersion"] = json!({ "enum": versions });
    schema["properties"]["kind"] = json!({ "const": known.name });
    schema["required"] = json!(["apiVersion", "kind", "metadata"]);
    schema
}

fn text(schema: &Value) -> String {
    let sorted: Map<_, _> = schema.as_object().unwrap().clone();
    format!("{}\n", serde_json::to_string_pretty(&sorted).unwrap())
}
