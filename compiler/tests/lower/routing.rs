//! `VirtualService`s on the mesh: what each part of a route becomes.

use std::time::Duration;

use mesh_engine::route::{Action, Outcome};
use mesh_snapshot::object::AbortStatus;

use crate::support::{Call, Program, Repository, workload};

/// The workloads `shop/web` and `shop/api`, and a `VirtualService` for the latter.
fn shop(virtual_service: &str) -> Repository {
    let mut text = workload("shop", "web") + &workload("shop", "api") + &workload("shop", "old");
    text.push_str(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: api, namespace: shop}\nspec:\n  hosts: [api]\n",
    );
    text.push_str(virtual_service);
    Repository::of(&text)
}

const API: &str = "outbound|80||api.shop.svc.cluster.local";
const OLD: &str = "outbound|80||old.shop.svc.cluster.local";

/// Where a request of `shop/web` to `api` goes.
fn goes_to(virtual_service: &str, call: Call<'_>) -> Vec<String> {
    let bundle = shop(virtual_service).bundle();
    Program::of(&bundle, "shop/web").goes_to(call)
}

#[test]
fn a_match_is_all_of_its_parts_and_a_route_any_of_its_matches() {
    let routes = r#"
  http:
    - match:
        - uri: {prefix: /v1}
          method: {exact: POST}
          headers: {X-Team: {regex: "a|b"}}
          withoutHeaders: {x-new: {}}
        - uri: {exact: /legacy}
          ignoreUriCase: true
        - queryParams: {version: {exact: "1"}}
          port: 80
      route: [{destination: {host: old}}]
    - route: [{destination: {host: api}}]
"#;
    let bundle = shop(routes).bundle();
    let web = Program::of(&bundle, "shop/web");
    let old = |call| web.goes_to(call) == [format!("1 {OLD}")];
    let post = Call::get("api", "/v1/x").by("POST");
    assert!(old(post.with(&[("x-team", "b")])));
    assert!(!old(post.with(&[("x-team", "bc")])));
    assert!(!old(post.with(&[("x-team", "b"), ("x-new", "yes")])));
    assert!(!old(Call::get("api", "/v1/x").with(&[("x-team", "b")])));
    assert!(old(Call::get("api", "/LEGACY")) && !old(Call::get("api", "/legacy/x")));
    assert_eq!(web.goes_to(Call::get("api.shop.svc.cluster.local", "/")), [format!("1 {API}")]);
}

#[test]
fn who_sends_decides_too() {
    let routes = "
  http:
    - match: [{sourceLabels: {app: web}}, {sourceNamespace: edge}]
      route: [{destination: {host: old}}]
    - route: [{destination: {host: api}}]
";
    let repository = shop(routes);
    repository.write("edge.yaml", &workload("edge", "gate"));
    let bundle = repository.bundle();
    let of = |name, host| Program::of(&bundle, name).goes_to(Call::get(host, "/"));
    assert_eq!(of("shop/web", "api"), [format!("1 {OLD}")]);
    assert_eq!(of("shop/old", "api"), [format!("1 {API}")]);
    assert_eq!(of("edge/gate", "api.shop"), [format!("1 {OLD}")]);
}

#[test]
fn faults_and_answers_are_of_the_proxys_own() {
    let routes = r"
  http:
    - match: [{uri: {prefix: /broken}}]
      fault:
        abort: {httpStatus: 418, percentage: {value: 50}}
        delay: {fixedDelay: 250ms, percentage: {value: 100}}
      route: [{destination: {host: api}}]
    - match: [{uri: {prefix: /grpc}}]
      fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}}
      route: [{destination: {host: api}}]
    - match: [{uri: {prefix: /nobody}}]
      fault: {abort: {httpStatus: 418}, delay: {fixedDelay: 250ms}}
      route: [{destination: {host: api}}]
    - match: [{uri: {exact: /teapot}}]
      directResponse: {status: 418, body: {bytes: aGk=}}
    - redirect: {uri: /new, authority: new.test, redirectCode: 308, port: 8443, scheme: https}
";
    let bundle = shop(routes).bundle();
    let web = Program::of(&bundle, "shop/web");
    let half = 1 << 31;
    let broken = |roll| {
        web.forward(Call::get("api", "/broken"), |route, _| route.faults.roll(u32::MAX, roll))
    };
    assert_eq!(broken(half - 1).abort, Some(AbortStatus::Http(418)));
    assert_eq!(broken(half).abort, None);
    assert_eq!(broken(half).delay, Some(Duration::from_millis(250)));
    let grpc = web.forward(Call::get("api", "/grpc"), |route, _| route.faults.roll(0, u32::MAX));
    assert_eq!(grpc.abort, Some(AbortStatus::Grpc(14)));
    let nobody = web.forward(Call::get("api", "/nobody"), |route, _| route.faults.roll(0, 0));
    assert!(nobody.abort.is_none() && nobody.delay.is_none());
    web.sends(Call::get("api", "/teapot"), |outcome| {
        let Outcome::Route(selected) = outcome else { panic!("{outcome:?}") };
        let Action::Respond { status: 418, body } = &selected.route.action else { panic!() };
        assert_eq!(&**body, b"hi");
    });
    assert_eq!(web.goes_to(Call::get("api", "/other")), ["redirect 308"]);
}

