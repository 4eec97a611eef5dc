//! What is said differently: values, by their paths, as people write them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value};

/// A value that is not the same on both sides.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Edit {
    /// `backends[reviews v1].weight`; empty: the whole.
    pub path: String,
    /// Absent: it is not said.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// From one value to the other, in the order of their fields.
pub(super) fn between(before: &Value, after: &Value) -> Vec<Edit> {
    let mut edits = Vec::new();
    compare("", Some(before), Some(after), &mut edits);
    edits
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, edits: &mut Vec<Edit>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            fields(path, before, after, edits);
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            elements(path, before, after, edits);
        }
        // Of what is new, or gone, each value is told; of an element of a list, all in one.
        (Some(Value::Object(before)), None) if is_field(path) => {
            fields(path, before, &Map::new(), edits);
        }
        (None, Some(Value::Object(after))) if is_field(path) => {
            fields(path, &Map::new(), after, edits);
        }
        (before, after) => {
            let name = path.rsplit('.').next().unwrap_or(path);
            let written = |value: &Value| flow(name, value);
            let (before, after) = (before.map(written), after.map(written));
            edits.push(Edit { path: path.to_owned(), before, after });
        }
    }
}

/// Whether the path does not end with an element of a list.
fn is_field(path: &str) -> bool {
    !path.ends_with(']')
}

fn fields(
    path: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    edits: &mut Vec<Edit>,
) {
    // An edge of the tree: what it leads to is compared by itself.
    if let (Some(_), Some(_)) = (before.get("digest"), after.get("digest")) {
        return compare(path, before.get("key"), after.get("key"), edits);
    }
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for name in names {
        let is_object = |side: &Map<String, Value>| side.get(name).is_some_and(Value::is_object);
        let is_on_both = is_object(before) && is_object(after);
        let inside = match (path, name.as_str()) {
            // What most routes do need not be said, nor that a policy is for all ports without one of their own.
            ("", "action" | "forward") if is_on_both => String::new(),
            ("ports", "others") => String::new(),
            ("", name) => name.to_owned(),
            (path, name) => format!("{path}.{name}"),
        };
        compare(&inside, before.get(name), after.get(name), edits);
    }
}

/// Elements that have a name are the same wherever they stand; others by their places.
fn elements(path: &str, before: &[Value], after: &[Value], edits: &mut Vec<Edit>) {
    if let (Some(before), Some(after)) = (by_name(before), by_name(after)) {
        let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for name in names {
            let (before, after) = (before.get(name).copied(), after.get(name).copied());
            compare(&format!("{path}[{name}]"), before, after, edits);
        }
        return;
    }
    for index in 0..before.len().max(after.len()) {
        compare(&format!("{path}[{index}]"), before.get(index), after.get(index), edits);
    }
}

fn by_name(elements: &[Value]) -> Option<BTreeMap<String, &Value>> {
    let named: Option<BTreeMap<_, _>> =
        elements.iter().map(|element| Some((name(element)?, element))).collect();
    named.filter(|named| named.len() == elements.len())
}

/// What tells an element from others of its list: a text itself, the `name` of an object, and where a backend leads.
fn name(element: &Value) -> Option<String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    if let Value::String(text) = element {
        return Some(text.clone());
    }
    if let Some(name) = text(element.get("name")) {
        return Some(name);
    }
    let destination = element.pointer("/target/cluster").or_else(|| element.get("destination"))?;
    let host = text(destination.get("host"))?;
    let service = host.split_once(".svc.").map_or(host.as_str(), |(service, _)| service);
    let port = destination.get("port").map(|port| format!(":{port}")).unwrap_or_default();
    let subset = text(destination.get("subset")).map(|it| format!(" {it}")).unwrap_or_default();
    Some(format!("{service}{port}{subset}"))
}

/// YAML in one line.
fn flow(name: &str, value: &Value) -> String {
    match value {
        Value::Number(number) => {
            number.as_u64().map_or_else(|| number.to_string(), |it| quantity(name, it))
        }
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => {
            let list: Vec<_> = list.iter().map(|value| flow(name, value)).collect();
            format!("[{}]", list.join(", "))
        }
        Value::Object(map) => {
            let map: Vec<_> =
                map.iter().map(|(name, value)| format!("{name}: {}", flow(name, value))).collect();
            format!("{{{}}}", map.join(", "))
        }
        Value::Null | Value::Bool(_) => value.to_string(),
    }
}

