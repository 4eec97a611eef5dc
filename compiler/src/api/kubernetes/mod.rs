//! Kubernetes' own kinds: what runs, and what is called what. Nothing of them is enforced; policy refers to them.
//!
//! Fields that the mesh reads have types. The others are known by name ([`Opaque`](super::scalar::Opaque)), so that a
//! misspelt one is found.

mod config_map;
mod namespace;
mod pod;
mod secret;
mod selector;
mod service;
mod service_account;
mod workload;

pub use config_map::ConfigMap;
pub use namespace::Namespace;
pub use pod::{Container, ContainerPort, Pod, PodSpec, PodTemplate};
pub use secret::Secret;
pub use selector::{LabelSelector, Requirement};
pub use service::{Service, ServicePort};
pub use service_account::ServiceAccount;
pub use workload::{DaemonSet, Deployment, StatefulSet};
