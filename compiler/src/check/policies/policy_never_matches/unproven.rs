//! Callers that prove no identity, since none of them has a proxy that could.
//!
//! It is said of what the repository shows in full: it declares the namespace, shows what runs there, and says of each pod that is
//! meant that it gets no proxy. What says nothing of proxies may be injected elsewhere. Sources: Istio, "Installing the Sidecar",
//! "Mutual TLS Migration".

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::DeadValue;
use super::callers::Callers;
use crate::api::istio::Rule;
use crate::check::ambient::is_ambient;
use crate::check::identity::{Identity, Pattern};
use crate::check::injection::{self, DATAPLANE_MODE, INJECT, INJECTION, WithoutProxy};
use crate::check::inventory;
use crate::diagnostic::{FieldPath, Place};
use crate::resolve::{Mesh, Workload, service_account};

/// What is known of those who run in namespaces. What is kept is made of the mesh alone.
pub(super) struct Unproven<'m, 'a> {
    mesh: &'m Mesh<'a>,
    /// Those in which more may run than is shown.
    unclear: OnceCell<BTreeSet<&'m str>>,
    known: RefCell<BTreeMap<String, Rc<Accounts>>>,
}

/// Why those of an account have no proxy, by account; absent: some have one, or may. None of a namespace that is not known.
type Accounts = BTreeMap<String, Option<Proof>>;

/// Where it is written that there is no proxy.
#[derive(Clone)]
pub(super) struct Proof {
    pub(super) place: Place,
    pub(super) text: &'static str,
}

/// Whom a value stands for.
enum Whom<'v> {
    Namespace(&'v str),
    Account(&'v str, &'v str),
    Pattern(&'v str, Pattern<'v>),
}

impl<'m, 'a> Unproven<'m, 'a> {
    pub(super) fn of(mesh: &'m Mesh<'a>) -> Self {
        Self { mesh, unclear: OnceCell::new(), known: RefCell::default() }
    }

    /// The values of a rule, which stands at `at` in a policy of `namespace`, that stand for nobody but such callers.
    pub(super) fn values(
        &self,
        callers: &Callers<'_, '_>,
        (rule, namespace): (&Rule, &str),
        at: &FieldPath,
    ) -> Vec<DeadValue> {
        // Another cluster's may have the same names and another trust domain, and strangers any names.
        if !self.mesh.settings.trust_domain_aliases.is_empty() || callers.have_others() {
            return Vec::new();
        }
        let mut dead = Vec::new();
        for list in lists(rule, at) {
            for (index, value) in list.values.iter().enumerate() {
                let Some(whom) = self.whom(callers, &list, value, namespace) else { continue };
                let Some(proof) = self.proof(&whom) else { continue };
                dead.push(DeadValue {
                    message: whom.message(value),
                    at: list.at.clone().index(index),
                    excludes: list.excludes,
                    instead: None,
                    proof: Some(proof),
                });
            }
        }
        dead
    }

