//! Two workloads in network namespaces, whose kernels redirect all that they send and receive: with mutual TLS asked of
//! everybody, plain text from outside the mesh is refused, a meshed call passes, and the server sees who calls. Where policy lets
//! everybody in, neither the proxy's own ports nor what the application keeps to loopback is reached from outside. Needs root,
//! `ip`, `iptables`, `curl` and `nghttp`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::SuiteError;
use crate::bed::network::{self, BRIDGE, INBOUND, Network, OUTBOUND, PROXY_USER};
use crate::bed::settings::{self, Proxy};
use crate::bed::workload::{CLIENT, HTTP, Place, TCP, V1, Workload};
use crate::bed::{Options, Overview, Process, Program, Publisher};
use crate::repository::VIRTUAL_ADDRESS;

const CALLER: Ipv4Addr = Ipv4Addr::new(10, 71, 0, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 71, 0, 2);
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 71, 0, 3);
const NAME: &str = "server.suite.svc.cluster.local";
const CALLER_IDENTITY: &str = "spiffe://cluster.local/ns/suite/sa/client";

const DISTRIBUTION: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(BRIDGE), 15012);
const ADMIN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 15014);
/// Of each proxy.
const PROXY_ADMIN: u16 = 15020;
/// The application listens there for everybody, and there for its own machine alone.
const OPEN: u16 = 7071;
const LOOPBACK: u16 = 7070;
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run(mesh: &Path) -> Result<String, SuiteError> {
    let mut stage = Stage::new(mesh)?;
    let caller = stage.meshed("client", CLIENT, CALLER).await?;
    let server = stage.meshed("server-v1-a", V1, SERVER).await?;
    let stranger = stage.network.machine("stranger", STRANGER)?;
    stage.application(&server).await?;
    std::fs::write(stage.folder.path().join("policy/outside.yaml"), outside())?;
    let snapshot = stage.publisher.release(0)?;
    stage.settled_on(&snapshot).await?;

    let refused = refuses_plain_text(&stranger)?;
    let first = curl(&caller)?;
    let second = nghttp(&caller)?;
    for (client, answer) in [("curl", &first), ("nghttp", &second)] {
        if !answer.contains(CALLER_IDENTITY) {
            let unmet = format!("{client}: the server does not see {CALLER_IDENTITY}: {answer}");
            return Err(SuiteError::Unmet(unmet));
        }
    }
    let own = keeps_its_own(&stranger)?;
    Ok(format!(
        "\n  plain text from outside: {refused}\n  {own}\n  curl (HTTP/1.1) and nghttp (HTTP/2) pass, and the server sees {CALLER_IDENTITY}"
    ))
}

/// The machines, and what runs on them.
struct Stage {
    processes: Vec<Process>,
    network: Network,
    folder: TempDir,
    mesh: std::path::PathBuf,
    publisher: Publisher,
    places: usize,
}

impl Stage {
    fn new(mesh: &Path) -> Result<Self, SuiteError> {
        let folder = tempfile::tempdir()?;
        let publisher = Publisher::new(folder.path(), mesh)?;
        let network = Network::new()?;
        let mesh = mesh.to_owned();
        Ok(Self { processes: Vec::new(), network, folder, mesh, publisher, places: 0 })
    }

