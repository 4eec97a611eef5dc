//! `mesh request` on the shop's policy.

use serde_json::Value;

use crate::program::{BOOKINFO, command, errors, mesh, text};
use crate::repository::Repository;

fn ask(path: &str, arguments: &[&str]) -> String {
    let arguments = [&["request", BOOKINFO, path], arguments].concat();
    text(&mesh(&arguments))
}

#[test]
fn a_split_is_followed_to_every_server() {
    let answer = ask("/reviews/1", &["--from", "shop/frontpage", "--to", "reviews:9080"]);
    insta::assert_snapshot!(answer);
}

#[test]
fn a_header_takes_another_route() {
    let canary = ["-H", "x-canary: reviews-v3"];
    let arguments = [["--from", "shop/frontpage"], ["--to", "reviews:9080"], canary].concat();
    insta::assert_snapshot!(ask("/reviews/1", &arguments));
}

#[test]
fn a_denial_names_what_did_not_match() {
    insta::assert_snapshot!(ask("/ratings/1", &["--from", "shop/details", "--to", "ratings:9080"]));
}

#[test]
fn a_denial_names_the_rule_that_denies() {
    let arguments = ["--from", "shop/frontpage", "--to", "payment.payments:8080", "-X", "POST"];
    insta::assert_snapshot!(ask("/refunds/7", &arguments));
}

/// In each of its lines, at whatever width.
#[test]
fn what_is_said_fits_into_the_terminal() {
    let shown = |columns: usize, color: &str| {
        let mut command = command();
        command.env("COLUMNS", columns.to_string());
        command.args(["request", BOOKINFO, "/refunds/7", "-X", "POST", "--color", color]);
        command.args(["--from", "shop/frontpage", "--to", "payment.payments:8080"]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let (said, place) = ("payments/no-refunds rules[0] matches", "payments/payment.yaml:105");
    for columns in [40, 60, 80, 100, 140] {
        let text = shown(columns, "never");
        let wide = text.lines().find(|line| line.chars().count() > columns);
        assert_eq!(wide, None, "{columns}:\n{text}");
        // A place stands behind what is there, or under it, in one piece.
        let mut lines = text.lines().skip_while(|line| !line.contains("4 policy"));
        let first = lines.next().unwrap();
        let is_beside = first.contains(said) && first.contains(place);
        assert_eq!(is_beside, columns >= 80, "{columns}:\n{text}");
        assert!(is_beside || lines.any(|line| line.trim() == place), "{text}");
        // Colour takes no room, and no line leaves one open.
        let painted = shown(columns, "always");
        assert_eq!(painted.lines().count(), text.lines().count(), "{columns}:\n{painted}");
        for line in painted.lines().filter(|line| line.contains('\u{1b}')) {
            let last = line.rfind('\u{1b}').unwrap();
            assert!(line[last..].starts_with("\u{1b}[0m"), "{line:?}");
        }
    }
}

#[test]
fn visitors_enter_by_the_gateway() {
    let answer = ask("/products/1", &["--from", "outside", "--to", "shop.example.com:443"]);
    insta::assert_snapshot!(answer);
}

#[test]
fn plain_http_is_sent_elsewhere() {
    insta::assert_snapshot!(ask("/", &["--from", "outside", "--to", "shop.example.com:80"]));
}

#[test]
fn a_gateway_stands_for_who_calls_it() {
    let of = |from| ask("/products/1", &["--from", from, "--to", "shop.example.com:443"]);
    assert_eq!(of("istio-system/ingress"), of("outside"));
}

/// As with curl.
#[test]
fn a_host_header_stands_for_the_host() {
    let host = ["-H", "Host: shop.example.com"];
    let of = |to, host: &[&str]| ask("/", &[&["--from", "outside", "--to", to], host].concat());
    assert_eq!(of("10.0.0.7:80", &host), of("shop.example.com:80", &[]));
    assert!(of("10.0.0.7:80", &[]).contains("no virtual host for 10.0.0.7 on port 80"));
}

#[test]
fn what_nobody_registered_is_not_called() {
    insta::assert_snapshot!(ask("/", &["--from", "payments/payment", "--to", "example.org:80"]));
}

#[test]
fn json_has_a_schema_and_the_same_answer() {
    let arguments = ["--from", "shop/details", "--to", "ratings:9080", "--format", "json"];
    let output = mesh(&[&["request", BOOKINFO, "/ratings/1"], &arguments[..]].concat());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["schema"], "mesh.dev/request/v1");
    assert_eq!(answer["answer"]["outcome"], "denied");
    assert_eq!(answer["answer"]["status"], 403);
    assert_eq!(output.status.code(), Some(1));
}

/// Both are found by their whole paths, which begin with a slash as a request's path does.
#[test]
fn a_snapshot_says_the_same_as_its_repository() {
    let folder = tempfile::tempdir().unwrap();
    let [file, layout] = ["shop.mesh", "shop/"].map(|name| folder.path().join(name));
    let arguments = ["--from", "shop/details", "--to", "ratings:9080"];
    let of = |what: &str| text(&mesh(&[&["request", what], &arguments[..]].concat()));
    for out in [&file, &layout] {
        let out = out.to_str().unwrap();
        assert!(mesh(&["compile", BOOKINFO, "-o", out]).status.success());
        assert_eq!(of(out), of(BOOKINFO));
    }
}

#[test]
fn what_makes_no_question_is_refused() {
    let asked = |arguments: &[&str]| errors(&mesh(&[&["request"], arguments].concat()));
    let (code, text) = asked(&[BOOKINFO, "--from", "shop/nobody", "--to", "ratings:9080"]);
    assert_eq!(code, 2);
    assert!(text.contains("no workload runs as service account `nobody` in `shop`"), "{text}");
    let to_reviews = ["--from", "istio-system/ingress", "--to", "reviews:9080"];
    let (code, text) = asked(&[&[BOOKINFO], &to_reviews[..]].concat());
    assert_eq!(code, 2);
    assert!(text.contains("no gateway listens on port 9080: istio-system/ingress takes"), "{text}");
    let (code, text) = asked(&["nowhere", "/", "--from", "shop/details", "--to", "ratings:9080"]);
    assert_eq!(code, 3);
    assert!(text.contains("nowhere: there is no such file"), "{text}");
    let (code, _) = asked(&[BOOKINFO, "--from", "details", "--to", "ratings:9080"]);
    assert_eq!(code, 2);
    let (code, text) = asked(&[BOOKINFO, "x", "--from", "shop/details", "--to", "ratings:9080"]);
    assert_eq!((code, text.trim()), (2, "error: the path must begin with a slash"));
}

/// The answer to who calls `a.example.com` from outside.
fn from_outside(repository: &Repository, arguments: &[&str]) -> String {
    let to = ["/", "--from", "outside", "--to", "a.example.com:80"];
    text(&mesh(&[&["request", text_of(repository.path())], &to[..], arguments].concat()))
}

/// Behind a gateway the peer is the gateway; whom it has the request from it says in a header.
#[test]
fn behind_a_gateway_the_client_is_told_of_and_the_gateway_is_the_peer() {
    let workload = |name: &str, labels: &str, container: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  selector: {{matchLabels: {labels}}}\n  template:\n    metadata: {{labels: {labels}}}\n    spec: {{containers: [{{name: {container}, image: a}}]}}\n"
        )
    };
    let parts = [
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n".to_owned(),
        workload("ingress", "{app: ingress}", "istio-proxy"),
        workload("reviews", "{app: reviews}", "a"),
        "apiVersion: v1\nkind: Service\nmetadata: {name: reviews, namespace: shop}\nspec: {selector: {app: reviews}, ports: [{name: http, port: 80}]}\n".to_owned(),
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: shop}\nspec: {selector: {app: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}\n".to_owned(),
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v, namespace: shop}\nspec: {hosts: [a.example.com], gateways: [g], http: [{route: [{destination: {host: reviews}}]}]}\n".to_owned(),
    ];
    let of = |field: &str, arguments: &[&str]| {
        let policy = format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a, namespace: shop}}\nspec: {{selector: {{matchLabels: {{app: reviews}}}}, rules: [{{from: [{{source: {{{field}: [203.0.113.0/24]}}}}]}}]}}\n"
        );
        let repository = Repository::of(&[("a.yaml", &parts.join("---\n")), ("b.yaml", &policy)]);
        from_outside(&repository, arguments)
    };
    let (client, other) = (["--source-ip", "203.0.113.5"], ["--source-ip", "198.51.100.5"]);
    assert!(of("remoteIpBlocks", &client).contains("DELIVERED"));
    assert!(of("remoteIpBlocks", &other).contains("403"));
    let answer = of("ipBlocks", &client);
    assert!(answer.contains("403"), "{answer}");
    let note = "the peer is the gateway at 127.0.0.1, which says that the client is 203.0.113.5";
    assert!(answer.contains(note), "{answer}");
    assert!(of("ipBlocks", &["--gateway-ip", "203.0.113.9"]).contains("DELIVERED"));
    // What a client says of itself stands before what the gateway says of it.
    let claim = [&other[..], &["-H", "x-forwarded-for: 203.0.113.5"]].concat();
    assert!(of("remoteIpBlocks", &claim).contains("403"));
}

