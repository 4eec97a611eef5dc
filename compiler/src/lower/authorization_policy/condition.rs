//! Conditions: attributes by their names. Source: Istio, "Authorization Policy Conditions".

use mesh_snapshot::object::{Accepts, Subject, Test};

use super::pattern::{
    accounts, addresses, namespaces, ports, principals, tests, texts, trust_domains,
};
use crate::api::istio::Condition;
use crate::resolve::TrustDomains;

/// `None` where no proxy has the attribute.
pub(super) fn lower(
    condition: &Condition,
    namespace: &str,
    domains: TrustDomains<'_>,
) -> Option<Vec<Test>> {
    let subject = subject(&condition.key)?;
    let accepts = |values: &[String]| match subject {
        Subject::SourceIp | Subject::RemoteIp | Subject::DestinationIp => addresses(values),
        Subject::DestinationPort => ports(values),
        Subject::ServiceAccount => accounts(values, namespace),
        Subject::Principal => principals(values, domains),
        Subject::Namespace => namespaces(values),
        Subject::TrustDomain => trust_domains(values, domains),
        _ => texts(values),
    };
    Some(tests(&subject, &condition.values, &condition.not_values, accepts).collect())
}

/// The tests of an attribute that is never there: what is accepted is not met, what is refused is.
pub(super) fn absent(condition: &Condition) -> impl Iterator<Item = Test> {
    let never = Test {
        subject: Subject::DestinationPort,
        negated: false,
        accepts: Accepts::Ports(Vec::new()),
    };
    (!condition.values.is_empty()).then_some(never).into_iter()
}

fn subject(key: &str) -> Option<Subject> {
    Some(match key {
        "source.ip" => Subject::SourceIp,
        "remote.ip" => Subject::RemoteIp,
        "source.namespace" => Subject::Namespace,
        "source.principal" => Subject::Principal,
        "source.serviceAccount" => Subject::ServiceAccount,
        "source.trustDomain" => Subject::TrustDomain,
        "request.auth.principal" => Subject::RequestPrincipal,
        "request.auth.audiences" => Subject::JwtAudience,
        "request.auth.presenter" => Subject::JwtPresenter,
        "destination.ip" => Subject::DestinationIp,
        "destination.port" => Subject::DestinationPort,
        "connection.sni" => Subject::ConnectionSni,
        _ => return named(key),
    })
}

/// `request.headers[name]` and `request.auth.claims[a][b]`.
fn named(key: &str) -> Option<Subject> {
    let inside = |prefix: &str| {
        key.strip_prefix(prefix)?.strip_prefix('[')?.strip_suffix(']').map(str::to_owned)
    };
    if let Some(name) = inside("request.headers") {
        return Some(Subject::Header(name.to_ascii_lowercase()));
    }
    let path = inside("request.auth.claims")?;
    Some(Subject::JwtClaim(path.split("][").map(str::to_owned).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_brackets() {
        assert_eq!(subject("request.headers[X-A]"), Some(Subject::Header("x-a".into())));
        let claim = Subject::JwtClaim(vec!["realm".into(), "roles".into()]);
        assert_eq!(subject("request.auth.claims[realm][roles]"), Some(claim));
        assert_eq!(subject("experimental.envoy.filters.a[b]"), None);
    }
}
