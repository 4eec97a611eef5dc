//! One test of a rule: something of the request, and what is accepted. Source: Istio, `pilot/pkg/security/authz/model`.

use mesh_snapshot::object::{self, Accepts, Subject, TextPattern};

use super::claims::Claims;
use super::text_set::{HostSet, TextSet};
use crate::address::AddressSet;
use crate::identity::SpiffeId;
use crate::program::{Fault, Ledger};
use crate::request::{Connection, Field, Request};

/// What is judged. A connection has no request, and nobody's claims.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) connection: &'a Connection<'a>,
    pub(super) http: Option<(&'a Request<'a>, &'a Claims)>,
}

#[derive(Clone, Debug)]
pub(super) struct Test {
    pub(super) subject: Subject,
    negated: bool,
    matcher: Matcher,
}

/// What is looked at, and what is accepted there.
#[derive(Clone, Debug)]
enum Matcher {
    Principal(TextSet),
    Namespace(TextSet),
    TrustDomain(TextSet),
    /// `(namespace, service account)`.
    ServiceAccount(Vec<(Box<str>, Box<str>)>),
    /// `(issuer, subject)`.
    RequestPrincipal(Vec<(TextSet, TextSet)>),
    SourceIp(AddressSet),
    RemoteIp(AddressSet),
    DestinationIp(AddressSet),
    DestinationPort(Box<[u16]>),
    ConnectionSni(TextSet),
    Host(HostSet),
    Path(TextSet),
    /// Or the method, or another pseudo-header.
    Field(Field, TextSet),
    Claim(Box<[Box<str>]>, TextSet),
}

impl Test {
    pub(super) fn compile(test: &object::Test, ledger: &Ledger) -> Result<Self, Fault> {
        let matcher = match (&test.subject, &test.accepts) {
            (Subject::SourceIp, Accepts::Addresses(texts)) => Matcher::SourceIp(addresses(texts)?),
            (Subject::RemoteIp, Accepts::Addresses(texts)) => Matcher::RemoteIp(addresses(texts)?),
            (Subject::DestinationIp, Accepts::Addresses(texts)) => {
                Matcher::DestinationIp(addresses(texts)?)
            }
            (Subject::DestinationPort, Accepts::Ports(ports)) => {
                Matcher::DestinationPort(ports.as_slice().into())
            }
            (subject, Accepts::Text(patterns)) => text_matcher(subject, patterns, ledger)?,
            (subject, Accepts::Addresses(_)) => return Err(mismatch(subject, "addresses")),
            (subject, Accepts::Ports(_)) => return Err(mismatch(subject, "ports")),
        };
        Ok(Self { subject: test.subject.clone(), negated: test.negated, matcher })
    }

    pub(super) fn holds(&self, facts: &Facts<'_>) -> bool {
        self.matcher.accepts(facts) != self.negated
    }
}

fn text_matcher(
    subject: &Subject,
    patterns: &[TextPattern],
    ledger: &Ledger,
) -> Result<Matcher, Fault> {
    let is_template = |pattern: &TextPattern| matches!(pattern, TextPattern::Template(_));
    if *subject != Subject::Path && patterns.iter().any(is_template) {
        return Err(mismatch(subject, "a path template"));
    }
    let is_glob = |pattern: &TextPattern| matches!(pattern, TextPattern::Glob(_));
    let has_globs = matches!(subject, Subject::Namespace | Subject::TrustDomain);
    if !has_globs && patterns.iter().any(is_glob) {
        return Err(mismatch(subject, "stars within a text"));
    }
    let texts = |ledger: &Ledger| TextSet::compile(patterns, ledger);
    let claim = |name: &str| Box::from([Box::from(name)]);
    Ok(match subject {
        Subject::Principal => Matcher::Principal(texts(ledger)?),
        Subject::Namespace => Matcher::Namespace(texts(ledger)?),
        Subject::TrustDomain => Matcher::TrustDomain(texts(ledger)?),
        Subject::ServiceAccount => {
            Matcher::ServiceAccount(patterns.iter().map(account).collect::<Result<_, _>>()?)
        }
        Subject::RequestPrincipal => {
            let pairs = patterns.iter().map(|pattern| request_principal(pattern, ledger));
            Matcher::RequestPrincipal(pairs.collect::<Result<_, _>>()?)
        }
        Subject::ConnectionSni => Matcher::ConnectionSni(texts(ledger)?),
        Subject::Host => Matcher::Host(HostSet::compile(patterns)?),
        Subject::Method => Matcher::Field(Field::Method, texts(ledger)?),
        Subject::Path => Matcher::Path(texts(ledger)?),
        Subject::Header(name) => {
            let field = Field::parse(name).ok_or_else(|| Fault::HeaderName(name.clone()))?;
            Matcher::Field(field, texts(ledger)?)
        }
        Subject::JwtClaim(path) => {
            Matcher::Claim(path.iter().map(|name| name.as_str().into()).collect(), texts(ledger)?)
        }
        Subject::JwtAudience => Matcher::Claim(claim("aud"), texts(ledger)?),
        Subject::JwtPresenter => Matcher::Claim(claim("azp"), texts(ledger)?),
        Subject::SourceIp
        | Subject::RemoteIp
        | Subject::DestinationIp
        | Subject::DestinationPort => return Err(mismatch(subject, "text")),
    })
}

