//! Conditions: attributes by their names.

use super::super::checks::{CUSTOM_CANNOT_TEST, INVALID_CONDITION};
use super::super::{address, header};
use super::operation::check_port;
use super::source::{check_account, wildcard_fault};
use crate::api::decode::nearest;
use crate::api::istio::{Action, Condition};
use crate::diagnostic::{At, Diagnostic};

/// What the values of an attribute are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Values {
    Text,
    Addresses,
    Ports,
    Accounts,
    Wildcards,
}

/// Source: Istio, "Authorization Policy Conditions".
const ATTRIBUTES: &[(&str, Values)] = &[
    ("source.ip", Values::Addresses),
    ("remote.ip", Values::Addresses),
    ("source.namespace", Values::Text),
    ("source.principal", Values::Text),
    ("source.serviceAccount", Values::Accounts),
    ("source.trustDomain", Values::Wildcards),
    ("request.auth.principal", Values::Text),
    ("request.auth.audiences", Values::Text),
    ("request.auth.presenter", Values::Text),
    ("destination.ip", Values::Addresses),
    ("destination.port", Values::Ports),
    ("connection.sni", Values::Text),
];

/// Attributes that are followed by a name in brackets.
const MAPS: &[&str] = &["request.headers", "request.auth.claims", "experimental.envoy.filters."];

/// What took the place of an attribute that is gone.
const GONE: &[(&str, &str)] = &[
    ("destination.namespace", "put the policy into that namespace"),
    ("destination.labels", "use the policy's `selector`"),
    ("destination.name", "use the policy's `selector`"),
    ("destination.user", "use the policy's `selector`"),
];

/// Those that somebody else who decides is not told.
const NOT_FOR_CUSTOM: &[&str] =
    &["source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal"];

pub(super) fn check(condition: &Condition, action: Action, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let (key, place) = (condition.key.as_str(), at.field("key"));
    if key.is_empty() {
        return out.push(
            Diagnostic::new(&INVALID_CONDITION, place.value(), "the condition names no attribute")
                .label("empty"),
        );
    }
    if action == Action::Custom
        && (NOT_FOR_CUSTOM.contains(&key) || key.starts_with("request.auth."))
    {
        let found = Diagnostic::new(
            &CUSTOM_CANNOT_TEST,
            place.value(),
            format!("a `CUSTOM` policy cannot test `{key}`"),
        );
        out.push(
            found
                .label("not with `CUSTOM`")
                .help("test it in a `DENY` or `ALLOW` policy beside this one"),
        );
    }
    if condition.values.is_empty() && condition.not_values.is_empty() {
        let found = Diagnostic::new(
            &INVALID_CONDITION,
            place.value(),
            format!("the condition says nothing of `{key}`"),
        );
        return out.push(
            found.label("needs `values` or `notValues`").lacking(at, &["values", "notValues"]),
        );
    }
    let Some(values) = kind(key, &place, out) else { return };
    for (field, texts) in [("values", &condition.values), ("notValues", &condition.not_values)] {
        let at = at.field(field);
        for (index, text) in texts.iter().enumerate() {
            check_value(text, values, &at.index(index), out);
        }
    }
}

/// What the values of `key` are; says so if there is no such attribute.
fn kind(key: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) -> Option<Values> {
    if let Some((_, values)) = ATTRIBUTES.iter().find(|(name, _)| *name == key) {
        return Some(*values);
    }
    if let Some((prefix, rest)) = MAPS.iter().find_map(|it| Some((*it, key.strip_prefix(it)?))) {
        let open = rest.find('[').filter(|open| key.ends_with(']') && open + 2 < rest.len());
        // Behind the name of an attribute of ours nothing stands but brackets; metadata have names of their own.
        if open.is_some_and(|open| open == 0 || prefix.ends_with('.')) {
            check_header(key, at, out);
            return Some(Values::Text);
        }
        let found = Diagnostic::new(
            &INVALID_CONDITION,
            at.value(),
            format!("`{key}` names no part of the attribute"),
        );
        out.push(found.label("write the name in brackets, as in `request.headers[x-token]`"));
        return None;
    }
    let found =
        Diagnostic::new(&INVALID_CONDITION, at.value(), format!("there is no attribute `{key}`"));
    let gone = GONE.iter().find(|(name, _)| key == *name || key.starts_with(&format!("{name}[")));
    let names = ATTRIBUTES.iter().map(|(name, _)| *name).chain(MAPS.iter().copied());
    out.push(match (gone, nearest(key, names)) {
        (Some((_, instead)), _) => found.label("gone from the API").help(*instead),
        (None, near) => found.meant(near, "unknown attribute"),
    });
    None
}

