//! `Egress`: what the workloads of a namespace see and reach. Everybody sees the same of most hosts, so the view of a
//! namespace is everybody's, with the sets changed in which it sees something otherwise; that through a `Sidecar` has the
//! hosts that are imported.

mod bundle;
mod overlay;
mod sets;

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::{Egress, Object, Overlay};
use mesh_snapshot::{Applies, Key, Kind, Reference};
use rayon::prelude::*;

use self::sets::Common;
use super::{Lowering, Perspective};
use crate::diagnostic::{FieldPath, Place};
use crate::resolve::sidecar::{Imports, Sidecar};

/// What the `Sidecar`s of one namespace let be seen, by what they import: nothing else of them matters to it.
type Imported<'m, 'a> = BTreeMap<Option<&'m Imports<'a>>, Seen>;

#[derive(Clone)]
struct Seen {
    listening: Vec<u16>,
    hosts: Vec<Reference>,
    overlays: Vec<Overlay>,
}

impl<'m, 'a> Lowering<'m, 'a> {
    /// Everybody's view, those of the namespaces that see something otherwise, and those through `Sidecar`s.
    pub(super) fn egresses(&self) {
        let common = self.common();
        let mesh = self.mesh;
        mesh.sidecars.iter().for_each(|sidecar| self.explicit_proxies(sidecar));
        let root = mesh.sidecars.default_of(mesh.settings.root_namespace);
        match root {
            Some(sidecar) => {
                let seen = self.seen(&common, sidecar, Perspective::common(mesh));
                self.scoped("", sidecar, seen, Applies::All, 0);
            }
            None => self.plain("", &common, &Perspective::common(mesh)),
        }
        self.clients(root).into_par_iter().for_each(|client| {
            let perspective = || Perspective::of(mesh, client);
            let mut imported = Imported::new();
            let mut seen = |sidecar: &'m Sidecar<'a>| {
                let seen = imported.entry(sidecar.imports.as_ref());
                seen.or_insert_with(|| self.seen(&common, sidecar, perspective())).clone()
            };
            for (rank, sidecar) in mesh.sidecars.selecting_in(client).enumerate() {
                let labels = sidecar.labels().cloned().unwrap_or_default();
                let applies = Applies::Selected(vec![labels]);
                self.scoped(client, sidecar, seen(sidecar), applies, rank);
            }
            match mesh.sidecars.default_of(client).or(root) {
                Some(sidecar) => self.scoped(client, sidecar, seen(sidecar), Applies::All, 0),
                None => self.plain(client, &common, &perspective()),
            }
        });
    }

    /// The namespaces whose workloads may see something otherwise than everybody else, in order.
    fn clients(&self, root: Option<&Sidecar<'a>>) -> BTreeSet<&'a str> {
        let mesh = self.mesh;
        let mut clients = mesh.particular_clients();
        clients.extend(mesh.sidecars.namespaces());
        let is_relative =
            |sidecar: &Sidecar<'_>| sidecar.imports.as_ref().is_some_and(Imports::is_relative);
        if root.is_some_and(is_relative) {
            clients.extend(mesh.services.namespaces());
            clients.extend(mesh.virtual_services.iter().map(|(_, it)| it.namespace()));
        }
        clients
    }

    /// A view without a `Sidecar`. That of a namespace which sees what everybody sees need not be said.
    fn plain(&self, client: &str, common: &Common<'a>, perspective: &Perspective<'_, 'a>) {
        let particulars = perspective.view.particulars();
        let own = self.particular_sets(common, &particulars, perspective);
        let seen = particulars.iter().filter_map(|(name, seen)| Some((name, seen.as_ref()?)));
        let overlays = self.overlays(seen, perspective);
        if client.is_empty() || own != common.references() || !overlays.is_empty() {
            let egress = Egress {
                outbound: self.mesh.settings.outbound,
                proxy: None,
                listening: Vec::new(),
                hosts: own,
                overlays,
                preload: BTreeSet::new(),
            };
            self.add_egress(client, "default", egress, Applies::All, 0, None);
        }
    }

    /// What is seen through a `Sidecar`. Objects that look otherwise through it are called after it.
    fn seen(
        &self,
        common: &Common<'a>,
        sidecar: &'m Sidecar<'a>,
        perspective: Perspective<'m, 'a>,
    ) -> Seen {
        if sidecar.imports.is_none() {
            let particulars = perspective.view.particulars();
            let seen = particulars.iter().filter_map(|(name, seen)| Some((name, seen.as_ref()?)));
            let hosts = self.particular_sets(common, &particulars, &perspective);
            let overlays = self.overlays(seen, &perspective);
            return Seen { listening: Vec::new(), hosts, overlays };
        }
        let perspective = perspective.through(sidecar);
        let seen = perspective.view.imported_hosts();
        Seen {
            listening: perspective.view.listening(),
            hosts: self.imported_sets(common, &seen, &perspective),
            overlays: self.overlays(&seen, &perspective),
        }
    }

    /// A view through a `Sidecar`.
    fn scoped(
        &self,
        client: &str,
        sidecar: &Sidecar<'a>,
        seen: Seen,
        applies: Applies,
        rank: usize,
    ) {
        let (outbound, proxy) = (sidecar.outbound, sidecar.proxy.clone());
        let Seen { listening, hosts, overlays } = seen;
        let preload = BTreeSet::new();
        let egress = Egress { outbound, proxy, listening, hosts, overlays, preload };
        let name = format!("sidecars/{}", sidecar.resource.name());
        let place = Place::resource(sidecar.resource.id);
        self.add_egress(client, &name, egress, applies, rank, Some(place));
    }

    /// Says so where a listener is to take requests as an HTTP proxy gets them.
    fn explicit_proxies(&self, sidecar: &Sidecar<'_>) {
        let listeners = sidecar.resource.spec.egress.iter().enumerate();
        for (index, port) in listeners.filter_map(|(index, it)| Some((index, it.port.as_ref()?))) {
            if port.protocol.eq_ignore_ascii_case("HTTP_PROXY") {
                let at = FieldPath::default().field("spec").field("egress").index(index);
                let place = Place::value(sidecar.resource.id, at.field("port").field("protocol"));
                let message = "nothing here takes requests as an HTTP proxy does".to_owned();
                self.unserved(
                    place,
                    message,
                    "its hosts are seen at all of their ports, by their own addresses",
                );
            }
        }
    }

    /// Empty namespace: for all that have none of their own.
    fn add_egress(
        &self,
        namespace: &str,
        name: &str,
        egress: Egress,
        applies: Applies,
        rank: usize,
        place: Option<Place>,
    ) {
        let key = Key::new(Kind::Egress, namespace, name);
        let place = place.map(|place| (String::new(), place));
        let reference = self.store.add(key, &Object::Egress(egress), &place);
        self.store.list(namespace, reference, applies, rank);
    }
}
