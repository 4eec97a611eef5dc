//! `order-by-name`: at a gateway routes of two resources for one host take the same requests, and nothing but their names says
//! whose comes first.
//!
//! A cluster goes by age, which files do not tell: made in the other order there, the wider route would hide the narrower one. What the
//! order by names itself hides is `shadowed-route`'s. Source: Istio, `sortConfigByCreationTime`, `buildGatewayHTTPRouteConfig`.

use std::collections::BTreeSet;

use crate::api::istio::HttpRoute;
use crate::check::matching::merged_routes::{self, Merged, MergedRoutes};
use crate::check::matching::tried::Tried;
use crate::diagnostic::{Check, Diagnostic, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("order-by-name", Severity::Info, include_str!("order_by_name.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut met = BTreeSet::new();
    for merged in merged_routes::all(mesh) {
        check(&merged, &mut met, out);
    }
}

/// Each two resources are told once, of the first routes that are so.
fn check(
    merged: &MergedRoutes<'_, '_>,
    met: &mut BTreeSet<(DocumentId, DocumentId)>,
    out: &mut Vec<Diagnostic>,
) {
    let back: Vec<_> = merged.tried.iter().rev().collect();
    let tests: Vec<_> = back.iter().map(|it| it.test.map(|(_, test)| test)).collect();
    let tried = Tried::of(&tests);
    for (position, it) in back.iter().enumerate().rev() {
        let later = tried.before(position).filter_map(|place| back.get(place));
        let mut rivals = later.filter(|wider| {
            is_rival(wider, it) && wider.covers(it) && !it.covers(wider) && !leads_alike(wider, it)
        });
        let Some(wider) = rivals.next() else { continue };
        if met.insert((it.of.resource.id, wider.of.resource.id)) {
            out.push(report(merged, it, wider));
        }
    }
}

/// Whether `wider` is tried behind `it` for its name alone.
fn is_rival(wider: &Merged<'_, '_>, it: &Merged<'_, '_>) -> bool {
    wider.of.resource.id != it.of.resource.id
        && !wider.is_catch_all()
        && wider.of.age.is_tied_with(&it.of.age)
}

fn leads_alike(one: &Merged<'_, '_>, other: &Merged<'_, '_>) -> bool {
    let action = |it: &Merged<'_, '_>| {
        let mut spec = HttpRoute::clone(&it.route.spec);
        spec.name.clear();
        spec.r#match.clear();
        spec
    };
    action(one) == action(other)
}

fn report(
    merged: &MergedRoutes<'_, '_>,
    it: &Merged<'_, '_>,
    wider: &Merged<'_, '_>,
) -> Diagnostic {
    let (host, gateway) = (&merged.host, merged.gateway);
    let message = format!(
        "for `{host}` at the Gateway `{gateway}` names alone say that this is tried before a wider route of another resource"
    );
    Diagnostic::new(&CHECK, it.place(), message)
        .label("tried first: its resource's name comes first")
        .also(wider.place(), "this takes all of its requests, and would take them if its resource were named, or made, before")
        .consequence("in a cluster the older resource's routes come first: there it may be the other way round")
        .help("put the host's routes into one VirtualService, the more specific one first")
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// How often it is told of two resources with such names, first lines of `metadata`, paths and destinations.
    fn count(all: &[(&str, &str, &str)]) -> usize {
        let folder = Folder::new();
        let gateway = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: shop}\nspec: {selector: {istio: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example.com]}]}\n";
        let services = all.iter().map(|(metadata, uri, to)| {
            format!("---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{{metadata}, namespace: shop}}\nspec: {{hosts: [a.example.com], gateways: [g], http: [{{match: [{{uri: {uri}}}], route: [{{destination: {{host: {to}}}}}]}}]}}\n")
        });
        folder.write("a.yaml", format!("{gateway}{}", services.collect::<String>()));
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn what_names_alone_put_first_is_told() {
        let (narrow, wide) = ("{prefix: /api/v2}", "{prefix: /api}");
        assert_eq!(count(&[("name: a", narrow, "x"), ("name: z", wide, "y")]), 1);
        // The other way round nothing is asked of the narrow one: that is told already.
        assert_eq!(count(&[("name: z", narrow, "x"), ("name: a", wide, "y")]), 0);
        assert_eq!(count(&[("name: a", narrow, "x"), ("name: z", wide, "x")]), 0);
        assert_eq!(count(&[("name: a", narrow, "x"), ("name: z", "{prefix: /}", "y")]), 0);
        assert_eq!(count(&[("name: a", narrow, "x"), ("name: z", "{prefix: /b}", "y")]), 0);
        let made = |name: &str, year: u32| {
            format!("name: {name}, creationTimestamp: '{year}-01-01T00:00:00Z'")
        };
        // Of equal ones the later is never asked: that is told, too.
        assert_eq!(count(&[("name: a", narrow, "x"), ("name: z", narrow, "y")]), 0);
        let (older, newer) = (made("a", 2024), made("z", 2025));
        assert_eq!(count(&[(&older, narrow, "x"), (&newer, wide, "y")]), 0);
    }
}
