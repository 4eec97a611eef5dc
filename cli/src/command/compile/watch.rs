//! `--watch`: a round for each change.
//!
//! What is wrong with one round (a file that is half written, or gone) is said, and the next one comes with the next change.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use mesh_compiler::api::Mesh;
use mesh_compiler::{Compilation, Memory};

use super::{Arguments, Run, Tell};
use crate::command::Exit;
use crate::findings::Selected;
use crate::local::{Settle, Watch};
use crate::render::{Format, Stream};
use crate::source::Source;
use crate::stop::{self, Leash};

/// Editors save in a few steps, all within the longer one; the shorter one is for those that save several files at once.
const SETTLE: Settle =
    Settle { whole: Duration::from_millis(1), partial: Duration::from_millis(10) };

/// Where making the snapshot takes less than this, all is shown at once.
const SOON: Duration = Duration::from_millis(60);

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("this cannot be watched: {0}")]
    Watch(#[from] notify::Error),
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let mut named = arguments.paths.iter().chain(&arguments.place.context);
    if let Some(path) = named.find(|path| *path == "-" || Source::is_past(path)) {
        return Exit::Usage.because(&format_args!("{path}: only files and folders can be watched"));
    }
    if !matches!(arguments.format, Format::Human | Format::Concise | Format::Jsonl) {
        let formats = "`human`, `concise` and `jsonl` can be written again and again";
        return Exit::Usage.because(&formats);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Exit::Broken.because(&error),
    };
    match runtime.block_on(rounds(arguments)) {
        Ok(exit) => exit,
        Err(error @ Error::Watch(_)) => Exit::Input.because(&error),
        Err(error @ Error::Io(_)) => Exit::Broken.because(&error),
    }
}

/// Returns when it is interrupted, or when the first round shows that nothing will come of the others.
async fn rounds(arguments: &Arguments) -> Result<Exit, Error> {
    let named = arguments.paths.iter().chain(&arguments.place.context);
    let paths: Vec<_> = named.map(PathBuf::from).collect();
    // Watched before it is read: what is saved in between is not missed.
    let written: Vec<&Path> =
        [&arguments.out, &arguments.statuses].into_iter().filter_map(Option::as_deref).collect();
    let mut watch = Watch::over(&paths, &written, SETTLE)?;
    let mut memory = Memory::default();
    let mut last: Option<Mesh> = None;
    let (mut known, mut making) = (None, None);
    let mut stopping = pin!(stop::requested(Leash::Free));
    let mut is_first = true;
    loop {
        // Now that all is told: only who saves or interrupts at once waits for it.
        let ground = last.take();
        let mut standing = memory.on(ground.as_ref());
        loop {
            // Asked first, so that an interruption is heard from the beginning.
            tokio::select! {
                biased;
                stopped = &mut stopping => return Ok(stopped.map(|()| Exit::Ok)?),
                () = std::future::ready(()), if is_first => {}
                () = watch.changed() => {}
            }
            let ended = round(arguments, &mut standing, &mut known, &mut making);
            if let (true, Err(exit)) = (is_first, &ended) {
                return Ok(*exit);
            }
            is_first = false;
            if !standing.stands() {
                last = ended.ok();
                break;
            }
        }
        memory = standing.on(None);
    }
}

