//! Values that nothing in this mesh has.

use mesh_snapshot::object::PathNormalization;

use super::Fault;
use crate::api::istio::Rule;
use crate::diagnostic::FieldPath;
use crate::resolve::Settings;

/// Lists of which no value can ever be met: a list with one that can is left alone.
pub(super) fn impossible(settings: &Settings<'_>, rule: &Rule, at: &FieldPath) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, from) in rule.from.iter().flatten().enumerate() {
        let Some(source) = &from.source else { continue };
        let is_foreign = |it: &String| is_foreign(settings, it);
        if !source.principals.is_empty() && source.principals.iter().all(is_foreign) {
            let domain = settings.trust_domain;
            faults.push(Fault {
                message: format!("nobody of this mesh, whose trust domain is `{domain}`, is called so"),
                at: at.clone().field("from").index(index).field("source").field("principals"),
                label: "of another trust domain",
                other: None,
                help: "name the mesh's own trust domain, or list the other among `trustDomainAliases`",
            });
        }
    }
    for (index, to) in rule.to.iter().flatten().enumerate() {
        let Some(operation) = &to.operation else { continue };
        let by = settings.path_normalization;
        let reasons: Option<Vec<_>> =
            operation.paths.iter().map(|path| unreachable(path, by)).collect();
        if let Some([reason, ..]) = reasons.as_deref() {
            faults.push(Fault {
                message: format!("no request has such a path: {reason}"),
                at: at.clone().field("to").index(index).field("operation").field("paths"),
                label: "compared with the path as it is after normalisation",
                other: None,
                help: "write the path as the application sees it, from `/` on and without a query",
            });
        }
    }
    faults
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

    use super::unreachable;

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
