use super::CHECK;
use crate::diagnostic::Severity;
use crate::testing::{Folder, findings};

/// What is told, by check and place, of a rule with this spec for a host of which `v2` alone takes nothing but mutual TLS.
fn told(rule: &str) -> Vec<(&'static str, String)> {
    let folder = Folder::new();
    let pod = |version: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {version}, namespace: shop, labels: {{app: reviews, version: {version}}}}}\nspec: {{containers: [{{name: a, image: a}}]}}\n---\n"
        )
    };
    let text = format!(
        "{}{}apiVersion: v1\nkind: Service\nmetadata: {{name: reviews, namespace: shop}}\nspec: {{selector: {{app: reviews}}, ports: [{{name: http, port: 80}}]}}\n---\n\
         apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: v2, namespace: shop}}\nspec: {{selector: {{matchLabels: {{version: v2}}}}, mtls: {{mode: STRICT}}}}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d, namespace: shop}}\nspec: {{host: reviews, {rule}}}\n",
        pod("v1"),
        pod("v2")
    );
    folder.write("a.yaml", text);
    let about = ["mtls-conflict", "selector-without-workload"];
    let found = findings(folder.path()).into_iter();
    let found = found.filter(|it| about.contains(&it.check.name));
    found.map(|it| (it.check.name, it.message)).collect()
}

#[test]
fn a_subset_is_held_against_its_own_servers() {
    let subset =
        |name: &str, policy: &str| format!("{{name: {name}, labels: {{version: {name}}}{policy}}}");
    let plain = ", trafficPolicy: {tls: {mode: DISABLE}}";
    let mutual = ", trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}";
    let of_port = |said: &str| {
        format!(", trafficPolicy: {{portLevelSettings: [{{port: {{number: 80}}, {said}}}]}}")
    };
    let conflict = [(
        CHECK.name,
        "clients speak plain text to the subset `v2` of `reviews.shop.svc.cluster.local`, which takes mutual TLS alone".to_owned(),
    )];
    let of = |subsets: &[String]| told(&format!("subsets: [{}]", subsets.join(", ")));
    assert_eq!(of(&[subset("v2", plain)]), conflict);
    assert_eq!(of(&[subset("v2", &of_port("tls: {mode: DISABLE}"))]), conflict);
    assert_eq!(of(&[subset("v1", plain), subset("v2", "")]), []);
    // What it does not say itself the host says, unless it speaks of the port.
    let of = |policy: &str| {
        let subset = subset("v2", policy);
        told(&format!("trafficPolicy: {{tls: {{mode: DISABLE}}}}, subsets: [{subset}]"))
    };
    assert_eq!(of(""), conflict);
    assert_eq!(of(mutual), []);
    assert_eq!(of(&of_port("loadBalancer: {simple: RANDOM}")), []);
}

#[test]
fn a_rule_for_nobody_conflicts_with_nobody() {
    let rule = |app: &str| {
        format!(
            "workloadSelector: {{matchLabels: {{app: {app}}}}}, subsets: [{{name: v2, labels: {{version: v2}}, trafficPolicy: {{tls: {{mode: DISABLE}}}}}}]"
        )
    };
    let names = |app| told(&rule(app)).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names("reviews"), [CHECK.name]);
    assert_eq!(names("nobody"), ["selector-without-workload"]);
}

/// How grave it is that clients of `web` are told `mode` where the mesh is `STRICT`.
fn severity(namespace: &str, pod: &str, mode: &str) -> Option<Severity> {
    severity_at("web", namespace, pod, mode)
}

fn severity_at(host: &str, namespace: &str, pod: &str, mode: &str) -> Option<Severity> {
    let folder = Folder::new();
    let text = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{namespace}}}}}\n---\n\
         apiVersion: v1\nkind: Namespace\nmetadata: {{name: other, labels: {{istio-injection: enabled}}}}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop}}\nspec: {{selector: {{app: web}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}\n---\n\
         apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: a, namespace: istio-system}}\nspec: {{mtls: {{mode: STRICT}}}}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d, namespace: shop}}\nspec: {{host: {host}, trafficPolicy: {{tls: {{mode: {mode}}}}}}}\n---\n{pod}"
    );
    folder.write("a.yaml", text);
    let found = findings(folder.path());
    found.iter().find(|it| it.check == &CHECK).map(|it| it.severity)
}

