//! An authority that is none of the hosts of a `VirtualService`.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::ops::Bound;
use std::rc::Rc;
use std::sync::Arc;

use super::{never, never_in};
use crate::api::Resource;
use crate::api::istio::{self, HttpMatch};
use crate::diagnostic::{Diagnostic, FieldPath, Place};
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::host::{Host, HostMap, lower};
use crate::resolve::route::VirtualService;

/// A host that is none of the resource's.
pub(super) fn check_authority(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    known: &Authorities,
    out: &mut Vec<Diagnostic>,
) {
    let routes = it.resource.spec.http.iter().enumerate();
    let matches = routes.flat_map(|(route, http)| {
        http.r#match.iter().enumerate().map(move |(index, test)| (route, index, test))
    });
    for (route, index, test) in matches {
        let Some(asked) = foreign_authority(mesh, it, test, known) else { continue };
        let list = FieldPath::default().field("spec").field("http").index(route);
        let path = list.field("match").index(index).field("authority").field("exact");
        let hosts = Place::key(it.resource.id, FieldPath::default().field("spec").field("hosts"));
        let found =
            never(it, path, format!("`{asked}` is none of the hosts that the routes are for"));
        out.push(found.also(hosts, "they are for these alone"));
    }
}

/// The same of delegates, whose routes are for the hosts of those that delegate to them.
pub(super) fn check_delegates(mesh: &Mesh<'_>, known: &Authorities, out: &mut Vec<Diagnostic>) {
    let mut parts: BTreeMap<_, (&Resource<istio::VirtualService>, Vec<&VirtualService<'_>>)> =
        BTreeMap::new();
    for (_, root) in mesh.virtual_services.iter() {
        for part in root.http.iter().filter(|it| it.root.is_some()) {
            let place = (part.resource.id, part.index);
            let (_, roots) = parts.entry(place).or_insert((part.resource, Vec::new()));
            if roots.last().is_none_or(|last| last.resource.id != root.resource.id) {
                roots.push(root);
            }
        }
    }
    for ((document, route), (resource, roots)) in parts {
        let Some(http) = resource.spec.http.get(route) else { continue };
        for (index, test) in http.r#match.iter().enumerate() {
            let foreign = roots.iter().map(|root| foreign_authority(mesh, root, test, known));
            let Some(foreign) = foreign.collect::<Option<Vec<_>>>() else { continue };
            let Some(asked) = foreign.first() else { continue };
            let list = FieldPath::default().field("spec").field("http").index(route);
            let path = list.field("match").index(index).field("authority").field("exact");
            let message =
                format!("`{asked}` is none of the hosts for which somebody delegates here");
            let mut hosts = roots.iter().map(|root| {
                let hosts = FieldPath::default().field("spec").field("hosts");
                Place::key(root.resource.id, hosts)
            });
            let found = never_in(document, path, message);
            let found = match hosts.next() {
                Some(first) => found.also(first, "the routes are for these"),
                None => found,
            };
            out.push(found.and_here(hosts));
        }
    }
}

/// The authority that a match asks for, which is none of the hosts.
pub(super) fn foreign_authority<'m>(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    test: &'m HttpMatch,
    known: &Authorities,
) -> Option<&'m str> {
    let asked = test.authority.as_ref().and_then(|it| it.exact.as_deref())?;
    let name = Name::of(asked)?;
    // Whoever calls a Service by an alias comes to the routes of the Service.
    (!known.hosts(it).may_be(&name) && !known.aliases(mesh).may_be(&name)).then_some(asked)
}

/// The hosts that authorities were compared with. It is made of the mesh alone.
#[derive(Default)]
pub(super) struct Authorities {
    aliases: OnceCell<Hosts>,
    by_resource: RefCell<HashMap<DocumentId, Rc<Hosts>>>,
}

impl Authorities {
    /// Of the Services that stand for others.
    fn aliases(&self, mesh: &Mesh<'_>) -> &Hosts {
        self.aliases.get_or_init(|| {
            let aliases = mesh.services.iter().filter(|(_, it)| it.alias.is_some());
            Hosts::of(aliases.map(|(_, it)| &it.host))
        })
    }

    fn hosts(&self, it: &VirtualService<'_>) -> Rc<Hosts> {
        let mut known = self.by_resource.borrow_mut();
        let hosts = known.entry(it.resource.id).or_insert_with(|| Rc::new(Hosts::of(&it.hosts)));
        Rc::clone(hosts)
    }
}

/// What an authority says of a host, without a port; an address is none.
struct Name(Host);

impl Name {
    /// `None`: it is an address, which any host may have.
    fn of(authority: &str) -> Option<Self> {
        // Whatever follows a colon is taken for a port.
        let is_address = authority.starts_with('[') || authority.parse::<IpAddr>().is_ok();
        let name = authority.split_once(':').map_or(authority, |(name, _)| name);
        let name = lower(name.trim_end_matches('.'));
        (!is_address && name.parse::<IpAddr>().is_err()).then_some(Self(name))
    }
}

/// Hosts by what they may be called. Both hosts and routes may be thousands.
struct Hosts {
    sorted: BTreeSet<Host>,
    by_name: HostMap<()>,
}

impl Hosts {
    fn of<'h>(hosts: impl IntoIterator<Item = &'h Host>) -> Self {
        let mut all = Self { sorted: BTreeSet::new(), by_name: HostMap::default() };
        for host in hosts {
            all.sorted.insert(Arc::clone(host));
            all.by_name.entry(host);
        }
        all
    }

    /// Whether requests to one of them may name it so: in full, in short, or by an instance of it.
    fn may_be(&self, Name(name): &Name) -> bool {
        let start = format!("{name}.");
        let is_short = || {
            let mut from =
                self.sorted.range::<str, _>((Bound::Included(&*start), Bound::Unbounded));
            from.next().is_some_and(|host| host.starts_with(&start))
        };
        // An instance of a Service without an address has a name of its own.
        let is_instance = || {
            let mut ends = name.match_indices('.').filter_map(|(dot, _)| name.get(dot + 1..));
            ends.any(|end| self.by_name.get(end).is_some())
        };
        self.by_name.find(name).is_some() || is_short() || is_instance()
    }
}
