//! Parts of a rule that exclude each other, whatever the workload.

use super::Fault;
use super::callers::{Account, IdentitySpace};
use crate::api::istio::{Condition, Operation, Rule, Source};
use crate::check::identity::{asked_by, asked_of_all, is_asked};
use crate::check::policy_value::{
    Kind, are_apart, every_address, has_one_value, is_namespace, is_within, namespace_of,
};
use crate::diagnostic::FieldPath;

pub(super) fn contradictions(
    rule: &Rule,
    at: &FieldPath,
    identities: &dyn IdentitySpace,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, source) in rule.from.iter().flatten().enumerate() {
        if let Some(source) = &source.source {
            let at = || at.clone().field("from").index(index).field("source");
            let contradiction = excluded(&source_pairs(source), &at);
            if contradiction.is_none() {
                faults.extend(domains_excluded(rule, source, &at, identities));
            }
            faults.extend(contradiction);
            faults.extend(nothing_left(&source_pairs(source), &at));
            faults.extend(namespaces_apart(source, &at));
            faults.extend(identities_excluded(source, &at, identities));
        }
    }
    for (index, operation) in rule.to.iter().flatten().enumerate() {
        if let Some(operation) = &operation.operation {
            let at = || at.clone().field("to").index(index).field("operation");
            faults.extend(excluded(&operation_pairs(operation), &at));
            faults.extend(nothing_left(&operation_pairs(operation), &at));
        }
    }
    for (index, condition) in rule.when.iter().enumerate() {
        let at = || at.clone().field("when").index(index);
        let kind = Kind::of_condition(&condition.key);
        let pair = ("values", kind, condition.values.as_slice(), condition.not_values.as_slice());
        faults.extend(excluded(&[pair], &at));
        let is_address = matches!(condition.key.as_str(), "source.ip" | "remote.ip");
        if is_address && condition.values.is_empty() && is_every_address(&condition.not_values) {
            faults.push(leaves_nothing("notValues", &at));
        }
    }
    // Each is compared with each.
    let when = rule.when.get(..CONDITIONS_MAX).unwrap_or(&rule.when);
    faults.extend(conditions_apart(when, at));
    faults.extend(condition_excluded(when, at));
    faults.extend(ports_apart(rule, at));
    faults.extend(callers_apart(rule, at, identities));
    faults.extend(domains_excluded_by_condition(rule, at, identities));
    faults
}

/// How many conditions of one rule are compared with each other: nobody writes so many.
const CONDITIONS_MAX: usize = 512;

/// A field, how its values are compared, what it asks for, and what its opposite excludes.
type Pair<'a> = (&'static str, Kind, &'a [String], &'a [String]);

fn source_pairs(it: &Source) -> [Pair<'_>; 7] {
    use Kind::{Address, Text};
    [
        ("principals", Text, &it.principals, &it.not_principals),
        ("requestPrincipals", Text, &it.request_principals, &it.not_request_principals),
        ("namespaces", Text, &it.namespaces, &it.not_namespaces),
        ("serviceAccounts", Text, &it.service_accounts, &it.not_service_accounts),
        ("trustDomains", Text, &it.trust_domains, &it.not_trust_domains),
        ("ipBlocks", Address, &it.ip_blocks, &it.not_ip_blocks),
        ("remoteIpBlocks", Address, &it.remote_ip_blocks, &it.not_remote_ip_blocks),
    ]
}

fn operation_pairs(it: &Operation) -> [Pair<'_>; 4] {
    use Kind::{Host, Path, Text};
    [
        ("hosts", Host, &it.hosts, &it.not_hosts),
        ("ports", Text, &it.ports, &it.not_ports),
        ("methods", Text, &it.methods, &it.not_methods),
        ("paths", Path, &it.paths, &it.not_paths),
    ]
}

