//! `unmatched-patch`: nothing that runs has what a patch of an `EnvoyFilter` is for.
//!
//! A patch for gateways in a namespace without one, for sidecars among gateways alone, or for a port that nobody opens. It is said
//! where the repository shows what there is; that a selector selects nobody is `selector-without-workload`'s to say, and of what is
//! not served whatever runs `unserved-patch`'s. Source: Istio, `EnvoyFilter.EnvoyConfigObjectMatch`.

use mesh_snapshot::object::Role;

use crate::api::istio::PatchContext;
use crate::check::{inventory, selection};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::policy::Scope;

pub(super) static CHECK: Check =
    Check::lint("unmatched-patch", Severity::Warning, include_str!("unmatched_patch.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for filter in mesh.envoy_filters.iter() {
        let Ok(scope) = &filter.scope else { continue };
        for patch in filter.patches.iter().filter(|it| it.served.is_some()) {
            let config = filter.resource.spec.config_patches.get(patch.index);
            let Some(matched) = config.and_then(|it| it.r#match.as_ref()) else { continue };
            let path = FieldPath::default().field("spec").field("configPatches");
            let path = path.index(patch.index).field("match");
            let listener = matched.listener.as_ref().map_or(0, |it| it.port_number);
            let (path, message) = if let Some(role) = absent(mesh, scope, matched.context) {
                let whose =
                    scope.namespace.map_or("the mesh".to_owned(), |it| format!("namespace `{it}`"));
                (path.field("context"), format!("{whose} has no {role} that the patch is for"))
            } else if is_opened_by_nobody(mesh, matched.context, listener) {
                let path = path.field("listener").field("portNumber");
                (path, format!("nobody has a port {listener}, which the patch is for"))
            } else {
                continue;
            };
            let found = Diagnostic::new(&CHECK, Place::value(filter.resource.id, path), message)
                .label("matches nothing")
                .consequence("the patch is made nowhere: requests pass as if it were not there")
                .help("an EnvoyFilter is for workloads of its own namespace; that of the root namespace is for all");
            out.push(found);
        }
    }
}

/// What a patch is for, where it is known that none of the workloads of its filter is such.
fn absent(mesh: &Mesh<'_>, scope: &Scope<'_>, context: PatchContext) -> Option<&'static str> {
    let (role, name) = match context {
        PatchContext::Gateway => (Role::Gateway, "gateway"),
        PatchContext::SidecarInbound | PatchContext::SidecarOutbound => (Role::Sidecar, "sidecar"),
        PatchContext::Any | PatchContext::Waypoint => return None,
    };
    let is_shown = match scope.namespace {
        Some(namespace) => inventory::shows_workloads(mesh, namespace),
        None => mesh.source.promised.has_no_pods(),
    };
    // One of the Gateway API, or one that is listed, may run without a workload of the repository.
    let is_elsewhere = role == Role::Gateway
        && (!mesh.source.project.inventory.gateways.is_empty()
            || mesh.api_gateways.iter().any(|it| {
                scope.namespace.is_none_or(|namespace| it.resource.namespace == namespace)
            }));
    if !is_shown || is_elsewhere {
        return None;
    }
    let selected = selection::all_of_policy(mesh, scope);
    let is_absent = !selected.is_empty() && selected.iter().all(|it| it.inventory.role != role);
    is_absent.then_some(name)
}

