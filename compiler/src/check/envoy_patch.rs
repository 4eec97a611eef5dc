//! The patches of `EnvoyFilter`s, as far as several checks look at them.

use serde_json::Value;

use crate::api::Resource;
use crate::api::istio::{ConfigPatch, EnvoyFilter, Patch, PatchOperation};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place};
use crate::resolve::Mesh;

/// A patch, and where it stands.
pub(super) struct At<'m> {
    pub filter: &'m Resource<EnvoyFilter>,
    pub index: usize,
    pub config: &'m ConfigPatch,
    pub patch: &'m Patch,
}

impl At<'_> {
    pub(super) fn place(&self) -> Place {
        let path = FieldPath::default().field("spec").field("configPatches").index(self.index);
        Place::value(self.filter.id, path.field("patch").field("operation"))
    }

    /// What tells patches of one thing from patches of another: the name of what is put in, or else of the filter that is
    /// looked for.
    pub(super) fn subject(&self) -> (Option<&str>, Option<&str>) {
        let Some(Value::Object(fields)) = self.patch.value.as_ref().map(|value| &value.0) else {
            return (None, None);
        };
        let own = fields.get("name").and_then(Value::as_str);
        let listener = self.config.r#match.as_ref().and_then(|it| it.listener.as_ref());
        let chain = listener.and_then(|it| it.filter_chain.as_ref());
        let wanted = chain.and_then(|it| it.filter.as_ref()).map(|it| it.name.as_str());
        (own, wanted.filter(|_| own.is_none()))
    }

    /// Whether it is for proxies of some versions alone.
    pub(super) fn is_for_version(&self) -> bool {
        let matched = self.config.r#match.as_ref().and_then(|it| it.proxy.as_ref());
        matched.is_some_and(|proxy| !proxy.proxy_version.is_empty())
    }

    /// Whether it depends on what other filters have done before, and the filter does not say when it comes.
    pub(super) fn is_unordered(&self) -> bool {
        use PatchOperation::{InsertAfter, InsertBefore, Remove, Replace};
        self.filter.spec.priority == 0
            && matches!(self.patch.operation, Remove | Replace | InsertBefore | InsertAfter)
    }
}

/// The patches of each filter, in its order. What follows a patch that is none is not looked at.
pub(super) fn all<'m>(
    mesh: &'m Mesh<'_>,
) -> impl Iterator<Item = (&'m Resource<EnvoyFilter>, Vec<At<'m>>)> {
    mesh.source.envoy_filters.iter().map(|filter| {
        let patches = filter.spec.config_patches.iter().enumerate();
        let patches = patches.map_while(move |(index, config)| {
            Some(At { filter, index, config, patch: config.patch.as_ref()? })
        });
        (filter, patches.collect())
    })
}

/// One finding for all patches of a filter with the same fault.
pub(super) fn report<'m>(
    check: &'static Check,
    patches: impl IntoIterator<Item = At<'m>>,
    message: &str,
    label: &str,
) -> Option<Diagnostic> {
    let mut patches = patches.into_iter();
    let found = Diagnostic::new(check, patches.next()?.place(), message).label(label);
    Some(patches.fold(found, |found, patch| found.also(patch.place(), "and here")))
}
