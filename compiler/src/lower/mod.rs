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

mod locator;
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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mesh_snapshot::object::Workload;
use mesh_snapshot::{Conflict, Digest, Key, Reference, Snapshot, SourceMap};

use self::perspective::Perspective;
use self::route::{CommonTable, TableId};
use self::store::{Kept, Store};
use self::written::Written;
use crate::diagnostic::{Diagnostic, Place};
use crate::parse::DocumentId;
use crate::resolve::Mesh;

pub(crate) use checks::{CHECKS, admit_unserved};
pub(crate) use locator::Locator;

/// A snapshot and what rides beside it.
#[derive(Debug)]
pub(crate) struct Lowered {
    pub(crate) snapshot: Snapshot,
    pub(crate) source_map: SourceMap,
    /// By namespace and name.
    pub(crate) inventory: Vec<Workload>,
}

/// All objects of a snapshot that is not put together yet.
pub(crate) struct Loose {
    kept: Kept,
    inventory: Vec<Workload>,
}

impl Loose {
    /// # Errors
    /// When two objects were given one name, which is a fault of this stage.
    pub(crate) fn seal(self) -> Result<Lowered, Conflict> {
        let (snapshot, source_map) = self.kept.seal()?;
        Ok(Lowered { snapshot, source_map, inventory: self.inventory })
    }
}

/// Lowers a mesh in which no error was found. Without a locator nothing is told of where objects are written.
pub(crate) fn lower(
    mesh: &Mesh<'_>,
    locator: Option<&Locator<'_>>,
    out: &mut Vec<Diagnostic>,
) -> Loose {
    let lowering = Lowering::new(mesh, locator);
    // Of services everybody asks: those that are made already are not made twice.
    lowering.inbound_services();
    let edge = || rayon::join(|| lowering.gateways(), || lowering.policies());
    let ((), (((), ()), inventory)) =
        rayon::join(|| lowering.inside(), || rayon::join(edge, || lowering.inventory()));
    let Lowering { store, out: found, .. } = lowering;
    out.extend(found.into_inner().unwrap_or_else(PoisonError::into_inner));
    Loose { kept: store.finish(out), inventory }
}

/// What there is to lower, and what has come of it so far.
///
/// Many threads lower at once. What an object looks like never depends on who made it first, and what is found is put in order
/// by [`crate::diagnostic::finish`]; so neither does the result.
struct Lowering<'m, 'a> {
    mesh: &'m Mesh<'a>,
    store: Store<'m>,
    out: Mutex<Vec<Diagnostic>>,
    /// As their namespaces define them.
    services: Known<Key, Reference>,
    /// By the resources that they are made of.
    rules: Known<Vec<DocumentId>, Reference>,
    /// As everybody sees them.
    tables: Known<TableId<'a>, Arc<CommonTable>>,
    /// The same.
    host_sets: Known<Key, Digest>,
}

/// What was made once, and is asked for again.
struct Known<K, V>(Mutex<BTreeMap<K, V>>);

impl<K: Ord, V: Clone> Known<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        self.lock().get(key).cloned()
    }

    fn insert(&self, key: K, value: V) {
        self.lock().insert(key, value);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Default for Known<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<'m, 'a> Lowering<'m, 'a> {
    fn new(mesh: &'m Mesh<'a>, locator: Option<&'m Locator<'m>>) -> Self {
        Self {
            mesh,
            store: Store::new(locator),
            out: Mutex::default(),
            services: Known::default(),
            rules: Known::default(),
            tables: Known::default(),
            host_sets: Known::default(),
        }
    }

    /// What workloads offer, and what they see.
    fn inside(&self) {
        self.mesh_defaults();
        self.inbound_ports();
        self.idle_machines();
        self.unknown_authorities();
        self.egresses();
    }

    /// Who may do what.
    fn policies(&self) {
        self.peer_authentications();
        self.request_authentications();
        self.authorization_policies();
        self.request_filters();
    }

    /// Something is written that the snapshot does not carry.
    fn unserved(&self, place: Place, message: String, consequence: &str) {
        self.say([checks::unserved(place, message, consequence)]);
    }

    fn say(&self, found: impl IntoIterator<Item = Diagnostic>) {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
    }
}
