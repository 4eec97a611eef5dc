//! `rival-service-entry`: `ServiceEntry`s of several namespaces define one host, each otherwise.
//!
//! A sidecar takes the one of its own namespace; everybody else takes the oldest that it sees. Entries that say the same are
//! everyday: each team brings the hosts that it needs. Source: Istio, `selectServices`.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use mesh_snapshot::object::{DeclaredEndpoint, Discovery, Labels, ServicePort};

use crate::check::audience::Audiences;
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::service::{Origin, Service, ServiceId};

pub(super) static CHECK: Check =
    Check::lint("rival-service-entry", Severity::Warning, include_str!("rival_service_entry.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    // They stand in the order of their age.
    let mut by_host: HashMap<&str, Audiences<'_, Firsts<'_>>> = HashMap::new();
    let ports = OnceCell::new();
    for (id, later) in mesh.services.iter() {
        let Origin::Entry(..) = later.origin else { continue };
        let audiences = by_host.entry(&later.host).or_default();
        let seen = audiences.of(&later.visibility).into_iter().flat_map(|it| &it.0);
        let others = seen.clone().filter(|(_, it)| it.namespace != later.namespace);
        let rivals = others.filter(|(_, it)| rivals(it, later));
        if let Some((_, earlier)) = rivals.min_by_key(|(id, _)| *id) {
            out.push(report(earlier, later));
        } else if let Some((_, earlier)) = seen.min_by_key(|(id, _)| *id)
            && earlier.namespace != later.namespace
            && leads_to(earlier) == leads_to(later)
            && is_for_others(later)
        {
            let known = ports.get_or_init(|| ports_by_namespace(mesh));
            let had = known.get(&(&*earlier.host, earlier.namespace));
            let own = later.object.ports.iter().map(|port| port.number);
            let lost = own.filter(|port| had.is_some_and(|had| !had.contains(port))).min();
            out.extend(lost.map(|port| report_port(earlier, later, port)));
        }
        audiences.tell(&later.visibility, |firsts| firsts.tell(id, later));
    }
}

fn is_for_others(service: &Service<'_>) -> bool {
    let mut named = service.visibility.named().peekable();
    named.peek().is_none() || named.any(|it| it != service.namespace)
}

/// The ports of the entries of each namespace for each host, which are joined.
fn ports_by_namespace<'m>(mesh: &'m Mesh<'_>) -> HashMap<(&'m str, &'m str), BTreeSet<u16>> {
    let mut all: HashMap<_, BTreeSet<u16>> = HashMap::new();
    for (_, it) in mesh.services.iter().filter(|(_, it)| !it.origin.is_kubernetes()) {
        let ports = it.object.ports.iter().map(|port| port.number);
        all.entry((&*it.host, it.namespace)).or_default().extend(ports);
    }
    all
}

/// Whether they lead to different places. That their protocols differ is `conflicting-entry-protocols`'s to say.
fn rivals(earlier: &Service<'_>, later: &Service<'_>) -> bool {
    leads_to(earlier) != leads_to(later) && !disagree(&earlier.object.ports, &later.object.ports)
}

/// Entries of which each is the oldest for somebody: for one of another namespace that leads elsewhere. They are six at most,
/// however many there are: each has in common with what it is the first for neither of two things, and all before it one.
#[derive(Default)]
struct Firsts<'m>(Vec<(ServiceId, &'m Service<'m>)>);

impl<'m> Firsts<'m> {
    fn tell(&mut self, id: ServiceId, next: &'m Service<'m>) {
        if self.is_another(next) {
            self.0.push((id, next));
        }
    }

    /// Whether there can be one to which `next` is a rival and none of these is: it has the namespace of the first of them, or
    /// leads where that leads, and of all others that differ from it the other one of the two.
    fn is_another(&self, next: &Service<'_>) -> bool {
        let Some((_, first)) = self.0.first() else { return true };
        let all = || self.0.iter().map(|(_, it)| it);
        let elsewhere = all().filter(|it| it.namespace != first.namespace).map(|it| leads_to(it));
        let otherwise = all().filter(|it| leads_to(it) != leads_to(first)).map(|it| it.namespace);
        (next.namespace != first.namespace && is_one_but(elsewhere, &leads_to(next)))
            || (leads_to(next) != leads_to(first) && is_one_but(otherwise, &next.namespace))
    }
}

/// Whether all values are one and the same, and not `other`.
fn is_one_but<T: PartialEq>(mut values: impl Iterator<Item = T>, other: &T) -> bool {
    values.next().is_none_or(|one| one != *other && values.all(|it| it == one))
}

/// The addresses that its author wrote, in whatever order.
#[derive(Clone, Copy)]
struct LeadsTo<'s>(Option<&'s Discovery>);

fn leads_to<'s>(service: &'s Service<'_>) -> LeadsTo<'s> {
    let discovery = &service.object.discovery;
    let is_own = matches!(discovery, Discovery::Declared { .. } | Discovery::Dns { .. });
    LeadsTo(is_own.then_some(discovery))
}

/// An endpoint by what can be ordered.
type Parts<'s> = (&'s str, &'s BTreeMap<u16, u16>, &'s Labels, u32, &'s str, &'s str);

fn sorted(all: &[DeclaredEndpoint]) -> Vec<Parts<'_>> {
    let parts = all.iter().map(|it| {
        let DeclaredEndpoint { address, ports, labels, weight, locality, service_account } = it;
        (&**address, ports, labels, *weight, &**locality, &**service_account)
    });
    let mut parts: Vec<_> = parts.collect();
    parts.sort_unstable();
    parts
}

