//! Edits of headers that are written out as a list, in filters and in routes.
//!
//! Source: Envoy, `envoy.config.core.v3.HeaderValueOption`; `envoy.config.common.mutation_rules.v3.HeaderMutation`. An edit that
//! depends on whether the header is there is none of these, nor is a value of which proxies here could not write an operator.

use mesh_snapshot::object::HeaderEdit;
use serde_json::Value;

use super::HeaderEdits;
use super::header_edits::is_value;
use super::lua::is_plain;
use super::message::Message;

/// Of the filter of that name. Absent: some of them are not known.
pub(super) fn of_filter(config: Message<'_>) -> Option<HeaderEdits> {
    let mutations = config.message("mutations");
    let known = ["request_mutations", "response_mutations"];
    let only = |message: Message<'_>, known: &[&str]| {
        message.field_names().all(|name| known.contains(&name.as_str()))
    };
    if !only(config, &["@type", "mutations"]) || !only(mutations, &known) {
        return None;
    }
    let list = |name| mutations.messages(name).map(mutation).collect::<Option<Vec<_>>>();
    Some(HeaderEdits { request: list(known[0])?, response: list(known[1])? })
}

fn mutation(mutation: Message<'_>) -> Option<HeaderEdit> {
    match (mutation.text("remove"), mutation.get("append")) {
        (Some(name), None) => removal(name),
        (None, Some(append)) => option(Message::of(append)),
        _ => None,
    }
}

fn removal(name: &str) -> Option<HeaderEdit> {
    is_plain(name).then(|| HeaderEdit::Remove { name: name.to_ascii_lowercase() })
}

/// `request_headers_to_add` and its like. Absent: none of the four is set, or one of them is not known.
pub(super) fn of_route(route: Message<'_>) -> Option<HeaderEdits> {
    let edits = HeaderEdits {
        request: list(route, "request_headers_to_remove", "request_headers_to_add")?,
        response: list(route, "response_headers_to_remove", "response_headers_to_add")?,
    };
    (!edits.is_empty()).then_some(edits)
}

/// The fields of a route that [`of_route`] reads.
pub(super) const ROUTE_FIELDS: &[&str] = &[
    "request_headers_to_add",
    "request_headers_to_remove",
    "response_headers_to_add",
    "response_headers_to_remove",
];

fn list(route: Message<'_>, remove: &str, add: &str) -> Option<Vec<HeaderEdit>> {
    let removed = route.get(remove).and_then(Value::as_array).into_iter().flatten();
    let removed = removed.map(|name| removal(name.as_str()?));
    removed.chain(route.messages(add).map(option)).collect()
}

/// `response_headers_to_add` and its like, of a filter. Absent: one of them is not known.
pub(super) fn options(message: Message<'_>, name: &str) -> Option<Vec<HeaderEdit>> {
    message.messages(name).map(option).collect()
}

/// Envoy's older `append` is true unless it says otherwise.
fn option(option: Message<'_>) -> Option<HeaderEdit> {
    let header = option.message("header");
    let known = |name: String| ["header", "append", "append_action"].contains(&&*name);
    if !option.field_names().all(known) {
        return None;
    }
    let name = header.text("key").filter(|name| is_plain(name))?.to_ascii_lowercase();
    let value = header.text("value").filter(|text| is_value(text))?.to_owned();
    match (option.text("append_action"), option.flag("append")) {
        (None | Some("APPEND_IF_EXISTS_OR_ADD"), None | Some(true)) => {
            Some(HeaderEdit::Add { name, value })
        }
        (Some("OVERWRITE_IF_EXISTS_OR_ADD"), None) | (None, Some(false)) => {
            Some(HeaderEdit::Set { name, value })
        }
        _ => None,
    }
}
