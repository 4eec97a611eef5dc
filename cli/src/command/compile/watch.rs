//! `--watch`: a round for each change.
//!
//! What is wrong with one round (a file that is half written, or gone) is said, and the next one comes with the next change.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::time::{Duration, Instant};

use mesh_compiler::{Compilation, Memory};

use super::{Arguments, Run, Tell};
use crate::command::Exit;
use crate::findings::Selected;
use crate::local::Watch;
use crate::render::{Format, Stream};
use crate::source::Source;
use crate::stop::{self, Leash};

/// Editors save in a few steps, all within this.
const SETTLE: Duration = Duration::from_millis(10);

/// Making a snapshot takes about twice as long as finding what is wrong: where that takes less than this, all is shown at once.
const SOON: Duration = Duration::from_millis(40);

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("this cannot be watched: {0}")]
    Watch(#[from] notify::Error),
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    if let Some(path) = arguments.paths.iter().find(|path| *path == "-" || Source::is_past(path)) {
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
    let paths: Vec<_> = arguments.paths.iter().map(PathBuf::from).collect();
    // Watched before it is read: what is saved in between is not missed.
    let mut watch = Watch::over(&paths, arguments.out.as_deref(), SETTLE)?;
    let mut memory = Memory::default();
    let mut known = None;
    let mut stopping = pin!(stop::requested(Leash::Free));
    let mut is_first = true;
    loop {
        // Asked first, so that an interruption is heard from the beginning.
        tokio::select! {
            biased;
            stopped = &mut stopping => return Ok(stopped.map(|()| Exit::Ok)?),
            () = std::future::ready(()), if is_first => {}
            () = watch.changed() => {}
        }
        let ended = round(arguments, &mut memory, &mut known);
        if let (true, Some(exit)) = (is_first, ended) {
            return Ok(exit);
        }
        is_first = false;
    }
}

/// Compiles, and says what is found where anything is new. What stood in the way of it, which was said.
///
/// `known` are the names of the findings that somebody saw the time before.
fn round(
    arguments: &Arguments,
    memory: &mut Memory,
    known: &mut Option<HashSet<String>>,
) -> Option<Exit> {
    let can_be_cleared = arguments.format.is_for_people() && Stream::Output.can_be_cleared();
    let before = known.take().filter(|_| can_be_cleared);
    let mut run = Run { arguments, start: Instant::now(), shown: None, known: before.as_ref() };
    memory.at(mesh_control::clock::wall());
    let mut shown = None;
    let mut tell = |compiled: &Compilation, selected: Selected| {
        if run.start.elapsed() < SOON {
            return;
        }
        Stream::Output.clear();
        // Whoever stopped reading has seen enough.
        drop(run.announce(compiled, &selected));
        shown = Some(selected.findings);
    };
    let tell: Option<Tell<'_>> = is_told_early(arguments).then_some(&mut tell);
    let compiled = run.compile(Some(memory), tell);
    run.shown = shown;
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
            None
        }
        Err(exit) => {
            *known = before;
            Some(exit)
        }
    }
}

/// Whether findings are shown before the snapshot is made: people see them in half the time, on a terminal where what comes
/// then can take their place. What is asked of Git takes longer than a snapshot, and is asked once.
fn is_told_early(arguments: &Arguments) -> bool {
    arguments.format.is_for_people()
        && arguments.choice.new_since.is_none()
        && Stream::Output.can_be_cleared()
}
