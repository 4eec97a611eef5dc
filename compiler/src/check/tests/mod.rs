//! What the pages' examples do not show: places in several files, and what is right and must not be reported.
//!
//! A case lies by the kind of resource that it is about, whatever rule speaks of it: that a policy names a port which there is not is
//! among the policies. What one rule alone decides is tried beside that rule.

mod names;
mod policies;
mod proxies;
mod routes;
mod workloads;

use std::path::{Path, PathBuf};

use crate::diagnostic::{Finding, Severity};
use crate::testing::{Folder, findings};

const REVIEWS: &str = "apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {selector: {app: reviews}, ports: [{name: http, port: 80, targetPort: 9080}]}
";

fn run(files: &[(&str, &str)]) -> Vec<Finding> {
    let folder = Folder::new();
    for (name, text) in files {
        folder.write(name, text);
    }
    findings(folder.path())
}

/// The names of the checks that found something.
fn names(texts: &[&str]) -> Vec<&'static str> {
    let text = texts.join("---\n");
    run(&[("a.yaml", &text)]).iter().map(|finding| finding.check.name).collect()
}

/// What a check says.
fn said(texts: &[&str], check: &str) -> Vec<String> {
    let text = texts.join("---\n");
    let found = run(&[("a.yaml", &text)]).into_iter().filter(|finding| finding.check.name == check);
    found.map(|finding| finding.message).collect()
}

/// What found something, and the file of each of its places.
fn places(files: &[(&str, &str)]) -> Vec<(&'static str, Vec<u32>)> {
    let places = |it: &Finding| {
        std::iter::once(&it.primary).chain(&it.others).map(|site| site.file.0).collect()
    };
    run(files).iter().map(|it| (it.check.name, places(it))).collect()
}

fn route(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n"
    )
}

fn rule(spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: reviews, namespace: shop}}\nspec: {spec}\n"
    )
}

fn policy(namespace: &str, spec: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: {namespace}}}\nspec: {spec}\n"
    )
}

fn peer(namespace: &str, spec: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: p, namespace: {namespace}}}\nspec: {spec}\n"
    )
}

fn deployment(labels: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: reviews, namespace: shop}}\nspec:\n  selector: {{matchLabels: {labels}}}\n  template: {{metadata: {{labels: {labels}}}, spec: {{containers: [{{name: a, image: a}}]}}}}\n"
    )
}

#[test]
fn a_file_of_another_program_may_be_called_like_a_project() {
    let said = |text: &str| run(&[("a.yaml", REVIEWS), ("ci/mesh.yaml", text)]);
    let found = said("mesh:check: {stage: test, script: [mesh compile .]}\n");
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((found.check.name, found.severity), ("not-a-resource", Severity::Info));
    assert_eq!(said("trustDomain: shop.test\n")[0].check.name, "misplaced-project");
}

/// What is looked at on another thread is not noted ([`crate::parts`]), so what was found would be kept when it changes. Three
/// files let rules, and what these look at, run side by side, and note what each did.
#[test]
fn rules_stay_on_their_thread() {
    fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, out);
            } else if path.extension().is_some_and(|it| it == "rs") {
                out.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["src/api", "src/check", "src/resolve", "../engine/src"];
    let mut all = Vec::new();
    for folder in folders {
        sources(&root.join(folder), &mut all);
    }
    let words = ["ray".to_owned() + "on::", "thread::sc".to_owned() + "ope"];
    all.retain(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        words.iter().any(|word| text.contains(word))
    });
    all.sort();
    let known = ["src/api/kept.rs", "src/check/kept/mod.rs", "src/resolve/mod.rs"];
    assert_eq!(all, known.map(|file| root.join(file)));
}