fn excluded(pairs: &[Pair<'_>], at: &dyn Fn() -> FieldPath) -> Option<Fault> {
    let is_excluded = |(_, kind, values, not): &&Pair<'_>| {
        let is_held = |value: &String| not.iter().any(|it| kind.is_within(value, it));
        !values.is_empty() && values.iter().all(is_held)
    };
    let (field, ..) = pairs.iter().find(is_excluded)?;
    Some(Fault {
        message: format!("everything that `{field}` asks for is excluded beside it"),
        at: at().field(*field),
        label: "never holds",
        other: None,
        help: "both must hold: remove the one that is not meant",
    })
}

/// What is excluded with nothing asked for, where every request has the attribute. An identity or a token may be missing, so
/// that `notPrincipals: ["*"]` is who has none. Source: Istio, to which `*` is whatever is there and not empty.
fn nothing_left(pairs: &[Pair<'_>], at: &dyn Fn() -> FieldPath) -> Vec<Fault> {
    let is_all = |(field, _, values, not): &&Pair<'_>| {
        values.is_empty()
            && match *field {
                "methods" | "hosts" => not.iter().any(|it| it == "*"),
                // Each begins with a slash.
                "paths" => not.iter().any(|it| matches!(it.as_str(), "*" | "/*" | "/{**}")),
                "ipBlocks" | "remoteIpBlocks" => is_every_address(not),
                _ => false,
            }
    };
    let all = pairs.iter().filter(is_all);
    all.map(|(field, ..)| leaves_nothing(opposite(field), at)).collect()
}

/// The field of what is excluded.
fn opposite(field: &str) -> &'static str {
    match field {
        "paths" => "notPaths",
        "methods" => "notMethods",
        "hosts" => "notHosts",
        "ipBlocks" => "notIpBlocks",
        _ => "notRemoteIpBlocks",
    }
}

/// Whether blocks of both versions of IP leave none out.
fn is_every_address(blocks: &[String]) -> bool {
    every_address(blocks) == (true, true)
}

fn leaves_nothing(field: &'static str, at: &dyn Fn() -> FieldPath) -> Fault {
    Fault {
        message: format!("`{field}` excludes every request"),
        at: at().field(field),
        label: "leaves nothing",
        other: None,
        help: "exclude less, or remove the part",
    }
}

/// Identities of namespaces that are not among those asked for, or that are excluded.
fn namespaces_apart(source: &Source, at: &dyn Fn() -> FieldPath) -> Option<Fault> {
    let own = namespaces_of(&source.principals)?;
    let fault = |message: &str, label| Fault {
        message: message.to_owned(),
        at: at().field("principals"),
        label,
        other: None,
        help: "both must hold: for either of them write two elements of `from`",
    };
    if all_are_apart(&own, &source.namespaces) {
        let message = "none of the `principals` is of one of the `namespaces`";
        return Some(fault(message, "never holds together with `namespaces`"));
    }
    let is_excluded = |own: &String| source.not_namespaces.iter().any(|it| is_within(own, it));
    own.iter().all(is_excluded).then(|| {
        let message = "all of the `principals` are of namespaces that `notNamespaces` excludes";
        fault(message, "never holds together with `notNamespaces`")
    })
}

/// Namespaces of which `notPrincipals` leave out every identity.
fn identities_excluded(
    source: &Source,
    at: &dyn Fn() -> FieldPath,
    identities: &dyn IdentitySpace,
) -> Option<Fault> {
    let is_excluded = |own: &String| identities.are_all_of(own, &source.not_principals);
    let are_excluded = !source.namespaces.is_empty() && source.namespaces.iter().all(is_excluded);
    are_excluded.then(|| Fault {
        message: "everybody in the `namespaces` is excluded by `notPrincipals`".to_owned(),
        at: at().field("namespaces"),
        label: "never holds together with `notPrincipals`",
        other: None,
        help: "both must hold: exclude fewer identities, or remove the part",
    })
}

