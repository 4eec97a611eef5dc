//! `match-never-holds`: a match of a route asks for a port, a gateway, or a caller's namespace or labels that there are not where the
//! route applies, or for what no request has ([`crate::check::matching::possible`]).
//!
//! Only what is written in the resource itself is judged, not what a delegate inherits. Source: Istio,
//! `HTTPMatchRequest`, `L4MatchAttributes`, `TLSMatchAttributes`: `port`, `gateways`, `sourceNamespace`, `sourceLabels`.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::rc::Rc;

use mesh_snapshot::object::Labels;

use crate::api::istio::HttpMatch;
use crate::api::nearest;
use crate::check::any_match::{self, AnyMatch};
use crate::check::inventory;
use crate::check::kept::apart;
use crate::check::matching::dead_texts::{self, DeadText};
use crate::check::matching::excluded_headers::{Excluded, excluded};
use crate::check::matching::form::Form;
use crate::check::matching::possible::Part;
use crate::check::names::unknown_gateway;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::host::{Host, is_wildcard, is_within, lower};
use crate::resolve::route::{GatewayName, MergedHttp, VirtualService, gateway_name};

pub(super) static CHECK: Check =
    Check::lint("match-never-holds", Severity::Warning, include_str!("match_never_holds.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let callers = Callers::default();
    apart::virtual_services(mesh, out, |it, out| {
        for asked in any_match::of(it.resource) {
            let before = out.len();
            check_gateways(mesh, it, &asked, out);
            if out.len() == before {
                out.extend(check_port(mesh, it, &asked));
                out.extend(check_namespace(mesh, it, &asked));
                out.extend(check_labels(mesh, it, &asked, &callers));
            }
        }
        check_authority(it, out);
    });
    let mode = mesh.settings.path_normalization;
    apart::resources(&mesh.source.virtual_services, out, |it, out| {
        let list = FieldPath::default().field("spec").field("http");
        for (route, http) in it.spec.http.iter().enumerate() {
            for (index, test) in http.r#match.iter().enumerate() {
                let at = || list.clone().index(route).field("match").index(index);
                out.extend(dead_texts::of_match(test, mode, &at).map(|dead| of_text(it.id, dead)));
                out.extend(dead_texts::names_of_match(test).map(|name| of_name(it.id, name, &at)));
                out.extend(excluded(test).map(|header| of_header(it.id, &header, &at)));
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
}

/// Whether a match of a route of `it` never holds, as this rule says of it; what a delegate inherits it does not judge.
pub(super) fn never_holds<'m>(
    mesh: &'m Mesh<'_>,
    it: &VirtualService<'_>,
    route: &MergedHttp<'_>,
    test: &'m HttpMatch,
    callers: &Callers<'m>,
) -> bool {
    let mode = mesh.settings.path_normalization;
    if dead_texts::of_match(test, mode, &FieldPath::default).next().is_some()
        || dead_texts::names_of_match(test).next().is_some()
        || excluded(test).next().is_some()
    {
        return true;
    }
    let asked = AnyMatch::of_http(test, FieldPath::default());
    let is_bound = |name: &String| it.gateways.contains(&gateway_name(name, it.namespace()));
    let is_somewhere = asked.gateways.is_empty() || asked.gateways.iter().any(is_bound);
    route.root.is_none()
        && (!is_somewhere
            || foreign_authority(it, test).is_some()
            || check_port(mesh, it, &asked).is_some()
            || check_namespace(mesh, it, &asked).is_some()
            || check_labels(mesh, it, &asked, callers).is_some())
}

/// A text that no request has.
fn of_text(document: DocumentId, dead: DeadText<'_>) -> Diagnostic {
    let DeadText { at, part, form, never } = dead;
    // What is refused as it stands is not asked which requests have it.
    let place = Place::value(document, at);
    let found = Diagnostic::new(&CHECK, place.clone(), never.message(form))
        .supposing(place)
        .meant(never.instead.as_deref(), "never holds")
        .consequence(NOTHING_ROUTED);
    let is_text = matches!((part, form), (Part::Path(_), Form::Exact(_) | Form::Prefix(_)));
    let query = form.text().split_once('?').filter(|_| is_text);
    match query {
        Some((path, _)) if path.starts_with('/') && !path.contains('\\') => {
            found.help(format!("ask for the path `{path}`, and for the query with `queryParams`"))
        }
        _ if is_text && form.text().contains('*') => found.help(
            "a `*` stands for itself: a `prefix` takes whatever follows; else write a `regex`",
        ),
        _ => found,
    }
}

/// A parameter that no request has.
fn of_name(document: DocumentId, name: &str, at: &impl Fn() -> FieldPath) -> Diagnostic {
    let place = Place::key(document, at().field("queryParams").field(name.to_owned()));
    let message = format!(
        "no parameter is called `{name}`: `=`, `&`, `#` and white space end a name, or are escaped in it"
    );
    Diagnostic::new(&CHECK, place, message).label("never holds").consequence(NOTHING_ROUTED)
}

/// A header that must not be there, and that every request has which is asked for.
fn of_header(
    document: DocumentId,
    Excluded { name, asked }: &Excluded<'_>,
    at: &impl Fn() -> FieldPath,
) -> Diagnostic {
    let key = |list: &'static str, name: &str| {
        Place::key(document, at().field(list).field(name.to_owned()))
    };
    let message = match asked {
        Some(_) => format!("what is asked of the header `{name}` is excluded by `withoutHeaders`"),
        None => format!("every request has `{name}`, which `withoutHeaders` excludes"),
    };
    let found = Diagnostic::new(&CHECK, key("withoutHeaders", name), message).label("never holds");
    let found = match asked {
        Some(asked) => found.also(key("headers", asked), "asked for here"),
        None => found,
    };
    found.consequence(NOTHING_ROUTED)
}

/// A host that is none of the resource's.
fn check_authority(it: &VirtualService<'_>, out: &mut Vec<Diagnostic>) {
    let routes = it.resource.spec.http.iter().enumerate();
    let matches = routes.flat_map(|(route, http)| {
        http.r#match.iter().enumerate().map(move |(index, test)| (route, index, test))
    });
    for (route, index, test) in matches {
        let Some(asked) = foreign_authority(it, test) else { continue };
        let list = FieldPath::default().field("spec").field("http").index(route);
        let path = list.field("match").index(index).field("authority").field("exact");
        let hosts = Place::key(it.resource.id, FieldPath::default().field("spec").field("hosts"));
        let found =
            never(it, path, format!("`{asked}` is none of the hosts that the routes are for"));
        out.push(found.also(hosts, "they are for these alone"));
    }
}

/// The authority that a match asks for, which is none of the hosts.
fn foreign_authority<'m>(it: &VirtualService<'_>, test: &'m HttpMatch) -> Option<&'m str> {
    let asked = test.authority.as_ref().and_then(|it| it.exact.as_deref())?;
    (!it.hosts.iter().any(|host| may_be_called(host, asked))).then_some(asked)
}

/// Whether requests to a host may name it so: in short, with a port, or by an address that it has.
fn may_be_called(host: &Host, asked: &str) -> bool {
    let name = asked.rsplit_once(':').map_or(asked, |(name, port)| {
        if port.bytes().all(|it| it.is_ascii_digit()) { name } else { asked }
    });
    let name = lower(name.trim_end_matches('.'));
    let is_short = |host: &str| host.strip_prefix(&*name).is_some_and(|rest| rest.starts_with('.'));
    let is_address = name.starts_with('[') || name.parse::<IpAddr>().is_ok();
    is_address || *host == name || is_short(host) || is_within(&name, host)
}

const NOTHING_ROUTED: &str = "nothing is routed by this match: it goes by those after it, if any";

fn never(it: &VirtualService<'_>, path: FieldPath, message: String) -> Diagnostic {
    Diagnostic::new(&CHECK, Place::value(it.resource.id, path), message)
        .label("never holds")
        .consequence(NOTHING_ROUTED)
}

/// A gateway that there is not, or one to which the resource is not bound.
fn check_gateways(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    asked: &AnyMatch<'_>,
    out: &mut Vec<Diagnostic>,
) {
    for (index, written) in asked.gateways.iter().enumerate() {
        let name = gateway_name(written, it.namespace());
        if it.gateways.contains(&name) {
            continue;
        }
        let path = asked.at.clone().field("gateways").index(index);
        if let Some(found) = unknown_gateway::in_match(mesh, it, &name, path.clone()) {
            out.push(found);
            continue;
        }
        let message = format!("the routes are not bound to the gateway `{written}`");
        let bound = FieldPath::default().field("spec").field("gateways");
        let found = never(it, path, message);
        out.push(if it.resource.spec.gateways.is_empty() {
            found.help("the resource names no `gateways`, so it is for the mesh alone")
        } else {
            found.also(Place::key(it.resource.id, bound), "it is bound to these alone")
        });
    }
}

fn check_port(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    asked: &AnyMatch<'_>,
) -> Option<Diagnostic> {
    let port = u16::try_from(asked.port).ok().filter(|port| *port != 0)?;
    let named: Vec<_> =
        asked.gateways.iter().map(|name| gateway_name(name, it.namespace())).collect();
    let places = if named.is_empty() { &it.gateways } else { &named };
    if places.iter().any(|place| may_have(mesh, it, place, port)) {
        return None;
    }
    let message = format!("where the route applies, nothing has port {port}");
    let help = "on the mesh it is a port of the Service, at a gateway that of a server";
    Some(never(it, asked.at.clone().field("port"), message).help(help))
}

/// Whether requests may arrive at a port; of what is not known, they may.
fn may_have(mesh: &Mesh<'_>, it: &VirtualService<'_>, place: &GatewayName, port: u16) -> bool {
    let GatewayName::Named(name) = place else {
        return it.hosts.iter().any(|host| {
            let known = mesh.services.of_host(host).iter().map(|id| mesh.services.get(*id));
            let known: Vec<_> = known.collect();
            is_wildcard(host)
                || known.is_empty()
                || inventory::may_have_host(mesh, host)
                || known.iter().any(|service| {
                    let mut ports = service.object.ports.iter();
                    service.alias.is_some() || ports.any(|own| own.number == port)
                })
        });
    };
    let gateway = mesh.gateways.find(name);
    gateway.is_none_or(|gateway| gateway.servers.iter().any(|server| server.port == port))
}

fn check_namespace(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    asked: &AnyMatch<'_>,
) -> Option<Diagnostic> {
    let name = asked.source_namespace;
    // Beside the name of a gateway nobody asks who calls: `ignored-source-match`.
    let is_asked = !name.is_empty() && asked.gateways.is_empty();
    if !is_asked || !mesh.namespaces.are_declared() || mesh.namespaces.contains(name) {
        return None;
    }
    let path = asked.at.clone().field("sourceNamespace");
    let help = "a namespace that exists outside of this repository goes into `inventory.namespaces` of mesh.yaml";
    Some(never(it, path, format!("there is no namespace `{name}`")).help(help))
}

/// At a gateway it is its own labels that are compared with those that are asked for. Source: Istio, `sourceMatchHTTP`.
fn check_labels<'m>(
    mesh: &'m Mesh<'_>,
    it: &VirtualService<'_>,
    asked: &AnyMatch<'m>,
    callers: &Callers<'m>,
) -> Option<Diagnostic> {
    let labels = asked.source_labels;
    if labels.is_empty() || !asked.gateways.is_empty() {
        return None;
    }
    if it.gateways.contains(&GatewayName::Mesh) {
        return check_callers(mesh, it, asked, callers);
    }
    for name in &it.gateways {
        let GatewayName::Named(name) = name else { continue };
        let proxies = mesh.gateways.find(name)?.proxies(&mesh.workloads);
        if proxies.is_empty() || proxies.iter().any(|proxy| proxy.inventory.has(labels)) {
            return None;
        }
    }
    let bound = FieldPath::default().field("spec").field("gateways");
    let message = "no proxy of the gateways has these labels, and they are compared with its own";
    let found = never(it, asked.at.clone().field("sourceLabels"), message.to_owned());
    let found = found.also(Place::key(it.resource.id, bound), "the routes are for these alone");
    Some(found.help("callers are told apart by labels where `gateways` holds `mesh`"))
}

/// Who may call, as far as the repository shows it. It is made of the mesh alone.
#[derive(Default)]
pub(super) struct Callers<'m> {
    are_all_shown: OnceCell<bool>,
    /// Of a namespace, or of all: the values of each label.
    values: RefCell<HashMap<Option<&'m str>, Rc<Values<'m>>>>,
}

