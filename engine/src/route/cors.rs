//! What browsers may do across origins. Source: Istio `CorsPolicy`; Envoy, `CorsFilter`.

use http::header::{self, HeaderName, HeaderValue};
use mesh_snapshot::object;

use super::text::Text;
use crate::program::{Fault, Ledger};
use crate::request::Request;

#[derive(Clone, Debug)]
pub struct Cors {
    origins: Box<[Text]>,
    methods: Option<HeaderValue>,
    headers: Option<HeaderValue>,
    expose: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
    credentials: bool,
    answer_unmatched_preflights: bool,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum CorsAnswer<'a> {
    /// Nothing: it comes from no other origin, or from one that is not allowed.
    Pass,
    /// It passes, and its response gets [`Cors::write_response`].
    Decorate { origin: &'a HeaderValue },
    /// It is a preflight: answered with 200, an empty body, and [`Cors::write_preflight`]. Without an origin it comes from
    /// one that is not allowed, and the answer names none, which is what tells the browser.
    Answer { origin: Option<&'a HeaderValue> },
}

impl Cors {
    pub(crate) fn compile(cors: &object::Cors, ledger: &Ledger) -> Result<Self, Fault> {
        let origins = cors.allow_origins.iter().map(|origin| Text::compile(origin, ledger));
        let age = cors.max_age_seconds.map(|seconds| vec![seconds.to_string()]);
        Ok(Self {
            origins: origins.collect::<Result<_, _>>()?,
            methods: list(&cors.allow_methods)?,
            headers: list(&cors.allow_headers)?,
            expose: list(&cors.expose_headers)?,
            max_age: list(&age.unwrap_or_default())?,
            credentials: cors.allow_credentials,
            answer_unmatched_preflights: cors.answer_unmatched_preflights,
        })
    }

    #[must_use]
    pub fn judge<'a>(&self, request: &Request<'a>) -> CorsAnswer<'a> {
        let origin = request.headers.get(header::ORIGIN).filter(|origin| !origin.is_empty());
        let Some(origin) = origin else { return CorsAnswer::Pass };
        let allowed = self.origins.iter().any(|allowed| allowed.matches(origin.as_bytes()));
        match (allowed, request.is_preflight()) {
            (true, true) => CorsAnswer::Answer { origin: Some(origin) },
            (true, false) => CorsAnswer::Decorate { origin },
            (false, true) if self.answer_unmatched_preflights => {
                CorsAnswer::Answer { origin: None }
            }
            (false, _) => CorsAnswer::Pass,
        }
    }

