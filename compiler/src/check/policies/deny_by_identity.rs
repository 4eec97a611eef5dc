//! `deny-by-identity`: a `DENY` rule is for callers by who they are, and the workload takes connections that prove nothing.
//!
//! Sources: Istio, ISTIO-SECURITY-2021-004: plain text has no identity, so that no rule for one matches it; `PeerAuthentication.mtls`;
//! `Sidecar.ingress.tls`, which need not ask for a certificate.

use std::cell::OnceCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::Applies;
use mesh_snapshot::object::{Labels, Role, Workload as Inventory};

use crate::api::istio::{Action, MtlsMode, Rule, ServerTlsMode};
use crate::check::in_force::Closed;
use crate::check::mtls::Asked;
use crate::check::operation::{PORT, conditions_hold_at, is_port_among};
use crate::check::own_tls::{OwnTls, Termination};
use crate::check::{identity, selection};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::policy::Scope;

pub(in crate::check) static CHECK: Check =
    Check::lint("deny-by-identity", Severity::Warning, include_str!("deny_by_identity.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    // Thousands of policies may be for the same thousands of workloads.
    let mut known: BTreeMap<&Scope<'_>, Callees<'_, '_>> = BTreeMap::new();
    let closed = OnceCell::new();
    for policy in &mesh.policies.authorization_policies {
        let spec = &policy.resource.spec;
        let Ok(scope) = &policy.scope else { continue };
        if spec.action != Action::Deny || policy.resource.is_tried() {
            continue;
        }
        let rules = FieldPath::default().field("spec").field("rules");
        let asked = spec.rules.iter().flatten().enumerate().filter_map(|(index, rule)| {
            let at = identity::asked_of_all(rule, &rules.clone().index(index))?;
            Some((rule, Place::key(policy.resource.id, at)))
        });
        let mut asked = asked.peekable();
        if asked.peek().is_none() {
            continue;
        }
        let callees = known
            .entry(scope)
            .or_insert_with(|| Callees::of(mesh, scope, closed.get_or_init(|| Closed::of(mesh))));
        let open = asked.filter_map(|(rule, place)| Some((place, callees.take_nobody(rule)?)));
        let mut open = open.peekable();
        if let Some((place, by)) = open.next() {
            out.push(report(place, by).and_here(open.map(|(place, _)| place)));
        }
    }
}

/// Those workloads of a policy that nothing keeps a caller from who has no identity.
#[derive(Default)]
struct Callees<'m, 'a> {
    /// By the policies that say of them what connections prove.
    alike: BTreeMap<Speakers, Alike<'m, 'a>>,
    /// The ports that any of them declares.
    declared: BTreeSet<u16>,
    /// Those of them at which somebody without a certificate is taken, and by what; absent: any that nobody names.
    open: BTreeMap<Option<u16>, Open>,
    /// Whether any takes mutual TLS. Of identities that nobody can have `policy-never-matches` speaks.
    takes_identities: bool,
}

/// What says of a workload how it is connected to: its policies, and the `Sidecar` that has ports of it end TLS.
type Speakers = ([Option<DocumentId>; 3], Option<DocumentId>);

/// Workloads of which the same resources speak.
struct Alike<'m, 'a> {
    asked: Asked<'m, 'a>,
    own_tls: BTreeMap<u16, Termination>,
    /// The ports that they declare.
    ports: BTreeSet<u16>,
}

/// By what somebody is taken who shows no certificate.
#[derive(Clone)]
struct Open {
    by: By,
    /// Absent: it is the default.
    place: Option<Place>,
}

#[derive(Clone, Copy)]
enum By {
    PlainText,
    /// A `Sidecar` has the port end TLS that asks clients for nothing.
    OwnTls,
}

impl<'m, 'a> Callees<'m, 'a> {
    /// Where no workload is known, of one that has the labels that the policy asks for.
    fn of(mesh: &'m Mesh<'a>, scope: &Scope<'_>, closed: &Closed<'_>) -> Self {
        let mut all = Self::let_in(mesh, scope, closed);
        for of in all.alike.values() {
            let ports = of.ports.iter().copied().map(Some).chain([None]);
            for port in ports {
                all.takes_identities |= of.asked.at(port).mode != MtlsMode::Disable;
                let Some(open) = of.open(port) else { continue };
                let known = all.open.entry(port).or_insert_with(|| open.clone());
                if known.place.is_none() {
                    *known = open;
                }
            }
        }
        all
    }

    fn let_in(mesh: &'m Mesh<'a>, scope: &Scope<'_>, closed: &Closed<'_>) -> Self {
        let mut all = Self::default();
        let selected = selection::of_policy(mesh, scope);
        // At a gateway callers come from outside.
        let sidecars = selected.iter().filter(|it| it.inventory.role == Role::Sidecar);
        for workload in sidecars.filter(|it| !closed.is_at(&it.inventory)) {
            all.add(mesh, &workload.inventory, closed);
        }
        let labels = match &scope.applies {
            Applies::Selected(selectors) => selectors.first().cloned().unwrap_or_default(),
            Applies::All => Labels::new(),
            Applies::Gateways(_) | Applies::Addressed(_) => return all,
        };
        if let (true, Some(namespace)) = (selected.is_empty(), scope.namespace) {
            let namespace = namespace.to_owned();
            let some = Inventory { namespace, labels, ..Inventory::default() };
            if !closed.is_at(&some) {
                all.add(mesh, &some, closed);
            }
        }
        all
    }

    fn add(&mut self, mesh: &'m Mesh<'a>, workload: &Inventory, closed: &Closed<'_>) {
        let asked = Asked::of(mesh, workload);
        let own = OwnTls::of(mesh, workload);
        let speakers = (asked.documents(), own.as_ref().map(|it| it.sidecar));
        let own_tls = own.map(|it| it.by_port).unwrap_or_default();
        let mut ports: BTreeSet<u16> = workload.ports.values().copied().collect();
        ports.extend(own_tls.keys());
        self.declared.extend(&ports);
        for port in closed.ports_of(workload) {
            ports.remove(&port);
            // It is open to nobody who has no identity, though nobody declares it.
            self.declared.insert(port);
        }
        match self.alike.entry(speakers) {
            Entry::Vacant(entry) => drop(entry.insert(Alike { asked, own_tls, ports })),
            Entry::Occupied(mut entry) => entry.get_mut().ports.extend(ports),
        }
    }

    /// By what a port which a rule is for takes somebody who has no identity.
    fn take_nobody(&self, rule: &Rule) -> Option<Open> {
        if !self.takes_identities {
            return None;
        }
        let named = named_ports(rule);
        let declared = self.open.iter().filter(|(port, _)| is_for(rule, **port));
        // Of a port that nobody declares any of them may listen.
        let undeclared = named.iter().filter(|port| !self.declared.contains(port));
        let undeclared = undeclared.filter(|port| is_for(rule, Some(**port)));
        let undeclared =
            undeclared.filter_map(|port| self.alike.values().find_map(|of| of.open(Some(*port))));
        // What somebody wrote counts more than what nobody did.
        let all = declared.map(|(_, open)| open.clone()).chain(undeclared);
        all.max_by_key(|it| it.place.is_some())
    }
}

impl Alike<'_, '_> {
    fn open(&self, port: Option<u16>) -> Option<Open> {
        if let Some(own) = port.and_then(|port| self.own_tls.get(&port)) {
            let place = Some(own.place.clone());
            return (own.mode != ServerTlsMode::Mutual).then_some(Open { by: By::OwnTls, place });
        }
        let asked = self.asked.at(port);
        let is_plain = matches!(asked.mode, MtlsMode::Permissive | MtlsMode::Disable);
        is_plain.then_some(Open { by: By::PlainText, place: asked.place })
    }
}

/// The ports that a rule asks for by their numbers.
fn named_ports(rule: &Rule) -> BTreeSet<u16> {
    let operations = rule.to.iter().flatten().filter_map(|it| it.operation.as_ref());
    let conditions = rule.when.iter().filter(|it| it.key == PORT);
    let written = operations.flat_map(|it| &it.ports).chain(conditions.flat_map(|it| &it.values));
    written.filter_map(|it| it.parse().ok()).collect()
}

/// Whether a rule may hold at a port; absent: at one that nobody names.
fn is_for(rule: &Rule, port: Option<u16>) -> bool {
    conditions_hold_at(rule, port)
        && rule.to.as_ref().is_none_or(|to| {
            let mut operations = to.iter().filter_map(|it| it.operation.as_ref());
            operations.any(|it| is_port_among(port, &it.ports, &it.not_ports))
        })
}

fn report(place: Place, open: Open) -> Diagnostic {
    let (message, taken, help) = match open.by {
        By::PlainText => (
            "whoever calls in plain text has no identity, and the workload takes plain text, too",
            "plain text is taken by this",
            "let a PeerAuthentication for the workload say `STRICT`; or write an `ALLOW` policy for all others",
        ),
        By::OwnTls => (
            "whoever shows no certificate has no identity, and the workload takes TLS without one, too",
            "TLS without a client's certificate is taken by this",
            "let the Sidecar ask for a certificate with `mode: MUTUAL`; or write an `ALLOW` policy for all others",
        ),
    };
    let mut found = Diagnostic::new(&CHECK, place, message)
        .label("asks for an identity")
        .consequence("a caller that sends no certificate is not denied by this")
        .help(help);
    let Some(mode) = open.place else {
        // It may be said where nobody looked.
        found.severity = Severity::Info;
        return found;
    };
    found.also(mode, taken)
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::diagnostic::Severity;
    use crate::testing::{Folder, findings};

    const RULE: &str = "{from: [{source: {namespaces: [partner]}}]}";

    fn policy(action: &str, rules: &str) -> String {
        resource("AuthorizationPolicy", action, &format!("{{action: {action}, rules: [{rules}]}}"))
    }

    fn mtls(spec: &str) -> String {
        resource("PeerAuthentication", "default", spec)
    }

    fn resource(kind: &str, name: &str, spec: &str) -> String {
        let name = name.to_lowercase();
        format!(
            "apiVersion: security.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n---\n"
        )
    }

    /// With two pods, of which one has the port 8080 and the other one 9090.
    fn told(text: &str) -> Option<Severity> {
        let pods = [("a", 8080), ("b", 9090)].map(|(name, port)| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}, sidecar.istio.io/inject: 'true'}}}}\nspec: {{containers: [{{name: app, image: a, ports: [{{containerPort: {port}}}]}}]}}\n---\n"
            )
        });
        let folder = Folder::new();
        folder.write("a.yaml", format!("{text}{}", pods.concat()));
        let found = findings(folder.path());
        found.iter().find(|it| it.check == &CHECK).map(|it| it.severity)
    }

    #[test]
    fn plain_text_is_taken_where_nobody_forbids_it() {
        let deny = policy("DENY", RULE);
        assert_eq!(told(&deny), Some(Severity::Info));
        assert_eq!(
            told(&format!("{deny}{}", mtls("{mtls: {mode: PERMISSIVE}}"))),
            Some(Severity::Warning)
        );
        assert_eq!(told(&format!("{deny}{}", mtls("{mtls: {mode: STRICT}}"))), None);
        // A port at which nobody has one, beside others.
        let port = "{mtls: {mode: STRICT}, selector: {matchLabels: {app: a}}, portLevelMtls: {8080: {mode: DISABLE}}}";
        assert_eq!(told(&format!("{deny}{}", mtls(port))), Some(Severity::Warning));
        assert_eq!(told(&format!("{deny}{}", mtls("{mtls: {mode: DISABLE}}"))), None);
        let one = "{selector: {matchLabels: {app: a}}, mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: PERMISSIVE}}}";
        let (strict, one) =
            (mtls("{mtls: {mode: STRICT}}"), resource("PeerAuthentication", "a", one));
        assert_eq!(told(&format!("{deny}{strict}{one}")), Some(Severity::Warning));
        for (operation, found) in [
            ("{ports: ['8080']}", true),
            ("{ports: ['9090']}", false),
            ("{notPorts: ['8080']}", false),
            // Of one that nobody declares, and whoever listens there.
            ("{ports: ['7070']}", false),
        ] {
            let rule = format!(
                "{{from: [{{source: {{namespaces: [partner]}}}}], to: [{{operation: {operation}}}]}}"
            );
            let text = format!("{}{strict}{one}", policy("DENY", &rule));
            assert_eq!(told(&text).is_some(), found, "{operation}");
        }
        let undeclared =
            "{from: [{source: {namespaces: [partner]}}], to: [{operation: {ports: ['7070']}}]}";
        assert_eq!(told(&policy("DENY", undeclared)), Some(Severity::Info));
        let ports = "{from: [{source: {namespaces: [partner]}}], when: [{key: destination.port, values: ['9090']}]}";
        assert_eq!(told(&format!("{}{strict}{one}", policy("DENY", ports))), None);
    }

    /// At one port, and plain text nowhere.
    #[test]
    fn tls_of_a_sidecar_need_not_ask_for_a_certificate() {
        let port = "{mtls: {mode: STRICT}, selector: {matchLabels: {app: a}}, portLevelMtls: {8080: {mode: DISABLE}}}";
        let strict = format!(
            "{}{}",
            mtls("{mtls: {mode: STRICT}}"),
            resource("PeerAuthentication", "a", port)
        );
        let sidecar = |mode: &str| {
            format!(
                "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: a, namespace: shop}}\nspec: {{workloadSelector: {{labels: {{app: a}}}}, ingress: [{{port: {{number: 8080, name: https, protocol: HTTPS}}, defaultEndpoint: '127.0.0.1:8080', tls: {{mode: {mode}, privateKey: /k, serverCertificate: /c, caCertificates: /a}}}}]}}\n---\n"
            )
        };
        let message = |sidecar: &str| {
            let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop, labels: {app: a, sidecar.istio.io/inject: 'true'}}\nspec: {containers: [{name: app, image: a, ports: [{containerPort: 8080}]}]}\n";
            let folder = Folder::new();
            folder.write("a.yaml", format!("{}{strict}{sidecar}{pod}", policy("DENY", RULE)));
            let found = findings(folder.path());
            found.into_iter().find(|it| it.check == &CHECK).map(|it| it.message)
        };
        let plain =
            "whoever calls in plain text has no identity, and the workload takes plain text, too";
        let tls = "whoever shows no certificate has no identity, and the workload takes TLS without one, too";
        assert_eq!(message("").as_deref(), Some(plain));
        assert_eq!(message(&sidecar("SIMPLE")).as_deref(), Some(tls));
        assert_eq!(message(&sidecar("OPTIONAL_MUTUAL")).as_deref(), Some(tls));
        assert_eq!(message(&sidecar("MUTUAL")), None);
    }

    #[test]
    fn every_caller_must_be_asked_for_an_identity() {
        for (rule, found) in [
            ("{from: [{source: {principals: [cluster.local/ns/a/sa/b]}}]}", true),
            ("{from: [{source: {principals: [a/ns/a/sa/b], ipBlocks: [10.0.0.0/8]}}]}", true),
            ("{when: [{key: source.namespace, values: [partner]}]}", true),
            (
                "{from: [{source: {namespaces: [partner]}}, {source: {serviceAccounts: [a/b]}}]}",
                true,
            ),
            (
                "{from: [{source: {namespaces: [partner]}}, {source: {ipBlocks: [10.0.0.0/8]}}]}",
                false,
            ),
            ("{from: [{source: {notNamespaces: [shop]}}]}", false),
            ("{when: [{key: source.namespace, notValues: [partner]}]}", false),
            ("{from: [{source: {requestPrincipals: ['*']}}]}", false),
        ] {
            assert_eq!(told(&policy("DENY", rule)).is_some(), found, "{rule}");
        }
    }

    #[test]
    fn who_has_no_identity_may_be_kept_out_by_others() {
        let nobody = "{from: [{source: {notPrincipals: ['*']}}]}";
        assert_eq!(told(&policy("DENY", &format!("{RULE}, {nobody}"))), None);
        // At one port, of all or of some requests.
        let at = "to: [{operation: {ports: ['8080']}}]";
        let partner = format!("{{from: [{{source: {{namespaces: [partner]}}}}], {at}}}");
        for (operation, found) in
            [("ports: ['8080']", None), ("ports: ['8080'], methods: [GET]", Some(Severity::Info))]
        {
            let nobody = format!(
                "{{from: [{{source: {{notPrincipals: ['*']}}}}], to: [{{operation: {{{operation}}}}}]}}"
            );
            assert_eq!(
                told(&policy("DENY", &format!("{partner}, {nobody}"))),
                found,
                "{operation}"
            );
        }
        let deny = policy("DENY", RULE);
        assert_eq!(told(&format!("{deny}{}", policy("ALLOW", RULE))), None);
        assert_eq!(told(&format!("{deny}{}", policy("ALLOW", "{}"))), Some(Severity::Info));
        let both = "{from: [{source: {trustDomains: [cluster.local]}}]}";
        assert_eq!(told(&format!("{deny}{}", policy("ALLOW", both))), None);
    }
}
