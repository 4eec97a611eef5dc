//! Identities of connections that nobody proves.
//!
//! The mesh gives its workloads `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`, and takes no other of them. Where a gateway or a
//! `Sidecar` asks for certificates of an authority of its own, others may have any. Sources: SPIFFE ID §2; Istio,
//! `spiffe.Identity`, `ServerTLSSettings.mode`.

use crate::check::identity::has_shape;
use crate::check::matching::form::Form;
use crate::check::matching::possible::Never;
use crate::check::outsiders;
use crate::resolve::{Mesh, Settings, Workload, service_account};

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
        let is_foreign = is_whole
            && self.settings().trust_domains().iter().all(|it| it != value)
            && !self.have_others();
        is_foreign.then_some(Never { reason: FOREIGN, instead: None })
    }

    fn fault(&self, value: &str) -> Option<&'static str> {
        let is_shaped = has_shape(value);
        let reason = match (is_shaped, self.settings().trust_domains().begin(value)) {
            (true, true) => return None,
            (true, false) => FOREIGN,
            (false, _) => SHAPE,
        };
        // Others have other forms, but whoever is of a namespace is an account there.
        let is_of_others = is_shaped || (value.contains('/') && !value.contains("/ns/"));
        (!is_of_others || !self.have_others()).then_some(reason)
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

    /// Whether some may have identities that the mesh does not give.
    pub(super) fn have_others(&self) -> bool {
        outsiders::come_to(self.mesh, self.workloads)
    }
}

/// Who may have which identity, as a policy sees it.
pub(super) trait IdentitySpace {
    /// The policy's own.
    fn namespace(&self) -> &str;

    /// The trust domain of all who call; none where some may be of another.
    fn domain(&self) -> Option<&str>;

    /// All trust domains of those who call; none where some may be of others.
    fn domains(&self) -> Option<Vec<&str>> {
        Some(vec![self.domain()?])
    }

    /// Whom a value of `serviceAccounts` stands for.
    fn account<'s>(&'s self, value: &'s str) -> Account<'s> {
        let (namespace, name) = service_account(value, self.namespace());
        Account { namespace, name }
    }

    /// Whether everybody in `namespace`, which may be a pattern, is one of `principals`.
    fn are_all_of(&self, namespace: &str, principals: &[String]) -> bool {
        let start = match Form::of_policy(namespace) {
            Some(Form::Exact(name)) => format!("{name}/sa/"),
            Some(Form::Prefix(start)) => start.to_owned(),
            _ => String::new(),
        };
        let is_of_all = |principal: &str| {
            self.domain().is_some_and(|domain| {
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

    fn domain(&self) -> Option<&str> {
        let settings = self.callers.settings();
        let is_alone = settings.trust_domain_aliases.is_empty() && !self.callers.have_others();
        is_alone.then_some(settings.trust_domain)
    }

    fn domains(&self) -> Option<Vec<&str>> {
        let own = || self.callers.settings().trust_domains().iter().collect();
        (!self.callers.have_others()).then(own)
    }
}
