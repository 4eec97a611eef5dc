//! The one way in which Git is run.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::GitError;

/// What Git prints in `folder` when it is told `input`. Nothing that the repository configures is run.
pub(crate) fn run(
    folder: &Path,
    command: &'static str,
    arguments: &[&str],
    input: &[u8],
) -> Result<Vec<u8>, GitError> {
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
    let mut stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        // Git answers while it is asked, so both must be under way.
        scope.spawn(move || {
            if let Some(mut stdin) = stdin.take() {
                // Where it stops reading, its exit code says why.
                let _ = stdin.write_all(input);
            }
        });
        child.wait_with_output()
    });
    let output = output.map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}
