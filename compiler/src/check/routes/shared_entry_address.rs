//! `shared-entry-address`: two `ServiceEntry`s give one address to different hosts, at a port for bytes.
//!
//! There the address alone says which host is meant: a request names its host, and so does TLS. Source: Istio,
//! `buildSidecarOutboundListener`: of two listeners for bytes at one place the first stays.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::Protocol;

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::service::{Origin, Service};

pub(super) static CHECK: Check =
    Check::lint("shared-entry-address", Severity::Warning, include_str!("shared_entry_address.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    // They come in the order of their age.
    let mut by_place: BTreeMap<(&str, u16), Vec<(&Service<'_>, Place)>> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for (_, service) in mesh.services.iter() {
        let Origin::Entry(entry, _) = service.origin else { continue };
        let ports = service.object.ports.iter().filter(|it| it.protocol == Protocol::Tcp);
        let ports: Vec<u16> = ports.map(|it| it.number).collect();
        for (index, address) in entry.spec.addresses.iter().enumerate() {
            let path = FieldPath::default().field("spec").field("addresses").index(index);
            let place = Place::value(entry.id, path);
            for port in &ports {
                let known = by_place.entry((address, *port)).or_default();
                let rival = known.iter().find(|(other, _)| {
                    other.host != service.host && other.visibility.meets(&service.visibility)
                });
                if let Some((older, own)) = rival
                    && older.origin.document() != entry.id
                    && told.insert(entry.id)
                {
                    out.push(report((older, own), (service, &place), (address, *port)));
                }
                known.push((service, place.clone()));
            }
        }
    }
}

fn report(
    (older, own): (&Service<'_>, &Place),
    (service, place): (&Service<'_>, &Place),
    (address, port): (&str, u16),
) -> Diagnostic {
    let message = format!("port {port} of `{address}` is `{}`'s, too", older.host);
    Diagnostic::new(&CHECK, place.clone(), message)
        .label("an address that it shares")
        .also(own.clone(), "this was first, and counts")
        .consequence(format!(
            "connections to `{}` at port {port} go to `{}`: nothing in their bytes tells which is meant",
            service.host, older.host
        ))
        .help("give each host an address of its own")
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    fn count(entries: &[(&str, &str, &str, &str)]) -> usize {
        let folder = Folder::new();
        for (index, (host, address, port, export)) in entries.iter().enumerate() {
            let text = format!(
                "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: e{index}, namespace: n{index}}}\nspec:\n  hosts: [{host}]\n  addresses: [{address}]\n  exportTo: [{export}]\n  resolution: DNS\n  ports: [{{name: main, {port}}}]\n"
            );
            folder.write(&format!("{index}.yaml"), text);
        }
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn bytes_tell_nothing_of_whom_they_are_for() {
        let tcp = "number: 9000, protocol: TCP";
        let first = ("a.test", "240.1.1.1", tcp, "'*'");
        assert_eq!(count(&[first, ("b.test", "240.1.1.1", tcp, "'*'")]), 1);
        assert_eq!(count(&[first, ("b.test", "240.1.1.2", tcp, "'*'")]), 0);
        assert_eq!(
            count(&[first, ("b.test", "240.1.1.1", "number: 9001, protocol: TCP", "'*'")]),
            0
        );
        assert_eq!(count(&[first, ("a.test", "240.1.1.1", tcp, "'*'")]), 0);
        let private = ("a.test", "240.1.1.1", tcp, "'.'");
        assert_eq!(count(&[private, ("b.test", "240.1.1.1", tcp, "'.'")]), 0);
        for protocol in ["HTTP", "TLS"] {
            let port = format!("number: 9000, protocol: {protocol}");
            let entry = |host| (host, "240.1.1.1", port.as_str(), "'*'");
            assert_eq!(count(&[entry("a.test"), entry("b.test")]), 0, "{protocol}");
        }
    }
}
