//! `match-never-holds`: a match of a route asks for a port, a gateway, or a caller's namespace or labels that there are not where the
//! route applies, or for what no request has ([`crate::check::matching::possible`]).
//!
//! Only what is written in the resource itself is judged, not what a delegate inherits. Source: Istio,
//! `HTTPMatchRequest`, `L4MatchAttributes`, `TLSMatchAttributes`: `port`, `gateways`, `sourceNamespace`, `sourceLabels`.

mod authority;
mod caller;
mod place;
mod request;

use authority::{Authorities, check_authority, check_delegates, foreign_authority};
use caller::{Callers, check_labels, check_namespace};
use place::{check_gateways, check_port};
use request::of_text;

use crate::api::istio::HttpMatch;
use crate::check::any_match::{self, AnyMatch};
use crate::check::kept::apart;
use crate::check::matching::dead_texts;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::route::{MergedHttp, VirtualService, gateway_name};

pub(super) static CHECK: Check =
    Check::lint("match-never-holds", Severity::Warning, include_str!("match_never_holds.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let known = Known::default();
    apart::virtual_services(mesh, out, |it, out| {
        for asked in any_match::of(it.resource) {
            let before = out.len();
            check_gateways(mesh, it, &asked, out);
            if out.len() == before {
                out.extend(check_port(mesh, it, &asked));
                let of_callers = check_namespace(mesh, it, &asked);
                // At gateways alone it is one fault to ask for callers.
                let is_told = of_callers.is_some() && !it.is_for_mesh();
                out.extend(of_callers);
                if !is_told {
                    out.extend(check_labels(mesh, it, &asked, &known.callers));
                }
            }
        }
        check_authority(mesh, it, &known.authorities, out);
    });
    let mode = mesh.settings.path_normalization;
    apart::resources(&mesh.source.virtual_services, out, |it, out| {
        let list = FieldPath::default().field("spec").field("http");
        for (route, http) in it.spec.http.iter().enumerate() {
            for (index, test) in http.r#match.iter().enumerate() {
                let at = || list.clone().index(route).field("match").index(index);
                request::check(it.id, test, mode, &at, out);
            }
        }
    });
    apart::resources(&mesh.source.http_routes, out, |it, out| {
        let list = FieldPath::default().field("spec").field("rules");
        for (rule, written) in it.spec.rules.iter().enumerate() {
            for (index, test) in written.matches.iter().enumerate() {
                let at = || list.clone().index(rule).field("matches").index(index);
                let dead = dead_texts::of_route_match(test, mode, &at);
                out.extend(dead.map(|dead| of_text(it.id, dead)));
            }
        }
    });
    // It looks at all routes, and no walk behind it would be kept.
    check_delegates(mesh, &known.authorities, out);
}

/// What was found out for one match and holds for others, too. It is made of the mesh alone.
#[derive(Default)]
pub(super) struct Known<'m> {
    callers: Callers<'m>,
    authorities: Authorities,
}

/// Whether a match of a route of `it` never holds, as this rule says of it; what a delegate inherits it does not judge.
pub(super) fn never_holds<'m>(
    mesh: &'m Mesh<'_>,
    it: &VirtualService<'_>,
    route: &MergedHttp<'_>,
    test: &'m HttpMatch,
    known: &Known<'m>,
) -> bool {
    let mode = mesh.settings.path_normalization;
    if !request::is_possible(test, mode) {
        return true;
    }
    let asked = AnyMatch::of_http(test, FieldPath::default());
    let is_bound = |name: &String| it.gateways.contains(&gateway_name(name, it.namespace()));
    let is_somewhere = asked.gateways.is_empty() || asked.gateways.iter().any(is_bound);
    route.root.is_none()
        && (!is_somewhere
            || foreign_authority(mesh, it, test, &known.authorities).is_some()
            || check_port(mesh, it, &asked).is_some()
            || check_namespace(mesh, it, &asked).is_some()
            || check_labels(mesh, it, &asked, &known.callers).is_some())
}