fn pod(metadata: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: shop, {metadata}}}\nspec: {{{spec}containers: [{{name: a, image: a}}]}}\n"
    )
}

#[test]
fn nobody_asks_for_mutual_tls_without_a_proxy() {
    let (enabled, disabled) = ("istio-injection: enabled", "istio-injection: disabled");
    let plain = "labels: {app: web}";
    let declined = "labels: {app: web, sidecar.istio.io/inject: 'false'}";
    let kept =
        "labels: {app: web}, annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '8080'}";
    for (namespace, pod, mutual) in [
        (enabled, pod(declined, ""), Some(Severity::Error)),
        (enabled, pod(plain, "hostNetwork: true, "), Some(Severity::Error)),
        (enabled, pod(kept, ""), Some(Severity::Error)),
        (disabled, pod(plain, ""), Some(Severity::Error)),
        // Others may label it.
        ("", pod(plain, ""), Some(Severity::Warning)),
    ] {
        for client in ["DISABLE", "SIMPLE"] {
            assert_eq!(severity(namespace, &pod, client), None, "{client}: {pod}");
        }
        assert_eq!(severity(namespace, &pod, "ISTIO_MUTUAL"), mutual, "{pod}");
    }
    let meshed = pod(plain, "");
    assert_eq!(severity(enabled, &meshed, "DISABLE"), Some(Severity::Error));
    assert_eq!(severity(enabled, &meshed, "ISTIO_MUTUAL"), None);
    // One with a proxy, and one without.
    let both = format!("{meshed}---\n{}", pod(declined, "").replace("name: web,", "name: other,"));
    for client in ["DISABLE", "ISTIO_MUTUAL"] {
        assert_eq!(severity(enabled, &both, client), None, "{client}");
    }
}

#[test]
fn of_servers_that_nobody_shows_it_is_a_notice() {
    assert_eq!(severity("istio-injection: enabled", "", "DISABLE"), Some(Severity::Info));
    assert_eq!(severity("istio-injection: disabled", "", "DISABLE"), None);
    assert_eq!(severity("", "", "DISABLE"), None);
}

#[test]
fn of_endpoints_that_no_selector_finds_nothing_is_known() {
    let folder = Folder::new();
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec: {ports: [{name: tcp, port: 6379}]}\n---\n\
         apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a, namespace: istio-system}\nspec: {mtls: {mode: STRICT}}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d, namespace: shop}\nspec: {host: db, trafficPolicy: {tls: {mode: DISABLE}}}\n";
    folder.write("a.yaml", text);
    assert!(findings(folder.path()).iter().all(|it| it.check != &CHECK));
}

const MUTUAL: &str = "protocol: HTTPS}, hosts: [a.test], tls: {mode: ISTIO_MUTUAL}}";
const SIMPLE: &str = "protocol: HTTPS}, hosts: [a.test], tls: {mode: SIMPLE, credentialName: c}}";
const PASSTHROUGH: &str = "protocol: TLS}, hosts: [a.test], tls: {mode: PASSTHROUGH}}";
const PLAIN: &str = "protocol: HTTP}, hosts: [a.test]}";
const BYTES: &str = "protocol: TCP}, hosts: ['*']}";

/// How grave it is what is told of clients of a gateway in a `STRICT` mesh, by its servers and the rest of the repository.
fn at_gateway(labels: &str, servers: &[&str], rest: &str) -> Option<Severity> {
    let folder = Folder::new();
    let servers: Vec<_> =
        servers.iter().map(|it| format!("{{port: {{number: 80, name: a, {it}")).collect();
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: out, namespace: shop, labels: {{app: out{labels}}}}}\nspec: {{containers: [{{name: istio-proxy, image: auto}}]}}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {{name: out, namespace: shop}}\nspec: {{selector: {{app: out}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}\n---\n\
         apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: a, namespace: istio-system}}\nspec: {{mtls: {{mode: STRICT}}}}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: out, namespace: shop}}\nspec: {{selector: {{app: out}}, servers: [{}]}}\n---\n{rest}",
        servers.join(", ")
    );
    folder.write("a.yaml", text);
    let found = findings(folder.path());
    found.iter().find(|it| it.check == &CHECK).map(|it| it.severity)
}

fn told_to(mode: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d, namespace: shop}}\nspec: {{host: out, subsets: [{{name: a, trafficPolicy: {{tls: {{mode: {mode}}}}}}}]}}\n---\n"
    )
}

