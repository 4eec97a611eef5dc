//! Resources, and the status that they get.

use serde_json::{Value, json};

use crate::source::Input;

/// The statuses of the resources of a text, by `Kind namespace/name`.
fn statuses(text: &str) -> Vec<(String, Value)> {
    let input = Input::Text { name: "mesh.yaml.txt.yaml".to_owned(), text: text.to_owned() };
    let options = crate::Options { statuses: true, ..crate::Options::default() };
    let compiled = crate::compile(&[input], &options);
    let all = compiled.statuses.into_iter().map(|it| {
        let name = format!("{} {}/{}", it.kind, it.namespace, it.name);
        (name, serde_json::to_value(&it.status).unwrap())
    });
    all.collect()
}

fn status(text: &str, name: &str) -> Value {
    let all = statuses(text);
    let found = all.iter().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("no {name} in {all:?}")).1.clone()
}

/// `Accepted=True Accepted, Programmed=False Invalid`
fn shown(of: &Value) -> String {
    let conditions = of["conditions"].as_array().unwrap().iter();
    let text = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
    let each = conditions
        .map(|it| format!("{}={} {}", text(it, "type"), text(it, "status"), text(it, "reason")));
    each.collect::<Vec<_>>().join(", ")
}

fn message<'v>(of: &'v Value, kind: &str) -> &'v str {
    let mut conditions = of["conditions"].as_array().unwrap().iter();
    conditions.find(|it| it["type"] == kind).unwrap()["message"].as_str().unwrap()
}

const EDGE: &str = r"
apiVersion: v1
kind: Service
metadata: {name: public-istio, namespace: edge}
spec: {type: LoadBalancer, externalIPs: [192.0.2.7], ports: [{name: http, port: 80}, {name: https, port: 443}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: edge}
spec: {selector: {app: shop}, ports: [{name: http, port: 80}]}
---
";

fn gateway(listeners: &str) -> String {
    format!(
        "{EDGE}apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public, namespace: edge, generation: 3}}\nspec:\n  gatewayClassName: istio\n  listeners: [{listeners}]\n---\n"
    )
}

fn route(spec: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: shop, namespace: edge}}\nspec: {spec}\n---\n"
    )
}

const HTTP: &str = "{name: http, port: 80, protocol: HTTP, hostname: '*.shop.test'}";

#[test]
fn a_gateway_is_programmed_where_its_service_is() {
    let text = gateway(HTTP)
        + &route(
            "{parentRefs: [{name: public}], rules: [{backendRefs: [{name: shop, port: 80}]}]}",
        );
    let status = status(&text, "Gateway edge/public");
    assert_eq!(
        shown(&status),
        "Accepted=True Accepted, Programmed=True Programmed, ResolvedRefs=True ResolvedRefs"
    );
    assert_eq!(status["addresses"], json!([{ "type": "IPAddress", "value": "192.0.2.7" }]));
    let listener = &status["listeners"][0];
    assert_eq!(listener["attachedRoutes"], 1);
    assert_eq!(listener["conditions"][0]["observedGeneration"], 3);
    assert_eq!(
        shown(listener),
        "Accepted=True Accepted, Conflicted=False NoConflicts, Programmed=True Programmed, ResolvedRefs=True ResolvedRefs"
    );
}

#[test]
fn a_port_that_the_service_lacks_is_not_programmed() {
    let status = status(&gateway("{name: odd, port: 81, protocol: HTTP}"), "Gateway edge/public");
    let host = "public-istio.edge.svc.cluster.local";
    assert_eq!(
        message(&status, "Programmed"),
        format!(
            "Failed to assign to any requested addresses: port 81 not found for hostname {host:?}"
        )
    );
}