fn mismatch(subject: &Subject, accepts: &'static str) -> Fault {
    Fault::Mismatch { subject: format!("{subject:?}"), accepts }
}

fn addresses(texts: &[String]) -> Result<AddressSet, Fault> {
    AddressSet::parse(texts.iter().map(String::as_str))
        .map_err(|text| Fault::Address(text.to_owned()))
}

/// Istio's `serviceAccounts` know no wildcards.
fn account(pattern: &TextPattern) -> Result<(Box<str>, Box<str>), Fault> {
    let parts = match pattern {
        TextPattern::Exact(text) => text.split_once('/'),
        _ => None,
    };
    let parts = parts.filter(|(namespace, account)| {
        !namespace.is_empty() && !account.is_empty() && !account.contains('/')
    });
    let (namespace, account) =
        parts.ok_or_else(|| Fault::ServiceAccount(format!("{pattern:?}")))?;
    Ok((namespace.into(), account.into()))
}

/// What issuer and subject must be. The text is split at its last slash and each part judged by itself, since a slash
/// within an issuer must not be taken for the one between. Source: Istio, `requestPrincipalGenerator`.
fn request_principal(pattern: &TextPattern, ledger: &Ledger) -> Result<(TextSet, TextSet), Fault> {
    let prefix = |text: &str| match text {
        "" => TextPattern::Present,
        _ => TextPattern::Prefix(text.to_owned()),
    };
    let suffix = |text: &str| match text {
        "" => TextPattern::Present,
        _ => TextPattern::Suffix(text.to_owned()),
    };
    let exact = |text: &str| TextPattern::Exact(text.to_owned());
    let (issuer, subject) = match pattern {
        TextPattern::Present => (TextPattern::Present, TextPattern::Present),
        TextPattern::Exact(text) => {
            let (issuer, subject) = text.rsplit_once('/').unwrap_or((text, ""));
            (exact(issuer), exact(subject))
        }
        TextPattern::Prefix(text) => match text.rsplit_once('/') {
            Some((issuer, subject)) => (exact(issuer), prefix(subject)),
            None => (prefix(text), TextPattern::Present),
        },
        TextPattern::Suffix(text) => match text.rsplit_once('/') {
            Some((issuer, subject)) => (suffix(issuer), exact(subject)),
            None => (TextPattern::Present, suffix(text)),
        },
        TextPattern::Template(_) | TextPattern::Glob(_) => {
            return Err(mismatch(&Subject::RequestPrincipal, "such a pattern"));
        }
    };
    Ok((TextSet::compile([&issuer], ledger)?, TextSet::compile([&subject], ledger)?))
}

impl Matcher {
    fn accepts(&self, facts: &Facts<'_>) -> bool {
        let connection = facts.connection;
        let peer = connection.peer.as_ref();
        let text = |set: &TextSet, text: Option<&str>| {
            text.is_some_and(|text| set.accepts(text.as_bytes()))
        };
        match self {
            Self::Principal(set) => text(set, peer.map(SpiffeId::text)),
            Self::TrustDomain(set) => text(set, peer.map(SpiffeId::trust_domain)),
            Self::Namespace(set) => text(set, peer.and_then(SpiffeId::namespace)),
            Self::ServiceAccount(accounts) => {
                let parts =
                    peer.and_then(|peer| Some((peer.namespace()?, peer.service_account()?)));
                parts.is_some_and(|found| {
                    accounts.iter().any(|(namespace, account)| found == (&**namespace, &**account))
                })
            }
            Self::SourceIp(set) => set.contains(connection.source),
            Self::RemoteIp(set) => set.contains(connection.remote),
            Self::DestinationIp(set) => set.contains(connection.destination.ip()),
            Self::DestinationPort(ports) => ports.contains(&connection.destination.port()),
            Self::ConnectionSni(set) => set.accepts(connection.sni.unwrap_or_default().as_bytes()),
            Self::RequestPrincipal(_)
            | Self::Host(_)
            | Self::Path(_)
            | Self::Field(..)
            | Self::Claim(..) => {
                facts.http.is_some_and(|(request, claims)| self.accepts_request(request, claims))
            }
        }
    }

    fn accepts_request(&self, request: &Request<'_>, claims: &Claims) -> bool {
        match self {
            Self::Host(set) => set.accepts(request.authority),
            Self::Path(set) => set.accepts(request.path.as_bytes()),
            // A header that is there is present even when it is empty.
            Self::Field(field, set) => {
                field.values(request).any(|value| set.accepts_any() || set.accepts(value))
            }
            Self::Claim(path, set) => claims.texts(path).any(|text| set.accepts(text.as_bytes())),
            Self::RequestPrincipal(pairs) => {
                let parts = claims.issuer().zip(claims.subject());
                parts.is_some_and(|(issuer, subject)| {
                    pairs.iter().any(|(issuers, subjects)| {
                        issuers.accepts(issuer.as_bytes()) && subjects.accepts(subject.as_bytes())
                    })
                })
            }
            _ => false,
        }
    }
}
