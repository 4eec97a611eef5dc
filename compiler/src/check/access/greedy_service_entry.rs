//! `greedy-service-entry`: a `ServiceEntry` takes hosts of which others have their own: all of a top-level domain, or the
//! cluster's.
//!
//! Source: Istio, `ServiceEntry.hosts`: whoever sees the entry sends there what no other host takes.

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::{Mesh, Visibility};

pub(super) static CHECK: Check =
    Check::lint("greedy-service-entry", Severity::Warning, include_str!("greedy_service_entry.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for entry in &mesh.source.service_entries {
        let exported = entry.spec.export_to.iter().map(String::as_str);
        let default = mesh.settings.service_export_to;
        let visibility = Visibility::of(exported, &entry.namespace, default);
        let own = |names: &std::collections::BTreeSet<&str>| {
            names.iter().all(|name| *name == entry.namespace)
        };
        if matches!(&visibility, Visibility::Namespaces(names) if own(names)) {
            continue;
        }
        for (index, host) in entry.spec.hosts.iter().enumerate() {
            let Some(why) = greed(host, mesh.settings.cluster_domain) else { continue };
            let at = FieldPath::default().field("spec").field("hosts").index(index);
            out.push(
                Diagnostic::new(&CHECK, Place::value(entry.id, at), why)
                    .label("takes what is others'")
                    .consequence(
                        "every namespace that sees the entry sends requests for such hosts to it",
                    )
                    .help("name the hosts that are meant, or set `exportTo: [\".\"]`"),
            );
        }
    }
}

/// Why a host is more than one owner's.
fn greed(host: &str, cluster_domain: &str) -> Option<&'static str> {
    let under = host.strip_prefix("*.")?;
    if under == "svc"
        || under.ends_with(&format!("svc.{cluster_domain}"))
        || under == cluster_domain
    {
        return Some("the hosts of the cluster's own services are among these");
    }
    (!under.contains('.')).then_some("these are all hosts of a top-level domain")
}

#[cfg(test)]
mod tests {
    use super::greed;

    #[test]
    fn what_is_one_owners_is_not_too_much() {
        for host in ["*.com", "*.svc.cluster.local", "*.shop.svc.cluster.local", "*.local"] {
            assert!(greed(host, "cluster.local").is_some(), "{host}");
        }
        for host in ["*.example.com", "example.com", "api.shop.svc.cluster.local"] {
            assert!(greed(host, "cluster.local").is_none(), "{host}");
        }
    }
}
