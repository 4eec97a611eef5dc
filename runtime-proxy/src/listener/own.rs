//! Where this proxy itself listens: what goes there would come back, or reach what is not for others.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use arc_swap::ArcSwap;

/// Addresses that are listened on. Threads read it without a lock; it changes when a listener is opened or closed, which is
/// rare. A port that a gateway has given up may be another process's: see [`Ports`](super::Ports).
#[derive(Debug, Default)]
pub struct Own(ArcSwap<Vec<SocketAddr>>);

impl Own {
    pub fn add(&self, address: SocketAddr) {
        self.0.rcu(|before| {
            let mut own = Vec::clone(before);
            if !own.contains(&address) {
                own.push(address);
            }
            Arc::new(own)
        });
    }

    pub(super) fn remove(&self, address: SocketAddr) {
        self.0.rcu(|before| {
            let others = before.iter().filter(|own| **own != address);
            Arc::new(others.copied().collect::<Vec<_>>())
        });
    }

    /// Whether a connection to `address` would come to this proxy.
    #[must_use]
    pub fn is(&self, address: SocketAddr) -> bool {
        let to = address.ip().to_canonical();
        let is_here = |own: &SocketAddr| {
            let at = own.ip().to_canonical();
            let reaches = || {
                at == to
                    || to.is_unspecified() // Linux: the same as loopback
                    || at.is_unspecified() && at.is_ipv4() == to.is_ipv4() && is_local(to)
            };
            own.port() == address.port() && reaches()
        };
        self.0.load().iter().any(is_here)
    }

    /// Whether this proxy listens on `port` at all, whatever the address.
    #[must_use]
    pub fn has_port(&self, port: u16) -> bool {
        self.0.load().iter().any(|own| own.port() == port)
    }
}

/// Whether an address is one of this machine's: only then can something be bound to it. Asked only where the port is the proxy's.
fn is_local(address: IpAddr) -> bool {
    address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::Own;

    fn own(addresses: &[&str]) -> Own {
        let own = Own::default();
        for address in addresses {
            own.add(address.parse().unwrap());
        }
        own
    }

    fn is(own: &Own, address: &str) -> bool {
        own.is(address.parse().unwrap())
    }

    #[test]
    fn a_wildcard_is_every_address_of_the_machine() {
        let own = own(&["0.0.0.0:15001"]);
        // All of 127.0.0.0/8 is this machine, and TEST-NET-1 (RFC 5737) is nobody's.
        for here in
            ["127.0.0.1:15001", "127.1.2.3:15001", "0.0.0.0:15001", "[::ffff:127.0.0.1]:15001"]
        {
            assert!(is(&own, here), "{here}");
        }
        for elsewhere in ["127.0.0.1:15002", "192.0.2.1:15001", "[::1]:15001"] {
            assert!(!is(&own, elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn an_address_is_itself_however_it_is_written() {
        let own = own(&["[::ffff:127.0.0.1]:15001", "127.0.0.1:15020"]);
        for here in ["127.0.0.1:15001", "[::ffff:127.0.0.1]:15020", "0.0.0.0:15020"] {
            assert!(is(&own, here), "{here}");
        }
        assert!(!is(&own, "127.0.0.2:15001"));
        assert!(own.has_port(15020) && !own.has_port(80));
    }
}