/// Every trust domain that whoever has an identity may be of, where the rule asks for one.
fn domains_excluded(
    rule: &Rule,
    source: &Source,
    at: &dyn Fn() -> FieldPath,
    identities: &dyn IdentitySpace,
) -> Option<Fault> {
    let asks = asked_by(source).is_some() || rule.when.iter().any(is_asked);
    (asks && leave_no_domain(&source.not_trust_domains, identities))
        .then(|| leaves_nobody("notTrustDomains", at()))
}

/// The same of a condition.
fn domains_excluded_by_condition(
    rule: &Rule,
    at: &FieldPath,
    identities: &dyn IdentitySpace,
) -> Option<Fault> {
    let is_of_domain = |(_, it): &(usize, &Condition)| {
        it.key == "source.trustDomain" && leave_no_domain(&it.not_values, identities)
    };
    let (index, _) = rule.when.iter().enumerate().find(is_of_domain)?;
    asked_of_all(rule, at)?;
    Some(leaves_nobody("notValues", at.clone().field("when").index(index)))
}

/// Whether values leave out all trust domains: one of the mesh's is all of them. Source: Istio, `ExpandTrustDomainAliases`.
fn leave_no_domain(values: &[String], identities: &dyn IdentitySpace) -> bool {
    let Some(domains) = identities.domains().filter(|_| !values.is_empty()) else { return false };
    let is_left_out = |domain: &str| {
        values.iter().any(|it| it.matches('*').count() == 1 && is_namespace(domain, it))
    };
    values.iter().any(|it| domains.contains(&it.as_str()))
        || domains.iter().all(|domain| is_left_out(domain))
}

fn leaves_nobody(field: &'static str, at: FieldPath) -> Fault {
    Fault {
        message: format!("`{field}` excludes everybody who has an identity"),
        at: at.field(field),
        label: "leaves nobody whom the rule asks for",
        other: None,
        help: "exclude less, or remove the part",
    }
}

/// The namespaces of some identities; none where they are not written out, or nothing is asked for.
fn namespaces_of(principals: &[String]) -> Option<Vec<String>> {
    let all = principals.iter().map(|it| namespace_of(it).map(str::to_owned));
    all.collect::<Option<Vec<_>>>().filter(|it| !it.is_empty())
}

fn all_are_apart(own: &[String], others: &[String]) -> bool {
    let is_apart = |own: &String| others.iter().all(|it| are_apart(own, it));
    !own.is_empty() && !others.is_empty() && own.iter().all(is_apart)
}

/// The same of identities, whatever their trust domains: the mesh's own may be written in several ways.
fn all_principals_are_apart(own: &[String], others: &[String]) -> bool {
    let after_domain = |it: &String| match it.split_once('/') {
        Some((domain, rest)) if !domain.starts_with('*') => Some(rest.to_owned()),
        // The end of an identity, up to its account or its namespace.
        _ if it.starts_with('*') && it.matches('/').count() < 4 => Some(it.clone()),
        _ => None,
    };
    let without = |all: &[String]| all.iter().map(after_domain).collect::<Option<Vec<_>>>();
    without(own).zip(without(others)).is_some_and(|(own, others)| all_are_apart(&own, &others))
}

