//! The names that a host goes by. Source: Istio, `generateVirtualHostDomains`, `GenerateAltVirtualHosts`.

use std::net::IpAddr;

use mesh_snapshot::object::{Discovery, Service};

/// The names of a service that are nobody else's: its host, with and without a dot at the end, its addresses and,
/// for a headless service, those of its pods.
pub(super) fn own(service: &Service) -> Vec<String> {
    let host = &service.host;
    let mut names = vec![host.clone()];
    if host != "*" {
        names.push(format!("{host}."));
    }
    if is_headless(service) {
        names.push(of_pods(host));
    }
    names.extend(service.addresses.iter().filter_map(|text| address(text)));
    names
}

/// Shorter names of a Kubernetes service with this host, which yield to whoever has such a name of its own: `reviews.shop` and
/// `reviews.shop.svc`, and within its namespace `reviews`; for a headless service, those of its pods with them.
pub(super) fn short(host: &str, service: &Service, caller_namespace: &str) -> Vec<String> {
    let Some((before, _)) = host.split_once(".svc.") else { return Vec::new() };
    let Some((name, namespace)) = before.split_once('.') else { return Vec::new() };
    let mut names = vec![before.to_owned(), format!("{before}.svc")];
    if namespace == caller_namespace {
        names.push(name.to_owned());
    }
    if is_headless(service) {
        let pods: Vec<_> = names.iter().map(|name| of_pods(name)).collect();
        names.extend(pods);
    }
    names
}

fn is_headless(service: &Service) -> bool {
    matches!(service.discovery, Discovery::World { headless: true, .. })
}

fn of_pods(name: &str) -> String {
    format!("*.{name}")
}

/// As an authority has it; `None` for a block.
fn address(text: &str) -> Option<String> {
    match text.parse().ok()? {
        IpAddr::V4(address) => Some(address.to_string()),
        IpAddr::V6(address) => Some(format!("[{address}]")),
    }
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::{Discovery, EndpointSet, Service};

    use super::{own, short};
    use crate::cluster::tests::reviews;

    #[test]
    fn short_names_depend_on_who_calls() {
        let host = "reviews.shop.svc.cluster.local";
        let short = |host, namespace| short(host, &reviews(), namespace);
        assert_eq!(short(host, "shop"), ["reviews.shop", "reviews.shop.svc", "reviews"]);
        assert_eq!(short(host, "web"), ["reviews.shop", "reviews.shop.svc"]);
        assert!(short("api.example.com", "shop").is_empty());
    }

    #[test]
    fn a_host_has_a_form_with_a_dot_and_its_addresses() {
        let addresses = ["10.0.0.1", "10.1.0.0/16", "2001:db8::1"].map(str::to_owned);
        let host = "api.test".to_owned();
        let service = Service { host, addresses: addresses.into(), ..reviews() };
        assert_eq!(own(&service), ["api.test", "api.test.", "10.0.0.1", "[2001:db8::1]"]);
        let wildcard = Service { host: "*.test".to_owned(), ..reviews() };
        assert_eq!(own(&wildcard), ["*.test", "*.test."]);
    }

    #[test]
    fn a_headless_service_goes_by_the_names_of_its_pods_too() {
        let set = EndpointSet::Listed { namespace: "shop".to_owned(), service: "db".to_owned() };
        let discovery = Discovery::World { set, headless: true };
        let service = Service { host: "db.shop".to_owned(), discovery, ..reviews() };
        assert_eq!(own(&service), ["db.shop", "db.shop.", "*.db.shop"]);
        let host = "db.shop.svc.cluster.local";
        let all = ["db.shop", "db.shop.svc", "db", "*.db.shop", "*.db.shop.svc", "*.db"];
        assert_eq!(short(host, &service, "shop"), all);
    }
}
