//! Whose eyes a part of the mesh is seen with.

use mesh_snapshot::{Key, Kind};

use crate::resolve::sidecar::Sidecar;
use crate::resolve::{Mesh, View};

/// A view, and how objects are named that look otherwise from there.
#[derive(Clone, Debug)]
pub(super) struct Perspective<'m, 'a> {
    pub(super) view: View<'m, 'a>,
    /// Empty: everybody's.
    suffix: String,
    /// Of what does not depend on a `Sidecar`.
    namespace_suffix: String,
}

impl<'m, 'a> Perspective<'m, 'a> {
    /// Of sidecars in a namespace that has nothing of its own.
    pub(super) fn common(mesh: &'m Mesh<'a>) -> Self {
        Self::new(View::common(mesh), String::new())
    }

    /// Of the sidecars of a namespace.
    pub(super) fn of(mesh: &'m Mesh<'a>, namespace: &'m str) -> Self {
        Self::new(View::of(mesh, namespace), format!("@{namespace}"))
    }

    /// Of the gateways of a namespace.
    pub(super) fn of_gateways(mesh: &'m Mesh<'a>, namespace: &'m str) -> Self {
        Self::new(View::of_gateways(mesh, namespace), format!("@{namespace}/gateways"))
    }

    fn new(view: View<'m, 'a>, suffix: String) -> Self {
        Self { view, namespace_suffix: suffix.clone(), suffix }
    }

    /// The same, through what a `Sidecar` imports.
    pub(super) fn through(self, sidecar: &'m Sidecar<'a>) -> Self {
        let of = &sidecar.resource;
        let suffix = format!("{}@{}/sidecars/{}", self.suffix, of.namespace, of.name());
        Self { view: self.view.through(sidecar.imports.as_ref()), suffix, ..self }
    }

    pub(super) fn is_common(&self) -> bool {
        self.suffix.is_empty()
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.suffix == other.suffix
    }

    /// The name of an object that does not look the same to all.
    pub(super) fn key(&self, kind: Kind, namespace: &str, name: &str) -> Key {
        Key::new(kind, namespace, format!("{name}{}", self.suffix))
    }

    /// The same, of an object that is alike for all workloads of a namespace, whatever `Sidecar` they have.
    pub(super) fn namespace_key(&self, kind: Kind, namespace: &str, name: &str) -> Key {
        Key::new(kind, namespace, format!("{name}{}", self.namespace_suffix))
    }
}