    fn whom<'v>(
        &self,
        callers: &Callers<'_, '_>,
        list: &List<'_>,
        value: &'v str,
        own_namespace: &'v str,
    ) -> Option<Whom<'v>> {
        match list.of {
            Of::Namespaces => (!value.contains('*')).then_some(Whom::Namespace(value)),
            Of::Accounts => {
                let (namespace, account) = service_account(value, own_namespace);
                (!value.contains('*')).then_some(Whom::Account(namespace, account))
            }
            // What is wrong with its form, or its trust domain, is told as that.
            Of::Principals if callers.principal(value).is_some() => None,
            Of::Principals => {
                let is_ours = |domain: &str| self.mesh.settings.trust_domains().has(domain);
                if let Some(it) = Identity::parse(value) {
                    return is_ours(it.domain).then_some(Whom::Account(it.namespace, it.account));
                }
                let it = Pattern::parse(value)?;
                let namespace = it.namespace?;
                (it.domain.is_empty() || is_ours(it.domain)).then_some(Whom::Pattern(namespace, it))
            }
        }
    }

    fn proof(&self, whom: &Whom<'_>) -> Option<Proof> {
        let (namespace, is_meant): (&str, &dyn Fn(&str) -> bool) = match whom {
            Whom::Namespace(namespace) => (namespace, &|_| true),
            Whom::Account(namespace, name) => (namespace, &|it| it == *name),
            Whom::Pattern(namespace, pattern) => (namespace, &|it| pattern.takes(it)),
        };
        // What says of itself that it has no proxy says nothing of what another program may run beside it.
        if matches!(whom, Whom::Namespace(_)) && !self.is_disabled(namespace) {
            return None;
        }
        let accounts = self.accounts(namespace);
        let mut meant = accounts.iter().filter(|(account, _)| is_meant(account));
        let first = meant.next()?.1.clone()?;
        meant.all(|(_, proof)| proof.is_some()).then_some(first)
    }

    fn is_disabled(&self, namespace: &str) -> bool {
        let declared = self.mesh.namespaces.find(namespace);
        let said = declared.and_then(|it| it.metadata.labels.get(INJECTION));
        said.is_some_and(|it| it != "enabled")
    }

    fn accounts(&self, namespace: &str) -> Rc<Accounts> {
        if let Some(known) = self.known.borrow().get(namespace) {
            return Rc::clone(known);
        }
        let accounts = Rc::new(self.find_accounts(namespace).unwrap_or_default());
        self.known.borrow_mut().insert(namespace.to_owned(), Rc::clone(&accounts));
        accounts
    }

    fn find_accounts(&self, namespace: &str) -> Option<Accounts> {
        let mesh = self.mesh;
        let declared = mesh.namespaces.find(namespace)?;
        let is_shown = injection::is_of_applications(namespace)
            && namespace != mesh.settings.root_namespace
            && injection::label(&declared.metadata, DATAPLANE_MODE) != Some("ambient")
            && inventory::shows_workloads(mesh, namespace)
            && !self.unclear.get_or_init(|| unclear(mesh)).contains(namespace);
        if !is_shown {
            return None;
        }
        let mut accounts = Accounts::new();
        for workload in mesh.workloads.of_namespace(namespace) {
            let proof = proof_of(mesh, workload);
            let account = workload.inventory.service_account.clone();
            let entry = accounts.entry(account).or_insert_with(|| proof.clone());
            if proof.is_none() {
                *entry = None;
            }
        }
        let listed = mesh.source.project.inventory.service_accounts.iter();
        let listed = listed.filter_map(|it| it.split_once('/'));
        let named = mesh.source.promised.accounts();
        for (_, account) in listed.chain(named).filter(|(own, _)| *own == namespace) {
            accounts.insert(account.to_owned(), None);
        }
        Some(accounts)
    }
}

/// Where gateways stand, whose proxies may be there as well, or machines.
fn unclear<'m>(mesh: &'m Mesh<'_>) -> BTreeSet<&'m str> {
    let gateways = mesh.gateways.iter().map(|it| it.resource.namespace.as_str());
    let api = mesh.api_gateways.iter().map(|it| it.resource.namespace.as_str());
    let machines = mesh.source.workload_entries.iter().map(|it| it.namespace.as_str());
    let entries = mesh.source.service_entries.iter();
    let entries = entries
        .filter(|it| it.spec.endpoints.iter().any(|it| !it.service_account.is_empty()))
        .map(|it| it.namespace.as_str());
    gateways.chain(api).chain(machines).chain(entries).collect()
}

/// Where it is written that the pods of a workload get no proxy; absent where they may.
fn proof_of(mesh: &Mesh<'_>, workload: &Workload<'_>) -> Option<Proof> {
    let proof = |place, text| Some(Proof { place, text });
    // Nodes capture those of ambient mode.
    let is_captured = is_ambient(workload)
        || injection::label(workload.metadata, DATAPLANE_MODE) == Some("ambient");
    match injection::why_without(mesh, workload).filter(|_| !is_captured)? {
        WithoutProxy::HostNetwork => proof(
            Place::value(workload.id, workload.pod_path().field("hostNetwork")),
            "on the network of its node it gets no proxy",
        ),
        WithoutProxy::Declined => {
            let is_label = workload.metadata.labels.contains_key(INJECT);
            let at = if is_label { workload.labels_path() } else { workload.annotations_path() };
            proof(Place::value(workload.id, at.field(INJECT)), "says that it gets no proxy")
        }
        WithoutProxy::Disabled => {
            let namespace = mesh.namespaces.find(workload.namespace())?;
            let at = FieldPath::default().field("metadata").field("labels").field(INJECTION);
            proof(Place::value(namespace.id, at), "says that nobody there gets a proxy")
        }
        WithoutProxy::NotInjected => None,
    }
}

