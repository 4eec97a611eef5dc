//! The smallest repository that still shows a difference.

use serde_json::Value;

/// Takes away resources, then fields and elements, for as long as `shows` holds and it has not been asked `most` times.
pub(crate) fn shrink(
    mut resources: Vec<Value>,
    most: usize,
    mut shows: impl FnMut(&[Value]) -> bool,
) -> Vec<Value> {
    let mut asked = 0;
    let mut holds = |candidate: &[Value]| {
        asked += 1;
        asked <= most && shows(candidate)
    };
    let mut index = 0;
    while index < resources.len() {
        let mut candidate = resources.clone();
        candidate.remove(index);
        if holds(&candidate) {
            resources = candidate;
        } else {
            index += 1;
        }
    }
    for index in 0..resources.len() {
        let Some(first) = resources.get(index) else { continue };
        let mut paths = removable(first);
        while let Some(path) = paths.pop() {
            let mut candidate = resources.clone();
            let removed = candidate.get_mut(index).is_some_and(|it| remove(it, &path));
            if removed && holds(&candidate) {
                resources = candidate;
                // Indices behind what is gone have changed.
                paths.retain(|other| {
                    !other.starts_with(parent(&path))
                        || !path.starts_with(other.as_str()) && !is_behind(other, &path)
                });
            }
        }
    }
    resources
}

/// The places of fields and elements below the top, from the outermost: the last is tried first.
fn removable(resource: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    let inner = ["spec", "metadata"].into_iter().filter_map(|key| Some((key, resource.get(key)?)));
    for (key, value) in inner {
        collect(value, &format!("/{key}"), &mut paths);
    }
    paths.retain(|path| !matches!(path.as_str(), "/metadata/name" | "/metadata/namespace"));
    paths.sort_by_key(|path| std::cmp::Reverse(path.matches('/').count()));
    paths
}

fn collect(value: &Value, path: &str, paths: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(object) => {
            let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
            object.iter().map(|(key, value)| (escaped(key), value)).collect()
        }
        Value::Array(all) => all.iter().enumerate().map(|(n, it)| (n.to_string(), it)).collect(),
        _ => return,
    };
    for (key, value) in inner {
        let path = format!("{path}/{key}");
        collect(value, &path, paths);
        paths.push(path);
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Whether both are elements of one list, and `other` comes later or lies in what does.
fn is_behind(other: &str, path: &str) -> bool {
    let Some((list, index)) = path.rsplit_once('/') else { return false };
    let rest = other.strip_prefix(list).and_then(|rest| rest.strip_prefix('/'));
    let first = rest.and_then(|rest| rest.split('/').next());
    let number = |text: &str| text.parse::<usize>().ok();
    matches!((number(index), first.and_then(number)), (Some(own), Some(other)) if other >= own)
}

fn remove(resource: &mut Value, path: &str) -> bool {
    let Some((parent, key)) = path.rsplit_once('/') else { return false };
    match resource.pointer_mut(parent) {
        Some(Value::Object(object)) => {
            object.remove(&key.replace("~1", "/").replace("~0", "~")).is_some()
        }
        Some(Value::Array(all)) => {
            let index = key.parse().ok().filter(|index| *index < all.len());
            index.is_some_and(|index: usize| {
                all.remove(index);
                true
            })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_does_not_matter_goes() {
        let resource =
            |hosts: Value| json!({ "kind": "A", "spec": { "hosts": hosts, "b": { "c/d": 1 } } });
        let all = vec![resource(json!(["x", "bad", "y"])), resource(json!(["x"]))];
        let is_bad = |all: &[Value]| all.iter().any(|it| it.to_string().contains("bad"));
        let small = shrink(all, 100, is_bad);
        assert_eq!(small, [json!({ "kind": "A", "spec": { "hosts": ["bad"] } })]);
    }

    #[test]
    fn it_ends() {
        let all = vec![json!({ "spec": { "a": 1 } }); 5];
        assert_eq!(shrink(all, 3, |_| true).len(), 2);
    }
}
