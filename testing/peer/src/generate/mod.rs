//! Random repositories: a small mesh that is right, resources of all kinds about it that mostly are, and some changes by
//! chance.
//!
//! ```text
//! world ─▶ a mesh ─kinds▶ + policy ─mutate▶ something that nobody would write on purpose, but somebody will
//! ```

mod anything;
mod cluster;
mod extension;
mod gateway_api;
mod metadata;
mod mutate;
mod names;
mod schema;
mod security;
mod traffic;
mod world;

use serde_json::{Value, json};

use crate::random::Random;

/// Resources, one a file. The same for the same seed.
pub(crate) fn repository(seed: u64) -> Vec<Value> {
    let mut random = Random::seeded(seed);
    let mut resources = world::resources(&mut random);
    let there = resources.len();
    for index in 0..random.count(1, 6) {
        let kind = random.pick(KINDS);
        let mut made = kind(index, &mut random);
        if random.chance(8) {
            metadata::attach(&mut made, &mut random);
        }
        resources.push(made);
    }
    for _ in 0..random.count(0, 3) {
        let policy = resources.get_mut(there..).unwrap_or_default();
        mutate::once(policy, &mut random);
    }
    resources
}

type Make = fn(usize, &mut Random) -> Value;

/// The more often one stands here, the more often it is made.
const KINDS: &[Make] = &[
    traffic::virtual_service,
    traffic::virtual_service,
    traffic::virtual_service,
    traffic::destination_rule,
    traffic::destination_rule,
    traffic::gateway,
    traffic::gateway,
    traffic::service_entry,
    traffic::service_entry,
    traffic::sidecar,
    traffic::workload_entry,
    traffic::workload_group,
    traffic::proxy_config,
    security::peer_authentication,
    security::request_authentication,
    security::authorization_policy,
    security::authorization_policy,
    security::telemetry,
    security::wasm_plugin,
    gateway_api::gateway,
    gateway_api::http_route,
    gateway_api::grpc_route,
    gateway_api::stream_route,
    gateway_api::reference_grant,
    gateway_api::backend_tls_policy,
    gateway_api::listener_set,
    extension::envoy_filter,
    extension::envoy_filter,
    extension::traffic_extension,
    cluster::mesh_config,
    cluster::injector,
    cluster::webhooks,
    cluster::webhooks,
    cluster::definition,
    anything::any,
    anything::any,
    anything::any,
    anything::any,
    anything::any,
    world::service,
    world::deployment,
    world::pod,
];

/// With a name of its own, but for now and then.
fn resource(api: &str, kind: &str, index: usize, spec: &Value, random: &mut Random) -> Value {
    // A name twice, of two groups, would be one to whoever knows resources by kind and name.
    let is_shared = random.chance(20) && !api.starts_with("gateway.");
    let name = if is_shared { "front".to_owned() } else { format!("r{index}") };
    named(api, kind, &name, random.pick(names::NAMESPACES), spec)
}

fn named(api: &str, kind: &str, name: &str, namespace: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": api,
        "kind": kind,
        "metadata": { "name": name, "namespace": namespace },
        "spec": spec,
    })
}

/// Adds a field by chance.
fn perhaps(object: &mut Value, percent: u32, field: &str, value: Value, random: &mut Random) {
    if random.chance(percent)
        && let Some(object) = object.as_object_mut()
    {
        object.insert(field.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::repository;

    #[test]
    fn a_seed_is_a_repository() {
        assert_eq!(repository(7), repository(7));
        assert_ne!(repository(7), repository(8));
    }

    #[test]
    fn every_schema_is_read() {
        for resource in (0..300).flat_map(repository) {
            let is_known = super::schema::Schema::of(&resource).is_some();
            let unread = [
                "Secret",
                "ServiceAccount",
                "ConfigMap",
                "MutatingWebhookConfiguration",
                "ValidatingWebhookConfiguration",
                "CustomResourceDefinition",
            ];
            let kind = resource["kind"].as_str().unwrap_or_default();
            assert!(is_known || unread.contains(&kind) || kind.is_empty(), "{resource}");
        }
    }
}