/// A gateway says how its client speaks, whatever the client says; so routes and policies see that.
#[test]
fn a_gateway_says_by_itself_how_its_client_speaks() {
    let gateway = "apiVersion: v1\nkind: Pod\nmetadata: {name: edge, namespace: edge, labels: {app: edge}}\nspec: {containers: [{name: istio-proxy, image: auto}]}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: edge}\nspec: {selector: {app: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, namespace: edge}\nspec:\n  hosts: [a.example.com]\n  gateways: [g]\n  http:\n  - match: [{headers: {x-forwarded-proto: {exact: http}}}]\n    redirect: {scheme: https}\n  - directResponse: {status: 200}\n";
    let deny = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: edge}\nspec: {action: DENY, rules: [{when: [{key: 'request.headers[x-forwarded-proto]', notValues: [https]}]}]}\n";
    let of = |policy: &str, arguments: &[&str]| {
        let repository = Repository::of(&[("a.yaml", &format!("{gateway}{policy}"))]);
        from_outside(&repository, arguments)
    };
    let claim = ["-H", "x-forwarded-proto: https"];
    for arguments in [&[][..], &claim] {
        let answer = of("", arguments);
        assert!(answer.contains("301"), "{answer}");
        let answer = of(deny, arguments);
        assert!(answer.contains("403"), "{answer}");
    }
    let forged = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: edge}\nspec: {rules: [{when: [{key: 'request.headers[x-forwarded-client-cert]', values: ['*']}]}]}\n";
    let answer = of(forged, &["-H", "x-forwarded-client-cert: Hash=forged"]);
    assert!(answer.contains("403"), "{answer}");
    let trusting = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: '{defaultConfig: {gatewayTopology: {numTrustedProxies: 1}}}'\n";
    let answer = of(&format!("{deny}{trusting}"), &claim);
    assert!(answer.contains("200"), "{answer}");
}

/// A mesh of two namespaces with injection and one without; `strict` asks for mutual TLS everywhere.
fn partly_meshed() -> Repository {
    let namespace = |name: &str, labels: &str| {
        format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {labels}}}\n")
    };
    let workload = |name: &str, namespace: &str, annotations: &str, pod: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80}}]}}\n---\n\
             apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: {namespace}}}\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}, annotations: {annotations}}}\n    spec: {{serviceAccountName: {name}, {pod}containers: [{{name: a, image: a}}]}}\n"
        )
    };
    let declines = "{sidecar.istio.io/inject: \"false\"}";
    let parts = [
        namespace("shop", "{istio-injection: enabled}"),
        namespace("old", "{}"),
        workload("web", "shop", "{}", ""),
        workload("batch", "shop", declines, ""),
        workload("node", "shop", "{}", "hostNetwork: true, "),
        workload("legacy", "old", "{}", ""),
        workload("sure", "old", "{}", ""),
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: sure, namespace: old}\nspec: {host: sure, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}\n".to_owned(),
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: istio-system}\nspec: {mtls: {mode: STRICT}}\n".to_owned(),
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: nobody, namespace: shop}\nspec: {}\n".to_owned(),
    ];
    Repository::of(&[("a.yaml", &parts.join("---\n"))])
}

#[test]
fn who_has_no_proxy_sends_and_takes_plain_text() {
    let repository = partly_meshed();
    let ask = |from: &str, to: &str| {
        let arguments = ["request", text_of(repository.path()), "/", "--from", from, "--to", to];
        text(&mesh(&arguments))
    };
    for from in ["shop/batch", "shop/node", "old/legacy"] {
        let answer = ask(from, "web.shop:80");
        assert!(answer.contains("REFUSED"), "{answer}");
        assert!(answer.contains("client speaks plain text, server wants STRICT"), "{answer}");
        assert!(answer.contains("without a proxy: "), "{answer}");
    }
    for to in ["batch.shop:80", "node.shop:80", "legacy.old:80"] {
        let answer = ask("shop/web", to);
        assert!(answer.contains("DELIVERED"), "{answer}");
        assert!(answer.contains("no policy is asked"), "{answer}");
    }
    let refused = ask("shop/web", "sure.old:80");
    assert!(refused.contains("REFUSED 503"), "{refused}");
    let judged = ask("shop/web", "web.shop:80");
    assert!(judged.contains("DENIED"), "{judged}");
    assert!(judged.contains("mutual TLS"), "{judged}");
}