/// Compiles, and says what is found where anything is new. What was compiled, or what stood in the way of it, which was said.
///
/// `known` are the names of the findings that somebody saw the time before, and `making` is how long it took then to make the
/// snapshot.
fn round(
    arguments: &Arguments,
    memory: &mut Memory<'_>,
    known: &mut Option<HashSet<String>>,
    making: &mut Option<Duration>,
) -> Result<Mesh, Exit> {
    let can_be_cleared = arguments.format.is_for_people() && Stream::Output.can_be_cleared();
    let before = known.take().filter(|_| can_be_cleared);
    let mut run = Run { known: before.as_ref(), ..Run::of(arguments) };
    memory.at(mesh_control::clock::wall());
    let (mut shown, mut begun, mut found) = (None, None, None);
    let mut tell = |compiled: &Compilation, selected: Selected| {
        found = Some(Instant::now());
        if !arguments.format.is_for_people() {
            drop(run.announce(compiled, &selected));
            begun = Some(selected.fingerprints.into_iter().collect());
            return;
        }
        // In the first round nobody knows; it takes about as long as to find what is wrong.
        if making.unwrap_or_else(|| run.start.elapsed()) < SOON {
            return;
        }
        Stream::Output.clear();
        // Whoever stopped reading has seen enough.
        drop(run.announce(compiled, &selected));
        shown = Some(selected.findings);
    };
    let tell: Option<Tell<'_>> = is_told_early(arguments).then_some(&mut tell);
    let compiled = run.compile(Some(memory), tell);
    (run.shown, run.begun) = (shown, begun);
    *making = found.map(|found| found.elapsed()).or(*making);
    match compiled {
        Ok((mut compiled, selected)) => {
            if memory.take_news() {
                let is_shown = run.shown.as_ref() == Some(&selected.findings);
                if arguments.format.is_for_people() && !is_shown {
                    // They see the findings as they are now, and not those before.
                    Stream::Output.clear();
                }
                run.report(&mut compiled, &selected, Stream::Output);
                *known = Some(selected.fingerprints.into_iter().collect());
            } else {
                *known = before;
            }
            Ok(compiled.mesh)
        }
        Err(exit) => {
            *known = before;
            Err(exit)
        }
    }
}

/// Whether findings are told before the snapshot is made, in half the time: to programs that read until the summary, and to people on
/// a terminal where what comes then can take their place. What is asked of Git takes longer than a snapshot, and is asked once.
fn is_told_early(arguments: &Arguments) -> bool {
    let is_read_on = !arguments.format.is_for_people() || Stream::Output.can_be_cleared();
    arguments.choice.new_since.is_none() && is_read_on
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use mesh_compiler::diagnostic::Finding;
    use mesh_compiler::{Compilation, Memory};

    use super::{Arguments, Run};
    use crate::findings::Selected;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    /// A warning: the weights do not add up to 100.
    const UNEVEN: &str = "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: shop}
spec:
  hosts: [a.example.com]
  http:
  - route:
    - {destination: {host: b.example.com}, weight: 30}
    - {destination: {host: c.example.com}, weight: 30}
";

    #[test]
    fn what_is_new_is_told_before_the_snapshot_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let Line { arguments } = Line::parse_from(["compile", "--check", "--watch", path]);
        let run = Run::of(&arguments);
        let mut memory = Memory::default();
        let mut round = |text: &str| {
            std::fs::write(folder.path().join("a.yaml"), text).unwrap();
            let mut told: Vec<Vec<Finding>> = Vec::new();
            let mut tell = |compiled: &Compilation, selected: Selected| {
                assert!(compiled.bundle.is_none(), "the snapshot was made before");
                told.push(selected.findings);
            };
            let (compiled, selected) = run
                .compile(Some(&mut memory), Some(&mut tell))
                .unwrap_or_else(|_| panic!("{text}"));
            memory.take_news();
            (told, compiled.bundle.is_some(), selected.findings)
        };
        let (told, is_made, found) = round(UNEVEN);
        assert!(is_made && !found.is_empty());
        assert_eq!(told, [found]);
        let (told, is_made, _) = round(UNEVEN);
        assert!(is_made && told.is_empty(), "nothing is new");
        let moved = format!("# moved\n{UNEVEN}");
        let (told, _, found) = round(&moved);
        assert_eq!(told, [found]);
        // Without a snapshot there is nothing that comes later.
        let (told, is_made, found) = round("kind: [");
        assert!(!is_made && told.is_empty() && !found.is_empty());
    }
}
