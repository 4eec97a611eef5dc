//! The compiler beside `istioctl analyze`, in the same run and on the same repositories: time, memory, and what one edit costs.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use clap::Args;
use serde::Deserialize;

use super::command::{output, quiet};
use super::{BenchError, Places};

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The folder that holds `bench/` with the generator of repositories.
    #[arg(long, env = "MESH_SHARED", value_name = "DIR", default_value = "../shared")]
    shared: PathBuf,
    /// The `mesh` executable to measure.
    #[arg(long, value_name = "FILE", default_value = "target/release/mesh")]
    mesh: PathBuf,
    /// The `istioctl` to compare with.
    #[arg(long, value_name = "FILE", default_value = "istioctl")]
    istioctl: PathBuf,
    /// Resources of the repositories, with commas between.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000")]
    resources: Vec<u32>,
    /// How often each is measured; the table has the best of each, which other programs disturb least.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// How often a file is edited while it is watched.
    #[arg(long, default_value_t = 10)]
    edits: u32,
}

/// What a process took, as [`MEASURE`] prints it.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Took {
    seconds: f64,
    max_rss_kb: f64,
}

/// Reads a process's time and memory, which its parent alone is told.
const MEASURE: &str = "import json, resource, subprocess, sys, time
start = time.monotonic()
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
seconds = time.monotonic() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({'seconds': seconds, 'max_rss_kb': used.ru_maxrss}))
# istioctl ends with 79 where it finds something.
sys.exit(0 if status in (0, 79) else 1)";

/// The table, in Markdown.
///
/// # Errors
///
/// When a program is missing, or fails.
pub(crate) fn run(arguments: &Arguments) -> Result<String, BenchError> {
    let places = Places::find(&arguments.shared, &arguments.mesh)?;
    // That it is not there is said before anything is made.
    quiet(Command::new(&arguments.istioctl).args(["version", "--remote=false"]))?;
    let mut text = String::from(
        "The compiler beside `istioctl analyze`: the best of several runs in turns; checks, lowering and the written snapshot included.\n\
         Growth: the time a resource takes, beside that in the row above; where it stays near 1, the whole is linear.\n\n\
         | resources | istioctl s | mesh s | times faster | µs a resource | growth | istioctl MiB | mesh MiB | mesh --check s | one edit ms |\n\
         |--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    let mut before = None;
    for resources in &arguments.resources {
        let repository = generate(&places, *resources)?;
        before = Some(row(arguments, &places, (*resources, before), &repository, &mut text)?);
        eprintln!("{text}");
    }
    Ok(text)
}

fn generate(places: &Places, resources: u32) -> Result<PathBuf, BenchError> {
    let repository = places.work.join(format!("repository-{resources}"));
    let generator = places.harness.join("gen_repo.py");
    let mut generate = Command::new("python3");
    quiet(generate.arg(generator).arg(&repository).arg(resources.to_string()))?;
    Ok(repository)
}

/// `before` is the time that a resource took in the row above; returns that of this one. In seconds.
fn row(
    arguments: &Arguments,
    places: &Places,
    (resources, before): (u32, Option<f64>),
    repository: &Path,
    text: &mut String,
) -> Result<f64, BenchError> {
    let snapshot = places.work.join("snapshot.mesh");
    let mut analyze = Command::new(&arguments.istioctl);
    // Without all namespaces it looks at one, and says that all is well. It reads folders to the bottom, and ends as if all were
    // well where it is asked to.
    analyze.args(["analyze", "--all-namespaces", "--use-kube=false"]).arg(repository);
    let mut compile = Command::new(&places.mesh);
    compile.arg("compile").arg(repository).arg("-o").arg(&snapshot);
    let mut check = Command::new(&places.mesh);
    check.args(["compile", "--check"]).arg(repository);
    let mut took = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..arguments.rounds {
        for (program, took) in [&analyze, &compile, &check].into_iter().zip(&mut took) {
            took.push(measure(program)?);
        }
    }
    let [theirs, ours, checked] = took.map(|runs| best(&runs));
    let edit = edit(&places.mesh, repository, arguments.edits)?;
    let each = ours.seconds / f64::from(resources.max(1));
    let growth = before.map_or_else(String::new, |before| format!("{:.2}", each / before));
    let _ = writeln!(
        text,
        "| {resources} | {:.2} | {:.2} | {:.1} | {:.1} | {growth} | {:.0} | {:.0} | {:.2} | {:.0} |",
        theirs.seconds,
        ours.seconds,
        theirs.seconds / ours.seconds,
        each * 1e6,
        theirs.max_rss_kb / 1024.0,
        ours.max_rss_kb / 1024.0,
        checked.seconds,
        edit * 1000.0,
    );
    Ok(each)
}

fn measure(program: &Command) -> Result<Took, BenchError> {
    let mut measured = Command::new("python3");
    measured.args(["-c", MEASURE]).arg(program.get_program()).args(program.get_args());
    Ok(serde_json::from_slice(&output(&mut measured)?)?)
}

/// Of each number the smallest.
fn best(runs: &[Took]) -> Took {
    let least = |of: fn(&Took) -> f64| runs.iter().map(of).fold(f64::INFINITY, f64::min);
    Took { seconds: least(|it| it.seconds), max_rss_kb: least(|it| it.max_rss_kb) }
}

/// What the edited file says, and what comes in its place.
const SUBSET: &str = "subset: v2";

/// The shortest time, in seconds, from the end of a write that names a subset which nobody defines to the finding that says so.
fn edit(mesh: &Path, repository: &Path, edits: u32) -> Result<f64, BenchError> {
    let file = repository.join("team-0000/svc-00000.yaml");
    let io = |error| BenchError::Io { path: file.clone(), error };
    let text = fs::read_to_string(&file).map_err(io)?;
    let mut watching = Watching::start(mesh, repository)?;
    watching.summary()?;
    let mut shortest = f64::INFINITY;
    for number in 0..edits {
        let subset = format!("edit-{number}");
        fs::write(&file, text.replacen(SUBSET, &format!("subset: {subset}"), 1)).map_err(io)?;
        let written = Instant::now();
        watching.line(|line| line.contains(&subset))?;
        shortest = shortest.min(written.elapsed().as_secs_f64());
        watching.summary()?;
    }
    fs::write(&file, text).map_err(io)?;
    Ok(shortest)
}

/// `mesh compile --check --watch`, ended when it is dropped.
struct Watching {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watching {
    fn start(mesh: &Path, repository: &Path) -> Result<Self, BenchError> {
        let io = |error| BenchError::Io { path: mesh.to_owned(), error };
        let mut child = Command::new(mesh)
            .args(["compile", "--check", "--watch", "--format", "jsonl"])
            .arg(repository)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(io)?;
        let output =
            child.stdout.take().ok_or_else(|| io(std::io::ErrorKind::BrokenPipe.into()))?;
        Ok(Self { child, lines: BufReader::new(output).lines() })
    }

    /// Reads to the end of a round.
    fn summary(&mut self) -> Result<(), BenchError> {
        self.line(|line| line.contains(r#""type":"summary""#))
    }

    /// Reads to such a line.
    fn line(&mut self, is_it: impl Fn(&str) -> bool) -> Result<(), BenchError> {
        let io = |error| BenchError::Io { path: PathBuf::from("mesh compile --watch"), error };
        for line in &mut self.lines {
            if is_it(&line.map_err(io)?) {
                return Ok(());
            }
        }
        Err(io(std::io::ErrorKind::UnexpectedEof.into()))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
