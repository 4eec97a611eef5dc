use super::{REVIEWS, deployment, route, run, said};
use crate::diagnostic::Finding;

/// One finding a patch, at what asks for it; none for what asks for nothing.
#[test]
fn each_patch_is_told_of_by_itself() {
    let filter = "apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: a, namespace: shop}
spec:
  priority: 1
  configPatches:
  - applyTo: HTTP_FILTER
    patch: {operation: INSERT_FIRST, value: {name: limit, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: a}}}
  - applyTo: HTTP_ROUTE
    patch:
      operation: MERGE
      value: {route: {timeout: 5s}}
  - applyTo: NETWORK_FILTER
    match: {listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}}
    patch: {operation: MERGE, value: {typedConfig: {streamIdleTimeout: 10s}}}
";
    let found = run(&[("a.yaml", filter)]);
    let told: Vec<_> = found.iter().map(|it| (it.check.name, it.message.as_str())).collect();
    assert_eq!(
        told,
        [
            ("unserved-patch", "`timeout` of the route is not set"),
            ("unserved-patch", "`stream_idle_timeout: 10s` is not set for requests that come in"),
        ]
    );
    let text = |it: &Finding| &filter[it.primary.span.unwrap().range()];
    assert_eq!((text(&found[0]), text(&found[1])), ("route", "10s"));
}

#[test]
fn an_egress_proxy_is_seen_by_those_who_use_it() {
    let sidecar = |namespace: &str, hosts: &str, to: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: s, namespace: {namespace}}}\nspec: {{egress: [{{hosts: [{hosts}]}}], outboundTrafficPolicy: {{mode: ALLOW_ANY, egressProxy: {to}}}}}\n"
        )
    };
    let host = "reviews.shop.svc.cluster.local";
    let proxy = format!("{{host: {host}, port: {{number: 80}}}}");
    let said = |sidecar: &str, more: &str| {
        let text = [REVIEWS, &deployment("{app: reviews}"), sidecar, more].join("---\n");
        let found = run(&[("a.yaml", &text)]);
        let found = found.into_iter().filter(|it| it.check.name == "unseen-egress-proxy");
        found.map(|it| it.message).collect::<Vec<_>>()
    };
    let unseen = [format!("the Sidecar does not import `{host}`")];
    assert_eq!(said(&sidecar("shop", "./*", &proxy), ""), [""; 0]);
    assert_eq!(said(&sidecar("web", "./*", &proxy), ""), unseen);
    // That of the root namespace is for the workloads of all others.
    assert_eq!(said(&sidecar("istio-system", "./*", &proxy), ""), [""; 0]);
    assert_eq!(said(&sidecar("istio-system", "web/*", &proxy), ""), unseen);
    // A route that leads there makes it known.
    let leads = route("a", "{hosts: [a.test], http: [{route: [{destination: {host: reviews}}]}]}");
    assert_eq!(said(&sidecar("web", "./*", &proxy), &leads), [""; 0]);
    let port = format!("{{host: {host}, port: {{number: 81}}}}");
    assert_eq!(said(&sidecar("shop", "./*", &port), ""), [format!("`{host}` has no port 81")]);
    let nobody = "{host: out.example.com, port: {number: 80}}";
    let unknown = ["namespace `shop` sees no service `out.example.com`"];
    assert_eq!(said(&sidecar("shop", "./*", nobody), ""), unknown);
}

/// In the root namespace `.` is each client's own namespace.
#[test]
fn a_host_is_imported_once() {
    let told = |namespace: &str, selector: &str| {
        let sidecar = format!(
            "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: default, namespace: {namespace}}}\nspec: {{{selector}egress: [{{hosts: [./*, {namespace}/*]}}]}}\n"
        );
        said(&[&sidecar], "ineffective-egress-host").len()
    };
    assert_eq!(told("shop", ""), 1);
    assert_eq!(told("istio-system", ""), 0);
    assert_eq!(told("istio-system", "workloadSelector: {labels: {app: a}}, "), 1);
}
