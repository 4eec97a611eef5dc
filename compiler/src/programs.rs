//! Whether what was lowered can be served: a program is built for every workload of the inventory, as its proxy will do it.

use std::collections::BTreeSet;

use mesh_engine::{BuildError, GATEWAY_ADDRESS, Limits, Program};
use mesh_snapshot::container::Bundle;
use mesh_snapshot::feature::SERVED;
use mesh_snapshot::object::Workload;
use mesh_snapshot::slice::SliceError;
use mesh_snapshot::{Location, slice};

#[cfg(test)]
mod hostile;

/// More than any proxy is given.
const MEMORY_BYTES_MAX: usize = 1 << 32;

/// A workload whose proxy could not serve the snapshot: a fault of the compiler, which should have refused what leads to it.
#[derive(Debug, thiserror::Error)]
pub enum Unservable {
    #[error("{workload}: {error}")]
    Slice { workload: String, error: Box<SliceError> },
    #[error("{workload}: {error}{}", shown(place.as_deref()))]
    Program {
        workload: String,
        error: Box<BuildError>,
        /// Where what is to blame is written.
        place: Option<Box<Location>>,
    },
}

fn shown(place: Option<&Location>) -> String {
    place.map_or_else(String::new, |place| format!(" (from {place}, {})", place.resource))
}

/// Builds the program of every workload, each slice once. What each takes in time and memory it takes in a proxy.
///
/// # Errors
/// For the first workload, by namespace and name, for which there is none.
pub fn check_programs(bundle: &Bundle) -> Result<(), Unservable> {
    let mut met = BTreeSet::new();
    for workload in &bundle.inventory {
        let name = || format!("{}/{}", workload.namespace, workload.name);
        let slice = slice(bundle.snapshot.digest(), workload, &bundle.snapshot)
            .map_err(|error| Unservable::Slice { workload: name(), error: Box::new(error) })?;
        // Ports and labels are part of a program too.
        if met.insert((slice.digest(), workload.ports.clone(), workload.labels.clone())) {
            program(bundle, workload, &slice).map_err(|error| {
                let (key, item) = error.place();
                let place = bundle.source_map.get(key, item).cloned().map(Box::new);
                Unservable::Program { workload: name(), error: Box::new(error), place }
            })?;
        }
    }
    Ok(())
}

fn program(
    bundle: &Bundle,
    workload: &Workload,
    slice: &mesh_snapshot::Slice,
) -> Result<Program, BuildError> {
    let limits = Limits {
        memory_bytes_max: MEMORY_BYTES_MAX,
        features: SERVED,
        gateway_address: GATEWAY_ADDRESS,
    };
    Program::build(workload, slice, &bundle.snapshot, &limits)
}

#[cfg(test)]
mod tests {
    use mesh_engine::FEATURES;
    use mesh_snapshot::feature::SERVED;

    #[test]
    fn a_proxy_serves_nothing_that_the_engine_cannot() {
        assert!(SERVED.iter().all(|served| FEATURES.contains(served)));
    }
}
