//! What a `Sidecar` lets its workloads see.

use mesh_engine::route::Outcome;
use mesh_snapshot::Kind;
use mesh_snapshot::object::{Application, Labels, Protocol, Workload};

use crate::support::{Call, Program, Repository, workload};

/// In the namespace `web` unless `place` says otherwise; `spec` is YAML in one line.
fn sidecar(place: &str, spec: &str) -> String {
    let (namespace, name) = place.split_once('/').unwrap();
    format!(
        "
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: {name}, namespace: {namespace}}}
spec: {spec}
---
"
    )
}

/// Three services, and two clients in a namespace that refuses unknown hosts unless a Sidecar says otherwise.
fn mesh(more: &str) -> Repository {
    let text = workload("shop", "api")
        + &workload("shop", "v2")
        + &workload("edge", "gate")
        + &workload("web", "page")
        + &workload("web", "other")
        + more;
    let repository = Repository::of(&text);
    repository.write("mesh.yaml", SETTINGS);
    repository
}

/// The check speaks of what these tests are about.
const SETTINGS: &str = "
meshConfig: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}
lints: {conflicting-sidecars: allow}
";

fn sees(program: &Program<'_>, host: &str) -> bool {
    program.sends(Call::get(host, "/"), |outcome| matches!(outcome, Outcome::Route(_)))
}

const API: &str = "api.shop.svc.cluster.local";
const V2: &str = "outbound|80||v2.shop.svc.cluster.local";

/// Of a namespace: sends what is for the one service to the other.
fn route(namespace: &str) -> String {
    format!(
        "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: api, namespace: {namespace}}}
spec:
  hosts: [{API}]
  http: [{{route: [{{destination: {{host: v2.shop.svc.cluster.local}}}}]}}]
---
"
    )
}

#[test]
fn only_what_is_imported_is_seen() {
    let spec = "{egress: [{hosts: [\"./*\", \"shop/api.shop.svc.cluster.local\"]}]}";
    let bundle = mesh(&sidecar("web/default", spec)).bundle();
    let page = Program::of(&bundle, "web/page");
    assert!(sees(&page, API) && sees(&page, "other.web.svc.cluster.local"));
    assert!(
        !sees(&page, "v2.shop.svc.cluster.local") && !sees(&page, "gate.edge.svc.cluster.local")
    );
    // Others see what they saw.
    assert!(sees(&Program::of(&bundle, "edge/gate"), "v2.shop.svc.cluster.local"));
}

#[test]
fn a_selector_without_labels_comes_before_none() {
    let first = sidecar("web/a", "{egress: [{hosts: [\"~/*\"]}]}");
    let spec = "{workloadSelector: {labels: {}}, egress: [{hosts: [\"*/*\"]}]}";
    let repository = mesh(&(first + &sidecar("web/b", spec)));
    repository.write("mesh.yaml", "lints: {several-default-sidecars: warn}\n");
    let bundle = repository.bundle();
    assert!(sees(&Program::of(&bundle, "web/page"), API));
}

#[test]
fn an_exception_takes_back_what_is_imported() {
    let spec = "{egress: [{hosts: [\"*/*\", \"~edge/*\", \"~/v2.shop.svc.cluster.local\"]}]}";
    let bundle = mesh(&sidecar("web/default", spec)).bundle();
    let page = Program::of(&bundle, "web/page");
    assert!(sees(&page, API) && !sees(&page, "v2.shop.svc.cluster.local"));
    assert!(!sees(&page, "gate.edge.svc.cluster.local"));
}

#[test]
fn a_route_leads_to_hosts_that_are_not_imported() {
    let spec = format!("{{egress: [{{hosts: [\"shop/{API}\"]}}]}}");
    let bundle = mesh(&(route("shop") + &sidecar("web/default", &spec))).bundle();
    let page = Program::of(&bundle, "web/page");
    assert_eq!(page.goes_to(Call::get(API, "/")), [format!("1 {V2}")]);
    assert!(!sees(&page, "v2.shop.svc.cluster.local"));
}

