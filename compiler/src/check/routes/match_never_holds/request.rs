//! What is asked of a request, and none has.

use mesh_snapshot::object::PathNormalization;

use super::{CHECK, NOTHING_ROUTED};
use crate::api::istio::HttpMatch;
use crate::check::matching::dead_texts::{self, DeadText};
use crate::check::matching::excluded_headers::{Excluded, excluded};
use crate::check::matching::form::Form;
use crate::check::matching::possible::Part;
use crate::diagnostic::{Diagnostic, FieldPath, Place};
use crate::parse::DocumentId;

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
    let found = Diagnostic::new(&CHECK, place.clone(), message).supposing(place);
    found.label("never holds").consequence(NOTHING_ROUTED)
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
    let place = key("withoutHeaders", name);
    let found =
        Diagnostic::new(&CHECK, place.clone(), message).supposing(place).label("never holds");
    let found = match asked {
        Some(asked) => found.also(key("headers", asked), "asked for here"),
        None => found,
    };
    found.consequence(NOTHING_ROUTED)
}
