//! How a proxy's agent is set up. All of it is given by whoever starts the proxy; nothing is read from the environment here.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use mesh_snapshot::object::Workload;
use mesh_snapshot::signature::TrustedKeys;

#[derive(Clone, Debug)]
pub struct Config {
    /// The instance's name, unique in its namespace and the same after a restart. In Kubernetes, the pod's.
    pub proxy: String,
    /// Whom the proxy is for. The registry must say the same of the instance.
    pub workload: Workload,
    /// Of the program, for people.
    pub version: String,
    /// The name of the mesh, which signatures must be for.
    pub mesh: String,
    pub signing: Signing,
    /// What this proxy can serve: see [`mesh_snapshot::feature`].
    pub features: BTreeSet<String>,
    /// Where state is kept, for this proxy alone. Best on memory (`tmpfs`, `emptyDir` with `medium: Memory`), since the private key
    /// is in it.
    pub state: PathBuf,
    pub control: Control,
    pub limits: Limits,
}

/// Whose signatures a snapshot must have.
#[derive(Clone, Debug)]
pub enum Signing {
    /// One of these keys must vouch for it.
    Required(TrustedKeys),
    /// Nobody's: whoever can speak as the control runtime decides what is served. For trying things out.
    Unsigned,
}

/// Where the control runtime is, and how it is known.
#[derive(Clone, Debug)]
pub struct Control {
    /// `host:port`, the host an IP address or a name to be resolved at each attempt.
    pub address: String,
    /// The only SPIFFE ID it may prove: `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`.
    pub identity: String,
    /// The trust domain that this proxy's own identity will be in.
    pub trust_domain: String,
    /// PEM: the roots that it is believed by until the proxy has a certificate, and with it the mesh's own.
    pub roots: PathBuf,
    /// With what the first certificate is asked for; none: one is on the disk.
    pub token: Option<Token>,
}

/// A one-time token. It is used once and forgotten.
#[derive(Clone)]
pub enum Token {
    Value(String),
    /// Read when it is needed, so that whoever issues it may replace it until then.
    File(PathBuf),
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(_) => f.write_str("Value(…)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// What the agent takes at most, and how long it waits.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Of what is built from one snapshot, as estimated, and of the objects it is built from. Three may be held at a time.
    pub policy_bytes: u64,
    /// The longest that preparing may take, whatever is asked for.
    pub prepare: Duration,
    /// To reach the control runtime, TLS included.
    pub connect: Duration,
    /// The pauses between attempts to reach it double from the first to the second.
    pub reconnect: (Duration, Duration),
    /// The same between attempts to renew the certificate.
    pub renew: (Duration, Duration),
    /// How often what is known of the world is written down, at most.
    pub remember_world: Duration,
    /// How often what nobody uses any more of the world is forgotten.
    pub sweep_world: Duration,
    /// How often counters are reported, at most.
    pub health: Duration,
    /// A proxy that lives this long after its start from the disk has survived it.
    pub survival: Duration,
    /// After so many starts in a row that it did not survive, it starts from the snapshot before.
    pub deaths: u32,
    /// How long a proxy that ends waits for its disk.
    pub close: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            policy_bytes: 128 << 20,
            prepare: Duration::from_secs(30),
            connect: Duration::from_secs(5),
            reconnect: (Duration::from_millis(200), Duration::from_secs(10)),
            renew: (Duration::from_secs(1), Duration::from_mins(1)),
            remember_world: Duration::from_secs(5),
            sweep_world: Duration::from_mins(1),
            health: Duration::from_secs(1),
            survival: Duration::from_secs(10),
            deaths: 3,
            close: Duration::from_secs(3),
        }
    }
}
