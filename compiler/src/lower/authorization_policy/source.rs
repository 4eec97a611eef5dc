//! Who calls.

use mesh_snapshot::object::{Subject, Test};

use super::pattern::{accounts, addresses, namespaces, principals, tests, texts, trust_domains};
use crate::api::istio::Source;
use crate::resolve::TrustDomains;

pub(super) fn lower(source: &Source, namespace: &str, domains: TrustDomains<'_>) -> Vec<Test> {
    let principals = |values: &[String]| principals(values, domains);
    let accounts = |values: &[String]| accounts(values, namespace);
    let trusted = |values: &[String]| trust_domains(values, domains);
    let it = source;
    tests(&Subject::Principal, &it.principals, &it.not_principals, principals)
        .chain(tests(
            &Subject::RequestPrincipal,
            &it.request_principals,
            &it.not_request_principals,
            texts,
        ))
        .chain(tests(&Subject::Namespace, &it.namespaces, &it.not_namespaces, namespaces))
        .chain(tests(&Subject::SourceIp, &it.ip_blocks, &it.not_ip_blocks, addresses))
        .chain(tests(&Subject::RemoteIp, &it.remote_ip_blocks, &it.not_remote_ip_blocks, addresses))
        .chain(tests(
            &Subject::ServiceAccount,
            &it.service_accounts,
            &it.not_service_accounts,
            accounts,
        ))
        .chain(tests(&Subject::TrustDomain, &it.trust_domains, &it.not_trust_domains, trusted))
        .collect()
}
