//! The control runtime as one value: it is started on a folder of its own, and runs until told to stop.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::conductor::{Conducting, Conductor, Probe};
use crate::departures;
use crate::distribution::{self, CertificateError, ServerCertificate, Shared};
use crate::identity::{
    Authority, AuthorityError, Bootstrap, Identity, Lifetimes, TokenError, Tokens,
};
use crate::journal::{Entry, Journal, JournalError};
use crate::keys::{Fetcher, Keeper, system_roots};
use crate::observe::{self, Metrics, Observer, OperatorToken};
use crate::problems::Problems;
use crate::release::{self, Signers};
use crate::rollout::Policy;
use crate::store::{Store, StoreError};
use crate::world::{Registry, World};

/// What a control runtime is told when it starts.
#[derive(Clone)]
pub struct Config {
    /// Its own folder: journal, snapshots, authority, tokens, that of operators too. One control runtime at a time.
    pub state: PathBuf,
    /// Documents about instances ([`crate::world::Document`]).
    pub registry: PathBuf,
    /// `<namespace>/<name>/tls.crt` and so on.
    pub secrets: PathBuf,
    /// Into which publishers rename `*.mesh` files.
    pub releases: PathBuf,
    pub signers: Signers,
    pub policy: Policy,
    pub trust_domain: String,
    /// The namespace of the control runtime's own identity.
    pub namespace: String,
    /// What endpoints' metadata calls the place where they run.
    pub cluster: String,
    pub lifetimes: Lifetimes,
    pub token_lifetime: Duration,
    /// Where a token for every instance is written; none: nowhere.
    pub bootstrap: Option<PathBuf>,
    /// For proxies.
    pub distribution: SocketAddr,
    /// For operators: a loopback address.
    pub admin: SocketAddr,
    /// For tests.
    pub probe: Option<Probe>,
}

/// Why a control runtime does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("the operators' token cannot be written to {}: {error}", path.display())]
    OperatorToken { path: PathBuf, error: io::Error },
    #[error("cannot listen on {address}: {error}")]
    Listen { address: SocketAddr, error: io::Error },
    #[error(
        "{0} is not a loopback address: what operators show the admin port must not cross a network"
    )]
    AdminNotLocal(SocketAddr),
}

