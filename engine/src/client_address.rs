//! Who the original client is, when proxies stand between it and us.
//!
//! Each proxy appends the address it was called from to `X-Forwarded-For`, so that header is read from its end,
//! and only as far as somebody trusted wrote it. Source: Envoy, `ConnectionManagerUtility::mutateRequestHeaders`.

use std::net::IpAddr;

use http::HeaderMap;

/// At a gateway, behind which `trusted_proxies` proxies of our own append to the header. Without one the client
/// is whoever connects, whatever it claims.
#[must_use]
pub fn at_gateway(source: IpAddr, headers: &HeaderMap, trusted_proxies: u32) -> IpAddr {
    let told = trusted_proxies.checked_sub(1).and_then(|skipped| from_the_end(headers, skipped));
    told.unwrap_or(source)
}

/// At a sidecar, inbound: the last entry, whoever the peer is. A peer without a proxy can write it, so it is
/// no proof of anything; `ipBlocks` looks at the connection instead. Source: observed of Istio.
#[must_use]
pub fn at_sidecar(source: IpAddr, headers: &HeaderMap) -> IpAddr {
    from_the_end(headers, 0).unwrap_or(source)
}

/// The entry that `skipped` others follow, if it is an address.
fn from_the_end(headers: &HeaderMap, skipped: u32) -> Option<IpAddr> {
    let values = headers.get_all("x-forwarded-for").into_iter();
    let mut left = skipped;
    // Values of a repeated header are one list. `GetAll` runs backwards too.
    for value in values.rev() {
        for entry in value.as_bytes().rsplit(|&byte| byte == b',') {
            if left == 0 {
                return std::str::from_utf8(entry).ok()?.trim().parse().ok().map(canonical);
            }
            left -= 1;
        }
    }
    None
}

/// An IPv4 address in IPv6's clothes is that IPv4 address.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http::HeaderMap;

    use super::{at_gateway, at_sidecar};

    fn forwarded(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        headers
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_gateway_believes_as_many_entries_as_it_has_proxies() {
        let headers = forwarded(&["192.0.2.1, 192.0.2.2", "192.0.2.3"]);
        let peer = ip("10.0.0.1");
        assert_eq!(at_gateway(peer, &headers, 0), peer);
        assert_eq!(at_gateway(peer, &headers, 1), ip("192.0.2.3"));
        assert_eq!(at_gateway(peer, &headers, 2), ip("192.0.2.2"));
        assert_eq!(at_gateway(peer, &headers, 3), ip("192.0.2.1"));
        assert_eq!(at_gateway(peer, &headers, 4), peer);
    }

    #[test]
    fn a_sidecar_takes_the_last_entry() {
        let peer = ip("10.0.0.1");
        assert_eq!(at_sidecar(peer, &forwarded(&["192.0.2.1,2001:db8::1"])), ip("2001:db8::1"));
        assert_eq!(at_sidecar(peer, &forwarded(&["::ffff:192.0.2.9"])), ip("192.0.2.9"));
        assert_eq!(at_sidecar(peer, &HeaderMap::new()), peer);
    }

    #[test]
    fn what_is_no_address_is_not_believed() {
        let peer = ip("10.0.0.1");
        for value in ["bogus", "192.0.2.1:80", "", "192.0.2.1, ", "192.0.2.256"] {
            assert_eq!(at_sidecar(peer, &forwarded(&[value])), peer, "{value}");
        }
    }
}
