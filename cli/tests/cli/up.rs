//! `mesh up`: what it says when there is little to run, or nothing.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::program::{errors, mesh};

/// A running one; killed when it is dropped, and its processes with it.
struct Up {
    child: Child,
    /// What it said until it was up.
    greeting: String,
}

impl Up {
    fn start(repository: &Path, state: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mesh"));
        command.arg("up").arg(repository).arg("--state").arg(state);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut greeting = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            greeting += &line.unwrap();
            greeting += "\n";
            if greeting.contains("Ctrl-C ends all") {
                break;
            }
        }
        Self { child, greeting }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn a_repository_without_workloads_says_what_makes_one() {
    let folder = tempfile::tempdir().unwrap();
    let state = tempfile::tempdir().unwrap();
    let up = Up::start(folder.path(), state.path());
    assert!(up.greeting.contains("! no workload: a Deployment,"), "{}", up.greeting);
}

#[test]
fn a_repository_that_is_not_there_is_named() {
    let (code, text) = errors(&mesh(&["up", "nowhere"]));
    assert_eq!((code, text.trim()), (3, "error: nowhere: there is no such file or folder"));
}

/// The second would write over the settings and the registry of the first.
#[test]
fn two_meshes_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let state = tempfile::tempdir().unwrap();
    let _up = Up::start(folder.path(), state.path());
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let (repository, state) = (path(folder.path()), path(state.path()));
    let (code, text) = errors(&mesh(&["up", &repository, "--state", &state]));
    assert_eq!(code, 70);
    assert!(text.contains("is in use by another local mesh"), "{text}");
}
