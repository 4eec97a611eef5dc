//! Who calls, as the `from` of a policy's rules sees it.
//!
//! Source: Istio, `AuthorizationPolicy`, `Source`: what is asked of an identity nobody has who calls without one, and what an
//! identity is excluded by does not exclude him.

use crate::api::istio::{Condition, Operation, Rule, Source};
use crate::check::identity;
use crate::check::policy_value::{every_address, is_namespace, is_within};
use crate::resolve::{Mesh, TrustDomains, Workload, service_account};

/// A peer with the identity of a workload, or without any.
pub(super) struct Caller<'a>(Option<Identity<'a>>);

struct Identity<'a> {
    domains: TrustDomains<'a>,
    principal: String,
    namespace: &'a str,
    account: &'a str,
}

impl Identity<'_> {
    /// Whether a principal of a policy stands for it, among others.
    fn is(&self, value: &str) -> bool {
        let own = self.domains.identities(value).next();
        own.is_some_and(|own| is_within(&self.principal, &own))
    }
}

impl<'a> Caller<'a> {
    pub(super) const NOBODY: Caller<'static> = Caller(None);

    pub(super) fn of(mesh: &Mesh<'a>, workload: &'a Workload<'_>) -> Self {
        let (namespace, account) =
            (workload.namespace(), workload.inventory.service_account.as_str());
        let domains = mesh.settings.trust_domains();
        let principal = format!("{}/ns/{namespace}/sa/{account}", domains.own);
        Self(Some(Identity { domains, principal, namespace, account }))
    }

    /// Whether a rule of a policy in the namespace `own` may hold for the caller: what it asks of tokens and addresses may be so.
    pub(super) fn may_be_meant(&self, rule: &Rule, own: &str) -> bool {
        let may_meet = |it: &Condition| self.0.is_some() || !identity::is_asked(it);
        rule.when.iter().all(may_meet)
            && rule.from.as_ref().is_none_or(|from| {
                let mut sources = from.iter().filter_map(|part| part.source.as_ref());
                sources.any(|source| self.has_identity(source, own))
            })
    }

    /// Whether a rule holds for the caller, whatever its tokens and its address, and on whatever conditions.
    pub(super) fn is_meant(&self, rule: &Rule, own: &str) -> bool {
        rule.when.iter().all(|it| self.is_surely_met(it))
            && rule.from.as_ref().is_none_or(|from| {
                let mut sources = from.iter().filter_map(|part| part.source.as_ref());
                sources.any(|it| self.asks_for_identity_alone(it) && self.has_identity(it, own))
            })
    }

    /// What excludes identities alone does not exclude who has none.
    fn is_surely_met(&self, condition: &Condition) -> bool {
        self.0.is_none()
            && identity::KEYS.contains(&condition.key.as_str())
            && condition.values.is_empty()
    }

    fn asks_for_identity_alone(&self, source: &Source) -> bool {
        let others = [
            &source.request_principals,
            &source.not_request_principals,
            &source.ip_blocks,
            &source.not_ip_blocks,
            &source.remote_ip_blocks,
            &source.not_remote_ip_blocks,
        ];
        // Of which trust domain a workload is depends on when it got its certificate.
        let domains = [&source.trust_domains, &source.not_trust_domains];
        others.iter().all(|list| list.is_empty())
            && (self.0.is_none() || domains.iter().all(|list| list.is_empty()))
    }

    fn has_identity(&self, source: &Source, own: &str) -> bool {
        let Some(identity @ Identity { namespace, account, .. }) = &self.0 else {
            return identity::asked_by(source).is_none();
        };
        let is_principal = |value: &String| identity.is(value);
        let is_namespace = |value: &String| is_namespace(namespace, value);
        let is_account = |value: &String| service_account(value, own) == (*namespace, *account);
        let has = |values: &[String], holds: &dyn Fn(&String) -> bool| {
            values.is_empty() || values.iter().any(holds)
        };
        has(&source.principals, &is_principal)
            && has(&source.namespaces, &is_namespace)
            && has(&source.service_accounts, &is_account)
            && !source.not_principals.iter().any(is_principal)
            && !source.not_namespaces.iter().any(is_namespace)
            && !source.not_service_accounts.iter().any(is_account)
    }
}

/// Whether a rule holds for every request of who is meant, whatever it asks for.
pub(super) fn is_for_every_request(rule: &Rule) -> bool {
    let is_every = |it: &Operation| {
        let nots = [&it.not_hosts, &it.not_ports, &it.not_methods, &it.not_paths];
        let is_any = |values: &[String]| values.is_empty() || values.iter().any(|it| it == "*");
        it.ports.is_empty()
            && nots.iter().all(|list| list.is_empty())
            && [&it.hosts, &it.methods, &it.paths].into_iter().all(|it| is_any(it))
    };
    rule.to
        .as_ref()
        .is_none_or(|to| to.iter().filter_map(|part| part.operation.as_ref()).any(is_every))
}

/// Whether a rule holds for everybody and everything: absent where it does not, and otherwise whether only over IPv4.
pub(super) fn is_for_all(rule: &Rule) -> Option<Reach> {
    if !is_for_every_request(rule) || !rule.when.is_empty() {
        return None;
    }
    let Some(from) = &rule.from else { return Some(Reach::All) };
    let sources = from.iter().filter_map(|part| part.source.as_ref());
    sources.filter_map(reach).max()
}

/// How much a rule that asks for nothing in particular reaches.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Reach {
    OverIpv4,
    All,
}

/// Of a source that asks for every address, and for nothing else.
fn reach(source: &Source) -> Option<Reach> {
    let addresses = [&source.ip_blocks, &source.remote_ip_blocks];
    let rest = Source { ip_blocks: Vec::new(), remote_ip_blocks: Vec::new(), ..source.clone() };
    let asked = addresses.into_iter().filter(|it| !it.is_empty());
    let reaches = asked.map(|blocks| match every_address(blocks) {
        (true, true) => Some(Reach::All),
        (true, false) => Some(Reach::OverIpv4),
        (false, _) => None,
    });
    if rest != Source::default() {
        return None;
    }
    reaches.collect::<Option<Vec<_>>>()?.into_iter().min()
}