fn text_of(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}

/// `api`, whose callers must say that they are of a team, which a script says for them; so many of them may come.
fn filtered(tokens: u32) -> Repository {
    let kind = "type.googleapis.com/envoy.extensions.filters.http";
    let script = "function envoy_on_request(h) h:headers():add('x-team', 'web') end";
    let filter = format!(
        "apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{name: api, namespace: shop}}
spec:
  workloadSelector: {{labels: {{app: api}}}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {{context: SIDECAR_INBOUND}}
    patch: {{operation: INSERT_FIRST, value: {{name: team, typed_config: {{'@type': {kind}.lua.v3.Lua, inline_code: \"{script}\"}}}}}}
  - applyTo: HTTP_FILTER
    match: {{context: SIDECAR_INBOUND}}
    patch:
      operation: INSERT_FIRST
      value:
        name: limit
        typed_config:
          '@type': {kind}.local_ratelimit.v3.LocalRateLimit
          stat_prefix: limit
          token_bucket: {{max_tokens: {tokens}, tokens_per_fill: 10, fill_interval: 60s}}
          filter_enabled: {{default_value: {{numerator: 100}}}}
          filter_enforced: {{default_value: {{numerator: 100}}}}
"
    );
    let workload = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}\n---\n\
             apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: shop}}\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec: {{serviceAccountName: {name}, containers: [{{name: a, image: a}}]}}\n"
        )
    };
    let policy = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: team, namespace: shop}\nspec: {selector: {matchLabels: {app: api}}, rules: [{when: [{key: 'request.headers[x-team]', values: [web]}]}]}\n";
    let world = [workload("api"), workload("web"), policy.to_owned()].join("---\n");
    Repository::of(&[("filter.yaml", &filter), ("world.yaml", &world)])
}

#[test]
fn what_an_author_puts_into_the_path_is_told_and_done() {
    let (before, after) = (filtered(20), filtered(40));
    let path = text_of(before.path());
    let answer = text(&mesh(&["request", path, "/", "--from", "shop/web", "--to", "api:80"]));
    assert!(answer.contains("DELIVERED"), "{answer}");
    for line in [
        "each proxy lets 20 requests pass, and 10 more every 60 s; beyond it 429",
        "headers of the request: x-team: web beside what is there",
        "filter.yaml:7",
    ] {
        assert!(answer.contains(line), "{line}\n{answer}");
    }
    let answer = text(&mesh(&["diff", path, text_of(after.path())]));
    for line in ["EnvoyFilter shop/api", "filters[1]", "bucket.tokensMax", "20 → 40"] {
        assert!(answer.contains(line), "{line}\n{answer}");
    }
}

/// `web` calls `server`, and how by a `DestinationRule`. One of the two workloads behind it asks for `mode`, and says more of its
/// pods; the other takes everything. A policy denies what `rules` take.
fn secured(tls: &str, mode: &str, pod: &str, rules: &str) -> Repository {
    let service = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80}}]}}\n---\n\
             apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: shop}}\n"
        )
    };
    let workload = |name: &str, app: &str, pod: &str| {
        let labels = format!("{{app: {app}, own: {name}}}");
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  selector: {{matchLabels: {labels}}}\n  template:\n    metadata: {{labels: {labels}}}\n    spec: {{{pod}serviceAccountName: {app}, containers: [{{name: a, image: a}}]}}\n"
        )
    };
    let istio = |group: &str, kind: &str, name: &str, spec: &str| {
        format!(
            "apiVersion: {group}.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{{spec}}}\n"
        )
    };
    let tls = format!("host: server, trafficPolicy: {{tls: {tls}}}");
    let mtls = format!("selector: {{matchLabels: {{own: server}}}}, mtls: {{mode: {mode}}}");
    let parts = [
        service("web"),
        service("server"),
        workload("web", "web", ""),
        workload("server", "server", pod),
        workload("spare", "server", ""),
        istio("networking", "DestinationRule", "server", &tls),
        istio("security", "PeerAuthentication", "own", &mtls),
        istio(
            "security",
            "AuthorizationPolicy",
            "closed",
            &format!("action: DENY, rules: [{rules}]"),
        ),
    ];
    Repository::of(&[("a.yaml", &parts.join("---\n"))])
}

/// What `web` is told that asks `server` for `/admin`, as wide as it may be: what is asserted of a line is not of where it is broken.
fn told_of(repository: &Repository) -> String {
    let mut command = command();
    command.env("COLUMNS", "140").args(["request", text_of(repository.path()), "/admin"]);
    text(&command.args(["--from", "shop/web", "--to", "server:80"]).output().unwrap())
}

/// Source: Istio, `BuildDNSSrvSubsetKey`; `ClientTLSSettings.sni`, and the host of the request in its place.
#[test]
fn servers_inside_the_mesh_know_by_which_name_they_are_asked_for() {
    let cluster = "outbound_.80_._.server.shop.svc.cluster.local";
    for (tls, name, is_denied) in [
        ("{mode: ISTIO_MUTUAL}", cluster, true),
        ("{mode: ISTIO_MUTUAL}", "outbound_.80_._.web.shop.svc.cluster.local", false),
        ("{mode: ISTIO_MUTUAL, sni: Own.test}", "own.test", true),
        ("{mode: ISTIO_MUTUAL, sni: Own.test}", cluster, false),
        ("{mode: SIMPLE, sni: own.test}", "own.test", true),
        ("{mode: SIMPLE}", "server", true),
        ("{mode: SIMPLE}", cluster, false),
        ("{mode: DISABLE}", "*", false),
    ] {
        let rules = format!("{{when: [{{key: connection.sni, values: ['{name}']}}]}}");
        let answer = told_of(&secured(tls, "PERMISSIVE", "", &rules));
        assert_eq!(answer.contains("DENIED"), is_denied, "{tls} {name}\n{answer}");
        assert_eq!(answer.contains("DELIVERED"), !is_denied, "{tls} {name}\n{answer}");
    }
}

