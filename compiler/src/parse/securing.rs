//! Policies that must not be left out: a snapshot without them lets in what they keep out.

use super::document::Identity;
use super::stream::YamlDocument;
use crate::diagnostic::{Diagnostic, Severity};

/// The kinds without which more is let in.
pub(super) const SECURING: &[&str] =
    &["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"];

pub(super) const GROUP: &str = "security.istio.io";

/// The fields that these have under `spec`.
pub(super) const FIELDS: &[&str] = &[
    "action",
    "jwtRules",
    "mtls",
    "portLevelMtls",
    "provider",
    "rules",
    "selector",
    "targetRef",
    "targetRefs",
];

/// An error in place of the notice that a document is not read, where it is such a policy.
pub(crate) fn judged(notice: Diagnostic, kind: Option<&str>) -> Diagnostic {
    let Some(kind) = kind else { return notice };
    let mut found = notice.consequence(format!(
        "no snapshot is made: it would lack this `{kind}`, and let in what that keeps out"
    ));
    found.severity = Severity::Error;
    found
}

/// Whether a resource of this kind must not be left out.
#[must_use]
pub(crate) fn is_securing(kind: &str) -> bool {
    SECURING.contains(&kind)
}

/// Which of the kinds a document is that is not read, by what stands before its fault, or else by its words.
pub(super) fn kind(text: &str, yaml: &YamlDocument) -> Option<&'static str> {
    let root = yaml.tree.root();
    match root.map(|root| Identity::read(&yaml.tree, root, text).kind) {
        Some(kind) if !kind.is_empty() => SECURING.iter().find(|it| **it == &*kind).copied(),
        _ => written(text.get(yaml.span.range())?),
    }
}

/// The first that is written behind `kind:`, in whichever style.
fn written(text: &str) -> Option<&'static str> {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).find_map(|line| {
        let is_written =
            |kind: &&&str| line.match_indices(**kind).any(|found| is_kind(line, found));
        SECURING.iter().find(is_written).copied()
    })
}

fn is_kind(line: &str, (at, kind): (usize, &str)) -> bool {
    const QUOTES: [char; 2] = ['"', '\''];
    let before = line.get(..at).unwrap_or_default().trim_end_matches(QUOTES).trim_end();
    let key = before.strip_suffix(':').map(|key| key.trim_end().trim_end_matches(QUOTES));
    let after = line.get(at + kind.len()..).unwrap_or_default();
    key.is_some_and(|key| key.ends_with("kind")) && !after.starts_with(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use schemars::schema_for;

    use super::{FIELDS, written};
    use crate::api::istio::{AuthorizationPolicy, PeerAuthentication, RequestAuthentication};

    #[test]
    fn their_fields_are_known() {
        let schemas = [
            schema_for!(AuthorizationPolicy),
            schema_for!(PeerAuthentication),
            schema_for!(RequestAuthentication),
        ];
        let properties =
            schemas.iter().map(|it| it.get("properties").unwrap().as_object().unwrap());
        let fields: BTreeSet<&str> =
            properties.flat_map(|it| it.keys()).map(String::as_str).collect();
        assert_eq!(fields, FIELDS.iter().copied().collect());
    }

    #[test]
    fn a_kind_is_known_by_its_key() {
        for (line, is_kind) in [
            ("kind: AuthorizationPolicy", true),
            ("- kind: 'AuthorizationPolicy' # x", true),
            ("{\"kind\": \"AuthorizationPolicy\", a: {{ b }}}", true),
            ("# kind: AuthorizationPolicy", false),
            ("kind: AuthorizationPolicyList", false),
            ("name: AuthorizationPolicy", false),
        ] {
            assert_eq!(written(line).is_some(), is_kind, "{line}");
        }
    }
}
