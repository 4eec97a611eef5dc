//! Values that nothing in this mesh has.

use mesh_snapshot::object::PathNormalization;

use super::DeadValue;
use crate::api::istio::Rule;
use crate::diagnostic::FieldPath;
use crate::resolve::Settings;

/// Why nothing has a value, and what may have been meant.
type Reason = (&'static str, Option<String>);

/// The methods of RFC 9110 §9 and RFC 5789; a proxy compares them with case.
const METHODS: &[&str] =
    &["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// All values that can never be met, each by itself.
pub(super) fn dead_values(settings: &Settings<'_>, rule: &Rule, at: &FieldPath) -> Vec<DeadValue> {
    let mut dead = Vec::new();
    let principal = |it: &str| principal(settings, it);
    let path = |it: &str| unreachable(it, settings.path_normalization).map(|why| (why, None));
    for (index, from) in rule.from.iter().flatten().enumerate() {
        let Some(source) = &from.source else { continue };
        let list = |name| move || at.clone().field("from").index(index).field("source").field(name);
        dead.extend(of_list(&source.principals, list("principals"), false, principal));
        dead.extend(of_list(&source.not_principals, list("notPrincipals"), true, principal));
    }
    for (index, to) in rule.to.iter().flatten().enumerate() {
        let Some(operation) = &to.operation else { continue };
        let list =
            |name| move || at.clone().field("to").index(index).field("operation").field(name);
        dead.extend(of_list(&operation.methods, list("methods"), false, method));
        dead.extend(of_list(&operation.not_methods, list("notMethods"), true, method));
        dead.extend(of_list(&operation.paths, list("paths"), false, path));
        dead.extend(of_list(&operation.not_paths, list("notPaths"), true, path));
    }
    for (index, condition) in rule.when.iter().enumerate() {
        if condition.key == "source.principal" {
            let list = |name| move || at.clone().field("when").index(index).field(name);
            dead.extend(of_list(&condition.values, list("values"), false, principal));
            dead.extend(of_list(&condition.not_values, list("notValues"), true, principal));
        }
    }
    dead
}

/// `at` is where the list stands.
fn of_list(
    values: &[String],
    at: impl Fn() -> FieldPath,
    excludes: bool,
    why: impl Fn(&str) -> Option<Reason>,
) -> Vec<DeadValue> {
    let values = values.iter().enumerate();
    let dead = values.filter_map(|(index, value)| {
        let (reason, instead) = why(value)?;
        let at = at().index(index);
        Some(DeadValue { reason, at, value: value.clone(), excludes, instead })
    });
    dead.collect()
}

/// Istio puts `spiffe://` before what is written.
fn principal(settings: &Settings<'_>, value: &str) -> Option<Reason> {
    if let Some(rest) = value.strip_prefix("spiffe://") {
        return Some(("an identity is written without `spiffe://`", Some(rest.to_owned())));
    }
    let why = "the trust domain is neither the mesh's own nor among `trustDomainAliases`";
    is_foreign(settings, value).then_some((why, None))
}

fn method(value: &str) -> Option<Reason> {
    if METHODS.contains(&value) {
        return None;
    }
    let upper = value.to_ascii_uppercase();
    let is_dead = upper != value && METHODS.contains(&upper.as_str());
    is_dead.then_some(("methods are compared with case", Some(upper)))
}

/// Whether an identity's trust domain is neither the mesh's nor another name of it. `*` stands for any beginning.
fn is_foreign(settings: &Settings<'_>, principal: &str) -> bool {
    let Some((domain, rest)) = principal.split_once('/') else { return false };
    let is_ours = |own: &str| own == domain;
    rest.starts_with("ns/")
        && !domain.contains('*')
        && !is_ours(settings.trust_domain)
        && !settings.trust_domain_aliases.iter().any(|alias| is_ours(alias))
        && domain != "cluster.local"
}

/// Why no path is like this after normalisation. Source: Istio, `PathNormalization`; RFC 3986 §6.2.2.
fn unreachable(path: &str, by: PathNormalization) -> Option<&'static str> {
    let is_open = path.starts_with(['*', '{']);
    if !is_open && !path.starts_with('/') {
        return Some("a path begins with `/`");
    }
    if path.contains(['?', '#']) {
        return Some("what follows `?` or `#` is no part of it");
    }
    if by == PathNormalization::None {
        return None;
    }
    if path.contains("/../")
        || path.contains("/./")
        || path.ends_with("/..")
        || path.ends_with("/.")
    {
        return Some("`.` and `..` are resolved");
    }
    let merges =
        matches!(by, PathNormalization::MergeSlashes | PathNormalization::DecodeAndMergeSlashes);
    (merges && path.contains("//")).then_some("slashes are merged")
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::PathNormalization::{Base, MergeSlashes, None as Raw};

    use super::{method, unreachable};

    #[test]
    fn methods_are_upper_case() {
        assert_eq!(method("get").unwrap().1.as_deref(), Some("GET"));
        assert!(["GET", "*", "report", "GE*"].iter().all(|name| method(name).is_none()));
    }

    #[test]
    fn some_paths_no_request_has() {
        for path in ["admin", "/q?x=1", "/a#b"] {
            assert!(unreachable(path, Raw).is_some(), "{path}");
        }
        assert!(unreachable("/x/../admin", Base).is_some());
        assert!(unreachable("/x/../admin", Raw).is_none());
        assert!(unreachable("/a//b", MergeSlashes).is_some());
        for path in ["/a", "*", "*/b", "/a*", "/{*}/b", "/a//b"] {
            assert!(unreachable(path, Base).is_none(), "{path}");
        }
    }
}
