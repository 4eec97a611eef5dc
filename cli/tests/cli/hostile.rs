//! Input that nobody should write: an error that names the file, in bounded memory, and the other files' findings beside it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use crate::repository::Repository;

/// A finding that must not be lost.
const KNOWN: &str = "apiVersion: v1
kind: Service
metadata: {name: known, namespace: shop, labels: {version: 1}}
spec: {ports: [{name: http, port: 80}]}
";
const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata:\n  name: b\n  namespace: shop\n";
/// More than any of these repositories needs, in KiB of address space.
const MEMORY_MAX: u32 = 3 << 20;

fn repository() -> Repository {
    Repository::of(&[("known.yaml", KNOWN)])
}

/// Exit code and findings, with a limit on memory.
fn compile(repository: &Repository) -> (i32, String) {
    let mut shell = Command::new("sh");
    let line = format!("ulimit -v {MEMORY_MAX}; exec \"$0\" compile --check --format concise .");
    shell.args(["-c", &line, env!("CARGO_BIN_EXE_mesh")]).current_dir(repository.path());
    let output = shell.env("NO_COLOR", "1").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!errors.contains("panicked"), "{errors}");
    let code = output.status.code().unwrap_or_else(|| panic!("{:?}: {errors}", output.status));
    (code, String::from_utf8(output.stdout).unwrap())
}

/// So many texts in a row.
fn repeated(count: usize, each: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |text, at| text + &each(at))
}

/// Judges one more file, of which `expected` is said.
fn expect(repository: &Repository, code: i32, expected: &str) {
    let (ended, said) = compile(repository);
    let short: String = said.chars().take(2000).collect();
    assert_eq!(ended, code, "{short}");
    assert!(said.contains("known.yaml:3:"), "the other file's finding: {short}");
    assert!(said.lines().any(|line| line.starts_with(expected)), "{expected}: {short}");
    assert!(said.len() < 1 << 20, "{} bytes are told", said.len());
}

#[test]
fn structure_without_end() {
    let doubling = |depth: usize| {
        let each = |at: usize| format!("a{}: &a{0} [*a{at}, *a{at}]\n", at + 1);
        format!("a0: &a0 [x, x]\n{}", repeated(depth, each))
    };
    for (text, expected) in [
        (doubling(64), "bad.yaml:1"),
        (format!("a: {}{}\n", "[".repeat(200_000), "]".repeat(200_000)), "bad.yaml:1:"),
        (format!("a: {}", "{a: ".repeat(200_000)), "bad.yaml:1:"),
        (repeated(3000, |at| format!("{}a:\n", " ".repeat(at))), "bad.yaml:"),
        (format!("{}a\n", "- ".repeat(100_000)), "bad.yaml:1:"),
    ] {
        let repository = repository();
        repository.write("bad.yaml", &text);
        expect(&repository, 3, expected);
    }
}

#[test]
fn very_much_of_the_same() {
    let head = format!("{SERVICE}spec: {{ports: [{{name: http, port: 80}}]}}\n");
    let many = |each: fn(usize) -> String| format!("{head}{}", repeated(2_000, each));
    let labels = repeated(2_000, |at| format!("    k{at}: v\n"));
    for text in [
        // A text of 4 MB; one key again and again; many keys, documents, labels, and comments that speak.
        format!("{head}a: \"{}\"\n", "x".repeat(4 << 20)),
        many(|_| "a: 1\n".to_owned()),
        many(|at| format!("k{at}: 1\n")),
        many(|_| "---\n".to_owned()),
        many(|_| "# mesh:allow\n".to_owned()),
        format!("{SERVICE}  labels:\n{labels}"),
    ] {
        let repository = repository();
        repository.write("bad.yaml", &text);
        expect(&repository, 1, "known.yaml:3:");
    }
}

