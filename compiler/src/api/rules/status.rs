//! What controllers wrote into a resource that was taken from a cluster: where it was not accepted.
//!
//! A `status` is no author's, and nothing of it is compiled. Source: Istio, `conditions.ConditionAnalyzer`.

use super::checks::NEGATIVE_CONDITION;
use crate::diagnostic::{At, Diagnostic};
use crate::parse::{Content, Document, DocumentId, NodeId, Tree};

/// Kinds by group, and the conditions that are bad news when they do not hold.
const CONDITIONS: &[(&str, &str, &[&str])] = &[
    ("", "Service", &["istio.io/WaypointBound"]),
    ("networking.istio.io", "ServiceEntry", &["istio.io/WaypointBound"]),
    ("networking.istio.io", "WorkloadEntry", &["istio.io/WaypointBound"]),
    ("security.istio.io", "AuthorizationPolicy", &["ZtunnelAccepted", "WaypointAccepted"]),
    ("gateway.networking.k8s.io", "Gateway", &["Accepted", "Programmed", "ResolvedRefs"]),
    ("gateway.networking.k8s.io", "HTTPRoute", &["Accepted", "Programmed", "ResolvedRefs"]),
    ("gateway.networking.k8s.io", "GRPCRoute", &["Accepted", "Programmed", "ResolvedRefs"]),
];

/// Looks at the tree, since no type of ours has a status.
pub(in crate::api) fn check(
    tree: &Tree,
    source: &str,
    id: DocumentId,
    document: &Document,
    out: &mut Vec<Diagnostic>,
) {
    let identity = &document.identity;
    let is_kind = |(group, kind, _): &&(&str, &str, &[&str])| {
        *kind == &*identity.kind && *group == identity.group()
    };
    let Some((.., names)) = CONDITIONS.iter().find(is_kind) else { return };
    let Some(status) = tree.entry(document.root, "status", source) else { return };
    let reader = Reader { tree, source, names };
    let root = At::root(id);
    let at = root.field("status");
    reader.check(status.value, &at, out);
    // A route has a status at each of its parents.
    let Some(parents) = tree.entry(status.value, "parents", source) else { return };
    let at = at.field("parents");
    for (index, parent) in tree.elements(parents.value).iter().enumerate() {
        reader.check(*parent, &at.index(index), out);
    }
}

struct Reader<'a> {
    tree: &'a Tree,
    source: &'a str,
    names: &'a [&'a str],
}

impl Reader<'_> {
    fn check(&self, status: NodeId, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        let Some(conditions) = self.tree.entry(status, "conditions", self.source) else { return };
        let at = at.field("conditions");
        for (index, condition) in self.tree.elements(conditions.value).iter().enumerate() {
            let text = |key| self.tree.text_at(*condition, key, self.source).unwrap_or_default();
            let name = text("type");
            let is_partial = name == "WaypointAccepted" && text("reason") == "PartiallyInvalid";
            let is_negative = self.names.contains(&name) && self.is_false(*condition);
            if is_negative || is_partial && self.names.contains(&name) {
                let at = at.index(index);
                let message =
                    format!("a cluster says that `{name}` does not hold: {}", text("reason"));
                let found =
                    Diagnostic::new(&NEGATIVE_CONDITION, at.field("status").value(), message)
                        .label(text("message"));
                out.push(found.consequence(
                    "where this was taken from, it is not in effect, or in part only",
                ));
            }
        }
    }

    /// `"False"`, or without quotes, which YAML reads as a truth value.
    fn is_false(&self, condition: NodeId) -> bool {
        let Some(entry) = self.tree.entry(condition, "status", self.source) else { return false };
        match self.tree.content(entry.value) {
            Content::Text(text) => self.tree.text(text, self.source) == "False",
            Content::Bool(value) => !value,
            _ => false,
        }
    }
}
