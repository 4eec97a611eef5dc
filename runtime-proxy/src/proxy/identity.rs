//! The proxy's identity as the agent has it, made ready for connections: with the roots of the mesh, and the trust domains that
//! the program in force takes for one.

use std::sync::Arc;

use super::Shared;
use crate::tls::{Identity, IdentityError, Trust, TrustDomains, TrustError};
use crate::world;

/// Why an identity cannot be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("its roots: {0}")]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// Keeps it ready. Never ends.
pub(super) async fn follow(shared: Shared) {
    let known = shared.world.identity();
    loop {
        let version = known.version();
        let aliases = aliases(&shared);
        if let Some(identity) = known.get() {
            match ready(&identity, &aliases) {
                Ok(identity) => shared.identity.set(identity),
                Err(error) => tracing::error!(%error, "the proxy's identity cannot be used"),
            }
        }
        tokio::select! {
            () = known.after(version) => {}
            () = shared.live.until(|live| live.is_some() && of(live) != aliases) => {}
        }
    }
}

type Live = crate::live::Live<crate::program::Program>;

fn of(live: Option<&Live>) -> Vec<String> {
    live.map(|live| live.program.engine().defaults().trust_domain_aliases.clone())
        .unwrap_or_default()
}

fn aliases(shared: &Shared) -> Vec<String> {
    of(shared.live.load().as_deref())
}

fn ready(identity: &Arc<world::Identity>, aliases: &[String]) -> Result<Identity, Unusable> {
    let domains = TrustDomains::new(&identity.trust_domain, aliases.iter().cloned());
    let trust = Trust::in_certificates(&identity.roots, domains)?;
    Ok(Identity::new(identity.chain.clone(), identity.key.clone_key(), trust)?)
}