/// Of a key that names a header.
fn check_header(key: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    const OPEN: &str = "request.headers[";
    let Some(name) = key.strip_prefix(OPEN).and_then(|rest| rest.strip_suffix(']')) else { return };
    header::check_tested(name, at.within(OPEN.len()..OPEN.len() + name.len()), out);
}

fn check_value(text: &str, values: Values, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let fault = |label: &str| {
        Diagnostic::new(
            &INVALID_CONDITION,
            at.value(),
            format!("`{text}` is no value of this attribute"),
        )
        .label(label)
    };
    match values {
        _ if text.is_empty() => {
            out.push(
                Diagnostic::new(
                    &INVALID_CONDITION,
                    at.value(),
                    "a value of the condition is empty",
                )
                .label("matches nothing"),
            );
        }
        Values::Text => {}
        Values::Addresses => address::check(text, at, out),
        Values::Ports => check_port(text, at, out),
        Values::Accounts => check_account(text, at, out),
        Values::Wildcards => out.extend(wildcard_fault(text).map(fault)),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Compiled;

    /// What is said of a key, of names of headers alone.
    fn said(key: &str) -> Vec<String> {
        let policy = format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a, namespace: shop}}\nspec:\n  action: DENY\n  rules:\n  - when: [{{key: '{key}', values: [x]}}]\n"
        );
        let said = Compiled::text(&policy).said();
        said.into_iter().filter(|it| it.contains("[invalid-header]")).collect()
    }

    #[test]
    fn a_header_has_a_name_that_a_proxy_can_look_at() {
        for (name, message) in [
            (":path", "no proxy can look at `:path`"),
            (":Path", "no proxy can look at `:Path`"),
            (":status", "no proxy can look at `:status`"),
            ("X Env", "`X Env` is no name of a header"),
            ("a:b", "`a:b` is no name of a header"),
            ("é", "`é` is no name of a header"),
            (":protocol", "`:protocol` is no name of a header"),
            ("a][b", "`a][b` is no name of a header"),
            ("@request.auth.claims.sub", "`@request.auth.claims.sub` is no name of a header"),
        ] {
            let expected = format!("error[invalid-header] 7:35 {name}: {message}");
            assert_eq!(said(&format!("request.headers[{name}]")), [expected]);
        }
    }

    /// Istio takes the first two, and no proxy tests anything then.
    #[test]
    fn a_name_stands_in_brackets_right_behind_the_attribute() {
        for key in [
            "request.headersfoo[x]",
            "request.headers.x[y]",
            "request.headers[x",
            "request.auth.claims.a[b]",
            "request.headers[]",
        ] {
            let policy = format!(
                "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a, namespace: shop}}\nspec:\n  action: DENY\n  rules:\n  - when: [{{key: '{key}', values: [x]}}]\n"
            );
            let said = Compiled::text(&policy).said();
            assert!(said[0].contains("[invalid-condition]"), "{key}: {said:?}");
        }
        assert!(
            said("request.auth.claims[a][b]").is_empty()
                && said("experimental.envoy.filters.a[b]").is_empty()
        );
    }

    #[test]
    fn what_a_proxy_can_look_at_is_left_alone() {
        for name in ["x-env", "X_Env", ":method", ":METHOD", ":scheme", ":authority", "Host", "a~b"]
        {
            assert!(said(&format!("request.headers[{name}]")).is_empty(), "{name}");
        }
        assert!(said("request.auth.claims[a b]").is_empty(), "a claim may be called anything");
    }
}
