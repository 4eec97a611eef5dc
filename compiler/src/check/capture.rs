//! Which ports of a workload its proxy takes.
//!
//! Source: Istio, `traffic.sidecar.istio.io/excludeInboundPorts`, `includeInboundPorts`; where both name a port it is left out.

use std::collections::BTreeMap;

use mesh_snapshot::object::Role;

use crate::resolve::{Mesh, Workload};

const EXCLUDE: &str = "traffic.sidecar.istio.io/excludeInboundPorts";
const INCLUDE: &str = "traffic.sidecar.istio.io/includeInboundPorts";

/// What a workload says of its ports.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Capture {
    excluded: Vec<u16>,
    /// None: all.
    included: Option<Vec<u16>>,
}

impl Capture {
    fn of(workload: &Workload<'_>) -> Self {
        let written = |name: &str| workload.metadata.annotations.get(name).map(|it| it.trim());
        let ports = |list: &str| list.split(',').filter_map(|it| it.trim().parse().ok()).collect();
        Self {
            excluded: written(EXCLUDE).map(ports).unwrap_or_default(),
            included: written(INCLUDE).filter(|it| *it != "*").map(ports),
        }
    }

    /// The annotation that keeps a port from the proxy; none where the proxy takes it.
    #[must_use]
    pub fn kept_by(&self, port: u16) -> Option<&'static str> {
        if self.excluded.contains(&port) {
            return Some(EXCLUDE);
        }
        let included = self.included.as_ref()?;
        (!included.contains(&port)).then_some(INCLUDE)
    }
}

/// The workloads whose proxies may not take every port, by `namespace/workload`.
pub(crate) fn captures(mesh: &Mesh<'_>) -> BTreeMap<String, Capture> {
    let all = particular(mesh).into_iter();
    all.map(|(it, capture)| (format!("{}/{}", it.namespace(), it.name()), capture)).collect()
}

/// The same, as the mesh knows them. A gateway's proxy opens its ports itself.
pub(super) fn particular<'m, 'a>(mesh: &'m Mesh<'a>) -> Vec<(&'m Workload<'a>, Capture)> {
    let all = mesh.workloads.iter().filter(|it| it.inventory.role == Role::Sidecar);
    let all = all.map(|it| (it, Capture::of(it)));
    all.filter(|(_, capture)| *capture != Capture::default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_kept_from_the_proxy_by_either_annotation() {
        let capture = |excluded: &[u16], included: Option<&[u16]>| Capture {
            excluded: excluded.to_vec(),
            included: included.map(<[u16]>::to_vec),
        };
        assert_eq!(capture(&[80], None).kept_by(80), Some(EXCLUDE));
        assert_eq!(capture(&[80], None).kept_by(81), None);
        assert_eq!(capture(&[], Some(&[80])).kept_by(80), None);
        assert_eq!(capture(&[], Some(&[80])).kept_by(81), Some(INCLUDE));
        assert_eq!(capture(&[80], Some(&[80])).kept_by(80), Some(EXCLUDE));
        assert_eq!(capture(&[], Some(&[])).kept_by(80), Some(INCLUDE));
    }
}
