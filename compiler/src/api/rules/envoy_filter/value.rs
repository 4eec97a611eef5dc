//! What a patch puts into Envoy's configuration.

use serde_json::Value;

use super::super::checks::INEFFECTIVE_ENVOY_PATCH;
use super::{fault, matching};
use crate::api::istio::{ApplyTo, PatchOperation};
use crate::diagnostic::{At, Diagnostic};

pub(super) fn check(
    apply_to: ApplyTo,
    operation: PatchOperation,
    value: &Value,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let Value::Object(fields) = value else {
        // A value that could not be read has been reported.
        if !value.is_null() {
            out.push(fault(at.value(), "the value of a patch is a mapping", "not one"));
        }
        return;
    };
    check_types(value, at, out);
    let is_filter = matches!(apply_to, ApplyTo::NetworkFilter | ApplyTo::HttpFilter);
    let Some(name) = fields.get("name").and_then(Value::as_str).filter(|_| is_filter) else {
        return;
    };
    matching::check_name(name, &at.field("name"), out);
    let is_new = matches!(
        operation,
        PatchOperation::Add
            | PatchOperation::InsertBefore
            | PatchOperation::InsertAfter
            | PatchOperation::InsertFirst
            | PatchOperation::Replace
    );
    let has_config = ["typed_config", "typedConfig", "config_discovery", "configDiscovery"]
        .iter()
        .any(|field| fields.contains_key(*field));
    if is_new && !has_config {
        let message = format!("the filter `{name}` has no `typed_config`");
        let found = Diagnostic::new(&INEFFECTIVE_ENVOY_PATCH, at.value(), message);
        out.push(found.label("needs `typed_config`").consequence("Envoy refuses the listener"));
    }
}

const TYPE: &str = "@type";

/// Every `@type` there is names a message that Envoy still knows: those of its second API are gone.
fn check_types(value: &Value, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let at = at.field(name);
                match value.as_str().filter(|_| name == TYPE) {
                    Some(name) if is_gone(name) => {
                        let message = format!("the referenced type `{name}` is unknown");
                        out.push(
                            fault(at.value(), message, "gone from Envoy")
                                .help("use the type of the v3 XDS API"),
                        );
                    }
                    Some(_) => {}
                    None => check_types(value, &at, out),
                }
            }
        }
        Value::Array(elements) => {
            for (index, value) in elements.iter().enumerate() {
                check_types(value, &at.index(index), out);
            }
        }
        _ => {}
    }
}

/// `envoy.config.filter.network.ext_authz.v2.ExtAuthz`, `envoy.api.v2.Cluster`, `…v2alpha…`
fn is_gone(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or_default();
    name.starts_with("envoy.")
        && name.split('.').any(|part| part == "v2" || part.starts_with("v2alpha"))
}
