//! Reads the objects of a slice: each must be there, be what its key says, and need nothing that is not served.

use std::sync::Arc;

use mesh_snapshot::object::{
    AuthorizationPolicy, ClientPolicy, Egress, Gateway, HostSet, HostSets, InboundPorts,
    MeshDefaults, Object, PeerAuthentication, RequestAuthentication, RequestFilters, RouteTable,
    Service,
};
use mesh_snapshot::{Key, ReadObjects, Reference, canonical, feature};

use super::{BuildError, Ledger};

/// How much larger an object is in memory than its canonical bytes: they leave out what is at its default, and the
/// fields of a type take their room even so.
const GROWTH: usize = 4;

pub(super) struct Objects<'a, R> {
    store: &'a R,
    features: &'a [&'a str],
    ledger: &'a Ledger,
}

/// An object under its name.
pub(crate) type Named<T> = (Arc<Key>, Arc<T>);

/// An object of one kind.
pub(super) trait Kinded: Sized {
    fn from_object(object: Object) -> Option<Self>;
}

macro_rules! kinded {
    ($($kind:ident)*) => {
        $(impl Kinded for $kind {
            fn from_object(object: Object) -> Option<Self> {
                match object {
                    Object::$kind(value) => Some(value),
                    _ => None,
                }
            }
        })*
    };
}

kinded!(
    AuthorizationPolicy ClientPolicy Egress Gateway HostSet HostSets InboundPorts MeshDefaults
    PeerAuthentication RequestAuthentication RequestFilters RouteTable Service
);

impl<'a, R: ReadObjects> Objects<'a, R> {
    pub(super) const fn new(store: &'a R, features: &'a [&'a str], ledger: &'a Ledger) -> Self {
        Self { store, features, ledger }
    }

    fn bytes(&self, reference: &Reference) -> Result<Arc<[u8]>, BuildError> {
        let Reference { key, digest } = reference;
        let missing = || BuildError::Missing { key: key.clone(), digest: *digest };
        let bytes = self.store.read(digest).ok_or_else(missing)?;
        let charged = self.ledger.charge(GROWTH * bytes.len());
        charged.map_err(|fault| BuildError::at(key, "", fault))?;
        Ok(bytes)
    }

    pub(super) fn load<T: Kinded>(&self, reference: &Reference) -> Result<T, BuildError> {
        let key = &reference.key;
        let malformed = |reason: String| BuildError::Malformed { key: key.clone(), reason };
        let object: Object = canonical::decode(&self.bytes(reference)?)
            .map_err(|error| malformed(error.to_string()))?;
        let lacking =
            feature::of(&object).into_iter().find(|(feature, _)| !self.features.contains(feature));
        if let Some((feature, item)) = lacking {
            return Err(BuildError::Unsupported { key: key.clone(), item, feature });
        }
        let found = object.kind();
        T::from_object(object).ok_or_else(|| malformed(format!("it holds a {}", found.name())))
    }

    pub(super) fn load_all<T: Kinded>(
        &self,
        references: &[Reference],
    ) -> Result<Vec<Named<T>>, BuildError> {
        let load = |reference: &Reference| {
            Ok((Arc::new(reference.key.clone()), Arc::new(self.load(reference)?)))
        };
        references.iter().map(load).collect()
    }
}
