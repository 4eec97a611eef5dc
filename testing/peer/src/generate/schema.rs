//! The schemas of all kinds, from which fields are drawn.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::names;
use crate::random::Random;

/// Deeper, nothing is added: schemas may be recursive.
const DEPTH_MAX: usize = 6;

/// A schema with what its references lead to.
#[derive(Clone, Copy)]
pub(super) struct Schema<'a> {
    root: &'a Value,
    node: &'a Value,
}

static ALL: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let schemas = SCHEMAS
        .iter()
        .filter_map(|(kind, text)| Some(((*kind).to_owned(), serde_json::from_str(text).ok()?)));
    schemas.collect()
});

macro_rules! schemas {
    ($($group:literal: $($kind:literal)*;)*) => {
        &[$($((concat!($group, "/", $kind), include_str!(concat!("../../../../schemas/", $group, "/", $kind, ".json"))),)*)*]
    };
}

const SCHEMAS: &[(&str, &str)] = schemas! {
    "networking.istio.io": "VirtualService" "DestinationRule" "Gateway" "ServiceEntry" "WorkloadEntry" "WorkloadGroup" "Sidecar" "ProxyConfig" "EnvoyFilter";
    "security.istio.io": "PeerAuthentication" "RequestAuthentication" "AuthorizationPolicy";
    "telemetry.istio.io": "Telemetry";
    "extensions.istio.io": "WasmPlugin" "TrafficExtension";
    "gateway.networking.k8s.io": "Gateway" "HTTPRoute" "GRPCRoute" "TLSRoute" "TCPRoute" "ReferenceGrant" "BackendTLSPolicy" "ListenerSet" "GatewayClass";
    "core": "Service" "Pod" "Namespace";
    "apps": "Deployment";
};

impl<'a> Schema<'a> {
    /// Of the kind that a resource is.
    pub(super) fn of(resource: &Value) -> Option<Schema<'static>> {
        let text = |key| resource.get(key).and_then(Value::as_str);
        let group = match text("apiVersion")?.split_once('/') {
            Some((group, _)) => group,
            None => "core",
        };
        let root = ALL.get(&format!("{group}/{}", text("kind")?))?;
        Some(Schema { root, node: root })
    }

    fn resolved(self) -> Self {
        if let Some(path) = self.node.get("$ref").and_then(Value::as_str) {
            let node = self.root.pointer(path.trim_start_matches('#'));
            return node.map_or(self, |node| Self { node, ..self }.resolved());
        }
        let either = self.node.get("anyOf").or_else(|| self.node.get("oneOf"));
        let first = either.and_then(Value::as_array).and_then(|all| {
            all.iter()
                .find(|it| it.get("type") != Some(&json!("null")) && it.get("const").is_none())
        });
        first.map_or(self, |node| Self { node, ..self }.resolved())
    }

    fn is(self, name: &str) -> bool {
        match self.node.get("type") {
            Some(Value::String(own)) => own == name,
            Some(Value::Array(all)) => all.iter().any(|it| it == name),
            _ => false,
        }
    }

    fn child(self, node: &'a Value) -> Self {
        Self { node, ..self }.resolved()
    }

    /// Whether nothing is known of its values: the mesh never looks at them.
    fn is_opaque(self) -> bool {
        let it = self.resolved();
        ["type", "enum", "oneOf", "anyOf", "properties", "items", "const"]
            .iter()
            .all(|key| it.node.get(*key).is_none())
    }

    /// Its fields, by their names.
    pub(super) fn properties(self) -> Vec<(&'a str, Self)> {
        let node = self.resolved();
        let fields = node.node.get("properties").and_then(Value::as_object);
        let fields = fields.into_iter().flatten().map(|(name, it)| (name.as_str(), self.child(it)));
        fields.filter(|(_, it)| !it.is_opaque()).collect()
    }

    pub(super) fn property(self, name: &str) -> Option<Self> {
        self.properties().into_iter().find(|(own, _)| *own == name).map(|(_, it)| it)
    }

    pub(super) fn items(self) -> Option<Self> {
        self.resolved().node.get("items").map(|it| self.child(it))
    }

    fn required(self) -> Vec<&'a str> {
        let all = self.node.get("required").and_then(Value::as_array);
        all.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// What can only be one of some texts.
    fn choices(self) -> Vec<Value> {
        let listed = self.node.get("enum").and_then(Value::as_array).cloned();
        let either = self.node.get("oneOf").and_then(Value::as_array);
        let constants = either.into_iter().flatten().filter_map(|it| it.get("const").cloned());
        listed.unwrap_or_default().into_iter().chain(constants).collect()
    }

    /// A `spec` with whatever its kind has.
    pub(super) fn spec(kind: &str, random: &mut Random) -> Option<Value> {
        let root = ALL.get(kind)?;
        let spec = Schema { root, node: root }.property("spec")?;
        Some(spec.value("spec", 0, random))
    }

    /// A value that a field of this name may have.
    pub(super) fn value(self, field: &str, depth: usize, random: &mut Random) -> Value {
        let it = self.resolved();
        let choices = it.choices();
        if !choices.is_empty() {
            return random.pick(&choices);
        }
        if it.is("array") {
            let Some(items) = it.items() else { return json!([]) };
            let least = usize::from(!random.chance(10));
            let length = random.count(least, 2);
            return (0..length).map(|_| items.value(field, depth + 1, random)).collect();
        }
        if it.is("object") || it.node.get("properties").is_some() {
            return it.object(field, depth, random);
        }
        if let Some(values) = names::values(field) {
            return random.pick(&values);
        }
        if it.is("boolean") {
            return json!(random.chance(50));
        }
        if it.is("integer") || it.is("number") {
            return json!(random.pick(names::NUMBERS));
        }
        if it.node.get("pattern").is_some() {
            return json!(random.pick(names::DURATIONS));
        }
        json!(random.pick(names::texts(field)))
    }

    fn object(self, field: &str, depth: usize, random: &mut Random) -> Value {
        let mut object = Map::new();
        let required = self.required();
        let properties = self.properties();
        let percent = if depth > DEPTH_MAX {
            0
        } else {
            100 / u32::try_from(properties.len().max(2)).unwrap_or(1) + 8
        };
        for (name, schema) in properties {
            if required.contains(&name) || random.chance(percent) {
                object.insert(name.to_owned(), schema.value(name, depth + 1, random));
            }
        }
        if let Some(values) = self.node.get("additionalProperties").filter(|it| it.is_object()) {
            let key = random.pick(names::keys(field));
            object.insert(key.to_owned(), self.child(values).value(field, depth + 1, random));
        }
        Value::Object(object)
    }
}
