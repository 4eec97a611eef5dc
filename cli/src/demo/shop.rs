//! The shop's services: as little as is needed to see what the mesh does with their requests.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::wire::{Outbound, Reply, serve};
use crate::local::{Side, Station};

/// One service, with what it is told when it starts.
#[derive(Clone)]
struct Service {
    /// The label `app`: which service it is.
    app: String,
    version: String,
    outbound: Outbound,
}

/// What a request passes on to those that it leads to.
const PASSED_ON: [&str; 4] = ["x-canary", "x-test-fault", "x-request-id", "authorization"];

/// Starts the applications of all workloads; they end with the set.
pub(super) fn open(stations: &[Station]) -> JoinSet<(SocketAddr, std::io::Result<()>)> {
    let mut services = JoinSet::new();
    for station in stations {
        let Side::Sidecar { outbound, inbound } = &station.side else { continue };
        let label_of = |name: &str| station.workload.labels.get(name).cloned().unwrap_or_default();
        let service = Service {
            app: label_of("app"),
            version: label_of("version"),
            outbound: Outbound::new(*outbound),
        };
        for inbound in inbound {
            let (at, service) = (inbound.application, service.clone());
            services.spawn(async move {
                let handle = move |request| service.clone().answer(request);
                (at, serve(at, handle).await)
            });
        }
    }
    services
}

impl Service {
    async fn answer(self, request: Request<Incoming>) -> Reply {
        let path = request.uri().path().to_owned();
        let headers = request.headers();
        let segments: Vec<_> = path.trim_matches('/').split('/').collect();
        match (self.app.as_str(), request.method().as_str(), segments.as_slice()) {
            ("frontpage", "GET", ["" | "products"]) => self.page("1", headers).await,
            ("frontpage", "GET", ["products", product]) => self.page(product, headers).await,
            ("frontpage", "POST", ["checkout"]) => self.checkout(headers).await,
            ("details", "GET", ["details", product]) => {
                let catalogue = header(headers, "x-catalogue");
                json_reply(
                    &json!({ "product": product, "title": "The Comedy of Errors", "catalogue": catalogue }),
                )
            }
            ("reviews", "GET", ["reviews", product]) => self.reviews(product, headers).await,
            ("ratings", "GET", ["ratings", product]) => {
                json_reply(&json!({ "product": product, "stars": 4 }))
            }
            ("payment", "POST", ["charges"]) => json_reply(&json!({ "charged": true })),
            ("payment", "GET", ["healthz"]) => json_reply(&json!({ "healthy": true })),
            _ => reply(
                StatusCode::NOT_FOUND,
                &json!({ "error": format!("{path} is not served here") }),
            ),
        }
    }

    /// A page without reviews is no page: what goes wrong inside is seen outside.
    async fn page(&self, product: &str, headers: &HeaderMap) -> Reply {
        let passed = pass_on(headers);
        let details = format!("http://details:9080/details/{product}");
        let reviews = format!("http://reviews:9080/reviews/{product}");
        let (details, reviews) =
            tokio::join!(self.fetch(&details, &passed), self.fetch(&reviews, &passed));
        match (details, reviews) {
            (Ok(details), Ok(reviews)) => json_reply(&json!({
                "details": details,
                "reviews": reviews,
                "caller": caller(headers),
            })),
            (Err(error), _) | (_, Err(error)) => {
                reply(StatusCode::BAD_GATEWAY, &json!({ "error": error }))
            }
        }
    }

    async fn reviews(&self, product: &str, headers: &HeaderMap) -> Reply {
        let mut page = json!({ "version": self.version, "caller": caller(headers) });
        if self.version != "v1" {
            let url = format!("http://ratings:9080/ratings/{product}");
            match self.fetch(&url, &pass_on(headers)).await {
                Ok(ratings) => {
                    page = json!({ "version": self.version, "caller": caller(headers), "ratings": ratings });
                }
                Err(error) => return reply(StatusCode::BAD_GATEWAY, &json!({ "error": error })),
            }
        }
        json_reply(&page)
    }

    /// The answer of the payment service, as it is.
    async fn checkout(&self, headers: &HeaderMap) -> Reply {
        let url = "http://payment.payments:8080/charges";
        match self.outbound.send("POST", url, &pass_on(headers)).await {
            Ok(answer) => answer.map(Full::new),
            Err(error) => reply(StatusCode::BAD_GATEWAY, &json!({ "error": error.to_string() })),
        }
    }

    async fn fetch(&self, url: &str, headers: &HeaderMap) -> Result<Value, String> {
        let answer = self.outbound.send("GET", url, headers).await;
        let answer = answer.map_err(|error| format!("{url}: {error}"))?;
        if answer.status() != StatusCode::OK {
            let body = String::from_utf8_lossy(answer.body());
            return Err(format!("{url}: {} {}", answer.status().as_u16(), body.trim()));
        }
        serde_json::from_slice(answer.body()).map_err(|error| format!("{url}: {error}"))
    }
}

/// The identity that the caller proved to this service's proxy. Source: Envoy, `x-forwarded-client-cert`.
fn caller(headers: &HeaderMap) -> Option<String> {
    let elements = header(headers, "x-forwarded-client-cert")?;
    // Each proxy appends its own, so the last one is the word of the proxy next to us.
    let last = elements.rsplit(',').next()?;
    let uri = last.split(';').find_map(|pair| pair.strip_prefix("URI="))?;
    Some(uri.trim_matches('"').to_owned())
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn pass_on(headers: &HeaderMap) -> HeaderMap {
    let mut passed = HeaderMap::new();
    for name in PASSED_ON {
        if let Some(value) = headers.get(name) {
            passed.insert(name, value.clone());
        }
    }
    passed
}

fn json_reply(value: &Value) -> Reply {
    reply(StatusCode::OK, value)
}

fn reply(status: StatusCode, value: &Value) -> Reply {
    let mut response = Response::new(Full::new(Bytes::from(format!("{value}\n"))));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_is_whom_the_nearest_proxy_names() {
        let mut headers = HeaderMap::new();
        assert_eq!(caller(&headers), None);
        let value = "By=spiffe://a;Hash=1;URI=spiffe://forged,By=spiffe://b;Hash=2;Subject=\"\";URI=spiffe://td/ns/x/sa/y";
        headers.insert("x-forwarded-client-cert", value.parse().unwrap());
        assert_eq!(caller(&headers).as_deref(), Some("spiffe://td/ns/x/sa/y"));
    }
}