/// A condition on the caller's identity that nobody holds whom `from` asks for.
fn callers_apart(rule: &Rule, at: &FieldPath, identities: &dyn IdentitySpace) -> Option<Fault> {
    let sources: Vec<_> = rule.from.iter().flatten().map(|it| it.source.as_ref()).collect();
    let is_apart = |source: &Source, it: &Condition| {
        let namespaces = namespaces_of(&source.principals).unwrap_or_default();
        let values = &it.values;
        // A source that asks for accounts asks for nothing else of an identity.
        if !source.service_accounts.is_empty() {
            let accounts = source.service_accounts.iter();
            return accounts
                .map(|it| identities.account(it))
                .all(|own| misses(&own, it, identities));
        }
        match it.key.as_str() {
            "source.namespace" => {
                let is_excluded =
                    |own: &String| it.not_values.iter().any(|not| is_within(own, not));
                let asked = if namespaces.is_empty() { &source.namespaces } else { &namespaces };
                all_are_apart(&source.namespaces, values)
                    || all_are_apart(&namespaces, values)
                    || (!asked.is_empty() && asked.iter().all(is_excluded))
            }
            "source.principal" => {
                let is_excluded = |own: &String| identities.are_all_of(own, &it.not_values);
                all_principals_are_apart(&source.principals, values)
                    || namespaces_of(values)
                        .is_some_and(|values| all_are_apart(&values, &source.namespaces))
                    || (!source.namespaces.is_empty() && source.namespaces.iter().all(is_excluded))
            }
            "source.serviceAccount" => {
                let is_other = |asked: &Account<'_>| {
                    let is_foreign = |it: &String| !are_apart(asked.namespace, it);
                    let is_none = |it: &String| !asked.is_none_of(it);
                    !(source.namespaces.is_empty() || source.namespaces.iter().any(is_foreign))
                        || !(source.principals.is_empty() || source.principals.iter().any(is_none))
                };
                !values.is_empty()
                    && values.iter().map(|value| identities.account(value)).all(|it| is_other(&it))
            }
            _ => false,
        }
    };
    let mut conditions = rule.when.iter().enumerate();
    let (index, found) = conditions.find(|(_, it)| {
        !sources.is_empty()
            && sources.iter().all(|source| source.is_some_and(|source| is_apart(source, it)))
    })?;
    let field = if found.values.is_empty() { "notValues" } else { "values" };
    Some(Fault {
        message: format!("nobody whom `from` asks for holds the condition on `{}`", found.key),
        at: at.clone().field("when").index(index).field(field),
        label: "never holds together with `from`",
        other: None,
        help: "both must hold: ask for the callers in one place",
    })
}

/// Whether an account does not hold a condition on the caller's identity.
fn misses(own: &Account<'_>, it: &Condition, identities: &dyn IdentitySpace) -> bool {
    let (asked, excluded) = (&it.values, &it.not_values);
    let is_own = |value: &String| identities.account(value) == *own;
    match it.key.as_str() {
        "source.namespace" => {
            (!asked.is_empty() && asked.iter().all(|it| are_apart(own.namespace, it)))
                || excluded.iter().any(|it| is_within(own.namespace, it))
        }
        "source.principal" => !asked.is_empty() && asked.iter().all(|it| own.is_none_of(it)),
        "source.serviceAccount" => {
            (!asked.is_empty() && !asked.iter().any(is_own)) || excluded.iter().any(is_own)
        }
        _ => false,
    }
}

fn conditions_apart(when: &[Condition], at: &FieldPath) -> Option<Fault> {
    when.iter().enumerate().find_map(|(index, later)| {
        let is_apart = |earlier: &&Condition| {
            earlier.key == later.key
                && !earlier.values.is_empty()
                && !later.values.is_empty()
                && has_one_value(&later.key)
                && match later.key.as_str() {
                    "source.principal" => all_principals_are_apart(&earlier.values, &later.values),
                    _ => all_are_apart(&earlier.values, &later.values),
                }
        };
        when.iter().take(index).find(is_apart)?;
        Some(Fault {
            message: format!("two conditions on `{}` leave nothing that holds both", later.key),
            at: at.clone().field("when").index(index).field("values"),
            label: "never holds together with the earlier condition",
            other: None,
            help: "conditions must all hold: put the values into one of them",
        })
    })
}

/// What one condition asks for, another on the same attribute excludes.
fn condition_excluded(when: &[Condition], at: &FieldPath) -> Option<Fault> {
    let all = || when.iter().enumerate();
    let (index, key) = all().find_map(|(index, it)| {
        let kind = Kind::of_condition(&it.key);
        let is_excluded = |other: &Condition, value: &str| {
            other.not_values.iter().any(|not| kind.is_within(value, not))
        };
        let excludes = |(place, other): &(usize, &Condition)| {
            *place != index
                && other.key == it.key
                && it.values.iter().all(|value| is_excluded(other, value))
        };
        all().find(excludes).filter(|_| !it.values.is_empty())?;
        Some((index, &it.key))
    })?;
    Some(Fault {
        message: format!("another condition on `{key}` excludes all that this one asks for"),
        at: at.clone().field("when").index(index).field("values"),
        label: "never holds",
        other: None,
        help: "conditions must all hold: remove the one that is not meant",
    })
}