/// What a port of a `Sidecar` ends itself, its rules see.
#[test]
fn a_port_that_ends_tls_of_its_own_sees_requests() {
    let ask = |tls: &str, ends: &str, path: &str| {
        let rules = format!("{{to: [{{operation: {{paths: [{path}]}}}}]}}");
        let repository = secured(tls, "DISABLE", "", &rules);
        repository.write(
            "sidecar.yaml",
            &format!(
                "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: a, namespace: shop}}\nspec:\n  workloadSelector: {{labels: {{own: server}}}}\n  ingress: [{{port: {{number: 80, protocol: HTTPS, name: a}}, defaultEndpoint: '127.0.0.1:8080', tls: {{mode: {ends}}}}}]\n"
            ),
        );
        told_of(&repository)
    };
    let simple = "SIMPLE, serverCertificate: /c.pem, privateKey: /k.pem";
    let mutual = "MUTUAL, serverCertificate: /c.pem, privateKey: /k.pem, caCertificates: /ca.pem";
    let shown =
        "{mode: MUTUAL, clientCertificate: /c.pem, privateKey: /k.pem, caCertificates: /ca.pem}";
    for (tls, ends, said) in [
        ("{mode: SIMPLE}", simple, "TLS without a certificate, server wants TLS of its own"),
        (shown, mutual, "server wants TLS of its own, with a certificate"),
    ] {
        let denied = ask(tls, ends, "/admin");
        assert!(denied.contains(said), "{denied}");
        assert!(denied.contains("DENIED 403  shop/server: denied by shop/closed"), "{denied}");
        let passed = ask(tls, ends, "/other");
        // Of bytes no path is known, so that the rule takes all of those that the other pod gets.
        assert!(passed.contains("DENIED  shop/spare"), "{passed}");
        assert!(passed.contains(said), "{passed}");
    }
    for (tls, ends, said) in [
        ("{mode: DISABLE}", simple, "client speaks plain text, server wants TLS of its own"),
        ("{mode: ISTIO_MUTUAL}", simple, "client speaks mutual TLS, server wants TLS of its own"),
        ("{mode: SIMPLE}", mutual, "server wants TLS of its own, with a certificate"),
    ] {
        let refused = ask(tls, ends, "/other");
        assert!(refused.contains("✖ port 80: client speaks"), "{refused}");
        assert!(refused.contains(said), "{refused}");
    }
}

/// TLS that is not the mesh's is neither plain text nor a proof of who calls.
#[test]
fn tls_of_a_destination_rule_is_told_as_what_it_is() {
    let ask = |tls: &str, mode: &str, pod: &str, rules: &str| {
        let repository = secured(tls, mode, pod, rules);
        let path = text_of(repository.path());
        // As wide as it may be: what is asserted of a line is not of where it is broken.
        let mut command = command();
        command.env("COLUMNS", "140").args(["request", path, "/admin", "--from", "shop/web"]);
        text(&command.args(["--to", "server:80"]).output().unwrap())
    };
    let nobody = "{from: [{source: {namespaces: [nowhere]}}]}";
    let simple = "{mode: SIMPLE}";
    let shown =
        "{mode: MUTUAL, clientCertificate: /c.pem, privateKey: /k.pem, caCertificates: /ca.pem}";
    for (tls, said) in [
        (simple, "client speaks TLS without a certificate"),
        (shown, "client speaks TLS with a certificate that is not the mesh's"),
    ] {
        let refused = ask(tls, "STRICT", "", nobody);
        assert!(refused.contains("REFUSED 503"), "{refused}");
        assert!(refused.contains(&format!("{said}, server wants STRICT")), "{refused}");
        for mode in ["PERMISSIVE", "DISABLE"] {
            let passed = ask(tls, mode, "", nobody);
            assert!(passed.contains("DELIVERED"), "{passed}");
            assert!(passed.contains(&format!("{said}, server wants {mode}")), "{passed}");
            assert!(passed.contains("its proxy passes TLS on as bytes"), "{passed}");
        }
        let alone = ask(tls, "STRICT", "hostNetwork: true, ", nobody);
        let said = said.replace("client", "the client");
        assert!(alone.contains(&format!("{said}, which the application ends")), "{alone}");
        assert!(!alone.contains("plain text"), "{alone}");
    }
    // A port is known of bytes, and so is that nobody has proved to be anybody; a path is not.
    let by_port = ask(simple, "PERMISSIVE", "", "{to: [{operation: {ports: ['80']}}]}");
    assert!(by_port.contains("DENIED  shop/server: denied by shop/closed rules[0]"), "{by_port}");
    let by_name = ask(simple, "PERMISSIVE", "", "{from: [{source: {namespaces: [shop]}}]}");
    assert!(by_name.contains("DELIVERED"), "{by_name}");
    let mutual =
        ask("{mode: ISTIO_MUTUAL}", "STRICT", "", "{from: [{source: {namespaces: [shop]}}]}");
    assert!(
        mutual.contains("DENIED 403") && mutual.contains("client speaks mutual TLS"),
        "{mutual}"
    );
}

/// Istio runs a waypoint as an account of its name, or as the one that it names.
#[test]
fn the_account_of_a_gateway_is_known_though_nobody_serves_it() {
    let workload = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  selector: {matchLabels: {app: web}}\n  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: a, image: a}]}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: {app: web}, ports: [{name: http, port: 80}]}\n";
    let said = |class: &str, annotations: &str, account: &str| {
        let gateway = format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: edge, namespace: shop, annotations: {annotations}}}\nspec: {{gatewayClassName: {class}, listeners: [{{name: a, port: 15008, protocol: HTTP}}]}}\n"
        );
        let policy = format!(
            "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: shop}}\nspec: {{rules: [{{from: [{{source: {{principals: [cluster.local/ns/shop/sa/{account}]}}}}]}}]}}\n"
        );
        let repository = Repository::of(&[("a.yaml", &(gateway + workload + &policy))]);
        let (_, found) = repository.concise(&["--check"]);
        let from = format!("shop/{account}");
        let path = text_of(repository.path());
        let (code, error) =
            errors(&mesh(&["request", path, "/", "--from", &from, "--to", "web:80"]));
        assert_eq!(code, 2, "{error}");
        (found.contains("unknown-service-account"), error)
    };
    let named = "{gateway.istio.io/service-account: own}";
    for (class, annotations, account) in [
        ("istio-waypoint", "{}", "edge"),
        ("istio-waypoint", named, "own"),
        ("istio", "{}", "edge-istio"),
        ("istio", named, "own"),
    ] {
        let (is_unknown, error) = said(class, annotations, account);
        assert!(!is_unknown, "{class} {account}");
        let told =
            format!("`shop/{account}` is what Istio has the pods of `Gateway shop/edge` run as");
        assert!(error.contains(&told), "{error}");
    }
    for (class, account) in [("istio-waypoint", "edge-istio-waypoint"), ("istio", "edge")] {
        let (is_unknown, error) = said(class, "{}", account);
        assert!(is_unknown, "{class} {account}");
        assert!(error.contains("no workload runs as service account"), "{error}");
    }
}

