//! `conflicting-entry-protocols`: several `ServiceEntry`s say of one port of a host that it speaks different protocols.
//!
//! Only entries that some namespace sees together are compared. Source: Istio,
//! `serviceentry.ConflictingServiceEntryProtocolAnalyzer`.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Resource;
use crate::api::istio::ServiceEntry;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::{Mesh, Visibility};

pub(super) static CHECK: Check = Check::lint(
    "conflicting-entry-protocols",
    Severity::Warning,
    include_str!("conflicting_entry_protocols.md"),
)
.alias(&["IST0177"]);

/// A port of a host, as one entry has it.
struct At<'m> {
    entry: &'m Resource<ServiceEntry>,
    visibility: Visibility<'m>,
    port: usize,
    protocol: String,
}

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut by_port: BTreeMap<(&str, u32), Vec<At<'_>>> = BTreeMap::new();
    for entry in &mesh.source.service_entries {
        for (port, it) in entry.spec.ports.iter().enumerate() {
            for host in &entry.spec.hosts {
                let visibility = Visibility::of(
                    entry.spec.export_to.iter().map(String::as_str),
                    &entry.namespace,
                    mesh.settings.service_export_to,
                );
                let protocol = it.protocol.to_ascii_uppercase();
                let at = At { entry, visibility, port, protocol };
                by_port.entry((host, it.number)).or_default().push(at);
            }
        }
    }
    let mut reported = BTreeSet::new();
    for ((host, number), all) in by_port {
        for (position, later) in all.iter().enumerate() {
            let differs = |it: &&At<'_>| it.protocol != later.protocol && meet(it, later);
            let Some(earlier) = all.iter().take(position).find(differs) else { continue };
            // Two entries that disagree on several ports or hosts are one fault.
            if reported.insert(later.entry.id) {
                out.push(report(host, number, earlier, later));
            }
        }
    }
}

/// Whether some namespace sees both. What is for all meets what is for some.
fn meet(a: &At<'_>, b: &At<'_>) -> bool {
    match (&a.visibility, &b.visibility) {
        (Visibility::Nobody, _) | (_, Visibility::Nobody) => false,
        (Visibility::Public, _) | (_, Visibility::Public) => true,
        (Visibility::Namespaces(a), Visibility::Namespaces(b)) => !a.is_disjoint(b),
    }
}

fn report(host: &str, number: u32, earlier: &At<'_>, later: &At<'_>) -> Diagnostic {
    let place = |it: &At<'_>| {
        let path = FieldPath::default().field("spec").field("ports").index(it.port);
        Place::value(it.entry.id, path.field("protocol"))
    };
    let message = format!("two ServiceEntries disagree on what port {number} of `{host}` speaks");
    Diagnostic::new(&CHECK, place(later), message)
        .label(format!("{} here", spoken(later)))
        .also(place(earlier), format!("{} here", spoken(earlier)))
        .consequence("the one that was made first counts: requests that speak the other protocol fail, or are not seen by policies")
        .help("let both say the same, or keep one of them")
}

fn spoken(it: &At<'_>) -> String {
    if it.protocol.is_empty() { "not said".to_owned() } else { format!("`{}`", it.protocol) }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    fn count(entries: &[(&str, &str, &str)]) -> usize {
        let folder = Folder::new();
        for (index, (namespace, export, protocol)) in entries.iter().enumerate() {
            let text = format!(
                "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: e{index}, namespace: {namespace}}}\nspec:\n  hosts: [a.test]\n  exportTo: [{export}]\n  resolution: DNS\n  ports: [{{number: 443, name: main, protocol: {protocol}}}]\n"
            );
            folder.write(&format!("{index}.yaml"), text);
        }
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn only_entries_that_somebody_sees_together_disagree() {
        assert_eq!(count(&[("a", "'.'", "HTTP"), ("b", "'.'", "TLS")]), 0);
        assert_eq!(count(&[("a", "'.'", "HTTP"), ("b", "'*'", "TLS")]), 1);
        assert_eq!(count(&[("a", "c", "HTTP"), ("b", "c", "TLS")]), 1);
        assert_eq!(count(&[("a", "'*'", "tls"), ("b", "'*'", "TLS")]), 0);
        assert_eq!(count(&[("a", "'~'", "HTTP"), ("b", "'*'", "TLS")]), 0);
    }
}
