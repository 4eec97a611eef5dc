//! A mesh on loopback, of the programs that users run: one control runtime, and a proxy for the client and for each
//! instance of the server, each a process of its own.
//!
//! The applications live in this process, so that nothing but the mesh can fail.

mod instance;
pub(crate) mod workload;

pub(crate) mod access_log;
mod operator;
mod process;
mod publisher;
pub(crate) mod settings;

pub(crate) mod network;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{Instant, sleep};

pub(crate) use instance::Instance;
pub(crate) use operator::{AskError, Overview, Refusal};
pub(crate) use process::{Process, ProcessError, Program};
pub(crate) use publisher::{PublishError, Publisher};

use workload::{CLIENT, V1, V2, Workload};

use crate::load::Target;
use crate::repository::{HTTP, TCP};

/// How the mesh is set up.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The `mesh` executable.
    pub(crate) mesh: PathBuf,
    /// What the control runtime's settings say of rollouts.
    pub(crate) rollout: serde_json::Value,
    /// Of proxies' certificates, as in `30s`.
    pub(crate) certificate_lifetime: &'static str,
    /// Of [`SPARE`]'s proxy.
    pub(crate) frail: Option<Frailty>,
}

impl Options {
    /// Rollouts without care: the suites are about what happens when they are quick. The lease is what a control runtime waits
    /// for after its start, since it cannot know who is left.
    pub(crate) fn new(mesh: &Path) -> Self {
        let rollout = serde_json::json!({
            "waves": ["1", "all"],
            "soak": "0s",
            "lease": "2s",
            "gate": {"inconclusive": "proceed"},
        });
        let certificate_lifetime = "1h";
        Self { mesh: mesh.to_owned(), rollout, certificate_lifetime, frail: None }
    }
}

/// What one proxy has that the others have not.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Frailty {
    /// It believes another key.
    Distrust,
    /// It may use so many bytes for policy.
    Memory(u64),
}

pub(crate) struct Bed {
    folder: TempDir,
    options: Options,
    pub(crate) publisher: Publisher,
    control: Option<Process>,
    distribution: SocketAddr,
    admin: SocketAddr,
    members: Vec<Member>,
}

/// An instance, and its proxy while it runs.
struct Member {
    instance: Instance,
    proxy: Option<Process>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum BedError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error("{what} within {patience:?}; the control runtime says: {said}", patience = PATIENCE)]
    TooLate { what: String, said: String },
    #[error("{0} is not running")]
    NotRunning(&'static str),
}

const INSTANCES: [(&str, Workload); 4] =
    [("client", CLIENT), ("server-v1-a", V1), ("server-v2-a", V2), ("server-v1-b", V1)];

/// The place of one that the others can do without, among [`Bed::proxies`].
pub(crate) const SPARE: usize = 3;

/// For anything that should come to be.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(5);