/// A sidecar has a gateway send requests out of the mesh: a server of the gateway ends the TLS, or there is none, and its routes go on.
fn egress(server: &str, tls: &str, more: &str) -> Repository {
    let workload = |name: &str, container: &str| {
        format!(
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: shop}}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}\nspec: {{serviceAccountName: {name}, containers: [{container}]}}\n---\n"
        )
    };
    let parts = [
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n---\n".to_owned(),
        workload("web", "{name: a, image: a}"),
        workload("egress", "{name: istio-proxy, image: auto}"),
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: news, namespace: shop}\nspec: {hosts: [news.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}\n---\n".to_owned(),
        format!("apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: out, namespace: shop}}\nspec: {{selector: {{app: egress}}, servers: [{{port: {{number: 80, name: a, {server}}}, hosts: [news.example.com]{tls}}}]}}\n---\n"),
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: news, namespace: shop}\nspec:\n  hosts: [news.example.com]\n  gateways: [mesh, out]\n  http:\n  - match: [{gateways: [mesh]}]\n    route: [{destination: {host: egress.shop.svc.cluster.local, port: {number: 80}}}]\n  - match: [{gateways: [out], uri: {prefix: /a}}]\n    route: [{destination: {host: news.example.com, port: {number: 80}}}]\n---\n".to_owned(),
        more.to_owned(),
    ];
    Repository::of(&[("a.yaml", &parts.concat())])
}

/// Towards a gateway a sidecar begins no mutual TLS of its own accord: its ports are what its servers make of them.
#[test]
fn a_gateway_in_the_middle_goes_by_its_own_servers_and_routes() {
    let ask = |repository: &Repository, path: &str| {
        let place = text_of(repository.path());
        text(&mesh(&["request", place, path, "--from", "shop/web", "--to", "news.example.com:80"]))
    };
    let plain = egress("protocol: HTTP", "", "");
    let answer = ask(&plain, "/a");
    assert!(answer.contains("FORWARDED"), "{answer}");
    assert!(answer.contains("client speaks plain text, server wants plain text"), "{answer}");
    assert!(answer.contains("news.example.com leaves the mesh"), "{answer}");
    let answer = ask(&plain, "/b");
    assert!(answer.contains("UNROUTED 404"), "{answer}");

    let rule = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: egress, namespace: shop}\nspec: {host: egress.shop.svc.cluster.local, trafficPolicy: {tls: {mode: ISTIO_MUTUAL, sni: news.example.com}}}\n---\n";
    let mutual = ", tls: {mode: ISTIO_MUTUAL}";
    let allowed = rule.replace("\n---", " # mesh:allow mtls-conflict reason=\"asked about\"\n---");
    let answer = ask(&egress("protocol: HTTP", "", &allowed), "/a");
    assert!(answer.contains("REFUSED"), "{answer}");
    let answer = ask(&egress("protocol: HTTPS", mutual, ""), "/a");
    assert!(answer.contains("REFUSED"), "{answer}");
    let guard = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: out, namespace: shop}\nspec: {selector: {matchLabels: {app: egress}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/OF]}}]}]}\n";
    for (account, said) in [("web", "FORWARDED"), ("other", "DENIED 403")] {
        let guarded = format!("{rule}{}", guard.replace("OF", account));
        let answer = ask(&egress("protocol: HTTPS", mutual, &guarded), "/a");
        assert!(answer.contains(said), "{answer}");
    }
}

/// Policies are asked about the certificate that the caller's proxy has shown, whatever the caller says.
#[test]
fn a_header_proves_no_certificate() {
    let policy = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: partners, namespace: shop}\nspec: {selector: {matchLabels: {app: web}}, rules: [{when: [{key: 'request.headers[x-forwarded-client-cert]', values: ['*/sa/egress']}]}]}\n";
    let repository = egress("protocol: HTTP", "", policy);
    let claim =
        ["--header", "x-forwarded-client-cert: URI=spiffe://cluster.local/ns/shop/sa/egress"];
    let question =
        ["request", text_of(repository.path()), "/", "--from", "shop/web", "--to", "web:80"];
    let answer = text(&mesh(&[&question[..], &claim].concat()));
    assert!(answer.contains("DENIED 403"), "{answer}");
}

/// What no proxy of this release can serve is asked about all the same: nobody rolls an answer out.
#[test]
fn who_asks_somebody_else_is_told_so() {
    let policy = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: ask, namespace: shop}\nspec: {selector: {matchLabels: {app: web}}, action: CUSTOM, provider: {name: a}, rules: [{}]}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: 'extensionProviders: [{name: a, envoyExtAuthzHttp: {service: egress.shop.svc.cluster.local, port: 80}}]'}\n";
    let repository = egress("protocol: HTTP", "", policy);
    let place = text_of(repository.path());
    let question = ["request", place, "/", "--from", "shop/web", "--to", "web:80"];
    let answer = text(&mesh(&question));
    assert!(answer.contains("DELIVERED"), "{answer}");
    assert!(answer.contains("an external authorizer decides, too: a"), "{answer}");
    let compared = mesh(&["diff", place, place]);
    assert_eq!(compared.status.code(), Some(0), "{}", text(&compared));
    assert!(text(&mesh(&["compile", "--check", place])).contains("unserved-feature"));
}

/// Of bytes nobody reads a request: they go through, or policy closes the connection.
#[test]
fn a_port_that_carries_bytes_is_followed_to_its_policy() {
    let policy = |account: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: db, namespace: shop}}\nspec: {{selector: {{app: db}}, ports: [{{name: tcp, port: 3306, targetPort: 3306}}]}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: db, namespace: shop, labels: {{app: db}}}}\nspec: {{containers: [{{name: a, image: a}}]}}\n---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: db, namespace: shop}}\nspec: {{selector: {{matchLabels: {{app: db}}}}, rules: [{{from: [{{source: {{principals: [cluster.local/ns/shop/sa/{account}]}}}}]}}]}}\n"
        )
    };
    for (account, said) in [("web", "DELIVERED"), ("other", "DENIED")] {
        let repository = egress("protocol: HTTP", "", &policy(account));
        let place = text_of(repository.path());
        let answer = text(&mesh(&["request", place, "/", "--from", "shop/web", "--to", "db:3306"]));
        assert!(answer.contains(said), "{answer}");
        assert!(answer.contains("port 3306 carries bytes"), "{answer}");
    }
}

