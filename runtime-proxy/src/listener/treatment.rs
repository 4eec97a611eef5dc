//! What becomes of a connection that arrives for a workload, by what it speaks and what the workload asks for.

use mesh_snapshot::object::MtlsMode;

use super::sniff::Protocol;
use crate::tls::alpn;

/// How a connection goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Treatment {
    /// The mesh's mutual TLS ends here.
    Terminate,
    /// As it is: HTTP where it is HTTP, bytes otherwise. TLS of the application's own is bytes.
    Pass,
    /// Closed: plain text where the mesh's identity is asked for.
    Refuse,
}

/// Source: Istio, `PeerAuthentication`. A client's sidecar is known by the protocols that it offers (ALPN), which no client
/// of the application's own TLS would.
#[must_use]
pub fn treat(mode: MtlsMode, protocol: &Protocol) -> Treatment {
    match (mode, protocol) {
        (MtlsMode::Strict, Protocol::Tls(_)) => Treatment::Terminate,
        (MtlsMode::Strict, _) => Treatment::Refuse,
        (MtlsMode::Permissive, Protocol::Tls(hello)) if hello.offers(alpn::MESH) => {
            Treatment::Terminate
        }
        (MtlsMode::Permissive | MtlsMode::Disable, _) => Treatment::Pass,
    }
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::MtlsMode::{Disable, Permissive, Strict};

    use super::Treatment::{Pass, Refuse, Terminate};
    use super::treat;
    use crate::listener::{ClientHello, Protocol};

    #[test]
    fn a_sidecar_is_told_from_an_application() {
        let tls = |alpn: &[&str]| {
            let protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
            Protocol::Tls(ClientHello { server_name: None, protocols })
        };
        let sidecars =
            ["istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"];
        for protocol in sidecars {
            assert_eq!(treat(Permissive, &tls(&["h2", protocol])), Terminate, "{protocol}");
        }
        assert_eq!(treat(Permissive, &tls(&["h2", "http/1.1"])), Pass);
        assert_eq!(treat(Permissive, &tls(&[])), Pass);
        assert_eq!(treat(Permissive, &Protocol::Http1), Pass);
        assert_eq!(treat(Strict, &tls(&[])), Terminate);
        for plain in [Protocol::Http1, Protocol::Http2, Protocol::Opaque] {
            assert_eq!(treat(Strict, &plain), Refuse);
        }
        assert_eq!(treat(Disable, &tls(&["istio"])), Pass);
    }
}
