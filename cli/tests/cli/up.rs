//! `mesh up`: what it says when there is little to run, or nothing.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use crate::program::{command, errors, mesh, text};

/// A running one; killed when it is dropped, and its processes with it.
struct Up {
    child: Child,
    /// What it said until it was up.
    greeting: String,
}

impl Up {
    fn start(repository: &Path, state: &Path) -> Self {
        let mut command = command();
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
    let folder = small();
    let state = tempfile::tempdir().unwrap();
    let up = Up::start(folder.path(), state.path());
    assert!(up.greeting.contains("! no workload: a Deployment,"), "{}", up.greeting);
}

/// A repository with a namespace in it.
fn small() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}";
    std::fs::write(folder.path().join("shop.yaml"), namespace).unwrap();
    folder
}

#[test]
fn an_empty_repository_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let output = mesh(&["up", folder.path().to_str().unwrap()]);
    assert_eq!(errors(&output), (1, "error: there is no policy to start with\n".to_owned()));
    assert!(text(&output).contains("there is no resource that the mesh reads"));
}

#[test]
fn replicas_that_do_not_run_are_named() {
    let folder = small();
    let deployment = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: reviews}}
  template:
    metadata: {labels: {app: reviews}}
    spec: {containers: [{name: app, image: reviews}]}
";
    std::fs::write(folder.path().join("reviews.yaml"), deployment).unwrap();
    let state = tempfile::tempdir().unwrap();
    let up = Up::start(folder.path(), state.path());
    let told =
        "one instance of each workload runs here, whatever its `replicas` say: shop/reviews (2)";
    assert!(up.greeting.contains(told), "{}", up.greeting);
}

#[test]
fn a_repository_that_is_not_there_is_named() {
    let (code, text) = errors(&mesh(&["up", "nowhere"]));
    assert_eq!((code, text.trim()), (3, "error: nowhere: there is no such file or folder"));
}

/// The second would write over the settings and the registry of the first.
#[test]
fn two_meshes_do_not_share_a_folder() {
    let folder = small();
    let state = tempfile::tempdir().unwrap();
    let _up = Up::start(folder.path(), state.path());
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let (repository, state) = (path(folder.path()), path(state.path()));
    let (code, text) = errors(&mesh(&["up", &repository, "--state", &state]));
    assert_eq!(code, 4);
    assert!(text.contains("is in use by another local mesh"), "{text}");
}
