//! The endpoints of a cluster, made from what the world says, what an author declared, or what DNS answers.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use mesh_snapshot::object::{DeclaredEndpoint, Labels, Role, TargetPort};
use mesh_snapshot::wire;

use super::endpoint::{About, Address, Endpoint, Original, Standing};
use super::security::{Candidate, security};
use super::spec::Spec;
use crate::world::Version;

/// All endpoints of a cluster, at one time.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Of what they were made from.
    pub(super) version: Version,
    pub(super) endpoints: Vec<Arc<Endpoint>>,
    pub(super) refused: Refused,
}

/// Instances that cannot be used, by reason.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Refused {
    /// Its identity is not of the namespace that its set is of, or is none.
    pub identity: u32,
    /// Its address is no IP address, or is that of another instance of the cluster.
    pub address: u32,
    /// It has no port of the name that the service leads to.
    pub port: u32,
}

/// An instance that is not an endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Refusal {
    Identity,
    Address,
    Port,
}

/// Something that may become an endpoint.
struct Instance {
    address: Address,
    workload_port: u16,
    weight: u32,
    is_unhealthy: bool,
    role: Role,
    about: About,
}

impl Members {
    /// From the world's. Endpoints of `before` that are still what they were keep their standing.
    pub(super) fn of_world(
        spec: &Spec,
        namespace: &str,
        instances: &[wire::Endpoint],
        version: Version,
        before: &Self,
    ) -> Self {
        let selected = instances.iter().filter(|instance| has(&instance.labels, &spec.labels));
        let instances = selected.map(|instance| of_wire(spec, instance));
        Self::gather(spec, namespace, instances, version, before)
    }

    /// From what an author listed. `resolved` are the addresses of names, in the order of the list; names are refused where
    /// it is absent.
    pub(super) fn of_declared(
        spec: &Spec,
        declared: &[DeclaredEndpoint],
        resolved: Option<&[Vec<IpAddr>]>,
        version: Version,
        before: &Self,
    ) -> Self {
        let selected =
            declared.iter().enumerate().filter(|(_, endpoint)| has(&endpoint.labels, &spec.labels));
        let instances = selected.flat_map(|(index, endpoint)| {
            let addresses = resolved.map(|all| all.get(index).cloned().unwrap_or_default());
            of_declared(spec, endpoint, addresses)
        });
        Self::gather(spec, &spec.namespace, instances, version, before)
    }

    fn gather(
        spec: &Spec,
        namespace: &str,
        instances: impl Iterator<Item = Result<Instance, Refusal>>,
        version: Version,
        before: &Self,
    ) -> Self {
        let known: HashMap<&Address, &Arc<Endpoint>> =
            before.endpoints.iter().map(|endpoint| (&endpoint.address, endpoint)).collect();
        let mut endpoints = BTreeMap::new();
        let mut refused = Refused::default();
        for instance in instances {
            let made = instance.and_then(|instance| {
                if endpoints.contains_key(&instance.address) {
                    return Err(Refusal::Address);
                }
                endpoint(spec, namespace, instance, &known)
            });
            match made {
                Ok(endpoint) => {
                    endpoints.insert(endpoint.address.clone(), Arc::new(endpoint));
                }
                Err(Refusal::Identity) => refused.identity += 1,
                Err(Refusal::Address) => refused.address += 1,
                Err(Refusal::Port) => refused.port += 1,
            }
        }
        if refused != Refused::default() && refused != before.refused {
            tracing::warn!(cluster = &*spec.name, ?refused, "instances that cannot be used");
        }
        Self { version, endpoints: endpoints.into_values().collect(), refused }
    }
}

/// An address that a client named by itself. `None`: it would have to prove an identity, and nobody can say which.
pub(super) fn elsewhere(spec: &Spec, original: Original) -> Option<Endpoint> {
    let Original { address, source } = original;
    let instance = Instance {
        address: Address::Socket(address),
        workload_port: address.port(),
        weight: 1,
        is_unhealthy: false,
        role: Role::Sidecar,
        about: About::default(),
    };
    let endpoint = endpoint(spec, &spec.namespace, instance, &HashMap::new()).ok()?;
    Some(Endpoint { source, ..endpoint })
}

