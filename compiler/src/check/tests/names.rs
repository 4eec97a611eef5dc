use super::{REVIEWS, deployment, names, policy, route, rule, run, said};
use crate::diagnostic::Severity;

#[test]
fn a_finding_points_into_every_file_that_has_a_part_in_it() {
    let found = run(&[
        ("reviews.yaml", REVIEWS),
        ("rule.yaml", &rule("{host: reviews, subsets: [{name: v1, labels: {version: v1}}]}")),
        (
            "routes.yaml",
            &route(
                "reviews",
                "{hosts: [reviews], http: [{route: [{destination: {host: reviews, subset: v9}}]}]}",
            ),
        ),
    ]);
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(found.check.name, "unknown-subset");
    assert_ne!(found.others[0].file, found.primary.file);
    assert_eq!(found.others[0].text, "there is only `v1`");
}

#[test]
fn one_name_that_is_wrong_is_one_finding() {
    let routes = route(
        "reviews",
        "{hosts: [reviews], http: [{match: [{uri: {prefix: /a}}], route: [{destination: {host: reveiws, subset: v1}}]}, {route: [{destination: {host: reveiws}}]}]}",
    );
    let found = run(&[("a.yaml", REVIEWS), ("b.yaml", &routes)]);
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((found.check.name, found.others.len()), ("unknown-host", 1));
    assert_eq!(found.fixes[0].edits[0].text, "reviews");
}

#[test]
fn a_host_may_be_that_of_a_service_that_is_not_read() {
    let to = |host: &str, beside: &str| {
        let spec = format!(
            "{{hosts: [a.example.com], http: [{{route: [{{destination: {{host: {host}}}}}]}}]}}"
        );
        let backend = format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {{name: p, namespace: shop}}\nspec: {{targetRefs: [{{group: '', kind: Service, name: {host}}}], validation: {{hostname: a.test, wellKnownCACertificates: System}}}}\n"
        );
        let routes = route("a", &spec);
        let files =
            [("a.yaml", REVIEWS), ("b.yaml", &*routes), ("c.yaml", &*backend), ("d.yaml", beside)];
        let found = run(&files).into_iter().map(|it| it.check.name);
        let about = ["unknown-host", "unserved-backend-policy"];
        found.filter(|it| about.contains(it)).collect::<Vec<_>>()
    };
    let service = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  namespace: shop\nspec:\n  ports: [{{port: 80}}]\n"
        )
    };
    let both = ["unknown-host", "unserved-backend-policy"];
    assert_eq!(to("cart", &service("web")), both);
    assert!(to("cart", &service("{{ include \"name\" . }}")).is_empty());
    assert_eq!(to("cart", &service("{{ include \"name\" . }}-db")), both);
    let knative = "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {template: {metadata: {name: web-blue}, spec: {containers: [{image: a}]}}}\n";
    for (host, expected) in
        [("web", &[][..]), ("web-blue-private", &[]), ("web-00001", &[]), ("web-green", &both)]
    {
        assert_eq!(to(host, knative), expected, "{host}");
    }
    assert!(to("knative-local-gateway.istio-system.svc.cluster.local", knative).len() < 2);
}

#[test]
fn a_host_is_completed_as_its_author_meant_it() {
    for (written, meant) in [
        ("reviews.shop", "reviews.shop.svc.cluster.local"),
        ("reviews.shop.svc", "reviews.shop.svc.cluster.local"),
        ("reviews.shop.svc.svc.local", "reviews.shop.svc.cluster.local"),
        ("reveiws.shop.svc.cluster.local", "reviews.shop.svc.cluster.local"),
        ("reviews.shpo.svc.cluster.local", "reviews.shop.svc.cluster.local"),
    ] {
        let spec = format!(
            "{{hosts: [a.example.com], http: [{{route: [{{destination: {{host: {written}}}}}]}}]}}"
        );
        let found = run(&[("a.yaml", REVIEWS), ("b.yaml", &route("a", &spec))]);
        assert_eq!(found[0].fixes[0].edits[0].text, meant, "{written}");
    }
}

/// That both end in the cluster's domain makes no two hosts alike.
#[test]
fn a_host_of_another_name_and_namespace_is_not_meant() {
    let spec = "{hosts: [a.example.com], http: [{route: [{destination: {host: pay.other.svc.cluster.local}}]}]}";
    let found = run(&[("a.yaml", REVIEWS), ("b.yaml", &route("a", spec))]);
    assert!(found[0].fixes.is_empty(), "{found:?}");
}