    /// The headers of a response to `origin`.
    pub fn write_response(
        &self,
        origin: &HeaderValue,
        mut set: impl FnMut(HeaderName, HeaderValue),
    ) {
        set(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        self.write_credentials(&mut set);
        if let Some(expose) = &self.expose {
            set(header::ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
    }

    /// The headers of the answer to a preflight. A `*` for methods or headers allows what was asked for, and where no
    /// header was, that is an empty list.
    pub fn write_preflight(
        &self,
        request: &Request<'_>,
        origin: Option<&HeaderValue>,
        mut set: impl FnMut(HeaderName, HeaderValue),
    ) {
        if let Some(origin) = origin {
            set(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
        self.write_credentials(&mut set);
        if let Some(methods) = &self.methods {
            let asked = request.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD);
            let allowed = match (methods.as_bytes(), asked) {
                (b"*", Some(asked)) => asked.clone(),
                _ => methods.clone(),
            };
            set(header::ACCESS_CONTROL_ALLOW_METHODS, allowed);
        }
        if let Some(headers) = &self.headers {
            let asked = request.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
            let allowed = match headers.as_bytes() {
                b"*" => asked.cloned().unwrap_or(HeaderValue::from_static("")),
                _ => headers.clone(),
            };
            set(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        }
        if let Some(expose) = &self.expose {
            set(header::ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
        if let Some(max_age) = &self.max_age {
            set(header::ACCESS_CONTROL_MAX_AGE, max_age.clone());
        }
    }

    fn write_credentials(&self, set: &mut impl FnMut(HeaderName, HeaderValue)) {
        if self.credentials {
            set(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}

/// `None` where there is nothing to list.
fn list(items: &[String]) -> Result<Option<HeaderValue>, Fault> {
    if items.is_empty() {
        return Ok(None);
    }
    let text = items.join(",");
    HeaderValue::from_str(&text).map(Some).map_err(|_| Fault::HeaderValue(text))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use mesh_snapshot::object::{self, StringMatch};

    use super::{Cors, CorsAnswer};
    use crate::program::Ledger;
    use crate::request::Request;
    use crate::request::tests::{get, headers};

    fn cors() -> object::Cors {
        object::Cors {
            allow_origins: vec![StringMatch::Exact("https://a.test".to_owned())],
            allow_methods: vec!["GET".to_owned(), "PUT".to_owned()],
            allow_headers: vec!["*".to_owned()],
            expose_headers: vec!["x-a".to_owned()],
            max_age_seconds: Some(60),
            allow_credentials: true,
            answer_unmatched_preflights: false,
        }
    }

    fn compile(cors: &object::Cors) -> Cors {
        Cors::compile(cors, &Ledger::unlimited()).unwrap()
    }

    fn preflight(headers: &HeaderMap) -> Request<'_> {
        Request { method: "OPTIONS", ..get("/", headers) }
    }

    fn asking(origin: &str) -> HeaderMap {
        headers(&[("origin", origin), ("access-control-request-method", "PUT")])
    }

    #[test]
    fn preflights_are_answered_and_requests_decorated() {
        let cors = compile(&cors());
        let good = asking("https://a.test");
        assert!(matches!(cors.judge(&preflight(&good)), CorsAnswer::Answer { .. }));
        assert!(matches!(cors.judge(&get("/", &good)), CorsAnswer::Decorate { .. }));
        let bad = asking("https://b.test");
        assert!(matches!(cors.judge(&preflight(&bad)), CorsAnswer::Pass));
        assert!(matches!(cors.judge(&get("/", &HeaderMap::new())), CorsAnswer::Pass));
    }

    #[test]
    fn a_preflight_of_a_strange_origin_may_be_kept_from_the_upstream() {
        let cors = compile(&object::Cors { answer_unmatched_preflights: true, ..cors() });
        let bad = asking("https://b.test");
        assert!(matches!(cors.judge(&preflight(&bad)), CorsAnswer::Answer { origin: None }));
        let mut answer = HeaderMap::new();
        cors.write_preflight(&preflight(&bad), None, |name, value| {
            drop(answer.insert(name, value));
        });
        assert!(!answer.contains_key("access-control-allow-origin"));
        assert_eq!(answer["access-control-allow-methods"], "GET,PUT");
        assert!(matches!(cors.judge(&get("/", &bad)), CorsAnswer::Pass));
    }

    #[test]
    fn a_star_allows_the_headers_that_were_asked_for() {
        let cors = compile(&cors());
        let mut request = asking("https://a.test");
        let allowed = |request: &HeaderMap| {
            let mut answer = HeaderMap::new();
            let origin = request.get("origin");
            cors.write_preflight(&preflight(request), origin, |name, value| {
                answer.insert(name, value);
            });
            answer
        };
        assert_eq!(allowed(&request)["access-control-allow-headers"], "");
        request.insert("access-control-request-headers", "x-b, x-c".parse().unwrap());
        let answer = allowed(&request);
        assert_eq!(answer["access-control-allow-headers"], "x-b, x-c");
        assert_eq!(answer["access-control-allow-origin"], "https://a.test");
        assert_eq!(answer["access-control-allow-methods"], "GET,PUT");
        assert_eq!(answer["access-control-allow-credentials"], "true");
        assert_eq!(answer["access-control-max-age"], "60");
        assert_eq!(answer["access-control-expose-headers"], "x-a");
        assert_eq!(answer.len(), 6);
    }

    #[test]
    fn a_star_allows_the_method_that_was_asked_for() {
        let cors = compile(&object::Cors { allow_methods: vec!["*".to_owned()], ..cors() });
        let request = asking("https://a.test");
        let mut answer = HeaderMap::new();
        cors.write_preflight(&preflight(&request), request.get("origin"), |name, value| {
            answer.insert(name, value);
        });
        assert_eq!(answer["access-control-allow-methods"], "PUT");
    }

    #[test]
    fn a_response_tells_what_may_be_read() {
        let cors = compile(&cors());
        let mut answer = HeaderMap::new();
        cors.write_response(&"https://a.test".parse().unwrap(), |name, value| {
            answer.insert(name, value);
        });
        assert_eq!(answer["access-control-expose-headers"], "x-a");
        assert_eq!(answer.len(), 3);
    }
}
