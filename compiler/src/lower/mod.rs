//! From a resolved mesh to the objects of a snapshot. One file a kind of object.
//!
//! Everything is a function of the mesh alone: no order of files or of a hash is seen in the result. What a type of `api`
//! knows and an object cannot carry is reported by one of [`CHECKS`].
//!
//! # Names
//! Most of a mesh looks the same to everybody. So what clients of one namespace see is named like what all see, where it
//! is the same (`RouteTable shop/reviews`), and with the client's namespace where it is not (`RouteTable shop/reviews@web`).
//! Whether something gets a plain name never depends on what a third namespace sees: a change there leaves others alone.

mod checks;

mod perspective;
mod store;
mod written;

mod inbound_ports;
mod machine;
mod mesh_defaults;
mod service;

mod backend_tls;
mod client_policy;
mod traffic_policy;

mod route;

mod egress;
mod host_set;

mod gateway;

mod authorization_policy;
mod peer_authentication;
mod policy;
mod request_authentication;
mod request_filters;

mod inventory;

use std::collections::BTreeMap;
use std::sync::Mutex;

use mesh_snapshot::object::{HostSet, Workload};
use mesh_snapshot::{Conflict, Key, Reference, Snapshot, SourceMap};

use self::perspective::Perspective;
use self::route::{CommonTable, TableId};
use self::store::Store;
use self::written::Written;
use crate::diagnostic::{Diagnostic, Place};
use crate::parse::{DocumentId, Parsed};
use crate::resolve::Mesh;

pub(crate) use checks::CHECKS;

/// A snapshot and what rides beside it.
#[derive(Debug)]
pub(crate) struct Lowered {
    pub(crate) snapshot: Snapshot,
    pub(crate) source_map: SourceMap,
    /// By namespace and name.
    pub(crate) inventory: Vec<Workload>,
}

/// Lowers a mesh in which no error was found. `root` is the folder that places are relative to; empty: none.
///
/// # Errors
/// When two objects were given one name, which is a fault of this stage.
pub(crate) fn lower(
    mesh: &Mesh<'_>,
    parsed: &Parsed,
    root: &str,
    out: &mut Vec<Diagnostic>,
) -> Result<Lowered, Conflict> {
    // Neither part asks what has come of another.
    let rules = Mutex::default();
    let new = || Lowering::new(mesh, parsed, root, &rules);
    let inside = || new().and(Lowering::inside);
    let (mut whole, (edge, policies)) = rayon::join(inside, || {
        rayon::join(|| new().and(Lowering::gateways), || new().and(Lowering::policies))
    });
    whole.absorb(edge);
    whole.absorb(policies);
    let inventory = whole.inventory();
    out.append(&mut whole.out);
    out.append(&mut whole.store.refused());
    let (snapshot, source_map) = whole.store.finish()?;
    Ok(Lowered { snapshot, source_map, inventory })
}

/// What there is to lower, and what has come of it so far.
struct Lowering<'m, 'a> {
    mesh: &'m Mesh<'a>,
    store: Store<'m>,
    out: Vec<Diagnostic>,
    /// As their namespaces define them.
    services: BTreeMap<Key, Reference>,
    /// By the resources that they are made of. Known to all parts, since many hosts are called from inside and from the edge.
    rules: &'m Mutex<BTreeMap<Vec<DocumentId>, Reference>>,
    /// As everybody sees them.
    tables: BTreeMap<TableId<'a>, CommonTable>,
    /// The same.
    host_sets: BTreeMap<Key, HostSet>,
}

impl<'m, 'a> Lowering<'m, 'a> {
    fn new(
        mesh: &'m Mesh<'a>,
        parsed: &'m Parsed,
        root: &'m str,
        rules: &'m Mutex<BTreeMap<Vec<DocumentId>, Reference>>,
    ) -> Self {
        Self {
            mesh,
            store: Store::new(parsed, root),
            out: Vec::new(),
            services: BTreeMap::new(),
            rules,
            tables: BTreeMap::new(),
            host_sets: BTreeMap::new(),
        }
    }

    fn and(mut self, lower: fn(&mut Self)) -> Self {
        lower(&mut self);
        self
    }

    fn absorb(&mut self, other: Self) {
        self.store.absorb(other.store);
        self.out.extend(other.out);
    }

    /// What workloads offer, and what they see.
    fn inside(&mut self) {
        self.mesh_defaults();
        self.inbound_services();
        self.inbound_ports();
        self.idle_machines();
        self.unknown_authorities();
        self.egresses();
    }

    /// Who may do what.
    fn policies(&mut self) {
        self.peer_authentications();
        self.request_authentications();
        self.authorization_policies();
        self.request_filters();
    }

    /// Something is written that the snapshot does not carry.
    fn unserved(&mut self, place: Place, message: String, consequence: &str) {
        self.out.push(checks::unserved(place, message, consequence));
    }
}
