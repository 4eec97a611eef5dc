//! Names that the proxy resolves by itself, again and again.
//!
//! One thread does it for all. The system's resolver tells no lifetime, so names are asked for once a minute (Istio's
//! `dnsRefreshRate`). What was known stays when the resolver fails.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use mesh_snapshot::object::DeclaredEndpoint;
use tokio::time::sleep;

use super::state::State;
use crate::world::Watched;

/// Asks for the addresses of a name.
pub type Lookup = Arc<dyn Fn(String) -> Answer + Send + Sync>;
/// What it answers, some time.
pub type Answer = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// The system's resolver.
#[must_use]
pub fn system_lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((name, 0)).await?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    })
}

const REFRESH: Duration = Duration::from_mins(1);
const RETRY: Duration = Duration::from_secs(1);

/// Addresses that are looked up.
pub(super) struct Names {
    pub(super) endpoints: Vec<DeclaredEndpoint>,
    /// Only the first address of each, as for `DNS_ROUND_ROBIN`.
    pub(super) is_first_only: bool,
    /// For each endpoint, in their order.
    pub(super) resolved: Watched<Vec<Vec<IpAddr>>>,
    pub(super) lookup: Lookup,
    is_claimed: AtomicBool,
}

impl Names {
    pub(super) fn new(
        endpoints: Vec<DeclaredEndpoint>,
        is_first_only: bool,
        lookup: Lookup,
    ) -> Self {
        let (resolved, is_claimed) = (Watched::default(), AtomicBool::new(false));
        Self { endpoints, is_first_only, resolved, lookup, is_claimed }
    }

    /// Asks for every name once; whether all were answered.
    async fn resolve(&self) -> bool {
        let before = self.resolved.get();
        let mut all = Vec::new();
        let mut is_complete = true;
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            let known = before.as_ref().and_then(|before| before.get(index)).cloned();
            match self.addresses(&endpoint.address).await {
                Ok(addresses) => all.push(addresses),
                Err(error) => {
                    tracing::warn!(name = endpoint.address, %error, "cannot resolve");
                    is_complete = false;
                    all.push(known.unwrap_or_default());
                }
            }
        }
        if before.is_none_or(|before| *before != all) {
            self.resolved.set(all);
        }
        is_complete
    }

    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        if name.starts_with("unix://") {
            return Ok(Vec::new());
        }
        if let Ok(ip) = name.parse() {
            return Ok(vec![ip]);
        }
        let mut addresses = (self.lookup)(name.to_owned()).await?;
        if self.is_first_only {
            addresses.truncate(1);
        }
        addresses.sort_unstable(); // the order of answers says nothing, and would look like a change
        addresses.dedup();
        Ok(addresses)
    }
}

/// Keeps a cluster's names resolved, if no other thread does.
pub(super) fn keep_resolved(state: &Arc<State>) {
    let Some(names) = state.names() else { return };
    if !names.is_claimed.swap(true, Ordering::AcqRel) {
        tokio::task::spawn_local(keep(Claim(Arc::downgrade(state))));
    }
}

async fn keep(claim: Claim) {
    let mut pause = RETRY;
    while let Some(state) = claim.0.upgrade() {
        let Some(names) = state.names() else { return };
        let wait = if names.resolve().await {
            pause = RETRY;
            REFRESH
        } else {
            pause = (pause * 2).min(REFRESH);
            pause
        };
        drop(state); // may end meanwhile
        sleep(wait).await;
    }
}

/// Given up when the thread ends, for another to take over.
struct Claim(Weak<State>);

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(state) = self.0.upgrade()
            && let Some(names) = state.names()
        {
            names.is_claimed.store(false, Ordering::Release);
        }
    }
}