/// What is wrong stands at the anchor, and others may use it.
#[test]
fn nothing_is_written_over_an_alias() {
    let spec = "{hosts: [&host reveiws], http: [{route: [{destination: {host: *host}}]}]}";
    let found = run(&[("a.yaml", REVIEWS), ("b.yaml", &route("a", spec))]);
    let unknown = found.iter().find(|it| it.check.name == "unknown-host").unwrap();
    assert!(unknown.fixes.is_empty(), "{found:?}");
    // Nor behind an anchor, which others use.
    let spec = "{hosts: &host reviews, http: [{route: [{destination: {host: *host}}]}]}";
    let found = run(&[("a.yaml", REVIEWS), ("b.yaml", &route("a", spec))]);
    assert!(!found.is_empty() && found.iter().all(|it| it.fixes.is_empty()), "{found:?}");
}

#[test]
fn what_exists_elsewhere_is_listed() {
    let routes =
        route("a", "{hosts: [a.example.com], http: [{route: [{destination: {host: other}}]}]}");
    let project = "inventory: {hosts: [other.shop.svc.cluster.local]}\n";
    let found = run(&[("mesh.yaml", project), ("a.yaml", REVIEWS), ("b.yaml", &routes)]);
    assert!(found.is_empty(), "{found:?}");
}

/// A resource that cannot be read exists all the same.
#[test]
fn a_broken_resource_is_not_called_missing() {
    let broken = "apiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: shop}\nspec: {ports: [{port: x}]\n";
    let routes =
        route("a", "{hosts: [a.example.com], http: [{route: [{destination: {host: other}}]}]}");
    let found = run(&[("a.yaml", REVIEWS), ("b.yaml", broken), ("c.yaml", &routes)]);
    assert!(found.iter().all(|it| it.check.name != "unknown-host"), "{found:?}");
}

#[test]
fn a_host_that_others_alone_may_see_is_not_there() {
    let entry = "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: cards, namespace: partner}
spec:
  {hosts: [cards.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS, exportTo: [payments]}
";
    let routes = route(
        "a",
        "{hosts: [cards.example], http: [{route: [{destination: {host: cards.example}}]}]}",
    );
    let found = run(&[("a.yaml", entry), ("b.yaml", &routes)]);
    assert_eq!(found[0].check.name, "unknown-host");
    assert_eq!(found[0].message, "`cards.example` is not exported to namespace `shop`");
    for (to, whom) in [
        ("[payments]", "other namespaces"),
        ("[., payments]", "other namespaces"),
        ("[.]", "its own namespace alone"),
        ("[partner]", "its own namespace alone"),
        ("[~]", "no namespace"),
    ] {
        let entry = entry.replace("[payments]", &to.replace('~', "'~'"));
        let found = run(&[("a.yaml", &entry), ("b.yaml", &routes)]);
        let hidden = found.iter().find(|it| it.check.name == "unknown-host").unwrap();
        assert_eq!(hidden.others[0].text, format!("this ServiceEntry is for {whom}"));
    }
    // So is one that a wildcard has, and nothing is said of its ports.
    let wide = entry.replace("[cards.example]", "['*.cards.example']").replace("DNS", "NONE");
    let other_port =
        routes.replace("host: cards.example", "host: a.cards.example, port: {number: 81}");
    let found = run(&[("a.yaml", &wide), ("b.yaml", &other_port)]);
    let [hidden] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(hidden.message, "`a.cards.example` is not exported to namespace `shop`");
    let open = entry.replace("payments", "shop");
    let routes = routes.replace("{hosts:", "{exportTo: [\".\"], hosts:");
    assert!(run(&[("a.yaml", &open), ("b.yaml", &routes)]).is_empty());
}

/// Envoy has a cluster for the wildcard, and none for what is within it.
#[test]
fn a_host_within_a_wildcard_is_warned_about() {
    let entry = "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: cards, namespace: shop}
spec: {hosts: ['*.cards.example'], ports: [{number: 80, name: http, protocol: HTTP}], resolution: NONE, exportTo: ['.']}
";
    let to = |host: &str| {
        route(
            "a",
            &format!(
                "{{exportTo: ['.'], hosts: [a.cards.example], http: [{{route: [{{destination: {{host: {host}}}}}]}}]}}"
            ),
        )
    };
    let found = run(&[("a.yaml", entry), ("b.yaml", &to("a.cards.example"))]);
    let [within] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((within.check.name, within.severity), ("host-within-wildcard", Severity::Warning));
    assert_eq!(
        within.message,
        "`a.cards.example` is within `*.cards.example`, and no host by itself"
    );
    assert!(run(&[("a.yaml", entry), ("b.yaml", &to("'*.cards.example'"))]).is_empty());
    let own = entry.replace("['*.cards.example']", "['*.cards.example', a.cards.example]");
    assert!(run(&[("a.yaml", &own), ("b.yaml", &to("a.cards.example"))]).is_empty());
}

#[test]
fn a_workload_runs_under_an_account_that_there_is() {
    let pods = |account: &str| {
        deployment("{app: reviews}").replace(
            "spec: {containers",
            &format!("spec: {{serviceAccountName: {account}, containers"),
        )
    };
    let account =
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: reviews, namespace: shop}\n";
    assert_eq!(names(&[account, &pods("reviews")]), [""; 0]);
    assert_eq!(names(&[account, &pods("default")]), [""; 0]);
    assert_eq!(names(&[account, &pods("reveiws")]), ["unknown-service-account"]);
    // Accounts are declared elsewhere.
    assert_eq!(names(&[&account.replace("shop", "edge"), &pods("reveiws")]), [""; 0]);
    let project = "inventory: {serviceAccounts: [shop/other]}\n";
    let files = [("mesh.yaml", project), ("a.yaml", account), ("b.yaml", &*pods("other"))];
    assert!(run(&files).is_empty());
}

