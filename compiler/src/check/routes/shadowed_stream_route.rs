//! `shadowed-stream-route`: earlier `tls` or `tcp` routes take every connection that a later one matches.
//!
//! Of server names and subnets the most specific decides, and not the order: so these are the same, or one does not hide the
//! other. What stands after a route without `match` is `unreachable-route`'s. Source: Istio, `buildSidecarOutboundTLSFilterChainOpts`,
//! `buildSidecarOutboundTCPFilterChainOpts`.

use std::collections::BTreeMap;

use crate::api::istio::{L4Match, TlsMatch};
use crate::check::kept::apart;
use crate::check::matching::cover::covers_gateways;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::route::VirtualService;

pub(super) static CHECK: Check = Check::lint(
    "shadowed-stream-route",
    Severity::Warning,
    include_str!("shadowed_stream_route.md"),
)
.alias(&["IST0130", "IST0131"]);

/// What a match asks of a connection.
#[derive(Clone, Copy)]
struct Test<'m> {
    sni: &'m [String],
    subnets: &'m [String],
    port: u32,
    labels: &'m BTreeMap<String, String>,
    namespace: &'m str,
    gateways: &'m [String],
}

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    apart::virtual_services(mesh, out, |it, out| {
        let spec = &it.resource.spec;
        let tls = spec.tls.iter().map(|route| route.r#match.iter().map(Test::of_tls).collect());
        check(it, "tls", &tls.collect::<Vec<_>>(), out);
        let live = spec.tcp.iter().take_while(|route| !route.r#match.is_empty());
        let tcp = live.map(|route| route.r#match.iter().map(Test::of_bytes).collect());
        check(it, "tcp", &tcp.collect::<Vec<_>>(), out);
    });
}

fn check(
    it: &VirtualService<'_>,
    list: &'static str,
    routes: &[Vec<Test<'_>>],
    out: &mut Vec<Diagnostic>,
) {
    let place = |route: usize, test: usize| {
        let path = FieldPath::default().field("spec").field(list).index(route);
        Place::value(it.resource.id, path.field("match").index(test))
    };
    // Those that may take the same, by what must be the same.
    let mut before: BTreeMap<_, Vec<(Test<'_>, usize, usize)>> = BTreeMap::new();
    for (route, tests) in routes.iter().enumerate() {
        let gateways = &it.resource.spec.gateways;
        let mut taken = Vec::new();
        for (index, test) in tests.iter().enumerate() {
            let near = before.entry(test.key()).or_default();
            if let Some(by) = near.iter().find(|(by, ..)| by.covers(test, gateways)) {
                taken.push((index, *by));
            }
            near.push((*test, route, index));
        }
        let own = |(_, (_, of, _)): &(usize, (Test<'_>, usize, usize))| *of == route;
        if taken.len() == tests.len() && !taken.iter().any(own) {
            let Some((_, (_, first, test))) = taken.first() else { continue };
            let found =
                Diagnostic::new(&CHECK, place(route, 0), "this route can never be selected")
                    .label("never selected")
                    .also(place(*first, *test), "this takes every connection that it matches")
                    .consequence("all connections that it matches go where the earlier route leads")
                    .help("remove it, or let it ask for other connections");
            out.push(found);
            continue;
        }
        for (index, (_, of, by)) in taken {
            let mut found = Diagnostic::new(&CHECK, place(route, index), "this match adds nothing")
                .label("adds nothing")
                .also(place(of, by), "this takes every connection that it matches")
                .help("remove it, or let it ask for other connections");
            found.severity = Severity::Info;
            out.push(found);
        }
    }
}

impl<'m> Test<'m> {
    fn of_tls(it: &'m TlsMatch) -> Self {
        Self {
            sni: &it.sni_hosts,
            subnets: &it.destination_subnets,
            port: it.port,
            labels: &it.source_labels,
            namespace: &it.source_namespace,
            gateways: &it.gateways,
        }
    }

    fn of_bytes(it: &'m L4Match) -> Self {
        Self {
            sni: &[],
            subnets: &it.destination_subnets,
            port: it.port,
            labels: &it.source_labels,
            namespace: &it.source_namespace,
            gateways: &it.gateways,
        }
    }

    /// What is compared as a whole.
    fn key(&self) -> (&'m [String], &'m [String]) {
        (self.sni, self.subnets)
    }

    /// Whether it takes all that the `other` takes, of those with the same key.
    fn covers(&self, other: &Self, gateways: &[String]) -> bool {
        // A match that names gateways does not look at who sends.
        let (labels, namespace) = self.source();
        let (of, from) = other.source();
        let has = |(name, value): (&String, &String)| of.and_then(|of| of.get(name)) == Some(value);
        (self.port == 0 || self.port == other.port)
            && labels.is_none_or(|labels| labels.iter().all(has))
            && (namespace.is_empty() || namespace == from)
            && covers_gateways(self.gateways, other.gateways, gateways)
    }

    fn source(&self) -> (Option<&'m BTreeMap<String, String>>, &'m str) {
        if self.gateways.is_empty() { (Some(self.labels), self.namespace) } else { (None, "") }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Folder, findings};

    /// Of the second of two routes with these matches.
    fn is_hidden(list: &str, first: &str, second: &str) -> bool {
        let route = |test: &str| {
            format!(
                "{{match: [{test}], route: [{{destination: {{host: db, port: {{number: 5432}}}}}}]}}"
            )
        };
        let folder = Folder::new();
        folder.write("a.yaml", format!("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: db, namespace: shop}}\nspec: {{hosts: [db, a.example.com, '*.example.com'], {list}: [{}, {}]}}\n", route(first), route(second)));
        findings(folder.path()).iter().any(|it| it.check.name == "shadowed-stream-route")
    }

    #[test]
    fn a_match_of_its_own_route_may_take_all_too() {
        for (first, second) in
            [("{port: 80}, {port: 80}", "{port: 81}"), ("{port: 80}", "{port: 81}, {port: 80}")]
        {
            assert!(is_hidden("tcp", first, second), "{first} {second}");
        }
        assert!(!is_hidden("tcp", "{port: 80}, {port: 81}", "{port: 82}"));
    }

    #[test]
    fn what_is_more_specific_is_not_hidden() {
        for (first, second, expected) in [
            ("{port: 80}", "{port: 80}", true),
            ("{port: 80}", "{port: 81}", false),
            ("{sourceLabels: {app: a}}", "{port: 80, sourceLabels: {app: a, v: b}}", true),
            ("{port: 80, sourceLabels: {app: a}}", "{port: 80}", false),
            ("{destinationSubnets: [10.0.0.0/8]}", "{destinationSubnets: [10.1.0.0/16]}", false),
            ("{port: 80, gateways: [mesh]}", "{port: 80}", true),
            ("{port: 80, gateways: [edge/a]}", "{port: 80}", false),
        ] {
            assert_eq!(is_hidden("tcp", first, second), expected, "{first} {second}");
        }
        let names = |names: &str| format!("{{sniHosts: [{names}]}}");
        assert!(is_hidden("tls", &names("a.example.com"), &names("a.example.com")));
        assert!(!is_hidden("tls", &names("'*.example.com'"), &names("a.example.com")));
    }
}
