//! One cause, one finding: what is said of many resources in the same words has one.
//!
//! They are put together last, when it is known what is shown of them: a comment that allows one of them, or a baseline that knows
//! it, speaks for no other.

use std::collections::HashMap;

use super::{Finding, Severity, Site, TextFix};

/// Checks that say the same of each resource that names what there is not.
const OF_ONE_CAUSE: &[&str] = &["unknown-gateway"];

/// How many more places are shown.
const SHOWN_MAX: usize = 3;

/// Leaves the first of those that say the same, with the places of the others; each keeps what stands beside it.
#[must_use]
pub fn unite<T>(findings: Vec<(Finding, T)>) -> Vec<(Finding, T)> {
    // The place of each, and how many more say the same.
    let mut first: HashMap<_, (usize, usize)> = HashMap::new();
    let mut kept: Vec<(Finding, T)> = Vec::new();
    for (found, beside) in findings {
        if !OF_ONE_CAUSE.contains(&found.check.name) {
            kept.push((found, beside));
            continue;
        }
        match first.get_mut(&words(&found)) {
            None => {
                first.insert(words(&found), (kept.len(), 0));
                kept.push((found, beside));
            }
            Some((at, more)) => {
                *more += 1;
                if let Some((of, _)) = kept.get_mut(*at) {
                    add(of, found, *more <= SHOWN_MAX);
                }
            }
        }
    }
    for (at, more) in first.into_values().filter(|(_, more)| *more > SHOWN_MAX) {
        if let Some((found, _)) = kept.get_mut(at) {
            let hidden = more - SHOWN_MAX;
            let places = if hidden == 1 { "place" } else { "places" };
            let effect = found.consequence.take().unwrap_or_default();
            found.consequence = Some(format!("{effect}; so it is at {hidden} more {places}"));
        }
    }
    kept
}

/// What is said, and how seriously.
fn words(found: &Finding) -> (&'static str, Severity, String, Option<String>) {
    (found.check.name, found.severity, found.message.clone(), found.consequence.clone())
}

/// Mended are all places alike, or each by itself.
fn add(of: &mut Finding, found: Finding, is_shown: bool) {
    if is_shown {
        of.others.push(Site { text: "named here, too".to_owned(), ..found.primary });
    }
    for fix in found.fixes {
        let is_same =
            |it: &&mut TextFix| it.title == fix.title && it.applicability == fix.applicability;
        match of.fixes.iter_mut().find(is_same) {
            Some(own) => own.edits.extend(fix.edits),
            None => of.fixes.push(fix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Finding, unite};
    use crate::testing::{Folder, findings};

    fn told(folder: &Folder) -> Vec<Finding> {
        let found = findings(folder.path()).into_iter().map(|it| (it, ())).collect();
        unite(found).into_iter().map(|(it, ())| it).collect()
    }

    const GATEWAY: &str = "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec: {selector: {istio: gateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
";

    fn route(name: &str, gateway: &str) -> String {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: edge}}\nspec: {{hosts: [{name}.example.com], gateways: [{gateway}], http: [{{directResponse: {{status: 200}}}}]}}\n"
        )
    }

    #[test]
    fn a_gateway_that_many_miss_is_missed_once() {
        let routes: String = (0..6).map(|it| route(&format!("r{it}"), "publik")).collect();
        let text = format!("{GATEWAY}{routes}{}", route("other", "elsewhere"));
        let folder = Folder::new();
        folder.write("a.yaml", &text);
        let all = told(&folder);
        let found: Vec<_> = all.iter().filter(|it| it.check.name == "unknown-gateway").collect();
        let [first, other] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((first.others.len(), other.others.len()), (3, 0));
        assert_eq!(
            first.consequence.as_deref(),
            Some("no proxy uses these routes; so it is at 2 more places")
        );
        // All of them are mended alike.
        assert_eq!(first.fixes.iter().map(|it| it.edits.len()).collect::<Vec<_>>(), [6]);
    }

    /// Who allows one speaks for no other.
    #[test]
    fn one_that_is_allowed_hides_no_other() {
        let folder = Folder::new();
        let annotated =
            "namespace: edge, annotations: {galley.istio.io/analyze-suppress: unknown-gateway}}";
        let allowed = route("a", "publik").replace("namespace: edge}", annotated);
        folder.write("a.yaml", format!("{GATEWAY}{allowed}"));
        folder.write("b.yaml", route("b", "publik"));
        let found = told(&folder);
        let found: Vec<_> = found.iter().filter(|it| it.check.name == "unknown-gateway").collect();
        let [only] = found.as_slice() else { panic!("{found:?}") };
        assert!(only.others.is_empty(), "{only:?}");
    }
}
