//! The client's side: which service its proxy takes the request for, and which route.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use mesh_engine::Request;
use mesh_engine::identity::SpiffeId;
use mesh_engine::outbound::Addresses;
use mesh_proxy::entry::{enter_outbound, mesh_scheme};
use mesh_snapshot::object::{FilterPlace, Traffic, Workload};

use super::answer::{Answer, Step, nobody};
use super::inquiry::Inquiry;
use super::sender::{Sender, identity};
use super::spoken::Payload;
use super::steps::{Path, told};
use super::{AskError, Origin, Question, bytes, follow, tracer};

pub(super) fn ask(
    inquiry: &Inquiry<'_>,
    caller: &Workload,
    question: &Question,
) -> Result<Answer, AskError> {
    let bundle = &inquiry.policy.bundle;
    let own = inquiry.program(caller)?;
    let identity = identity(&own, caller);
    let mut first = Step::new("client");
    first.note(format!("{} as spiffe://{identity}", caller.full_name()));
    let address = question.address();
    if address.is_some() && inquiry.policy.origin == Origin::Snapshot {
        first.note("a snapshot does not tell the addresses of Services: only those are known that a ServiceEntry lists");
    }
    let mut steps = vec![first];
    let Some(outbound) = own.outbound() else {
        return Ok(nobody(steps, Some(404), "a gateway has no outbound side"));
    };
    let scheme = mesh_scheme(&question.headers, "http");
    let read = match question.read(scheme, &own) {
        Ok(read) => read,
        Err(error) => return Ok(nobody(steps, Some(400), &error.to_string())),
    };
    let assigned = Assigned(&inquiry.policy.beside.addresses);
    let arrival = match address {
        // As a proxy knows a connection that it captures.
        Some(address) => outbound.arrival((address, question.to.port).into(), &assigned),
        None => outbound.arrival_by_name(&question.to.host, question.to.port),
    };
    let is_known = arrival.host().is_some() || address.is_some();
    let payload = bytes::payload(Some(&arrival).filter(|_| is_known));
    let is_opaque = payload != Payload::Requests;
    let sender = Sender {
        program: &own,
        identity: SpiffeId::from_text(&identity).ok(),
        question,
        address: question.source,
        inquiry,
        payload,
    };
    if is_opaque {
        return bytes::ask(&sender, outbound, &arrival, &read.request(question.to.port), steps);
    }
    let mut entered = question.headers.clone();
    enter_outbound(&mut entered, scheme);
    let request = Request { headers: &entered, ..read.request(question.to.port) };
    let sources = &bundle.source_map;
    let path = Path { program: &own, traffic: Traffic::Outbound, port: question.to.port, sources };
    let mut put = Step::new("filters");
    let places = [FilterPlace::First, FilterPlace::Last];
    let passed = path.route(&request, &places, &mut put, |request, step| {
        outbound.route_traced(
            Some(&arrival),
            request,
            &assigned,
            &mut |traced: mesh_engine::trace::Step<'_>| {
                tracer::tell(&traced, sources, step);
            },
        )
    });
    let request = Request { headers: &passed.headers, ..request };
    steps.extend(told(put));
    follow::follow(&sender, &request, passed.outcome, passed.route, steps)
}

/// The addresses that policy has a cluster give to hosts.
struct Assigned<'b>(&'b BTreeMap<Arc<str>, BTreeSet<IpAddr>>);

impl Addresses for Assigned<'_> {
    fn host_of(&self, address: IpAddr) -> Option<&str> {
        let host = self.0.iter().find(|(_, own)| own.contains(&address));
        host.map(|(host, _)| &**host)
    }
}
