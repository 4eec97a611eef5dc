//! Who serves a Gateway. Source: Istio, `GetClassInfos`, `FetchGatewayClass`.

use crate::api::{Mesh, Resource, gateway_api};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// A gateway of the mesh.
    Mesh,
    /// A waypoint: known, and not served.
    Waypoint,
    /// A gateway between the networks of an ambient mesh: known, and not served.
    EastWest,
    /// A gateway of another cluster, of which only the address is used.
    Remote,
    /// Another controller, which a `GatewayClass` names.
    Foreign,
    /// Nobody knows: there is no such `GatewayClass`.
    Unknown,
}

impl Class {
    /// The classes that are there without a resource.
    pub const BUILT_IN: [&str; 4] = ["istio", "istio-waypoint", "istio-east-west", "istio-remote"];

    /// Of a `GatewayClass`, by name.
    pub(crate) fn named(name: &str, mesh: &Mesh) -> Self {
        let declared = mesh.gateway_classes.iter().find(|class| class.name() == name);
        match declared {
            Some(class) => Self::of_controller(&class.spec.controller_name),
            // Istio's own are there without a resource.
            None => match name {
                "istio" => Self::Mesh,
                "istio-waypoint" => Self::Waypoint,
                "istio-east-west" => Self::EastWest,
                "istio-remote" => Self::Remote,
                _ => Self::Unknown,
            },
        }
    }

    #[must_use]
    pub fn of_controller(name: &str) -> Self {
        match name {
            "istio.io/gateway-controller" => Self::Mesh,
            "istio.io/mesh-controller" => Self::Waypoint,
            "istio.io/eastwest-controller" => Self::EastWest,
            "istio.io/unmanaged-gateway" => Self::Remote,
            _ => Self::Foreign,
        }
    }

    /// What Istio calls what it makes for a Gateway of the class. Source: Istio, "Automated Deployment", `getDefaultName`.
    #[must_use]
    pub fn name_of_made(self, gateway: &Resource<gateway_api::Gateway>) -> String {
        match self {
            Self::Waypoint | Self::EastWest => gateway.name().to_owned(),
            _ => format!("{}-{}", gateway.name(), gateway.spec.gateway_class_name),
        }
    }

    /// Whether another controller serves its Gateways, or nobody knows who.
    #[must_use]
    pub const fn is_others(self) -> bool {
        matches!(self, Self::Foreign | Self::Unknown)
    }

    /// Whether its Gateways have listeners that routes may attach to.
    #[must_use]
    pub const fn has_routes(self) -> bool {
        matches!(self, Self::Mesh | Self::Waypoint | Self::EastWest)
    }
}
