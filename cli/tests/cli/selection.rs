//! Which findings `mesh compile` reports.

use crate::program::{command, errors, text};
use crate::repository::Repository;

/// An error of a lint, and one that is always an error.
const FAULTY: &str = "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: r, namespace: shop}
spec:
  hosts: [a.example.com]
  htp: []
  http:
  - route:
    - destination:
        host: nobody
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {ports: [{name: http, port: 80}]}
";

/// Another route with the same faults.
fn another() -> String {
    let (route, _) = FAULTY.split_once("---").unwrap();
    route.replace("name: r,", "name: s,").replace("a.example.com", "b.example.com")
}

fn faulty() -> Repository {
    Repository::of(&[("a.yaml", FAULTY)])
}

#[test]
fn checks_are_chosen_by_name_and_by_alias() {
    let repository = faulty();
    let (code, all) = repository.concise(&[]);
    assert_eq!((code, all.lines().count()), (1, 2), "{all}");
    for only in ["unknown-host", "IST0101", "kia1101"] {
        let (code, text) = repository.concise(&["--only", only]);
        assert_eq!((code, text.lines().count()), (1, 1));
        assert!(text.contains("[unknown-host]"), "{text}");
        let (code, text) = repository.concise(&["--skip", only]);
        assert_eq!((code, text.lines().count()), (1, 1));
        assert!(text.contains("[unknown-field]"), "{text}");
    }
    assert_eq!(repository.concise(&["--skip", "unknown-host,unknown-field"]), (0, String::new()));
}

#[test]
fn an_unknown_name_is_a_mistake_of_the_command_line() {
    let (code, error) = errors(&faulty().compile(&["--only", "unknown-hots"]));
    assert_eq!(code, 2);
    assert!(error.contains("did you mean `unknown-host`?"), "{error}");
}

/// Otherwise a pipeline would go on with the snapshot of yesterday.
#[test]
fn errors_that_are_not_reported_make_no_snapshot() {
    let repository = faulty();
    let arguments = ["--skip", "unknown-host,unknown-field", "-o", "x.mesh"];
    let (code, error) = errors(&repository.compile(&arguments));
    assert_eq!(code, 1);
    assert!(error.contains("no snapshot is written"), "{error}");
    assert!(!repository.path().join("x.mesh").exists());
}

#[test]
fn what_cannot_be_read_is_always_reported() {
    let repository = faulty();
    repository.write("b.yaml", "a: [\n");
    let (code, text) = repository.concise(&["--only", "unknown-host", "--skip", "yaml-syntax"]);
    assert_eq!(code, 3);
    assert!(text.contains("[yaml-syntax]"), "{text}");
}

#[test]
fn a_baseline_holds_what_is_known_whatever_its_line() {
    let repository = faulty();
    let known = ["--baseline", ".known.json"];
    assert_eq!(repository.concise(&["--write-baseline", ".known.json"]), (0, String::new()));
    let first = repository.read(".known.json");
    assert_eq!(repository.concise(&known), (0, String::new()));
    repository.write("a.yaml", &format!("# one\n# two\n{FAULTY}"));
    assert_eq!(repository.concise(&known), (0, String::new()));
    repository.concise(&["--write-baseline", ".known.json"]);
    assert_eq!(repository.read(".known.json"), first);

    // The same fault once more is new.
    repository.write("b.yaml", &another());
    let (code, text) = repository.concise(&known);
    assert_eq!(code, 1);
    assert!(text.contains("b.yaml:") && !text.contains("a.yaml:"), "{text}");
}

fn namespace(name: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n")
}

/// Three that have a fault in common: people are told of it once, and programs of each.
fn namespaces() -> Repository {
    let repository = Repository::of(&[]);
    for name in ["a", "b", "c"] {
        repository.write(&format!("policies/{name}.yaml"), &namespace(name));
    }
    repository
}

/// What is said besides where it is compared with itself.
fn mesh_diff(repository: &Repository) -> String {
    let mut command = command();
    command.current_dir(repository.path()).args(["diff", "policies", "policies"]);
    errors(&command.output().unwrap()).1
}

const TOGETHER: &str = "3 namespaces do not say whether their pods get a proxy";

#[test]
fn one_cause_is_told_to_people_once() {
    let repository = namespaces();
    let output = repository.compile(&["--check"]);
    let (told, closing) = (text(&output), errors(&output).1);
    assert!(told.contains(TOGETHER), "{told}");
    assert!(closing.contains("1 notice: 3 resources"), "{closing}");
    let compared = mesh_diff(&repository);
    assert!(compared.contains("policies: 1 notice;"), "{compared}");
    assert_eq!(repository.concise(&["--check"]).1.lines().count(), 3);
    let json = repository.compile(&["--check", "--format", "json"]).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let found = json["diagnostics"].as_array().unwrap();
    let prints: std::collections::BTreeSet<_> =
        found.iter().map(|it| it["fingerprint"].as_str()).collect();
    assert_eq!((found.len(), prints.len()), (3, 3), "{json:#}");
}

