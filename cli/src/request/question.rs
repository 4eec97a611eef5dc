//! The request that is asked about.

use std::borrow::Cow;
use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;
use http::header::{HOST, HeaderName, HeaderValue};
use mesh_engine::host::without_port;
use mesh_engine::path::{NormalizeError, normalize_path};
use mesh_engine::request::split_target;
use mesh_engine::{Program, Request};

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Question {
    pub from: From,
    pub to: To,
    pub method: String,
    /// With its query.
    pub target: String,
    /// With `Host`, if it is another than where the request goes to.
    pub headers: HeaderMap,
    /// The client's address.
    pub source: IpAddr,
    /// That of the gateway by which it comes, if it does: what servers behind it see as their peer's.
    pub gateway: IpAddr,
    /// The clusters that led it to the gateways that it has passed on its way.
    pub way: Vec<String>,
}

/// Through more gateways than so many no request goes that arrives.
const GATEWAYS_MAX: usize = 4;

impl Question {
    /// The address that is called, where that is what the question names in place of a host.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.to.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// What a gateway behind `cluster` is asked to which a proxy at `source` sends `request`; none where it has passed too many.
    pub(super) fn through_gateway(
        &self,
        request: &Request<'_>,
        source: IpAddr,
        cluster: &str,
    ) -> Option<Self> {
        if self.way.len() >= GATEWAYS_MAX {
            return None;
        }
        let mut headers = request.headers.clone();
        if let Ok(authority) = HeaderValue::from_str(request.authority) {
            headers.insert(HOST, authority);
        }
        let query = request.query.map(|query| format!("?{query}")).unwrap_or_default();
        Some(Self {
            from: From::Outside,
            to: To { host: without_port(request.authority).to_owned(), port: request.port },
            method: request.method.to_owned(),
            target: format!("{}{query}", request.path),
            headers,
            source,
            gateway: self.gateway,
            way: self.way.iter().cloned().chain([cluster.to_owned()]).collect(),
        })
    }

    /// Whether a cluster has led it to a gateway before.
    pub(super) fn has_passed(&self, cluster: &str) -> bool {
        self.way.iter().any(|passed| passed == cluster)
    }

    /// What the request says that it is for: as with curl, a `Host` header says it instead of the address.
    pub(crate) fn authority(&self, scheme: &str) -> String {
        let host = self.headers.get(HOST).and_then(|host| host.to_str().ok());
        host.map_or_else(|| self.to.authority(scheme), str::to_owned)
    }

    /// As a proxy that runs `program` reads it.
    pub(super) fn read(
        &self,
        scheme: &'static str,
        program: &Program,
    ) -> Result<Read<'_>, NormalizeError> {
        let (raw, query) = split_target(&self.target);
        let path = normalize_path(raw, program.path_normalization())?;
        Ok(Read { question: self, scheme, authority: self.authority(scheme), path, query })
    }
}

/// A question whose parts are told apart.
pub(super) struct Read<'q> {
    question: &'q Question,
    scheme: &'static str,
    authority: String,
    path: Cow<'q, str>,
    query: Option<&'q str>,
}

impl Read<'_> {
    /// To a port of a service, or of a gateway's server.
    pub(super) fn request(&self, port: u16) -> Request<'_> {
        Request {
            method: &self.question.method,
            scheme: self.scheme,
            authority: &self.authority,
            path: &self.path,
            query: self.query,
            headers: &self.question.headers,
            port,
        }
    }
}

/// Who sends it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum From {
    /// `namespace/service-account`; that of a gateway stands for whoever calls that gateway.
    Account { namespace: String, account: String },
    /// Whoever reaches a gateway from elsewhere: `outside`.
    Outside,
}

/// `host:port`; without a port, 80.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct To {
    pub host: String,
    pub port: u16,
}

/// Why text is no part of a question.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum QuestionError {
    #[error("write `namespace/service-account`, or `outside` for what reaches a gateway")]
    From,
    #[error("write `host:port`")]
    To,
    #[error("write `name: value`")]
    Header,
    #[error("the path must begin with a slash")]
    Path,
}

impl FromStr for From {
    type Err = QuestionError;

    fn from_str(text: &str) -> Result<Self, QuestionError> {
        if text == "outside" {
            return Ok(Self::Outside);
        }
        match text.split_once('/') {
            Some((namespace, account))
                if !namespace.is_empty() && !account.is_empty() && !account.contains('/') =>
            {
                let (namespace, account) = (namespace.to_owned(), account.to_owned());
                Ok(Self::Account { namespace, account })
            }
            _ => Err(QuestionError::From),
        }
    }
}

impl FromStr for To {
    type Err = QuestionError;

    fn from_str(text: &str) -> Result<Self, QuestionError> {
        let authority: http::uri::Authority = text.parse().map_err(|_| QuestionError::To)?;
        let host = authority.host();
        // What is neither host nor port (a userinfo) is no part of where a request goes.
        let rest = text.strip_prefix(host).filter(|_| !host.is_empty()).ok_or(QuestionError::To)?;
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => Some(80),
            None => None,
            Some(port) => port.parse().ok().filter(|port| *port != 0),
        };
        let port = port.ok_or(QuestionError::To)?;
        Ok(Self { host: host.to_owned(), port })
    }
}

impl To {
    /// As a client writes it into its request.
    fn authority(&self, scheme: &str) -> String {
        match (scheme, self.port) {
            ("http", 80) | ("https", 443) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

/// `name: value`, as curl has it.
pub(crate) fn header(text: &str) -> Result<(HeaderName, HeaderValue), QuestionError> {
    let (name, value) = text.split_once(':').ok_or(QuestionError::Header)?;
    let name = name.trim().parse().map_err(|_| QuestionError::Header)?;
    let value = value.trim().parse().map_err(|_| QuestionError::Header)?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_and_targets_are_read_strictly() {
        let account = From::Account { namespace: "shop".to_owned(), account: "web".to_owned() };
        assert_eq!("shop/web".parse(), Ok(account));
        assert_eq!("outside".parse(), Ok(From::Outside));
        for text in ["", "web", "/web", "shop/", "a/b/c"] {
            assert_eq!(text.parse::<From>(), Err(QuestionError::From), "{text}");
        }
        let to = |host: &str, port| Ok(To { host: host.to_owned(), port });
        assert_eq!("reviews:9080".parse(), to("reviews", 9080));
        assert_eq!("reviews".parse(), to("reviews", 80));
        assert_eq!("[::1]:1".parse(), to("[::1]", 1));
        for text in ["", ":80", "a:", "a:b", "a:0", "a:70000", "me@a:80", "http://a"] {
            assert_eq!(text.parse::<To>(), Err(QuestionError::To), "{text}");
        }
    }

    #[test]
    fn a_header_is_written_as_for_curl() {
        let (name, value) = header("X-Canary: reviews-v3").unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("x-canary", &b"reviews-v3"[..]));
        assert!(header("x canary: 1").is_err() && header("x").is_err());
    }
}