#[test]
fn routes_of_a_namespace_that_is_not_imported_do_not_rule() {
    let spec = "{egress: [{hosts: [\"shop/*\"]}]}";
    let bundle = mesh(&(route("edge") + &sidecar("web/default", spec))).bundle();
    let to = |name| Program::of(&bundle, name).goes_to(Call::get(API, "/"));
    assert_eq!(to("web/page"), [format!("1 outbound|80||{API}")]);
    assert_eq!(to("edge/gate"), [format!("1 {V2}")]);
}

#[test]
fn the_narrowest_counts_and_of_equals_the_oldest() {
    let root = sidecar("istio-system/default", "{egress: [{hosts: [\"./*\"]}]}");
    let own = sidecar("web/default", "{egress: [{hosts: [\"shop/*\"]}]}");
    let selecting = |name, host| {
        let spec = format!(
            "{{workloadSelector: {{labels: {{app: page}}}}, egress: [{{hosts: [\"{host}/*\"]}}]}}"
        );
        sidecar(&format!("web/{name}"), &spec)
    };
    let text = root + &own + &selecting("a", "edge") + &selecting("b", "shop");
    let bundle = mesh(&text).bundle();
    let seen = |name| {
        let program = Program::of(&bundle, name);
        let hosts = [API, "gate.edge.svc.cluster.local", "page.web.svc.cluster.local"];
        hosts.map(|host| sees(&program, host))
    };
    assert_eq!(seen("web/page"), [false, true, false]);
    assert_eq!(seen("web/other"), [true, false, false]);
    assert_eq!(seen("edge/gate"), [false, true, false]);
    assert_eq!(seen("shop/api"), [true, false, false]);
    // A namespace that nothing is in sees nothing of its own.
    let stranger = Workload {
        namespace: "nowhere".to_owned(),
        name: "x".to_owned(),
        labels: Labels::from([("app".to_owned(), "x".to_owned())]),
        ..Workload::default()
    };
    assert!(!sees(&Program::joined(&bundle, &stranger), API));
}

#[test]
fn unknown_hosts_are_treated_as_the_sidecar_says() {
    let all = "{outboundTrafficPolicy: {mode: ALLOW_ANY}}";
    let bundle = mesh(&sidecar("web/default", all)).bundle();
    let passes = |name| {
        let program = Program::of(&bundle, name);
        let call = Call::get("unknown.test", "/");
        program.sends(call, |outcome| !matches!(outcome, Outcome::Blackhole))
    };
    assert!(passes("web/page") && !passes("edge/gate"));
    // Without `egress` everything is seen.
    assert!(sees(&Program::of(&bundle, "web/page"), API));
}

#[test]
fn namespaces_share_the_sets_that_they_see_as_everybody_does() {
    let spec = "{egress: [{hosts: [\"shop/*\"]}]}";
    let bundle = mesh(&(sidecar("web/default", spec) + &sidecar("edge/default", spec))).bundle();
    let sets: Vec<_> = bundle
        .snapshot
        .names()
        .keys()
        .filter(|key| key.kind == mesh_snapshot::Kind::HostSet && &*key.namespace == "shop")
        .map(|key| key.name.to_string())
        .collect();
    assert_eq!(sets, ["hosts"]);
}

/// What a workload is reached at.
fn ports(program: &Program<'_>) -> Vec<u16> {
    program.program.inbound().ports()
}

