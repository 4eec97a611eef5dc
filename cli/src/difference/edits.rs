//! What is said differently: values, by their paths, as people write them.

use std::collections::{BTreeMap, BTreeSet};

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
        // Of a choice that is the same only what it says.
        (Some(Value::String(name)), Some(Value::Object(after))) if is_variant(after, name) => {
            fields(path, &variant(name), after, edits);
        }
        (Some(Value::Object(before)), Some(Value::String(name))) if is_variant(before, name) => {
            fields(path, before, &variant(name), edits);
        }
        // Of what is new, or gone, each value is told, and that it has none.
        (Some(Value::Object(before)), None) if !before.is_empty() => {
            fields(path, before, &Map::new(), edits);
        }
        (None, Some(Value::Object(after))) if !after.is_empty() => {
            fields(path, &Map::new(), after, edits);
        }
        (Some(Value::Array(before)), None) if are_objects(before) => {
            elements(path, before, &[], edits);
        }
        (None, Some(Value::Array(after))) if are_objects(after) => {
            elements(path, &[], after, edits);
        }
        (before, after) => {
            let (before, after) = (before.map(flow), after.map(flow));
            edits.push(Edit { path: path.to_owned(), before, after });
        }
    }
}

/// Whether it is the choice of this name, and says more.
fn is_variant(value: &Map<String, Value>, name: &str) -> bool {
    value.len() == 1 && value.get(name).is_some_and(Value::is_object)
}

/// The choice of this name, of which nothing more is said.
fn variant(name: &str) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), Value::Object(Map::new()))])
}

/// Lists of texts or numbers are read in one line.
fn are_objects(list: &[Value]) -> bool {
    !list.is_empty() && list.iter().all(Value::is_object)
}

fn fields(
    path: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    edits: &mut Vec<Edit>,
) {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for name in names {
        let said = [before, after].map(|side| side.get(name));
        let are_objects = said.into_iter().flatten().all(Value::is_object);
        let inside = match (path, name.as_str()) {
            // What most routes do need not be said, nor that a policy is for all ports without one of their own.
            ("", "action" | "forward") if are_objects => String::new(),
            ("ports", "others") => String::new(),
            ("ports", "portLevelSettings") => name.clone(),
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
            let path = format!("{path}[{name}]");
            match (before, after) {
                (Some(value), None) => compare(&path, Some(&unnamed(value)), None, edits),
                (None, Some(value)) => compare(&path, None, Some(&unnamed(value)), edits),
                both => compare(&path, both.0, both.1, edits),
            }
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

/// What tells an element from others of its list: a text itself, the `name` of an object or its `host`, and where a backend leads.
fn name(element: &Value) -> Option<String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    if let Value::String(text) = element {
        return Some(text.clone());
    }
    if let Some(name) = text(element.get("name")).or_else(|| text(element.get("host"))) {
        return Some(name);
    }
    let destination = element.pointer("/target/cluster").or_else(|| element.get("destination"))?;
    let host = text(destination.get("host"))?;
    let service = host.split_once(".svc.").map_or(host.as_str(), |(service, _)| service);
    let port = destination.get("port").map(|port| format!(":{port}")).unwrap_or_default();
    let subset = text(destination.get("subset")).map(|it| format!(" {it}")).unwrap_or_default();
    Some(format!("{service}{port}{subset}"))
}

/// What an element says besides its [`name`]; all that it says where that is all.
fn unnamed(element: &Value) -> Value {
    let mut rest = element.clone();
    if let Value::Object(fields) = &mut rest {
        let naming = ["name", "host", "target", "destination"];
        if let Some(name) = naming.into_iter().find(|name| fields.contains_key(*name)) {
            fields.remove(name);
        }
        if fields.is_empty() {
            return element.clone();
        }
    }
    rest
}

/// YAML in one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => {
            let list: Vec<_> = list.iter().map(flow).collect();
            format!("[{}]", list.join(", "))
        }
        Value::Object(map) => {
            let map: Vec<_> =
                map.iter().map(|(name, value)| format!("{name}: {}", flow(value))).collect();
            format!("{{{}}}", map.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
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
        let route = |backends: Value, timeout: &str| json!({"action": {"forward": {"backends": backends, "timeout": timeout}}});
        let before = route(json!([backend("v1", 90), backend("v2", 10)]), "3s");
        let after = route(json!([backend("v2", 20), backend("v1", 80), backend("v3", 0)]), "1.5s");
        assert_eq!(
            lines(&before, &after),
            [
                "backends[reviews.shop:80 v1].weight: 90 → 80",
                "backends[reviews.shop:80 v2].weight: 10 → 20",
                "backends[reviews.shop:80 v3].weight: - → 0",
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

    /// `tls: {mode: SIMPLE}` says nothing but that; a port of its own without settings has the defaults.
    #[test]
    fn a_value_without_fields_is_told() {
        let with = |tls: Value| json!({"ports": {"portLevelSettings": {"80": {"tls": tls}}}});
        let path = "portLevelSettings.80";
        assert_eq!(
            lines(&json!({}), &with(json!("originate"))),
            [format!("{path}.tls: - → originate")]
        );
        let named = with(json!({"originate": {"sni": "x"}}));
        let bare = with(json!("originate"));
        assert_eq!(lines(&bare, &named), [format!("{path}.tls.originate.sni: - → x")]);
        assert_eq!(lines(&named, &bare), [format!("{path}.tls.originate.sni: x → -")]);
        assert_eq!(
            lines(&with(json!("istioMutual")), &named),
            [format!("{path}.tls: istioMutual → {{originate: {{sni: x}}}}")]
        );
        let own = json!({"ports": {"portLevelSettings": {"80": {}}}});
        assert_eq!(lines(&json!({}), &own), [format!("{path}: - → {{}}")]);
    }

    #[test]
    fn texts_of_a_list_come_and_go() {
        let (before, after) = (json!({"paths": ["/a", "/b"]}), json!({"paths": ["/b", "/c"]}));
        assert_eq!(lines(&before, &after), ["paths[/a]: /a → -", "paths[/c]: - → /c"]);
    }
}
