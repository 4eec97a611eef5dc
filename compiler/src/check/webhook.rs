//! The webhooks of Istio's injector, as far as several checks look at them.

use std::collections::BTreeSet;

use crate::api::Resource;
use crate::api::kubernetes::{LabelSelector, MutatingWebhooks, Webhook};
use crate::check::injection::REVISION;
use crate::diagnostic::FieldPath;
use crate::resolve::Mesh;

type Resources<'m> = Vec<&'m Resource<MutatingWebhooks>>;

/// The resources with webhooks of Istio's: by their names, or because they speak of revisions.
pub(super) fn injectors<'m>(mesh: &'m Mesh<'_>) -> Resources<'m> {
    let is_istios = |it: &&Resource<MutatingWebhooks>| {
        it.spec.0.iter().any(|webhook| webhook.name.ends_with("istio.io"))
            || !revisions(it).is_empty()
    };
    mesh.source.mutating_webhooks.iter().filter(is_istios).collect()
}

/// The revisions that a resource's webhooks speak of.
pub(super) fn revisions(resource: &Resource<MutatingWebhooks>) -> BTreeSet<&str> {
    let own = resource.metadata.labels.get(REVISION).map(String::as_str);
    own.into_iter().chain(resource.spec.0.iter().flat_map(of_webhook)).collect()
}

fn of_webhook(webhook: &Webhook) -> impl Iterator<Item = &str> {
    webhook.namespace_selector.iter().chain(&webhook.object_selector).flat_map(of_selector)
}

fn of_selector(selector: &LabelSelector) -> impl Iterator<Item = &str> {
    let expressions = selector.match_expressions.iter().filter(|it| it.key == REVISION);
    let listed = expressions.flat_map(|it| it.values.iter().map(String::as_str));
    selector.match_labels.get(REVISION).map(String::as_str).into_iter().chain(listed)
}

/// `webhooks[index]`
pub(super) fn path(index: usize) -> FieldPath {
    FieldPath::default().field("webhooks").index(index)
}
