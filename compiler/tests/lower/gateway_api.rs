//! The Gateway API: `Gateway`s and their routes, at the edge and on the mesh.

use std::net::IpAddr;

use mesh_engine::gateway::Handler;
use mesh_engine::outbound::StreamOutcome;
use mesh_engine::route::Outcome;

use crate::support::{Call, Program, Repository, shown, workload};

const EDGE: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
    - {name: all, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
    - {name: own, port: 80, protocol: HTTP, hostname: own.test, allowedRoutes: {namespaces: {from: Same}}}
    - name: tls
      port: 443
      protocol: HTTPS
      hostname: tls.test
      allowedRoutes: {namespaces: {from: All}}
      tls: {certificateRefs: [{name: cert}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: public, namespace: edge}
spec:
  selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: public}}
  template:
    metadata: {labels: {gateway.networking.k8s.io/gateway-name: public}}
    spec: {containers: [{name: istio-proxy, image: auto}]}
---
";

fn route(name: &str, namespace: &str, spec: &str) -> String {
    format!(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  parentRefs: [{{name: public, namespace: edge}}]
{spec}
---
"
    )
}

fn edge(text: &str) -> Repository {
    let repository = Repository::of(&(EDGE.to_owned() + text));
    repository.write("mesh.yaml", "inventory: {secrets: [edge/cert]}\n");
    repository
}

fn goes_to(repository: &Repository, port: u16, call: Call<'_>) -> Vec<String> {
    let bundle = repository.bundle();
    let sni = (port == 443).then_some(call.host);
    Program::of(&bundle, "edge/public").serves(port, sni, call.on(port), |it| shown(&it))
}

#[test]
fn the_most_specific_match_comes_first_whatever_the_order() {
    let spec = "
  hostnames: [shop.test]
  rules:
    - backendRefs: [{name: all, port: 80}]
    - matches: [{path: {value: /a}}]
      backendRefs: [{name: prefix, port: 80}]
    - matches: [{path: {value: /a}, method: POST}]
      backendRefs: [{name: method, port: 80}]
    - matches: [{path: {type: Exact, value: /a}}]
      backendRefs: [{name: exact, port: 80}]
";
    let text: String = ["all", "prefix", "method", "exact"].map(|it| workload("shop", it)).concat();
    let repository = edge(&(text + &route("r", "shop", spec)));
    let to = |path, method| {
        let call = Call::get("shop.test", path).by(method);
        let found = goes_to(&repository, 80, call).remove(0);
        found.split("||").nth(1).unwrap().split('.').next().unwrap().to_owned()
    };
    assert_eq!(to("/", "GET"), "all");
    assert_eq!(to("/ab", "GET"), "all");
    assert_eq!(to("/a/b", "GET"), "prefix");
    assert_eq!(to("/a/b", "POST"), "method");
    assert_eq!(to("/a", "POST"), "exact");
}

#[test]
fn listeners_admit_and_isolate() {
    let spec = "  rules: [{backendRefs: [{name: api, port: 80}]}]";
    let repository = edge(&(workload("shop", "api") + &route("r", "shop", spec)));
    let to = |host, port| goes_to(&repository, port, Call::get(host, "/"));
    assert_eq!(to("any.test", 80), ["1 outbound|80||api.shop.svc.cluster.local"]);
    assert_eq!(to("tls.test", 443), ["1 outbound|80||api.shop.svc.cluster.local"]);
}