/// The ends of the names of fields that hold a time in microseconds, and a share in millionths.
const TIMES: [&str; 8] =
    ["imeout", "nterval", "uration", "urationMax", "jectionTime", "backoff", "time", "ttl"];
const SHARES: [&str; 5] = ["share", "ejectedMax", "healthyMin", "enabled", "enforced"];

fn quantity(name: &str, number: u64) -> String {
    let ends = |names: &[&str]| names.iter().any(|end| name.ends_with(end));
    if ends(&TIMES) {
        return format!("{:?}", Duration::from_micros(number));
    }
    if ends(&SHARES) {
        let (whole, rest) = (number / 10_000, number % 10_000);
        let rest = format!("{rest:04}");
        let rest = rest.trim_end_matches('0');
        return if rest.is_empty() { format!("{whole} %") } else { format!("{whole}.{rest} %") };
    }
    number.to_string()
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::{Microseconds, PartsPerMillion};
    use serde_json::json;

    use super::*;

    fn lines(before: &Value, after: &Value) -> Vec<String> {
        let line = |it: Edit| {
            let side = |side: Option<String>| side.unwrap_or_else(|| "-".to_owned());
            format!("{}: {} → {}", it.path, side(it.before), side(it.after))
        };
        between(before, after).into_iter().map(line).collect()
    }

    #[test]
    fn values_are_told_by_their_paths() {
        let backend = |subset: &str, weight: u32| {
            let host = "reviews.shop.svc.cluster.local";
            json!({"target": {"cluster": {"host": host, "port": 80, "subset": subset}}, "weight": weight})
        };
        let route = |backends: Value, timeout: u64| json!({"action": {"forward": {"backends": backends, "timeout": timeout}}});
        let before = route(json!([backend("v1", 90), backend("v2", 10)]), 3_000_000);
        let after =
            route(json!([backend("v2", 20), backend("v1", 80), backend("v3", 0)]), 1_500_000);
        assert_eq!(
            lines(&before, &after),
            [
                "backends[reviews.shop:80 v1].weight: 90 → 80",
                "backends[reviews.shop:80 v2].weight: 10 → 20",
                "backends[reviews.shop:80 v3]: - → {target: {cluster: {host: reviews.shop.svc.cluster.local, port: 80, subset: v3}}, weight: 0}",
                "timeout: 3s → 1.5s",
            ]
        );
        let none = json!({"action": {"respond": {"status": 404}}});
        assert_eq!(
            lines(&none, &json!({"action": {"redirect": {"status": 301}}})),
            ["redirect.status: - → 301", "respond.status: 404 → -"]
        );
    }

    #[test]
    fn what_an_edge_leads_to_is_not_told_at_the_edge() {
        let edge = |name: &str, digest: &str| json!({"routes": {"key": name, "digest": digest}});
        assert_eq!(lines(&edge("a", "1"), &edge("a", "2")), [""; 0]);
        assert_eq!(lines(&edge("a", "1"), &edge("b", "2")), ["routes: a → b"]);
    }

    #[test]
    fn of_what_is_new_each_value_is_told() {
        let pool = json!({"pendingRequestsMax": 5});
        let with = |tls: Value| json!({"ports": {"others": {"pool": pool, "tls": tls}}});
        assert_eq!(
            lines(&json!({}), &with(json!("disable"))),
            ["pool.pendingRequestsMax: - → 5", "tls: - → disable"]
        );
        assert_eq!(
            lines(&with(json!("disable")), &with(json!({"originate": {"sni": "x"}}))),
            ["tls: disable → {originate: {sni: x}}"]
        );
    }

    #[test]
    fn texts_of_a_list_come_and_go() {
        let (before, after) = (json!({"paths": ["/a", "/b"]}), json!({"paths": ["/b", "/c"]}));
        assert_eq!(lines(&before, &after), ["paths[/a]: /a → -", "paths[/c]: - → /c"]);
    }

    #[test]
    fn times_and_shares_have_units() {
        let time = serde_json::to_value(Microseconds(1_000)).unwrap();
        let share = serde_json::to_value(PartsPerMillion(125_000)).unwrap();
        for name in [
            "connectTimeout",
            "tcpIdleTimeout",
            "interval",
            "baseEjectionTime",
            "ttl",
            "connectionDurationMax",
        ] {
            assert_eq!(flow(name, &time), "1ms", "{name}");
        }
        for name in ["share", "ejectedMax", "healthyMin"] {
            assert_eq!(flow(name, &share), "12.5 %", "{name}");
        }
        assert_eq!(flow("weight", &time), "1000");
    }
}
