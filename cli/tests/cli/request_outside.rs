//! `mesh request --from outside`: which gateways take what comes from elsewhere.

use crate::program::{command, errors, mesh, text};
use crate::repository::Repository;

/// Gateways on port 80, in the order of their names: of each its pods' account, its hosts, and the host and answer of its route.
fn gateways(all: &[(&str, &str, &str, &str, u16)]) -> Repository {
    let gateway = |(name, account, hosts, host, status): &(&str, &str, &str, &str, u16)| {
        format!(
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {account}, namespace: edge}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: edge, labels: {{app: {name}}}}}\nspec: {{serviceAccountName: {account}, containers: [{{name: istio-proxy, image: auto}}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: {name}, namespace: edge}}\nspec: {{selector: {{app: {name}}}, servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['{hosts}']}}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: edge}}\nspec: {{hosts: [{host}], gateways: [{name}], http: [{{directResponse: {{status: {status}}}}}]}}\n"
        )
    };
    Repository::of(&[("a.yaml", &all.iter().map(gateway).collect::<Vec<_>>().join("---\n"))])
}

/// In lines of any width.
fn ask(repository: &Repository, from: &str, to: &str) -> String {
    let mut command = command();
    command.env("COLUMNS", "1000").args(["request", repository.path().to_str().unwrap(), "/"]);
    text(&command.args(["--from", from, "--to", to]).output().unwrap())
}

/// Whoever serves the host takes the request, whatever its name.
#[test]
fn a_gateway_is_asked_for_the_hosts_that_it_serves() {
    let repository = gateways(&[
        ("a", "a", "a.example.com", "a.example.com", 201),
        ("b", "b", "b.example.com", "b.example.com", 202),
        ("c", "c", "*", "c.example.com", 203),
    ]);
    for (host, gateway, status) in [("a", "a", 201), ("b", "b", 202), ("c", "c", 203)] {
        let answer = ask(&repository, "outside", &format!("{host}.example.com:80"));
        assert!(answer.contains(&format!("ANSWERED {status}")), "{answer}");
        assert!(answer.contains(&format!("edge/{gateway} port 80")), "{answer}");
        assert!(!answer.contains("is not known"), "{answer}");
    }
    // Who listens and serves nothing of the kind says so.
    let nobody = ask(&repository, "outside", "d.example.com:80");
    assert!(nobody.contains("UNROUTED 404  no virtual host"), "{nobody}");
    assert!(nobody.contains("edge/a, edge/b, edge/c listen for d.example.com:80"), "{nobody}");
}

#[test]
fn of_several_gateways_that_serve_a_host_each_answers() {
    let host = "x.example.com";
    let alike = [("a", "one", host, host, 200), ("b", "two", host, host, 200)];
    let answer = ask(&gateways(&alike), "outside", "x.example.com:80");
    assert!(answer.contains("ANSWERED 200  the proxy answers 200 itself"), "{answer}");

    let otherwise = [("a", "one", host, host, 200), ("b", "two", host, "y.example.com", 200)];
    let one = ask(&gateways(&otherwise), "outside", "x.example.com:80");
    assert!(one.contains("ANSWERED 200") && !one.contains("edge/b"), "{one}");

    let policy = gateways(&alike);
    policy.write(
        "b.yaml",
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: closed, namespace: edge}\nspec: {selector: {matchLabels: {app: b}}}\n",
    );
    let both = ask(&policy, "outside", "x.example.com:80");
    assert!(both.contains("DENIED 403  by edge/b: denied"), "{both}");
    assert!(both.contains("edge/a, edge/b serve x.example.com:80"), "{both}");
    let choice = "to ask those of one account: `--from edge/one` or `--from edge/two`";
    assert!(both.contains(choice), "{both}");
    assert!(both.contains("the proxy answers 200 itself"), "{both}");
    let one = ask(&policy, "edge/one", "x.example.com:80");
    assert!(one.contains("ANSWERED 200") && !one.contains("edge/b"), "{one}");
}

/// A gateway with one server, routes for it, and two databases behind.
fn bytes(server: &str, routes: &str, more: &str) -> Repository {
    let workload = |name: &str, container: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: edge}}\nspec: {{selector: {{app: {name}}}, ports: [{{name: tcp, port: 5432}}]}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: edge, labels: {{app: {name}, sidecar.istio.io/inject: 'true'}}}}\nspec: {{containers: [{{name: {container}, image: auto}}]}}\n"
        )
    };
    let parts = [
        workload("ingress", "istio-proxy"),
        workload("db", "a"),
        workload("other", "a"),
        format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: edge}}\nspec: {{selector: {{app: ingress}}, servers: [{{{server}}}]}}\n"
        ),
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: edge}}\nspec: {{hosts: ['*.example.com'], gateways: [g], {routes}}}\n"
        ),
        more.to_owned(),
    ];
    Repository::of(&[("a.yaml", &parts.join("---\n"))])
}