/// Kubernetes refuses it; nothing is read as if it were not there.
#[test]
fn data_of_a_config_map_is_text() {
    let map = |value: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, namespace: shop}}\ndata: {{key: {value}}}\n"
        )
    };
    for value in ["5", "true", "{a: b}", "[a]"] {
        assert_eq!(names(&[&map(value)]), ["wrong-type"], "{value}");
    }
    for value in ["'5'", "'${HOME}'", "'{{ .Values }}'", "", "\"\""] {
        assert_eq!(names(&[&map(value)]), [""; 0], "{value}");
    }
}

#[test]
fn gateways_that_are_listed_run_elsewhere() {
    const GATEWAY: &str = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: public, namespace: shop}\nspec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}\n";
    let said = |project: &str| {
        let workload = deployment("{app: reviews}");
        let found = run(&[("mesh.yaml", project), ("a.yaml", GATEWAY), ("b.yaml", &workload)]);
        found.iter().any(|it| it.check.name == "undeployed-gateway")
    };
    assert!(said(""));
    assert!(!said("inventory: {gateways: [shop/public]}\n"));
}

const SECRETS: &str = "apiVersion: v1
kind: Secret
metadata: {name: real-tls, namespace: istio-system}
type: kubernetes.io/tls
data: {}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: a, namespace: istio-system}
spec: {secretName: shop-tls, dnsNames: [shop.example.com]}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: other-tls, namespace: istio-system}
spec: {target: {template: {type: kubernetes.io/tls}}}
";

fn gateway(secret: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: edge, namespace: istio-system}}\nspec:\n  selector: {{istio: ingressgateway}}\n  servers: [{{port: {{number: 443, name: https, protocol: HTTPS}}, hosts: [a.example.com], tls: {{mode: SIMPLE, credentialName: {secret}}}}}]\n"
    )
}

/// What other programs make of resources that are none of the mesh's business.
#[test]
fn a_secret_that_is_made_is_not_missing() {
    for (secret, is_there) in [("shop-tls", true), ("other-tls", true), ("shop-tsl", false)] {
        let found = names(&[SECRETS, &gateway(secret)]);
        assert_eq!(!found.contains(&"unknown-secret"), is_there, "{secret}: {found:?}");
    }
    // The order of a Secret does not say that all Secrets stand here.
    let orders = SECRETS.split_once("---\n").unwrap().1;
    assert!(!names(&[orders, &gateway("any")]).contains(&"unknown-secret"));
}

