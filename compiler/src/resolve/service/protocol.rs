//! What a port speaks, from what is written of it. Source: Istio, "Protocol Selection".

use mesh_snapshot::object::Protocol;

/// What a word stands for, whatever its case; `None` for any other.
#[must_use]
pub(crate) fn parse(word: &str) -> Option<Protocol> {
    Some(match word.to_ascii_lowercase().as_str() {
        "http" | "http_proxy" => Protocol::Http,
        "http2" => Protocol::Http2,
        "grpc" => Protocol::Grpc,
        "grpc-web" => Protocol::GrpcWeb,
        "https" => Protocol::Https,
        "tls" => Protocol::Tls,
        "tcp" | "mongo" | "redis" | "mysql" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ => return None,
    })
}

/// On these ports the server speaks first, so that whoever waits for the client's first bytes waits for ever.
/// Source: Istio, `pkg/config/kube`, `wellKnownPorts`: SMTP, DNS, MySQL, `MongoDB`.
const SERVER_SPEAKS_FIRST: &[i32] = &[25, 53, 3306, 27017];

/// Of a port of a Kubernetes Service: `appProtocol`, else what its name begins with.
pub(super) fn of_port(port: &crate::api::kubernetes::ServicePort) -> Protocol {
    if port.protocol.as_deref() == Some("UDP") {
        return Protocol::Udp;
    }
    let word = match port.app_protocol.as_deref() {
        Some("kubernetes.io/h2c") => return Protocol::Http2,
        Some("kubernetes.io/ws") => return Protocol::Http,
        Some("kubernetes.io/wss") => return Protocol::Https,
        Some(word) => word,
        None => &port.name,
    };
    let is_grpc_web = |head: &str| head.eq_ignore_ascii_case("grpc-web");
    if word.get(.."grpc-web".len()).is_some_and(is_grpc_web) {
        return Protocol::GrpcWeb;
    }
    let head = word.split('-').next().unwrap_or_default();
    parse(head).unwrap_or(if SERVER_SPEAKS_FIRST.contains(&port.port) {
        Protocol::Tcp
    } else {
        Protocol::Detect
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::kubernetes::ServicePort;

    #[test]
    fn a_port_speaks_what_is_written_of_it() {
        let port = |name: &str, app_protocol: Option<&str>, port, protocol: Option<&str>| {
            of_port(&ServicePort {
                name: name.into(),
                port,
                target_port: None,
                protocol: protocol.map(Into::into),
                app_protocol: app_protocol.map(Into::into),
                node_port: crate::api::scalar::Opaque,
            })
        };
        let cases = [
            (port("http-admin", None, 80, None), Protocol::Http),
            (port("GRPC-web-x", None, 80, None), Protocol::GrpcWeb),
            (port("grpc", None, 80, None), Protocol::Grpc),
            (port("httpx", None, 80, None), Protocol::Detect),
            (port("", None, 3306, None), Protocol::Tcp),
            (port("http", None, 3306, None), Protocol::Http),
            (port("http", Some("tcp"), 80, None), Protocol::Tcp),
            (port("http", Some("kubernetes.io/h2c"), 80, None), Protocol::Http2),
            (port("http", Some("example.com/own"), 80, None), Protocol::Detect),
            (port("http", None, 80, Some("UDP")), Protocol::Udp),
            (port("redis-main", None, 80, None), Protocol::Tcp),
        ];
        for (index, (found, expected)) in cases.into_iter().enumerate() {
            assert_eq!(found, expected, "case {index}");
        }
    }
}
