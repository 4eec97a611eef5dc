//! Identities of connections that nobody proves.
//!
//! The mesh gives its workloads `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`, and takes no other of them. Where a gateway or a
//! `Sidecar` asks for certificates of an authority of its own, others may have any. Sources: SPIFFE ID §2; Istio,
//! `spiffe.Identity`, `ServerTLSSettings.mode`.

use mesh_snapshot::object::Role;

use crate::check::matching::form::Form;
use crate::check::matching::possible::Never;
use crate::check::outsiders;
use crate::check::policy_value::own_domains;
use crate::resolve::{Mesh, Settings, Workload};

const FOREIGN: &str = "the trust domain is neither the mesh's own nor among `trustDomainAliases`";
const SHAPE: &str = "an identity is `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`";

/// Who may call the workloads of a policy.
pub(super) struct Callers<'p, 'a> {
    pub(super) mesh: &'p Mesh<'a>,
    /// None: they are not known.
    pub(super) workloads: &'p [&'p Workload<'a>],
}

impl<'a> Callers<'_, 'a> {
    pub(super) fn settings(&self) -> &Settings<'a> {
        &self.mesh.settings
    }

    /// Why nobody proves to be `value`. Istio puts `spiffe://` before what is written.
    pub(super) fn principal(&self, value: &str) -> Option<Never> {
        if let Some(rest) = value.strip_prefix("spiffe://") {
            let reason = "an identity is written without `spiffe://`";
            let is_right = !rest.is_empty() && self.fault(rest).is_none();
            return Some(Never { reason, instead: is_right.then(|| rest.to_owned()) });
        }
        let reason = self.fault(value)?;
        Some(Never { reason, instead: self.meant(value) })
    }

    /// Why nobody is of the trust domain `value`.
    pub(super) fn trust_domain(&self, value: &str) -> Option<Never> {
        let is_whole = !value.is_empty() && !value.contains(['*', '/']);
        let is_foreign =
            is_whole && own_domains(self.settings()).all(|it| it != value) && !self.have_others();
        is_foreign.then_some(Never { reason: FOREIGN, instead: None })
    }

    fn fault(&self, value: &str) -> Option<&'static str> {
        let is_shaped = has_shape(value);
        let reason = match (is_shaped, self.are_of(value)) {
            (true, true) => return None,
            (true, false) => FOREIGN,
            (false, _) => SHAPE,
        };
        // Others have other forms, but whoever is of a namespace is an account there.
        let is_of_others = is_shaped || (value.contains('/') && !value.contains("/ns/"));
        (!is_of_others || !self.have_others()).then_some(reason)
    }

    /// Whether the mesh's own workloads are of the trust domain that an identity begins with.
    fn are_of(&self, value: &str) -> bool {
        let mut own = own_domains(self.settings());
        match (value.split_once('/'), value.strip_suffix('*')) {
            _ if value.starts_with('*') => true,
            (Some((domain, _)), _) => own.any(|it| it == domain),
            (None, Some(start)) => own.any(|it| it.starts_with(start)),
            (None, None) => false,
        }
    }

    /// The same account in the form that is compared: `NAMESPACE/ACCOUNT`, or what Kubernetes calls it.
    fn meant(&self, value: &str) -> Option<String> {
        let parts: Vec<_> = value.split(['/', ':']).collect();
        let ([namespace, account]
        | ["system", "serviceaccount", namespace, account]
        | [_, "ns", namespace, _, account]) = *parts.as_slice()
        else {
            return None;
        };
        let meant = format!("{}/ns/{namespace}/sa/{account}", self.settings().trust_domain);
        let is_known = self.mesh.namespaces.contains(namespace);
        (is_known && !account.is_empty() && self.fault(&meant).is_none()).then_some(meant)
    }

    /// Whether some may prove what another authority than the mesh's says.
    fn have_others(&self) -> bool {
        let is_gateway = |it: &&Workload<'_>| it.inventory.role == Role::Gateway;
        let may_be_gateway = self.workloads.is_empty() || self.workloads.iter().any(is_gateway);
        (may_be_gateway && outsiders::come_by_gateways(self.mesh))
            || outsiders::come_by_sidecars(self.mesh)
    }
}

/// Who may have which identity, as a policy sees it.
pub(super) trait IdentitySpace {
    /// The policy's own.
    fn namespace(&self) -> &str;

    /// The trust domains of all who call; none where others may call, too.
    fn domains(&self) -> Vec<&str>;

    /// Whom a value of `serviceAccounts` stands for.
    fn account<'s>(&'s self, value: &'s str) -> Account<'s> {
        let (namespace, name) = value.split_once('/').unwrap_or((self.namespace(), value));
        Account { namespace, name }
    }