impl Whom<'_> {
    fn message(&self, value: &str) -> String {
        match self {
            Self::Namespace(namespace) => {
                format!(
                    "nobody in namespace `{namespace}` has a proxy, and so nobody has an identity"
                )
            }
            Self::Account(..) | Self::Pattern(..) => {
                format!(
                    "nobody whom `{value}` stands for has a proxy, and so nobody has an identity"
                )
            }
        }
    }
}

/// What the values of a list are.
#[derive(Clone, Copy)]
enum Of {
    Namespaces,
    Accounts,
    Principals,
}

struct List<'r> {
    of: Of,
    values: &'r [String],
    at: FieldPath,
    excludes: bool,
}

/// The lists of a rule by which it tells callers apart that have proved who they are.
fn lists<'r>(rule: &'r Rule, at: &FieldPath) -> Vec<List<'r>> {
    let mut all = Vec::new();
    for (index, from) in rule.from.iter().flatten().enumerate() {
        let Some(source) = &from.source else { continue };
        let at = at.clone().field("from").index(index).field("source");
        let lists: [(Of, &'static str, &'r Vec<String>, bool); 6] = [
            (Of::Principals, "principals", &source.principals, false),
            (Of::Principals, "notPrincipals", &source.not_principals, true),
            (Of::Namespaces, "namespaces", &source.namespaces, false),
            (Of::Namespaces, "notNamespaces", &source.not_namespaces, true),
            (Of::Accounts, "serviceAccounts", &source.service_accounts, false),
            (Of::Accounts, "notServiceAccounts", &source.not_service_accounts, true),
        ];
        let lists = lists.into_iter();
        all.extend(lists.map(|(of, field, values, excludes)| List {
            of,
            values,
            at: at.clone().field(field),
            excludes,
        }));
    }
    for (index, condition) in rule.when.iter().enumerate() {
        let of = match condition.key.as_str() {
            "source.principal" => Of::Principals,
            "source.namespace" => Of::Namespaces,
            "source.serviceAccount" => Of::Accounts,
            _ => continue,
        };
        let at = at.clone().field("when").index(index);
        let values = (&condition.values, at.clone().field("values"), false);
        let left_out = (&condition.not_values, at.field("notValues"), true);
        all.extend([values, left_out].map(|(values, at, excludes)| List {
            of,
            values,
            at,
            excludes,
        }));
    }
    all
}

#[cfg(test)]
mod tests {
    use crate::check::policies::policy_never_matches::CHECK;
    use crate::testing::{Folder, findings};

