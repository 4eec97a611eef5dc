//! `literal-star`: a `*` that looks like a wildcard, and is a star.
//!
//! A policy's value is a text, `prefix*`, `*suffix` or `*`; of a namespace alone every star is a wildcard. Paths of policies may be templates with `{*}` and `{**}`; paths
//! of routes have no wildcards at all. Sources: Istio, `AuthorizationPolicy` (`Operation.paths`), `StringMatch`.

use crate::api::Resource;
use crate::api::istio::{Action, AuthorizationPolicy, HttpMatch, Rule};
use crate::check::kept::apart;
use crate::check::matching::dead_texts;
use crate::check::matching::form::Form;
use crate::check::matching::possible::Part;
use crate::diagnostic::{Applicability, Check, Diagnostic, FieldPath, Fix, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("literal-star", Severity::Warning, include_str!("literal_star.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    apart::resources(&mesh.source.authorization_policies, out, |policy, out| {
        for (index, rule) in policy.spec.rules.iter().flatten().enumerate() {
            check_rule(policy, rule, index, out);
        }
    });
    let mode = mesh.settings.path_normalization;
    apart::resources(&mesh.source.virtual_services, out, |resource, out| {
        for (index, route) in resource.spec.http.iter().enumerate() {
            for (place, test) in route.r#match.iter().enumerate() {
                let at = || {
                    let at = FieldPath::default().field("spec").field("http").index(index);
                    at.field("match").index(place)
                };
                // Of a path that no request has, star or not, `match-never-holds` says it.
                let is_dead = || {
                    let mut dead = dead_texts::of_match(test, mode, &at);
                    dead.any(|it| matches!(it.part, Part::Path(_)))
                };
                out.extend(check_match(resource.id, test, at).filter(|_| !is_dead()));
            }
        }
    });
}

fn check_rule(
    policy: &Resource<AuthorizationPolicy>,
    rule: &Rule,
    index: usize,
    out: &mut Vec<Diagnostic>,
) {
    let at = |list: &'static str, place: usize| {
        let at = FieldPath::default().field("spec").field("rules").index(index);
        at.field(list).index(place)
    };
    let has_any = |(_, values): &(&str, &[String])| values.iter().any(|value| has_literal(value));
    let mut lists: Vec<(FieldPath, &[String])> = Vec::new();
    for (index, part) in rule.from.iter().flatten().enumerate() {
        let Some(it) = &part.source else { continue };
        let at = |name: &'static str| at("from", index).field("source").field(name);
        let named: [(&str, &[String]); 4] = [
            ("principals", &it.principals),
            ("notPrincipals", &it.not_principals),
            ("requestPrincipals", &it.request_principals),
            ("notRequestPrincipals", &it.not_request_principals),
        ];
        let named = named.into_iter().filter(has_any);
        lists.extend(named.map(|(name, values)| (at(name), values)));
    }
    for (index, part) in rule.to.iter().flatten().enumerate() {
        let Some(it) = &part.operation else { continue };
        let at = |name: &'static str| at("to", index).field("operation").field(name);
        let named: [(&str, &[String]); 4] = [
            ("hosts", &it.hosts),
            ("notHosts", &it.not_hosts),
            ("paths", &it.paths),
            ("notPaths", &it.not_paths),
        ];
        let named = named.into_iter().filter(has_any);
        lists.extend(named.map(|(name, values)| (at(name), values)));
    }
    for (index, condition) in rule.when.iter().enumerate() {
        let is_text = !matches!(
            condition.key.as_str(),
            "source.ip" | "remote.ip" | "destination.ip" | "destination.port" | "source.namespace"
        );
        let named: [(&str, &[String]); 2] =
            [("values", &condition.values), ("notValues", &condition.not_values)];
        let named = named.into_iter().filter(|it| is_text && has_any(it));
        lists.extend(named.map(|(name, values)| (at("when", index).field(name), values)));
    }
    for (path, values) in lists {
        for (index, value) in values.iter().enumerate().filter(|(_, value)| has_literal(value)) {
            let place = Place::value(policy.id, path.clone().index(index));
            out.push(report(place, value, policy.spec.action));
        }
    }
}

