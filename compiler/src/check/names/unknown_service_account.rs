//! `unknown-service-account`: a policy names an identity that no workload can have, or a workload one that there is not.
//!
//! Of policies only identities of this mesh's trust domains are looked at, and only namespaces in which something is known to
//! run; of workloads those in namespaces that declare service accounts. Sources: Istio,
//! `AuthorizationPolicy.rules.from.source.principals`; SPIFFE ID of a workload; Kubernetes, "Configure Service Accounts for Pods".

use crate::api::istio::{AuthorizationPolicy, Source};
use crate::api::{Resource, nearest};
use crate::check::identity::{Identity, Pattern};
use crate::check::inventory::Accounts;
use crate::check::kept::apart;
use crate::check::outsiders;
use crate::diagnostic::{Cause, Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::{Mesh, service_account};

pub(in crate::check) static CHECK: Check = Check::lint(
    "unknown-service-account",
    Severity::Warning,
    include_str!("unknown_service_account.md"),
)
.alias(&["KIA0106"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let (known, domains) = (Accounts::of(mesh), mesh.settings.trust_domains());
    apart::resources(&mesh.source.authorization_policies, out, |policy, found| {
        for it in principals(policy) {
            let Some(identity) = Identity::parse(it.text) else {
                found.extend(check_pattern(mesh, &known, policy.id, &it));
                continue;
            };
            if domains.begin(it.text) && !exists(&known, &identity) {
                let place = Place::value(policy.id, it.path());
                found.extend(check(mesh, &known, &place, &it, &identity));
            }
        }
        for it in accounts(policy) {
            let (namespace, account) = service_account(it.text, &policy.namespace);
            let identity = Identity { domain: "", namespace, account };
            if !exists(&known, &identity) {
                let place = Place::value(policy.id, it.path());
                found.extend(check(mesh, &known, &place, &it, &identity));
            }
        }
    });
    check_workloads(mesh, out);
}

/// A value of a list, and where it stands.
struct Written<'p> {
    text: &'p str,
    rule: usize,
    /// The part of the rule, its place there, and the list in it.
    part: &'static str,
    place: usize,
    list: &'static [&'static str],
    index: usize,
}

impl Written<'_> {
    /// Whether its list says who is not meant.
    fn is_left_out(&self) -> bool {
        self.list.last().is_some_and(|list| list.starts_with("not"))
    }

    fn path(&self) -> FieldPath {
        let rule = FieldPath::default().field("spec").field("rules").index(self.rule);
        let part = rule.field(self.part).index(self.place);
        self.list.iter().fold(part, |path, name| path.field(*name)).index(self.index)
    }
}

/// Every `source` of a policy, with its rule and its place there.
fn sources(
    policy: &Resource<AuthorizationPolicy>,
) -> impl Iterator<Item = (usize, usize, &Source)> {
    let rules = policy.spec.rules.iter().flatten().enumerate();
    rules.flat_map(|(rule, it)| {
        let sources = it.from.iter().flatten().enumerate();
        sources.filter_map(move |(place, it)| Some((rule, place, it.source.as_ref()?)))
    })
}

fn listed<'p>(
    (rule, part, place): (usize, &'static str, usize),
    list: &'static [&'static str],
    values: &'p [String],
) -> impl Iterator<Item = Written<'p>> {
    let values = values.iter().enumerate();
    values.map(move |(index, text)| Written { text, rule, part, place, list, index })
}

fn principals(policy: &Resource<AuthorizationPolicy>) -> Vec<Written<'_>> {
    let mut all = Vec::new();
    for (rule, place, source) in sources(policy) {
        let at = (rule, "from", place);
        all.extend(listed(at, &["source", "principals"], &source.principals));
        all.extend(listed(at, &["source", "notPrincipals"], &source.not_principals));
    }
    for (rule, it) in policy.spec.rules.iter().flatten().enumerate() {
        for (place, condition) in it.when.iter().enumerate() {
            if condition.key == "source.principal" {
                let at = (rule, "when", place);
                all.extend(listed(at, &["values"], &condition.values));
                all.extend(listed(at, &["notValues"], &condition.not_values));
            }
        }
    }
    all
}

fn accounts(policy: &Resource<AuthorizationPolicy>) -> Vec<Written<'_>> {
    let mut all = Vec::new();
    for (rule, place, source) in sources(policy) {
        let at = (rule, "from", place);
        all.extend(listed(at, &["source", "serviceAccounts"], &source.service_accounts));
        all.extend(listed(at, &["source", "notServiceAccounts"], &source.not_service_accounts));
    }
    for (rule, it) in policy.spec.rules.iter().flatten().enumerate() {
        for (place, condition) in it.when.iter().enumerate() {
            if condition.key == "source.serviceAccount" {
                let at = (rule, "when", place);
                all.extend(listed(at, &["values"], &condition.values));
                all.extend(listed(at, &["notValues"], &condition.not_values));
            }
        }
    }
    all
}

fn exists(accounts: &Accounts<'_>, identity: &Identity<'_>) -> bool {
    let Identity { namespace, account, .. } = *identity;
    accounts.in_namespace(namespace).is_some_and(|known| {
        known.contains(account) || accounts.of_gateways().has(namespace, account)
    })
}

