//! Which fields a program's access log asks for: of a request, no others are kept until it is over.

use http::{HeaderMap, HeaderName};
use mesh_engine::format::{Format, HeaderSource, Operator, Segment};
use mesh_engine::program::AccessLog;

use crate::http::grpc::GRPC_STATUS;

/// Found when a program is built.
#[derive(Debug, Default)]
pub(crate) struct Logged {
    pub(crate) request: Fields,
    pub(crate) response: Fields,
    pub(crate) trailers: Fields,
}

#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<HeaderName>);

impl Logged {
    pub(crate) fn by(log: &AccessLog) -> Self {
        let mut logged = Self::default();
        match log {
            AccessLog::Off => {}
            AccessLog::Text { format, .. } => logged.read(format),
            AccessLog::Json { fields, .. } => {
                fields.iter().for_each(|(_, format)| logged.read(format));
            }
        }
        logged
    }

    fn read(&mut self, format: &Format) {
        let operators = format.segments().iter().filter_map(|segment| match segment {
            Segment::Value { operator, .. } => Some(operator),
            Segment::Text(_) => None,
        });
        for operator in operators {
            match operator {
                Operator::Request(source) | Operator::RequestWithoutQuery(source) => {
                    self.request.add_source(source);
                }
                Operator::StreamId => self.request.add("x-request-id"),
                Operator::Response(source) => self.response.add_source(source),
                Operator::Trailer(source) => self.trailers.add_source(source),
                Operator::GrpcStatus | Operator::GrpcStatusNumber => {
                    self.response.add(GRPC_STATUS.as_str());
                    self.trailers.add(GRPC_STATUS.as_str());
                }
                _ => {}
            }
        }
    }
}

impl Fields {
    fn add_source(&mut self, source: &HeaderSource) {
        self.add(&source.name);
        source.alternative.iter().for_each(|name| self.add(name));
    }

    /// Pseudo-headers are no fields.
    fn add(&mut self, name: &str) {
        if let Ok(name) = HeaderName::try_from(name)
            && !self.0.contains(&name)
        {
            self.0.push(name);
        }
    }

    pub(crate) fn contains(&self, name: &HeaderName) -> bool {
        self.0.contains(name)
    }

    /// Those of `headers` that are asked for, and gRPC's own word on how it went, by which it is counted.
    pub(crate) fn of(&self, headers: &HeaderMap, is_grpc: bool) -> HeaderMap {
        let mut kept = HeaderMap::new();
        let status = is_grpc.then_some(&GRPC_STATUS);
        for name in self.0.iter().chain(status) {
            // Of several values, the first is told.
            if let Some(value) = headers.get(name) {
                kept.insert(name.clone(), value.clone());
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use mesh_engine::format::Format;
    use mesh_engine::program::AccessLog;

    use super::Logged;

    #[test]
    fn what_nobody_asks_for_is_not_kept() {
        let text =
            "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %REQ(user-agent)% %RESP(server)% %TRAILER(x-sum)%";
        let format = Format::parse(text).unwrap();
        let logged = Logged::by(&AccessLog::Text { file: "/dev/stdout".into(), format });
        let mut headers = HeaderMap::new();
        for name in ["user-agent", "server", "cookie", "x-sum", "grpc-status"] {
            headers.append(name, HeaderValue::from_static(name));
        }
        let names = |kept: HeaderMap| kept.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(logged.request.of(&headers, false)), ["user-agent"]);
        assert_eq!(names(logged.response.of(&headers, false)), ["server"]);
        assert_eq!(names(logged.trailers.of(&headers, true)), ["x-sum", "grpc-status"]);
        assert!(Logged::by(&AccessLog::Off).request.of(&headers, false).is_empty());
    }
}
