//! `mesh up`: the mesh of a repository on this machine, as long as somebody works on it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use mesh_compiler::source::Input;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Exit, NOTHING};
use crate::difference::Policy;
use crate::environment::{EnvironmentError, Surroundings};
use crate::local::{self, Compiled, LocalError, LocalMesh, News, Options, Watch};
use crate::operator::Follow;
use crate::operator::view::short;
use crate::render::counts::counted;
use crate::render::{Color, Terminal};
use crate::stop::{self, Leash};

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The policy repository.
    #[arg(value_name = "DIR", default_value = ".")]
    repository: PathBuf,
    /// Where state is kept [default: a temporary folder].
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The environment of `mesh.yaml` that is run.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// When to use colour.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{}: there is no such file or folder", .0.display())]
    Missing(PathBuf),
    #[error("{}: this is a snapshot; name the repository that it was made of", .0.display())]
    Snapshot(PathBuf),
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error("there is no policy to start with")]
    Policy,
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the repository cannot be watched: {0}")]
    Watch(#[from] notify::Error),
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Exit::Broken.because(&error),
    };
    let ended = runtime.block_on(up(arguments));
    runtime.shutdown_background();
    match ended {
        Ok(()) => Exit::Ok,
        Err(error @ Error::Policy) => Exit::Negative.because(&error),
        Err(error @ (Error::Missing(_) | Error::Snapshot(_))) => Exit::Input.because(&error),
        Err(error @ Error::Environment(_)) => Exit::Usage.because(&error),
        Err(Error::Local(error)) => Exit::from(&error).because(&error),
        Err(error) => Exit::Broken.because(&error),
    }
}

async fn up(arguments: &Arguments) -> Result<(), Error> {
    if !arguments.repository.exists() {
        return Err(Error::Missing(arguments.repository.clone()));
    }
    let terminal = Terminal::detect(arguments.color);
    let temporary = tempfile::Builder::new().prefix("mesh-up-").tempdir()?;
    let state = arguments.state.clone().unwrap_or_else(|| temporary.path().to_owned());
    let repository = &arguments.repository;
    if Policy::is_snapshot(repository) {
        return Err(Error::Snapshot(repository.clone()));
    }
    // Watched before it is read: what is saved in between is not missed.
    let mut watch = Watch::new(repository)?;
    let place = Surroundings { env: arguments.env.clone(), ..Surroundings::default() };
    let environment = place.only(&[Input::Path(repository.clone())])?;
    let source = (repository.as_path(), environment.as_deref());
    let compiled = compile(source, &terminal);
    let Some(bundle) = compiled.bundle() else {
        return Err(Error::Policy);
    };
    let (tell, mut news) = mpsc::channel(16);
    let whole = repository.canonicalize()?;
    let called = format!("mesh up {}", whole.display());
    let options = Options { called, state, rollout: rollout() };
    let started = LocalMesh::start(&options, bundle, tell);
    let mut mesh = tokio::select! {
        started = started => started?,
        _ = stop::requested(Leash::Free) => return Ok(()),
    };
    greet(&mesh, &compiled, &terminal);
    let mut follow = Follow::default();
    let mut stopping = std::pin::pin!(stop::requested(Leash::Free));
    let mut beat = tokio::time::interval(Duration::from_millis(250));
    loop {
        tokio::select! {
            stopped = &mut stopping => { stopped?; break; }
            () = watch.changed() => change(&mut mesh, source, &terminal).await,
            Some(news) = news.recv() => tell_news(&news, &terminal),
            _ = beat.tick() => look(&mesh, &mut follow, &terminal).await,
        }
    }
    super::write("\nending the proxies, then the control runtime\n");
    mesh.stop().await;
    Ok(())
}

/// For somebody who tries things out: soon, and whether or not anybody calls.
fn rollout() -> Value {
    json!({ "soak": "2s", "waves": ["1", "all"], "gate": { "inconclusive": "proceed" } })
}

/// A folder, and which of its environments.
type Source<'a> = (&'a Path, Option<&'a str>);