impl Bed {
    /// Starts everything; nothing is rolled out yet.
    pub(crate) async fn start(options: Options) -> Result<Self, BedError> {
        let folder = tempfile::tempdir()?;
        let publisher = Publisher::new(folder.path(), &options.mesh)?;
        let [distribution, admin] = ports()?;
        let mut bed = Self {
            folder,
            options,
            publisher,
            control: None,
            distribution,
            admin,
            members: Vec::new(),
        };
        for (name, workload) in INSTANCES {
            let instance = Instance::start(name, workload, ports()?).await?;
            instance.place.register(&bed.registry())?;
            bed.members.push(Member { instance, proxy: None });
        }
        bed.start_control().await?;
        for index in 0..bed.members.len() {
            bed.start_proxy(index).await?;
        }
        Ok(bed)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn registry(&self) -> PathBuf {
        self.path().join("control/registry")
    }

    /// How many proxies there are.
    pub(crate) fn proxies(&self) -> usize {
        self.members.len()
    }

    /// What its clients need to know.
    pub(crate) fn target(&self, requests_max: u32, pause: Duration) -> Result<Target, BedError> {
        let client = self.members.first().ok_or(BedError::NotRunning("the client"))?;
        Ok(Target {
            proxy: client.instance.outbound,
            http: HTTP.to_owned(),
            tcp: TCP.to_owned(),
            requests_max,
            pause,
        })
    }

    pub(crate) async fn start_control(&mut self) -> Result<(), BedError> {
        let config = settings::control(self.path(), self.distribution, self.admin, &self.options)?;
        let program = Program {
            executable: self.options.mesh.clone(),
            arguments: vec!["control".into(), "--config".into(), config.display().to_string()],
            log: self.path().join("control.log"),
        };
        self.control = Some(program.start().await?);
        Ok(())
    }

    /// Of the process.
    pub(crate) fn control_id(&self) -> Result<u32, BedError> {
        let id = self.control.as_ref().and_then(Process::id);
        id.ok_or(BedError::NotRunning("the control runtime"))
    }

    pub(crate) async fn kill_control(&mut self) -> Result<(), BedError> {
        let control = self.control.take().ok_or(BedError::NotRunning("the control runtime"))?;
        Ok(control.kill().await?)
    }

    pub(crate) async fn start_proxy(&mut self, index: usize) -> Result<(), BedError> {
        let (folder, distribution) = (self.folder.path(), self.distribution);
        let frail = self.options.frail.filter(|_| index == SPARE);
        let Some(member) = self.members.get_mut(index) else { return Ok(()) };
        let config = settings::proxy(
            folder,
            settings::Proxy {
                place: &member.instance.place,
                distribution,
                listeners: member.instance.listeners(),
                frail,
            },
        )?;
        let program = Program {
            executable: self.options.mesh.clone(),
            arguments: vec!["proxy".into(), "--config".into(), config.display().to_string()],
            log: folder.join(format!("{}.log", member.instance.place.name)),
        };
        member.proxy = Some(program.start().await?);
        Ok(())
    }

    pub(crate) async fn kill_proxy(&mut self, index: usize) -> Result<(), BedError> {
        let proxy = self.members.get_mut(index).and_then(|member| member.proxy.take());
        Ok(proxy.ok_or(BedError::NotRunning("the proxy"))?.kill().await?)
    }

    /// Says of an instance how it does, as a registry does.
    pub(crate) fn set_healthy(&self, index: usize, is_healthy: bool) -> Result<(), BedError> {
        let Some(member) = self.members.get(index) else { return Ok(()) };
        Ok(member.instance.place.write(&self.registry(), is_healthy)?)
    }

    pub(crate) async fn overview(&self) -> Result<Overview, AskError> {
        operator::overview(self.admin).await
    }

    /// Waits until every proxy serves `snapshot` for good.
    pub(crate) async fn settled_on(&self, snapshot: &str) -> Result<Overview, BedError> {
        let proxies = self.proxies();
        self.until(&format!("not all proxies serve {snapshot}"), |overview| {
            overview.is_settled_on(snapshot, proxies)
        })
        .await
    }

    pub(crate) async fn until(
        &self,
        what: &str,
        is: impl Fn(&Overview) -> bool,
    ) -> Result<Overview, BedError> {
        let end = Instant::now() + PATIENCE;
        loop {
            let said = match self.overview().await {
                Ok(overview) if is(&overview) => return Ok(overview),
                Ok(overview) => format!("{overview:?}"),
                Err(error) => error.to_string(),
            };
            if end <= Instant::now() {
                return Err(BedError::TooLate { what: what.to_owned(), said });
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// The folder of everything, kept for whoever looks for the fault.
    pub(crate) fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

/// Ports of loopback that nobody listens on, below those that the system gives by itself: who asks for any port does not get one
/// of them before its owner has started.
pub(crate) fn ports<const N: usize>() -> std::io::Result<[SocketAddr; N]> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = u16::try_from(std::process::id() % u32::from(PORTS)).unwrap_or_default();
    let mut addresses = [SocketAddr::from(([127, 0, 0, 1], 0)); N];
    for address in &mut addresses {
        *address = loop {
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            address.set_port(PORT_MIN + offset.wrapping_add(next) % PORTS);
            match std::net::TcpListener::bind(*address) {
                Ok(_) => break *address,
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        };
    }
    Ok(addresses)
}

const PORT_MIN: u16 = 10_000;
const PORTS: u16 = 10_000;