/// A condition on the port, at none of the ports that `to` asks for.
fn ports_apart(rule: &Rule, at: &FieldPath) -> Option<Fault> {
    let to = || rule.to.iter().flatten();
    let is_apart = |it: &Condition| {
        let misses = |ports: &[String]| {
            !ports.is_empty()
                && ports.iter().all(|port| {
                    it.not_values.contains(port)
                        || (!it.values.is_empty() && !it.values.contains(port))
                })
        };
        it.key == "destination.port"
            && to().next().is_some()
            && to().all(|to| to.operation.as_ref().is_some_and(|it| misses(&it.ports)))
    };
    let (index, found) = rule.when.iter().enumerate().find(|(_, it)| is_apart(it))?;
    let field = if found.values.is_empty() { "notValues" } else { "values" };
    Some(Fault {
        message: "`to` asks for no port that holds the condition on `destination.port`".to_owned(),
        at: at.clone().field("when").index(index).field(field),
        label: "never holds together with `to`",
        other: None,
        help: "both must hold: ask for the port in one place",
    })
}

#[cfg(test)]
mod tests {
    use super::super::callers::IdentitySpace;
    use super::contradictions;
    use crate::diagnostic::FieldPath;

    /// Of a policy in the namespace `shop`.
    struct Closed;

    impl IdentitySpace for Closed {
        fn namespace(&self) -> &'static str {
            "shop"
        }