impl PartialEq for LeadsTo<'_> {
    fn eq(&self, other: &Self) -> bool {
        use Discovery::{Declared, Dns};
        let (Some(a), Some(b)) = (self.0, other.0) else { return self.0 == other.0 };
        let are_alike = match (a, b) {
            (Declared { endpoints: a }, Declared { endpoints: b }) => Some((a, b)),
            (Dns { endpoints: a, round_robin: c }, Dns { endpoints: b, round_robin: d }) => {
                (c == d).then_some((a, b))
            }
            _ => None,
        };
        are_alike.is_some_and(|(a, b)| a == b || (a.len() == b.len() && sorted(a) == sorted(b)))
    }
}

fn disagree(a: &[ServicePort], b: &[ServicePort]) -> bool {
    a.iter().any(|a| b.iter().any(|b| a.number == b.number && a.protocol != b.protocol))
}

fn report(earlier: &Service<'_>, later: &Service<'_>) -> Diagnostic {
    let message = format!("`{}` is defined in `{}` otherwise", later.host, earlier.namespace);
    let found = Diagnostic::new(&CHECK, host(later), message);
    found
        .label(format!("counts for sidecars in `{}`", later.namespace))
        .also(host(earlier), "counts for all others, since it is the older one")
        .consequence("one name leads to different endpoints, by the namespace of the client")
        .help("keep one of the two, or let each be seen in its own namespace alone: `exportTo: [\".\"]`")
}

/// Each for itself is in order, so that it is a notice.
fn report_port(earlier: &Service<'_>, later: &Service<'_>, port: u16) -> Diagnostic {
    let message =
        format!("`{}` is defined in `{}` without port {port}", later.host, earlier.namespace);
    let mut found = Diagnostic::new(&CHECK, host(later), message)
        .label(format!("counts for sidecars in `{}`", later.namespace))
        .also(host(earlier), "counts for all others, since it is the older one")
        .consequence(format!("for other namespaces than `{}` the mesh has no port {port} of the host", later.namespace))
        .help("give both the same ports, or let each be seen in its own namespace alone: `exportTo: [\".\"]`");
    found.severity = Severity::Info;
    found
}

fn host(service: &Service<'_>) -> Place {
    match service.origin {
        Origin::Entry(entry, index) => {
            let root = entry.at();
            root.field("spec").field("hosts").index(index).value()
        }
        Origin::Kubernetes(_) => service.origin.place(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// An entry of one host: its namespace, whether others see it, and its address.
    type Entry = (usize, bool, usize);

    /// Of which entry each is said to be a rival.
    fn said(entries: &[Entry]) -> Vec<(usize, usize)> {
        let folder = Folder::new();
        for (place, (namespace, public, address)) in entries.iter().enumerate() {
            let export = if *public { "*" } else { "." };
            let text = format!(
                "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: \"{place}\", namespace: n{namespace}, creationTimestamp: \"2026-01-01T00:00:{place:02}Z\"}}\nspec:\n  hosts: [a.test]\n  exportTo: [\"{export}\"]\n  resolution: STATIC\n  endpoints: [{{address: 192.0.2.{address}}}]\n  ports: [{{number: 443, name: main, protocol: TLS}}]\n"
            );
            folder.write(&format!("{place:02}.yaml"), text);
        }
        let entry = |site: &crate::diagnostic::Site| {
            let resource = site.resource.as_deref().expect("an entry");
            resource.rsplit('/').next().and_then(|name| name.parse().ok()).expect("a place")
        };
        let found = findings(folder.path());
        let found = found.iter().filter(|it| it.check == &CHECK);
        found.map(|it| (entry(&it.primary), entry(it.others.first().expect("two")))).collect()
    }

    #[test]
    fn the_same_endpoints_in_another_order_lead_nowhere_else() {
        let count = |later: &str| {
            let entry = |namespace: &str, endpoints: &str| {
                format!(
                    "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: e, namespace: {namespace}}}\nspec: {{hosts: [a.test], resolution: STATIC, endpoints: [{endpoints}], ports: [{{number: 443, name: main, protocol: TLS}}]}}\n---\n"
                )
            };
            let folder = Folder::new();
            let first = entry("a", "{address: 192.0.2.1}, {address: 192.0.2.2, weight: 3}");
            folder.write("a.yaml", first + &entry("b", later));
            findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
        };
        assert_eq!(count("{address: 192.0.2.2, weight: 3}, {address: 192.0.2.1}"), 0);
        for other in [
            "{address: 192.0.2.2, weight: 2}, {address: 192.0.2.1}",
            "{address: 192.0.2.2, weight: 3}",
            "{address: 192.0.2.1}, {address: 192.0.2.1}",
        ] {
            assert_eq!(count(other), 1, "{other}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn each_is_a_rival_of_the_oldest_that_is_seen_beside_it_and_leads_elsewhere(
            entries in prop::collection::vec((0..4_usize, prop::bool::weighted(0.7), 1..5_usize), 2..14)
        ) {
            let rivals = |(place, later): (usize, &Entry)| {
                let mut earlier = entries.iter().take(place);
                let rival = earlier.position(|it| it.0 != later.0 && it.2 != later.2 && (it.1 || later.1));
                Some((place, rival?))
            };
            let expected: Vec<_> = entries.iter().enumerate().filter_map(rivals).collect();
            prop_assert_eq!(said(&entries), expected);
        }
    }
}
