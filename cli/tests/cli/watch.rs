//! `mesh compile --watch`: a round for each change, until it is interrupted.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::program::{command, errors, mesh};

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\nspec:\n  ports: [{name: http, port: 80}]\n";

/// One that is watching; killed when it is dropped before it was interrupted.
struct Watching {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watching {
    fn start(repository: &Path, options: &[&str]) -> Self {
        let mut command = command();
        command.args(["compile", "--watch", "--format", "jsonl"]).args(options).arg(repository);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The checks of the next round, and its snapshot.
    fn round(&mut self) -> (Vec<String>, Option<String>) {
        let mut checks = Vec::new();
        for line in &mut self.lines {
            let object: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let text = |field: &str| object[field].as_str().map(str::to_owned);
            match object["type"].as_str() {
                Some("summary") => return (checks, text("snapshot")),
                _ => checks.extend(text("check")),
            }
        }
        panic!("it ended after {checks:?}")
    }

    /// Rounds until one is as it should be: a change that is seen in two steps makes two.
    fn until(&mut self, is_there: impl Fn(&[String]) -> bool) {
        while !is_there(&self.round().0) {}
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // Whether it has ended already is for the test to say.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn findings_follow_what_is_saved_until_it_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let is_broken = |checks: &[String]| checks.iter().any(|check| check == "yaml-syntax");
    fs::write(path("a.yaml"), SERVICE).unwrap();
    let mut watching = Watching::start(folder.path(), &["--check"]);
    assert!(!is_broken(&watching.round().0));
    // Half written.
    fs::write(path("a.yaml"), SERVICE.replace("}]", "")).unwrap();
    watching.until(is_broken);
    // As editors save: another file takes its place.
    fs::write(path(".a.yaml.swp"), SERVICE).unwrap();
    fs::rename(path(".a.yaml.swp"), path("a.yaml")).unwrap();
    watching.until(|checks| !is_broken(checks));
    // A new folder, and a file in it.
    fs::create_dir(path("b")).unwrap();
    fs::write(path("b/c.yaml"), "a: [\n").unwrap();
    watching.until(is_broken);
    fs::remove_dir_all(path("b")).unwrap();
    watching.until(|checks| !is_broken(checks));
    let interrupt = format!("kill -INT {}", watching.child.id());
    assert!(Command::new("sh").args(["-c", &interrupt]).status().unwrap().success());
    assert_eq!(watching.child.wait().unwrap().code(), Some(0));
}

/// As whatever writes its output afresh.
#[test]
fn a_folder_that_is_removed_and_made_anew_is_followed() {
    let within = tempfile::tempdir().unwrap();
    let folder = within.path().join("a");
    let make = |text: &str| {
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a.yaml"), text).unwrap();
    };
    let has = |check: &'static str| move |checks: &[String]| checks.iter().any(|it| it == check);
    let is_broken = has("yaml-syntax");
    make(SERVICE);
    let mut watching = Watching::start(&folder, &["--check"]);
    assert!(!is_broken(&watching.round().0));
    fs::remove_dir_all(&folder).unwrap();
    make("a: [\n");
    watching.until(is_broken);
    fs::write(folder.join("a.yaml"), SERVICE).unwrap();
    watching.until(|checks| !is_broken(checks));
    fs::rename(&folder, within.path().join("b")).unwrap();
    watching.until(has("unreadable-file"));
    make(SERVICE);
    watching.until(|checks| checks.iter().all(|check| check != "unreadable-file"));
    fs::write(folder.join("a.yaml"), "a: [\n").unwrap();
    watching.until(is_broken);
}

#[test]
fn each_round_writes_its_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), SERVICE).unwrap();
    let out = folder.path().join("x.mesh");
    let mut watching = Watching::start(folder.path(), &["-o", out.to_str().unwrap()]);
    let (_, first) = watching.round();
    assert!(first.is_some() && out.exists());
    fs::write(folder.path().join("a.yaml"), SERVICE.replace("80", "81")).unwrap();
    // It may be seen before it is whole.
    while [None, first.clone()].contains(&watching.round().1) {}
}

#[test]
fn what_is_context_is_watched_too() {
    let (folder, context) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let route = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v, namespace: shop}\nspec: {hosts: [a], http: [{route: [{destination: {host: a}}]}]}\n";
    fs::write(folder.path().join("a.yaml"), route).unwrap();
    let world = context.path().join("world.yaml");
    fs::write(&world, SERVICE).unwrap();
    let options = ["--check", "--context", context.path().to_str().unwrap()];
    let mut watching = Watching::start(folder.path(), &options);
    let is_unknown = |checks: &[String]| checks.iter().any(|check| check == "unknown-host");
    assert!(!is_unknown(&watching.round().0));
    fs::write(&world, SERVICE.replace("name: a,", "name: b,")).unwrap();
    watching.until(is_unknown);
}

/// Whoever reads lines has them before there is a snapshot, each once.
#[test]
fn each_finding_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let route = |weight: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: shop}}\nspec: {{hosts: [a], http: [{{route: [{{destination: {{host: a}}, weight: {weight}}}, {{destination: {{host: b}}, weight: 30}}]}}]}}\n"
        )
    };
    let allow = "# mesh:allow unknown-host reason=\"there is none\"\n";
    let write = |weight: &str| {
        let text = format!(
            "{SERVICE}---\n{}---\n{allow}{}",
            SERVICE.replace("name: a", "name: b"),
            route(weight)
        );
        fs::write(folder.path().join("a.yaml"), text).unwrap();
    };
    write("30");
    let mut watching = Watching::start(folder.path(), &["--check"]);
    let (mut checks, snapshot) = watching.round();
    assert!(snapshot.is_some());
    checks.sort_unstable();
    let mut once = checks.clone();
    once.dedup();
    // That the comment allows nothing is known when everything is.
    assert!(checks.contains(&"unused-suppression".to_owned()) && checks.len() > 1, "{checks:?}");
    assert_eq!(checks, once);
}

#[test]
fn what_cannot_be_watched_or_written_again_is_refused() {
    for (arguments, said) in [
        (&["-"][..], "error: -: only files and folders can be watched\n"),
        (&["git:HEAD"][..], "error: git:HEAD: only files and folders can be watched\n"),
        (
            &["--format", "sarif", "."][..],
            "error: `human`, `concise` and `jsonl` can be written again and again\n",
        ),
    ] {
        let output = mesh(&[&["compile", "--watch"], arguments].concat());
        assert_eq!(errors(&output), (2, said.to_owned()));
    }
}
