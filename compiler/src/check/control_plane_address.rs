//! Addresses of a control plane outside of the cluster, as Istio's webhooks name them.
//!
//! Sources: Istio, `externalcontrolplane.ExternalControlPlaneAnalyzer`; RFC 3986, as Go's `net/url` reads it.

use std::net::IpAddr;

use crate::api::Resource;
use crate::api::kubernetes::Webhook;
use crate::diagnostic::{FieldPath, Place};
use crate::resolve::Mesh;

/// What a webhook says of where it is asked.
pub(super) enum Address {
    /// Neither a Service nor an address.
    Missing,
    NotAnAddress,
    Ip,
    Host,
}

/// A webhook of Istio's that does not ask a Service, and its place.
pub(super) struct Asked<'m> {
    pub webhook: &'m Webhook,
    pub address: Address,
    document: crate::parse::DocumentId,
    index: usize,
}

impl Asked<'_> {
    /// Of the address, or of what should hold it.
    pub(super) fn place(&self) -> Place {
        let webhook = FieldPath::default().field("webhooks").index(self.index);
        Place::value(self.document, webhook.field("clientConfig").field("url"))
    }
}

pub(super) fn all<'m>(mesh: &'m Mesh<'_>) -> Vec<Asked<'m>> {
    let is_validator =
        |name: &str| name == "istiod-default-validator" || name.starts_with("istio-validator");
    let is_injector = |name: &str| name.starts_with("istio-sidecar-injector");
    let validating = mesh.source.validating_webhooks.iter().filter(|it| is_validator(it.name()));
    let mutating = mesh.source.mutating_webhooks.iter().filter(|it| is_injector(it.name()));
    let mut asked = Vec::new();
    for resource in validating {
        asked.extend(of_resource(resource, &resource.spec.0));
    }
    for resource in mutating {
        asked.extend(of_resource(resource, &resource.spec.0));
    }
    asked
}

fn of_resource<'m, T>(
    resource: &'m Resource<T>,
    webhooks: &'m [Webhook],
) -> impl Iterator<Item = Asked<'m>> {
    webhooks.iter().enumerate().filter_map(|(index, webhook)| {
        let address = match (&webhook.client_config.url, &webhook.client_config.service) {
            (Some(url), _) => read(url),
            (None, None) => Address::Missing,
            (None, Some(_)) => return None,
        };
        Some(Asked { webhook, address, document: resource.id, index })
    })
}

fn read(url: &str) -> Address {
    let Some(host) = host(url) else { return Address::NotAnAddress };
    if host.parse::<IpAddr>().is_ok() { Address::Ip } else { Address::Host }
}

/// The host of a URL, without brackets; empty where it has none. `None` where it is no URL.
fn host(url: &str) -> Option<&str> {
    if url.chars().any(char::is_control) {
        return None;
    }
    let rest = match url.find([':', '/', '?', '#']) {
        Some(end) if url.get(end..)?.starts_with(':') => {
            let (scheme, rest) = url.split_at(end);
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
            let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme.bytes().all(inner);
            rest.strip_prefix(':').filter(|_| is_scheme)?
        }
        _ => url,
    };
    let Some(rest) = rest.strip_prefix("//") else { return Some("") };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let address = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match address.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => address.split_at(address.find(':').unwrap_or(address.len())),
    };
    let is_port = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|it| it.is_ascii_digit()));
    let is_host = !host.contains([' ', '<', '>', '"', '\\', '^', '`', '{', '|', '}', '%']);
    (is_port && is_host).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn the_host_of_a_url_is_read() {
        assert_eq!(host("https://istiod.example.com:15017/inject"), Some("istiod.example.com"));
        assert_eq!(host("https://[fd00::1]:15017/inject"), Some("fd00::1"));
        assert_eq!(host("https://user@10.0.0.1/"), Some("10.0.0.1"));
        assert_eq!(host("/inject"), Some(""));
        for text in
            ["://a.test", "10.0.0.1:15017/inject", "https://a.test:x/", "https://a b/", "h\n"]
        {
            assert_eq!(host(text), None, "{text}");
        }
    }
}