fn led(list: &str) -> String {
    let (matches, subset) = match list {
        "tls" => ("match: [{port: 80, sniHosts: [a.test]}], ", ""),
        "http" => ("", ", subset: a"),
        _ => ("", ""),
    };
    let list = list.trim_end_matches('*');
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: a, namespace: shop}}\nspec: {{hosts: [a.test], {list}: [{{{matches}route: [{{destination: {{host: out{subset}}}}}]}}]}}\n---\n"
    )
}

#[test]
fn a_gateway_takes_what_its_servers_say() {
    for (servers, refused) in [
        (&[PLAIN][..], &["SIMPLE", "MUTUAL", "ISTIO_MUTUAL"][..]),
        (&[MUTUAL], &["DISABLE", "SIMPLE", "MUTUAL"]),
        // The application may speak TLS by itself.
        (&[SIMPLE], &["ISTIO_MUTUAL"]),
        (&[PASSTHROUGH], &[]),
        (&[BYTES], &[]),
        (&[SIMPLE, MUTUAL], &[]),
        (&[], &[]),
    ] {
        for mode in ["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"] {
            let told = at_gateway("", servers, &told_to(mode));
            let expected = refused.contains(&mode).then_some(Severity::Error);
            assert_eq!(told, expected, "{mode} towards {servers:?}");
        }
    }
}

/// The mesh's own rule of old is for all hosts: those that nobody in the mesh calls do not make it a mistake.
#[test]
fn a_rule_for_many_hosts_need_not_mean_each() {
    let wide = |rule: String| rule.replace("host: out,", "host: '*.local',");
    let mutual = wide(told_to("ISTIO_MUTUAL"));
    assert_eq!(at_gateway("", &[PLAIN], &mutual), None);
    let led = format!("{}{mutual}", led("http"));
    assert_eq!(at_gateway("", &[PLAIN], &led), Some(Severity::Warning));
    let declined = pod("labels: {app: web, sidecar.istio.io/inject: 'false'}", "");
    let told =
        |host: &str| severity_at(host, "istio-injection: enabled", &declined, "ISTIO_MUTUAL");
    assert_eq!(told("web"), Some(Severity::Error));
    assert_eq!(told("'*.local'"), Some(Severity::Warning));
    let meshed = pod("labels: {app: web}", "");
    let told = severity_at("'*.local'", "istio-injection: enabled", &meshed, "DISABLE");
    assert_eq!(told, Some(Severity::Error));
}

#[test]
fn requests_that_a_route_leads_to_a_gateway_are_no_tls() {
    for (server, refused) in
        [(PLAIN, false), (SIMPLE, true), (PASSTHROUGH, true), (MUTUAL, true), (BYTES, false)]
    {
        let rest = format!("{}{}", led("http"), told_to("DISABLE"));
        let expected = refused.then_some(Severity::Error);
        assert_eq!(at_gateway("", &[server], &rest), expected, "{server}");
        // Where nobody says anything else it is plain text, unless a label has the mesh speak TLS.
        let expected = refused.then_some(Severity::Warning);
        assert_eq!(at_gateway("", &[server], &led("http*")), expected, "{server}");
        let label = ", security.istio.io/tlsMode: istio";
        assert_eq!(at_gateway(label, &[server], &led("http*")), None, "{server}");
    }
    for list in ["tls", "tcp"] {
        assert_eq!(at_gateway("", &[SIMPLE], &led(list)), None, "{list}");
    }
    let mutual = format!("{}{}", led("http"), told_to("ISTIO_MUTUAL"));
    assert_eq!(at_gateway("", &[MUTUAL], &mutual), None);
}

