//! Who is believed to be whom, and who may do what: for what a workload receives, and for what a gateway does.

mod claims;
mod keys;
mod location;
mod token;

mod authenticate;

mod text_set;

mod test;

mod rule;
mod verdict;

mod authorize;

use http::header::HeaderName;
use mesh_snapshot::object::{AuthorizationPolicy, RequestAuthentication};

use self::authenticate::Authentication;
use self::authorize::Authorization;
use self::rule::Layer;
use self::test::Facts;
use crate::program::{BuildError, Ledger, Named};
use crate::request::{Connection, Request};
use crate::trace::Trace;

pub use self::claims::{Claims, TokenPlace};
pub use self::keys::{KeySet, KeySetError, KeySets};
pub use self::rule::{Rule, RuleMiss, RulePart};
pub use self::token::TokenError;
pub use self::verdict::{Ask, Decision, Details, Verdict};

/// All policies that select a workload.
#[derive(Clone, Debug)]
pub struct Policy {
    authentication: Authentication,
    requests: Authorization,
    connections: Authorization,
}

impl Policy {
    pub(crate) fn build(
        authentications: &[Named<RequestAuthentication>],
        authorizations: &[Named<AuthorizationPolicy>],
        ledger: &Ledger,
    ) -> Result<Self, BuildError> {
        let mut policy = Self {
            authentication: Authentication::default(),
            requests: Authorization::new(Layer::Http),
            connections: Authorization::new(Layer::Tcp),
        };
        for (key, authentication) in authentications {
            policy.authentication.push(authentication, key)?;
        }
        for (key, authorization) in authorizations {
            policy.requests.push(authorization, key, ledger)?;
            policy.connections.push(authorization, key, ledger)?;
        }
        policy.requests.seal();
        policy.connections.seal();
        Ok(policy)
    }

    /// Headers that claims become: taken from every request before anything looks at it, so that no client can set
    /// them.
    #[must_use]
    pub fn reserved_headers(&self) -> &[HeaderName] {
        self.authentication.reserved()
    }

    /// The key sets that tokens are verified with and that are world: what [`KeySets::keys`] is asked for.
    pub fn remote_keys(&self) -> impl Iterator<Item = &str> {
        self.authentication.remote_keys()
    }

    /// The claims of the request's token. `now` is in seconds since 1970. A request without a token costs nothing;
    /// one with a token is parsed and verified each time.
    ///
    /// # Errors
    ///
    /// When there is a token and no rule accepts it: answer [`TokenError::status`] with the error's text.
    pub fn authenticate(
        &self,
        request: &Request<'_>,
        keys: &impl KeySets,
        now: u64,
    ) -> Result<Claims, TokenError> {
        self.authentication.authenticate(request, keys, now)
    }

    /// Whether a request may pass.
    #[must_use]
    pub fn authorize(
        &self,
        request: &Request<'_>,
        connection: &Connection<'_>,
        claims: &Claims,
    ) -> Verdict<'_> {
        self.authorize_traced(request, connection, claims, &mut ())
    }

    /// The same, telling every rule that is tried.
    pub fn authorize_traced(
        &self,
        request: &Request<'_>,
        connection: &Connection<'_>,
        claims: &Claims,
        trace: &mut impl Trace,
    ) -> Verdict<'_> {
        let facts = Facts { connection, http: Some((request, claims)) };
        self.requests.decide(&facts, trace)
    }

    /// Whether a connection may pass whose bytes are not HTTP.
    #[must_use]
    pub fn authorize_connection(&self, connection: &Connection<'_>) -> Verdict<'_> {
        self.authorize_connection_traced(connection, &mut ())
    }

    /// The same, telling every rule that is tried.
    pub fn authorize_connection_traced(
        &self,
        connection: &Connection<'_>,
        trace: &mut impl Trace,
    ) -> Verdict<'_> {
        self.connections.decide(&Facts { connection, http: None }, trace)
    }
}

#[cfg(test)]
mod tests;