/// `db`, whose Service or `ServiceEntry` says so much of its addresses. Its first route is for some of them, and leads where
/// nobody is let in.
fn routed_by_address(kind: &str, port: u16, address: &str) -> Repository {
    let pod = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}\nspec: {{serviceAccountName: {name}, containers: [{{name: a, image: a}}]}}\n---\n"
        )
    };
    let ports = format!("ports: [{{name: PROTOCOL, port: {port}, targetPort: 5432}}]");
    let ports = ports.replace("PROTOCOL", if port == 443 { "tls" } else { "tcp" });
    let other = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: other, namespace: shop}}\nspec: {{selector: {{app: other}}, {ports}}}\n---\n"
    );
    let own = if kind == "Service" {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: db, namespace: shop}}\nspec: {{{address}selector: {{app: db}}, {ports}}}\n---\n"
        )
    } else {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: db, namespace: shop}}\nspec: {{hosts: [db.shop.svc.cluster.local], {address}location: MESH_INTERNAL, resolution: STATIC, workloadSelector: {{labels: {{app: db}}}}, ports: [{{name: PROTOCOL, number: {port}, protocol: TCP, targetPort: 5432}}]}}\n---\n"
        )
        .replace("PROTOCOL", "tcp")
    };
    let (list, name) = match port {
        443 => ("tls", "sniHosts: [db.shop.svc.cluster.local], "),
        _ => ("tcp", ""),
    };
    let to = |host: &str| {
        format!("route: [{{destination: {{host: {host}, port: {{number: {port}}}}}}}]")
    };
    let second = if name.is_empty() {
        String::new()
    } else {
        format!("match: [{{{}}}], ", name.trim_end_matches(", "))
    };
    let routes = format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: db, namespace: shop}}\nspec: {{hosts: [db.shop.svc.cluster.local], {list}: [{{match: [{{{name}destinationSubnets: [10.9.0.0/16]}}], {}}}, {{{second}{}}}]}}\n---\n",
        to("other.shop.svc.cluster.local"),
        to("db.shop.svc.cluster.local")
    );
    let policy = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: other, namespace: shop}\nspec: {selector: {matchLabels: {app: other}}}\n";
    let pods = ["web", "db", "other"].map(pod).concat();
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n---\n";
    Repository::of(&[("a.yaml", &[namespace, &pods, &other, &own, &routes, policy].concat())])
}

/// Which route takes a connection may depend on the address that the client calls, which some Services and entries tell.
#[test]
fn a_route_for_addresses_is_taken_for_those() {
    let ask = |kind: &str, port: u16, address: &str| {
        let repository = routed_by_address(kind, port, address);
        let to = format!("db.shop.svc.cluster.local:{port}");
        let mut command = command();
        command.env("COLUMNS", "140").args(["request", text_of(repository.path()), "/"]);
        text(&command.args(["--from", "shop/web", "--to", &to]).output().unwrap())
    };
    let inside = [
        ("Service", 5432, "clusterIP: 10.9.0.1, "),
        ("Service", 443, "clusterIP: 10.9.0.1, "),
        ("Service", 5432, "clusterIP: 10.9.0.1, clusterIPs: [10.9.0.1], "),
        ("ServiceEntry", 5432, "addresses: [10.9.0.1], "),
        ("ServiceEntry", 5432, "addresses: [10.9.0.0/24], "),
    ];
    for (kind, port, address) in inside {
        let answer = ask(kind, port, address);
        assert!(answer.contains("DENIED  shop/other: denied"), "{kind} {address}\n{answer}");
        assert!(answer.contains("the client calls 10.9.0."), "{kind} {address}\n{answer}");
        assert!(answer.contains("[0]  a.yaml") && !answer.contains("shop/db"), "{answer}");
    }
    let outside = [
        ("Service", 5432, "clusterIP: 10.8.0.1, "),
        ("Service", 443, "clusterIP: 10.8.0.1, "),
        ("ServiceEntry", 5432, "addresses: [10.8.0.1, 'fd00::1'], "),
        ("ServiceEntry", 5432, "addresses: [10.8.0.0/16], "),
    ];
    for (kind, port, address) in outside {
        let answer = ask(kind, port, address);
        assert!(answer.contains("DELIVERED  shop/db: allowed"), "{kind} {address}\n{answer}");
        assert!(!answer.contains("shop/other"), "{kind} {address}\n{answer}");
    }
    // Either may be: nobody says which, or there are several.
    let nobody_says = "which address the client calls is not known: each of these routes may be";
    let several = "the client calls 10.8.0.1 or 10.9.0.1: each of these routes may be taken";
    let open = [
        ("Service", 5432, "", nobody_says),
        ("Service", 443, "", nobody_says),
        ("Service", 5432, "clusterIP: None, ", nobody_says),
        ("Service", 5432, "clusterIP: '', ", nobody_says),
        ("ServiceEntry", 5432, "", nobody_says),
        ("ServiceEntry", 5432, "addresses: [10.8.0.1, 10.9.0.1], ", several),
        ("ServiceEntry", 5432, "addresses: [10.8.0.0/15], ", "the client calls 10.8.0.0/15: each"),
        (
            "Service",
            5432,
            "clusterIP: 10.9.0.1, clusterIPs: [10.9.0.1, 'fd00::1'], ",
            "10.9.0.1 or fd00::1: each",
        ),
    ];
    for (kind, port, address, said) in open {
        let answer = ask(kind, port, address);
        let by = format!(
            "DENIED  by route {}[0] (for 10.9.0.0/16): shop/other",
            if port == 443 { "tls" } else { "tcp" }
        );
        assert!(answer.contains(&by), "{kind} {address}\n{answer}");
        assert!(answer.contains(said), "{kind} {address}\n{answer}");
        assert!(answer.contains("shop/db") && answer.contains("[1] "), "{answer}");
    }
}

/// Gateways for `a.example.com`, each of so many pods with its Service and its routes, and an application behind them.
fn gateways(all: &[(&str, usize, &str)]) -> Repository {
    let pod = |name: &str, label: &str, container: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: edge, labels: {{app: {label}, sidecar.istio.io/inject: 'true'}}}}\nspec: {{serviceAccountName: {label}, containers: [{{name: {container}, image: auto}}]}}\n---\n"
        )
    };
    let service = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: edge}}\nspec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80}}]}}\n---\n"
        )
    };
    let gateway = |(name, count, routes): &(&str, usize, &str)| {
        let pods = (0..*count).map(|at| pod(&format!("{name}{at}"), name, "istio-proxy"));
        let led = format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: {name}, namespace: edge}}\nspec: {{selector: {{app: {name}}}, servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: [a.example.com]}}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: edge}}\nspec: {{hosts: [a.example.com], gateways: [{name}], http: [{routes}]}}\n---\n"
        );
        pods.collect::<String>() + &service(name) + &led
    };
    let gateways: String = all.iter().map(gateway).collect();
    Repository::of(&[("a.yaml", &(pod("web", "web", "a") + &service("web") + &gateways))])
}

