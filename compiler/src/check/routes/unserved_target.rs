//! `unserved-target`: a policy targets what a waypoint alone serves, and there is none.
//!
//! A waypoint heeds what is said of a Service, of a ServiceEntry and of its class; the proxies of workloads pass over every
//! policy with `targetRefs`. Where there is a waypoint, `unserved-waypoint` says that nobody serves it. Source: Istio,
//! `WorkloadPolicyMatcher.ShouldAttachPolicy`.

use super::unserved_waypoint;
use crate::api::Resource;
use crate::api::istio::{Action, Attached, TargetReference};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("unserved-target", Severity::Warning, include_str!("unserved_target.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for it in &mesh.source.authorization_policies {
        let effect = match it.spec.action {
            Action::Allow => "every request is let in, as if there were no such policy",
            Action::Deny => "the requests that it denies are let in",
            Action::Custom => "nobody asks the provider, and every request is let in",
            // Nobody is let in or turned away by it.
            Action::Audit => continue,
        };
        out.extend(check(mesh, it, effect));
    }
    for it in &mesh.source.request_authentications {
        let effect = "no token is looked at: requests with a bad one are let in";
        out.extend(check(mesh, it, effect));
    }
}

/// One finding a policy.
fn check(mesh: &Mesh<'_>, policy: &Resource<impl Attached>, effect: &str) -> Option<Diagnostic> {
    let namespace = policy.namespace.as_str();
    let is_unserved = |(_, target): &(FieldPath, &TargetReference)| {
        is_of_waypoints(target) && !unserved_waypoint::tells_of(mesh, namespace, target)
    };
    let mut unserved = policy.spec.attachment().targeted().filter(is_unserved);
    let (path, target) = unserved.next()?;
    let place = |path: FieldPath| Place::value(policy.id, path.field("name"));
    let message =
        format!("only a waypoint heeds a policy for the {} `{}`", target.kind, target.name);
    let mut found =
        Diagnostic::new(&CHECK, place(path), message).label("no proxy enforces it for this");
    for (path, _) in unserved {
        found = found.also(place(path), "nor for this");
    }
    let services = crate::check::inventory::in_namespace(&mesh.source.services, namespace);
    let service = services.iter().find(|it| target.kind == "Service" && it.name() == target.name);
    let labels = service.map(|it| &it.spec.selector).filter(|labels| !labels.is_empty());
    let help = match labels {
        Some(labels) => {
            let labels: Vec<_> =
                labels.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            format!(
                "select the workloads in place of it: `selector: {{matchLabels: {{{}}}}}`",
                labels.join(", ")
            )
        }
        None => "select the workloads that it is for by their labels, with `selector`".to_owned(),
    };
    if let Some(service) = service {
        found =
            found.also(Place::resource(service.id), "the proxies behind it pass over the policy");
    }
    Some(found.consequence(effect).help(help))
}

fn is_of_waypoints(target: &TargetReference) -> bool {
    matches!(
        (target.group.as_str(), target.kind.as_str()),
        ("" | "core", "Service")
            | ("networking.istio.io", "ServiceEntry")
            | ("gateway.networking.k8s.io", "GatewayClass")
    )
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    fn count(policy: &str, others: &str) -> usize {
        let folder = Folder::new();
        let text = format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a, namespace: shop}}\nspec:\n  {policy}\n  rules: [{{to: [{{operation: {{methods: [GET]}}}}]}}]\n---\n{others}"
        );
        folder.write("a.yaml", text);
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    const OF_SERVICE: &str = "targetRefs: [{group: '', kind: Service, name: reviews}]";

    #[test]
    fn what_proxies_of_gateways_or_workloads_enforce_is_served() {
        assert_eq!(count(OF_SERVICE, ""), 1);
        let several = "targetRefs: [{group: '', kind: Service, name: a}, {group: '', kind: Service, name: b}]";
        assert_eq!(count(several, ""), 1);
        let gateway = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: g}]";
        assert_eq!(count(gateway, ""), 0);
        assert_eq!(count("selector: {matchLabels: {app: reviews}}", ""), 0);
        assert_eq!(count(&format!("action: AUDIT\n  {OF_SERVICE}"), ""), 0);
    }

    #[test]
    fn that_a_waypoint_is_not_served_is_said_once() {
        let waypoint = |namespace: &str| {
            format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: w, namespace: {namespace}}}\nspec: {{gatewayClassName: istio-waypoint, listeners: [{{name: mesh, port: 15008, protocol: HBONE}}]}}\n"
            )
        };
        assert_eq!(count(OF_SERVICE, &waypoint("shop")), 0);
        assert_eq!(count(OF_SERVICE, &waypoint("web")), 1);
        let uses = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio.io/use-waypoint: w}}\n";
        assert_eq!(count(OF_SERVICE, uses), 0);
    }

    /// A class is for the root namespace to speak of.
    #[test]
    fn a_class_is_targeted_from_the_root_namespace() {
        let class = "targetRefs: [{group: gateway.networking.k8s.io, kind: GatewayClass, name: istio-waypoint}]";
        assert_eq!(count(class, ""), 1);
    }
}
