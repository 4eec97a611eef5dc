//! Values that nothing in this mesh has.

use super::DeadValue;
use crate::api::istio::Rule;
use crate::check::matching::form::Form;
use crate::check::matching::possible::{Never, Part};
use crate::diagnostic::FieldPath;
use crate::resolve::Settings;

/// All values that can never be met, each by itself.
pub(super) fn dead_values(settings: &Settings<'_>, rule: &Rule, at: &FieldPath) -> Vec<DeadValue> {
    let mut dead = Vec::new();
    let principal = |it: &str| principal(settings, it);
    let domain = |it: &str| trust_domain(settings, it);
    let path = |it: &str| of_part(Part::Path(settings.path_normalization), it);
    let method = |it: &str| of_part(Part::Method, it);
    let host = |it: &str| of_part(Part::Authority, it);
    for (index, from) in rule.from.iter().flatten().enumerate() {
        let Some(source) = &from.source else { continue };
        let list = |name| move || at.clone().field("from").index(index).field("source").field(name);
        dead.extend(of_list(&source.principals, list("principals"), false, principal));
        dead.extend(of_list(&source.not_principals, list("notPrincipals"), true, principal));
        dead.extend(of_list(&source.trust_domains, list("trustDomains"), false, domain));
        dead.extend(of_list(&source.not_trust_domains, list("notTrustDomains"), true, domain));
    }
    for (index, to) in rule.to.iter().flatten().enumerate() {
        let Some(operation) = &to.operation else { continue };
        let list =
            |name| move || at.clone().field("to").index(index).field("operation").field(name);
        dead.extend(of_list(&operation.hosts, list("hosts"), false, host));
        dead.extend(of_list(&operation.not_hosts, list("notHosts"), true, host));
        dead.extend(of_list(&operation.methods, list("methods"), false, method));
        dead.extend(of_list(&operation.not_methods, list("notMethods"), true, method));
        dead.extend(of_list(&operation.paths, list("paths"), false, path));
        dead.extend(of_list(&operation.not_paths, list("notPaths"), true, path));
    }
    for (index, condition) in rule.when.iter().enumerate() {
        let header =
            condition.key.strip_prefix("request.headers[").and_then(|it| it.strip_suffix(']'));
        let part = header.map(Part::of_header);
        let why = |it: &str| match part {
            Some(part) => of_part(part, it),
            None if condition.key == "source.principal" => principal(it),
            None if condition.key == "source.trustDomain" => domain(it),
            None => None,
        };
        let list = |name| move || at.clone().field("when").index(index).field(name);
        dead.extend(of_list(&condition.values, list("values"), false, why));
        dead.extend(of_list(&condition.not_values, list("notValues"), true, why));
    }
    dead
}

/// A value of a part of requests.
fn of_part(part: Part, value: &str) -> Option<Never> {
    let form = match part {
        Part::Path(_) => Form::of_policy_path(value)?,
        _ => Form::of_policy(value)?,
    };
    let Never { reason, instead } = part.never(form)?;
    let instead = instead.map(|it| match form {
        Form::Prefix(_) => format!("{it}*"),
        Form::Suffix(_) => format!("*{it}"),
        _ => it,
    });
    Some(Never { reason, instead })
}

/// `at` is where the list stands.
fn of_list(
    values: &[String],
    at: impl Fn() -> FieldPath,
    excludes: bool,
    why: impl Fn(&str) -> Option<Never>,
) -> Vec<DeadValue> {
    let values = values.iter().enumerate();
    let dead = values.filter_map(|(index, value)| {
        let never = why(value)?;
        // A value stands for what it says with its wildcard.
        let message = never.message(Form::Exact(value));
        Some(DeadValue { message, at: at().index(index), excludes, instead: never.instead })
    });
    dead.collect()
}

/// Istio puts `spiffe://` before what is written.
fn principal(settings: &Settings<'_>, value: &str) -> Option<Never> {
    if let Some(rest) = value.strip_prefix("spiffe://") {
        let reason = "an identity is written without `spiffe://`";
        let is_right = !rest.is_empty() && !is_foreign(settings, rest);
        return Some(Never { reason, instead: is_right.then(|| rest.to_owned()) });
    }
    if is_foreign(settings, value) {
        return Some(Never { reason: FOREIGN, instead: None });
    }
    let reason = "an identity is `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`";
    is_misshapen(value).then_some(Never { reason, instead: None })
}

const FOREIGN: &str = "the trust domain is neither the mesh's own nor among `trustDomainAliases`";

fn trust_domain(settings: &Settings<'_>, value: &str) -> Option<Never> {
    let is_whole = !value.is_empty() && !value.contains(['*', '/']);
    let is_foreign = is_whole && is_foreign(settings, &format!("{value}/ns/"));
    is_foreign.then_some(Never { reason: FOREIGN, instead: None })
}

/// Whether the mesh gives nobody such an identity, nor does anybody else: it is a trust domain alone, or of a namespace and not of
/// an account there. Others may be those of clients from outside. Source: SPIFFE ID §2; Istio, `spiffe.Identity`.
fn is_misshapen(principal: &str) -> bool {
    if principal.is_empty() || principal.contains('*') {
        return false;
    }
    let parts: Vec<_> = principal.split('/').collect();
    match parts.as_slice() {
        [_, "ns", _, "sa", _] => false,
        [_] | [_, "ns", ..] => true,
        _ => false,
    }
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
