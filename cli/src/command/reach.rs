//! How a command reaches the control runtime, and how it writes what it hears.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::Exit;
use crate::operator::{AskError, Client};
use crate::render::Color;
use crate::settings::control::ADMIN;

#[derive(Args, Debug)]
pub(crate) struct Reach {
    /// The control runtime's address for operators [default: `$MESH_CONTROL`, else 127.0.0.1:15014].
    #[arg(long, value_name = "ADDRESS", global = true)]
    control: Option<SocketAddr>,
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

impl Reach {
    pub(crate) const fn is_json(&self) -> bool {
        matches!(self.format, Format::Json)
    }

    /// Runs `question` with a client for the control runtime.
    pub(crate) fn ask(&self, question: impl AsyncFnOnce(Client) -> Result<(), AskError>) -> Exit {
        let control = match self.address() {
            Ok(control) => control,
            Err(text) => {
                return Exit::Usage.because(&format!("MESH_CONTROL: `{text}` is no address"));
            }
        };
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return Exit::Broken.because(&error),
        };
        match runtime.block_on(question(Client::new(control))) {
            Ok(()) => Exit::Ok,
            Err(error @ AskError::Unreachable { .. }) => Exit::Unreachable.because(&error),
            Err(error @ (AskError::Rejected(_) | AskError::Named(_))) => {
                Exit::Negative.because(&error)
            }
            Err(error @ AskError::Answer { .. }) => Exit::Broken.because(&error),
        }
    }

    fn address(&self) -> Result<SocketAddr, String> {
        match (self.control, std::env::var("MESH_CONTROL")) {
            (Some(control), _) => Ok(control),
            (None, Ok(text)) => text.parse().map_err(|_| text),
            (None, Err(_)) => Ok(ADMIN),
        }
    }
}

pub(crate) fn write_json(value: &Value) {
    super::write(&format!("{value:#}\n"));
}