#[test]
fn what_leads_nowhere_is_answered_with_500() {
    let spec = "
  rules:
    - matches: [{path: {value: /none}}]
    - matches: [{path: {value: /zero}}]
      backendRefs: [{name: api, port: 80, weight: 0}]
    - matches: [{path: {value: /both}}]
      backendRefs: [{name: api, port: 80, weight: 3}, {name: api, namespace: other, port: 80}]
";
    let text = workload("shop", "api") + &workload("other", "api") + &route("r", "shop", spec);
    let compiled = edge(&text).compile();
    // Another namespace without leave is an error to the checks; with it, the weights stand.
    let names: Vec<_> = compiled.findings.iter().map(|it| it.check.name).collect();
    assert!(names.contains(&"missing-reference-grant"), "{names:?}");
    let grant = "
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: g, namespace: other}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}]
  to: [{group: \"\", kind: Service}]
---
";
    let repository = edge(&(text + grant));
    let to = |path| goes_to(&repository, 80, Call::get("any.test", path));
    assert_eq!(to("/none"), ["status 500"]);
    assert_eq!(to("/zero"), ["status 500"]);
    let both =
        ["3 outbound|80||api.shop.svc.cluster.local", "1 outbound|80||api.other.svc.cluster.local"];
    assert_eq!(to("/both"), both);
}

#[test]
fn filters_change_requests() {
    let spec = r#"
  rules:
    - matches: [{path: {value: /old}}]
      filters:
        - {type: RequestRedirect, requestRedirect: {scheme: https, statusCode: 301, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}}
    - matches: [{path: {value: /api}}]
      filters:
        - {type: URLRewrite, urlRewrite: {hostname: inner.test, path: {type: ReplacePrefixMatch, replacePrefixMatch: /v1}}}
        - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-share, value: "50%"}]}}
        - {type: RequestMirror, requestMirror: {backendRef: {name: copy, port: 80}, percent: 20}}
      backendRefs: [{name: api, port: 80}]
      timeouts: {request: 5s, backendRequest: 1s}
      retry: {attempts: 3, codes: [503], backoff: 100ms}
"#;
    let text = workload("shop", "api") + &workload("shop", "copy") + &route("r", "shop", spec);
    let bundle = edge(&text).bundle();
    let public = Program::of(&bundle, "edge/public");
    public.serves(80, None, Call::get("any.test", "/old/x"), |outcome| {
        assert_eq!(shown(&outcome), ["redirect 301"]);
    });
    public.serves(80, None, Call::get("any.test", "/api/x"), |outcome| {
        let Outcome::Route(selected) = outcome else { panic!("{outcome:?}") };
        let mesh_engine::route::Action::Forward(forward) = &selected.route.action else { panic!() };
        assert_eq!(forward.rewritten_authority.as_ref().unwrap(), "inner.test");
        assert_eq!(forward.timeout.unwrap().as_secs(), 5);
        assert_eq!(forward.try_timeout.unwrap().as_secs(), 1);
        assert_eq!(forward.retry.retries_max, 3);
        assert_eq!(forward.mirrors[0].share.0, 200_000);
        assert!(!selected.route.headers.is_empty());
    });
}

#[test]
fn on_the_mesh_a_route_is_for_the_ports_that_its_parent_names() {
    let api = workload("shop", "api").replace(
        "ports: [{name: http, port: 80, targetPort: 8080}]",
        "ports: [{name: http, port: 80, targetPort: 8080}, {name: http-b, port: 81, targetPort: 8081}]",
    );
    let text = api
        + &workload("shop", "new")
        + "
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: shop}
spec:
  parentRefs: [{group: \"\", kind: Service, name: api, port: 81}]
  rules: [{backendRefs: [{name: new, port: 80}]}]
";
    let bundle = Repository::of(&text).bundle();
    let new = Program::of(&bundle, "shop/new");
    let to = |port| new.goes_to(Call::get("api", "/").on(port));
    assert_eq!(to(81), ["1 outbound|80||new.shop.svc.cluster.local"]);
    assert_eq!(to(80), ["1 outbound|80||api.shop.svc.cluster.local"]);
}

#[test]
fn calls_of_grpc_go_by_service_and_method() {
    let backends = ["all", "service", "method", "both", "regex"];
    let text: String = backends.map(|it| workload("shop", it)).concat()
        + "
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: r, namespace: shop}
spec:
  parentRefs: [{name: public, namespace: edge}]
  hostnames: [grpc.test]
  rules:
    - backendRefs: [{name: all, port: 80}]
    - matches: [{method: {service: shop.Reviews}}]
      backendRefs: [{name: service, port: 80}]
    - matches: [{method: {method: List}}]
      backendRefs: [{name: method, port: 80}]
    - matches: [{method: {service: shop.Reviews, method: Get}}]
      backendRefs: [{name: both, port: 80}]
    - matches: [{method: {type: RegularExpression, service: '.*Admin'}}]
      backendRefs: [{name: regex, port: 80}]
";
    let repository = edge(&text);
    let to = |path| {
        let found = goes_to(&repository, 80, Call::get("grpc.test", path).by("POST")).remove(0);
        found.split("||").nth(1).unwrap().split('.').next().unwrap().to_owned()
    };
    assert_eq!(to("/shop.Reviews/Get"), "both");
    assert_eq!(to("/shop.Reviews/List"), "service");
    assert_eq!(to("/shop.ReviewsExtra/Get"), "all");
    assert_eq!(to("/shop.Ratings/List"), "method");
    assert_eq!(to("/shop.ShopAdmin/Get"), "regex");
}