#[test]
fn ingress_stands_in_place_of_what_services_say() {
    let listener = "{port: {number: 9000, protocol: GRPC, name: grpc}, defaultEndpoint: \"127.0.0.1:9001\", connectionPool: {tcp: {maxConnections: 7}}}";
    let spec = format!("{{workloadSelector: {{labels: {{app: page}}}}, ingress: [{listener}]}}");
    let bundle = mesh(&sidecar("web/page", &spec)).bundle();
    let page = Program::of(&bundle, "web/page");
    assert_eq!(ports(&page), [9000]);
    let port = page.program.inbound().port(9000);
    assert_eq!(port.protocol, Protocol::Grpc);
    assert_eq!(*port.application, Application::Address(([127, 0, 0, 1], 9001).into()));
    assert_eq!(port.connection_pool.map(|pool| pool.connections_max), Some(7));
    assert_eq!(ports(&Program::of(&bundle, "web/other")), [8080]);
}

#[test]
fn a_narrower_sidecar_without_ingress_hides_a_wider_one() {
    let root = "{ingress: [{port: {number: 9000, protocol: HTTP, name: http}}]}";
    let web = "{egress: [{hosts: [\"*/*\"]}]}";
    let text = sidecar("istio-system/default", root) + &sidecar("web/default", web);
    let bundle = mesh(&text).bundle();
    assert_eq!(ports(&Program::of(&bundle, "shop/api")), [9000]);
    assert_eq!(ports(&Program::of(&bundle, "web/page")), [8080]);
}

#[test]
fn an_application_listens_where_the_endpoint_says() {
    for (written, application) in [
        ("", Application::Destination),
        ("0.0.0.0:81", Application::Port(81)),
        ("[::]:81", Application::Port(81)),
        (":81", Application::Port(81)),
        ("[::1]:81", Application::Address("[::1]:81".parse().unwrap())),
        ("unix:///run/app.sock", Application::Unix("/run/app.sock".to_owned())),
    ] {
        let spec = format!(
            "{{ingress: [{{port: {{number: 80, protocol: HTTP, name: http}}, defaultEndpoint: \"{written}\"}}]}}"
        );
        let bundle = mesh(&sidecar("web/default", &spec)).bundle();
        let page = Program::of(&bundle, "web/page");
        assert_eq!(*page.program.inbound().port(80).application, application, "{written}");
    }
}

#[test]
fn tls_of_a_port_ends_where_the_meshs_is_disabled() {
    let tls =
        "{mode: MUTUAL, serverCertificate: /c.pem, privateKey: /k.pem, caCertificates: /ca.pem}";
    let spec = format!(
        "{{ingress: [{{port: {{number: 443, protocol: HTTPS, name: https}}, defaultEndpoint: \"127.0.0.1:80\", tls: {tls}}}]}}"
    );
    let peers = |mode: &str| {
        format!(
            "
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: page, namespace: web}}
spec: {{selector: {{matchLabels: {{app: page}}}}, mtls: {{mode: STRICT}}, portLevelMtls: {{443: {{mode: {mode}}}}}}}
---
"
        )
    };
    let treated = |mode| {
        let bundle = mesh(&(peers(mode) + &sidecar("web/default", &spec))).bundle();
        let page = Program::of(&bundle, "web/page");
        let port = page.program.inbound().port(443);
        (port.protocol, port.tls.is_some())
    };
    assert_eq!(treated("DISABLE"), (Protocol::Http, true));
    assert_eq!(treated("STRICT"), (Protocol::Https, false));
}

