//! What an operator can ask a control runtime.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use mesh_control::observe::Overview;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::named::NamedError;
use super::token::Token;
use crate::http::{self as client, HttpError};

#[derive(Clone, Debug)]
pub(crate) struct Client {
    control: SocketAddr,
    /// Shown with every request.
    token: Option<Token>,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("the control runtime at {control} cannot be reached: {error}")]
    Unreachable { control: SocketAddr, error: HttpError },
    #[error(transparent)]
    Named(#[from] NamedError),
    /// It says why not.
    #[error("{0}")]
    Rejected(String),
    #[error("the control runtime at {control} answered {status}: {body}")]
    Answer { control: SocketAddr, status: StatusCode, body: String },
    /// The token that it wants was not shown, or is not that one.
    #[error("the control runtime at {control} does not take this for an operator's: {reason}")]
    Unauthorized { control: SocketAddr, reason: String },
    /// It speaks HTTP, but not as one does.
    #[error(
        "what listens at {control} is no control runtime: it answered {status}, and not with JSON"
    )]
    Stranger { control: SocketAddr, status: StatusCode },
}

/// What came of a verb.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Outcome {
    /// `done`, or `as it was`.
    pub outcome: String,
}

#[derive(Deserialize)]
struct Problem {
    error: String,
}

/// An answer comes from memory, or after one write to disk.
const PATIENCE: Duration = Duration::from_secs(10);

impl Client {
    /// Without a token it is told everything and may change nothing.
    pub(crate) const fn new(control: SocketAddr, token: Option<Token>) -> Self {
        Self { control, token }
    }

    pub(crate) async fn overview(&self) -> Result<Overview, AskError> {
        self.ask("GET", "/v1/rollout", None).await
    }

    /// As it came, for those who read JSON.
    pub(crate) async fn overview_as_json(&self) -> Result<Value, AskError> {
        self.ask("GET", "/v1/rollout", None).await
    }

    pub(crate) async fn tell(
        &self,
        verb: &str,
        arguments: Option<Value>,
    ) -> Result<Outcome, AskError> {
        self.ask("POST", &format!("/v1/rollout/{verb}"), arguments).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, AskError> {
        let control = self.control;
        let unreachable = |error| AskError::Unreachable { control, error };
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::HOST, control.to_string())
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .unwrap_or_else(|error| unreachable!("all parts are ours: {error}"));
        if let Some(token) = &self.token {
            request.headers_mut().insert(http::header::AUTHORIZATION, token.header());
        }
        let mut client = client::Client::connect(control, PATIENCE).await.map_err(unreachable)?;
        let response = client.send(request).await.map_err(unreachable)?;
        let (status, body) = (response.status(), response.into_body());
        // One says in plain text whom it answers.
        let refused = status == StatusCode::FORBIDDEN;
        if !refused && serde_json::from_slice::<IgnoredAny>(&body).is_err() {
            return Err(AskError::Stranger { control, status });
        }
        let answer = || AskError::Answer {
            control,
            status,
            body: String::from_utf8_lossy(&body).trim().to_owned(),
        };
        match status {
            StatusCode::OK => serde_json::from_slice(&body).map_err(|_| answer()),
            StatusCode::CONFLICT | StatusCode::BAD_REQUEST => {
                let problem: Problem = serde_json::from_slice(&body).map_err(|_| answer())?;
                Err(AskError::Rejected(problem.error))
            }
            StatusCode::UNAUTHORIZED => {
                let problem: Problem = serde_json::from_slice(&body).map_err(|_| answer())?;
                Err(AskError::Unauthorized { control, reason: problem.error })
            }
            _ => Err(answer()),
        }
    }
}
