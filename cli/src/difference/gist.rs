//! What a policy does to whom it is for, in few words: `DENY: to path /admin*`. The words are those of Istio's fields.

use mesh_snapshot::Object;
use mesh_snapshot::object::{
    Action, AuthorizationPolicy, MtlsMode, PeerAuthentication, RequestAuthentication,
    RequestFilters,
};

use super::rule::{sentence, without_rules};

/// How many rules are told of a policy, issuers, or steps.
const PARTS_MAX: usize = 3;

/// Nothing of what is no policy.
pub(super) fn gist(object: &Object) -> Option<String> {
    let said = match object {
        Object::AuthorizationPolicy(policy) => authorization(policy),
        Object::PeerAuthentication(policy) => peers(policy),
        Object::RequestAuthentication(policy) => issuers(policy),
        Object::RequestFilters(filters) => steps(filters),
        _ => return None,
    };
    Some(said).filter(|said| !said.is_empty())
}

fn authorization(policy: &AuthorizationPolicy) -> String {
    let action = match &policy.action {
        Action::Allow => "ALLOW".to_owned(),
        Action::Deny => "DENY".to_owned(),
        Action::Audit => "AUDIT".to_owned(),
        Action::Custom { provider } => format!("CUSTOM {provider}"),
    };
    let trial = if policy.dry_run { ", as a dry run" } else { "" };
    let rules = if policy.rules.is_empty() {
        without_rules(policy)
    } else {
        some(policy.rules.iter().map(|rule| sentence(rule, policy)), ", or ")
    };
    format!("{action}{trial}: {rules}")
}

fn peers(policy: &PeerAuthentication) -> String {
    let own = policy.mode.map_or("UNSET", mode).to_owned();
    let ports = policy.ports.iter().map(|(port, of)| format!("port {port} {}", mode(*of)));
    some(std::iter::once(own).chain(ports), ", ")
}

pub(super) const fn mode(mode: MtlsMode) -> &'static str {
    match mode {
        MtlsMode::Disable => "DISABLE",
        MtlsMode::Permissive => "PERMISSIVE",
        MtlsMode::Strict => "STRICT",
    }
}

fn issuers(policy: &RequestAuthentication) -> String {
    some(policy.rules.iter().map(|rule| format!("issuer {}", rule.issuer)), ", ")
}

fn steps(filters: &RequestFilters) -> String {
    some(filters.filters.iter().map(|filter| filter.name.clone()), ", ")
}

/// The first of them, and how many more there are.
fn some(all: impl Iterator<Item = String>, separator: &str) -> String {
    let mut said: Vec<_> = all.collect();
    let more = said.len().saturating_sub(PARTS_MAX);
    said.truncate(PARTS_MAX);
    let more = if more == 0 { String::new() } else { format!("{separator}{more} more") };
    said.join(separator) + &more
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mesh_snapshot::object::Rule;

    use super::*;

    #[test]
    fn a_policy_is_told_in_few_words() {
        let mut policy = AuthorizationPolicy {
            namespace: "shop".into(),
            name: "x".into(),
            action: Action::Deny,
            dry_run: true,
            rules: vec![Rule::default(); 5],
        };
        let told = authorization(&policy);
        assert!(told.starts_with("DENY, as a dry run: nobody may call, if"), "{told}");
        assert!(told.ends_with(", or 2 more"), "{told}");
        (policy.action, policy.dry_run) = (Action::Custom { provider: "ask".into() }, false);
        policy.rules.clear();
        assert_eq!(authorization(&policy), "CUSTOM ask: nobody is asked: it has no rules");

        let ports = BTreeMap::from([(8080, MtlsMode::Disable)]);
        let peers = |mode| peers(&PeerAuthentication { mode, ports: ports.clone() });
        assert_eq!(peers(Some(MtlsMode::Strict)), "STRICT, port 8080 DISABLE");
        assert_eq!(peers(None), "UNSET, port 8080 DISABLE");
        assert_eq!(gist(&Object::RequestFilters(RequestFilters::default())), None);
    }
}
