//! `unserved-backend-policy`: a `BackendTLSPolicy` is for a Service that there is not, comes behind an older one, or is taken
//! away by a `DestinationRule`.
//!
//! Of rules only those for exactly the host are looked at. Sources: Gateway API, `BackendTLSPolicy.spec.targetRefs`; of policies
//! for one target the oldest counts; Istio, `mergeDestinationRule`: what a rule for the host says counts more than a policy;
//! `PushContext.destinationRule`: clients look for rules in their own namespace first.

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
                    if !inventory::is_incomplete(mesh, kind, namespace, name) {
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

/// A rule that says how a target is connected to, at all the ports that a policy is for.
struct Taken {
    mode: ClientTlsMode,
    /// Where the rule says so.
    at: Place,
    /// The namespace whose clients go by it; absent: all that have no rule of their own.
    clients: Option<String>,
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
            return Some(Self { mode, at, clients: None });
        }
        // To rules of the root namespace comes who found none in that of the Service, where the policy counts as one.
        let root = mesh.settings.root_namespace;
        let rules = mesh.destination_rules.iter().filter(is_for_host);
        let mut own = rules
            .filter(|it| it.namespace != root)
            .filter_map(|it| of(View::of(mesh, it.namespace)));
        own.find_map(|it| {
            let (mode, at) = said(mesh, it, service, policy)?;
            let clients = Some(it.namespace.to_owned());
            (mode == ClientTlsMode::Disable).then_some(Self { mode, at, clients })
        })
    }

    fn say(
        self,
        target: &PolicyTarget,
        policy: &Resource<BackendTlsPolicy>,
        index: usize,
    ) -> Diagnostic {
        let path = FieldPath::default().field("spec").field("targetRefs").index(index);
        let (kind, name) = (&target.kind, &target.name);
        let message = match &self.clients {
            None => format!(
                "a DestinationRule says how connections to {kind} `{name}` are secured, not the policy"
            ),
            Some(clients) => format!(
                "a DestinationRule takes the policy away from {kind} `{name}` for clients in namespace `{clients}`"
            ),
        };
        let label = if self.clients.is_none() { "has no effect" } else { "not for them" };
        let effect = match self.mode {
            ClientTlsMode::Disable => "connections there are in plain text",
            ClientTlsMode::IstioMutual => "connections there have the mesh's own TLS",
            ClientTlsMode::Simple | ClientTlsMode::Mutual => {
                "who the server is, is held against what the DestinationRule says"
            }
        };
        Diagnostic::new(&CHECK, Place::value(policy.id, path.field("name")), message)
            .label(label)
            .also(self.at, "this counts")
            .consequence(effect)
            .help("leave `tls` out of the DestinationRule, or remove the policy")
    }
}

/// What a rule says of the security of each port that a policy is for, and where it says so of the first; `None` where the policy
/// is left any.
fn said(
    mesh: &Mesh<'_>,
    rule: &Policy<'_>,
    service: &Service<'_>,
    policy: &Resource<BackendTlsPolicy>,
) -> Option<(ClientTlsMode, Place)> {
    let (from, traffic) = rule.traffic_policy?;
    let document = rule.from.get(from)?.id;
    let by_port = mesh.backend_tls.of_host(&service.host)?;
    let numbers = service.object.ports.iter().map(|port| port.number);
    let own = numbers.filter(|port| {
        let counts = by_port.get(&Some(*port)).or_else(|| by_port.get(&None));
        counts.is_some_and(|it| it.id == policy.id)
    });
    let at = || FieldPath::default().field("spec").field("trafficPolicy");
    let said: Option<Vec<_>> = own.map(|port| of_port(traffic, at(), port)).collect();
    let (settings, path) = said?.into_iter().next()?;
    Some((settings.mode, Place::value(document, path.field("mode"))))
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
            (section, "shop", one, Some(all)),
            (section, "shop", rule(&format!("{plain}, portLevelSettings: [{second}]")), Some(all)),
            // Clients of one namespace.
            ("", "web", rule(plain), Some(of_web)),
            ("", "web", rule("tls: {mode: SIMPLE}"), None),
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
    }
}
