//! The shell steps of `deploy/ci`, run as the services run them; `gh` and `curl` are replaced by what notes its arguments.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use serde_json::Value;

use crate::repository::Repository;

const GITHUB: &str = include_str!("../../../deploy/ci/github/action.yml");
const GITLAB: &str = include_str!("../../../deploy/ci/gitlab/mesh.yml");
const HOOKS: &str = include_str!("../../../.pre-commit-hooks.yaml");

const FINE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\nspec: {ports: [{name: http, port: 80}]}\n";
const FAULTY: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop, labels: {a: 1}}\nspec: {ports: [{name: http, port: 80}]}\n";

/// The block of text that follows `mark`.
fn script(pipeline: &str, mark: &str) -> String {
    let (_, after) = pipeline.split_once(mark).unwrap();
    let mut lines = after.lines().skip_while(|line| !line.ends_with('|')).skip(1).peekable();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let depth = indent(lines.peek().unwrap());
    let block = lines.take_while(|line| line.is_empty() || indent(line) >= depth);
    block.map(|line| line.get(depth..).unwrap_or_default().to_owned() + "\n").collect()
}

/// A workplace with `mesh`, and with programs that do nothing but note how they were called.
fn workplace(policy: &str) -> Repository {
    let place = Repository::of(&[("policies/a.yaml", policy), ("temp/empty", "")]);
    fs::create_dir(place.path().join("bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_mesh"), place.path().join("bin/mesh")).unwrap();
    let note = "#!/bin/sh\necho \"$(basename \"$0\") $*\" >> \"$NOTES\"\ncase \"$*\" in *--jq*) cat \"$COMMENT\";; esac\n";
    for name in ["gh", "curl"] {
        let path = place.path().join("bin").join(name);
        fs::write(&path, note).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    place
}

fn run(place: &Repository, script: &str, variables: &[(&str, &str)]) -> Output {
    let at = |path: &str| place.path().join(path);
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", script]).current_dir(place.path());
    shell.env("PATH", format!("{}:{path}", at("bin").display()));
    shell.env("NOTES", at("notes")).env("COMMENT", at("comment")).env("RUNNER_TEMP", at("temp"));
    shell.env("GITHUB_OUTPUT", at("output")).env("GITHUB_STEP_SUMMARY", at("summary"));
    shell.envs(variables.iter().copied());
    shell.output().unwrap()
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

const CHECK: [(&str, &str); 7] = [
    ("MESH_ENV", ""),
    ("MESH_BASE", ""),
    ("MESH", "mesh"),
    ("MESH_PATH", "policies"),
    ("MESH_FAIL_ON", "error"),
    ("MESH_BASELINE", ""),
    ("MESH_OUT", "policy.mesh"),
];

#[test]
fn github_is_told_what_is_wrong_before_the_job_fails() {
    let place = workplace(FAULTY);
    let output = run(&place, &script(GITHUB, "id: check"), &CHECK);
    succeeded(&output);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("::error file=policies/a.yaml,line=3,"), "{text}");
    assert_eq!(place.read("output"), "exit-code=1\n");
    assert!(place.read("summary").starts_with("### ✖ mesh: 1 error"));
    let sarif: Value = serde_json::from_str(&place.read("temp/mesh.sarif")).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert!(!place.path().join("policy.mesh").exists());
    let verdict = run(&place, &script(GITHUB, "name: Verdict"), &[("MESH_CODE", "1")]);
    assert_eq!(verdict.status.code(), Some(1));
}

#[test]
fn github_gets_a_snapshot_of_what_is_fine() {
    let place = workplace(FINE);
    succeeded(&run(&place, &script(GITHUB, "id: check"), &CHECK));
    assert_eq!(place.read("output"), "exit-code=0\n");
    assert!(place.path().join("policy.mesh").exists());
}

/// A workplace whose policy has changed since a commit, which is given back too.
fn changed() -> Option<(Repository, String)> {
    let place = workplace(FINE);
    place.git(&["init", "-q"])?;
    place.git(&["add", "policies"])?;
    place.git(&["commit", "-q", "-m", "before"])?;
    place.write("policies/a.yaml", &FINE.replace("80", "8080"));
    Some((place, "HEAD".to_owned()))
}

#[test]
fn a_pull_request_is_told_what_it_changes() {
    let Some((place, base)) = changed() else { return };
    let variables = [&CHECK[..], &[("MESH_BASE", base.as_str())]].concat();
    succeeded(&run(&place, &script(GITHUB, "id: check"), &variables));
    let comment = place.read("temp/mesh.md");
    assert!(comment.starts_with("### ✔ mesh") || comment.starts_with("### !"), "{comment}");
    assert!(comment.contains("8080"), "{comment}");
    // Findings and what changes are placed alike.
    assert!(comment.contains("changed `Service shop/a` (`policies/a.yaml:"), "{comment}");
    assert_eq!(place.read("summary"), comment);
    // So is what is gone, which lay there at the base.
    let other = FINE.replace("name: a,", "name: b,");
    place.write("policies/a.yaml", &other);
    succeeded(&run(&place, &script(GITHUB, "id: check"), &variables));
    let comment = place.read("temp/mesh.md");
    assert!(comment.contains("removed `Service shop/a` (`policies/a.yaml:"), "{comment}");
    let Some((place, base)) = changed() else { return };
    let variables = [&CHECK[..], &[("CI_MERGE_REQUEST_DIFF_BASE_SHA", base.as_str())]].concat();
    succeeded(&run(&place, &script(GITLAB, "mesh:check:"), &variables));
    assert!(place.read("mesh.md").contains("8080"));
    // A base that is not there takes nothing else away.
    let variables = [&CHECK[..], &[("CI_MERGE_REQUEST_DIFF_BASE_SHA", "nothing")]].concat();
    succeeded(&run(&place, &script(GITLAB, "mesh:check:"), &variables));
    let comment = place.read("mesh.md");
    assert!(comment.contains("cannot be told") && comment.contains("is no revision"), "{comment}");
}

#[test]
fn a_comment_is_written_once_and_kept_up_to_date() {
    let step = script(GITHUB, "name: Comment on");
    let variables = [("MESH_REPOSITORY", "shop/policy"), ("MESH_PULL_REQUEST", "7")];
    for (existing, call) in [
        ("", "--method POST repos/shop/policy/issues/7/comments -F body=@"),
        ("11\n12\n", "--method PATCH repos/shop/policy/issues/comments/12 -F body=@"),
    ] {
        let place = workplace(FINE);
        place.write("comment", existing);
        succeeded(&run(&place, &step, &variables));
        assert!(place.read("notes").lines().last().unwrap().contains(call));
    }
}

#[test]
fn gitlab_gets_its_reports_and_the_verdict() {
    let place = workplace(FAULTY);
    let output = run(&place, &script(GITLAB, "mesh:check:"), &CHECK);
    assert_eq!(output.status.code(), Some(1));
    let issues: Value = serde_json::from_str(&place.read(".mesh-code-quality.json")).unwrap();
    assert_eq!(issues[0]["location"]["path"], "policies/a.yaml");
    assert!(place.read("mesh-junit.xml").contains("<failure "));
    assert!(place.read("mesh.md").starts_with("### ✖"));
}

#[test]
fn gitlab_publishes_what_is_fine_and_nothing_else() {
    let step = script(GITLAB, "mesh:publish:");
    let place = workplace(FINE);
    let variables = [&CHECK[..], &[("CI_API_V4_URL", "api"), ("CI_PROJECT_ID", "1")]].concat();
    let variables = [&variables[..], &[("CI_COMMIT_SHA", "abc"), ("CI_JOB_TOKEN", "t")]].concat();
    succeeded(&run(&place, &step, &variables));
    let notes = place.read("notes");
    let url =
        "--upload-file policy.mesh api/projects/1/packages/generic/mesh-snapshot/abc/policy.mesh";
    assert!(notes.contains(url), "{notes}");
    let place = workplace(FAULTY);
    assert_eq!(run(&place, &step, &variables).status.code(), Some(1));
    assert!(!place.path().join("notes").exists());
}

/// A hook's entry is a command line that `mesh` understands.
#[test]
fn hooks_compile_the_repository() {
    for (policy, entry, code) in [
        (FAULTY, "mesh-compile", 1),
        (FAULTY, "mesh-fix", 0),
        (FINE, "mesh-compile", 0),
        (FINE, "mesh-fmt", 0),
    ] {
        let (_, after) = HOOKS.split_once(&format!("id: {entry}\n")).unwrap();
        let line = after.lines().find_map(|line| line.trim().strip_prefix("entry: ")).unwrap();
        let place = workplace(policy);
        assert_eq!(
            run(&place, &format!("{line} policies"), &[]).status.code(),
            Some(code),
            "{line}"
        );
    }
}
