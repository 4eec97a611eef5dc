//! What a fixed example adds may be there and be unreadable: then nothing is missed.
//!
//! A fixed example that has a resource more than the failing one shows that the finding argues from its absence. The same resource,
//! encrypted, is no less there.

use super::{examples, has_directives, run};

/// Fixed examples that add something else than what is missed, by check and kind: another way to write it, or what the
/// finding's own resource became.
const OTHERWISE: &[(&str, &str)] = &[
    ("auto-image-in-pod", "Deployment"),
    ("auto-image-in-pod", "Namespace"),
    ("generated-gateway", "HTTPRoute"),
    ("generated-gateway", "Service"),
    ("ineffective-envoy-patch", "EnvoyFilter"),
    ("invalid-name", "PeerAuthentication"),
    ("missing-kind", "PeerAuthentication"),
    ("overruled-destination-rule", "DestinationRule"),
    ("plain-text", "Namespace"),
    ("removed-definition", "CustomResourceDefinition"),
    ("removed-kind", "PeerAuthentication"),
    ("uncaptured-port", "Pod"),
    ("unenforced-kind", "Namespace"),
    ("unknown-kind", "VirtualService"),
    ("unknown-policy-namespace", "Deployment"),
    ("unrendered-source", "Namespace"),
    ("unserved-extension", "TrafficExtension"),
    ("unserved-patch", "EnvoyFilter"),
    ("unsupported-kind", "Namespace"),
];

#[test]
fn what_is_missed_may_be_encrypted() {
    let mut told = Vec::new();
    for check in crate::checks() {
        let mut failing = String::new();
        for (fails, example) in
            examples(check.docs).into_iter().filter(|(_, it)| !has_directives(it))
        {
            if fails {
                failing = example;
                continue;
            }
            let own: Vec<_> = documents(&failing).map(name).collect();
            for text in documents(&example).filter(|it| !own.contains(&name(it))) {
                let unread =
                    format!("{failing}---\n{}\nsops: {{mac: 'ENC[x]'}}\n", text.trim_end());
                if run(&unread).iter().any(|it| it.check == check) {
                    told.push((check.name, name(text)[0].to_owned()));
                }
            }
        }
    }
    told.sort_unstable();
    told.dedup();
    let told: Vec<_> = told.iter().map(|(check, kind)| (*check, kind.as_str())).collect();
    assert_eq!(told, OTHERWISE);
}

fn documents(example: &str) -> impl Iterator<Item = &str> {
    example.split("---\n").filter(|it| !it.trim().is_empty())
}

/// The kind, and what it is called.
fn name(text: &str) -> [&str; 3] {
    ["kind: ", "  name: ", "{name: "].map(|key| {
        let value = text.split(key).nth(1).unwrap_or_default();
        value.split([',', '}', '\n']).next().unwrap_or_default()
    })
}
