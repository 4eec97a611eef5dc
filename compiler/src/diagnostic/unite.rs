//! One cause, one finding: what is found in many resources for one reason is told to people once.
//!
//! They are put together last, when it is known what is shown of them: a comment that allows one of them, or a baseline that knows
//! it, speaks for no other. What is put together has no name from one run to the next; each of them has its own.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Cause, Finding, Severity, Site, TextFix};

/// How many more places are shown.
const SHOWN_MAX: usize = 3;

/// Of findings with one [`Cause`] the first, with the places of the others; and all that stand by themselves.
#[must_use]
pub fn unite<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Vec<Cow<'f, Finding>> {
    let mut known: BTreeMap<Key<'f>, usize> = BTreeMap::new();
    let mut kept: Vec<(&Finding, Vec<&Finding>)> = Vec::new();
    for found in findings {
        if let Some(key) = key(found) {
            let at = *known.entry(key).or_insert(kept.len());
            if let Some((_, more)) = kept.get_mut(at) {
                more.push(found);
                continue;
            }
        }
        kept.push((found, Vec::new()));
    }
    let united = kept.into_iter().map(|(first, more)| match more.as_slice() {
        [] => Cow::Borrowed(first),
        more => Cow::Owned(of_all(first, more)),
    });
    united.collect()
}

/// What is said of all of them, how seriously, and what explains it. Help that says in which environment something is found is of
/// those alone that are found there.
type Key<'f> =
    (&'static str, Severity, &'f str, Option<&'f str>, Option<&'f str>, Option<&'f [Site]>);

fn key(found: &Finding) -> Option<Key<'_>> {
    let (message, consequence, others) = match found.cause.as_ref()? {
        Cause::Same => (&found.message, found.consequence.as_deref(), Some(&*found.others)),
        Cause::Together { message, consequence } => (message, Some(&**consequence), None),
    };
    let help = found.help.as_deref();
    Some((found.check.name, found.severity, message, consequence, help, others))
}

fn of_all(first: &Finding, more: &[&Finding]) -> Finding {
    let mut all = first.clone();
    if let Some(Cause::Together { message, consequence }) = &first.cause {
        all.message = format!("{} {message}", more.len() + 1);
        all.consequence = Some(consequence.clone());
    }
    // At each place what is said there.
    all.others.extend(more.iter().take(SHOWN_MAX).map(|it| it.primary.clone()));
    let hidden = match more.len().saturating_sub(SHOWN_MAX) {
        0 => None,
        1 => Some("so it is at 1 more place".to_owned()),
        hidden => Some(format!("so it is at {hidden} more places")),
    };
    let effect: Vec<_> = all.consequence.into_iter().chain(hidden).collect();
    all.consequence = (!effect.is_empty()).then(|| effect.join("; "));
    for fix in more.iter().flat_map(|it| &it.fixes) {
        join(&mut all.fixes, fix);
    }
    all
}