#[test]
fn where_a_route_leads_nobody_nothing_is_spoken() {
    let other = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: [{name: http, port: 80}]}\n---\n";
    let split = |weights: [u8; 2]| {
        let [to_other, to_gateway] = weights;
        let many = format!(
            "route: [{{destination: {{host: web}}, weight: {to_other}}}, {{weight: {to_gateway}, destination:"
        );
        format!("{other}{}", led("http*").replace("route: [{destination:", &many))
    };
    assert_eq!(at_gateway("", &[MUTUAL], &split([90, 10])), Some(Severity::Warning));
    assert_eq!(at_gateway("", &[MUTUAL], &split([100, 0])), None);
    let of_api = |namespace: &str, weight: &str, more: &str| {
        format!(
            "{other}apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: r, namespace: {namespace}}}\nspec: {{parentRefs: [{{name: api, namespace: shop}}], rules: [{{{more}backendRefs: [{{name: web, namespace: shop, port: 80}}, {{name: out, namespace: shop, port: 80{weight}}}]}}]}}\n---\n{API}"
        )
    };
    assert_eq!(at_gateway("", &[MUTUAL], &of_api("shop", "", "")), Some(Severity::Warning));
    assert_eq!(at_gateway("", &[MUTUAL], &of_api("shop", ", weight: 0", "")), None);
    // Without a grant it is answered with 500 before.
    assert_eq!(at_gateway("", &[MUTUAL], &of_api("other", "", "")), None);
    let granted = format!("{}{GRANT}", of_api("other", "", ""));
    assert_eq!(at_gateway("", &[MUTUAL], &granted), Some(Severity::Warning));
    // Of a copy nobody hears what became of it.
    let mirror = "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: out, namespace: shop, port: 80}}}], ";
    assert_eq!(at_gateway("", &[MUTUAL], &of_api("shop", ", weight: 0", mirror)), None);
}

const API: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: istio}
spec: {controllerName: istio.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: api, namespace: shop}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]}
---
";
const GRANT: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: g, namespace: shop}
spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: other}], to: [{group: '', kind: Service}]}
---
";

#[test]
fn tls_of_a_sidecar_must_be_spoken_by_somebody() {
    let told = |service: &str, target: u16, rule: &str| {
        let folder = Folder::new();
        let pod = |name: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}, sidecar.istio.io/inject: 'true'}}}}\nspec: {{containers: [{{name: a, image: a}}]}}\n---\n"
            )
        };
        let text = format!(
            "{}{}apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop}}\nspec: {{selector: {{app: web}}, {service}, targetPort: {target}}}]}}\n---\n\
             apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: a, namespace: shop}}\nspec: {{selector: {{matchLabels: {{app: web}}}}, mtls: {{mode: STRICT}}, portLevelMtls: {{8443: {{mode: DISABLE}}}}}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: a, namespace: shop}}\nspec: {{workloadSelector: {{labels: {{app: web}}}}, ingress: [{{port: {{number: 8443, name: https, protocol: HTTPS}}, defaultEndpoint: '127.0.0.1:8080', tls: {{mode: SIMPLE, privateKey: /k, serverCertificate: /c}}}}, {{port: {{number: 8080, name: http, protocol: HTTP}}, defaultEndpoint: '127.0.0.1:8080'}}]}}\n---\n{rule}",
            pod("web"),
            pod("ui")
        );
        folder.write("a.yaml", text);
        findings(folder.path())
            .into_iter()
            .filter(|it| it.check == &CHECK)
            .map(|it| it.severity)
            .collect::<Vec<_>>()
    };
    let http = "ports: [{name: http, port: 80";
    let rule = |namespace: &str, mode: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d, namespace: {namespace}}}\nspec: {{host: web.shop.svc.cluster.local, trafficPolicy: {{tls: {{mode: {mode}}}}}}}\n"
        )
    };
    assert_eq!(told(http, 8443, ""), [Severity::Warning]);
    assert_eq!(told(http, 8443, &rule("shop", "DISABLE")), [Severity::Warning]);
    for found in [
        told(http, 8080, ""),
        told(http, 8443, &rule("shop", "SIMPLE")),
        // Some client.
        told(http, 8443, &rule("web", "SIMPLE")),
        // What speaks TLS is the application.
        told("ports: [{name: https, port: 443", 8443, ""),
        told("ports: [{name: tcp, port: 443", 8443, ""),
        // Who comes from outside of the mesh speaks it.
        told("type: LoadBalancer, ports: [{name: http, port: 80", 8443, ""),
    ] {
        assert_eq!(found, []);
    }
    // That it speaks what is not taken is told of the rule.
    assert_eq!(told(http, 8443, &rule("shop", "ISTIO_MUTUAL")), [Severity::Error]);
}

