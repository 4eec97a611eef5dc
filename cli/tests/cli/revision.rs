//! What was there at a Git revision, where a path is named.

use mesh_snapshot::container::read_file;

use crate::program::command;
use crate::repository::Repository;

const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ports: [{name: http, port: 80}]}
";

fn route(host: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: web, namespace: shop}}\n\
         spec: {{hosts: [web], http: [{{route: [{{destination: {{host: {host}}}}}]}}]}}\n"
    )
}

/// In the folder `folder` of the repository: the exit code, and both outputs.
fn mesh(repository: &Repository, folder: &str, arguments: &[&str]) -> (i32, String) {
    let mut command = command();
    let output =
        command.current_dir(repository.path().join(folder)).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn what_was_there_is_compiled_and_compared() {
    let repository = Repository::of(&[
        ("policies/shop/web.yaml", SERVICE),
        ("policies/shop/route.yaml", &route("nobody")),
        ("README.md", ""),
    ]);
    if repository.git(&["init", "-q"]).is_none() {
        return; // without Git there are no revisions
    }
    repository.git(&["add", "-A"]);
    repository.git(&["commit", "-q", "-m", "one"]);
    repository.write("policies/shop/route.yaml", &route("web"));
    let check = |folder: &str, source: &str| {
        mesh(&repository, folder, &["compile", "--check", "--format", "concise", source])
    };
    assert_eq!(check("policies", ".").0, 0);
    for (folder, source, place) in [
        ("policies", "git:HEAD", "git:HEAD:shop/route.yaml:"),
        (".", "git:HEAD:policies", "git:HEAD:policies/shop/route.yaml:"),
        ("policies", "git:HEAD:../policies/shop/", "git:HEAD:../policies/shop/route.yaml:"),
    ] {
        let (code, text) = check(folder, source);
        assert_eq!(code, 1, "{text}");
        let found = text.lines().find(|line| line.contains("[unknown-host]"));
        assert!(found.is_some_and(|line| line.starts_with(place)), "{text}");
    }
    repository.git(&["commit", "-qam", "two"]);
    repository.write("policies/shop/route.yaml", "");
    let (code, text) = mesh(&repository, "policies", &["diff", "--exit-code", "git:HEAD", "."]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("shop/route.yaml:"), "{text}");
    let same = mesh(&repository, "policies", &["diff", "--exit-code", "git:HEAD", "git:HEAD"]);
    assert_eq!(same.0, 0, "{}", same.1);
    for (arguments, code, reason) in [
        (["compile", "--check", "git:nothing"], 3, "is no revision"),
        (["compile", "--check", "git:HEAD:elsewhere"], 3, "is not there at"),
        (["compile", "--check", "git:HEAD:../../.."], 3, "does not lie in"),
        (["compile", "--fix", "git:HEAD"], 2, "cannot be mended"),
        (["diff", ".", "git:nothing"], 3, "is no revision"),
    ] {
        let (got, text) = mesh(&repository, "policies", &arguments);
        assert_eq!(got, code, "{text}");
        assert!(text.contains(reason), "{text}");
    }
}

/// A snapshot says whether everything that it is made of is in the commit, also what Git does not look at.
#[test]
fn a_commit_is_named_as_it_is() {
    let repository = Repository::of(&[
        ("policies/web.yaml", SERVICE),
        ("cluster/web.yaml", SERVICE),
        (".gitignore", "local*\nout\n"),
    ]);
    repository.git(&["init", "-q"]).unwrap();
    repository.git(&["add", "-A"]).unwrap();
    repository.git(&["commit", "-q", "-m", "one"]).unwrap();
    let is_dirty = |arguments: &[&str]| {
        let (code, text) =
            mesh(&repository, ".", &[&["compile", "--out", "out"][..], arguments].concat());
        assert_eq!(code, 0, "{text}");
        let bundle = read_file(&repository.path().join("out")).unwrap();
        assert_eq!(bundle.provenance.commit.len(), 40);
        bundle.provenance.dirty
    };
    let other = SERVICE.replace("name: web", "name: other");
    let with_context = ["policies", "--context", "cluster"];
    assert!(!is_dirty(&["policies"]) && !is_dirty(&with_context));
    repository.write("policies/README.md", "nobody reads this");
    repository.write("policies/.hidden/a.yaml", &other);
    assert!(!is_dirty(&["policies"]));
    repository.write("cluster/web.yaml", &other);
    assert!(!is_dirty(&["policies"]) && is_dirty(&with_context));
    repository.write("more.yaml", &other);
    assert!(is_dirty(&["policies", "more.yaml"]));
    repository.write("policies/local/a.yaml", &other);
    assert!(is_dirty(&["policies"]) && !is_dirty(&["policies/web.yaml"]));
}

/// What leads out of a revision is not read, and not passed over either: a folder may hold policy, whatever its name.
#[test]
fn a_link_out_of_a_revision_cannot_be_read() {
    let outside = tempfile::tempdir().unwrap();
    let policy = outside.path().join("other.yaml");
    std::fs::write(&policy, SERVICE.replace("name: web", "name: other")).unwrap();
    for (name, target) in [("out.yaml", policy.as_path()), ("out", outside.path())] {
        let repository = Repository::of(&[("web.yaml", SERVICE)]);
        std::os::unix::fs::symlink(target, repository.path().join(name)).unwrap();
        for arguments in [&["init", "-q"][..], &["add", "-A"], &["commit", "-q", "-m", "one"]] {
            repository.git(arguments).unwrap();
        }
        let (code, text) = mesh(&repository, ".", &["compile", "--check", "git:HEAD"]);
        assert_ne!(code, 0, "{text}");
        assert!(text.contains(&format!("git:HEAD:{name}")), "{text}");
    }
}

/// A link to what lies elsewhere in the repository is followed, as in a folder.
#[test]
fn a_link_within_a_revision_is_followed() {
    let repository = Repository::of(&[
        ("policies/route.yaml", &route("web")),
        ("common/services/web.yaml", SERVICE),
        ("common/no/policy.yaml", "]"),
    ]);
    for (name, target) in [("shared", "common"), ("policies/services", "../shared/services")] {
        std::os::unix::fs::symlink(target, repository.path().join(name)).unwrap();
    }
    for arguments in [&["init", "-q"][..], &["add", "-A"], &["commit", "-q", "-m", "one"]] {
        repository.git(arguments).unwrap();
    }
    for source in ["policies", "git:HEAD:policies"] {
        let (code, text) = mesh(&repository, ".", &["compile", "--check", source]);
        assert_eq!(code, 0, "{source}: {text}");
    }
}

/// Of what lies beside a policy Git is not even asked: here it could not tell.
#[test]
fn what_is_not_read_is_not_asked_for() {
    let repository = Repository::of(&[
        ("web.yaml", SERVICE),
        ("video.bin", "many bytes"),
        (".cache/old.yaml", "more of them"),
    ]);
    for arguments in [&["init", "-q"][..], &["add", "-A"], &["commit", "-q", "-m", "one"]] {
        repository.git(arguments).unwrap();
    }
    for name in ["video.bin", ".cache/old.yaml"] {
        let object = repository.git(&["rev-parse", &format!("HEAD:{name}")]).unwrap();
        let (folder, file) = object.trim().split_at(2);
        std::fs::remove_file(repository.path().join(".git/objects").join(folder).join(file))
            .unwrap();
    }
    let check = |source: &str| mesh(&repository, ".", &["compile", "--check", source]);
    let (code, text) = check("git:HEAD");
    assert_eq!(code, 0, "{text}");
    let (code, text) = check("git:HEAD:video.bin");
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("it does not tell"), "{text}");
}

