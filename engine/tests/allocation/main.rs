//! What memory a program takes: counted, not believed.
//!
//! Programs of the size of real ones, for a sidecar and for a gateway, are built and decide requests of every sort,
//! while an allocator counts what their thread asks for.

#![deny(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of it is a test"
)]

mod counter;
mod mesh;

use std::hint::black_box;

use counter::allocations;
use http::HeaderMap;
use mesh::program;
use mesh_engine::Program;
use mesh_engine::cluster::Endpoint;
use mesh_engine::gateway::Handler;
use mesh_engine::identity::SpiffeId;
use mesh_engine::path::normalize_path;
use mesh_engine::policy::Claims;
use mesh_engine::request::{Connection, Request};
use mesh_engine::route::{Action, Failure, Outcome, Target};
use mesh_snapshot::object::{Labels, PathNormalization, Role};

#[test]
fn deciding_allocates_nothing() {
    let sidecar = program(Role::Sidecar).0;
    let gateway = program(Role::Gateway).0;
    let requests = requests();
    let mut out = String::with_capacity(1024);
    // The first round makes the caches that expressions with groups keep for each thread.
    decide(&sidecar, &gateway, &requests, &mut out);
    let counted = allocations(|| {
        for _ in 0..100 {
            decide(&sidecar, &gateway, &requests, &mut out);
        }
    });
    assert_eq!(counted, 0);
    // The counter counts.
    assert!(allocations(|| drop(black_box(vec![1_u8]))) > 0);
}

#[test]
fn a_program_takes_about_what_it_says() {
    for role in [Role::Sidecar, Role::Gateway] {
        let (program, taken) = program(role);
        let said = program.memory_bytes();
        assert!((taken / 2..2 * taken).contains(&said), "{role:?}: said {said}, took {taken}");
    }
}

/// Everything that a proxy asks about a request.
fn decide(sidecar: &Program, gateway: &Program, requests: &[Sample], out: &mut String) {
    for sample in requests {
        let path = normalize_path(sample.path, PathNormalization::Base).unwrap();
        let request = Request {
            method: sample.method,
            scheme: "http",
            authority: sample.authority,
            path: &path,
            query: sample.query,
            headers: &sample.headers,
            port: 9080,
        };
        let source = [10, 0, 0, 1].into();
        let connection = Connection {
            source,
            remote: sidecar.remote_address(source, &sample.headers),
            destination: ([10, 0, 0, 9], 9080).into(),
            peer: SpiffeId::parse("spiffe://cluster.local/ns/shop/sa/web").ok(),
            sni: None,
            mutual_tls: true,
        };
        let claims = sidecar.policy().authenticate(&request, &(), 1_700_000_000).unwrap();
        black_box(sidecar.policy().authorize(&request, &connection, &claims));
        black_box(sidecar.policy().authorize_connection(&connection));
        black_box(sidecar.inbound().port(9080));
        let outbound = sidecar.outbound().unwrap();
        act(sidecar, &outbound.route(&request, &()), &request, &connection, out);
        let arrival = outbound.arrival(([10, 96, 0, 1], 9080).into(), &());
        black_box(outbound.stream(&arrival, source, None, 7));
        let chain = gateway.gateway().unwrap().listeners()[0].chain(None).unwrap();
        let Handler::Http(http) = &chain.handler else { panic!("not HTTP") };
        act(gateway, &http.route(&request, &Claims::default()), &request, &connection, out);
    }
}

/// Everything that a route says.
fn act(
    program: &Program,
    outcome: &Outcome<'_>,
    request: &Request<'_>,
    connection: &Connection<'_>,
    out: &mut String,
) {
    let Outcome::Route(selected) = outcome else { return };
    out.clear();
    black_box(selected.route.faults.roll(1, 2));
    black_box(selected.route.cors.as_ref().map(|cors| cors.judge(request)));
    match &selected.route.action {
        Action::Redirect(redirect) => redirect.write_location(request, selected.covered, out),
        Action::Respond { .. } => {}
        Action::Forward(forward) => {
            if let Some(rewrite) = &forward.rewrite {
                rewrite.write(request.path, selected.covered, out);
            }
            black_box(forward.retry.wants(Failure::Connect));
            let Target::Cluster(upstream) = &forward.backends.pick(u32::MAX / 2).target else {
                return;
            };
            let cluster = upstream.cluster.and_then(|id| program.cluster(id)).unwrap();
            black_box(cluster.hash(request, connection));
            let labels = Labels::new();
            let endpoint = Endpoint { labels: &labels, workload_port: 9080, meshed: true };
            black_box(cluster.security(&endpoint));
        }
    }
}

struct Sample {
    method: &'static str,
    authority: &'static str,
    path: &'static str,
    query: Option<&'static str>,
    headers: HeaderMap,
}

fn requests() -> Vec<Sample> {
    let mut headers = HeaderMap::new();
    headers.insert("x-user", "jason".parse().unwrap());
    headers.insert("origin", "https://shop.test".parse().unwrap());
    headers.insert("x-forwarded-for", "192.0.2.1, 192.0.2.2".parse().unwrap());
    let sample = |method, authority, path, query| Sample {
        method,
        authority,
        path,
        query,
        headers: headers.clone(),
    };
    vec![
        sample("GET", "Host-7.shop:9080", "/v17/items", None),
        sample("GET", "host-7", "/exact/3", Some("a=b")),
        sample("POST", "host-8.shop.svc.cluster.local.", "/users/12/cart", Some("debug=1&k=v")),
        sample("GET", "host-9", "/rewrite/a/b", None),
        sample("GET", "host-9", "/redirect/a/b", Some("q")),
        sample("DELETE", "host-9", "/none", None),
        sample("GET", "nobody.example.com", "/", None),
        sample("GET", "10.96.0.1", "/files/a/b", None),
    ]
}