/// A route for connections that leads nowhere is as wrong as one for requests.
#[test]
fn a_stream_route_to_no_host_is_an_unknown_host() {
    let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: TLSRoute\nmetadata: {name: r, namespace: shop}\nspec:\n  parentRefs: [{name: reviews, kind: Service, group: ''}]\n  hostnames: [a.example.com]\n  rules: [{backendRefs: [{name: reveiws, port: 80}]}]\n";
    let found = run(&[("a.yaml", REVIEWS), ("b.yaml", route)]);
    let unknown = found.iter().find(|it| it.check.name == "unknown-host").unwrap();
    assert_eq!(unknown.severity, Severity::Error);
    assert_eq!(unknown.fixes[0].edits[0].text, "reviews");
}

/// A certificate is held against the key beside it, and not against one that belongs to something else.
#[test]
fn a_key_is_that_of_its_pair() {
    let page = include_str!("../names/foreign_key.md");
    let fixed = page.split("```yaml fixed\n").nth(1).unwrap().split("```").next().unwrap();
    let foreign = page.split("```yaml fails\n").nth(1).unwrap().split("```").next().unwrap();
    let key = foreign.split("  tls.key: |\n").nth(1).unwrap();
    let found = |text: &str| {
        run(&[("a.yaml", text)]).iter().filter(|it| it.check.name == "foreign-key").count()
    };
    assert_eq!((found(foreign), found(fixed)), (1, 0));
    assert_eq!(found(&format!("{fixed}  key: |\n{key}")), 0);
}

#[test]
fn identities_with_wildcards_are_those_of_somebody() {
    let namespaces = ["shop", "web"].map(|name| {
        format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}-a, namespace: {name}}}\n---\n")
    });
    let beside = namespaces.concat();
    let told = |beside: &str, principal: &str| {
        let spec = format!("{{rules: [{{from: [{{source: {{principals: ['{principal}']}}}}]}}]}}");
        let found = run(&[("a.yaml", beside), ("b.yaml", &policy("shop", &spec))]);
        let own = found.iter().filter(|it| it.check.name == "unknown-service-account");
        own.map(|it| it.message.clone()).collect::<Vec<_>>()
    };
    for (principal, message) in [
        ("*/sa/nobody", "there is no service account `nobody` in any namespace"),
        ("*/ns/web/sa/shop-a", "there is no service account `shop-a` in namespace `web`"),
        ("*ns/other/sa/a", "there is no namespace `other`"),
        ("cluster.local/ns/other/*", "there is no namespace `other`"),
        (
            "cluster.local/ns/shop/sa/web*",
            "there is no service account that begins with `web` in namespace `shop`",
        ),
    ] {
        assert_eq!(told(&beside, principal), [message], "{principal}");
    }
    for principal in [
        "*/sa/web-a",
        "*/web-a",
        "*-b",
        "*/ns/web/sa/web-a",
        "*/sa/default",
        "cluster.local/ns/web/*",
        "cluster.local/ns/web/sa/web*",
        "cluster.local/ns/w*",
        "partner.org/ns/other/*",
    ] {
        assert_eq!(told(&beside, principal), [""; 0], "{principal}");
    }
    for namespace in ["default", "kube-system", "istio-system"] {
        let principal = format!("cluster.local/ns/{namespace}/sa/a");
        assert_eq!(told(&beside, &principal), [""; 0], "every cluster has it");
    }
    let machine = "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: a, namespace: shop}\nspec: {address: 192.0.2.1, serviceAccount: vm}\n";
    assert_eq!(told(&(beside.clone() + machine), "cluster.local/ns/shop/sa/vm"), [""; 0]);
    // Who runs in the third namespace nobody knows; what a partner's clients are called neither.
    let third = "apiVersion: v1\nkind: Namespace\nmetadata: {name: third}\n---\n";
    assert_eq!(told(&(beside.clone() + third), "*/sa/nobody"), [""; 0]);
    let gateway = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a, namespace: web}\nspec: {selector: {app: a}, servers: [{port: {number: 443, name: a, protocol: HTTPS}, hosts: [a.example.com], tls: {mode: MUTUAL, credentialName: c}}]}\n";
    assert_eq!(told(&(beside.clone() + gateway), "*/sa/nobody"), [""; 0]);
}