/// One more of a known cause is new, and by no count are those before it.
#[test]
fn each_of_one_cause_is_known_by_itself() {
    let repository = namespaces();
    repository.concise(&["--check", "--write-baseline", ".known.json"]);
    let has_git = repository.git(&["init", "-q"]).is_some();
    if has_git {
        repository.git(&["add", "-A"]);
        repository.git(&["commit", "-q", "-m", "one"]);
    }
    repository.write("policies/d.yaml", &namespace("d"));
    let known: &[&str] = &["--baseline", ".known.json"];
    let since: &[&str] = &["policies", "--new-since", "HEAD"];
    for arguments in [known, since].into_iter().take(1 + usize::from(has_git)) {
        let (code, told) = repository.concise(&[&["--check"], arguments].concat());
        assert_eq!((code, told.lines().count()), (0, 1), "{told}");
        assert!(told.starts_with("policies/d.yaml:"), "{told}");
    }
    std::fs::remove_file(repository.path().join("policies/a.yaml")).unwrap();
    let (_, notes) = errors(&repository.compile(&[&["--check"], known].concat()));
    assert_eq!(notes.matches("no longer found: ").count(), 1, "{notes}");
}

#[test]
fn what_is_gone_from_a_baseline_is_told() {
    let repository = faulty();
    repository.concise(&["--write-baseline", ".known.json"]);
    repository.write("a.yaml", &FAULTY.replace("nobody", "reviews"));
    let (code, error) = errors(&repository.compile(&["--baseline", ".known.json"]));
    assert_eq!(code, 0);
    assert!(error.contains("no longer found: a.yaml: unknown-host: "), "{error}");
    assert!(!error.contains("unknown-field: "), "{error}");
    let asked = ["--baseline", ".known.json", "--only", "unknown-field"];
    let (_, error) = errors(&repository.compile(&asked));
    assert!(!error.contains("no longer found"), "{error}");
}

#[test]
fn a_file_that_is_no_baseline_is_refused() {
    let repository = faulty();
    for (text, reason) in [
        ("[]", "this is no baseline"),
        ("{\"schema\": \"mesh.baseline/v9\", \"findings\": []}", "`mesh.baseline/v1` is read"),
    ] {
        repository.write(".known.json", text);
        let (code, error) = errors(&repository.compile(&["--baseline", ".known.json"]));
        assert_eq!(code, 3);
        assert!(error.contains(reason), "{error}");
    }
    assert_eq!(errors(&repository.compile(&["--baseline", "none.json"])).0, 3);
}

#[test]
fn only_what_is_new_since_a_revision_is_reported() {
    let repository = Repository::of(&[
        ("policies/a.yaml", FAULTY),
        ("policies/mesh.yaml", "lints: {unknown-host: warn}\n"),
    ]);
    let Some(_) = repository.git(&["init", "-q"]) else {
        return; // without Git there are no revisions
    };
    repository.git(&["add", "-A"]);
    repository.git(&["commit", "-q", "-m", "one"]);
    let since = |folder: &str, path: &str| {
        let arguments = [path, "--new-since", "HEAD", "--format", "concise"];
        let output = repository.compile_in(folder, &arguments);
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let absolute = repository.path().join("policies");
    let absolute = absolute.to_str().unwrap();
    let ways = [(".", "policies"), ("policies", "."), (".", "./policies/"), (".", absolute)];
    for (folder, path) in ways {
        assert_eq!(since(folder, path), (0, String::new()), "{folder} {path}");
    }
    assert_eq!(since(".", "policies/a.yaml"), (0, String::new()));
    repository.write("policies/new/b.yaml", &another());
    repository.write("policies/a.yaml", &format!("# moved\n{FAULTY}"));
    for (folder, path) in ways {
        let (code, text) = since(folder, path);
        assert_eq!((code, text.lines().count()), (1, 2), "{folder} {path}: {text}");
        assert!(text.lines().all(|line| line.contains("new/b.yaml:")), "{text}");
    }
    // A folder that was not there is new as a whole.
    assert!(since(".", "policies/new").1.contains("[unknown-field]"));
    for (revision, path, reason) in [
        ("nothing", "policies", "is no revision"),
        ("--all", "policies", "is no revision"),
        ("HEAD", "-", "standard input"),
    ] {
        let arguments = [path.to_owned(), format!("--new-since={revision}")];
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let (code, error) = errors(&repository.compile(&arguments));
        assert_eq!(code, 3, "{error}");
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn comments_allow_until_their_day() {
    let repository = faulty();
    let allowed = |comment: &str| {
        let text = FAULTY
            .replace("  htp: []\n", "")
            .replace("host: nobody", &format!("host: nobody # {comment}"));
        repository.write("a.yaml", &text);
        repository.concise(&["-o", "x.mesh"])
    };
    assert_eq!(allowed("mesh:allow unknown-host reason=\"soon\"").0, 0);
    assert!(repository.path().join("x.mesh").exists());
    assert_eq!(
        allowed("mesh:allow unknown-host until=2999-12-31 reason=\"soon\""),
        (0, String::new())
    );
    let (code, text) = allowed("mesh:allow unknown-host until=2024-12-31 reason=\"soon\"");
    assert_eq!(code, 1);
    assert!(text.contains("[expired-suppression]") && text.contains("[unknown-host]"), "{text}");
}