#[test]
fn a_filter_that_nobody_knows_is_not_skipped() {
    let spec = "
  rules:
    - filters: [{type: ExtensionRef, extensionRef: {group: example.com, kind: Guard, name: g}}]
      backendRefs: [{name: api, port: 80}]
";
    let repository = edge(&(workload("shop", "api") + &route("r", "shop", spec)));
    assert_eq!(goes_to(&repository, 80, Call::get("any.test", "/")), ["status 500"]);
}

const STREAMS: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
    - {name: tcp, port: 5432, protocol: TCP, allowedRoutes: {namespaces: {from: All}}}
    - name: through
      port: 443
      protocol: TLS
      hostname: '*.test'
      allowedRoutes: {namespaces: {from: All}}
      tls: {mode: Passthrough}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: public, namespace: edge}
spec:
  selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: public}}
  template:
    metadata: {labels: {gateway.networking.k8s.io/gateway-name: public}}
    spec: {containers: [{name: istio-proxy, image: auto}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: ledger, namespace: shop}
spec:
  parentRefs: [{name: public, namespace: edge, sectionName: tcp}]
  rules: [{backendRefs: [{name: ledger, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: vault, namespace: shop}
spec:
  parentRefs: [{name: public, namespace: edge}]
  hostnames: [vault.test, vault.example]
  rules: [{backendRefs: [{name: vault, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: gone, namespace: shop}
spec:
  parentRefs: [{name: public, namespace: edge}]
  hostnames: [gone.test]
  rules: [{backendRefs: [{name: gone, port: 80}]}]
---
";

#[test]
fn connections_go_by_port_and_by_server_name() {
    let text = STREAMS.to_owned() + &workload("shop", "ledger") + &workload("shop", "vault");
    let repository = Repository::of(&text);
    repository.write("mesh.yaml", "lints: {unknown-host: warn}\n");
    let compiled = repository.compile();
    let names: Vec<_> = compiled.findings.iter().map(|it| it.check.name).collect();
    assert!(names.contains(&"unknown-host"), "{names:?}");
    let bundle = repository.bundle();
    let public = Program::of(&bundle, "edge/public");
    let to = |port, sni: Option<&str>| {
        let listeners = public.program.gateway().unwrap().listeners();
        let chain = listeners.iter().find(|it| it.port == port)?.chain(sni)?;
        let Handler::Stream(server) = &chain.handler else { panic!("HTTP") };
        Some(match server.stream(IpAddr::from([10, 0, 0, 1]), sni, 0)? {
            StreamOutcome::Forward { name, cluster, .. } => {
                assert!(cluster.is_some(), "{name}");
                name.to_owned()
            }
            StreamOutcome::Closed(_) => "closed".to_owned(),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(to(5432, None).unwrap(), "outbound|80||ledger.shop.svc.cluster.local");
    assert_eq!(to(443, Some("vault.test")).unwrap(), "outbound|80||vault.shop.svc.cluster.local");
    assert_eq!(to(443, Some("gone.test")).unwrap(), "closed");
    assert_eq!(to(443, Some("vault.example")), None, "no listener has the name");
    assert_eq!(to(443, Some("other.test")), None);
}

#[test]
fn the_filters_of_an_only_backend_are_the_rules() {
    let spec = "
  rules:
    - backendRefs:
        - name: api
          port: 80
          filters: [{type: URLRewrite, urlRewrite: {hostname: inner.test, path: {type: ReplaceFullPath, replaceFullPath: /v1}}}]
";
    let bundle = edge(&(workload("shop", "api") + &route("r", "shop", spec))).bundle();
    let public = Program::of(&bundle, "edge/public");
    public.serves(80, None, Call::get("any.test", "/"), |outcome| {
        let Outcome::Route(selected) = outcome else { panic!("{outcome:?}") };
        let mesh_engine::route::Action::Forward(forward) = &selected.route.action else { panic!() };
        assert_eq!(forward.rewritten_authority.as_ref().unwrap(), "inner.test");
        assert!(forward.rewrite.is_some());
    });
}

#[test]
fn listener_sets_add_to_a_gateway_that_lets_them() {
    let gateway = EDGE.replace(
        "gatewayClassName: istio",
        "gatewayClassName: istio
  allowedListeners: {namespaces: {from: Selector, selector: {matchLabels: {guest: 'yes'}}}}",
    );
    let set = |namespace: &str| {
        format!(
            "
apiVersion: v1
kind: Namespace
metadata: {{name: {namespace}, labels: {{guest: '{}'}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {{name: more, namespace: {namespace}}}
spec:
  parentRef: {{name: public, namespace: edge}}
  listeners:
    - {{name: own, port: 80, protocol: HTTP, hostname: {namespace}.test}}
    - {{name: clash, port: 443, protocol: HTTP}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r, namespace: {namespace}}}
spec:
  parentRefs: [{{group: gateway.networking.k8s.io, kind: ListenerSet, name: more}}]
  rules: [{{backendRefs: [{{name: api, port: 80}}]}}]
---
",
            if namespace == "shop" { "yes" } else { "no" }
        )
    };
    let text = gateway
        + &set("shop")
        + &workload("shop", "api")
        + &set("other")
        + &workload("other", "api");
    let repository = Repository::of(&text);
    repository.write("mesh.yaml", "inventory: {secrets: [edge/cert]}\n");
    let compiled = repository.compile();
    let said = compiled.findings.iter().filter(|it| it.check.name == "unserved-listener-set");
    assert_eq!(said.count(), 2, "one is not let in, one listener clashes");
    let to = |host| goes_to(&repository, 80, Call::get(host, "/"));
    assert_eq!(to("shop.test"), ["1 outbound|80||api.shop.svc.cluster.local"]);
    assert_eq!(
        to("other.test"),
        ["NoHost"],
        "and the Gateway's own listener is not the route's parent"
    );
}

#[test]
fn a_gateway_is_served_by_the_pods_of_the_service_that_it_names() {
    let gateway = |address: &str| {
        format!(
            "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: manual, namespace: edge}}
spec:
  gatewayClassName: istio
  addresses: [{{type: Hostname, value: {address}}}]
  listeners: [{{name: all, port: 80, protocol: HTTP}}]
---
apiVersion: v1
kind: Service
metadata: {{name: ingress, namespace: edge}}
spec: {{selector: {{app: ingress}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: ingress, namespace: edge}}
spec:
  selector: {{matchLabels: {{app: ingress}}}}
  template:
    metadata: {{labels: {{app: ingress}}}}
    spec: {{containers: [{{name: istio-proxy, image: auto}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: edge}}
spec: {{ports: [{{name: http, port: 80}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: web, namespace: edge}}
spec:
  parentRefs: [{{name: manual}}]
  rules: [{{backendRefs: [{{name: web, port: 80}}]}}]
"
        )
    };
    for address in ["ingress", "ingress.edge.svc.cluster.local"] {
        let compiled = Repository::of(&gateway(address)).compile();
        let said: Vec<_> = compiled.findings.iter().map(|it| it.check.name).collect();
        assert!(!said.contains(&"undeployed-gateway") && !said.contains(&"unserved-setting"));
        let bundle = compiled.bundle.unwrap();
        let call = Call::get("any.test", "/").on(8080);
        let to = Program::of(&bundle, "edge/ingress").serves(8080, None, call, |it| shown(&it));
        assert_eq!(to, ["1 outbound|80||web.edge.svc.cluster.local"]);
    }
    let findings = Repository::of(&gateway("other.edge.svc.cluster.local")).compile().findings;
    let said: Vec<_> = findings.iter().map(|it| it.message.as_str()).collect();
    assert!(
        said.contains(&"no workload of the repository serves the Gateway `manual`"),
        "{said:?}"
    );
    let unknown = "no Service `other.edge.svc.cluster.local` here selects pods";
    assert!(said.contains(&unknown), "{said:?}");
}