    /// Whether everybody in `namespace`, which may be a pattern, is one of `principals`.
    fn are_all_of(&self, namespace: &str, principals: &[String]) -> bool {
        let start = match Form::of_policy(namespace) {
            Some(Form::Exact(name)) => format!("{name}/sa/"),
            Some(Form::Prefix(start)) => start.to_owned(),
            _ => String::new(),
        };
        // One of the mesh's trust domains stands for all of them.
        let is_of_all = |principal: &str| {
            self.domains().iter().any(|domain| {
                let rest = principal.strip_prefix(domain).filter(|rest| rest.starts_with('/'));
                rest.is_some_and(|rest| format!("/ns/{start}").starts_with(rest))
            })
        };
        principals.iter().any(|it| match Form::of_policy(it) {
            None => true,
            Some(Form::Prefix(text)) => is_of_all(text),
            Some(_) => false,
        })
    }
}

/// A service account.
#[derive(Eq, PartialEq)]
pub(super) struct Account<'p> {
    pub(super) namespace: &'p str,
    pub(super) name: &'p str,
}

impl Account<'_> {
    /// Whether it is none of those that a value of `principals` stands for, whatever its trust domain.
    pub(super) fn is_none_of(&self, principal: &str) -> bool {
        let own = format!("/ns/{}/sa/{}", self.namespace, self.name);
        let after_domain =
            |text: &str| text.find('/').and_then(|at| text.get(at..)).map(str::to_owned);
        match Form::of_policy(principal) {
            Some(Form::Exact(text)) => after_domain(text).is_some_and(|it| it != own),
            Some(Form::Prefix(text)) => after_domain(text).is_some_and(|it| !own.starts_with(&it)),
            Some(Form::Suffix(end)) => !own.ends_with(end) && !end.ends_with(&own),
            _ => false,
        }
    }
}

/// As the workloads of a policy in `namespace` see it.
pub(super) struct SeenBy<'p, 'a> {
    pub(super) callers: &'p Callers<'p, 'a>,
    pub(super) namespace: &'p str,
}

impl IdentitySpace for SeenBy<'_, '_> {
    fn namespace(&self) -> &str {
        self.namespace
    }

    fn domains(&self) -> Vec<&str> {
        if self.callers.have_others() {
            return Vec::new();
        }
        own_domains(self.callers.settings()).collect()
    }
}

/// Whether a value of a policy stands for identities of accounts in namespaces: each part that is written out is in its place.
fn has_shape(value: &str) -> bool {
    const FORM: [Option<&str>; 5] = [None, Some("ns"), None, Some("sa"), None];
    let fits = |(part, form): (&str, Option<&str>)| form.map_or(!part.is_empty(), |it| it == part);
    if let Some(text) = value.strip_prefix('*') {
        // What follows the first slash is written out.
        let Some((cut, whole)) = text.split_once('/') else { return true };
        let parts: Vec<_> = whole.rsplit('/').collect();
        let mut form = FORM.into_iter().rev();
        let are_in_place = parts.len() < FORM.len() && parts.into_iter().zip(&mut form).all(fits);
        return are_in_place && form.next().is_some_and(|it| it.is_none_or(|it| it.ends_with(cut)));
    }
    let Some(text) = value.strip_suffix('*') else {
        let parts = value.split('/');
        return parts.clone().count() == FORM.len() && parts.zip(FORM).all(fits);
    };
    let Some((whole, cut)) = text.rsplit_once('/') else { return true };
    let mut form = FORM.into_iter();
    let parts: Vec<_> = whole.split('/').collect();
    let are_in_place = parts.len() < FORM.len() && parts.into_iter().zip(&mut form).all(fits);
    are_in_place && form.next().is_some_and(|it| it.is_none_or(|it| it.starts_with(cut)))
}

#[cfg(test)]
mod tests {
    use super::has_shape;

    #[test]
    fn an_identity_has_five_parts() {
        for value in [
            "a/ns/b/sa/c",
            "*",
            "a*",
            "a/*",
            "a/n*",
            "a/ns/*",
            "a/ns/b*",
            "a/ns/b/sa/*",
            "a/ns/b/sa/c*",
            "*c",
            "*/c",
            "*a/c",
            "*/sa/c",
            "*b/sa/c",
            "*/b/sa/c",
            "*ns/b/sa/c",
            "*/ns/b/sa/c",
            "*a/ns/b/sa/c",
        ] {
            assert!(has_shape(value), "{value}");
        }
        for value in [
            "",
            "a",
            "b/c",
            "a/ns/b",
            "a/ns/b/sa/",
            "a/ns/b/sa/c/d",
            "a/ns/b/serviceaccount/c",
            "a/x/*",
            "a/ns/b/x*",
            "a/ns/b/sa/c/*",
            "*/x/c",
            "*x/c",
            "*/x/ns/b/sa/c",
            "*/",
        ] {
            assert!(!has_shape(value), "{value}");
        }
    }
}
