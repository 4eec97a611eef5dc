//! The one way in which Git is run.

use std::io::{self, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};

use super::GitError;

/// What Git prints in `folder` when it is told `input`.
pub(crate) fn run(
    folder: &Path,
    command: &'static str,
    arguments: &[&str],
    input: &[u8],
) -> Result<Vec<u8>, GitError> {
    let failed = |error: io::Error| GitError::Git { command, error: error.to_string() };
    read(folder, command, arguments, input, |mut printed| {
        let mut all = Vec::new();
        printed.read_to_end(&mut all).map_err(failed)?;
        Ok(all)
    })
}

/// The same for what is too much to be held in memory: `take` reads what is printed while Git prints it.
///
/// Nothing that the repository configures is run.
pub(super) fn read<T>(
    folder: &Path,
    command: &'static str,
    arguments: &[&str],
    input: &[u8],
    take: impl FnOnce(BufReader<ChildStdout>) -> Result<T, GitError>,
) -> Result<T, GitError> {
    let failed = |error: String| GitError::Git { command, error };
    let mut child = Command::new("git")
        .args(["-c", "core.fsmonitor=false", "--no-optional-locks", command])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let (mut stdin, stdout, mut stderr) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (taken, complaint) = std::thread::scope(|scope| {
        // Git answers while it is asked, and may complain meanwhile, so all must be under way.
        scope.spawn(move || {
            if let Some(mut stdin) = stdin.take() {
                // Where it stops reading, its exit code says why.
                let _ = stdin.write_all(input);
            }
        });
        let complaint = scope.spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.as_mut().map(|stderr| stderr.read_to_end(&mut text));
            String::from_utf8_lossy(&text).trim().to_owned()
        });
        // What is not read to its end is closed with this, which ends Git.
        let taken = stdout.map(|stdout| take(BufReader::new(stdout)));
        (taken, complaint.join().unwrap_or_default())
    });
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    match taken {
        // Why there was no more to read Git knows better.
        _ if !status.success() && !complaint.is_empty() => Err(failed(complaint)),
        Some(taken @ Err(_)) => taken,
        Some(taken) if status.success() => taken,
        _ => Err(failed(complaint)),
    }
}