/// Whether a star stands where it is no wildcard.
fn has_literal(value: &str) -> bool {
    let has_inner = |text: &str| Form::of_policy(text).is_some_and(|it| it.text().contains('*'));
    // Few have one that may be a template.
    has_inner(value) && has_inner(&value.replace("{**}", "").replace("{*}", ""))
}

fn report(place: Place, value: &str, action: Action) -> Diagnostic {
    let consequence = if action == Action::Deny {
        "requests that are meant are let through"
    } else {
        "requests that are meant do not match"
    };
    let found =
        Diagnostic::new(&CHECK, place.clone(), format!("a `*` in `{value}` stands for itself"))
            .supposing(place.clone())
            .label("no wildcard")
            .consequence(consequence);
    match instead(value) {
        Some(instead) => {
            let fix = Fix::write(Applicability::Unsafe, place, instead);
            found.help(fix.title.clone()).fix(fix)
        }
        None => found.help("a `*` is a wildcard at the beginning or at the end alone"),
    }
}

/// What is likely meant: `/v1/*` for `/v1/**`, and templates for paths with a star in between.
fn instead(value: &str) -> Option<String> {
    if let Some(prefix) = value.strip_suffix("**").filter(|prefix| !prefix.contains('*')) {
        return Some(format!("{prefix}*"));
    }
    if !value.starts_with('/') || value.contains('{') {
        return None;
    }
    let segments: Vec<_> = value.split('/').collect();
    let is_plain = |segment: &&str| matches!(*segment, "*" | "**") || !segment.contains('*');
    let segment = |it: &&str| match *it {
        "*" => "{*}".to_owned(),
        "**" => "{**}".to_owned(),
        other => other.to_owned(),
    };
    segments
        .iter()
        .all(is_plain)
        .then(|| segments.iter().map(segment).collect::<Vec<_>>().join("/"))
}

fn check_match(
    document: DocumentId,
    it: &HttpMatch,
    at: impl FnOnce() -> FieldPath,
) -> Option<Diagnostic> {
    let uri = it.uri.as_ref()?;
    let (field, value) = match (&uri.exact, &uri.prefix) {
        (Some(text), _) => ("exact", text),
        (None, Some(text)) => ("prefix", text),
        (None, None) => return None,
    };
    if !value.contains('*') {
        return None;
    }
    let place = Place::value(document, at().field("uri").field(field));
    let found =
        Diagnostic::new(&CHECK, place.clone(), format!("a `*` in `{value}` stands for itself"))
            .supposing(place.clone())
            .label("no wildcard")
            .consequence("requests that are meant do not take the route");
    let plain = value.strip_suffix('*').filter(|plain| !plain.is_empty() && !plain.contains('*'));
    Some(match plain.filter(|_| field == "prefix") {
        Some(plain) => {
            let fix = Fix::write(Applicability::Unsafe, place, plain);
            found.help(fix.title.clone()).fix(fix)
        }
        None => found.help("a `prefix` takes whatever follows; else write a `regex`"),
    })
}

#[cfg(test)]
mod tests {
    use super::{has_literal, instead};

    #[test]
    fn a_star_is_a_wildcard_at_an_end_alone() {
        for value in ["*", "/a*", "*.test", "/a/{*}/b", "/a/{**}", "/a"] {
            assert!(!has_literal(value), "{value}");
        }
        for value in ["/a/*/b", "/a/**", "*a*", "a*b"] {
            assert!(has_literal(value), "{value}");
        }
    }

    #[test]
    fn what_is_meant_is_offered() {
        assert_eq!(instead("/v1/**").as_deref(), Some("/v1/*"));
        assert_eq!(instead("/v1/*/x").as_deref(), Some("/v1/{*}/x"));
        assert_eq!(instead("/v1/**/x").as_deref(), Some("/v1/{**}/x"));
        assert_eq!(instead("/v1/a*b/x"), None);
        assert_eq!(instead("*shop*"), None);
    }
}
