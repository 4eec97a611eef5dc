//! What operators and their tools see, and what they may ask for: HTTP on loopback.
//!
//! | | |
//! |---|---|
//! | `GET /version`, `/ready`, `/metrics` | for machines |
//! | `GET /v1/rollout` | [`status::Overview`]: where the mesh stands |
//! | `POST /v1/rollout/{pause, resume, promote, abort}` | |
//! | `POST /v1/rollout/undo` | `{"to": "sha256:…"}`, or `{}` for the snapshot before |
//! | `POST /v1/rollout/lift` | `{"snapshot": "sha256:…"}`: out of quarantine |
//! | `POST /v1/tokens` | `{"namespace": "…", "instance": "…"}` → `{"token": "…"}` |
//!
//! Whoever wants something changed, or a token issued, shows that of [`OperatorToken`]: `Authorization: Bearer …`. Others get 401. What is only told
//! is told to every program on the machine.
//! A verb is answered once it is on disk: 200 with what came of it, 409 with the reason why not. `promote` alone is not on disk: it is for
//! the wave under way, and that begins anew after a restart.
//! A page in a browser must not reach this by way of its user: requests must name a loopback host, and no other origin.

mod guard;
mod metrics;
mod status;
mod token;

pub use status::{EndedOverview, Overview, ProxyOverview, RefusalOverview};
pub use token::OperatorToken;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use mesh_snapshot::Digest;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::conductor::Conductor;
use crate::identity::{Bearer, Tokens};
use crate::problems::Problems;
use crate::rollout::{Accepted, Event, Verb};
use crate::store::Store;
use crate::world::World;
pub use metrics::Metrics;

/// What is told, and who can be asked.
#[derive(Clone)]
pub struct Observer {
    pub conductor: Conductor,
    pub store: Arc<Store>,
    pub world: watch::Receiver<Arc<World>>,
    pub tokens: Tokens,
    pub token_lifetime: Duration,
    pub problems: Problems,
    pub metrics: Arc<Metrics>,
    pub operator: OperatorToken,
}

/// Serves until told to stop.
///
/// # Errors
///
/// When the listener breaks down.
pub async fn serve(
    listener: TcpListener,
    observer: Observer,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let operator = observer.operator.clone();
    let operators_only = from_fn_with_state(operator, guard::check_operator);
    let router = Router::new()
        .route("/version", get(version))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/v1/rollout", get(rollout))
        .route("/v1/rollout/{verb}", post(verb).route_layer(operators_only.clone()))
        .route("/v1/tokens", post(issue).route_layer(operators_only))
        .layer(from_fn(guard::check))
        .with_state(observer);
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

/// A problem, as every answer but 200 tells it.
#[derive(Serialize)]
struct Problem {
    error: String,
}

fn problem(status: StatusCode, error: &dyn Display) -> Response {
    (status, Json(Problem { error: error.to_string() })).into_response()
}

fn stopping() -> Response {
    problem(StatusCode::SERVICE_UNAVAILABLE, &"the control runtime is stopping")
}

#[derive(Serialize)]
struct Program {
    name: &'static str,
    version: &'static str,
    protocol: u32,
}

async fn version() -> Json<Program> {
    let version = env!("CARGO_PKG_VERSION");
    Json(Program { name: "mesh-control", version, protocol: mesh_snapshot::wire::PROTOCOL })
}

/// Ready is who can decide something: the journal can be written, and the rollout answers.
async fn ready(State(observer): State<Observer>) -> Response {
    let journal = observer.problems.all().remove("journal");
    match (journal, observer.conductor.report().await) {
        (None, Some(_)) => "ready\n".into_response(),
        (Some(error), _) => problem(StatusCode::SERVICE_UNAVAILABLE, &error),
        (None, None) => stopping(),
    }
}

async fn metrics(State(observer): State<Observer>) -> Response {
    let Some(report) = observer.conductor.report().await else { return stopping() };
    let text = observer.metrics.text(&report, observer.problems.all().len());
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, format)], text).into_response()
}

async fn rollout(State(observer): State<Observer>) -> Response {
    let Some(report) = observer.conductor.report().await else { return stopping() };
    let problems = observer.problems.all();
    Json(Overview::new(report, problems, &observer.store)).into_response()
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    to: Option<Digest>,
    snapshot: Option<Digest>,
}

#[derive(Serialize)]
struct Outcome {
    outcome: &'static str,
}

async fn verb(State(observer): State<Observer>, Path(verb): Path<String>, body: Bytes) -> Response {
    let arguments = match body.as_ref() {
        [] => Arguments::default(),
        body => match serde_json::from_slice(body) {
            Ok(arguments) => arguments,
            Err(error) => return problem(StatusCode::BAD_REQUEST, &error),
        },
    };
    let verb = match (verb.as_str(), arguments) {
        ("pause", _) => Verb::Pause,
        ("resume", _) => Verb::Resume,
        ("promote", _) => Verb::Promote,
        ("abort", _) => Verb::Abort,
        ("undo", Arguments { to, .. }) => Verb::Undo(to),
        ("lift", Arguments { snapshot: Some(snapshot), .. }) => Verb::Lift(snapshot),
        ("lift", _) => return problem(StatusCode::BAD_REQUEST, &"`snapshot` is missing"),
        _ => return problem(StatusCode::NOT_FOUND, &format!("no verb `{verb}`")),
    };
    match observer.conductor.ask(Event::Asked(verb)).await {
        None => stopping(),
        Some(Ok(Accepted::Queued)) => Json(Outcome { outcome: "done" }).into_response(),
        Some(Ok(Accepted::AsItIs)) => Json(Outcome { outcome: "as it was" }).into_response(),
        Some(Err(rejected)) => problem(StatusCode::CONFLICT, &rejected),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFor {
    namespace: String,
    instance: String,
}

#[derive(Serialize)]
struct Token {
    token: String,
}

async fn issue(State(observer): State<Observer>, Json(wanted): Json<TokenFor>) -> Response {
    let world = observer.world.borrow().clone();
    let key = (wanted.namespace, wanted.instance);
    let Some(instance) = world.instances.get(&key) else {
        let (namespace, instance) = key;
        let error = format!("the registry knows no instance {namespace}/{instance}");
        return problem(StatusCode::NOT_FOUND, &error);
    };
    let bearer = Bearer::of(instance);
    let lifetime = observer.token_lifetime;
    let issued =
        tokio::task::spawn_blocking(move || observer.tokens.issue(bearer, lifetime, clock::wall()));
    match issued.await {
        Ok(Ok(token)) => Json(Token { token }).into_response(),
        Ok(Err(error)) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error),
        Err(_) => stopping(),
    }
}