/// Why it stopped without being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("the server for proxies broke down: {0}")]
    Distribution(#[from] tonic::transport::Error),
    #[error("the server for operators broke down: {0}")]
    Admin(#[from] io::Error),
    /// Not one that could be written later: those are waited for.
    #[error("the rollout cannot go on: {0}")]
    Journal(#[from] JournalError),
}

/// A control runtime that is ready to run.
pub struct Control {
    config: Config,
    conductor: Conductor,
    conducting: Conducting,
    records: broadcast::Sender<Entry>,
    authority: Arc<Authority>,
    identity: Identity,
    fetcher: Arc<Fetcher>,
    certificate: Arc<ServerCertificate>,
    tokens: Tokens,
    operator: OperatorToken,
    store: Arc<Store>,
    registry: Registry,
    world: watch::Sender<Arc<World>>,
    problems: Problems,
    distribution: TcpListener,
    admin: TcpListener,
    addresses: (SocketAddr, SocketAddr),
}

impl Control {
    /// Opens everything. Nothing happens before [`Self::run`], but connections are accepted from now on.
    ///
    /// # Errors
    ///
    /// When something cannot be opened.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        if !config.admin.ip().is_loopback() {
            return Err(StartError::AdminNotLocal(config.admin));
        }
        let problems = Problems::default();
        // The journal's lock comes first: of two on one folder, the second must touch nothing.
        let (journal, entries) = Journal::open(&config.state)?;
        let (store, unreadable) = Store::open(&config.state.join("snapshots"))?;
        for error in &unreadable {
            problems.report(&format!("store {error}"), error);
        }
        let store = Arc::new(store);
        let authority = Authority::open(
            &config.state.join("authority"),
            &config.trust_domain,
            config.lifetimes,
            clock::wall(),
        )?;
        let identity = Identity {
            trust_domain: config.trust_domain.clone(),
            namespace: config.namespace.clone(),
            service_account: "mesh-control".to_owned(),
        };
        let registry = Registry {
            documents: config.registry.clone(),
            secrets: config.secrets.clone(),
            trust_domain: config.trust_domain.clone(),
            cluster: config.cluster.clone(),
        };
        let (conductor, conducting) = Conducting::recover(
            journal,
            entries,
            config.policy.clone(),
            store.clone(),
            problems.clone(),
            config.probe.clone(),
        );
        let (distribution, distribution_address) = listen(config.distribution).await?;
        let (admin, admin_address) = listen(config.admin).await?;
        Ok(Self {
            conductor,
            records: conducting.records(),
            conducting,
            fetcher: Arc::new(Fetcher::new(system_roots()).map_err(CertificateError::from)?),
            certificate: ServerCertificate::new(&authority, &identity)?,
            authority: Arc::new(authority),
            identity,
            tokens: Tokens::open(&config.state.join("tokens"))?,
            operator: OperatorToken::make(&config.state).map_err(|error| {
                StartError::OperatorToken { path: OperatorToken::path(&config.state), error }
            })?,
            store,
            // Whoever asks before it was read would be told that nothing is there.
            world: watch::Sender::new(Arc::new(registry.read_once(&problems))),
            registry,
            problems,
            distribution,
            admin,
            addresses: (distribution_address, admin_address),
            config,
        })
    }

    /// Where proxies connect to.
    #[must_use]
    pub const fn distribution_address(&self) -> SocketAddr {
        self.addresses.0
    }

    /// Where operators do.
    #[must_use]
    pub const fn admin_address(&self) -> SocketAddr {
        self.addresses.1
    }

    /// The roots that its certificate, and all that it issues, lead to: PEM.
    #[must_use]
    pub fn roots(&self) -> String {
        self.authority.roots().to_owned()
    }

    #[must_use]
    pub const fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// What operators show at [`Self::admin_address`].
    #[must_use]
    pub const fn operator_token(&self) -> &OperatorToken {
        &self.operator
    }

    #[must_use]
    pub const fn conductor(&self) -> &Conductor {
        &self.conductor
    }

    /// Every record of the rollout from now on, once it is on disk.
    #[must_use]
    pub fn records(&self) -> broadcast::Receiver<Entry> {
        self.records.subscribe()
    }

    /// Runs until `stop`, and returns when all that it began has ended.
    ///
    /// # Errors
    ///
    /// When a server breaks down; everything else is stopped then.
    pub async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        let stop = stop.child_token();
        let _stop_all = stop.clone().drop_guard();
        let metrics = Arc::new(Metrics::default());
        let name = format!("control-{:x}", clock::wall().as_nanos());
        let shared = Shared::new(
            name,
            self.authority.clone(),
            self.tokens.clone(),
            self.store.clone(),
            self.world.subscribe(),
            self.conductor.clone(),
            stop.clone(),
        );
        let observer = Observer {
            conductor: self.conductor.clone(),
            store: self.store.clone(),
            world: self.world.subscribe(),
            tokens: self.tokens.clone(),
            token_lifetime: self.config.token_lifetime,
            problems: self.problems.clone(),
            metrics: metrics.clone(),
            operator: self.operator,
        };
        let departures = departures::run(self.world.subscribe(), self.conductor.clone());
        let world = self.world.subscribe();
        let (config, problems) = (self.config, self.problems);
        let bootstrap = async {
            if let Some(folder) = config.bootstrap {
                let roots = self.authority.roots().to_owned();
                let token_lifetime = config.token_lifetime;
                let bootstrap = Bootstrap { folder, tokens: self.tokens, token_lifetime, roots };
                bootstrap.run(world, problems.clone()).await;
            }
            std::future::pending::<()>().await;
        };
        let keeper = Keeper {
            store: self.store.clone(),
            world: self.world.subscribe(),
            fetcher: self.fetcher,
            file: config.state.join("key-sets.json"),
            problems: problems.clone(),
        };
        let (fetched, key_sets) = watch::channel(Arc::default());
        let releases = release::run(
            config.releases,
            config.signers,
            self.store,
            self.conductor,
            problems.clone(),
        );
        let background = async {
            tokio::join!(
                self.registry.run(self.world, key_sets, problems.clone()),
                keeper.run(fetched),
                departures,
                releases,
                bootstrap,
                self.certificate.renew(&self.authority, &self.identity),
                metrics.count(self.records.subscribe()),
            );
        };
        let servers = async {
            let proxies = distribution::serve(self.distribution, self.certificate.clone(), shared);
            let operators = observe::serve(self.admin, observer, stop.clone());
            tokio::try_join!(
                async { proxies.await.map_err(RunError::from) },
                async { operators.await.map_err(RunError::from) },
                async { self.conducting.run(stop.clone()).await.map_err(RunError::from) },
            )
        };
        tokio::select! {
            served = servers => served.map(|_| ()),
            () = background => Ok(()),
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen { address, error };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
