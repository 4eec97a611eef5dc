//! `--watch`: a round for each change.
//!
//! What is wrong with one round (a file that is half written, or gone) is said, and the next one comes with the next change.

use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::time::{Duration, Instant};

use mesh_compiler::Memory;

use super::{Arguments, Run};
use crate::command::Exit;
use crate::local::Watch;
use crate::render::{Format, Stream};
use crate::source::Source;
use crate::stop::{self, Leash};

/// Editors save in a few steps, all within this.
const SETTLE: Duration = Duration::from_millis(10);

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
        let ended = round(arguments, &mut memory);
        if let (true, Some(exit)) = (is_first, ended) {
            return Ok(exit);
        }
        is_first = false;
    }
}

/// Compiles, and says what is found where anything is new. What stood in the way of it, which was said.
fn round(arguments: &Arguments, memory: &mut Memory) -> Option<Exit> {
    let run = Run { arguments, start: Instant::now() };
    match run.compile(Some(memory)) {
        Ok((mut compiled, selected)) => {
            if memory.take_news() {
                if arguments.format.is_for_people() {
                    // They see the findings as they are now, and not those before.
                    Stream::Output.clear();
                }
                run.report(&mut compiled, &selected, Stream::Output);
            }
            None
        }
        Err(exit) => Some(exit),
    }
}
