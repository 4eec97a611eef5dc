//! Who this proxy is: a key that never leaves it, and certificates for it that are renewed long before they end.
//!
//! ```text
//! disk ─▶ identity ──half of its life──▶ new key, Sign over mTLS ─▶ identity …
//!   none, or it has expired: new key, Sign with a one-time token over TLS, believing the given roots
//! ```
//! What comes is checked before it replaces anything: the proxy's own key, exactly the identity it is set up for, a chain to the roots. It is
//! in force at once and stored then; a disk that fails is no reason to be without an identity. Roots that are streamed replace those that came
//! with the certificate. While renewing fails, the certificate there is goes on to be used, also when it has expired: a wrong clock
//! may be put right.

mod certificate;
mod renewal;

use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use mesh_snapshot::object::Workload;
use mesh_snapshot::wire::{SignRequest, TrustBundle};
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};

use certificate::{BadIdentity, Expected, NewKey, certificates, store};
use renewal::Due;

use super::backoff::Backoff;
use super::clock::Clock;
use super::config::{Config, Control, Limits, Token};
use super::status::Status;
use super::store::{Queue, StoredIdentity};
use super::stream::{Channel, ConnectError};
use crate::world::{Identity, Watched};

/// The clock may jump: it is looked at this often, however far away the renewal seems.
const LOOK: Duration = Duration::from_mins(1);

/// Obtains and renews.
pub(super) struct Renewer {
    control: Control,
    limits: Limits,
    expected: Expected,
    token: Option<Token>,
    current: Arc<Watched<Identity>>,
    clock: Clock,
    status: Arc<Status>,
    disk: Arc<Queue>,
    bundles: watch::Receiver<Option<TrustBundle>>,
    random: SmallRng,
}

