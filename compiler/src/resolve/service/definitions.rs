//! The definitions of one host: who sees which. Thousands of namespaces may each have their own.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use super::{Service, ServiceId};
use crate::resolve::Visibility;

/// In every list the oldest is first.
#[derive(Clone, Debug, Default)]
pub(in crate::resolve) struct Definitions<'a> {
    all: Vec<ServiceId>,
    public: Vec<ServiceId>,
    /// Those that are not for everybody, by each namespace that sees them.
    by_client: HashMap<&'a str, Vec<ServiceId>>,
    by_namespace: BTreeSet<(&'a str, ServiceId)>,
    kubernetes: Vec<ServiceId>,
}

impl<'a> Definitions<'a> {
    /// Adds one, which is younger than all others.
    pub(super) fn push(&mut self, id: ServiceId, service: &Service<'a>) {
        self.all.push(id);
        self.by_namespace.insert((service.namespace, id));
        if service.origin.is_kubernetes() {
            self.kubernetes.push(id);
        }
        match &service.visibility {
            Visibility::Public => self.public.push(id),
            Visibility::Nobody => {}
            Visibility::Namespaces(names) => {
                for name in names {
                    self.by_client.entry(name).or_default().push(id);
                }
            }
        }
    }

    pub(super) fn all(&self) -> &[ServiceId] {
        &self.all
    }

    /// Those that a namespace has, whoever sees them.
    pub(in crate::resolve) fn of_namespace<'s>(
        &'s self,
        namespace: &'s str,
    ) -> impl Iterator<Item = ServiceId> + 's {
        let from =
            self.by_namespace.range((Bound::Included((namespace, ServiceId(0))), Bound::Unbounded));
        from.take_while(move |(own, _)| *own == namespace).map(|(_, id)| *id)
    }

    /// Those of Services, whoever sees them.
    pub(in crate::resolve) fn of_kubernetes(&self) -> &[ServiceId] {
        &self.kubernetes
    }

    /// Those that are exported to `client`: by its name first, then to everybody. `None` is a namespace that nobody names.
    pub(in crate::resolve) fn exported_to(
        &self,
        client: Option<&str>,
    ) -> impl Iterator<Item = ServiceId> {
        let named = client.and_then(|client| self.by_client.get(client)).into_iter().flatten();
        named.chain(&self.public).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mesh_snapshot::object::Service as Object;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::resolve::service::merge;
    use crate::resolve::{Mesh, View};
    use crate::testing::Compiled;

    const HOST: &str = "web.a.svc.cluster.local";

    /// Entries of one host in some namespaces, each with a port of its own, and at times a Service of it.
    fn definitions() -> impl Strategy<Value = String> {
        let export_to = select(vec!["'*'", "'.'", "'~'", "b", "., b", "c, a"]);
        let entry = (select(vec!["a", "b", "c"]), export_to);
        let entries = proptest::collection::vec(entry, 1..8);
        (entries, any::<bool>()).prop_map(|(entries, has_service)| {
            let entry = |(number, (namespace, export_to)): (u16, &(&str, &str))| {
                let port = 80 + number;
                format!(
                    "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: e{number}, namespace: {namespace}}}\nspec: {{hosts: [{HOST}], exportTo: [{export_to}], ports: [{{number: {port}, name: http, protocol: HTTP}}], resolution: DNS}}\n---\n"
                )
            };
            let mut text: String = (0..).zip(&entries).map(entry).collect();
            if has_service {
                text += "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: a}\nspec: {ports: [{port: 80}]}\n";
            }
            text
        })
    }

    /// As Istio does it: all definitions that a client sees are gone through.
    fn chosen(
        mesh: &Mesh<'_>,
        client: Option<&str>,
        prefers_own: bool,
    ) -> Option<(ServiceId, Arc<Object>)> {
        let services = &mesh.services;
        let all = services.of_host(HOST).iter().copied();
        let mut seen: Vec<_> =
            all.filter(|id| services.get(*id).visibility.reaches(client)).collect();
        seen.sort_by_key(|id| services.get(*id).visibility == Visibility::Public);
        let is_own = |id: &&ServiceId| Some(services.get(**id).namespace) == client;
        let is_kubernetes = |id: &&ServiceId| services.get(**id).origin.is_kubernetes();
        let own = seen.iter().find(is_own).filter(|_| prefers_own);
        let first = own.or_else(|| seen.iter().find(is_kubernetes)).or(seen.first())?;
        let namespace = services.get(*first).namespace;
        seen.retain(|id| services.get(*id).namespace == namespace);
        merge(services, &seen)
    }

    proptest! {
        #[test]
        fn what_is_looked_up_is_what_is_found_among_all(text in definitions()) {
            let compiled = Compiled::text(&text);
            let mesh = crate::resolve::resolve(&compiled.mesh);
            let seen = |view: View<'_, '_>| view.service(HOST).map(|it| (it.id, it.object));
            prop_assert_eq!(seen(View::common(&mesh)), chosen(&mesh, None, true));
            for client in ["a", "b", "c", "d"] {
                prop_assert_eq!(seen(View::of(&mesh, client)), chosen(&mesh, Some(client), true));
                let of_gateways = View::of_gateways(&mesh, client);
                prop_assert_eq!(seen(of_gateways), chosen(&mesh, Some(client), false));
            }
        }
    }
}