/// A comment names the file that is meant, from the root of the repository, whatever lies in the working directory now.
#[test]
fn what_was_removed_is_told_by_the_name_that_it_had() {
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
    let policy = |name: &str| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{rules: [{{}}]}}\n"
        )
    };
    let repository = Repository::of(&[
        ("policies/shop.yaml", namespace),
        ("policies/gone.yaml", &policy("gone")),
        ("policies/deep/gone.yaml", &policy("deep")),
    ]);
    if repository.git(&["init", "-q"]).is_none() {
        return; // without Git there are no revisions
    }
    repository.git(&["add", "-A"]);
    repository.git(&["commit", "-q", "-m", "one"]);
    for file in ["policies/gone.yaml", "policies/deep/gone.yaml"] {
        std::fs::remove_file(repository.path().join(file)).unwrap();
    }
    repository.write("policies/new.yaml", &policy("new"));
    let told = |folder: &str, before: &str, after: &str| {
        let arguments = ["diff", before, after, "--format", "markdown"];
        mesh(&repository, folder, &arguments).1
    };
    let expect = |shown: &str| {
        for place in ["policies/gone.yaml:3", "policies/deep/gone.yaml:3", "policies/new.yaml:3"] {
            assert!(shown.contains(&format!("(`{place}`)")), "{place}: {shown}");
        }
    };
    // With others of those names elsewhere, and without them.
    for other in ["", "gone.yaml", "deep/gone.yaml", "new.yaml", "policies/policies/gone.yaml"] {
        if !other.is_empty() {
            repository.write(other, "");
        }
        expect(&told(".", "git:HEAD:policies", "policies"));
        expect(&told("policies", "git:HEAD", "."));
    }
    let of_file = told(".", "git:HEAD:policies/gone.yaml", "policies/new.yaml");
    assert!(of_file.contains("(`policies/gone.yaml:3`)"), "{of_file}");
    assert!(of_file.contains("(`policies/new.yaml:3`)"), "{of_file}");
}

/// What `--context` names is not a part of the policy's folder.
#[test]
fn a_file_of_the_context_is_told_by_its_own_name() {
    let service = SERVICE.replace("spec: {", "spec: {selector: {app: web}, ");
    let machine = "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: a, namespace: shop}\nspec: {address: 10.0.0.1, labels: {app: web}}\n";
    let repository = Repository::of(&[
        ("old/route.yaml", &route("web")),
        ("new/route.yaml", &route("web")),
        ("new/machine.yaml", machine),
        ("cluster/web.yaml", &service),
    ]);
    if repository.git(&["init", "-q"]).is_none() {
        return; // without Git there is no root to count from
    }
    for folder in ["cluster", "cluster/web.yaml"] {
        let arguments = ["diff", "old", "new", "--context", folder, "--format", "markdown"];
        let (_, shown) = mesh(&repository, ".", &arguments);
        assert!(shown.contains("(`cluster/web.yaml:3`)"), "{shown}");
    }
}
