//! Who sends a request on: the caller, or a gateway that it has passed.

use std::net::IpAddr;

use mesh_engine::Program;
use mesh_engine::identity::SpiffeId;
use mesh_snapshot::object::Workload;

use super::Question;
use super::inquiry::Inquiry;
use super::spoken::Payload;

/// Who sends the request on.
pub(super) struct Sender<'a> {
    pub program: &'a Program,
    /// What it proves to servers of the mesh; absent: it has no proxy, and sends plain text.
    pub identity: Option<SpiffeId<'a>>,
    pub question: &'a Question,
    /// Whose address it is that servers see: the sender's own.
    pub address: IpAddr,
    pub inquiry: &'a Inquiry<'a>,
    pub payload: Payload,
}

/// Without `spiffe://`.
pub(super) fn identity(program: &Program, workload: &Workload) -> String {
    let Workload { namespace, service_account, .. } = workload;
    format!("{}/ns/{namespace}/sa/{service_account}", program.defaults().trust_domain)
}