/// What the pods of the first of them make of a request from outside, in lines of any width.
fn led_by(all: &[(&str, usize, &str)]) -> String {
    let repository = gateways(all);
    let mut command = command();
    command.env("COLUMNS", "1000").args(["request", text_of(repository.path()), "/"]);
    let from = format!("edge/{}", all[0].0);
    text(&command.args(["--from", &from, "--to", "a.example.com:80"]).output().unwrap())
}

/// Each gateway is asked once for a request that comes the same way, however many lead there: nobody would see the end of it
/// otherwise.
#[test]
fn a_request_that_goes_round_is_told_as_that() {
    let of =
        |name: &str| format!("it comes back to {name}.edge.svc.cluster.local:80, and goes round");
    let to_itself = led_by(&[("a", 40, "{route: [{destination: {host: a}}]}")]);
    assert!(to_itself.contains(&format!("UNROUTED  {}", of("a"))), "{to_itself}");
    assert_eq!(to_itself.matches("virtual host a.example.com:80").count(), 2, "{to_itself}");

    let [to_a, to_b] =
        ["{route: [{destination: {host: a}}]}", "{route: [{destination: {host: b}}]}"];
    let in_turn = led_by(&[("a", 20, to_b), ("b", 20, to_a)]);
    assert!(in_turn.contains(&format!("UNROUTED  {}", of("b"))), "{in_turn}");
    assert!(!in_turn.contains("a0: "), "{in_turn}");

    // What goes on beside it is told as well, and what is worse decides.
    let mostly =
        "{route: [{destination: {host: web}, weight: 9}, {destination: {host: a}, weight: 1}]}";
    let mostly = led_by(&[("a", 2, mostly)]);
    assert!(mostly.contains(&format!("UNROUTED  {}", of("a"))), "{mostly}");
    assert!(mostly.contains("no ALLOW policy selects the workload") && mostly.contains("edge/web"));
}

/// A request may come to a gateway again, and not as it came before; and many gateways are no circle.
#[test]
fn a_request_that_comes_back_and_ends_is_followed_to_its_end() {
    let back = "route: [{destination: {host: a}}]";
    let to_web = "{route: [{destination: {host: web}}]}";
    for (ends, goes_on) in [
        (
            "match: [{headers: {x-been: {exact: here}}}]",
            "headers: {request: {set: {x-been: here}}}, ",
        ),
        ("match: [{uri: {prefix: /again/again}}]", "rewrite: {uri: /again/}, "),
        ("match: [{headers: {x-forwarded-for: {regex: '.*,.*,.*'}}}]", ""),
    ] {
        let ends = format!("{{{ends}, {}", &to_web[1..]);
        let answer = led_by(&[("a", 3, &format!("{ends}, {{{goes_on}{back}}}"))]);
        assert!(answer.contains("DELIVERED  edge/a0: "), "{answer}");
        assert!(answer.contains("edge/web: allowed"), "{answer}");
        assert!(!answer.contains("comes back"), "{answer}");
    }
    let chain = |last: &str| {
        let to = |host: &str| format!("{{route: [{{destination: {{host: {host}}}}}]}}");
        let [b, c, d, e] = ["b", "c", "d", "e"].map(to);
        led_by(&[
            ("a", 1, &b),
            ("b", 2, &c),
            ("c", 2, &d),
            ("d", 2, &e),
            ("e", 2, last),
            ("f", 1, to_web),
        ])
    };
    let short = chain(to_web);
    assert!(short.contains("DELIVERED  edge/b0: edge/c0: edge/d0: edge/e0: edge/web: "), "{short}");
    let long = chain("{route: [{destination: {host: f}}]}");
    assert!(
        long.contains("UNROUTED  edge/b0: edge/c0: edge/d0: edge/e0: edge/f0: it goes from"),
        "{long}"
    );
}

#[test]
fn a_service_of_one_pod_leads_to_it_and_to_its_policies() {
    let labels = |pod: &str| format!("statefulset.kubernetes.io/pod-name: {pod}");
    let service = |pod: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {pod}, namespace: db}}\nspec: {{selector: {{app: kafka, {}}}, ports: [{{name: http, port: 80}}]}}\n",
            labels(pod)
        )
    };
    let parts = [
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: kafka, namespace: db}\nspec:\n  replicas: 3\n  serviceName: kafka\n  selector: {matchLabels: {app: kafka}}\n  template: {metadata: {labels: {app: kafka}}, spec: {containers: [{name: a, image: a}]}}\n".to_owned(),
        service("kafka-0"),
        service("kafka-1"),
        service("kafka-7"),
        format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: nobody, namespace: db}}\nspec: {{selector: {{matchLabels: {{{}}}}}}}\n",
            labels("kafka-1")
        ),
    ];
    let repository = Repository::of(&[("a.yaml", &parts.join("---\n"))]);
    let ask = |to: &str| {
        let path = text_of(repository.path());
        text(&mesh(&["request", path, "/", "--from", "db/default", "--to", to]))
    };
    for (to, expected) in
        [("kafka-0:80", "DELIVERED"), ("kafka-1:80", "DENIED"), ("kafka-7:80", "UNROUTED")]
    {
        let answer = ask(to);
        assert!(answer.contains(expected), "{to}: {answer}");
    }
}

#[test]
fn an_address_is_known_by_the_blocks_and_services_around_it() {
    let parts = [
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nspec: {containers: [{name: a, image: a}]}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec: {clusterIP: 10.8.0.1, clusterIPs: [10.8.0.1, 'fd00::7'], selector: {app: web}, ports: [{name: tcp, port: 5432}]}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: front, namespace: shop}\nspec: {clusterIP: 10.8.0.2, selector: {app: web}, ports: [{name: http, port: 80}]}\n",
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: vpc, namespace: shop}\nspec: {hosts: [vpc.test], addresses: [10.9.0.0/16], resolution: NONE, ports: [{number: 5432, name: tcp, protocol: TCP}]}\n",
        "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: default, namespace: shop}\nspec: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}\n",
    ];
    let repository = Repository::of(&[("a.yaml", &parts.join("---\n"))]);
    let path = text_of(repository.path());
    for (to, expected) in [
        ("10.9.9.9:5432", "FORWARDED"),
        ("10.8.0.1:5432", "DELIVERED"),
        ("[fd00::7]:5432", "DELIVERED"),
        ("10.8.0.2:80", "DELIVERED"),
        ("10.7.0.1:5432", "UNROUTED"),
        ("10.9.9.9:5433", "UNROUTED"),
    ] {
        let answer = text(&mesh(&["request", path, "/", "--from", "shop/default", "--to", to]));
        assert!(answer.contains(expected), "{to}: {answer}");
        assert!(!answer.contains("502"), "no request is answered: {answer}");
    }
}

