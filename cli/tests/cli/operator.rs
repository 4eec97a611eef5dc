//! `mesh control`, and operators who speak to it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::program::{command, errors, text};

/// A control runtime that ends when its standard input is closed.
struct Control {
    process: Child,
    admin: String,
    state: tempfile::TempDir,
}

impl Control {
    fn start() -> Self {
        Self::start_for(command())
    }

    /// As the user whose folders `command` knows.
    fn start_for(mut command: Command) -> Self {
        let state = tempfile::tempdir().unwrap();
        let mut process = command
            .args(["control", "--unsigned", "--leashed", "--state"])
            .arg(state.path())
            .args(["--admin", "127.0.0.1:0", "--distribution", "127.0.0.1:0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let admin = line.trim().rsplit("admin=").next().unwrap().to_owned();
        Self { process, admin, state }
    }

    fn ask(&self, arguments: &[&str]) -> std::process::Output {
        let mut asking = command();
        asking.args(arguments).args(["--control", &self.admin, "--token-file"]);
        asking.arg(self.token_file()).output().unwrap()
    }

    fn token_file(&self) -> std::path::PathBuf {
        self.state.path().join("operator-token")
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success(), "it ends in order");
    }
}

#[test]
fn an_operator_is_answered() {
    let control = Control::start();
    let status = text(&control.ask(&["rollout", "status"]));
    assert!(status.starts_with("exit 0\nrollout    waits for the first snapshot\n"), "{status}");
    assert_eq!(text(&control.ask(&["rollout", "pause"])), "exit 0\npause: done\n");
    assert_eq!(text(&control.ask(&["rollout", "pause"])), "exit 0\npause: as it was\n");
    assert!(text(&control.ask(&["rollout", "status"])).contains("paused"));
    assert!(text(&control.ask(&["rollout", "history"])).contains("ago  paused"));
    assert_eq!(text(&control.ask(&["proxies"])), "exit 0\nno proxy is in contact\n");

    let (code, error) = errors(&control.ask(&["rollout", "promote"]));
    assert_eq!((code, error.as_str()), (1, "error: no rollout is under way\n"));
    let (code, error) = errors(&control.ask(&["rollout", "undo"]));
    assert_eq!((code, error.as_str()), (1, "error: nothing was confirmed before\n"));
}

#[test]
fn who_shows_no_token_may_look_and_change_nothing() {
    let control = Control::start();
    let ask = |verb: &str, more: &[&str]| {
        let mut asking = command();
        asking.args(["rollout", verb, "--control", &control.admin]).args(more);
        asking
    };
    assert!(ask("status", &[]).output().unwrap().status.success());
    let (code, error) = errors(&ask("pause", &[]).output().unwrap());
    assert_eq!(code, 1);
    let file = control.token_file().display().to_string();
    assert!(error.contains("does not take this for an operator's"), "{error}");
    assert!(error.contains(&file) && error.contains("--token-file"), "{error}");
    let token = std::fs::read_to_string(&file).unwrap();
    let by_variable = ask("pause", &[]).env("MESH_CONTROL_TOKEN", &token).output().unwrap();
    assert_eq!(text(&by_variable), "exit 0\npause: done\n");
    let (code, error) = errors(&ask("pause", &["--token-file", "/nowhere"]).output().unwrap());
    assert_eq!(code, 3);
    assert!(error.contains("/nowhere"), "{error}");
    let wrong = ask("pause", &[]).env("MESH_CONTROL_TOKEN", "guess").output().unwrap();
    assert_eq!(errors(&wrong).0, 2);
}

#[test]
fn machines_read_json() {
    let control = Control::start();
    for (arguments, schema) in [
        (["rollout", "status"].as_slice(), "mesh.dev/rollout/v1"),
        (&["rollout", "history"], "mesh.dev/rollout-history/v1"),
        (&["rollout", "resume"], "mesh.dev/verb/v1"),
        (&["proxies"], "mesh.dev/proxies/v1"),
    ] {
        let output = control.ask(&[arguments, &["--format", "json"]].concat());
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["schema"], schema);
    }
}

#[test]
fn what_a_user_runs_is_found_without_a_word() {
    let own = tempfile::tempdir().unwrap();
    let user = || {
        let mut command = command();
        command.env("XDG_RUNTIME_DIR", own.path());
        command
    };
    let status = || user().args(["rollout", "status"]).output().unwrap();
    let one = Control::start_for(user());
    let found = text(&status());
    assert!(found.starts_with("exit 0\nrollout    waits for the first snapshot\n"), "{found}");
    let paused = user().args(["rollout", "pause"]).output().unwrap();
    assert_eq!(text(&paused), "exit 0\npause: done\n", "with its token");
    let other = Control::start_for(user());
    let resumed = user().args(["rollout", "resume", "--control", &one.admin]).output().unwrap();
    assert_eq!(text(&resumed), "exit 0\nresume: done\n", "with the token of that one");
    let (code, error) = errors(&status());
    assert_eq!(code, 2);
    assert!(error.contains("you run several meshes on this machine: say which"), "{error}");
    for control in [&one, &other] {
        assert!(error.contains(&format!("--control {}   mesh control", control.admin)), "{error}");
    }
    drop(one);
    assert_eq!(text(&user().arg("proxies").output().unwrap()), "exit 0\nno proxy is in contact\n");
    drop(other);
    assert_eq!(std::fs::read_dir(own.path().join("mesh")).unwrap().count(), 0);
}

#[test]
fn who_cannot_be_reached_is_named() {
    // A port that was free a moment ago, and is closed again.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = command().args(["rollout", "status", "--control", &free.to_string()]).output();
    let (code, error) = errors(&output.unwrap());
    assert_eq!(code, 4);
    assert!(error.contains(&format!("the control runtime at {free} cannot be reached")), "{error}");
    let output = command().args(["proxies"]).env("MESH_CONTROL", "nowhere").output().unwrap();
    let told = "error: MESH_CONTROL: `nowhere` is no address\n".to_owned();
    assert_eq!(errors(&output), (2, told));
}

#[test]
fn a_control_runtime_that_is_not_told_enough_does_not_start() {
    let (code, error) = errors(&command().args(["control"]).output().unwrap());
    assert_eq!(code, 2);
    assert!(error.contains("say whose snapshots are taken"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("control.json");
    std::fs::write(&file, "{\n  \"soak\": 1\n}").unwrap();
    let (code, error) =
        errors(&command().args(["control", "--config"]).arg(&file).output().unwrap());
    assert_eq!(code, 3);
    assert!(error.contains("unknown field `soak`") && error.contains("line 2"), "{error}");
}
