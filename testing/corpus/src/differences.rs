//! Where we differ from Istio on purpose, as our own findings tell it: `docs/differences.md` says more of each.

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
    ("missing-kind", "a resource names its `apiVersion`, as Kubernetes asks"),
    ("missing-field", "what Kubernetes refuses to take is refused here"),
    ("invalid-name", "what Kubernetes refuses to take is refused here"),
    ("unsupported-kind", "the kind is none that Istio serves; it is named and passed over"),
];

/// Why something was got that Istio does not say: every error that is in it is one of ours alone.
pub(crate) fn reason(got: &str) -> Option<String> {
    let named = |marker: &str| {
        got.split(marker).skip(1).filter_map(|rest| rest.split(']').next()).collect::<Vec<_>>()
    };
    let mut checks = named("error[");
    if checks.is_empty() && !got.starts_with("accepted") {
        checks =
            named("warning[").into_iter().filter(|check| *check == "unsupported-kind").collect();
    }
    let why = |check: &&str| STRICTER.iter().find(|(name, _)| name == check).map(|(_, why)| *why);
    let reasons: Option<Vec<&str>> = checks.iter().map(why).collect();
    reasons?.first().map(|reason| (*reason).to_owned())
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn every_error_must_be_one_of_ours() {
        let known = "does not compile: error[unknown-field] a: b (spec.c)\nwarning[unknown-host] d";
        assert!(reason(known).is_some());
        assert!(reason(&format!("{known}\nerror[invalid-host] e")).is_none());
        assert!(reason("status is 200, not 503").is_none());
    }
}
