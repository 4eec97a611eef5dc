//! `mesh request`: what becomes of a request, and why. Nothing is sent.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use super::reach::{Format, write_json};
use super::{Exit, NOTHING};
use crate::difference::Policy;
use crate::environment::Surroundings;
use crate::local::Compiled;
use crate::render::placed::{self, Line};
use crate::render::{Color, Terminal};
use crate::request::{self, Answer, From, Mark, Origin, Question, QuestionError, To};
use crate::source::Source;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// A policy repository or a snapshot [default: .], then the path of the request [default: /]. One alone that begins
    /// with a slash is the path, unless it leads to a file or folder of this machine.
    #[arg(value_name = "DIR|SNAPSHOT] [PATH", num_args = 0..=2)]
    what: Vec<String>,
    /// Who sends it: `namespace/service-account`, or `outside` for what reaches a gateway. The account of a gateway
    /// stands for what reaches that one.
    #[arg(long)]
    from: From,
    /// Where to: `host:port`, as the client calls it; at a gateway, the port of one of its servers.
    #[arg(long)]
    to: To,
    #[arg(short = 'X', long, value_name = "METHOD", default_value = "GET")]
    method: String,
    /// A header; may be repeated. `Host` stands in place of the host of `--to` in the request itself.
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = request::header)]
    header: Vec<(HeaderName, HeaderValue)>,
    /// The address that it comes from.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    source_ip: IpAddr,
    /// The address of the gateway by which it comes: the workloads behind see it as their peer's (`ipBlocks`), and the
    /// client's in `X-Forwarded-For` (`remoteIpBlocks`).
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    gateway_ip: IpAddr,
    #[command(flatten)]
    place: Surroundings,
    /// How the answer is written to standard output.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// When to use colour.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let (source, target) = match arguments.what.as_slice() {
        [] => (".", "/"),
        [one] if one.starts_with('/') && !is_place(Path::new(one)) => (".", one.as_str()),
        [source] => (source.as_str(), "/"),
        [source, target, ..] => (source.as_str(), target.as_str()),
    };
    if !target.starts_with('/') {
        return Exit::Usage.because(&QuestionError::Path);
    }
    let policy = match load(source, arguments) {
        Ok(policy) => policy,
        Err(exit) => return exit,
    };
    let question = Question {
        from: arguments.from.clone(),
        to: arguments.to.clone(),
        method: arguments.method.clone(),
        target: target.to_owned(),
        headers: arguments.header.iter().cloned().collect::<HeaderMap>(),
        source: arguments.source_ip,
        gateway: arguments.gateway_ip,
        way: Vec::new(),
    };
    let answer = match request::ask(&policy, &question) {
        Ok(answer) => answer,
        Err(error) => return Exit::Usage.because(&error),
    };
    match arguments.format {
        Format::Human => super::write(&human(&answer, &Terminal::detect(arguments.color))),
        Format::Json => {
            let snapshot = policy.bundle.snapshot.digest();
            write_json(
                &json!({ "schema": "mesh.dev/request/v1", "snapshot": snapshot, "answer": answer }),
            );
        }
    }
    if answer.outcome.is_good() { Exit::Ok } else { Exit::Negative }
}

/// `/srv/policies` is hardly the path of a request where there is such a folder; `/home` may be.
fn is_place(path: &Path) -> bool {
    path.is_file() || (path.is_dir() && path.components().count() > 2)
}

/// A snapshot, or what a repository compiles to.
fn load(path: &str, arguments: &Arguments) -> Result<request::Policy, Exit> {
    if !Source::exists(path) {
        return Err(Exit::Input.because(&format!("{path}: there is no such file")));
    }
    let compiled = match Policy::read(path, &arguments.place) {
        Ok(Policy::Snapshot(bundle)) => return Ok(bundle.into()),
        Ok(Policy::Repository(compilation)) => Compiled::new(compilation, Duration::ZERO),
        Err(error) => return Err(Exit::Input.because(&error)),
    };
    if compiled.is_of_nothing() {
        return Err(Exit::Negative.because(&format_args!("{path}: {NOTHING}")));
    }
    let Some(bundle) = compiled.bundle() else {
        let text = compiled.text(&Terminal::detect(arguments.color));
        let because = format!("the policy has errors: nobody would serve it\n\n{text}");
        return Err(Exit::Negative.because(&because));
    };
    let (bundle, beside) = (bundle.clone(), compiled.beside().clone());
    Ok(request::Policy { bundle, beside, origin: Origin::Repository })
}

/// The verdict first, then every step with its place.
pub(crate) fn human(answer: &Answer, terminal: &Terminal) -> String {
    let paint = terminal.paint;
    let status = answer.status.map(|status| format!(" {status}")).unwrap_or_default();
    let name = format!("{}{status}", answer.outcome.name());
    let name = if answer.outcome.is_good() {
        paint.added(&format!("✔ {name}"))
    } else {
        paint.removed(&format!("✖ {name}"))
    };
    let titles = answer.steps.iter().map(|step| step.title.chars().count());
    let longest = titles.max().unwrap_or_default();
    let mut lines = Vec::new();
    for (number, step) in answer.steps.iter().enumerate() {
        let number = (number + 1).to_string();
        let gap = longest - step.title.chars().count();
        let title = format!("  {number} {}{:gap$}  ", paint.bold(&step.title), "");
        let untitled = " ".repeat(number.len() + longest + "    ".len() + 1);
        for (place, line) in step.lines.iter().enumerate() {
            let mark = match line.mark {
                Mark::Yes => paint.added("✔"),
                Mark::No => paint.removed("✖"),
                Mark::Note => " ".to_owned(),
            };
            lines.push(Line {
                lead: if place == 0 { title.clone() } else { untitled.clone() },
                said: format!("{mark} {}", line.text),
                place: line.source.clone(),
            });
        }
    }
    let mut text = String::new();
    placed::put(&mut text, 0, &format!("{name}  {}", answer.summary), terminal);
    placed::put_all(&mut text, &lines, terminal);
    text
}
