//! What is not said of Gateways that other controllers serve, and of the routes that are for these alone: what becomes of a field
//! there, their own documentation says.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::api::gateway_api::{ListenerSet, ParentReference};
use crate::api::{Mesh, Resource, UNENFORCED_FIELD};
use crate::diagnostic::Diagnostic;
use crate::parse::DocumentId;
use crate::resolve::gateway::Class;

/// Takes back that the mesh does nothing about a field of what it does not serve.
pub(crate) fn leave_to_others(mesh: &Mesh, out: &mut Vec<Cow<'_, Diagnostic>>) {
    let foreign = Foreign::find(mesh);
    if foreign.gateways.is_empty() {
        return;
    }
    let documents = foreign.documents(mesh);
    out.retain(|found| {
        let document = found.place.document().filter(|_| *found.check == UNENFORCED_FIELD);
        !document.is_some_and(|it| documents.contains(&it))
    });
}

/// `Gateway`s and `ListenerSet`s by namespace and name.
struct Foreign<'m> {
    gateways: BTreeSet<(&'m str, &'m str)>,
    listener_sets: BTreeSet<(&'m str, &'m str)>,
}

impl<'m> Foreign<'m> {
    fn find(mesh: &'m Mesh) -> Self {
        let is_foreign = |class: &str| Class::named(class, mesh).is_others();
        let gateways = mesh.api_gateways.iter();
        let gateways = gateways.filter(|it| is_foreign(&it.spec.gateway_class_name)).map(key);
        let gateways: BTreeSet<_> = gateways.collect();
        let of_gateway = |it: &&Resource<ListenerSet>| {
            let parent = &it.spec.parent_ref;
            let namespace = parent.namespace.as_deref().unwrap_or(&it.namespace);
            gateways.contains(&(namespace, &parent.name))
        };
        let listener_sets = mesh.listener_sets.iter().filter(of_gateway).map(key).collect();
        Self { gateways, listener_sets }
    }

    fn documents(&self, mesh: &Mesh) -> BTreeSet<DocumentId> {
        let gateways = mesh.api_gateways.iter().filter(|it| self.gateways.contains(&key(it)));
        let requests = mesh.http_routes.iter();
        let requests = requests.map(|it| (it.id, &it.namespace, &it.spec.parent_refs));
        let streams = mesh.stream_routes.iter();
        let streams = streams.map(|it| (it.id, &it.namespace, &it.spec.parent_refs));
        let routes = requests.chain(streams).filter(|(_, namespace, parents)| {
            !parents.is_empty() && parents.iter().all(|it| self.serve(it, namespace))
        });
        gateways.map(|it| it.id).chain(routes.map(|(id, ..)| id)).collect()
    }

    /// Whether they are whom a route of the namespace names.
    fn serve(&self, parent: &ParentReference, namespace: &str) -> bool {
        let key = (parent.namespace.as_deref().unwrap_or(namespace), &*parent.name);
        let group = parent.group.as_deref().unwrap_or("gateway.networking.k8s.io");
        match (group, parent.kind.as_deref().unwrap_or("Gateway")) {
            ("gateway.networking.k8s.io", "Gateway") => self.gateways.contains(&key),
            ("gateway.networking.k8s.io", "ListenerSet") => self.listener_sets.contains(&key),
            _ => false,
        }
    }
}

fn key<T>(resource: &Resource<T>) -> (&str, &str) {
    (&resource.namespace, resource.name())
}

#[cfg(test)]
mod tests {
    use crate::api::UNENFORCED_FIELD;
    use crate::testing::{Folder, findings};

    const ROUTE: &str = "---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: shop}
spec:
  parentRefs: [PARENTS]
  rules: [{sessionPersistence: {sessionName: x}}]
";

    /// How many fields of a Gateway of the class, and of a route to these parents, are said to have no effect.
    fn count(class: &str, parents: &str) -> usize {
        let folder = Folder::new();
        let head = "apiVersion: gateway.networking.k8s.io/v1\nkind: ";
        let of_class = "GatewayClass\nmetadata: {name: theirs}\nspec: {controllerName: example.com/controller}\n";
        let gateway = format!(
            "Gateway\nmetadata: {{name: g, namespace: shop}}\nspec: {{gatewayClassName: {class}, infrastructure: {{labels: {{a: b}}}}, listeners: [{{name: http, port: 80, protocol: HTTP}}]}}\n"
        );
        let set = "ListenerSet\nmetadata: {name: s, namespace: shop}\nspec: {parentRef: {name: g}, listeners: [{name: more, port: 81, protocol: HTTP}]}\n";
        let route = ROUTE.replace("PARENTS", parents);
        folder.write(
            "a.yaml",
            format!("{head}{of_class}---\n{head}{gateway}---\n{head}{set}{route}"),
        );
        findings(folder.path()).iter().filter(|it| it.check == &UNENFORCED_FIELD).count()
    }

    #[test]
    fn what_others_serve_is_left_to_them() {
        assert_eq!(count("istio", "{name: g}"), 2);
        for class in ["theirs", "nobody-s"] {
            assert_eq!(count(class, "{name: g}"), 0, "{class}");
            assert_eq!(count(class, "{name: s, kind: ListenerSet}"), 0, "{class}");
        }
        // A route of the mesh, or of who knows whom.
        assert_eq!(count("theirs", "{name: g}, {name: web, kind: Service, group: ''}"), 1);
        assert_eq!(count("theirs", "{name: other}"), 1);
    }
}
