//! Finds the durable steps of a running process by its system calls, so that it can be killed before or after one of them.
//! Each is held for a moment at its beginning and at its end. Nothing of it is built into the program.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// What makes things durable, or lets others see them.
const CALLS: [&str; 5] = ["fsync", "fdatasync", "rename", "renameat", "renameat2"];
/// Long enough to be seen by whoever looks at each [`LOOK_EVERY`].
const HELD: Duration = Duration::from_millis(15);
const LOOK_EVERY: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Moment {
    Before,
    After,
}

/// A tracer at work (`strace`).
pub(super) struct Tracer {
    child: Child,
    output: PathBuf,
}

impl Tracer {
    /// Returns when every later step is seen.
    pub(super) async fn attach(process: u32, folder: &Path) -> io::Result<Self> {
        let output = folder.join("trace");
        let calls = CALLS.join(",");
        let held = HELD.as_micros();
        let child = Command::new("strace")
            .args(["-f", "-p", &process.to_string(), "-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={calls}:delay_enter={held}:delay_exit={held}")])
            .arg("-o")
            .arg(&output)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut tracer = Self { child, output };
        let attached = timeout(PATIENCE, async {
            while !is_traced(process)? {
                if tracer.child.try_wait()?.is_some() {
                    return Err(io::Error::other("the tracer has ended: may it trace processes?"));
                }
                sleep(LOOK_EVERY).await;
            }
            Ok(())
        });
        attached.await.map_err(|_| io::ErrorKind::TimedOut)??;
        Ok(tracer)
    }

    /// Waits until the `step`-th call is held.
    pub(super) async fn until(&mut self, step: u32, moment: Moment) {
        loop {
            let seen = std::fs::read_to_string(&self.output).unwrap_or_default();
            if step <= count(&seen, moment) {
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// What it traced is dead.
    pub(super) async fn end(mut self) -> io::Result<()> {
        timeout(PATIENCE, self.child.wait()).await.map_err(|_| io::ErrorKind::TimedOut)??;
        std::fs::remove_file(&self.output)
    }
}

/// Whether all threads of a process are.
fn is_traced(process: u32) -> io::Result<bool> {
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let status = std::fs::read_to_string(thread?.path().join("status")).unwrap_or_default();
        if status.lines().any(|line| line == "TracerPid:\t0") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How many calls have begun, or have ended, according to a trace. One that was begun is written without its end until then.
fn count(trace: &str, moment: Moment) -> u32 {
    let is_begun = |line: &&str| {
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        CALLS.iter().any(|name| call.strip_prefix(name).is_some_and(|rest| rest.starts_with('(')))
    };
    let is_ended = |line: &&str| line.contains(") = ") || line.contains("= 0 (DELAYED)");
    let lines = trace.lines();
    let found = match moment {
        Moment::Before => lines.filter(is_begun).count(),
        Moment::After => lines.filter(is_ended).count(),
    };
    u32::try_from(found).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Moment, count};

    #[test]
    fn a_trace_tells_what_has_begun_and_what_has_ended() {
        let begun = "12  fdatasync(3)       = 0 (DELAYED)\n12  rename(\"a\", \"b\"";
        assert_eq!((count(begun, Moment::Before), count(begun, Moment::After)), (2, 1));
        let apart = "12  fsync(3 <unfinished ...>\n13  rename(\"a\", \"b\") = 0 (DELAYED)\n12  <... fsync resumed>) = 0 (DELAYED)\n13 +++ exited with 0 +++\n";
        assert_eq!((count(apart, Moment::Before), count(apart, Moment::After)), (2, 2));
        assert_eq!(count("", Moment::Before), 0);
    }
}