        fn domain(&self) -> Option<&str> {
            Some("mesh.test")
        }
    }

    fn faults(rule: &str) -> Vec<String> {
        let rule = serde_json::from_str(rule).unwrap();
        let faults = contradictions(&rule, &FieldPath::default(), &Closed);
        faults.into_iter().map(|fault| fault.message).collect()
    }

    #[test]
    fn what_excludes_everything_leaves_nothing() {
        for (part, field, values) in [
            ("to", "notPaths", r#"["*"]"#),
            ("to", "notPaths", r#"["/*"]"#),
            ("to", "notMethods", r#"["GET", "*"]"#),
            ("to", "notHosts", r#"["*"]"#),
            ("from", "notIpBlocks", r#"["0.0.0.0/0", "::/0"]"#),
            ("from", "notRemoteIpBlocks", r#"["0.0.0.0/1", "128.0.0.0/1", "::/0"]"#),
        ] {
            let inner = if part == "to" { "operation" } else { "source" };
            let rule = format!(r#"{{"{part}": [{{"{inner}": {{"{field}": {values}}}}}]}}"#);
            assert_eq!(faults(&rule), [format!("`{field}` excludes every request")], "{rule}");
        }
        let when = r#"{"when": [{"key": "remote.ip", "notValues": ["0.0.0.0/0", "::/0"]}]}"#;
        assert_eq!(faults(when), ["`notValues` excludes every request"]);
    }

    #[test]
    fn whoever_has_an_identity_is_of_a_trust_domain() {
        let from = |asked: &str, not: &str| {
            format!(r#"{{"from": [{{"source": {{{asked}"notTrustDomains": ["{not}"]}}}}]}}"#)
        };
        let namespace = r#""namespaces": ["web"], "#;
        let when = |not: &str| {
            format!(r#""when": [{{"key": "source.trustDomain", "notValues": ["{not}"]}}]"#)
        };
        let of_web = r#"{"from": [{"source": {"namespaces": ["web"]}}], "#;
        for (rule, field) in [
            (from(namespace, "mesh.test"), "notTrustDomains"),
            (from(namespace, "mesh.*"), "notTrustDomains"),
            (from(r#""trustDomains": ["a", "mesh.test"], "#, "mesh.test"), "notTrustDomains"),
            (format!("{of_web}{}}}", when("mesh.test")), "notValues"),
        ] {
            let message = format!("`{field}` excludes everybody who has an identity");
            assert_eq!(faults(&rule), [message], "{rule}");
        }
        for rule in [
            // Who has none is left.
            from("", "mesh.test"),
            format!("{{{}}}", when("mesh.test")),
            from(namespace, "other.test"),
            from(namespace, "m*s*"),
            format!("{of_web}{}}}", when("other.*")),
        ] {
            assert!(faults(&rule).is_empty(), "{rule}");
        }
    }

    #[test]
    fn callers_are_compared_by_whose_they_are() {
        let (who, of) = ("cluster.local/ns/shop/sa/a", "`principals`");
        let when = |key: &str, list: &str| format!(r#""when": [{{"key": "{key}", {list}}}]"#);
        let from = |source: &str| format!(r#""from": [{{"source": {{{source}}}}}]"#);
        let web = from(r#""namespaces": ["web"]"#);
        let principal = from(&format!(r#""principals": ["{who}"]"#));
        let accounts = from(r#""serviceAccounts": ["b", "web/c"]"#);
        let listed = format!(r#""values": ["{who}", "*/sa/d", "cluster.local/ns/web/sa/b*"]"#);
        for (rule, said) in [
            (from(&format!(r#""principals": ["{who}"], "notNamespaces": ["sh*"]"#)), of),
            (
                from(r#""namespaces": ["shop", "sh*"], "notPrincipals": ["mesh.test/ns/sh*"]"#),
                "`notPrincipals`",
            ),
            (from(r#""namespaces": ["web"], "notPrincipals": ["*"]"#), "`notPrincipals`"),
            (
                format!(
                    "{web}, {}",
                    when("source.principal", r#""notValues": ["mesh.test/ns/web/*"]"#)
                ),
                "`from`",
            ),
            (format!("{accounts}, {}", when("source.principal", &listed)), "`from`"),
            (format!("{accounts}, {}", when("source.namespace", r#""values": ["we"]"#)), "`from`"),
            (
                format!("{accounts}, {}", when("source.serviceAccount", r#""values": ["web/b"]"#)),
                "`from`",
            ),
            (
                format!("{web}, {}", when("source.serviceAccount", r#""values": ["a", "shop/b"]"#)),
                "`from`",
            ),
            (
                format!("{principal}, {}", when("source.serviceAccount", r#""values": ["b"]"#)),
                "`from`",
            ),
            (format!("{web}, {}", when("source.namespace", r#""values": ["shop"]"#)), "`from`"),
            (format!("{web}, {}", when("source.namespace", r#""notValues": ["web"]"#)), "`from`"),
            (
                format!("{web}, {}", when("source.principal", &format!(r#""values": ["{who}"]"#))),
                "`from`",
            ),
            (
                format!("{principal}, {}", when("source.namespace", r#""values": ["web"]"#)),
                "`from`",
            ),
        ] {
            let found = faults(&format!("{{{rule}}}"));
            assert!(found.len() == 1 && found[0].contains(said), "{rule}: {found:?}");
        }
        for rule in [
            from(&format!(r#""principals": ["{who}", "*/sa/b"], "notNamespaces": ["shop"]"#)),
            format!("{web}, {}", when("source.namespace", r#""values": ["shop", "web"]"#)),
            format!("{principal}, {}", when("source.namespace", r#""values": ["shop"]"#)),
            format!("{web}, {}", when("request.headers[x]", r#""values": ["shop"]"#)),
            from(r#""namespaces": ["shop", "web"], "notPrincipals": ["mesh.test/ns/shop/*"]"#),
            from(r#""namespaces": ["shop"], "notPrincipals": ["mesh.test/ns/shop/sa/a*"]"#),
            from(r#""namespaces": ["shop*"], "notPrincipals": ["mesh.test/ns/shop/*"]"#),
            from(r#""namespaces": ["shop"], "notPrincipals": ["other.test/ns/shop/*"]"#),
            format!("{accounts}, {}", when("source.principal", r#""values": ["*/shop/sa/b"]"#)),
            format!("{accounts}, {}", when("source.namespace", r#""notValues": ["shop"]"#)),
            format!("{accounts}, {}", when("source.serviceAccount", r#""values": ["shop/b"]"#)),
            format!("{web}, {}", when("source.serviceAccount", r#""values": ["web/b"]"#)),
            format!("{principal}, {}", when("source.serviceAccount", r#""values": ["a"]"#)),
        ] {
            assert!(faults(&format!("{{{rule}}}")).is_empty(), "{rule}");
        }
        let templates =
            r#"{"to": [{"operation": {"paths": ["/x/{*}/y"], "notPaths": ["/x/{**}"]}}]}"#;
        assert_eq!(faults(templates).len(), 1);
        let hosts = r#"{"to": [{"operation": {"hosts": ["A.test"], "notHosts": ["*.TEST"]}}]}"#;
        assert_eq!(faults(&hosts.replace("*.TEST", "a.test")).len(), 1);
        assert_eq!(faults(hosts).len(), 1);
        assert!(faults(&hosts.replace("*.TEST", "b.test")).is_empty());
    }

    #[test]
    fn conditions_on_one_attribute_hold_together() {
        let a = r#"{"key": "request.headers[x]", "values": ["a", "ab"]}"#;
        let not =
            |values: &str| format!(r#"{{"key": "request.headers[x]", "notValues": {values}}}"#);
        let when = |items: &[&str]| faults(&format!(r#"{{"when": [{}]}}"#, items.join(", ")));
        for (other, is_told) in [(r#"["a*"]"#, true), (r#"["a"]"#, false), (r#"["ab", "a"]"#, true)]
        {
            assert_eq!(!when(&[a, &not(other)]).is_empty(), is_told, "{other}");
            assert_eq!(!when(&[&not(other), a]).is_empty(), is_told, "{other}");
        }
        let b = r#"{"key": "request.headers[x]", "values": ["b"]}"#;
        assert!(when(&[a, b]).is_empty(), "a header may come twice");
        let (get, put) = (a.replace("[x]", "[:method]"), b.replace("[x]", "[:method]"));
        assert_eq!(when(&[&get, &put]).len(), 1);
        let to = |ports: &str| format!(r#""to": [{{"operation": {{"ports": [{ports}]}}}}]"#);
        let port = |list: &str| format!(r#""when": [{{"key": "destination.port", {list}}}]"#);
        for (ports, list, is_told) in [
            (r#""80""#, r#""values": ["8080"]"#, true),
            (r#""80""#, r#""notValues": ["80"]"#, true),
            (r#""80", "8080""#, r#""values": ["8080"]"#, false),
            ("", r#""values": ["8080"]"#, false),
        ] {
            let found = faults(&format!("{{{}, {}}}", to(ports), port(list)));
            assert_eq!(!found.is_empty(), is_told, "{ports} {list}");
        }
    }

    #[test]
    fn who_has_no_identity_is_left() {
        for rule in [
            r#"{"from": [{"source": {"notPrincipals": ["*"]}}]}"#,
            r#"{"from": [{"source": {"notRequestPrincipals": ["*"]}}]}"#,
            r#"{"from": [{"source": {"notNamespaces": ["*"]}}]}"#,
            r#"{"from": [{"source": {"notIpBlocks": ["0.0.0.0/0"]}}]}"#,
            r#"{"to": [{"operation": {"notPaths": ["/a*"]}}]}"#,
            r#"{"when": [{"key": "request.headers[x]", "notValues": ["*"]}]}"#,
        ] {
            assert!(faults(rule).is_empty(), "{rule}");
        }
    }
}