fn endpoint(
    spec: &Spec,
    namespace: &str,
    instance: Instance,
    known: &HashMap<&Address, &Arc<Endpoint>>,
) -> Result<Endpoint, Refusal> {
    let Instance { address, workload_port, weight, is_unhealthy, role, about } = instance;
    let About { labels, identity, .. } = &about;
    let candidate = Candidate { labels, workload_port, identity, role, namespace };
    let security = security(spec, &candidate).map_err(|_| Refusal::Identity)?;
    let standing = known
        .get(&address)
        .filter(|before| before.security == security)
        .map_or_else(Standing::new, |before| Arc::clone(&before.standing));
    Ok(Endpoint { address, source: None, security, weight, is_unhealthy, about, standing })
}

fn of_wire(spec: &Spec, instance: &wire::Endpoint) -> Result<Instance, Refusal> {
    let workload_port = match &spec.target {
        TargetPort::Number(port) => u32::from(*port),
        TargetPort::Name(name) => *instance.named_ports.get(name).ok_or(Refusal::Port)?,
    };
    let reached_at = instance.reached_at.get(&workload_port).unwrap_or(&workload_port);
    let number =
        |port: u32| u16::try_from(port).ok().filter(|port| *port != 0).ok_or(Refusal::Port);
    let ip: IpAddr = instance.address.parse().map_err(|_| Refusal::Address)?;
    Ok(Instance {
        address: Address::Socket(SocketAddr::new(ip, number(*reached_at)?)),
        workload_port: number(workload_port)?,
        weight: instance.weight.max(1),
        is_unhealthy: instance.unhealthy,
        role: if instance.gateway { Role::Gateway } else { Role::Sidecar },
        about: About {
            labels: instance.labels.clone(),
            locality: instance.locality.clone(),
            workload: instance.workload.clone(),
            namespace: instance.namespace.clone(),
            cluster: instance.cluster.clone(),
            identity: instance.identity.clone(),
        },
    })
}

fn of_declared(
    spec: &Spec,
    declared: &DeclaredEndpoint,
    resolved: Option<Vec<IpAddr>>,
) -> Vec<Result<Instance, Refusal>> {
    let port = match (declared.ports.get(&spec.port), &spec.target) {
        (Some(port), _) | (None, TargetPort::Number(port)) => *port,
        (None, TargetPort::Name(_)) => return vec![Err(Refusal::Port)],
    };
    let instance = |address| Instance {
        address,
        workload_port: port,
        weight: declared.weight.max(1),
        is_unhealthy: false,
        role: Role::Sidecar,
        about: About {
            labels: declared.labels.clone(),
            locality: declared.locality.clone(),
            namespace: spec.namespace.clone(),
            identity: identity(spec, &declared.service_account),
            ..About::default()
        },
    };
    let at = |ip| instance(Address::Socket(SocketAddr::new(ip, port)));
    if let Some(path) = declared.address.strip_prefix("unix://") {
        return vec![Ok(instance(Address::Unix(PathBuf::from(path))))];
    }
    if let Ok(ip) = declared.address.parse() {
        return vec![Ok(at(ip))];
    }
    match resolved {
        Some(addresses) => addresses.into_iter().map(|ip| Ok(at(ip))).collect(),
        None => vec![Err(Refusal::Address)],
    }
}

fn identity(spec: &Spec, service_account: &str) -> String {
    if service_account.is_empty() {
        return String::new();
    }
    format!("spiffe://{}/ns/{}/sa/{service_account}", spec.trust_domain, spec.namespace)
}

fn has(labels: &Labels, selector: &Labels) -> bool {
    selector.iter().all(|(name, value)| labels.get(name) == Some(value))
}