/// Mended are all places alike, or each by itself.
fn join(fixes: &mut Vec<TextFix>, fix: &TextFix) {
    let is_same =
        |it: &&mut TextFix| it.title == fix.title && it.applicability == fix.applicability;
    match fixes.iter_mut().find(is_same) {
        Some(known) => known.edits.extend(fix.edits.iter().cloned()),
        None => fixes.push(fix.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cow, Finding, unite};
    use crate::testing::{Folder, findings};

    fn told(folder: &Folder) -> Vec<Finding> {
        let found = findings(folder.path());
        unite(&found).into_iter().map(Cow::into_owned).collect()
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

    /// What stands beside, and resources with one fault in common.
    fn faults() -> [(&'static str, String, [String; 3]); 7] {
        let of = |text: &dyn Fn(&str) -> String| ["a", "b", "c"].map(text);
        let route = |name: &str, more: &str| {
            format!(
                "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: edge}}\nspec: {{{more}}}\n"
            )
        };
        let at_gateway = |host: &str, gateway: &str, path: &str| {
            let more = format!("[{{match: [{{uri: {{prefix: {path}}}}}], redirect: {{uri: /}}}}]");
            format!("hosts: ['{host}.example.com'], gateways: [{gateway}], http: {more}")
        };
        let policy = |name: &str, spec: &str| {
            format!(
                "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {name}, namespace: edge}}\nspec: {{{spec}}}\n"
            )
        };
        let account =
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: ingress, namespace: edge}\n";
        let services = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: edge}\nspec: {ports: [{name: http, port: 80}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: api, namespace: edge}\nspec: {type: ExternalName, externalName: api.example.org, ports: [{name: http, port: 80}]}\n";
        let by = |of: &str| format!("rules: [{{from: [{{source: {{{of}}}}}]}}]");
        [
            (
                "unknown-gateway",
                GATEWAY.to_owned(),
                of(&|name| route(name, &at_gateway(name, "publik", "/a"))),
            ),
            (
                "hidden-wildcard-route",
                format!("{GATEWAY}---\n{}", route("all", &at_gateway("*", "public", "/"))),
                of(&|name| route(name, &at_gateway(name, "public", "/a"))),
            ),
            (
                "namespace-not-injected",
                String::new(),
                of(&|name| {
                    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n")
                }),
            ),
            (
                "unknown-service-account",
                account.to_owned(),
                of(&|name| policy(name, &by("principals: [cluster.local/ns/edge/sa/nobody]"))),
            ),
            (
                "undefined-alias",
                services.to_owned(),
                of(&|name| {
                    let to = "http: [{route: [{destination: {host: api}}]}]";
                    route(name, &format!("hosts: [{name}.example.com], {to}"))
                }),
            ),
            (
                "unknown-gateway-class",
                String::new(),
                of(&|name| {
                    format!(
                        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: {name}, namespace: edge}}\nspec: {{gatewayClassName: cilium, listeners: [{{name: http, port: 80, protocol: HTTP}}]}}\n"
                    )
                }),
            ),
            (
                "deny-overrules-allow",
                policy("deny", &format!("action: DENY, {}", by("notNamespaces: [edge]"))),
                of(&|name| {
                    policy(name, &by(&format!("principals: [cluster.local/ns/x/sa/{name}]")))
                }),
            ),
        ]
    }

    /// Each is found by itself, and told with the others: who allows one speaks for no other, whether it is the first or not.
    #[test]
    fn one_that_is_allowed_hides_no_other() {
        for (check, beside, resources) in faults() {
            let found = |allowed: Option<usize>| {
                let folder = Folder::new();
                folder.write("beside.yaml", &beside);
                for (at, text) in resources.iter().enumerate() {
                    let comment = format!("# mesh:allow {check} reason=\"it is known\"\n");
                    let comment = if allowed == Some(at) { &comment } else { "" };
                    folder.write(&format!("{at}.yaml"), format!("{comment}{text}"));
                }
                let all = findings(folder.path());
                let is_unused = all.iter().any(|it| it.check.name == "unused-suppression");
                assert!(!is_unused, "{check} {allowed:?}: {all:?}");
                let own: Vec<_> = all.into_iter().filter(|it| it.check.name == check).collect();
                let united = unite(&own);
                let [one] = united.as_slice() else { panic!("{check} {allowed:?}: {own:?}") };
                let places = std::iter::once(&one.primary).chain(&one.others);
                let places: Vec<_> = places.map(|it| it.file).collect();
                let apart: Vec<_> = own.iter().map(|it| it.primary.file).collect();
                assert!(apart.iter().all(|it| places.contains(it)), "{check} {allowed:?}: {one:?}");
                apart
            };
            let all = found(None);
            assert_eq!(all.len(), 3, "{check}");
            for (at, allowed) in all.iter().enumerate() {
                let others: Vec<_> = all.iter().filter(|it| *it != allowed).copied().collect();
                assert_eq!(found(Some(at)), others, "{check} {at}");
            }
        }
    }

    #[test]
    fn what_is_said_of_all_counts_them() {
        let folder = Folder::new();
        for name in ["a", "b", "c", "d", "e", "f"] {
            let text = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n");
            folder.write(&format!("{name}.yaml"), text);
        }
        let all = told(&folder);
        let found: Vec<_> =
            all.iter().filter(|it| it.check.name == "namespace-not-injected").collect();
        let [one] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(one.message, "6 namespaces do not say whether their pods get a proxy");
        assert!(one.consequence.as_deref().unwrap().ends_with("; so it is at 2 more places"));
    }
}