#[test]
fn bytes_that_are_no_text() {
    for (bytes, code, expected) in [
        (&b"a: \xff\n"[..], 3, "bad.yaml:1:4: error[not-utf8]"),
        (b"\xff\xfea\0:\0", 3, "bad.yaml:1:1: error[not-utf8]"),
        (b"a: \0\n", 3, "bad.yaml:1:4: error[yaml-syntax]"),
        (b"a:\n\tb: 1\n", 3, "bad.yaml:2:1: error[yaml-syntax]"),
        (
            b"\xef\xbb\xbfapiVersion: v1\r\nkind: Service\r\nmetadata:\r\n  nam: b\r\n",
            1,
            "bad.yaml:4:3: error",
        ),
    ] {
        let repository = repository();
        fs::write(repository.path().join("bad.yaml"), bytes).unwrap();
        expect(&repository, code, expected);
    }
}

#[test]
fn files_that_are_too_large() {
    let repository = repository();
    let file = fs::File::create(repository.path().join("bad.yaml")).unwrap();
    file.set_len(100 << 20).unwrap();
    expect(&repository, 3, "bad.yaml: error[file-too-large]");
}

#[test]
fn what_is_no_file() {
    let repository = repository();
    let made = Command::new("mkfifo").arg(repository.path().join("bad.yaml")).status();
    if made.is_ok_and(|status| status.success()) {
        expect(&repository, 3, "bad.yaml: error[unreadable-file]: cannot be read: it is a pipe");
        fs::remove_file(repository.path().join("bad.yaml")).unwrap();
    }
    symlink("/dev/zero", repository.path().join("bad.yaml")).unwrap();
    expect(&repository, 3, "bad.yaml: error[unreadable-file]: cannot be read: it is a pipe");
    fs::remove_file(repository.path().join("bad.yaml")).unwrap();
    symlink("nowhere", repository.path().join("bad.yaml")).unwrap();
    expect(&repository, 3, "bad.yaml: error[unreadable-file]");
    fs::remove_file(repository.path().join("bad.yaml")).unwrap();
    fs::create_dir(repository.path().join("loop")).unwrap();
    symlink("..", repository.path().join("loop/up")).unwrap();
    expect(&repository, 1, "loop/up: warning[symlink-loop]");
}

#[test]
fn files_that_nobody_may_read() {
    let repository = repository();
    repository.write("bad.yaml", "a: 1\n");
    let path = repository.path().join("bad.yaml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    if fs::File::open(&path).is_ok() {
        return; // whoever is root reads it all the same
    }
    expect(&repository, 3, "bad.yaml: error[unreadable-file]: cannot be read: permission denied");
}

/// Of what is named, a device may be read: as much of it as a file may hold.
#[test]
fn a_device_that_never_ends() {
    let repository = repository();
    let output = repository.compile(&["--check", "--format", "concise", "known.yaml", "/dev/zero"]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("/dev/zero: error[file-too-large]"), "{said}");
    assert!(said.contains("known.yaml:3:"), "{said}");
}

/// A name is what whoever made the file chose, and a terminal acts on what is in it.
#[test]
fn names_that_a_terminal_would_act_on() {
    let repository = repository();
    let name = "\u{1b}]0;owned\u{7}.yaml";
    let text = KNOWN.replace("name: known", "name: other");
    repository.write(name, &text);
    repository.write("\u{1b}[2J.yaml", &format!("# DO NOT EDIT\n{text}").replace("other", "third"));
    repository.write("\u{1b}[1m.yaml", "a: [\n");
    fs::write(repository.path().join("\u{1b}[0m.yaml"), b"a: \xff\n").unwrap();
    for line in [
        &["compile", "--check", "."][..],
        &["compile", "--check", "--fix", "."],
        &["fmt", "--check", "."],
        &["fmt", "--check", "\u{1b}[2J.yaml", name],
        &["fmt", "."],
    ] {
        let mut mesh = Command::new(env!("CARGO_BIN_EXE_mesh"));
        let output = mesh.args(line).current_dir(repository.path()).output().unwrap();
        let said = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
        assert!(!said.iter().any(|it| it.contains('\u{1b}')), "{line:?}: {said:?}");
        assert!(said.iter().any(|it| it.contains(".yaml")), "{line:?}: {said:?}");
    }
}
