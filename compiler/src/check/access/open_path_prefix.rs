//! `open-path-prefix`: a path with `*` in the midst of a segment lets in, or leaves out, longer names than the one that is meant.
//!
//! Source: Istio, `AuthorizationPolicy.rules.to.operation.paths`: a prefix is compared as text, and not segment by segment as
//! `PathPrefix` of the Gateway API is.

use crate::check::kept::apart;
use crate::check::operation::{PATHS, Values, letting_in};
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("open-path-prefix", Severity::Info, include_str!("open_path_prefix.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    apart::authorization_policies(mesh, out, |policy, out| {
        if policy.scope.is_err() {
            return;
        }
        let id = policy.resource.id;
        for Values { field, all, at } in letting_in(policy.resource, &PATHS) {
            let open = all.iter().enumerate().filter_map(|(index, path)| {
                Some((Place::value(id, at.clone().index(index)), cut_segment(path)?))
            });
            let mut open = open.peekable();
            if let Some((first, path)) = open.next() {
                out.push(report(first, path, field).and_here(open.map(|(place, _)| place)));
            }
        }
    });
}

/// What stands before the `*`, where that is the beginning of a name.
fn cut_segment(path: &str) -> Option<&str> {
    let prefix = path.strip_suffix('*').filter(|it| !it.contains(['*', '{']))?;
    prefix.ends_with(|c: char| c.is_alphanumeric()).then_some(prefix)
}

fn report(place: Place, prefix: &str, field: &str) -> Diagnostic {
    let what = if field == "paths" { "lets in" } else { "leaves out" };
    Diagnostic::new(&CHECK, place, format!("`{prefix}*` is also for `{prefix}x`"))
        .label("the name may go on")
        .consequence(format!("the rule {what} requests for every path that begins so"))
        .help(format!("for the path and what is below it, write `{prefix}` and `{prefix}/*`"))
}