/// Whether no service has a port to which sidecars send. Zero: any.
fn is_opened_by_nobody(mesh: &Mesh<'_>, context: PatchContext, number: u32) -> bool {
    if context != PatchContext::SidecarOutbound || number == 0 {
        return false;
    }
    let source = mesh.source;
    let egress = source.sidecars.iter().flat_map(|it| &it.spec.egress);
    let mut listeners = egress.filter_map(|it| it.port.as_ref()).map(|port| port.number);
    let services = mesh.services.iter().map(|(_, it)| it);
    let mut ports = services.flat_map(|it| &it.object.ports).map(|port| u32::from(port.number));
    inventory::lists_hosts(mesh)
        && source.project.inventory.hosts.is_empty()
        && !source
            .incomplete
            .iter()
            .any(|it| matches!(&*it.kind, "Service" | "ServiceEntry" | "Sidecar"))
        && !ports.any(|port| port == number)
        && !listeners.any(|port| port == number)
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// How often it is told of a filter in a namespace with one sidecar, whose service has port 80, and `others`.
    fn count(namespace: &str, matched: &str, others: &str) -> usize {
        let folder = Folder::new();
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: a, namespace: shop}}\nspec: {{selector: {{app: a}}, ports: [{{name: http, port: 80}}]}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {{name: a, namespace: shop, labels: {{app: a}}}}\nspec: {{containers: [{{name: a, image: a}}]}}\n---\n\
             apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {{name: f, namespace: {namespace}}}\nspec:\n  priority: 1\n  configPatches:\n  - applyTo: HTTP_FILTER\n    match: {{{matched}filterChain: {{filter: {{name: envoy.filters.network.http_connection_manager}}}}}}}}\n    patch:\n      operation: INSERT_FIRST\n      value:\n        name: envoy.filters.http.lua\n        typed_config:\n          \"@type\": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua\n          inlineCode: |\n            function envoy_on_request(h)\n              h:headers():add(\"x-a\", \"b\")\n            end\n---\n{others}"
        );
        folder.write("a.yaml", text);
        let found = findings(folder.path());
        assert!(!found.iter().any(|it| it.check.name == "unserved-patch"), "{found:#?}");
        found.iter().filter(|it| it.check == &CHECK).count()
    }

    const GATEWAY: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: g, namespace: shop, labels: {app: g}}\nspec: {containers: [{name: istio-proxy, image: auto}]}\n";

    #[test]
    fn a_context_needs_a_proxy_of_its_kind() {
        assert_eq!(count("shop", "context: GATEWAY, listener: {", ""), 1);
        assert_eq!(count("istio-system", "context: GATEWAY, listener: {", ""), 1);
        assert_eq!(count("shop", "context: GATEWAY, listener: {", GATEWAY), 0);
        assert_eq!(count("istio-system", "context: GATEWAY, listener: {", GATEWAY), 0);
        assert_eq!(count("shop", "context: SIDECAR_INBOUND, listener: {", ""), 0);
        assert_eq!(count("shop", "listener: {", ""), 0);
        // Nothing is known of what runs there.
        assert_eq!(count("web", "context: GATEWAY, listener: {", ""), 0);
    }

    #[test]
    fn a_port_is_somebodys() {
        let of = |port| format!("context: SIDECAR_OUTBOUND, listener: {{portNumber: {port}, ");
        assert_eq!(count("shop", &of(7777), ""), 1);
        assert_eq!(count("shop", &of(80), ""), 0);
        let sidecar = "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: s, namespace: shop}\nspec: {egress: [{port: {number: 7777, protocol: HTTP, name: http}, hosts: ['*/*']}]}\n";
        assert_eq!(count("shop", &of(7777), sidecar), 0);
    }

    /// That a filter's selector selects nobody is one finding, of another name.
    #[test]
    fn a_selector_selects_somebody() {
        let matched = "context: GATEWAY, listener: {";
        let nobody = "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: n, namespace: shop}\nspec: {workloadSelector: {labels: {app: nobody}}, priority: 1, configPatches: [{applyTo: HTTP_FILTER, match: {context: GATEWAY}, patch: {operation: INSERT_FIRST, value: {name: envoy.filters.http.lua, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, inlineCode: 'function envoy_on_request(h) h:headers():add(\"x-a\", \"b\") end'}}}}]}\n";
        assert_eq!(count("shop", matched, nobody), 1);
        let folder = Folder::new();
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop, labels: {app: a}}\nspec: {containers: [{name: a, image: a}]}\n---\n";
        folder.write("a.yaml", format!("{pod}{nobody}"));
        let found = findings(folder.path());
        let count = |name| found.iter().filter(|it| it.check.name == name).count();
        assert_eq!((count("selector-without-workload"), count("unmatched-patch")), (1, 0));
    }
}