    /// A machine with a workload and its proxy. The first one starts the control runtime.
    async fn meshed(
        &mut self,
        name: &'static str,
        workload: Workload,
        address: Ipv4Addr,
    ) -> Result<String, SuiteError> {
        let path = self.folder.path().to_owned();
        let place = Place { name, workload, address: address.into(), reached_at: BTreeMap::new() };
        place.register(&path.join("control/registry"))?;
        self.places += 1;
        if self.processes.is_empty() {
            let config = settings::control(&path, DISTRIBUTION, ADMIN, &Options::new(&self.mesh))?;
            let hub = self.network.hub().to_owned();
            self.start(&hub, 0, "control", &config).await?;
        }
        let machine = self.network.machine(name, address)?;
        network::capture(&machine)?;
        let listeners = json!({
            "inboundCaptured": SocketAddr::from(([0, 0, 0, 0], INBOUND)),
            // On every address: not being listened on is not what keeps strangers out.
            "outbound": SocketAddr::from(([0, 0, 0, 0], OUTBOUND)),
            "admin": SocketAddr::from(([0, 0, 0, 0], PROXY_ADMIN)),
        });
        let proxy = Proxy { place: &place, distribution: DISTRIBUTION, listeners, frail: None };
        let config = settings::proxy(&path, proxy)?;
        self.open_to_proxies()?;
        self.start(&machine, PROXY_USER, "proxy", &config).await?;
        Ok(machine)
    }

    /// The folder is one for all machines; proxies run as a user who may not become another.
    fn open_to_proxies(&self) -> Result<(), SuiteError> {
        let path = self.folder.path().display().to_string();
        let owner = PROXY_USER.to_string();
        network::on(self.network.hub(), &["chown", "-R", &owner, &path])?;
        Ok(())
    }

    async fn start(
        &mut self,
        machine: &str,
        user: u32,
        subcommand: &str,
        config: &Path,
    ) -> Result<(), SuiteError> {
        let user = user.to_string();
        let (mesh, config) = (self.mesh.display().to_string(), config.display().to_string());
        let arguments = ["netns", "exec", machine, "setpriv", "--clear-groups", "--reuid", &user];
        let arguments = arguments.into_iter().chain([&*mesh, subcommand, "--config", &config]);
        let program = Program {
            executable: "ip".into(),
            arguments: arguments.map(str::to_owned).collect(),
            log: self.folder.path().join(format!("{subcommand}-{machine}.log")),
        };
        self.processes.push(program.start().await?);
        Ok(())
    }

    /// The application of a machine: this program, as another process.
    async fn application(&mut self, machine: &str) -> Result<(), SuiteError> {
        let this = std::env::current_exe()?.display().to_string();
        let arguments = ["netns", "exec", machine, &this, "application"].map(str::to_owned);
        let program = Program {
            executable: "ip".into(),
            arguments: arguments.to_vec(),
            log: self.folder.path().join("application.log"),
        };
        self.processes.push(program.start().await?);
        Ok(())
    }

