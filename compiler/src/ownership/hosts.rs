//! The hosts that a resource takes requests for, or sets the traffic of.

use crate::diagnostic::FieldPath;
use crate::parse::{Content, Document, NodeId, Parsed};

/// By group and kind, the way to each; `*` goes into a list.
const FIELDS: &[(&str, &str, &[&str])] = &[
    ("networking.istio.io", "VirtualService", &["spec", "hosts", "*"]),
    ("networking.istio.io", "DestinationRule", &["spec", "host"]),
    ("networking.istio.io", "Gateway", &["spec", "servers", "*", "hosts", "*"]),
    ("networking.istio.io", "ServiceEntry", &["spec", "hosts", "*"]),
    ("gateway.networking.k8s.io", "HTTPRoute", &["spec", "hostnames", "*"]),
    ("gateway.networking.k8s.io", "GRPCRoute", &["spec", "hostnames", "*"]),
    ("gateway.networking.k8s.io", "TLSRoute", &["spec", "hostnames", "*"]),
    ("gateway.networking.k8s.io", "Gateway", &["spec", "listeners", "*", "hostname"]),
    ("gateway.networking.k8s.io", "ListenerSet", &["spec", "listeners", "*", "hostname"]),
    ("networking.k8s.io", "Ingress", &["spec", "rules", "*", "host"]),
];

/// A host where it is written.
pub(super) struct Host<'a> {
    pub path: FieldPath,
    /// Without the namespace that a Gateway may write before it.
    pub text: &'a str,
}

pub(super) fn of<'a>(parsed: &'a Parsed, document: &Document) -> Vec<Host<'a>> {
    let identity = &document.identity;
    let field = FIELDS
        .iter()
        .find(|(group, kind, _)| (*group, *kind) == (identity.group(), &*identity.kind));
    let mut found = Vec::new();
    if let Some((.., way)) = field {
        let walk = Walk { parsed, document };
        walk.follow(document.root, FieldPath::default(), way, &mut found);
    }
    found
}

struct Walk<'a, 'd> {
    parsed: &'a Parsed,
    document: &'d Document,
}

impl<'a> Walk<'a, '_> {
    fn follow(&self, node: NodeId, path: FieldPath, way: &[&'static str], out: &mut Vec<Host<'a>>) {
        let tree = self.parsed.tree(self.document.tree);
        let source = self.parsed.source(self.document.file).text();
        match way {
            [] => {
                if let Content::Text(text) = tree.content(node) {
                    let text = tree.text(text, source);
                    let text = text.split_once('/').map_or(text, |(_, host)| host);
                    out.push(Host { path, text });
                }
            }
            ["*", rest @ ..] => {
                for (index, element) in tree.elements(node).iter().enumerate() {
                    self.follow(*element, path.clone().index(index), rest, out);
                }
            }
            [field, rest @ ..] => {
                if let Some(entry) = tree.entry(node, field, source) {
                    self.follow(entry.value, path.field(*field), rest, out);
                }
            }
        }
    }
}

impl<'a> Host<'a> {
    /// The namespace whose service it is, in a resource of the namespace `own`. Istio completes names without a dot.
    pub(super) fn namespace(&self, own: &'a str, domain: &str) -> Option<&'a str> {
        if !self.text.contains(['.', '*']) {
            return Some(own);
        }
        let service = self.text.strip_suffix(domain)?.strip_suffix(".svc.")?;
        let (_, namespace) = service.rsplit_once('.')?;
        Some(namespace)
    }
}
