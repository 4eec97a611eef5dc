//! `lost-root-headers`: what a route does to headers is lost where a delegate's routes do something to headers, too.
//!
//! A field of the delegate takes the place of the root's as a whole. That is meant of a timeout; of headers the delegate
//! hardly knows which ones the root sets. Source: Istio, `mergeHTTPRoute`.

use std::collections::BTreeSet;

use crate::api::istio::{HeaderOperations, Headers};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("lost-root-headers", Severity::Warning, include_str!("lost_root_headers.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, it) in mesh.virtual_services.iter() {
        let mut told = BTreeSet::new();
        for part in &it.http {
            let Some((document, index)) = part.root else { continue };
            let root = it.resource.spec.http.get(index).and_then(|it| it.headers.as_ref());
            let own = part.resource.spec.http.get(part.index).and_then(|it| it.headers.as_ref());
            let (Some(root), Some(own)) = (root, own) else { continue };
            let lost = lost(root, own);
            // One finding for all routes of the delegate: the root's line is what is lost.
            if lost.is_empty() || !told.insert(index) {
                continue;
            }
            out.push(report((document, index), (part.resource.id, part.index), &lost));
        }
    }
}

/// What the root does and the delegate does not: `what` it is done to, with the header.
fn lost(root: &Headers, own: &Headers) -> BTreeSet<String> {
    let of = |headers: &Headers| -> BTreeSet<(&'static str, String)> {
        let both = [("request", &headers.request), ("response", &headers.response)];
        let both = both.into_iter().filter_map(|(side, it)| Some((side, it.as_ref()?)));
        both.flat_map(|(side, it)| names(it).map(move |name| (side, name))).collect()
    };
    let lost = &of(root) - &of(own);
    lost.into_iter().map(|(side, name)| format!("`{name}` of the {side}")).collect()
}

fn names(of: &HeaderOperations) -> impl Iterator<Item = String> {
    of.set.keys().chain(of.add.keys()).chain(&of.remove).map(|name| name.to_ascii_lowercase())
}

fn report(
    root: (DocumentId, usize),
    part: (DocumentId, usize),
    lost: &BTreeSet<String>,
) -> Diagnostic {
    let place = |(document, index)| {
        let path = FieldPath::default().field("spec").field("http").index(index);
        Place::key(document, path.field("headers"))
    };
    let lost = lost.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let message = "what is done to headers here is lost where the delegate has headers of its own";
    Diagnostic::new(&CHECK, place(root), message)
        .label(format!("lost: {lost}"))
        .also(place(part), "these take the place of all of them")
        .consequence(format!(
            "requests that take the delegate's route go without the change of {lost}"
        ))
        .help("repeat them in the delegate's route, or leave its headers to the root alone")
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    fn count(root: &str, part: &str) -> usize {
        let folder = Folder::new();
        let text = format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: root, namespace: shop}}\nspec:\n  hosts: [a.example.com]\n  http: [{{match: [{{uri: {{prefix: /a}}}}], delegate: {{name: part}}, timeout: 5s{root}}}]\n---\n\
             apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: part, namespace: shop}}\nspec:\n  http:\n  - {{timeout: 1s, route: [{{destination: {{host: b.example.com}}}}]{part}}}\n"
        );
        folder.write("a.yaml", text);
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn headers_of_the_root_are_kept_unless_the_delegate_has_some() {
        let x = ", headers: {request: {set: {X-A: '1'}}}";
        assert_eq!(count(x, ", headers: {response: {set: {y: '1'}}}"), 1);
        assert_eq!(count(x, ", headers: {response: {set: {x-a: '1'}}}"), 1);
        assert_eq!(count(x, ""), 0);
        assert_eq!(count("", ", headers: {response: {set: {y: '1'}}}"), 0);
        // Another value of the same header is what the delegate means.
        assert_eq!(count(x, ", headers: {request: {set: {x-a: '2'}, remove: [z]}}"), 0);
    }
}
