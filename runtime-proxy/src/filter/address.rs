//! Whose a virtual address is, as far as the world says.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mesh_engine::host::{without_brackets, without_port};
use mesh_engine::outbound::Addresses;
use tokio::time::timeout;

use super::serving::Serving;

/// One address, and the host that it belongs to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owner(Option<(IpAddr, Arc<String>)>);

/// So long an address that nobody has asked for before is waited for, if there is somebody to tell. Without an answer it is
/// nobody's.
const WAIT: Duration = Duration::from_secs(2);

impl Owner {
    pub(crate) async fn of(address: IpAddr, serving: &Serving) -> Self {
        let address = address.to_canonical();
        let cell = serving.world.owner(&address.to_string());
        let host = match cell.get() {
            Some(host) => Some(host),
            None if !serving.world.is_told() => None,
            None => timeout(WAIT, cell.known()).await.ok(),
        };
        Self(host.filter(|host| !host.is_empty()).map(|host| (address, host)))
    }

    /// Of an authority that is an address; most are names, and cost nothing.
    pub(crate) async fn of_authority(authority: &str, serving: &Serving) -> Self {
        let host = without_brackets(without_port(authority));
        let looks_like = host.contains(':') || host.ends_with(|last: char| last.is_ascii_digit());
        match host.parse() {
            Ok(address) if looks_like => Self::of(address, serving).await,
            _ => Self::default(),
        }
    }
}

impl Addresses for Owner {
    fn host_of(&self, address: IpAddr) -> Option<&str> {
        let (own, host) = self.0.as_ref()?;
        (*own == address.to_canonical()).then_some(host.as_str())
    }
}