#[test]
fn a_policy_for_backends_is_held_against_proxies() {
    let count = |injection: &str, mode: &str, rule: &str| {
        let folder = Folder::new();
        let text = format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{istio-injection: {injection}}}}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: shop, labels: {{app: web}}}}\nspec: {{containers: [{{name: a, image: a}}]}}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop}}\nspec: {{selector: {{app: web}}, ports: [{{name: http, port: 80}}, {{name: tcp, port: 90}}]}}\n---\n\
             apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: a, namespace: shop}}\nspec: {{mtls: {{mode: {mode}}}}}\n---\n\
             apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {{name: p, namespace: shop}}\nspec: {{targetRefs: [{{group: '', kind: Service, name: web, sectionName: http}}], validation: {{hostname: web.test, wellKnownCACertificates: System}}}}\n---\n{rule}"
        );
        folder.write("a.yaml", text);
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    };
    let rule = |policy: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d, namespace: shop}}\nspec: {{host: web, trafficPolicy: {{{policy}}}}}\n"
        )
    };
    assert_eq!(count("enabled", "STRICT", ""), 1);
    assert_eq!(count("enabled", "STRICT", &rule("loadBalancer: {simple: RANDOM}")), 1);
    // What the rule says counts.
    assert_eq!(count("enabled", "STRICT", &rule("tls: {mode: ISTIO_MUTUAL}")), 0);
    assert_eq!(count("enabled", "PERMISSIVE", ""), 0);
    // Such servers speak TLS themselves.
    assert_eq!(count("disabled", "STRICT", ""), 0);
}

/// Nobody knows how a machine was set up; and beside pods it is sent nothing here, though Istio does so.
#[test]
fn a_machine_may_take_what_pods_refuse() {
    let machine = |app: &str| {
        let entry = "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: vm, namespace: shop}\n";
        let declined = pod("labels: {app: web, sidecar.istio.io/inject: 'false'}", "");
        format!("{declined}---\n{entry}spec: {{address: 10.0.0.7, labels: {{app: {app}}}}}\n")
    };
    let told = |app: &str| severity("istio-injection: enabled", &machine(app), "ISTIO_MUTUAL");
    assert_eq!(told("other"), Some(Severity::Error));
    assert_eq!(told("web"), Some(Severity::Warning));
}

#[test]
fn some_pods_may_take_what_others_refuse() {
    let told = |selector: &str, mode: &str| {
        let meshed = pod("labels: {app: web}", "");
        let policy = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: own, namespace: shop}\n";
        let all = format!(
            "{meshed}---\n{policy}spec: {{selector: {{matchLabels: {{{selector}}}}}, mtls: {{mode: {mode}}}}}\n"
        );
        severity("istio-injection: enabled", &all, "DISABLE")
    };
    let zone = "app: web, topology.kubernetes.io/zone: a";
    assert_eq!(told(zone, "PERMISSIVE"), Some(Severity::Warning));
    assert_eq!(told("topology.kubernetes.io/zone: a", "PERMISSIVE"), Some(Severity::Warning));
    assert_eq!(told(zone, "STRICT"), Some(Severity::Error));
    assert_eq!(
        told("app: other, topology.kubernetes.io/zone: a", "PERMISSIVE"),
        Some(Severity::Error)
    );
    assert_eq!(told("app: web", "PERMISSIVE"), None);
}

#[test]
fn what_cannot_be_read_may_say_otherwise() {
    let asked = |mode: &str| {
        let meshed = pod("labels: {app: web}", "");
        let policy = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: own, namespace: shop}\n";
        let all = format!("{meshed}---\n{policy}spec: {{mtls: {{mode: {mode}}}}}\n");
        severity("istio-injection: enabled", &all, "DISABLE")
    };
    assert_eq!(asked("STRICT"), Some(Severity::Error));
    assert_eq!(asked("'${MODE}'"), None);
    let server = |host: &str| {
        let other = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: other, namespace: shop}\n";
        let other = format!(
            "{other}spec: {{selector: {{app: out}}, servers: [{{port: {{number: 443, name: b, protocol: HTTPS}}, hosts: [{host}], tls: {{mode: ISTIO_MUTUAL}}}}]}}\n"
        );
        at_gateway("", &[SIMPLE], &format!("{}{}{other}", led("http"), told_to("DISABLE")))
    };
    assert_eq!(server("a.test"), Some(Severity::Error));
    assert_eq!(server("'${HOST}'"), None);
    let rule = |mode: &str| {
        let rest = format!("{}{}", led("http*"), told_to(mode).replace("host: out", "host: other"));
        at_gateway("", &[SIMPLE], &rest)
    };
    assert_eq!(rule("ISTIO_MUTUAL"), Some(Severity::Warning));
    assert_eq!(rule("'${MODE}'"), None);
}