#[test]
fn retries_and_timeouts_are_as_written_or_the_meshs() {
    let routes = r#"
  http:
    - match: [{uri: {prefix: /none}}]
      retries: {attempts: 0}
      route: [{destination: {host: api}}]
    - match: [{uri: {prefix: /own}}]
      retries: {attempts: 5, perTryTimeout: 2s, retryOn: "503,reset", backoff: 100ms}
      timeout: 9s
      route: [{destination: {host: api}}]
    - route: [{destination: {host: api}}]
"#;
    let bundle = shop(routes).bundle();
    let web = Program::of(&bundle, "shop/web");
    let retries = |path| web.forward(Call::get("api", path), |_, it| it.retry.retries_max);
    assert_eq!((retries("/none"), retries("/own"), retries("/other")), (0, 5, 2));
    web.forward(Call::get("api", "/own"), |_, forward| {
        assert_eq!(forward.try_timeout, Some(Duration::from_secs(2)));
        assert_eq!(forward.timeout, Some(Duration::from_secs(9)));
        assert_eq!(forward.retry.backoff, Duration::from_millis(100));
    });
    web.forward(Call::get("api", "/other"), |_, it| assert!(it.timeout.is_none()));
}

#[test]
fn a_delegates_routes_stand_in_the_place_of_the_roots() {
    let routes = "
  http:
    - name: root
      match: [{uri: {prefix: /a}}]
      delegate: {name: part, namespace: team}
      timeout: 4s
    - route: [{destination: {host: api}}]
";
    let repository = shop(routes);
    repository.write(
        "team.yaml",
        &(workload("team", "part")
            + "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: part, namespace: team}
spec:
  http:
    - name: own
      match: [{uri: {prefix: /a/b}}]
      route: [{destination: {host: part}}]
"),
    );
    let bundle = repository.bundle();
    let web = Program::of(&bundle, "shop/web");
    let call = Call::get("api", "/a/b");
    assert_eq!(web.goes_to(call), ["1 outbound|80||part.team.svc.cluster.local"]);
    web.forward(call, |route, forward| {
        assert_eq!(&*route.name, "root-own");
        assert_eq!(forward.timeout, Some(Duration::from_secs(4)));
    });
    assert!(web.written_at(call).starts_with("team.yaml:"));
    assert_eq!(web.goes_to(Call::get("api", "/a")), [format!("1 {API}")]);
}

/// A sidecar's routes are made for one port each, and know the services that have it. Source: Istio,
/// `BuildSidecarOutboundVirtualHosts`, `GetDestinationCluster`.
#[test]
fn a_destination_without_a_port_means_the_one_that_was_asked_for() {
    let routes = "
  http:
    - match: [{uri: {prefix: /db}}]
      route: [{destination: {host: db}}]
    - route: [{destination: {host: new}}]
";
    let repository = shop(routes);
    let db = workload("shop", "db").replace("port: 80,", "port: 5000,");
    repository.write("db.yaml", &(db + &workload("shop", "new")));
    let bundle = repository.bundle();
    let web = Program::of(&bundle, "shop/web");
    let to = |path| web.goes_to(Call::get("api", path));
    assert_eq!(to("/db"), ["1 outbound|80||db.shop.svc.cluster.local (unknown)"]);
    assert_eq!(to("/"), ["1 outbound|80||new.shop.svc.cluster.local"]);
}

/// What a route sets does not drop what its only destination adds. Source: Istio, `processDestination`.
#[test]
fn headers_of_the_only_destination_are_the_routes() {
    let routes = "
  http:
    - headers: {request: {set: {x-a: route}}}
      route:
        - destination: {host: api}
          headers: {request: {add: {x-a: destination}}}
";
    let bundle = shop(routes).bundle();
    Program::of(&bundle, "shop/web").forward(Call::get("api", "/"), |route, forward| {
        let (_, only) = forward.backends.backends().next().unwrap();
        assert!(only.headers.is_empty() && !route.headers.is_empty());
    });
}

#[test]
fn headers_mirrors_and_rewrites_are_carried() {
    let routes = r#"
  http:
    - match: [{uri: {prefix: /a}}]
      rewrite: {uri: /b, authority: inner.test}
      mirror: {host: old}
      mirrorPercentage: {value: 10}
      headers:
        request: {set: {x-from: web}, remove: [x-secret]}
        response: {add: {x-by: mesh}}
      corsPolicy:
        allowOrigins: [{exact: "*"}]
        maxAge: 24h
      route: [{destination: {host: api}}]
"#;
    let bundle = shop(routes).bundle();
    Program::of(&bundle, "shop/web").forward(Call::get("api", "/a/x"), |route, forward| {
        assert_eq!(forward.rewritten_authority.as_ref().unwrap(), "inner.test");
        assert_eq!(&*forward.mirrors[0].upstream.name, OLD);
        assert_eq!(forward.mirrors[0].share.0, 100_000);
        assert!(route.cors.is_some() && !route.headers.is_empty());
        assert!(forward.rewrite.is_some());
    });
}

#[test]
fn a_condition_that_no_proxy_knows_is_told_of() {
    let routes = "
  http:
    - retries: {attempts: 1, retryOn: \"5xx,retriable-headers\"}
      route: [{destination: {host: api}}]
";
    let compiled = shop(routes).compile();
    let said: Vec<_> = compiled.findings.iter().map(|it| it.check.name).collect();
    assert_eq!(said, ["unserved-setting"]);
    assert!(compiled.bundle.is_some());
    assert_eq!(goes_to(routes, Call::get("api", "/")), [format!("1 {API}")]);
}
