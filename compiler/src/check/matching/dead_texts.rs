//! The texts that matches of routes ask for, and whether any request has them.

use mesh_engine::byte;
use mesh_snapshot::object::PathNormalization;

use super::form::Form;
use super::possible::{Never, Part};
use crate::api::gateway_api::{HttpHeaderMatch, HttpRouteMatch, MatchType, PathMatchType};
use crate::api::istio::{HttpMatch, StringMatch};
use crate::api::{is_field_value, is_token, refused_path};
use crate::diagnostic::FieldPath;

/// A text that no request has, and where it is written.
pub(in crate::check) struct DeadText<'m> {
    pub at: FieldPath,
    pub part: Part,
    pub form: Form<'m>,
    pub never: Never,
}

/// Those of a match of a `VirtualService`, which stands at `at`.
pub(in crate::check) fn of_match<'m>(
    test: &'m HttpMatch,
    mode: PathNormalization,
    at: &impl Fn() -> FieldPath,
) -> impl Iterator<Item = DeadText<'m>> {
    let singles = [
        ("uri", Part::Path(mode), &test.uri),
        ("scheme", Part::Scheme, &test.scheme),
        ("method", Part::Method, &test.method),
        ("authority", Part::Authority, &test.authority),
    ];
    let singles = singles
        .into_iter()
        .filter_map(|(field, part, written)| dead(part, written.as_ref()?, || at().field(field)));
    let below = |list: &'static str, name: &str| at().field(list).field(name.to_owned());
    // A claim of a token is any text.
    let headers = test.headers.iter().filter(|(name, _)| !name.starts_with('@'));
    let headers = headers.filter_map(move |(name, written)| {
        dead(Part::of_header(name), written, || below("headers", name))
    });
    let parameters = test.query_params.iter().filter_map(move |(name, written)| {
        dead(Part::Parameter, written, || below("queryParams", name))
    });
    singles.chain(headers).chain(parameters)
}

/// The names that it asks parameters for and no parameter has: `=` ends a name.
pub(in crate::check) fn names_of_match(test: &HttpMatch) -> impl Iterator<Item = &str> {
    let is_name = |name: &str| name.bytes().all(|it| byte::is_parameter(it) && it != b'=');
    test.query_params.keys().map(String::as_str).filter(move |name| !is_name(name))
}

fn dead(part: Part, written: &StringMatch, at: impl FnOnce() -> FieldPath) -> Option<DeadText<'_>> {
    let form = Form::of_match(written)?;
    let never = part.never(form)?;
    let field = match form {
        Form::Prefix(_) => "prefix",
        Form::Regex(_) => "regex",
        _ => "exact",
    };
    Some(DeadText { at: at().field(field), part, form, never })
}

/// Those of a match of an `HTTPRoute` or a `GRPCRoute`.
pub(in crate::check) fn of_route_match<'m>(
    test: &'m HttpRouteMatch,
    mode: PathNormalization,
    at: &impl Fn() -> FieldPath,
) -> impl Iterator<Item = DeadText<'m>> {
    let path = test.path.iter().filter_map(move |path| {
        let value = path.value.as_deref()?;
        let form = match path.r#type {
            Some(PathMatchType::Exact) => Form::Exact(value),
            Some(PathMatchType::PathPrefix) | None => Form::Prefix(value),
            Some(PathMatchType::RegularExpression) => Form::Regex(value),
        };
        // What the API refuses was told.
        if !matches!(form, Form::Regex(_)) && refused_path(value).is_some() {
            return None;
        }
        let part = Part::Path(mode);
        let never = part.never(form)?;
        Some(DeadText { at: at().field("path").field("value"), part, form, never })
    });
    let pair = |list: &'static str, index, part: Part, kind, value: &'m str| {
        let form = match kind {
            Some(MatchType::RegularExpression) => Form::Regex(value),
            Some(MatchType::Exact) | None => Form::Exact(value),
        };
        let never = part.never(form)?;
        Some(DeadText { at: at().field(list).index(index).field("value"), part, form, never })
    };
    let headers = test.headers.iter().enumerate();
    let is_refused = |it: &HttpHeaderMatch| {
        it.r#type != Some(MatchType::RegularExpression) && !is_field_value(&it.value)
            || !is_token(&it.name)
    };
    let headers = headers.filter(move |(_, it)| !is_refused(it)).filter_map(move |(index, it)| {
        pair("headers", index, Part::of_header(&it.name), it.r#type, &it.value)
    });
    let parameters = test.query_params.iter().enumerate();
    let parameters = parameters.filter_map(move |(index, it)| {
        pair("queryParams", index, Part::Parameter, it.r#type, &it.value)
    });
    path.chain(headers).chain(parameters)
}