const NOTHING_ROUTED: &str = "nothing is routed by this match: it goes by those after it, if any";

fn never(it: &VirtualService<'_>, path: FieldPath, message: String) -> Diagnostic {
    never_in(it.resource.id, path, message)
}

fn never_in(document: DocumentId, path: FieldPath, message: String) -> Diagnostic {
    Diagnostic::new(&CHECK, Place::value(document, path), message)
        .label("never holds")
        .consequence(NOTHING_ROUTED)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Folder, findings};

    const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: [{name: http, port: 80}]}\n---\n";

    /// What is said of matches that never hold, of routes that others shadow, and of matches that are repeated.
    fn said(resource: &str) -> Vec<(&'static str, String)> {
        let folder = Folder::new();
        folder.write("a.yaml", format!("{SERVICE}{resource}"));
        let about = ["match-never-holds", "shadowed-route", "repeated-match"];
        let found = findings(folder.path()).into_iter();
        let found = found.filter(|it| about.contains(&it.check.name));
        found.map(|it| (it.check.name, it.message)).collect()
    }

    fn of_routes(matches: &[&str]) -> Vec<(&'static str, String)> {
        let to = "route: [{destination: {host: web}}]";
        let routes = matches.iter().map(|it| format!("  - match: [{it}]\n    {to}\n"));
        let routes: String = routes.collect();
        said(&format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: web, namespace: shop}}\nspec:\n  hosts: [web]\n  http:\n{routes}  - {to}\n"
        ))
    }

    #[test]
    fn texts_that_no_request_has_are_told() {
        for (test, message) in [
            (
                "{uri: {exact: '/a?b=c'}}",
                "nothing is ever `/a?b=c`: what follows `?` or `#` is no part of it",
            ),
            ("{uri: {prefix: abc}}", "nothing ever begins with `abc`: a path begins with `/`"),
            ("{uri: {regex: api/.*}}", "nothing ever matches `api/.*`: a path begins with `/`"),
            ("{method: {exact: get}}", "`get` never matches `GET`: methods are compared with case"),
            (
                "{scheme: {exact: HTTPS}}",
                "nothing is ever `HTTPS`: the scheme is `http` or `https`",
            ),
            (
                "{headers: {x: {exact: ' a'}}}",
                "nothing is ever ` a`: white space around a value is no part of it",
            ),
            (
                "{headers: {':method': {exact: get}}}",
                "`get` never matches `GET`: methods are compared with case",
            ),
            (
                "{queryParams: {x: {exact: 'a&b'}}}",
                "nothing is ever `a&b`: white space, control characters, `&` and `#` are escaped in a parameter",
            ),
        ] {
            assert_eq!(of_routes(&[test]), [("match-never-holds", message.to_owned())], "{test}");
        }
        for test in [
            "{uri: {prefix: ''}}",
            "{uri: {exact: /a%20b}}",
            "{withoutHeaders: {x: {exact: ' a'}}}",
            "{headers: {'@request.auth.claims.sub': {exact: ' a'}}}",
            "{method: {exact: REPORT}, headers: {x: {regex: '.*'}}}",
        ] {
            assert!(of_routes(&[test]).is_empty(), "{test}");
        }
    }

    #[test]
    fn a_port_for_bytes_has_no_requests() {
        let told = |ports: &str, gateways: &str, test: &str| {
            let text = format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop}}\nspec: {{ports: [{ports}]}}\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: web, namespace: shop}}\nspec:\n  hosts: [web]\n  gateways: [{gateways}]\n  {test}\n"
            );
            let folder = Folder::new();
            folder.write("a.yaml", text);
            let about = ["match-never-holds", "http-route-on-tcp-port"];
            let found = findings(folder.path()).into_iter().map(|it| it.check.name);
            found.filter(|it| about.contains(it)).collect::<Vec<_>>()
        };
        let (http, tcp) = ("{name: http, port: 80}", "{name: tcp-admin, port: 9000}");
        let both = format!("{http}, {tcp}");
        let at = |port: u16| {
            let to = "route: [{destination: {host: web, port: {number: 80}}}]";
            format!("http: [{{match: [{{port: {port}}}], {to}}}, {{{to}}}]")
        };
        assert_eq!(told(&both, "mesh", &at(9000)), ["match-never-holds"]);
        assert_eq!(told(tcp, "mesh", &at(9000)), ["http-route-on-tcp-port"]);
        for (ports, gateways, test) in [
            (both.as_str(), "mesh", at(80)),
            (&both, "mesh, g", at(9000)),
            (&format!("{http}, {{name: admin, port: 9000}}"), "mesh", at(9000)),
            (&both, "mesh", at(9000).replace("http:", "tcp:")),
        ] {
            assert_eq!(told(ports, gateways, &test), [""; 0], "{ports} {gateways} {test}");
        }
    }

    #[test]
    fn a_port_is_one_of_a_gateway_or_of_the_mesh() {
        let at = |host: &str, port: u16| of_gateways(host, port, "g, mesh");
        assert!(of_gateways("shop.example.com", 443, "mesh").is_empty(), "the host is told");
        let found = at("shop.example.com", 443);
        assert!(found.len() == 1 && found[0].0 == "match-never-holds", "{found:?}");
        // Without a service a sidecar has the host at port 80.
        for (host, port) in [
            ("shop.example.com", 80),
            ("shop.example.com", 8443),
            ("web", 80),
            ("'*.example.com'", 443),
        ] {
            assert!(at(host, port).is_empty(), "{host} {port}");
        }
    }

    fn of_gateways(host: &str, port: u16, gateways: &str) -> Vec<(&'static str, String)> {
        said(&format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: shop}}\nspec: {{selector: {{istio: ingress}}, servers: [{{port: {{number: 8443, name: http, protocol: HTTP}}, hosts: ['*']}}]}}\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: web, namespace: shop}}\nspec:\n  hosts: [{host}]\n  gateways: [{gateways}]\n  http:\n  - match: [{{port: {port}}}]\n    route: [{{destination: {{host: web}}}}]\n  - route: [{{destination: {{host: web}}}}]\n"
        ))
    }

    #[test]
    fn a_match_may_exclude_itself() {
        for (test, message) in [
            ("{queryParams: {a=b: {exact: c}}}", "no parameter is called `a=b`"),
            (
                "{headers: {x: {exact: a}}, withoutHeaders: {X: {}}}",
                "what is asked of the header `X` is excluded",
            ),
            ("{withoutHeaders: {':method': {}}}", "every request has `:method`"),
            ("{authority: {exact: other.example}}", "`other.example` is none of the hosts"),
            ("{authority: {exact: 'web.other:80'}}", "`web.other:80` is none of the hosts"),
        ] {
            let found = of_routes(&[test]);
            assert!(found.len() == 1 && found[0].1.contains(message), "{test}: {found:?}");
        }
        for test in [
            "{authority: {exact: web}}",
            "{authority: {exact: 'web.shop:80'}}",
            "{authority: {exact: WEB.shop.svc.cluster.local}}",
            "{authority: {exact: 10.0.0.1}}",
            "{authority: {exact: 'web:abc'}}",
            "{authority: {exact: web-0.web.shop.svc.cluster.local}}",
            "{headers: {x: {}}, withoutHeaders: {x: {exact: a}}}",
            "{queryParams: {'a[b]': {exact: c}}}",
        ] {
            assert!(of_routes(&[test]).is_empty(), "{test}");
        }
    }

    #[test]
    fn a_service_may_be_called_by_an_alias() {
        let alias = "apiVersion: v1\nkind: Service\nmetadata: {name: old, namespace: shop}\nspec: {type: ExternalName, externalName: web.shop.svc.cluster.local, ports: [{name: http, port: 80}]}\n---\n";
        let route = |name: &str| {
            said(&format!(
                "{alias}apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: web, namespace: shop}}\nspec:\n  hosts: [web]\n  http:\n  - match: [{{authority: {{exact: {name}}}}}]\n    route: [{{destination: {{host: web}}}}]\n"
            ))
        };
        assert!(route("old").is_empty());
        assert_eq!(route("older").len(), 1);
    }

    #[test]
    fn delegates_are_for_the_hosts_of_their_roots() {
        let to = "route: [{destination: {host: web}}]";
        let root = |host: &str, more: &str| {
            format!(
                "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {host}, namespace: shop}}\nspec:\n  hosts: [{host}.test]\n  http: [{{{more}delegate: {{name: part}}}}]\n---\n"
            )
        };
        let part = |test: &str| {
            format!(
                "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: part, namespace: shop}}\nspec:\n  http: [{{match: [{{authority: {{exact: {test}}}}}], {to}}}]\n"
            )
        };
        let both = format!("{}{}", root("a", ""), root("b", ""));
        for host in ["a.test", "b.test"] {
            assert!(said(&format!("{both}{}", part(host))).is_empty(), "{host}");
        }
        let found = said(&format!("{both}{}", part("c.test")));
        let told = "`c.test` is none of the hosts for which somebody delegates here".to_owned();
        assert_eq!(found, [("match-never-holds", told)]);
        let one = root("a", "match: [{uri: {prefix: /x}}], ");
        assert_eq!(said(&format!("{one}{}", part("b.test"))).len(), 1);
        // Nobody delegates to it, which is told.
        assert!(said(&part("c.test")).is_empty());
    }

    #[test]
    fn what_never_holds_is_not_shadowed_as_well() {
        for test in [
            "{uri: {exact: '/a?b'}}",
            "{uri: {prefix: /a/b}, port: 9999}",
            "{uri: {prefix: /a/b}, gateways: [g]}",
            "{uri: {prefix: /a/b}, port: 9999, gateways: [mesh]}",
        ] {
            let found = of_routes(&["{uri: {prefix: /a}}", test]);
            let names: Vec<_> = found.iter().map(|it| it.0).collect();
            assert_eq!(names, ["match-never-holds"], "{test}");
        }
        // At one of the gateways it holds, and is shadowed there.
        let found =
            of_routes(&["{uri: {prefix: /a}}", "{uri: {prefix: /ab}, gateways: [g, mesh]}"]);
        let names: Vec<_> = found.iter().map(|it| it.0).collect();
        assert_eq!(names, ["shadowed-route", "match-never-holds"]);
        // It keeps no route alive that is shadowed otherwise.
        let to = "route: [{destination: {host: web}}]";
        let found = said(&format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: web, namespace: shop}}\nspec:\n  hosts: [web]\n  http:\n  - match: [{{uri: {{prefix: /x}}}}]\n    {to}\n  - match: [{{uri: {{exact: '/a?b'}}}}, {{uri: {{prefix: /x/y}}}}]\n    {to}\n"
        ));
        let never = "this route can never be selected".to_owned();
        assert!(found.contains(&("shadowed-route", never)), "{found:?}");
        let found = of_routes(&["{uri: {prefix: /a}}", "{uri: {exact: /ab}}"]);
        assert_eq!(found.iter().map(|it| it.0).collect::<Vec<_>>(), ["shadowed-route"]);
    }

    /// Beside the name of a gateway, which `ignored-source-match` tells.
    #[test]
    fn callers_are_looked_at_where_the_proxy_does() {
        let said = |test: &str| {
            said(&format!(
                "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop}}\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: web, namespace: shop}}\nspec:\n  hosts: [web]\n  http:\n  - match: [{test}]\n    route: [{{destination: {{host: web}}}}]\n"
            ))
        };
        let never = ("match-never-holds", "there is no namespace `nope`".to_owned());
        assert_eq!(said("{sourceNamespace: nope}"), [never]);
        assert!(said("{sourceNamespace: nope, gateways: [mesh]}").is_empty());
    }

    #[test]
    fn what_never_holds_is_not_repeated_as_well() {
        let rules = |all: &[&str]| {
            let all = all.iter().map(|it| {
                format!("  - matches: [{it}]\n    backendRefs: [{{name: web, port: 80}}]\n")
            });
            let all: String = all.collect();
            let found = said(&format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: web, namespace: shop}}\nspec:\n  parentRefs: [{{group: '', kind: Service, name: web}}]\n  rules:\n{all}"
            ));
            found.into_iter().filter(|it| it.0 == "repeated-match").map(|it| it.1).collect()
        };
        let (dead, x) = ("{path: {type: RegularExpression, value: api}}", "{path: {value: /x}}");
        let none: Vec<String> = rules(&[dead, dead]);
        assert!(none.is_empty(), "{none:?}");
        // It keeps no rule alive that repeats another one otherwise.
        let all = rules(&[x, &format!("{dead}, {x}")]);
        assert_eq!(all, ["this rule can never be selected for `web.shop.svc.cluster.local`"]);
        let one = rules(&[x, &format!("{dead}, {x}, {{path: {{value: /y}}}}")]);
        assert_eq!(one, ["a match of this rule adds nothing for `web.shop.svc.cluster.local`"]);
    }

    #[test]
    fn routes_of_the_gateway_api_are_looked_at_too() {
        let route = |kind: &str, test: &str| {
            said(&format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: web, namespace: shop}}\nspec:\n  parentRefs: [{{group: '', kind: Service, name: web}}]\n  rules: [{{matches: [{test}], backendRefs: [{{name: web, port: 80}}]}}]\n"
            ))
        };
        for (kind, test) in [
            ("HTTPRoute", "{path: {type: RegularExpression, value: api/.*}}"),
            ("HTTPRoute", "{path: {value: /%61}}"),
            ("HTTPRoute", "{queryParams: [{name: x, value: a&b}]}"),
            ("GRPCRoute", "{headers: [{name: x, type: RegularExpression, value: 'a\\nb'}]}"),
        ] {
            let found = route(kind, test);
            assert_eq!(
                found.iter().map(|it| it.0).collect::<Vec<_>>(),
                ["match-never-holds"],
                "{test}"
            );
        }
        // The API refuses it, which is told.
        for test in ["{path: {value: '/a?b'}}", "{headers: [{name: x, value: ' a'}]}"] {
            assert!(route("HTTPRoute", test).is_empty(), "{test}");
        }
        assert!(
            route("HTTPRoute", "{path: {value: /a}, queryParams: [{name: x, value: a}]}")
                .is_empty()
        );
    }

    #[test]
    fn labels_are_those_of_somebody_who_may_call() {
        let pod = |namespace: &str, labels: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: {namespace}, labels: {{{labels}}}}}\nspec: {{containers: [{{name: a, image: a}}]}}\n---\n"
            )
        };
        let with = |pods: &str, test: &str| {
            said(&format!(
                "{pods}apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: web, namespace: shop}}\nspec:\n  hosts: [web]\n  http:\n  - match: [{test}]\n    route: [{{destination: {{host: web}}}}]\n"
            ))
            .into_iter()
            .map(|it| it.1)
            .collect::<Vec<_>>()
        };
        let pods = pod("shop", "app: a, v: b") + &pod("web", "app: c");
        let none = "no workload has the label `app: nosuch`";
        assert_eq!(with(&pods, "{sourceLabels: {app: nosuch}}"), [none]);
        assert_eq!(
            with(&pods, "{sourceLabels: {app: c, v: b}}"),
            ["no workload has all of these labels"]
        );
        assert_eq!(with(&pods, "{sourceNamespace: shop, sourceLabels: {app: c}}").len(), 1);
        assert!(with(&pods, "{sourceLabels: {app: c}}").is_empty());
        assert!(with("", "{sourceLabels: {app: nosuch}}").is_empty(), "nobody knows what runs");
        let other = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: other}\nspec: {ports: [{port: 80}]}\n---\n";
        let callers = with(&(pods.clone() + other), "{sourceLabels: {app: nosuch}}");
        assert!(callers.is_empty(), "nor in another namespace");
        let elsewhere = "{sourceNamespace: other, sourceLabels: {app: nosuch}}";
        assert!(with(&pods, elsewhere).is_empty(), "nor there");
    }
}
