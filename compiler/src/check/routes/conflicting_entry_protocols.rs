//! `conflicting-entry-protocols`: several `ServiceEntry`s say of one port of a host that it speaks different protocols.
//!
//! Only entries that some namespace sees together are compared. Source: Istio,
//! `serviceentry.ConflictingServiceEntryProtocolAnalyzer`.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Resource;
use crate::api::istio::ServiceEntry;
use crate::check::audience::Audiences;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::{Mesh, Visibility};

pub(super) static CHECK: Check = Check::lint(
    "conflicting-entry-protocols",
    Severity::Warning,
    include_str!("conflicting_entry_protocols.md"),
)
.alias(&["IST0177"]);

/// A port of a host, as one entry has it.
#[derive(Clone)]
struct At<'m> {
    /// Among the entries, the oldest of which is the first.
    place: usize,
    entry: &'m Resource<ServiceEntry>,
    port: usize,
    protocol: String,
}

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut by_host: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, entry) in mesh.source.service_entries.iter().enumerate() {
        for host in &entry.spec.hosts {
            by_host.entry(host).or_default().push(place);
        }
    }
    // Entries that disagree of several hosts are one fault, so those that share hosts are looked at once.
    let mut by_entries: BTreeMap<Vec<usize>, &str> = BTreeMap::new();
    for (host, entries) in by_host {
        by_entries.entry(entries).or_insert(host);
    }
    let mut shared: Vec<_> =
        by_entries.into_iter().map(|(entries, host)| (host, entries)).collect();
    shared.sort_unstable();
    let mut reported = BTreeSet::new();
    for (host, entries) in shared {
        for (number, earlier, later) in disagreements(mesh, &entries) {
            // The same of several ports.
            if reported.insert(later.entry.id) {
                out.push(report(host, number, &earlier, &later));
            }
        }
    }
}

/// Ports, by number, of which one entry says otherwise than the oldest before it that somebody sees beside it.
fn disagreements<'m>(mesh: &'m Mesh<'_>, entries: &[usize]) -> Vec<(u32, At<'m>, At<'m>)> {
    let mut found = Vec::new();
    let mut by_port: BTreeMap<u32, Audiences<'_, Spoken<'_>>> = BTreeMap::new();
    for place in entries {
        let Some(entry) = mesh.source.service_entries.get(*place) else { continue };
        let visibility = Visibility::of(
            entry.spec.export_to.iter().map(String::as_str),
            &entry.namespace,
            mesh.settings.service_export_to,
        );
        // What is no port, or could not be read, is no port of anything.
        let ports = entry.spec.ports.iter().enumerate().filter(|(_, it)| it.number != 0);
        for (port, it) in ports {
            let protocol = it.protocol.to_ascii_uppercase();
            let later = At { place: *place, entry, port, protocol };
            let audiences = by_port.entry(it.number).or_default();
            let seen = audiences.of(&visibility).into_iter().flat_map(|it| &it.0);
            let differing = seen.filter(|it| it.protocol != later.protocol);
            if let Some(earlier) = differing.min_by_key(|it| (it.place, it.port)) {
                found.push((it.number, earlier.clone(), later.clone()));
            }
            audiences.tell(&visibility, |spoken| spoken.tell(&later));
        }
    }
    found.sort_by_key(|(number, ..)| *number);
    found
}

/// The first of each of two protocols: whatever a port speaks, one of them is another.
#[derive(Default)]
struct Spoken<'m>(Vec<At<'m>>);

impl<'m> Spoken<'m> {
    fn tell(&mut self, at: &At<'m>) {
        if self.0.len() < 2 && self.0.iter().all(|it| it.protocol != at.protocol) {
            self.0.push(at.clone());
        }
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
