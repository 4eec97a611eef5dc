//! Kubernetes' own kinds: what runs, and what is called what. Nothing of them is enforced; policy refers to them.
//!
//! Fields that the mesh reads have types. The others are known by name ([`Opaque`](super::scalar::Opaque)), so that a
//! misspelt one is found.

mod certificate;
mod config_map;
mod container;
mod custom_resource;
mod endpoint_slice;
mod ingress;
mod job;
mod namespace;
mod pod;
mod probe;
mod replicas;
mod rollout;
mod secret;
mod security_context;
mod selector;
mod service;
mod service_account;
mod webhook;
mod workload;

pub use certificate::{Certificate, PublicKey, Unreadable};
pub use config_map::ConfigMap;
pub use container::{Container, ContainerPort, EnvVar};
pub use custom_resource::{CustomResourceDefinition, CustomResourceNames};
pub use endpoint_slice::{Endpoint, EndpointSlice};
pub use ingress::{
    Ingress, IngressBackend, IngressClass, IngressPath, IngressPathType, IngressPort, IngressRule,
    IngressService, IngressTls,
};
pub use job::{CronJob, Job, JobTemplate};
pub use namespace::Namespace;
pub use pod::{Pod, PodSpec, PodTemplate};
pub use probe::Probe;
pub use replicas::{ReplicaSet, ReplicationController};
pub use rollout::{Rollout, WorkloadRef};
pub use secret::{Entry, Secret};
pub use security_context::{ContainerSecurityContext, PodSecurityContext};
pub use selector::{LabelSelector, Requirement};
pub use service::{Service, ServicePort};
pub use service_account::ServiceAccount;
pub use webhook::{ClientConfig, MutatingWebhooks, ServiceReference, ValidatingWebhooks, Webhook};
pub use workload::{DaemonSet, Deployment, Ordinals, StatefulSet};