    const REPOSITORY: &str = "apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: legacy, labels: {istio-injection: disabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: old, namespace: legacy}
spec:
  selector: {matchLabels: {app: old}}
  template:
    metadata: {labels: {app: old}}
    spec: {serviceAccountName: old, containers: [{name: a, image: a}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: task, namespace: shop}
spec:
  selector: {matchLabels: {app: task}}
  template:
    metadata: {labels: {app: task, sidecar.istio.io/inject: 'false'}}
    spec: {serviceAccountName: task, containers: [{name: a, image: a}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {serviceAccountName: web, containers: [{name: a, image: a}]}
";

    /// What is said of a policy whose only rule asks so, and what else it points at.
    fn said(repository: &str, action: &str, rule: &str) -> Vec<(String, usize)> {
        let folder = Folder::new();
        folder.write("a.yaml", repository);
        folder.write("b.yaml", format!("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: shop}}\nspec: {{selector: {{matchLabels: {{app: web}}}}, action: {action}, rules: [{{{rule}}}]}}\n"));
        let found = findings(folder.path()).into_iter().filter(|it| it.check == &CHECK);
        found.map(|it| (it.message, it.others.len())).collect()
    }

    fn source(text: &str) -> String {
        format!("from: [{{source: {{{text}}}}}]")
    }

    const OF_LEGACY: &str =
        "nobody in namespace `legacy` has a proxy, and so nobody has an identity";

    #[test]
    fn who_has_no_proxy_has_no_identity() {
        let of = |it: &str| {
            format!("nobody whom `{it}` stands for has a proxy, and so nobody has an identity")
        };
        for (rule, message) in [
            (source("namespaces: [legacy]"), OF_LEGACY.to_owned()),
            (source("notNamespaces: [legacy]"), OF_LEGACY.to_owned()),
            (
                "when: [{key: source.namespace, values: [web, legacy]}]".to_owned(),
                OF_LEGACY.to_owned(),
            ),
            (
                source("principals: [cluster.local/ns/legacy/sa/old]"),
                of("cluster.local/ns/legacy/sa/old"),
            ),
            (source("principals: [cluster.local/ns/legacy/*]"), of("cluster.local/ns/legacy/*")),
            (source("principals: ['*/ns/legacy/sa/old']"), of("*/ns/legacy/sa/old")),
            (
                source("principals: [cluster.local/ns/shop/sa/task]"),
                of("cluster.local/ns/shop/sa/task"),
            ),
            (source("serviceAccounts: [legacy/old]"), of("legacy/old")),
            (source("serviceAccounts: [task]"), of("task")),
        ] {
            for action in ["ALLOW", "DENY"] {
                assert_eq!(
                    said(REPOSITORY, action, &rule),
                    [(message.clone(), 1)],
                    "{action} {rule}"
                );
            }
        }
        for rule in [
            "namespaces: [shop]",
            "namespaces: ['leg*']",
            "principals: [cluster.local/ns/shop/sa/web]",
            "principals: [cluster.local/ns/shop/*]",
            "principals: [cluster.local/ns/legacy/sa/other]",
            "ipBlocks: [10.0.0.0/8]",
        ] {
            assert_eq!(said(REPOSITORY, "ALLOW", &source(rule)), [], "{rule}");
        }
    }

    #[test]
    fn what_may_have_a_proxy_may_have_an_identity() {
        let is_told = |repository: &str| {
            !said(repository, "ALLOW", &source("namespaces: [legacy]")).is_empty()
        };
        assert!(is_told(REPOSITORY));
        for (before, after) in [
            (", labels: {istio-injection: disabled}", ""),
            (
                "istio-injection: disabled",
                "istio-injection: disabled, istio.io/dataplane-mode: ambient",
            ),
            ("{labels: {app: old}}", "{labels: {app: old, sidecar.istio.io/inject: 'true'}}"),
            ("{labels: {app: old}}", "{labels: {app: old, istio.io/rev: a}}"),
            ("{labels: {app: old}}", "{labels: {app: old, istio.io/dataplane-mode: ambient}}"),
            (
                "{name: a, image: a}]}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: task",
                "{name: istio-proxy, image: a}]}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: task",
            ),
            ("kind: Deployment\nmetadata: {name: old", "kind: Job\nmetadata: {name: old"),
        ] {
            let changed = REPOSITORY.replace(before, after);
            assert_ne!(changed, REPOSITORY);
            assert!(!is_told(&changed), "{after}");
        }
        for beside in [
            "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: vm, namespace: legacy}\nspec: {address: 10.0.0.1, serviceAccount: old}\n",
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: vm, namespace: legacy}\nspec: {hosts: [a.example.com], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 10.0.0.1, serviceAccount: old}]}\n",
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: legacy}\nspec: {selector: {istio: edge}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, tls: {mode: MUTUAL, credentialName: a}, hosts: [a.example.com]}]}\n",
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: legacy}\nspec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}\n",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: 'trustDomainAliases: [other]'}\n",
            "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: f, namespace: legacy}\nspec: {template: {spec: {containers: [{image: a}]}}}\n",
        ] {
            assert!(!is_told(&format!("{REPOSITORY}---\n{beside}")), "{beside}");
        }
    }

    #[test]
    fn one_of_an_account_may_have_a_proxy() {
        let rule = source("principals: [cluster.local/ns/shop/sa/task]");
        let second = REPOSITORY.replace("serviceAccountName: web", "serviceAccountName: task");
        assert_eq!(said(&second, "ALLOW", &rule), []);
    }
}
