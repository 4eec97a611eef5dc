//! Ports on 127.0.0.1: each purpose has one, which it keeps as long as the mesh runs.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// A block of ports that is this mesh's own. Its first port is held, so that two meshes on one machine take
/// different blocks: a proxy shares its ports between its threads, and would share them with a stranger as well.
#[derive(Debug)]
pub(super) struct Ports {
    _claim: TcpListener,
    next: u16,
    /// By purpose.
    given: BTreeMap<String, u16>,
}

/// Below what systems take for connections of their own.
const FIRST: u16 = 20_000;
const LAST: u16 = 31_999;
const BLOCK: usize = 500;

impl Ports {
    /// # Errors
    ///
    /// When all blocks are taken.
    pub(super) fn claim() -> io::Result<Self> {
        let claimed =
            (FIRST..=LAST).step_by(BLOCK).find_map(|first| Some((first, bind(first).ok()?)));
        let (first, claim) = claimed.ok_or_else(exhausted)?;
        Ok(Self { _claim: claim, next: first + 1, given: BTreeMap::new() })
    }

    /// The port for a purpose. Nobody listened on it when it was given out first.
    ///
    /// # Errors
    ///
    /// When there are no more.
    pub(super) fn of(&mut self, purpose: &str) -> io::Result<SocketAddr> {
        if let Some(port) = self.given.get(purpose) {
            return Ok(local(*port));
        }
        while self.next <= LAST {
            let port = self.next;
            self.next += 1;
            if bind(port).is_ok() {
                self.given.insert(purpose.to_owned(), port);
                return Ok(local(port));
            }
        }
        Err(exhausted())
    }
}

const fn local(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(local(port))
}

fn exhausted() -> io::Error {
    let text = format!("no port between {FIRST} and {LAST} is free on 127.0.0.1");
    io::Error::new(io::ErrorKind::AddrInUse, text)
}

#[cfg(test)]
mod tests {
    use super::Ports;

    #[test]
    fn a_purpose_keeps_its_port_and_two_meshes_do_not_meet() {
        let (mut one, mut other) = (Ports::claim().unwrap(), Ports::claim().unwrap());
        let port = one.of("a").unwrap();
        assert_eq!(one.of("a").unwrap(), port);
        assert_ne!(one.of("b").unwrap(), port);
        assert_ne!(other.of("a").unwrap(), port);
    }
}
