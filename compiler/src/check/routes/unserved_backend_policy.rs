//! `unserved-backend-policy`: a `BackendTLSPolicy` is for a Service that there is not, comes behind an older one, or is taken
//! away by a `DestinationRule`.
//!
//! Of rules only those for exactly the host are looked at. One of the clients' own namespace that says nothing of TLS is left the
//! policy here, and hides it in Istio: that is a notice. Sources: Gateway API, `BackendTLSPolicy.spec.targetRefs`; of policies for
//! one target the oldest counts; Istio, `DestinationRuleCollection`: a policy is a rule of the Service's namespace;
//! `mergeDestinationRule`: what a rule for the host says counts more; `PushContext.destinationRule`: clients look for rules in
//! their own namespace first, and no further where there is one.

use crate::api::Resource;
use crate::api::gateway_api::{BackendTlsPolicy, PolicyTarget};
use crate::api::istio::ClientTlsMode;
use crate::check::client_tls::of_port;
use crate::check::inventory;
use crate::check::reference_kind::{GroupKind, Mistake};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::backend_tls::TargetState;
use crate::resolve::destination_rule::Policy;
use crate::resolve::service::Service;
use crate::resolve::{Mesh, View};

pub(super) static CHECK: Check = Check::lint(
    "unserved-backend-policy",
    Severity::Warning,
    include_str!("unserved_backend_policy.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (policy, states) in mesh.backend_tls.iter() {
        for (index, (state, target)) in states.iter().zip(&policy.spec.target_refs).enumerate() {
            let path = FieldPath::default().field("spec").field("targetRefs").index(index);
            let say = |field, message: String, label: &str| {
                Diagnostic::new(&CHECK, Place::value(policy.id, path.clone().field(field)), message)
                    .label(label)
                    .consequence("connections there are as without the policy: perhaps plain text")
            };
            let (kind, name) = (&target.kind, &target.name);
            match state {
                TargetState::Missing if inventory::lists_services(mesh) => {
                    let namespace = &policy.namespace;
                    let may_be_there = match kind.as_str() {
                        "Service" => inventory::may_be_service(mesh, namespace, name),
                        _ => inventory::is_incomplete(mesh, kind, namespace, name),
                    };
                    if !may_be_there {
                        let message =
                            format!("there is no {kind} `{name}` in namespace `{namespace}`");
                        out.push(say("name", message, "for nobody"));
                    }
                }
                TargetState::NoPort => {
                    let section = target.section_name.as_deref().unwrap_or_default();
                    let message = format!("{kind} `{name}` has no port named `{section}`");
                    out.push(say("sectionName", message, "no such port"));
                }
                TargetState::Overruled(first) => {
                    let message = format!("an older policy is for {kind} `{name}`");
                    let found = say("name", message, "not applied here");
                    out.push(found.also(Place::resource(first.id), "the older one"));
                }
                TargetState::Foreign => {
                    const SERVED: [GroupKind<'_>; 2] =
                        [("", "Service"), ("networking.istio.io", "ServiceEntry")];
                    let group = &target.group;
                    let message =
                        format!("no such policy is for a `{kind}` of the group `{group}`");
                    let mistake = Mistake::of((group, kind), &SERVED);
                    out.extend(mistake.map(|it| it.say(say("kind", message, "for nobody"))));
                }
                TargetState::Applied => {
                    let taken = Taken::from(mesh, policy, target);
                    out.extend(taken.map(|it| it.say(target, policy, index)));
                }
                TargetState::Missing => {}
            }
        }
    }
}

/// A rule by which a target is connected to otherwise than a policy for it says.
struct Taken {
    how: How,
    /// Where the rule says so.
    at: Place,
    /// The namespace whose clients go by it; absent: all that have no rule of their own.
    clients: Option<String>,
}

enum How {
    /// It says so itself, of all the ports that the policy is for.
    Said(ClientTlsMode),
    /// It says nothing of some of them. Here the policy counts there; in Istio clients that have the rule do not look for another.
    Hidden,
}

impl Taken {
    /// What a namespace decides for its own clients is told where it takes all security away.
    fn from(
        mesh: &Mesh<'_>,
        policy: &Resource<BackendTlsPolicy>,
        target: &PolicyTarget,
    ) -> Option<Self> {
        let namespace = policy.namespace.as_str();
        let services: Vec<_> = match target.kind.as_str() {
            "Service" => mesh
                .services
                .kubernetes(namespace, &target.name)
                .map(|(id, _)| id)
                .into_iter()
                .collect(),
            _ => mesh.services.of_entry(namespace, &target.name).collect(),
        };
        // Of the hosts of an entry one that it is left is enough.
        let [id] = services.as_slice() else { return None };
        let service = mesh.services.get(*id);
        let is_for_host = |it: &&Policy<'_>| it.selector.is_none() && it.host == service.host;
        let of = |view: View<'_, '_>| {
            let ids = view.policies(service).into_iter().rev();
            ids.map(|id| mesh.destination_rules.get(id)).find(is_for_host)
        };
        let for_all = of(View::common(mesh)).filter(|it| it.namespace == service.namespace);
        let for_all = for_all.and_then(|it| said(mesh, it, service, policy));
        if let Some((mode, at)) = for_all {
            return Some(Self { how: How::Said(mode), at, clients: None });
        }
        // To rules of the root namespace comes who found none in that of the Service, where the policy counts as one.
        let root = mesh.settings.root_namespace;
        let rules = mesh.destination_rules.iter().filter(is_for_host);
        let own = rules.filter(|it| it.namespace != root);
        let own = own.filter_map(|it| of(View::of(mesh, it.namespace)));
        Self::for_clients(mesh, &own.collect::<Vec<_>>(), service, policy)
    }

    /// By a rule of a namespace, first where it is so here.
    fn for_clients(
        mesh: &Mesh<'_>,
        rules: &[&Policy<'_>],
        service: &Service<'_>,
        policy: &Resource<BackendTlsPolicy>,
    ) -> Option<Self> {
        let open = rules.iter().find_map(|it| {
            let (mode, at) = said(mesh, it, service, policy)?;
            let clients = Some(it.namespace.to_owned());
            (mode == ClientTlsMode::Disable).then_some(Self { how: How::Said(mode), at, clients })
        });
        let mut others = rules.iter().filter(|it| it.namespace != service.namespace);
        open.or_else(|| others.find_map(|it| Self::hidden(mesh, it, service, policy)))
    }

    /// What a rule of clients hides in Istio.
    fn hidden(
        mesh: &Mesh<'_>,
        rule: &Policy<'_>,
        service: &Service<'_>,
        policy: &Resource<BackendTlsPolicy>,
    ) -> Option<Self> {
        let first = rule.from.first()?;
        let is_left_any = said_of_ports(mesh, rule, service, policy).iter().any(Option::is_none);
        let at = Place::value(first.id, FieldPath::default().field("spec").field("host"));
        let clients = Some(rule.namespace.to_owned());
        is_left_any.then_some(Self { how: How::Hidden, at, clients })
    }

    fn say(
        self,
        target: &PolicyTarget,
        policy: &Resource<BackendTlsPolicy>,
        index: usize,
    ) -> Diagnostic {
        let path = FieldPath::default().field("spec").field("targetRefs").index(index);
        let place = Place::value(policy.id, path.field("name"));
        let (kind, name) = (&target.kind, &target.name);
        let How::Said(mode) = self.how else { return self.say_hidden(place, kind, name) };
        let message = match &self.clients {
            None => format!(
                "a DestinationRule says how connections to {kind} `{name}` are secured, not the policy"
            ),
            Some(clients) => format!(
                "a DestinationRule takes the policy away from {kind} `{name}` for clients in namespace `{clients}`"
            ),
        };
        let label = if self.clients.is_none() { "has no effect" } else { "not for them" };
        Diagnostic::new(&CHECK, place, message)
            .label(label)
            .also(self.at, "this counts")
            .consequence(effect(mode))
            .help("leave `tls` out of the DestinationRule, or remove the policy")
    }

    fn say_hidden(self, place: Place, kind: &str, name: &str) -> Diagnostic {
        let clients = self.clients.unwrap_or_default();
        let message = format!(
            "in Istio a DestinationRule hides the policy for {kind} `{name}` from clients in namespace `{clients}`"
        );
        let mut found = Diagnostic::new(&CHECK, place, message)
            .label("not for them in Istio")
            .also(self.at, "they look for no other rule")
            .consequence("at ports of which it says nothing, connections are as the policy says here, and as without it in Istio: perhaps plain text")
            .help("say in the DestinationRule's `tls`, too, what the policy says");
        found.severity = Severity::Info;
        found
    }
}

const fn effect(mode: ClientTlsMode) -> &'static str {
    match mode {
        ClientTlsMode::Disable => "connections there are in plain text",
        ClientTlsMode::IstioMutual => "connections there have the mesh's own TLS",
        ClientTlsMode::Simple | ClientTlsMode::Mutual => {
            "who the server is, is held against what the DestinationRule says"
        }
    }
}

/// What a rule says of the security of the first port that a policy is for, and where; `None` where the policy is left any.
fn said(
    mesh: &Mesh<'_>,
    rule: &Policy<'_>,
    service: &Service<'_>,
    policy: &Resource<BackendTlsPolicy>,
) -> Option<(ClientTlsMode, Place)> {
    let said: Option<Vec<_>> = said_of_ports(mesh, rule, service, policy).into_iter().collect();
    said?.into_iter().next()
}

/// What a rule says of the security of each port that a policy is for, and where; `None` of one of which it says nothing.
fn said_of_ports(
    mesh: &Mesh<'_>,
    rule: &Policy<'_>,
    service: &Service<'_>,
    policy: &Resource<BackendTlsPolicy>,
) -> Vec<Option<(ClientTlsMode, Place)>> {
    let Some(by_port) = mesh.backend_tls.of_host(&service.host) else { return Vec::new() };
    let numbers = service.object.ports.iter().map(|port| port.number);
    let own = numbers.filter(|port| {
        let counts = by_port.get(&Some(*port)).or_else(|| by_port.get(&None));
        counts.is_some_and(|it| it.id == policy.id)
    });
    let said = own.map(|port| {
        let (from, traffic) = rule.traffic_policy?;
        let at = FieldPath::default().field("spec").field("trafficPolicy");
        let (settings, path) = of_port(traffic, at, port)?;
        Some((settings.mode, Place::value(rule.from.get(from)?.id, path.field("mode"))))
    });
    said.collect()
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// What is told of a policy for a Service of `shop`, beside these rules: namespace and spec of each.
    fn told(target: &str, rules: &[(&str, &str)]) -> Vec<String> {
        let rules = rules.iter().map(|(namespace, spec)| {
            format!(
                "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d, namespace: {namespace}}}\nspec: {spec}\n"
            )
        });
        let folder = Folder::new();
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: pay, namespace: shop}}\nspec: {{ports: [{{name: https, port: 443}}, {{name: admin, port: 8443}}]}}\n---\n\
             apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {{name: p, namespace: shop}}\nspec: {{targetRefs: [{{group: '', kind: Service, name: pay{target}}}], validation: {{hostname: pay.test, wellKnownCACertificates: System}}}}\n{}",
            rules.collect::<String>()
        );
        folder.write("a.yaml", text);
        let found = findings(folder.path()).into_iter().filter(|it| it.check == &CHECK);
        found.map(|it| it.message).collect()
    }

    #[test]
    fn a_rule_for_the_host_counts_more_than_a_policy() {
        let all =
            "a DestinationRule says how connections to Service `pay` are secured, not the policy";
        let of_web = "a DestinationRule takes the policy away from Service `pay` for clients in namespace `web`";
        let hidden = "in Istio a DestinationRule hides the policy for Service `pay` from clients in namespace `web`";
        let plain = "tls: {mode: DISABLE}";
        let at = |port: u16| format!("{{port: {{number: {port}}}, {plain}}}");
        let rule = |policy: &str| {
            format!("{{host: pay.shop.svc.cluster.local, trafficPolicy: {{{policy}}}}}")
        };
        let (first, second) = (at(443), at(8443));
        let (one, both) = (
            rule(&format!("portLevelSettings: [{first}]")),
            rule(&format!("portLevelSettings: [{first}, {second}]")),
        );
        let section = ", sectionName: https";
        for (target, namespace, rule, found) in [
            ("", "shop", rule(plain), Some(all)),
            ("", "shop", rule("tls: {mode: SIMPLE}"), Some(all)),
            ("", "shop", rule("loadBalancer: {simple: RANDOM}"), None),
            // It is left the other port.
            ("", "shop", one.clone(), None),
            ("", "shop", both, Some(all)),
            (section, "shop", one.clone(), Some(all)),
            (section, "shop", rule(&format!("{plain}, portLevelSettings: [{second}]")), Some(all)),
            // Clients of one namespace.
            ("", "web", rule(plain), Some(of_web)),
            ("", "web", rule("tls: {mode: SIMPLE}"), None),
            // In Istio they look no further than their own, which says nothing of TLS to a port, or at all.
            ("", "web", rule("loadBalancer: {simple: RANDOM}"), Some(hidden)),
            ("", "web", "{host: pay.shop.svc.cluster.local}".to_owned(), Some(hidden)),
            ("", "web", one.clone(), Some(hidden)),
            (section, "web", one, Some(of_web)),
            (
                section,
                "web",
                rule("portLevelSettings: [{port: {number: 443}, tls: {mode: SIMPLE}}]"),
                None,
            ),
            (
                "",
                "web",
                "{host: pay.shop.svc.cluster.local, workloadSelector: {matchLabels: {app: web}}}"
                    .to_owned(),
                None,
            ),
            ("", "istio-system", rule("loadBalancer: {simple: RANDOM}"), None),
            // Rules for many hosts say less than the policy, in its own namespace and that of the mesh.
            (
                "",
                "shop",
                "{host: '*.shop.svc.cluster.local', trafficPolicy: {tls: {mode: DISABLE}}}"
                    .to_owned(),
                None,
            ),
            ("", "istio-system", rule(plain), None),
        ] {
            let found: Vec<_> = found.into_iter().collect();
            assert_eq!(told(target, &[(namespace, &rule)]), found, "{target} {namespace} {rule}");
        }
        assert_eq!(told("", &[("shop", &rule(plain)), ("web", &rule(plain))]), [all]);
        // Of what is so here nobody is told by what is so elsewhere.
        let balanced = rule("loadBalancer: {simple: RANDOM}");
        assert_eq!(told("", &[("app", &balanced), ("web", &rule(plain))]), [of_web]);
        assert_eq!(told("", &[("shop", &rule(plain)), ("web", &balanced)]), [all]);
    }
}