#[test]
fn listeners_of_one_port_are_told_apart_by_name_alone() {
    let listeners = "{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTP}, {name: c, port: 80, protocol: TCP}, {name: d, port: 80, protocol: HTTP, hostname: d.test}";
    let status = status(&gateway(listeners), "Gateway edge/public");
    let reasons: Vec<_> = status["listeners"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let all = it["conditions"].as_array().unwrap();
            all.iter().find(|it| it["type"] == "Conflicted").unwrap()["reason"].clone()
        })
        .collect();
    assert_eq!(
        json!(reasons),
        json!(["NoConflicts", "HostnameConflict", "ProtocolConflict", "NoConflicts"])
    );
    assert_eq!(
        shown(&status),
        "Accepted=True ListenersNotValid, Programmed=True Programmed, ResolvedRefs=True ResolvedRefs"
    );
}

#[test]
fn routes_are_told_by_whom_they_are_refused() {
    let parents = [
        (
            "{name: public, sectionName: other}",
            "NoMatchingParent",
            "sectionName \"other\" not found",
        ),
        ("{name: public, port: 81}", "NoMatchingParent", "port 81 not found"),
    ];
    for (parent, reason, text) in parents {
        let text_of = gateway(HTTP) + &route(&format!("{{parentRefs: [{parent}], rules: []}}"));
        let status = status(&text_of, "HTTPRoute edge/shop");
        let parent = &status["parents"][0];
        assert!(shown(parent).starts_with(&format!("Accepted=False {reason}")), "{parent}");
        assert_eq!(message(parent, "Accepted"), text);
    }
    let elsewhere =
        gateway(HTTP) + &route("{parentRefs: [{name: public}], hostnames: [a.test], rules: []}");
    let status = status(&elsewhere, "HTTPRoute edge/shop");
    assert!(shown(&status["parents"][0]).starts_with("Accepted=False NoMatchingListenerHostname"));
}

#[test]
fn a_route_without_a_backend_is_accepted_and_not_resolved() {
    let rules = "[{backendRefs: [{name: shop, port: 80}, {name: gone, port: 80}]}]";
    let text =
        gateway(HTTP) + &route(&format!("{{parentRefs: [{{name: public}}], rules: {rules}}}"));
    let status = status(&text, "HTTPRoute edge/shop");
    let parent = &status["parents"][0];
    assert_eq!(shown(parent), "Accepted=True Accepted, ResolvedRefs=False BackendNotFound");
    assert_eq!(message(parent, "ResolvedRefs"), "backend(gone.edge.svc.cluster.local) not found");
}

#[test]
fn what_others_wrote_stays_and_what_is_stale_goes() {
    let text = gateway(HTTP)
        + "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: edge}
spec: {parentRefs: [{name: public}], rules: []}
status:
  parents:
  - {controllerName: example.com/other, parentRef: {name: theirs}, conditions: []}
  - {controllerName: istio.io/gateway-controller, parentRef: {name: gone}, conditions: []}
  - controllerName: istio.io/gateway-controller
    parentRef: {name: public, namespace: edge}
    conditions:
    - {type: Mine, status: 'True', reason: R, message: m}
    - {type: Accepted, status: 'True', reason: Old, message: m, lastTransitionTime: '2024-01-01T00:00:00Z'}
";
    let status = status(&text, "HTTPRoute edge/shop");
    let parents = status["parents"].as_array().unwrap();
    assert_eq!(parents.len(), 2, "{status}");
    assert_eq!(parents[0]["controllerName"], "example.com/other");
    assert_eq!(
        shown(&parents[1]),
        "Mine=True R, Accepted=True Accepted, ResolvedRefs=True ResolvedRefs"
    );
    assert_eq!(parents[1]["conditions"][1]["lastTransitionTime"], "2024-01-01T00:00:00Z");
}

#[test]
fn another_controllers_gateway_has_no_status_here() {
    let text = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: n}\nspec: {gatewayClassName: theirs, listeners: [{name: a, port: 80, protocol: HTTP}]}\n";
    assert_eq!(statuses(text), Vec::new());
}