/// Why there is no new certificate.
#[derive(Debug, thiserror::Error)]
enum NotSigned {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the control runtime refused: {}: {}", .0.code(), .0.message())]
    Refused(tonic::Status),
    #[error(transparent)]
    Bad(#[from] BadIdentity),
    #[error("the file of the {what} cannot be used: {reason}")]
    File { what: &'static str, reason: String },
    #[error("there is no certificate, and no token to ask for one with")]
    NoToken,
}

impl Renewer {
    /// Begins with what the disk remembers, if that is this proxy's.
    pub(super) fn new(
        config: &Config,
        stored: Option<StoredIdentity>,
        current: Arc<Watched<Identity>>,
        clock: Clock,
        status: Arc<Status>,
        disk: Arc<Queue>,
        bundles: watch::Receiver<Option<TrustBundle>>,
    ) -> Self {
        let control = config.control.clone();
        let expected = Expected {
            id: spiffe_of(&control.trust_domain, &config.workload),
            trust_domain: control.trust_domain.clone(),
        };
        let renewer = Self {
            token: control.token.clone(),
            control,
            limits: config.limits.clone(),
            expected,
            current,
            clock,
            status,
            disk,
            bundles,
            random: SmallRng::from_os_rng(),
        };
        match stored.map(|stored| renewer.expected.read(stored)) {
            Some(Ok(identity)) => renewer.adopt(identity),
            Some(Err(error)) => tracing::warn!(%error, "the identity on the disk is of no use"),
            None => {}
        }
        renewer
    }

    /// Never ends by itself.
    pub(super) async fn run(mut self) {
        let (first, longest) = self.limits.renew;
        let mut backoff = Backoff::new(first, longest);
        let now = Instant::now();
        let mut schedule =
            Schedule { due: self.due_for_what_was_stored(), from: now, not_before: now };
        loop {
            tokio::select! {
                changed = self.bundles.changed() => match changed {
                    Ok(()) => self.believe(),
                    // Nobody tells any more: the proxy is ending.
                    Err(_) => return,
                },
                () = sleep_until(schedule.look_at(self.clock.now())) => {}
            }
            if Instant::now() < schedule.not_before || !schedule.is_due(self.clock.now()) {
                continue;
            }
            let pause = match self.renew().await {
                Ok(identity) => {
                    schedule.due =
                        renewal::due(&identity.valid, self.clock.now(), &mut self.random);
                    schedule.from = Instant::now();
                    self.status.renewals.add();
                    self.save(&identity);
                    self.adopt(identity);
                    backoff.reset();
                    first
                }
                Err(error) => {
                    self.status.renewals_failed.add();
                    let pause = backoff.pause(&mut self.random);
                    tracing::warn!(%error, pause_ms = pause.as_millis(), "no new certificate");
                    pause
                }
            };
            schedule.not_before = Instant::now() + pause;
        }
    }

    fn due_for_what_was_stored(&mut self) -> Due {
        match self.current.get() {
            Some(identity) => {
                renewal::due_for_stored(&identity.valid, self.clock.now(), &mut self.random)
            }
            None => Due { by_clock: None, after: Duration::ZERO },
        }
    }

    async fn renew(&mut self) -> Result<Identity, NotSigned> {
        let current = self.current.get();
        let expired =
            current.as_ref().is_none_or(|identity| identity.valid.end <= self.clock.now());
        let by_certificate = match &current {
            Some(identity) => self.sign(&identity.roots, Some(identity), String::new()).await,
            None => Err(NotSigned::NoToken),
        };
        match by_certificate {
            Err(_) if expired && self.token.is_some() => self.bootstrap().await,
            signed => signed,
        }
    }

    /// For the first certificate, or after one that nobody believes any more.
    async fn bootstrap(&mut self) -> Result<Identity, NotSigned> {
        let token = match &self.token {
            None => return Err(NotSigned::NoToken),
            Some(Token::Value(token)) => token.clone(),
            Some(Token::File(path)) => {
                let path = path.clone();
                let read = read(move || fs::read_to_string(path), "token").await?;
                read.trim().to_owned()
            }
        };
        let path = self.control.roots.clone();
        let roots = read(move || fs::read(path), "roots").await?;
        let roots =
            certificates(&roots).ok_or_else(|| unusable("roots", "no certificates in PEM"))?;
        let identity = self.sign(&roots, None, token).await?;
        // It was good for one certificate. A file may get another.
        self.token.take_if(|token| matches!(token, Token::Value(_)));
        Ok(identity)
    }

    async fn sign(
        &self,
        roots: &[rustls::pki_types::CertificateDer<'static>],
        identity: Option<&Identity>,
        token: String,
    ) -> Result<Identity, NotSigned> {
        let key = NewKey::make()?;
        let request = SignRequest { csr: key.request()?, token, lifetime_seconds: 0 };
        let within = self.limits.connect;
        let mut channel = Channel::connect(&self.control, roots, identity, within).await?;
        let signed = tokio::time::timeout(within, channel.sign(request)).await;
        let response =
            signed.map_err(|_| ConnectError::TimeOut(within))?.map_err(NotSigned::Refused)?;
        Ok(key.identity(&response, &self.expected)?)
    }

    /// Takes over the roots that were streamed.
    fn believe(&mut self) {
        let Some(bundle) = self.bundles.borrow_and_update().clone() else { return };
        let Some(current) = self.current.get() else { return };
        if bundle.trust_domain != self.expected.trust_domain {
            let domain = bundle.trust_domain;
            tracing::warn!(domain, "roots of another trust domain are not believed");
            return;
        }
        let Some(roots) = certificates(&bundle.roots) else {
            tracing::warn!("roots that cannot be read are not believed");
            return;
        };
        if roots != current.roots {
            let identity = Identity { roots, ..Identity::clone(&current) };
            self.save(&identity);
            self.adopt(identity);
        }
    }

    fn adopt(&self, identity: Identity) {
        self.status.certificate_expires.set(identity.valid.end);
        self.current.set(identity);
    }

    fn save(&self, identity: &Identity) {
        let (stored, status) = (store(identity), Arc::clone(&self.status));
        let given = self.disk.give(move |store| {
            let saved = store.save_identity(&stored);
            status.note_storage(saved.is_ok());
            if let Err(error) = saved {
                tracing::warn!(%error, "the certificate is not stored");
            }
        });
        if given.is_err() {
            self.status.note_storage(false);
        }
    }
}

/// When to try.
struct Schedule {
    due: Due,
    /// What is due after a while is so after this.
    from: Instant,
    /// The pause after the attempt before.
    not_before: Instant,
}

impl Schedule {
    fn is_due(&self, clock: u64) -> bool {
        let by_clock = self.due.by_clock.is_some_and(|at| at <= clock);
        by_clock || self.from + self.due.after <= Instant::now()
    }

    /// When to look again.
    fn look_at(&self, clock: u64) -> Instant {
        let now = Instant::now();
        let due = if self.is_due(clock) { now } else { self.from + self.due.after };
        due.min(now + LOOK).max(self.not_before)
    }
}

fn spiffe_of(trust_domain: &str, workload: &Workload) -> String {
    let Workload { namespace, service_account, .. } = workload;
    format!("spiffe://{trust_domain}/ns/{namespace}/sa/{service_account}")
}

/// Off the agent's thread: a disk that hangs must not keep it from hearing.
async fn read<T: Send + 'static>(
    read: impl FnOnce() -> io::Result<T> + Send + 'static,
    what: &'static str,
) -> Result<T, NotSigned> {
    let read = spawn_blocking(read).await.map_err(io::Error::from).flatten();
    read.map_err(|error| unusable(what, &error.to_string()))
}

fn unusable(what: &'static str, reason: &str) -> NotSigned {
    NotSigned::File { what, reason: reason.to_owned() }
}
