//! A whole proxy, from its start on: with a state folder, and nobody to tell it anything.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use http::{Request, Response};
use mesh_proxy::agent::config::{self as agent, Control, Limits, Signing, Token};
use mesh_proxy::agent::store::{Contents, FOLDERS, Folder, Reach, Record, Store};
use mesh_proxy::agent::trial::{Marks, Version};
use mesh_proxy::agent::walk::walk;
use mesh_proxy::config::{AccessLogTarget, Config, Listeners};
use mesh_proxy::http::Body;
use mesh_proxy::http::Version::Http1;
use mesh_proxy::proxy::run;
use mesh_snapshot::object::{DeclaredEndpoint, Discovery, Labels, Protocol, Workload};
use mesh_snapshot::{ReadObjects as _, Snapshot};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::pki::Authority;
use crate::support::{Mesh, Reserved, service};
use crate::wire::{Client, get, server, text};

fn workload() -> Workload {
    Workload {
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
        service_account: "web".to_owned(),
        ..Workload::default()
    }
}

/// A mesh where `a` is at one address, which the mesh itself declares.
fn mesh(a: SocketAddr) -> Snapshot {
    let endpoint = DeclaredEndpoint {
        address: a.ip().to_string(),
        ports: BTreeMap::from([(80, a.port())]),
        labels: Labels::new(),
        weight: 1,
        locality: String::new(),
        service_account: String::new(),
    };
    let mut declared = service("a", 80, Protocol::Http);
    declared.discovery = Discovery::Declared { endpoints: vec![endpoint] };
    let mut mesh = Mesh::new();
    mesh.service(declared, Vec::new());
    mesh.snapshot()
}

/// Leaves behind what a proxy that was told to serve `snapshot` does.
fn remember(state: &Path, snapshot: &Snapshot) {
    let folder = Folder::open(state, &FOLDERS).unwrap();
    let (mut store, _) = Store::open(Arc::new(folder));
    let walked = walk(snapshot.digest(), &workload(), snapshot).unwrap();
    let version = Version { epoch: 7, snapshot: snapshot.digest(), slice: walked.slice.digest() };
    let marks = Marks { starts: 1, term: 1, epoch: 7, floor: 0 };
    let read = |digest| (digest, snapshot.read(&digest).unwrap());
    let contents: Contents = walked.reach.iter().copied().map(read).collect();
    let reach: Reach = Arc::new(walked.reach);
    let record = Record::new(version, 7, marks, &[], &workload());
    store.save(marks, Some((record, reach)), &contents).unwrap();
}

fn config(state: &Path, roots: &Path, control: SocketAddr) -> Config {
    let agent = agent::Config {
        proxy: "web-0".to_owned(),
        workload: workload(),
        version: "test".to_owned(),
        mesh: "test".to_owned(),
        signing: Signing::Unsigned,
        features: std::collections::BTreeSet::new(),
        state: state.to_owned(),
        control: Control {
            address: control.to_string(),
            identity: "spiffe://cluster.local/ns/istio-system/sa/control".to_owned(),
            trust_domain: "cluster.local".to_owned(),
            roots: roots.to_owned(),
            token: Some(Token::Value("once".to_owned())),
        },
        limits: Limits::default(),
    };
    let listeners =
        Listeners { outbound: Some("127.0.0.1:0".parse().unwrap()), ..Listeners::default() };
    Config {
        agent,
        threads: 1,
        listeners,
        connections_max: 100,
        drain: Duration::from_mins(1),
        admin: None,
        access_log: AccessLogTarget::default(),
        cluster: "Kubernetes".to_owned(),
    }
}

#[tokio::test(flavor = "local")]
async fn a_proxy_serves_what_it_served_last_while_its_control_is_dead() {
    let a = server(Http1, async |request: Request<Body>| {
        Ok(Response::new(Body::from(bytes::Bytes::from(format!("a {}", request.uri())))))
    })
    .await;
    let (folder, nobody) = (tempfile::tempdir().unwrap(), Reserved::new());
    let (state, roots) = (folder.path().join("state"), folder.path().join("roots.pem"));
    std::fs::write(&roots, Authority::root().pem()).unwrap();
    remember(&state, &mesh(a));
    let config = config(&state, &roots, nobody.at);
    let shutdown = CancellationToken::new();
    let _end = shutdown.clone().drop_guard();
    let (ready, bound) = mpsc::channel();
    let running = tokio::task::spawn_blocking({
        let shutdown = shutdown.clone();
        move || run(config, |bound| ready.send(bound.clone()).unwrap(), &shutdown)
    });
    let bound = tokio::task::spawn_blocking(move || bound.recv().unwrap()).await.unwrap();
    // It listens before it has read its disk, and closes what comes until then.
    let response = loop {
        let client = Client::to(bound.outbound.unwrap(), Http1).await;
        let mut request = get("/x");
        request.headers_mut().insert("host", "a".parse().unwrap());
        if let Ok(response) = client.send(request).await {
            break response;
        }
    };
    assert_eq!(text(response).await, "a /x");
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert!(TcpStream::connect(bound.outbound.unwrap()).await.is_err(), "it has ended");
}