type Values<'m> = HashMap<&'m str, BTreeSet<&'m str>>;

impl<'m> Callers<'m> {
    /// Whether it shows all of a namespace; absent: of all namespaces.
    fn are_shown(&self, mesh: &Mesh<'_>, namespace: Option<&str>) -> bool {
        let is_shown = |namespace: &str| inventory::shows_pods(mesh, namespace);
        let are_all_shown = || mesh.namespaces.names().all(is_shown);
        namespace.map_or_else(|| *self.are_all_shown.get_or_init(are_all_shown), is_shown)
    }

    fn values(&self, mesh: &'m Mesh<'_>, namespace: Option<&'m str>) -> Rc<Values<'m>> {
        let make = || {
            let mut values: Values<'m> = HashMap::new();
            let all = mesh.workloads.selected(namespace, &Labels::new());
            for (name, value) in all.into_iter().flat_map(|it| &it.inventory.labels) {
                values.entry(name).or_default().insert(value);
            }
            Rc::new(values)
        };
        Rc::clone(self.values.borrow_mut().entry(namespace).or_insert_with(make))
    }
}

/// Labels that no workload has where the repository shows all that may call.
fn check_callers<'m>(
    mesh: &'m Mesh<'_>,
    it: &VirtualService<'_>,
    asked: &AnyMatch<'m>,
    callers: &Callers<'m>,
) -> Option<Diagnostic> {
    let labels = asked.source_labels;
    let namespace = Some(asked.source_namespace).filter(|it| !it.is_empty());
    if !mesh.workloads.selected(namespace, labels).is_empty() || !callers.are_shown(mesh, namespace)
    {
        return None;
    }
    let values = callers.values(mesh, namespace);
    let has = |name: &str, value: &str| values.get(name).is_some_and(|all| all.contains(value));
    let at = asked.at.clone().field("sourceLabels");
    let alone = labels.iter().find(|(name, value)| !has(name, value));
    let Some((name, value)) = alone else {
        return Some(never(it, at, "no workload has all of these labels".to_owned()));
    };
    let near = values.get(name.as_str()).into_iter().flatten().copied();
    let message = format!("no workload has the label `{name}: {value}`");
    let found = never(it, at.field(name.clone()), message);
    Some(found.meant(nearest(value, near), "never holds"))
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
            "{headers: {x: {}}, withoutHeaders: {x: {exact: a}}}",
            "{queryParams: {'a[b]': {exact: c}}}",
        ] {
            assert!(of_routes(&[test]).is_empty(), "{test}");
        }
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