/// No account is like that.
fn check_pattern(
    mesh: &Mesh<'_>,
    accounts: &Accounts<'_>,
    document: DocumentId,
    written: &Written<'_>,
) -> Option<Diagnostic> {
    let message = nobody_like(mesh, accounts, written.text)?;
    Some(nobody(Place::value(document, written.path()), written, message, None))
}

/// Why nobody has an identity that is like `principal`, which has a wildcard.
pub(in crate::check) fn nobody_like(
    mesh: &Mesh<'_>,
    accounts: &Accounts<'_>,
    principal: &str,
) -> Option<String> {
    let pattern = Pattern::parse(principal).filter(|it| !it.account.contains('*'))?;
    // Whoever comes from elsewhere has accounts of any name.
    let is_of_others = if pattern.domain.is_empty() {
        outsiders::come(mesh)
    } else {
        !mesh.settings.trust_domains().begin(principal)
    };
    if is_of_others {
        return None;
    }
    let like = if pattern.is_beginning { "that begins with `" } else { "`" };
    let account = pattern.account;
    let Some(namespace) = pattern.namespace else {
        let is_somewhere = account == "default"
            || accounts.elsewhere(account).is_some()
            || accounts.of_gateways().has_anywhere(account);
        if is_somewhere || !accounts.are_all_known(mesh) {
            return None;
        }
        return Some(format!("there is no service account `{account}` in any namespace"));
    };
    let is_of_gateway = || {
        let first = accounts.of_gateways().first_from(namespace, account);
        first.is_some_and(|first| pattern.takes(first))
    };
    match accounts.in_namespace(namespace) {
        Some(known) if pattern.takes_any(known) => None,
        Some(_) if is_of_gateway() => None,
        Some(_) => {
            Some(format!("there is no service account {like}{account}` in namespace `{namespace}`"))
        }
        None if mesh.namespaces.are_declared() && !mesh.namespaces.contains(namespace) => {
            Some(format!("there is no namespace `{namespace}`"))
        }
        None => None,
    }
}

/// The account does not exist.
fn check(
    mesh: &Mesh<'_>,
    accounts: &Accounts<'_>,
    place: &Place,
    written: &Written<'_>,
    identity: &Identity<'_>,
) -> Option<Diagnostic> {
    let Identity { namespace, account, .. } = *identity;
    let spell = |namespace: &str, account: &str| identity.like(namespace, account);
    let (message, near) = match accounts.in_namespace(namespace) {
        Some(known) => {
            let near = nearest(account, known.iter().copied());
            let elsewhere = || accounts.elsewhere(account).map(|of| spell(of, account));
            let near = near.map(|near| spell(namespace, near)).or_else(elsewhere);
            let message =
                format!("there is no service account `{account}` in namespace `{namespace}`");
            (message, near)
        }
        None if mesh.namespaces.are_declared() && !mesh.namespaces.contains(namespace) => {
            let near = nearest(namespace, mesh.namespaces.names());
            let near = near.or_else(|| accounts.elsewhere(account));
            let message = format!("there is no namespace `{namespace}`");
            (message, near.map(|near| spell(near, account)))
        }
        None => return None,
    };
    Some(nobody(place.clone(), written, message, near.as_deref()))
}

fn nobody(place: Place, written: &Written<'_>, message: String, near: Option<&str>) -> Diagnostic {
    let effect = match (written.is_left_out(), written.text) {
        (false, text) => {
            format!("no caller ever proves to be `{text}`: by this the policy matches nobody")
        }
        (true, text) => {
            format!("no caller ever proves to be `{text}`: by this the policy leaves out nobody")
        }
    };
    let found = Diagnostic::new(&CHECK, place, message)
        .meant(near, "nobody can have this identity")
        .consequence(effect)
        .help("an account that exists outside of this repository goes into `inventory.serviceAccounts` of mesh.yaml");
    match near {
        // A slip is one of its own place; an identity that nothing is like is missing once, however often it is named.
        Some(_) => found,
        None => found.cause(Cause::Same),
    }
}

/// What runs needs an account that somebody makes.
fn check_workloads(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let declared = Accounts::declared(mesh);
    for workload in &mesh.workloads {
        let namespace = workload.namespace();
        let Some(known) = declared.in_namespace(namespace) else { continue };
        let pod = workload.pod;
        let fields = [
            ("serviceAccountName", &pod.service_account_name),
            ("serviceAccount", &pod.service_account),
        ];
        let Some((field, account)) = fields.into_iter().find(|(_, name)| !name.is_empty()) else {
            continue;
        };
        if known.contains(account.as_str()) || declared.of_gateways().has(namespace, account) {
            continue;
        }
        let place = Place::value(workload.id, workload.pod_path().field(field));
        let near = nearest(account, known.iter().copied());
        let message = format!("there is no service account `{account}` in namespace `{namespace}`");
        let found = Diagnostic::new(&CHECK, place, message)
            .meant(near, "no such account")
            .consequence("Kubernetes makes no pods with it, so that nothing of the workload runs")
            .help("add the ServiceAccount; one that exists outside of this repository goes into `inventory.serviceAccounts` of mesh.yaml");
        out.push(found);
    }
}