#[test]
fn services_are_assumed_where_none_is_shown() {
    let route = super::route(
        "a",
        "{hosts: [shop.test], gateways: [g], http: [{route: [{destination: {host: web}}]}]}",
    );
    let entry = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e, namespace: shop}\nspec: {hosts: [api.example.com], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS}\n";
    let about = |texts: &[&str]| {
        let all = names(texts);
        let about = ["assumed-inventory", "unknown-host"];
        all.into_iter().filter(|it| about.contains(it)).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(about(&[&route]), ["assumed-inventory"].into());
    assert_eq!(about(&[&route, entry]), ["assumed-inventory"].into());
    let defined = entry.replace("api.example.com", "web.shop.svc.cluster.local");
    let assumed = said(&[&route, &defined], "assumed-inventory");
    assert!(!assumed.iter().any(|it| it.contains("Services")), "{assumed:?}");
    assert!(about(&[&route, entry, REVIEWS]).contains("unknown-host"));
    let elsewhere = route.replace("host: web", "host: api.example.org");
    assert!(about(&[&elsewhere, entry]).contains("unknown-host"));
}

#[test]
fn whoever_uses_a_route_sees_what_it_leads_to() {
    let entry = |export: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: e, namespace: shop}}\nspec: {{hosts: [api.example.com], exportTo: [{export}], ports: [{{number: 80, name: http, protocol: HTTP}}], resolution: DNS}}\n"
        )
    };
    let client = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: web}\nspec: {containers: [{name: a, image: a}]}\n";
    let route = |spec: &str| {
        super::route(
            "a",
            &format!(
                "{{hosts: [reviews], {spec}http: [{{route: [{{destination: {{host: api.example.com}}}}]}}]}}"
            ),
        )
    };
    let told = |export: &str, spec: &str, client: &str| {
        names(&[REVIEWS, &entry(export), &route(spec), client]).contains(&"hidden-from-proxy")
    };
    assert!(told("'.'", "", client));
    assert!(!told("'*'", "", client));
    assert!(!told("'.', web", "", client));
    assert!(!told("'.'", "exportTo: ['.'], ", client));
    assert!(!told("'.'", "", &client.replace("namespace: web", "namespace: shop")));
    // A copy goes there all the same as where no request does.
    let idle = route("").replace(
        "host: api.example.com}}]",
        "host: reviews}, weight: 100}, {destination: {host: api.example.com}, weight: 0}]",
    );
    let copied = idle.replace("weight: 0}]", "weight: 0}], mirror: {host: api.example.com}");
    assert_ne!(copied, idle);
    for (routes, is_told) in [(&idle, false), (&copied, true)] {
        let found = names(&[REVIEWS, &entry("'.'"), routes, client]);
        assert_eq!(found.contains(&"hidden-from-proxy"), is_told, "{routes}");
    }
    // What it lets be seen the Sidecar of the clients says.
    let limited = "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: default, namespace: web}\nspec: {egress: [{hosts: [./*]}]}\n";
    assert!(!told("'.'", "", &format!("{client}{limited}")));
    let whole = limited.replace("./*", "'*/*'");
    assert!(told("'.'", "", &format!("{client}{whole}")));
}

#[test]
fn what_a_controller_makes_is_there() {
    let order = |api: &str, kind: &str, spec: &str| {
        format!(
            "apiVersion: {api}\nkind: {kind}\nmetadata: {{name: web, namespace: shop}}\nspec: {spec}\n"
        )
    };
    let canary =
        order("flagger.app/v1beta1", "Canary", "{targetRef: {kind: Deployment, name: reviews}}");
    let service = order("serving.knative.dev/v1", "Service", "{}");
    let route = |host: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: shop}}\nspec: {{hosts: [reviews], http: [{{route: [{{destination: {{host: {host}}}}}]}}]}}\n"
        )
    };
    for (host, order, is_there) in [
        ("reviews-primary", &canary, true),
        ("reviews-canary.shop.svc.cluster.local", &canary, true),
        ("reviews-primary.other.svc.cluster.local", &canary, false),
        ("reviews-other", &canary, false),
        ("web", &service, true),
        ("reviews-primary", &service, false),
    ] {
        let found = names(&[REVIEWS, order, &route(host)]);
        assert_eq!(!found.contains(&"unknown-host"), is_there, "{host}: {found:?}");
    }
}
