//! Where we differ from Istio on purpose, as our own findings tell it: `docs/differences.md` names each.

use std::collections::BTreeSet;

use mesh_compiler::diagnostic::Finding;

/// A check, and why it says more than Istio does. It holds for whatever the check finds.
const STRICTER: &[(&str, &str)] = &[
    (
        "unknown-field",
        "a field that does not exist is refused; a reader that drops it would accept it",
    ),
    (
        "duplicate-key",
        "a key that stands twice is refused: YAML 1.2 §3.2.1.1 has no meaning for it",
    ),
    (
        "duplicate-resource",
        "one repository holds a resource once; there the second replaces the first",
    ),
    ("unserved-operator", "no proxy of this mesh has anything to write for it"),
    ("unserved-status", "Envoy refuses it with all of its configuration, after Istio has taken it"),
    ("missing-kind", "a resource names its `apiVersion`, as Kubernetes asks"),
    ("missing-field", "what Kubernetes refuses to take is refused here"),
    ("invalid-name", "what Kubernetes refuses to take is refused here"),
    ("invalid-backend-policy", BY_DEFINITION),
    ("invalid-listener", BY_DEFINITION),
    ("out-of-bounds", BY_DEFINITION),
];

const BY_DEFINITION: &str = "the definition of the kind refuses it, which Istio's tests go round";

/// A check that says of something less than Istio's `validate` does, and why.
const MILDER: &[(&str, &str)] = &[
    (
        "plain-text",
        "a document that is no resource takes nothing away from the others: it is warned about",
    ),
    (
        "undeclared-protocol",
        "the protocol of such a port is detected, and many Services rely on it: it is a notice",
    ),
];

/// What says that something is accepted and not served.
pub(crate) const UNSERVED: &[&str] = &[
    "unenforced-field",
    "unenforced-kind",
    "unserved-extension",
    "unserved-patch",
    "unsupported-kind",
];

/// Why something was got that Istio does not say: every error that is in it is one of ours alone, or there is none and
/// the compiler warns that a part is not served.
pub(crate) fn reason(got: &str) -> Option<String> {
    let named = |marker: &str| {
        got.split(marker).skip(1).filter_map(|rest| rest.split(']').next()).collect::<Vec<_>>()
    };
    let errors = named("error[");
    if errors.is_empty() {
        let said: BTreeSet<_> =
            named("warning[").into_iter().filter(|check| UNSERVED.contains(check)).collect();
        let said = said.into_iter().collect::<Vec<_>>().join(", ");
        let reason = format!("the compiler warns that a part of it is not served ({said})");
        return (!said.is_empty()).then_some(reason);
    }
    let reasons: Option<Vec<&str>> = errors.iter().map(|check| stricter(check)).collect();
    reasons?.first().map(|reason| (*reason).to_owned())
}

/// Why a check says more than Istio does.
pub(crate) fn stricter(check: &str) -> Option<&'static str> {
    STRICTER.iter().find(|(name, _)| *name == check).map(|(_, why)| *why)
}

/// Why nothing is refused where Istio refuses: a finding says the same in a lower voice.
pub(crate) fn milder(findings: &[Finding]) -> Option<&'static str> {
    let why = |(name, why): &(&str, &'static str)| {
        findings.iter().any(|finding| finding.check.name == *name).then_some(*why)
    };
    MILDER.iter().find_map(why)
}

#[cfg(test)]
mod tests {
    use super::{MILDER, STRICTER, UNSERVED, reason};

    #[test]
    fn every_error_must_be_one_of_ours() {
        let known = "does not compile: error[unknown-field] a: b (spec.c)\nwarning[unknown-host] d";
        assert!(reason(known).is_some());
        assert!(reason(&format!("{known}\nerror[invalid-host] e")).is_none());
        assert!(reason("status is 200, not 503").is_none());
        let unserved = "status is 200\nwarning[unenforced-field] a: `b` has no effect (spec.b)";
        assert!(reason(unserved).unwrap().ends_with("(unenforced-field)"));
    }

    #[test]
    fn the_page_names_each() {
        let page = include_str!("../../../docs/differences.md");
        for (check, _) in STRICTER.iter().chain(MILDER) {
            assert!(page.contains(&format!("`{check}`")), "{check}");
        }
    }

    #[test]
    fn each_is_a_check() {
        let names = STRICTER.iter().chain(MILDER).map(|(name, _)| name).chain(UNSERVED);
        for name in names {
            assert!(mesh_compiler::checks().any(|check| check.name == *name), "{name}");
        }
    }
}
