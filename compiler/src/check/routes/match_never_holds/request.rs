//! What is asked of a request, and none has.

use std::net::IpAddr;

use mesh_snapshot::object::PathNormalization;

use super::{CHECK, NOTHING_ROUTED, never};
use crate::api::istio::HttpMatch;
use crate::check::matching::dead_texts::{self, DeadText};
use crate::check::matching::excluded_headers::{Excluded, excluded};
use crate::check::matching::form::Form;
use crate::check::matching::possible::Part;
use crate::diagnostic::{Diagnostic, FieldPath, Place};
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::host::{Host, is_within, lower};
use crate::resolve::route::VirtualService;

/// What is said of a match of a `VirtualService`, which stands at `at`.
pub(super) fn check(
    document: DocumentId,
    test: &HttpMatch,
    mode: PathNormalization,
    at: &impl Fn() -> FieldPath,
    out: &mut Vec<Diagnostic>,
) {
    out.extend(dead_texts::of_match(test, mode, at).map(|dead| of_text(document, dead)));
    out.extend(dead_texts::names_of_match(test).map(|name| of_name(document, name, at)));
    out.extend(excluded(test).map(|header| of_header(document, &header, at)));
}

/// Whether anything is.
pub(super) fn is_possible(test: &HttpMatch, mode: PathNormalization) -> bool {
    dead_texts::of_match(test, mode, &FieldPath::default).next().is_none()
        && dead_texts::names_of_match(test).next().is_none()
        && excluded(test).next().is_none()
}

/// A text that no request has.
pub(super) fn of_text(document: DocumentId, dead: DeadText<'_>) -> Diagnostic {
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
pub(super) fn check_authority(mesh: &Mesh<'_>, it: &VirtualService<'_>, out: &mut Vec<Diagnostic>) {
    let routes = it.resource.spec.http.iter().enumerate();
    let matches = routes.flat_map(|(route, http)| {
        http.r#match.iter().enumerate().map(move |(index, test)| (route, index, test))
    });
    for (route, index, test) in matches {
        let Some(asked) = foreign_authority(mesh, it, test) else { continue };
        let list = FieldPath::default().field("spec").field("http").index(route);
        let path = list.field("match").index(index).field("authority").field("exact");
        let hosts = Place::key(it.resource.id, FieldPath::default().field("spec").field("hosts"));
        let found =
            never(it, path, format!("`{asked}` is none of the hosts that the routes are for"));
        out.push(found.also(hosts, "they are for these alone"));
    }
}

/// The authority that a match asks for, which is none of the hosts.
pub(super) fn foreign_authority<'m>(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    test: &'m HttpMatch,
) -> Option<&'m str> {
    let asked = test.authority.as_ref().and_then(|it| it.exact.as_deref())?;
    // Whoever calls a Service by an alias comes to the routes of the Service.
    let is_alias = || {
        let mut aliases = mesh.services.iter().filter(|(_, it)| it.alias.is_some());
        aliases.any(|(_, it)| may_be_called(&it.host, asked))
    };
    (!it.hosts.iter().any(|host| may_be_called(host, asked)) && !is_alias()).then_some(asked)
}

/// Whether requests to a host may name it so: in short, with a port, or by an address that it has.
fn may_be_called(host: &Host, asked: &str) -> bool {
    // Whatever follows a colon is taken for a port.
    let is_address = asked.starts_with('[') || asked.parse::<IpAddr>().is_ok();
    let name = asked.split_once(':').map_or(asked, |(name, _)| name);
    let name = lower(name.trim_end_matches('.'));
    let is_short = |host: &str| host.strip_prefix(&*name).is_some_and(|rest| rest.starts_with('.'));
    // An instance of a Service without an address has a name of its own.
    let is_instance = |host: &str| name.strip_suffix(host).is_some_and(|rest| rest.ends_with('.'));
    is_address
        || name.parse::<IpAddr>().is_ok()
        || *host == name
        || is_short(host)
        || is_instance(host)
        || is_within(&name, host)
}
