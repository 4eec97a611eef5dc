//! Ports: their numbers, names and protocols.

use super::checks::INVALID_PORT;
use super::label::is_dns_label;
use crate::diagnostic::{At, Diagnostic};

/// What a port speaks, as Istio names it. Case does not count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Protocol {
    Http,
    Https,
    Http2,
    HttpProxy,
    Grpc,
    GrpcWeb,
    Tls,
    Tcp,
    Udp,
    Mongo,
    Redis,
    MySql,
}

impl Protocol {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "http" => Self::Http,
            "https" => Self::Https,
            "http2" => Self::Http2,
            "http_proxy" => Self::HttpProxy,
            "grpc" => Self::Grpc,
            "grpc-web" => Self::GrpcWeb,
            "tls" => Self::Tls,
            "tcp" => Self::Tcp,
            "udp" => Self::Udp,
            "mongo" => Self::Mongo,
            "redis" => Self::Redis,
            "mysql" => Self::MySql,
            _ => return None,
        })
    }

    /// Whether a proxy reads requests from it.
    pub(super) const fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Http2 | Self::HttpProxy | Self::Grpc | Self::GrpcWeb)
    }

    pub(super) const fn is_tls(self) -> bool {
        matches!(self, Self::Https | Self::Tls)
    }

    /// Whether it is opaque: told apart by address and port alone, or by server name.
    pub(super) const fn is_tcp(self) -> bool {
        matches!(
            self,
            Self::Tcp | Self::Https | Self::Tls | Self::Mongo | Self::Redis | Self::MySql
        )
    }
}

/// Says so unless the number is that of a port.
pub(super) fn check_number(number: impl Into<i64>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let number = number.into();
    if !(1..=65535).contains(&number) {
        let found = Diagnostic::new(&INVALID_PORT, at.value(), format!("`{number}` is no port"));
        out.push(found.label("a port is 1 to 65535"));
    }
}

pub(super) fn check_name(name: &str, place: &At<'_>, out: &mut Vec<Diagnostic>) {
    if !is_dns_label(name) {
        let found = Diagnostic::new(
            &INVALID_PORT,
            place.value(),
            format!("`{name}` cannot be the name of a port"),
        );
        out.push(found.label("letters, digits and `-`, at most 63"));
    }
}

/// Says so unless the protocol is known, or absent where that is allowed.
pub(super) fn check_protocol(protocol: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if Protocol::parse(protocol).is_none() {
        let found = Diagnostic::new(
            &INVALID_PORT,
            at.value(),
            format!("`{protocol}` is no protocol that a proxy knows"),
        );
        out.push(found.help("the protocols are HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, TLS, TCP, UDP, MONGO, REDIS and MYSQL"));
    }
}