/// What aliases make of little is bounded by whoever reads the YAML, so that nobody has to who keeps a status.
#[test]
fn aliases_in_a_status_are_written_out_as_long_as_they_are_few() {
    let class = |levels: usize| {
        let mut text = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: istio}\nspec: {controllerName: istio.io/gateway-controller}\nstatus:\n  a0: &a0 [x, x]\n".to_owned();
        for level in 1..levels {
            let before = level - 1;
            let line = format!("  a{level}: &a{level} [*a{before}, *a{before}]\n");
            text.push_str(&line);
        }
        text + "  conditions:\n  - {type: Theirs, status: 'True', reason: R, message: m, lastTransitionTime: '2024-01-01T00:00:00Z'}\n"
    };
    let conditions = |levels| shown(&status(&class(levels), "GatewayClass /istio"));
    let whole = conditions(10);
    assert!(whole.contains("Theirs=True R"), "{whole}");
    assert_eq!(conditions(40), whole);
}

/// Of a policy for a Service that many Gateways lead to, as many are told of as find room, the first by namespace and name; what
/// has been told before keeps its place.
#[test]
fn a_policy_tells_of_the_gateways_before_its_targets() {
    let text = |gateways: usize, status: &str| {
        let policy = format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {{name: p, namespace: edge}}\nspec: {{targetRefs: [{{group: '', kind: Service, name: shop}}], validation: {{hostname: shop.test, wellKnownCACertificates: System}}}}\n{status}\n---\n"
        );
        let route = |index: usize| {
            let (kind, rule) = match index % 3 {
                0 => (
                    "HTTPRoute",
                    "[{backendRefs: [{name: nobody, port: 80}, {name: shop, port: 80}]}]",
                ),
                1 => ("GRPCRoute", "[{backendRefs: [{name: shop, namespace: edge, port: 80}]}]"),
                _ => ("TLSRoute", "[{backendRefs: [{name: shop, port: 80}]}]"),
            };
            format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: r{index}, namespace: edge}}\nspec: {{parentRefs: [{{name: g{index:02}}}, {{kind: Service, group: '', name: shop}}], hostnames: [a.test], rules: {rule}}}\n---\n"
            )
        };
        let routes: String = (0..gateways).map(route).collect();
        format!("{EDGE}{policy}{routes}")
    };
    let ancestors = |text: &str| {
        let status = status(text, "BackendTLSPolicy edge/p");
        let all = status["ancestors"].as_array().unwrap().iter();
        all.map(|it| it["ancestorRef"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ancestors(&text(0, "")), ["shop"]);
    assert_eq!(ancestors(&text(3, "")), ["shop", "g00", "g01", "g02"]);
    let many = ancestors(&text(40, ""));
    assert_eq!((many.len(), many.last().unwrap().as_str()), (16, "g14"));
    let told = |name: &str, controller: &str| {
        format!(
            "{{ancestorRef: {{group: gateway.networking.k8s.io, kind: Gateway, name: {name}}}, controllerName: {controller}, conditions: []}}"
        )
    };
    let ours = "istio.io/gateway-controller";
    let status = format!(
        "status: {{ancestors: [{}, {}, {}]}}",
        told("g39", ours),
        told("gone", ours),
        told("theirs", "example.com/other")
    );
    assert_eq!(ancestors(&text(40, &status))[..5], ["g39", "theirs", "shop", "g00", "g01"]);
}

#[test]
fn who_asks_has_statuses_and_who_does_not_has_none() {
    let text =
        gateway(HTTP) + "apiVersion: v1\nkind: Service\nmetadata: {name: '?', namespace: edge}\n";
    let inputs = [Input::Text { name: "a.yaml".to_owned(), text }];
    let compiled = |statuses| {
        let options = crate::Options { statuses, ..crate::Options::default() };
        crate::compile(&inputs, &options)
    };
    let (asked, not) = (compiled(true), compiled(false));
    assert!(asked.bundle.is_none() && asked.findings == not.findings);
    assert_eq!((asked.statuses.len(), not.statuses.len()), (1, 0));
}
