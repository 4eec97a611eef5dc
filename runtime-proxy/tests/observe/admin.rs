//! The admin port, over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;

use mesh_engine::Program;
use mesh_proxy::agent::health::HealthCounters;
use mesh_proxy::agent::status::Status;
use mesh_proxy::drain::Drain;
use mesh_proxy::listener::Gate;
use mesh_proxy::live::{Current, Live};
use mesh_proxy::observe::admin::{Admin, serve};
use mesh_proxy::observe::{AccessLogs, Destination, Metrics, Observer};
use mesh_proxy::world::{Item, World};
use mesh_snapshot::object::Labels;
use mesh_snapshot::{Digest, wire};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::prometheus::Page;
use crate::sample::{Sample, endpoint_set, local, program};

struct Own(Program);

impl AsRef<Program> for Own {
    fn as_ref(&self) -> &Program {
        &self.0
    }
}

/// A running admin port, and what it shows.
struct Stand {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    logs: AccessLogs,
    live: Current<Own>,
    world: World,
    drain: Drain,
    end: Drain,
}

impl Stand {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (live, world) = (Current::default(), World::default());
        let (drain, end) = (Drain::default(), Drain::default());
        let metrics = Metrics::new(local());
        let logs = AccessLogs::start(Destination::Stdout).unwrap();
        let admin = Admin {
            metrics: Arc::clone(&metrics),
            logs: logs.clone(),
            health: HealthCounters::default(),
            status: Arc::<Status>::default(),
            gate: Gate::new(10),
            live: live.clone(),
            world: world.clone(),
            drain: drain.clone(),
        };
        tokio::task::spawn_local(serve(listener, admin, end.clone()));
        Self { address, metrics, logs, live, world, drain, end }
    }

    fn put_in_force(&self) {
        self.live.swap(Some(Live {
            epoch: 7,
            generation: 3,
            snapshot: Digest::of(b"snapshot"),
            program: Arc::new(Own(program())),
            sources: Arc::default(),
            health: Arc::default(),
        }));
    }

    /// The status and the body of an answer.
    async fn ask(&self, line: &str, fields: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request =
            format!("{line} HTTP/1.1\r\nhost: proxy\r\nconnection: close\r\n{fields}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        (status, if is_chunked { unchunked(body) } else { body.to_owned() })
    }
}

/// RFC 9112 §7.1.
fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    loop {
        let (size, rest) = body.split_once("\r\n").unwrap();
        let (chunk, rest) = rest.split_at(usize::from_str_radix(size, 16).unwrap());
        if chunk.is_empty() {
            return whole;
        }
        whole.push_str(chunk);
        body = rest.strip_prefix("\r\n").unwrap();
    }
}

#[tokio::test(flavor = "local")]
async fn a_proxy_is_ready_while_something_is_in_force() {
    let stand = Stand::start().await;
    for path in ["/ready", "/healthz/ready"] {
        let (status, body) = stand.ask(&format!("GET {path}"), "").await;
        assert_eq!((status, &*body), (503, "nothing is in force yet\n"));
    }
    stand.put_in_force();
    assert_eq!(stand.ask("GET /ready", "").await, (200, "LIVE\n".to_owned()));
    assert_eq!(stand.ask("HEAD /ready", "").await, (200, String::new()));
    assert_eq!(stand.ask("GET /drain", "").await.0, 405);
    let from_a_page = "origin: https://elsewhere.test\r\n";
    assert_eq!(stand.ask("POST /drain", from_a_page).await.0, 403);
    assert!(!stand.drain.is_begun());
    assert_eq!(stand.ask("POST /drain", "").await.0, 200);
    assert!(stand.drain.is_begun());
    assert_eq!(stand.ask("GET /healthz/ready", "").await.0, 503);
}

#[tokio::test(flavor = "local")]
async fn metrics_are_one_page_that_prometheus_takes() {
    let stand = Stand::start().await;
    stand.put_in_force();
    let observer = Observer::new(&stand.metrics, &stand.logs);
    let sample = Sample::new();
    let log = mesh_engine::program::AccessLog::Off;
    let record = sample.record(&stand.metrics, &log);
    for number in 0..50 {
        let service = observer.authority(&format!("host-{number}.test"));
        observer.request(&mesh_proxy::observe::Record { service, ..record });
    }
    for path in ["/stats/prometheus", "/metrics"] {
        let (status, body) = stand.ask(&format!("GET {path}"), "").await;
        assert_eq!(status, 200);
        assert!(body.len() > 200 << 10, "several pieces: {}", body.len());
        let page = Page::read(&body);
        assert_eq!(page.values("istio_requests_total", &[]).len(), 50);
        assert_eq!(page.values("mesh_epoch_in_force", &[]), [7.0]);
        assert_eq!(page.values("mesh_generation_in_force", &[]), [3.0]);
        let digest = Digest::of(b"snapshot").to_string();
        assert_eq!(page.values("mesh_snapshot_info", &[("digest", &digest)]), [1.0]);
        assert_eq!(page.values("istio_build", &[("component", "proxy"), ("tag", "1.2.3")]), [1.0]);
        assert_eq!(page.values("mesh_agent_connected", &[]), [0.0]);
        assert_eq!(page.values("mesh_agent_start_info", &[("from", "starting")]), [1.0]);
    }
}

#[tokio::test(flavor = "local")]
async fn what_is_in_force_is_shown_with_its_endpoints() {
    let stand = Stand::start().await;
    let (status, body) = stand.ask("GET /config_dump", "").await;
    let dump: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200);
    assert!(dump["inForce"].is_null() && dump["certificate"].is_null());
    stand.put_in_force();
    let labels = Labels::from([("app".to_owned(), "reviews".to_owned())]);
    let set = endpoint_set(labels);
    let held = stand.world.endpoints(&set);
    stand.world.receive(Item::Endpoints(wire::Endpoints {
        set: Some((&set).into()),
        endpoints: vec![wire::Endpoint {
            address: "10.0.0.7".to_owned(),
            workload: "reviews-v2".to_owned(),
            ..wire::Endpoint::default()
        }],
    }));
    let (_, body) = stand.ask("GET /config", "").await;
    drop(held);
    let dump: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(dump["inForce"]["epoch"], 7);
    assert_eq!(dump["inForce"]["snapshot"], Digest::of(b"snapshot").to_string());
    let clusters = dump["clusters"].as_array().unwrap();
    let name = "outbound|9080||reviews.shop.svc.cluster.local";
    let cluster = clusters.iter().find(|cluster| cluster["name"] == name);
    let cluster = cluster.unwrap_or_else(|| panic!("{body}"));
    assert_eq!(cluster["endpoints"][0]["address"], "10.0.0.7");
    assert_eq!(cluster["endpoints"][0]["workload"], "reviews-v2");
}

#[tokio::test(flavor = "local")]
async fn what_is_not_there_names_what_is_and_the_end_is_orderly() {
    let stand = Stand::start().await;
    let (status, body) = stand.ask("GET /nothing", "").await;
    assert_eq!(status, 404);
    assert!(body.contains("GET /stats/prometheus\n") && body.contains("POST /drain\n"), "{body}");
    let (status, _) = stand.ask("GET /", &format!("x-long: {}\r\n", "x".repeat(20 << 10))).await;
    assert_eq!(status, 431);
    stand.end.begin();
    while TcpStream::connect(stand.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