/// What the port is called says nothing of what its server does.
#[test]
fn a_gateway_in_the_middle_goes_by_its_servers_whatever_its_ports_are_called() {
    let ask = |server: &str, tls: &str, rule: &str, routes: &str, port: u16| {
        let repository = Repository::of(&[("a.yaml", &towards(server, tls, rule, routes))]);
        let to = format!("news.example.com:{port}");
        let place = text_of(repository.path());
        let mut command = command();
        command.env("COLUMNS", "1000").args(["request", place, "/a", "--to", &to]);
        text(&command.args(["--from", "shop/web"]).output().unwrap())
    };
    let leads = |list: &str, names: &str, port: u16| {
        format!(
            "{list}:\n  - match: [{{gateways: [mesh], port: {port}{names}}}]\n    route: [{{destination: {{host: egress.shop.svc.cluster.local, port: {{number: 443}}}}}}]\n  - match: [{{gateways: [out], port: 443{names}}}]\n    route: [{{destination: {{host: news.example.com, port: {{number: {port}}}}}}}]\n"
        )
    };
    let mutual = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: egress, namespace: shop}\nspec: {host: egress.shop.svc.cluster.local, trafficPolicy: {tls: {mode: ISTIO_MUTUAL, sni: news.example.com}}}\n---\n";
    let requests = leads("http", "", 80);
    let answer = ask("protocol: HTTPS", "{mode: ISTIO_MUTUAL}", mutual, &requests, 80);
    assert!(
        answer.contains("FORWARDED  shop/egress: news.example.com leaves the mesh"),
        "{answer}"
    );
    assert!(answer.contains("client speaks mutual TLS, server wants mutual TLS"), "{answer}");
    assert!(!answer.contains("carries bytes"), "{answer}");

    let passed = leads("tls", ", sniHosts: [news.example.com]", 443);
    let answer = ask("protocol: TLS", "{mode: PASSTHROUGH}", "", &passed, 443);
    assert!(
        answer.contains("FORWARDED  shop/egress: news.example.com leaves the mesh"),
        "{answer}"
    );
    assert!(answer.contains("the client's TLS passes through, unread"), "{answer}");
    assert!(answer.contains("server wants any TLS"), "{answer}");
}

/// A gateway that hands the mesh's TLS on has seen nobody's certificate.
#[test]
fn a_gateway_that_ends_no_tls_knows_no_identity() {
    let mutual = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: egress, namespace: shop}\nspec: {host: egress.shop.svc.cluster.local, trafficPolicy: {tls: {mode: ISTIO_MUTUAL, sni: news.example.com}}}\n---\n";
    let routes = |list: &str, of: &str| {
        format!(
            "{list}:\n  - match: [{{gateways: [out], port: 443{of}}}]\n    route: [{{destination: {{host: news.example.com, port: {{number: 443}}}}}}]\n"
        )
    };
    let ask = |server: &str, tls: &str, routes: &str, rule: &str| {
        let policy = format!(
            "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: shop}}\nspec: {{selector: {{matchLabels: {{app: egress}}}}, {rule}}}\n"
        );
        let resources = towards(server, tls, mutual, routes) + &policy;
        let repository = Repository::of(&[("a.yaml", &resources)]);
        let mut command = command();
        command.env("COLUMNS", "1000").args(["request", text_of(repository.path()), "/"]);
        command.args(["--from", "shop/web", "--to", "egress.shop:443"]);
        text(&command.output().unwrap())
    };
    let web = "cluster.local/ns/shop/sa/web";
    let allow = format!("rules: [{{from: [{{source: {{principals: [{web}]}}}}]}}]");
    let deny = format!("action: DENY, rules: [{{from: [{{source: {{notPrincipals: [{web}]}}}}]}}]");
    for rule in [&allow, &deny] {
        let by_name = routes("tls", ", sniHosts: [news.example.com]");
        let passed = ask("protocol: TLS", "{mode: PASSTHROUGH}", &by_name, rule);
        assert!(passed.contains("client speaks mutual TLS, server wants any TLS"), "{passed}");
        assert!(passed.contains("DENIED"), "{rule}: {passed}");
        let ended = ask("protocol: TLS", "{mode: ISTIO_MUTUAL}", &routes("tcp", ""), rule);
        assert!(ended.contains("the client's TLS ends here"), "{ended}");
        assert!(ended.contains("FORWARDED"), "{rule}: {ended}");
    }
}

/// As [`egress`], by port 443, which the Service calls `https`.
fn towards(server: &str, tls: &str, rule: &str, routes: &str) -> String {
    let workload = |name: &str, container: &str| {
        format!(
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: shop}}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{selector: {{app: {name}}}, ports: [{{name: https, port: 443}}]}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}\nspec: {{serviceAccountName: {name}, containers: [{container}]}}\n---\n"
        )
    };
    [
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n---\n".to_owned(),
        workload("web", "{name: a, image: a}"),
        workload("egress", "{name: istio-proxy, image: auto}"),
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: news, namespace: shop}\nspec: {hosts: [news.example.com], ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}], resolution: DNS}\n---\n".to_owned(),
        format!("apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: out, namespace: shop}}\nspec: {{selector: {{app: egress}}, servers: [{{port: {{number: 443, name: a, {server}}}, hosts: [news.example.com], tls: {tls}}}]}}\n---\n{rule}"),
        format!("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: news, namespace: shop}}\nspec:\n  hosts: [news.example.com]\n  gateways: [mesh, out]\n  {routes}"),
    ]
    .concat()
}

/// Only what is outside of the mesh leaves it.
#[test]
fn what_is_in_the_mesh_does_not_leave_it() {
    for (location, said) in [
        ("MESH_EXTERNAL", "news.example.com leaves the mesh, to what DNS resolves"),
        ("MESH_INTERNAL", "news.example.com stays in the mesh, at what DNS resolves: who serves"),
    ] {
        let repository = egress("protocol: HTTP", "", "");
        let resources = repository.read("a.yaml");
        let located = format!("location: {location}, resolution: DNS");
        repository.write("a.yaml", &resources.replace("resolution: DNS", &located));
        let mut command = command();
        command.env("COLUMNS", "1000").args(["request", text_of(repository.path()), "/a"]);
        command.args(["--from", "shop/web", "--to", "news.example.com:80"]);
        let answer = text(&command.output().unwrap());
        assert!(answer.contains("FORWARDED") && answer.contains(said), "{answer}");
    }
}
