//! How clients treat a host, in the words of Istio's `DestinationRule`: `connectionPool.tcp.maxConnections`.
//!
//! A field that has no other name here keeps the one that it has in the snapshot. So do those of `tls`, which says by whom and how
//! connections are secured, be it in a `DestinationRule` or in a `BackendTLSPolicy`.

use mesh_snapshot::object::ClientPolicy;
use serde_json::{Map, Value};

use super::units::tree;

/// Fields by their names in a snapshot, and where Istio has them.
type Names = [(&'static str, &'static str)];

const CONNECTION_POOL: &Names = &[
    ("connectionsMax", "tcp.maxConnections"),
    ("connectTimeout", "tcp.connectTimeout"),
    ("tcpKeepalive", "tcp.tcpKeepalive"),
    ("connectionDurationMax", "tcp.maxConnectionDuration"),
    ("tcpIdleTimeout", "tcp.idleTimeout"),
    ("pendingRequestsMax", "http.http1MaxPendingRequests"),
    ("requestsMax", "http.http2MaxRequests"),
    ("requestsPerConnectionMax", "http.maxRequestsPerConnection"),
    ("retriesMax", "http.maxRetries"),
    ("httpIdleTimeout", "http.idleTimeout"),
    ("concurrentStreamsMax", "http.maxConcurrentStreams"),
];

const OUTLIER_DETECTION: &Names = &[
    ("consecutive5xx", "consecutive5xxErrors"),
    ("splitLocalOriginErrors", "splitExternalLocalOriginErrors"),
    ("ejectedMax", "maxEjectionPercent"),
    ("healthyMin", "minHealthPercent"),
];

const HASHES: &Names = &[
    ("header", "httpHeaderName"),
    ("cookie", "httpCookie"),
    ("queryParameter", "httpQueryParameterName"),
];

/// What it says, field by field. Policies of ports stand below `portLevelSettings`, that of the others below `others`.
pub(super) fn fields(policy: &ClientPolicy) -> Map<String, Value> {
    let Value::Object(mut fields) = tree(policy) else { return Map::new() };
    let whole = fields.get("ports").cloned().unwrap_or_default();
    if let Some(Value::Object(subsets)) = fields.get_mut("subsets") {
        for subset in subsets.values_mut().filter_map(Value::as_object_mut) {
            if let Some(ports) = subset.get_mut("ports") {
                forget_inherited(ports, &whole);
            }
            subset.retain(|_, of| !is_empty(of));
        }
    }
    rename_ports(&mut fields);
    if let Some(Value::Object(subsets)) = fields.get_mut("subsets") {
        subsets.values_mut().filter_map(Value::as_object_mut).for_each(rename_ports);
    }
    fields
}

/// Of the policies of a subset's ports what the rule says of all: it is told of the rule; and of those of single ports what the subset
/// says of all of its own. A field is a subset's own as a whole, as Istio has it.
fn forget_inherited(ports: &mut Value, whole: &Value) {
    let all = ports.get("others").cloned().unwrap_or_default();
    if let Some(of) = ports.get_mut("others") {
        forget(of, whole.get("others"));
    }
    let Some(Value::Object(by_number)) = ports.get_mut("byNumber") else { return };
    let inherited = |port: &str| whole.get("byNumber")?.get(port);
    by_number.retain(|port, policy| {
        let Some(of_rule) = inherited(port) else { return true };
        forget(policy, Some(of_rule));
        if let (Value::Object(fields), Value::Object(all)) = (&mut *policy, &all) {
            fields.retain(|field, value| all.get(field) != Some(value));
        }
        !is_empty(policy)
    });
    if let Value::Object(ports) = ports {
        ports.retain(|_, of| !is_empty(of));
    }
}

/// Whether it is said that there is nothing to say.
fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

/// Where the rule has a field and the subset does not, it says that it has the default.
fn forget(policy: &mut Value, inherited: Option<&Value>) {
    let (Value::Object(fields), Some(Value::Object(inherited))) = (policy, inherited) else {
        return;
    };
    for (field, value) in inherited {
        if fields.get(field) == Some(value) {
            fields.remove(field);
        } else {
            fields.entry(field).or_insert_with(|| "the default".into());
        }
    }
}

/// In what has policies of ports: a policy or one of its subsets.
fn rename_ports(of: &mut Map<String, Value>) {
    let Some(Value::Object(ports)) = of.get_mut("ports") else { return };
    if let Some(others) = ports.get_mut("others") {
        rename_policy(others);
    }
    if let Some(mut own) = ports.remove("byNumber") {
        own.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(rename_policy);
        ports.insert("portLevelSettings".to_owned(), own);
    }
}

fn rename_policy(policy: &mut Value) {
    let mut within = |name: &str, rename: fn(Map<String, Value>) -> Map<String, Value>| {
        if let Some(Value::Object(fields)) = policy.get_mut(name) {
            *fields = rename(std::mem::take(fields));
        }
    };
    within("connectionPool", connection_pool);
    within("outlierDetection", |fields| renamed(fields, OUTLIER_DETECTION));
    within("loadBalancer", load_balancer);
}

fn connection_pool(mut fields: Map<String, Value>) -> Map<String, Value> {
    let version = fields.remove("httpVersion");
    let mut fields = renamed(fields, CONNECTION_POOL);
    match version.as_ref().and_then(Value::as_str) {
        Some("http2") => put(&mut fields, "http.h2UpgradePolicy", "UPGRADE".into()),
        Some("asClient") => put(&mut fields, "http.useClientProtocol", true.into()),
        _ => {}
    }
    fields
}

fn load_balancer(mut fields: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::String(simple)) = fields.get_mut("simple") {
        *simple = constant(simple);
    }
    if let Some(Value::Object(consistent)) = fields.get_mut("consistentHash") {
        let mut said = Map::new();
        match consistent.remove("hash") {
            Some(Value::Object(hash)) => said = renamed(hash, HASHES),
            // The one that says no more than its name.
            Some(_) => put(&mut said, "useSourceIp", true.into()),
            None => {}
        }
        let mut table = |path: &str, name: &str| {
            if let Some(size) = consistent.get("table").and_then(|table| table.pointer(path)) {
                put(&mut said, name, size.clone());
            }
        };
        table("/ring/pointsMin", "ringHash.minimumRingSize");
        table("/maglev/size", "maglev.tableSize");
        *consistent = said;
    }
    fields
}

/// `LEAST_REQUEST` of `leastRequest`.
fn constant(name: &str) -> String {
    let mut written = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            written.push('_');
        }
        written.push(letter.to_ascii_uppercase());
    }
    written
}

fn renamed(fields: Map<String, Value>, names: &Names) -> Map<String, Value> {
    let mut said = Map::new();
    for (name, value) in fields {
        let path = names.iter().find(|(own, _)| *own == name).map(|(_, path)| *path);
        put(&mut said, path.unwrap_or(&name), value);
    }
    said
}

/// At a path of one name, or of two.
fn put(fields: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(fields.insert(path.to_owned(), value)),
        Some((outer, inner)) => {
            let within = fields.entry(outer).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(within) = within {
                within.insert(inner.to_owned(), value);
            }
        }
    }
}
