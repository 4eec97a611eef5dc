//! `overlapping-webhooks`: two webhooks of Istio's take the same pods.
//!
//! The labels that count are tried in all their combinations: for each, at most one webhook may take the pod. Source:
//! Istio, `webhook.Analyzer`.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Resource;
use crate::api::kubernetes::{LabelSelector, MutatingWebhooks, Webhook};
use crate::check::injection::{INJECT, INJECTION, REVISION};
use crate::check::webhook;
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("overlapping-webhooks", Severity::Error, include_str!("overlapping_webhooks.md"))
        .alias(&["IST0139"]);

type Labels = BTreeMap<String, String>;
type Known<'m> = (&'m Resource<MutatingWebhooks>, usize, &'m Webhook);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let injectors = webhook::injectors(mesh);
    let revisions: BTreeSet<_> = injectors.iter().flat_map(|it| webhook::revisions(it)).collect();
    let webhooks: Vec<Known<'_>> = injectors
        .iter()
        .flat_map(|it| it.spec.0.iter().enumerate().map(|(index, webhook)| (*it, index, webhook)))
        .collect();
    let mut reported = BTreeSet::new();
    for namespace in combinations(INJECTION, ["enabled", "disabled"], &revisions) {
        for pod in combinations(INJECT, ["true", "false"], &revisions) {
            let mut takers = (0..).zip(&webhooks).filter(|(_, it)| takes(it.2, &namespace, &pod));
            let Some((first, earlier)) = takers.next() else { continue };
            for (second, later) in takers {
                if reported.insert((first, second)) {
                    out.push(report(earlier, later, &namespace, &pod));
                }
            }
        }
    }
}

/// Without the label, and with each of its values; and each of these with each revision, and with none.
fn combinations(label: &str, values: [&str; 2], revisions: &BTreeSet<&str>) -> Vec<Labels> {
    let with = |value: &str| Labels::from([(label.to_owned(), value.to_owned())]);
    let [first, second] = values;
    let bare = [Labels::new(), with(first), with(second)];
    let with_revision = revisions.iter().flat_map(|revision| {
        bare.iter().map(|labels| {
            let mut labels = labels.clone();
            labels.insert(REVISION.to_owned(), (*revision).to_owned());
            labels
        })
    });
    bare.iter().cloned().chain(with_revision).collect()
}

fn takes(webhook: &Webhook, namespace: &Labels, pod: &Labels) -> bool {
    let selects = |selector: &Option<LabelSelector>, labels| {
        selector.as_ref().is_none_or(|selector| selector.selects(labels))
    };
    selects(&webhook.namespace_selector, namespace) && selects(&webhook.object_selector, pod)
}

fn report(earlier: &Known<'_>, later: &Known<'_>, namespace: &Labels, pod: &Labels) -> Diagnostic {
    let place = |it: &Known<'_>| Place::value(it.0.id, webhook::path(it.1).field("name"));
    let message =
        format!("the webhooks `{}` and `{}` take the same pods", earlier.2.name, later.2.name);
    Diagnostic::new(&CHECK, place(later), message)
        .label(format!("takes pods with {} in namespaces with {}", shown(pod), shown(namespace)))
        .also(place(earlier), "and so does this")
        .consequence("such a pod is injected twice: its traffic goes through two proxies, or it does not start")
        .help("let the selectors leave out each other's labels, or remove one of the webhooks")
}

fn shown(labels: &Labels) -> String {
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("`{name}: {value}`")).collect();
    if labels.is_empty() { "none of the labels".to_owned() } else { labels.join(" and ") }
}
