//! Headers as a route changes them.

use http::HeaderMap;
use http::header::HeaderValue;
use mesh_engine::Request;
use mesh_engine::format::{Operator, Values};
use mesh_engine::route::{Edits, Value};

/// In place of what only a proxy knows.
pub(crate) const ANYTHING: &str = "*anything*";

/// What a value may be made of.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub method: &'a str,
    pub authority: &'a str,
    /// With the query.
    pub path: &'a str,
    pub headers: &'a HeaderMap,
    pub is_http2: bool,
    /// Of an answer.
    pub status: Option<u16>,
    pub response: Option<&'a HeaderMap>,
}

impl<'a> Facts<'a> {
    /// Of a request that came over HTTP/1.1.
    pub(crate) fn of(request: &Request<'a>) -> Self {
        let Request { method, authority, path, headers, .. } = *request;
        Self { method, authority, path, headers, is_http2: false, status: None, response: None }
    }
}

/// In the engine's order: remove, set, add.
pub(crate) fn apply(edits: &Edits, headers: &mut HeaderMap, facts: &Facts<'_>) {
    for name in &edits.remove {
        headers.remove(name);
    }
    for (name, value) in &edits.set {
        if let Some(value) = written(value, facts) {
            headers.insert(name.clone(), value);
        }
    }
    for (name, value) in &edits.add {
        if let Some(value) = written(value, facts) {
            headers.append(name.clone(), value);
        }
    }
}

pub(crate) fn written(value: &Value, facts: &Facts<'_>) -> Option<HeaderValue> {
    match value {
        Value::Fixed(value) => Some(value.clone()),
        Value::Computed(format) => {
            let mut text = String::new();
            format.write(facts, "", &mut text);
            // Envoy adds no header that would be empty.
            HeaderValue::try_from(text).ok().filter(|value| !value.is_empty())
        }
    }
}

impl Values for Facts<'_> {
    fn write(&self, operator: &Operator, out: &mut String) -> bool {
        let header = |headers: Option<&HeaderMap>, name: &str| {
            let value = headers?.get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let request = |name: &str| match name {
            ":method" => Some(self.method.to_owned()),
            ":authority" | "host" => Some(self.authority.to_owned()),
            ":path" => Some(self.path.to_owned()),
            name => header(Some(self.headers), name),
        };
        let found = match operator {
            Operator::Request(source) => {
                request(&source.name).or_else(|| source.alternative.as_deref().and_then(request))
            }
            Operator::Response(source) => header(self.response, &source.name),
            Operator::Protocol => {
                Some(if self.is_http2 { "HTTP/2" } else { "HTTP/1.1" }.to_owned())
            }
            Operator::ResponseCode => Some(self.status.unwrap_or(0).to_string()),
            _ => Some(ANYTHING.to_owned()),
        };
        found.as_ref().inspect(|text| out.push_str(text)).is_some()
    }
}
