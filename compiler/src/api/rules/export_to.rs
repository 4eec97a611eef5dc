//! `exportTo`: who sees a resource.

use super::checks::INVALID_EXPORT_TO;
use super::label::is_dns_label;
use crate::diagnostic::{At, Diagnostic};

/// What else a kind allows, or does not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Extent {
    /// Namespaces, `.` and `*`.
    Plain,
    /// Nobody, too: `~`.
    OrNobody,
    /// The resource's own namespace alone.
    OwnOnly,
}

/// What holds for the resources of a mesh that say nothing. Source: Istio, `MeshConfig.defaultServiceExportTo` and its like.
pub(super) fn check_default(export_to: &[String], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for (index, entry) in export_to.iter().enumerate() {
        if !matches!(entry.as_str(), "." | "*" | "~") && !is_dns_label(entry) {
            let message = format!("`{entry}` is no namespace");
            let found = Diagnostic::new(&INVALID_EXPORT_TO, at.index(index).value(), message);
            out.push(found.label("a namespace, `.`, `*` or `~`"));
        }
    }
}

/// `namespace` is the resource's own.
pub(super) fn check(
    export_to: &[String],
    namespace: &str,
    extent: Extent,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let own = |entry: &str| if entry == "." { namespace.to_owned() } else { entry.to_owned() };
    for (index, entry) in export_to.iter().enumerate() {
        let at_entry = at.index(index);
        let fault = |message: String, label: &str| {
            Diagnostic::new(&INVALID_EXPORT_TO, at_entry.value(), message).label(label)
        };
        let earlier = export_to.iter().take(index).position(|before| own(before) == own(entry));
        if let Some(earlier) = earlier {
            let found = fault(format!("`{entry}` stands in `exportTo` twice"), "again");
            out.push(found.also(at.index(earlier).value(), "the same namespace"));
        } else if entry == "~" && extent != Extent::OrNobody {
            out.push(fault(
                "only a ServiceEntry can be exported to nobody (`~`)".into(),
                "not here",
            ));
        } else if !matches!(entry.as_str(), "." | "*" | "~") && !is_dns_label(entry) {
            out.push(fault(format!("`{entry}` is no namespace"), "a namespace, `.` or `*`"));
        } else if extent == Extent::OwnOnly && own(entry) != namespace {
            let message = "a DestinationRule for some workloads is for its own namespace alone";
            out.push(fault(message.into(), "beyond it").also(at.key(), "only `.` can stand here"));
        } else if matches!(entry.as_str(), "*" | "~") && export_to.len() > 1 {
            let whom = if entry == "*" { "all namespaces" } else { "nobody" };
            out.push(fault(
                format!("`{entry}` is {whom}, so nothing can stand beside it"),
                "must stand alone",
            ));
        }
    }
}