#[test]
fn a_listener_for_a_port_shows_its_hosts_there_and_no_others() {
    let spec = "{egress: [
  {port: {number: 80, protocol: HTTP, name: http}, hosts: [\"./*\"]},
  {hosts: [\"shop/*\"]}]}";
    let bundle = mesh(&sidecar("web/default", spec)).bundle();
    let page = Program::of(&bundle, "web/page");
    assert!(sees(&page, "other.web.svc.cluster.local") && !sees(&page, API));
    let spec = "{egress: [
  {port: {number: 81, protocol: HTTP, name: http}, hosts: [\"./*\"]},
  {hosts: [\"shop/*\"]}]}";
    let bundle = mesh(&sidecar("web/default", spec)).bundle();
    let page = Program::of(&bundle, "web/page");
    assert!(!sees(&page, "other.web.svc.cluster.local") && sees(&page, API));
}

#[test]
fn routes_rule_at_the_ports_whose_listeners_import_them() {
    let to = |at_80: &str, others: &str| {
        let listener =
            format!("{{port: {{number: 80, protocol: HTTP, name: http}}, hosts: [{at_80}]}}");
        let spec = format!("{{egress: [{listener}, {{hosts: [{others}]}}]}}");
        let bundle = mesh(&(route("edge") + &sidecar("web/default", &spec))).bundle();
        Program::of(&bundle, "web/page").goes_to(Call::get(API, "/"))
    };
    assert_eq!(to("\"shop/*\"", "\"edge/*\""), [format!("1 outbound|80||{API}")]);
    assert_eq!(to("\"shop/*\", \"edge/*\"", "\"shop/*\""), [format!("1 {V2}")]);
}

#[test]
fn what_is_unknown_goes_by_the_proxy_for_it() {
    let spec = |hosts: &str| {
        let proxy = format!("egressProxy: {{host: {API}, port: {{number: 80}}}}");
        let policy = format!("outboundTrafficPolicy: {{mode: ALLOW_ANY, {proxy}}}");
        format!("{{egress: [{{hosts: [{hosts}]}}], {policy}}}")
    };
    let compiled = |hosts: &str| {
        let repository = mesh(&sidecar("web/default", &spec(hosts)));
        repository.write("mesh.yaml", "lints: {deprecated-egress-proxy: allow}\n");
        repository.compile()
    };
    let to = |hosts: &str| {
        let bundle = compiled(hosts).bundle.unwrap();
        let page = Program::of(&bundle, "web/page");
        page.goes_to(Call::get("elsewhere.test", "/"))
    };
    let said = |hosts: &str| {
        let findings = compiled(hosts).findings;
        findings.iter().map(|it| it.message.clone()).collect::<Vec<_>>()
    };
    assert_eq!(to("\"shop/*\""), [format!("1 outbound|80||{API}")]);
    assert_eq!(said("\"shop/*\""), [""; 0]);
    assert_eq!(to("\"./*\""), [format!("1 outbound|80||{API} (unknown)")]);
    assert_eq!(said("\"./*\""), [format!("the Sidecar does not import `{API}`")]);
}

#[test]
fn a_listener_that_is_to_be_an_http_proxy_is_said_not_to_be_served() {
    let spec = "{egress: [
  {port: {number: 15080, protocol: HTTP_PROXY, name: proxy}, hosts: [\"shop/*\"]}]}";
    let compiled = mesh(&sidecar("web/default", spec)).compile();
    let said = compiled.findings.iter().filter(|it| it.check.name == "unserved-setting");
    let said: Vec<_> = said.map(|it| it.message.as_str()).collect();
    assert_eq!(said, ["nothing here takes requests as an HTTP proxy does"]);
    assert!(sees(&Program::of(&compiled.bundle.unwrap(), "web/page"), API));
}

/// What they show is there once, however many Sidecars import the same.
#[test]
fn equal_imports_are_shared() {
    let spec = |labels: &str, hosts: &str| {
        format!(
            "{{workloadSelector: {{labels: {{app: {labels}}}}}, egress: [{{hosts: [{hosts}]}}]}}"
        )
    };
    let sets = |more: &str| {
        let bundle =
            mesh(&(sidecar("web/a", &spec("page", "shop/api.shop.svc.cluster.local")) + more))
                .bundle();
        let names = bundle.snapshot.names();
        names.keys().filter(|key| key.kind == Kind::HostSet).count()
    };
    let one = sets("");
    assert_eq!(sets(&sidecar("web/b", &spec("other", "shop/api.shop.svc.cluster.local"))), one);
    assert!(sets(&sidecar("web/b", &spec("other", "shop/v2.shop.svc.cluster.local"))) > one);
}