const CLOSED: &str = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: closed, namespace: edge}\nspec: {selector: {matchLabels: {app: APP}}}\n";

fn to(host: &str) -> String {
    format!("route: [{{destination: {{host: {host}, port: {{number: 5432}}}}}}]")
}

/// Of bytes the routes decide, and the policies of the gateway and of who is behind it.
#[test]
fn a_gateway_that_carries_bytes_is_followed() {
    let server = "port: {number: 31400, name: tcp, protocol: TCP}, hosts: ['*.example.com']";
    let routes = format!("tcp: [{{match: [{{port: 31400}}], {}}}]", to("db"));
    let of = |more: &str| ask(&bytes(server, &routes, more), "outside", "db.example.com:31400");
    let answer = of("");
    assert!(answer.contains("DELIVERED  edge/db: allowed"), "{answer}");
    assert!(answer.contains("✔ g servers[0]"), "{answer}");
    assert!(answer.contains("the server carries bytes: no route looks at a request"), "{answer}");
    assert!(answer.contains("✔ route tcp[0]"), "{answer}");
    for (app, said) in [("ingress", "DENIED  denied: no"), ("db", "DENIED  edge/db: denied")] {
        let answer = of(&CLOSED.replace("APP", app));
        assert!(answer.contains(said), "{answer}");
    }
    let repository = bytes(server, &routes, "");
    let question = ["request", repository.path().to_str().unwrap(), "--from", "outside"];
    let (_, error) = errors(&mesh(&[&question[..], &["--to", "db.example.com:80"]].concat()));
    assert!(error.contains("edge/ingress takes bytes on 31400; `--to`"), "{error}");
}

#[test]
fn tls_that_passes_a_gateway_goes_by_its_server_name() {
    let server = "port: {number: 443, name: tls, protocol: TLS}, hosts: ['*.example.com'], tls: {mode: PASSTHROUGH}";
    let routes = format!(
        "tls: [{{match: [{{port: 443, sniHosts: [db.example.com]}}], {}}}, {{match: [{{port: 443, sniHosts: [other.example.com]}}], {}}}]",
        to("db"),
        to("other")
    );
    let repository = bytes(server, &routes, &CLOSED.replace("APP", "other"));
    for (host, said, route) in [
        ("db", "DELIVERED  edge/db: allowed", "✔ route tls[0]"),
        ("other", "DENIED  edge/other: denied", "✔ route tls[1]"),
    ] {
        let answer = ask(&repository, "outside", &format!("{host}.example.com:443"));
        assert!(answer.contains(said) && answer.contains(route), "{answer}");
        assert!(answer.contains("the client's TLS passes through, unread"), "{answer}");
    }
    let nobody = ask(&repository, "outside", "none.example.com:443");
    assert!(nobody.contains("UNROUTED  no server of the gateway has that name"), "{nobody}");
    // TLS that ends here is carried on as what it holds.
    let ended = "port: {number: 443, name: tls, protocol: TLS}, hosts: ['*.example.com'], tls: {mode: SIMPLE, credentialName: c}";
    let routes = format!("tcp: [{{match: [{{port: 443}}], {}}}]", to("db"));
    let answer = ask(&bytes(ended, &routes, ""), "outside", "db.example.com:443");
    assert!(answer.contains("DELIVERED  edge/db: allowed"), "{answer}");
    assert!(answer.contains("the client's TLS ends here"), "{answer}");
}

/// Whether a client has what a server asks for, nobody says; that it is asked for, is said.
#[test]
fn a_server_that_wants_a_certificate_says_so() {
    let of = |tls: &str| {
        let server = format!(
            "port: {{number: 443, name: https, protocol: HTTPS}}, hosts: ['*.example.com'], tls: {tls}"
        );
        let repository = bytes(&server, "http: [{directResponse: {status: 200}}]", "");
        ask(&repository, "outside", "a.example.com:443")
    };
    for (tls, said) in [
        ("{mode: SIMPLE, credentialName: c}", ""),
        ("{mode: MUTUAL, credentialName: c}", "the client must show a certificate"),
        ("{mode: OPTIONAL_MUTUAL, credentialName: c}", "the client may show a certificate"),
        ("{mode: ISTIO_MUTUAL}", "the client must show an identity of the mesh"),
    ] {
        let answer = of(tls);
        assert!(answer.contains("ANSWERED 200") && answer.contains(said), "{answer}");
        assert_eq!(answer.contains("the client m"), !said.is_empty(), "{answer}");
    }
}