fn compile((repository, environment): Source<'_>, terminal: &Terminal) -> Compiled {
    let compiled = Compiled::of_environment(repository, environment);
    let paint = terminal.paint;
    let took = compiled.took.as_millis();
    let (resources, files) =
        (counted(compiled.resources(), "resource"), counted(compiled.files(), "file"));
    let what = format!("{resources} in {files}");
    super::write(&compiled.text(terminal));
    let line = if let Some(bundle) = compiled.bundle() {
        let digest = short(&bundle.snapshot.digest());
        format!("{} compiled {what} in {took} ms: {digest}\n", paint.added("✔"))
    } else if compiled.is_of_nothing() {
        format!("{} {}: {NOTHING}\n", paint.removed("✖"), repository.display())
    } else {
        let (mark, errors) = (paint.removed("✖"), counted(compiled.errors(), "error"));
        format!("{mark} {errors} in {what} ({took} ms): what is served stays as it is\n")
    };
    super::write(&line);
    compiled
}

async fn change(mesh: &mut LocalMesh, source: Source<'_>, terminal: &Terminal) {
    let compiled = compile(source, terminal);
    let Some(bundle) = compiled.bundle() else { return };
    let (known, before) = (mesh.stations().to_vec(), mesh.published());
    match mesh.apply(bundle).await {
        Ok(_) if mesh.stations() != known => greet(mesh, &compiled, terminal),
        Ok(digest) if digest == before => super::write("  nothing has changed for any proxy\n"),
        Ok(_) => {}
        Err(error) => {
            let mark = terminal.paint.removed("✖");
            super::write(&format!("{mark} not rolled out: {error}\n"));
        }
    }
}

fn greet(mesh: &LocalMesh, compiled: &Compiled, terminal: &Terminal) {
    let paint = terminal.paint;
    let mark = paint.bold("!");
    let mut lines = Vec::new();
    if mesh.stations().is_empty() {
        lines.push(format!(
            "{mark} no workload: a Deployment, StatefulSet, DaemonSet or Pod in the repository gets a proxy here\n"
        ));
    } else {
        lines.push(local::view::stations(mesh.stations(), paint));
        lines.push(local::view::edges(mesh.stations(), mesh.folders(), paint));
        lines.push("a workload answers 503 until its application listens".to_owned());
    }
    let replicas = compiled.replicas();
    if !replicas.is_empty() {
        let asked = replicas.iter().map(|(workload, replicas)| format!("{workload} ({replicas})"));
        let asked = asked.collect::<Vec<_>>().join(", ");
        lines.push(format!(
            "{mark} one instance of each workload runs here, whatever its `replicas` say: {asked}"
        ));
    }
    let without: Vec<_> = compiled.beside().without_proxy.keys().map(String::as_str).collect();
    if !without.is_empty() {
        lines.push(format!(
            "{mark} Istio gives these no proxy, and here they have one all the same (`mesh request` tells what becomes of their requests without): {}",
            without.join(", ")
        ));
    }
    for credential in mesh.made() {
        let name = format!("{}/{}", credential.namespace, credential.name);
        lines.push(format!(
            "{mark} secret {name} is not in the repository: one was made, for this mesh alone"
        ));
    }
    let admin = mesh.control_at().admin;
    lines.push(format!(
        "operators: mesh rollout status, mesh proxies (where several meshes run: --control {admin})"
    ));
    lines.push(format!("state and logs: {}", mesh.folders().root().display()));
    let last = "edit the repository: what is saved is rolled out or refused. Ctrl-C ends all.\n\n";
    lines.push(last.to_owned());
    super::write(&format!("\n{}", lines.join("\n")));
}

fn tell_news(news: &News, terminal: &Terminal) {
    let mark = terminal.paint.removed("✖");
    super::write(&match news {
        News::Ended { name, status, last } => {
            let last = last.as_ref().map(|last| format!(": {last}")).unwrap_or_default();
            format!("{mark} {name} ended ({status}){last}; it is started again\n")
        }
        News::Unstartable { name, error } => format!("{mark} {name} cannot be started: {error}\n"),
    });
}

/// Tells how rollouts go. A control runtime that does not answer is asked again later.
async fn look(mesh: &LocalMesh, follow: &mut Follow, terminal: &Terminal) {
    let Ok(overview) = mesh.operator().overview().await else { return };
    for line in follow.lines(&overview, terminal.paint) {
        super::write(&format!("{line}\n"));
    }
}