    /// Waits until all proxies serve a snapshot for good, as operators would see it.
    async fn settled_on(&self, snapshot: &str) -> Result<(), SuiteError> {
        let mesh = self.mesh.display().to_string();
        let control = ADMIN.to_string();
        let end = Instant::now() + PATIENCE;
        let ask = ["rollout", "status", "--format", "json", "--control", &control];
        let command = [&[&*mesh], &ask[..]].concat();
        loop {
            let output = network::ask(self.network.hub(), &command)?;
            let overview: Option<Overview> = serde_json::from_slice(&output.stdout).ok();
            if overview.is_some_and(|overview| overview.is_settled_on(snapshot, self.places)) {
                return Ok(());
            }
            if end <= Instant::now() {
                let said = String::from_utf8_lossy(&output.stdout).into_owned();
                return Err(SuiteError::Unmet(format!("{snapshot} is not served: {said}")));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// What a client says who is not in the mesh. It must have got nothing.
fn refuses_plain_text(stranger: &str) -> Result<String, SuiteError> {
    let url = format!("http://{SERVER}:{HTTP}/probe");
    let command = ["curl", "-sS", "--max-time", "5", "-H", "x-class: a", &url];
    let output = network::ask(stranger, &command)?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    // Closed without an answer (52), or reset (56); 7 would mean that nobody listens at all.
    match output.status.code() {
        Some(52 | 56) if output.stdout.is_empty() => Ok(said),
        code => Err(SuiteError::Unmet(format!("a stranger was answered: {code:?} {said}"))),
    }
}

/// A stranger reaches what the application serves for everybody, and nothing else of that machine.
fn keeps_its_own(stranger: &str) -> Result<String, SuiteError> {
    let open = status(stranger, OPEN, &[])?;
    let loopback = status(stranger, LOOPBACK, &[])?;
    if (&*open, &*loopback) != ("200", "503") {
        let unmet =
            format!("port {OPEN} is answered by {open}, {LOOPBACK} (loopback) by {loopback}");
        return Err(SuiteError::Unmet(unmet));
    }
    for port in [INBOUND, OUTBOUND, PROXY_ADMIN] {
        let proxy = format!("http://{SERVER}:{port}");
        let asked = [status(stranger, port, &[])?, status(stranger, OPEN, &["--proxy", &proxy])?];
        if asked.iter().any(|status| status != "000") {
            return Err(SuiteError::Unmet(format!("the proxy's port {port} answers: {asked:?}")));
        }
    }
    Ok(format!("from outside, {OPEN} answers, {LOOPBACK} on loopback and the proxy's ports do not"))
}

/// Of the answer of a port of the server; `000` where there is none.
fn status(stranger: &str, port: u16, more: &[&str]) -> Result<String, SuiteError> {
    let url = format!("http://{SERVER}:{port}/ready");
    let command = ["curl", "-s", "--max-time", "5", "-o", "/dev/null", "-w", "%{http_code}"];
    let output = network::ask(stranger, &[&command[..], more, &[&url]].concat())?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Lets everybody in at these ports of the server, in plain text too: what is refused there, no policy refuses.
fn outside() -> String {
    let ports = [LOOPBACK, OPEN, INBOUND, OUTBOUND, PROXY_ADMIN];
    let modes: String = ports.map(|port| format!("    {port}: {{ mode: DISABLE }}\n")).concat();
    let ports = ports.map(|port| format!("\"{port}\"")).join(", ");
    format!(
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: outside
  namespace: suite
spec:
  selector:
    matchLabels: {{ app: server }}
  mtls:
    mode: STRICT
  portLevelMtls:
{modes}---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: outside
  namespace: suite
spec:
  selector:
    matchLabels: {{ app: server }}
  action: ALLOW
  rules:
    - to:
        - operation:
            ports: [{ports}]
"
    )
}

/// The head of an answer over HTTP/1.1.
fn curl(caller: &str) -> Result<String, SuiteError> {
    let resolve = format!("{NAME}:{HTTP}:{VIRTUAL_ADDRESS}");
    let url = format!("http://{NAME}:{HTTP}/probe");
    let command = ["curl", "-sSf", "--max-time", "5", "-D", "-", "-o", "/dev/null"];
    let rest = ["--resolve", &resolve, "-H", "x-class: a", &url];
    let output = network::on(caller, &[&command[..], &rest[..]].concat())?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The same over HTTP/2.
fn nghttp(caller: &str) -> Result<String, SuiteError> {
    let authority = format!(":authority: {NAME}:{HTTP}");
    let url = format!("http://{VIRTUAL_ADDRESS}:{HTTP}/probe");
    let command = ["nghttp", "--no-verify-peer", "-v", "-t", "5", "-H", "x-class: a", "-H"];
    let output = network::on(caller, &[&command[..], &[&authority, &url]].concat())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if said.contains(":status: 200") {
        Ok(said)
    } else {
        Err(SuiteError::Unmet(format!("nghttp: {said}")))
    }
}

/// The application of the suite on a machine of its own, until it is killed.
pub(crate) async fn application() -> Result<String, SuiteError> {
    use crate::application::{Application, Ports};
    let at = |port| SocketAddr::from(([0, 0, 0, 0], port));
    Application::start("server-v1-a", Ports { http: at(HTTP), tcp: at(TCP) }).await?;
    Application::start("open", Ports { http: at(OPEN), tcp: at(0) }).await?;
    let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
    Application::start("loopback", Ports { http: loopback(LOOPBACK), tcp: loopback(0) }).await?;
    println!("ready");
    std::future::pending().await
}
