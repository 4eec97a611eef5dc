//! How a command reaches the control runtime, and how it writes what it hears.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::Exit;
use crate::operator::{AskError, Client, NotAToken, Running, Token, TokenError};
use crate::render::Color;
use crate::settings::control::ADMIN;

#[derive(Args, Debug)]
pub(crate) struct Reach {
    /// The control runtime's address for operators [default: `$MESH_CONTROL`, else the one that you run on this machine, else
    /// 127.0.0.1:15014].
    #[arg(long, value_name = "ADDRESS", global = true)]
    control: Option<SocketAddr>,
    /// A file with the token that lets you change something [default: `$MESH_CONTROL_TOKEN`, else that of the one that you run on this
    /// machine]. The control runtime writes `operator-token` into its state.
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
    /// How the answer is written to standard output.
    #[arg(long, value_enum, default_value_t = Format::Human, global = true)]
    format: Format,
    /// When to use colour.
    #[arg(long, value_enum, default_value_t = Color::Auto, global = true)]
    pub(crate) color: Color,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    Human,
    /// One object, with the name of its schema.
    Json,
}

/// The control runtime that is asked, by how it was chosen.
enum Chosen {
    /// By the user.
    Named(SocketAddr),
    /// There is just one.
    Running(Running),
    /// There is none, but another user's may listen where one does that was not told otherwise.
    Usual,
}

/// Why none is asked.
#[derive(Debug, thiserror::Error)]
enum ChoiceError {
    #[error("MESH_CONTROL: `{0}` is no address")]
    NotAnAddress(String),
    #[error("MESH_CONTROL_TOKEN: {0}")]
    NotAToken(#[from] NotAToken),
    #[error(transparent)]
    TokenFile(#[from] TokenError),
    #[error("you run several meshes on this machine: say which{}", list(.0))]
    Several(Vec<Running>),
}

impl Reach {
    pub(crate) const fn is_json(&self) -> bool {
        matches!(self.format, Format::Json)
    }

    /// Runs `question` with a client for the control runtime.
    pub(crate) fn ask(&self, question: impl AsyncFnOnce(Client) -> Result<(), AskError>) -> Exit {
        let chosen = self.choose().and_then(|chosen| Ok((self.token(&chosen)?, chosen)));
        let (token, chosen) = match chosen {
            Ok(chosen) => chosen,
            Err(error @ ChoiceError::TokenFile(_)) => return Exit::Input.because(&error),
            Err(error) => return Exit::Usage.because(&error),
        };
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return Exit::Broken.because(&error),
        };
        match runtime.block_on(question(Client::new(chosen.address(), token))) {
            Ok(()) => Exit::Ok,
            Err(error @ (AskError::Unreachable { .. } | AskError::Stranger { .. })) => {
                Exit::Unreachable.because(&format!("{error}\n{}", chosen.advice()))
            }
            Err(error @ (AskError::Rejected(_) | AskError::Named(_))) => {
                Exit::Negative.because(&error)
            }
            Err(error @ AskError::Unauthorized { .. }) => {
                let advice =
                    "give that file by `--token-file`, or what it holds in MESH_CONTROL_TOKEN";
                Exit::Negative.because(&format!("{error}\n{advice}"))
            }
            Err(error @ AskError::Answer { .. }) => Exit::Broken.because(&error),
        }
    }

    fn choose(&self) -> Result<Chosen, ChoiceError> {
        if let Some(control) = self.control {
            return Ok(Chosen::Named(control));
        }
        if let Ok(text) = std::env::var("MESH_CONTROL") {
            let named = text.parse().map_err(|_| ChoiceError::NotAnAddress(text))?;
            return Ok(Chosen::Named(named));
        }
        let mut running = Running::all();
        match (running.pop(), running.is_empty()) {
            (None, _) => Ok(Chosen::Usual),
            (Some(only), true) => Ok(Chosen::Running(only)),
            (Some(last), false) => {
                running.push(last);
                Err(ChoiceError::Several(running))
            }
        }
    }
}

impl Reach {
    /// What the user says, else what the one that is asked has told this user's programs.
    fn token(&self, chosen: &Chosen) -> Result<Option<Token>, ChoiceError> {
        if let Some(path) = &self.token_file {
            return Ok(Some(Token::read(path)?));
        }
        if let Ok(text) = std::env::var("MESH_CONTROL_TOKEN") {
            return Ok(Some(text.parse()?));
        }
        if let Chosen::Running(running) = chosen {
            return Ok(running.token.clone());
        }
        let own = Running::all().into_iter().find(|running| running.admin == chosen.address());
        Ok(own.and_then(|running| running.token))
    }
}

impl Chosen {
    const fn address(&self) -> SocketAddr {
        match self {
            Self::Named(address) => *address,
            Self::Running(running) => running.admin,
            Self::Usual => ADMIN,
        }
    }

    /// For somebody whom it does not answer.
    fn advice(&self) -> String {
        match self {
            Self::Named(_) => {
                "name another with `--control`, or none: one that you run on this machine is found".to_owned()
            }
            Self::Running(Running { called, pid, .. }) => {
                format!("it is that of `{called}`, which runs as process {pid} but does not answer")
            }
            Self::Usual => "you run no mesh on this machine: start one with `mesh up DIR`, or name one with `--control`".to_owned(),
        }
    }
}

fn list(running: &[Running]) -> String {
    let lines = running.iter().map(|Running { admin, called, pid, .. }| {
        format!("\n  --control {admin}   {called} (process {pid})")
    });
    lines.collect()
}

pub(crate) fn write_json(value: &Value) {
    super::write(&format!("{value:#}\n"));
}
