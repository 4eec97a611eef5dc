//! Endpoints that policy lists: machines (`WorkloadEntry`), and those that a `ServiceEntry` has of its own.
//!
//! Nobody says whether a proxy runs there, but for its identity: an endpoint with a service account is taken for a workload that has
//! one, with the labels that policy gives to the endpoint. So the policies of its namespace are asked that select those. One whose
//! address a workload of the inventory has is that workload. Source: Istio, `getTLSModeFromWorkloadEntry`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use mesh_engine::Request;
use mesh_engine::cluster::{Cluster, Endpoint, takes_mutual_tls};
use mesh_snapshot::object::{DeclaredEndpoint, Labels, Role, TargetPort, Workload};

use super::answer::Outcome;
use super::judgement::Judgement;
use super::pods::Pod;
use super::sender::Sender;
use super::{AskError, endpoint, server};

/// The label by which an endpoint says whether it takes the mesh's TLS.
const TLS_MODE: &str = "security.istio.io/tlsMode";

/// What becomes of `request` at the endpoints of `cluster`.
pub(super) fn judge(
    sender: &Sender<'_>,
    request: &Request<'_>,
    cluster: &Cluster,
    endpoints: &[DeclaredEndpoint],
    judged: &mut Judgement,
) -> Result<(), AskError> {
    let subset = cluster.labels();
    let has_all = |it: &&DeclaredEndpoint| {
        subset.into_iter().flatten().all(|(name, value)| it.labels.get(name) == Some(value))
    };
    let mut all: Vec<Alike<'_>> = Vec::new();
    for endpoint in endpoints.iter().filter(has_all) {
        let known = workload_at(sender, cluster, &endpoint.address);
        let port = port(cluster, endpoint);
        let is_alike = |it: &&mut Alike<'_>| {
            let (one, other) = (it.endpoint, endpoint);
            let same =
                (&one.labels, &one.service_account) == (&other.labels, &other.service_account);
            same && it.port == port && it.known == known
        };
        match all.iter_mut().find(is_alike) {
            Some(alike) => alike.addresses.push(&endpoint.address),
            None => all.push(Alike { endpoint, port, known, addresses: vec![&endpoint.address] }),
        }
    }
    if all.is_empty() {
        let text = format!("policy lists no endpoints of {}", cluster.name());
        judged.answer(Outcome::Unrouted, Some(503), &text);
    }
    for alike in &all {
        alike.judge(sender, request, cluster, judged)?;
    }
    Ok(())
}

/// Endpoints that policy says the same of.
struct Alike<'p> {
    /// One of them.
    endpoint: &'p DeclaredEndpoint,
    /// None where the port that the service leads to has a name, which the endpoint does not know.
    port: Option<u16>,
    /// The workload of the inventory that they are.
    known: Option<&'p Workload>,
    addresses: Vec<&'p str>,
}

impl Alike<'_> {
    fn judge(
        &self,
        sender: &Sender<'_>,
        request: &Request<'_>,
        cluster: &Cluster,
        judged: &mut Judgement,
    ) -> Result<(), AskError> {
        let (account, labels) = (&self.endpoint.service_account, &self.endpoint.labels);
        let addresses = self.addresses.join(", ");
        let Some(port) = self.port else {
            let text = format!("{addresses} has no port of the name that the service leads to");
            judged.answer(Outcome::Unrouted, Some(503), &text);
            return Ok(());
        };
        let meshed = !account.is_empty() && takes_mutual_tls(Role::Sidecar, labels);
        let endpoint = Endpoint { labels, workload_port: port, meshed };
        if let Some(workload) = self.known {
            return server::at_port(
                sender,
                request,
                cluster,
                &Pod::of(workload),
                &endpoint,
                judged,
            );
        }
        if account.is_empty() {
            let text = format!("{}: no proxy is known there", without_identity(&addresses, labels));
            endpoint::take(sender, cluster, &endpoint, (addresses, &text), judged);
            return Ok(());
        }
        let namespace = cluster.service().namespace.clone();
        let ips: BTreeSet<IpAddr> =
            self.addresses.iter().filter_map(|text| text.parse().ok()).collect();
        let machine = Workload {
            name: addresses,
            labels: labels.clone(),
            service_account: account.clone(),
            addresses: ips,
            namespace,
            ..Workload::default()
        };
        server::at_port(sender, request, cluster, &Pod::of(&machine), &endpoint, judged)
    }
}

/// Why endpoints with these labels prove nobody to be there.
fn without_identity(addresses: &str, labels: &Labels) -> String {
    match labels.get(TLS_MODE) {
        Some(mode) if mode != "istio" => format!("`{TLS_MODE}` of {addresses} is `{mode}`"),
        _ => format!("policy gives {addresses} no service account"),
    }
}

/// Policy tells those of a namespace alone.
fn workload_at<'p>(sender: &Sender<'p>, cluster: &Cluster, address: &str) -> Option<&'p Workload> {
    let address: IpAddr = address.parse().ok()?;
    let namespace = &cluster.service().namespace;
    let mut inventory = sender.inquiry.policy.bundle.inventory.iter();
    inventory.find(|it| it.namespace == *namespace && it.addresses.contains(&address))
}

fn port(cluster: &Cluster, endpoint: &DeclaredEndpoint) -> Option<u16> {
    let service = cluster.port();
    let own = endpoint.ports.get(&service.number).copied();
    own.or(match service.target {
        TargetPort::Number(port) => Some(port),
        TargetPort::Name(_) => None,
    })
}
