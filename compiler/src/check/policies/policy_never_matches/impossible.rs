//! Values that nothing in this mesh has.

use super::DeadValue;
use super::callers::Callers;
use super::token::Tokens;
use crate::api::istio::Rule;
use crate::check::matching::form::Form;
use crate::check::matching::possible::{Never, Part};
use crate::check::served_hosts::ServedHosts;
use crate::diagnostic::FieldPath;

/// What is known of the workloads of a policy.
pub(super) struct Known<'f, 't> {
    pub(super) tokens: &'f dyn Fn() -> &'t Tokens<'t>,
    /// The hosts of requests; absent: any.
    pub(super) hosts: &'f dyn Fn() -> Option<&'t ServedHosts>,
    /// Those that handshakes name.
    pub(super) names: &'f dyn Fn() -> Option<&'t ServedHosts>,
    /// Whether anybody proves an identity to them.
    pub(super) has_identities: bool,
}

/// All values that can never be met, each by itself.
pub(super) fn dead_values(
    callers: &Callers<'_, '_>,
    known: &Known<'_, '_>,
    rule: &Rule,
    at: &FieldPath,
) -> Vec<DeadValue> {
    let mut dead = Vec::new();
    let normalization = callers.settings().path_normalization;
    let callers = Some(callers).filter(|_| known.has_identities);
    let principal = |it: &str| callers.and_then(|callers| callers.principal(it));
    let domain = |it: &str| callers.and_then(|callers| callers.trust_domain(it));
    let tokens = known.tokens;
    let token = |it: &str| tokens().principal(it);
    let path = |it: &str| of_part(Part::Path(normalization), it);
    let method = |it: &str| of_part(Part::Method, it);
    let is_served = |it: &str| (known.hosts)().and_then(|served| served.never(it));
    let is_named = |it: &str| (known.names)().and_then(|named| named.never(it));
    let host = |it: &str| of_part(Part::Authority, it).or_else(|| is_served(it));
    for (index, from) in rule.from.iter().flatten().enumerate() {
        let Some(source) = &from.source else { continue };
        let list = |name| move || at.clone().field("from").index(index).field("source").field(name);
        dead.extend(of_list(&source.principals, list("principals"), false, principal));
        dead.extend(of_list(&source.not_principals, list("notPrincipals"), true, principal));
        dead.extend(of_list(&source.request_principals, list("requestPrincipals"), false, token));
        let not = list("notRequestPrincipals");
        dead.extend(of_list(&source.not_request_principals, not, true, token));
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
        let why = |it: &str| match (part, condition.key.as_str()) {
            (Some(Part::Authority), _) => host(it),
            (Some(part), _) => of_part(part, it),
            (None, "source.principal") => principal(it),
            (None, "source.trustDomain") => domain(it),
            (None, "connection.sni") => is_named(it),
            (None, "request.auth.principal") => token(it),
            (None, "request.auth.claims[iss]") => tokens().issuer(it),
            _ => None,
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
        Some(DeadValue {
            message,
            at: at().index(index),
            excludes,
            instead: never.instead,
            proof: None,
        })
    });
    dead.collect()
}
