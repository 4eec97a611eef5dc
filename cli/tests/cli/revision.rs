//! What was there at a Git revision, where a path is named.

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
