//! Whose eyes a part of the mesh is seen with.

use mesh_snapshot::{Key, Kind};

use crate::resolve::{Mesh, View};

/// A view, and how objects are named that look otherwise from there.
#[derive(Clone, Debug)]
pub(super) struct Perspective<'m, 'a> {
    pub(super) view: View<'m, 'a>,
    /// Empty: everybody's.
    suffix: String,
}

impl<'m, 'a> Perspective<'m, 'a> {
    /// Of sidecars in a namespace that has nothing of its own.
    pub(super) fn common(mesh: &'m Mesh<'a>) -> Self {
        Self { view: View::common(mesh), suffix: String::new() }
    }

    /// Of the sidecars of a namespace.
    pub(super) fn of(mesh: &'m Mesh<'a>, namespace: &'m str) -> Self {
        Self { view: View::of(mesh, namespace), suffix: format!("@{namespace}") }
    }

    /// Of the gateways of a namespace.
    pub(super) fn of_gateways(mesh: &'m Mesh<'a>, namespace: &'m str) -> Self {
        Self { view: View::of_gateways(mesh, namespace), suffix: format!("@{namespace}/gateways") }
    }

    /// The name of an object that does not look the same to all.
    pub(super) fn key(&self, kind: Kind, namespace: &str, name: &str) -> Key {
        Key::new(kind, namespace, format!("{name}{}", self.suffix))
    }
}
