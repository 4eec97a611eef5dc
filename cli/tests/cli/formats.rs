//! The formats of `mesh compile`, on a repository that is hard to write down.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::repository::Repository;
use crate::xml::Element;

const FORMATS: [&str; 11] = [
    "human",
    "concise",
    "json",
    "jsonl",
    "sarif",
    "github",
    "gitlab",
    "junit",
    "checkstyle",
    "markdown",
    "rdjson",
];

/// The second key begins at the 17th character, the 18th unit of UTF-16 and the 21st byte of its line.
const HARD: &str = "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec: {\"ä😀\": 1, \"h<&>]]>'\\\"\\u0001\\r\\n::%, `\": 2, hosts: [a.example.com], http: [{route: [{destination: {host: a.example.com}}]}]}
";
/// It has a fix that is safe.
const MENDABLE: &str = "apiVersion: v1
kind: Service
metadata: {name: rev, namespace: shop, labels: {\"ö\": b, version: 1}}
spec: {ports: [{name: http, port: 80}]}
";
const BROKEN_PATH: &str = "a, b%:c/<x>&\"ü.yaml";

fn hard() -> Repository {
    let warning = "apiVersion: v1\nkind: Namespace\nmetadata: {name: fine}\n";
    let broken = "a: [\n";
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop}\ndata: {a: 5, b: c2VjcmV0}\n";
    Repository::of(&[
        (BROKEN_PATH, HARD),
        ("b.yaml", MENDABLE),
        ("c.yaml", warning),
        ("d.yaml", broken),
        ("s.yaml", secret),
    ])
}

fn text(repository: &Repository, format: &str) -> String {
    String::from_utf8(repository.compile(&["--format", format]).stdout).unwrap()
}

fn json(repository: &Repository, format: &str) -> Value {
    serde_json::from_str(&text(repository, format)).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

#[test]
fn all_formats_end_alike_and_say_the_same_twice() {
    let fine = MENDABLE.replace("version: 1", "version: a");
    for (repository, fail_on, code) in [
        (hard(), "error", 3),
        (Repository::of(&[("a.yaml", MENDABLE)]), "error", 1),
        (Repository::of(&[("a.yaml", &fine)]), "info", 0),
    ] {
        for format in FORMATS {
            let arguments = ["--check", "--fail-on", fail_on, "--format", format];
            let first = repository.compile(&arguments);
            assert_eq!(first.status.code(), Some(code), "{format}");
            assert_eq!(first.stdout, repository.compile(&arguments).stdout, "{format}");
        }
    }
}

#[test]
fn every_format_has_every_finding() {
    let repository = hard();
    let findings = list(&json(&repository, "json")["diagnostics"]).len();
    assert!(findings >= 5, "{findings}");
    let count = |text: String, mark: &str| text.matches(mark).count();
    assert_eq!(text(&repository, "concise").lines().count(), findings);
    assert_eq!(text(&repository, "github").lines().count(), findings);
    assert_eq!(count(text(&repository, "markdown"), "\n- "), findings);
    assert_eq!(list(&json(&repository, "gitlab")).len(), findings);
    assert_eq!(list(&json(&repository, "rdjson")["diagnostics"]).len(), findings);
    assert_eq!(list(&json(&repository, "sarif")["runs"][0]["results"]).len(), findings);
    assert_eq!(Element::parse(&text(&repository, "checkstyle")).all("error").len(), findings);
    assert_eq!(text(&repository, "jsonl").lines().count(), findings + 1);
}

#[test]
fn no_format_tells_a_secret() {
    for format in FORMATS {
        let text = text(&hard(), format);
        assert!(!text.contains("c2VjcmV0"), "{format}: {text}");
    }
}

/// SARIF 2.1.0: what a reader must find, and that references within the file lead somewhere.
#[test]
fn sarif_refers_to_its_own_rules() {
    let repository = hard();
    let log = json(&repository, "sarif");
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let rules = list(&run["tool"]["driver"]["rules"]);
    for rule in rules {
        assert!(rule["help"]["text"].as_str().unwrap().contains("```yaml"));
        assert!(!rule["fullDescription"]["text"].as_str().unwrap().is_empty());
    }
    let mut prints = BTreeSet::new();
    for result in list(&run["results"]) {
        let index = usize::try_from(number(&result["ruleIndex"])).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        assert!(prints.insert(result["partialFingerprints"]["mesh/v1"].to_string()));
        for location in list(&result["locations"]).iter().chain(list(&result["relatedLocations"])) {
            let place = &location["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().unwrap();
            assert!(
                uri.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"%:".contains(&b) || b == b'%')
            );
            assert!(number(&place["region"]["startLine"]) >= 1);
        }
    }
    let key = list(&run["results"])
        .iter()
        .find(|result| result["message"]["text"].as_str().unwrap().contains("h<&>"))
        .unwrap();
    let place = &key["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a,%20b%25%3Ac/%3Cx%3E&%22%C3%BC.yaml");
    assert_eq!(place["region"]["startColumn"], 17);
    assert_eq!(place["region"]["startLine"], 4);
}

/// All properties are those of the published schema, have its types, and none that it requires is missing.
#[test]
fn sarif_keeps_to_its_schema() {
    for repository in [hard(), Repository::of(&[("b.yaml", MENDABLE)])] {
        let log = json(&repository, "sarif");
        let read: serde_sarif::sarif::Sarif = serde_json::from_value(log.clone()).unwrap();
        // What the schema does not know is not written back.
        assert_eq!(serde_json::to_value(&read).unwrap(), log);
    }
}

#[test]
fn sarif_and_rdjson_carry_fixes_that_fit() {
    let repository = Repository::of(&[("b.yaml", MENDABLE)]);
    let line = MENDABLE.lines().nth(2).unwrap();
    let result = &json(&repository, "sarif")["runs"][0]["results"][0];
    let change = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
    let (start, end) =
        (&change["deletedRegion"]["startColumn"], &change["deletedRegion"]["endColumn"]);
    let characters: Vec<char> = line.chars().collect();
    let at = |value: &Value| usize::try_from(number(value)).unwrap() - 1;
    assert_eq!(characters[at(start)..at(end)], ['1']);
    assert_eq!(change["insertedContent"]["text"], "\"1\"");

    let suggestion = &json(&repository, "rdjson")["diagnostics"][0]["suggestions"][0];
    let range = &suggestion["range"];
    let (start, end) = (&range["start"]["column"], &range["end"]["column"]);
    assert_eq!(&line[at(start)..at(end)], "1");
    assert_eq!(suggestion["text"], "\"1\"");
}

#[test]
fn rdjson_counts_bytes() {
    let result = json(&hard(), "rdjson");
    for diagnostic in list(&result["diagnostics"]) {
        assert!(["ERROR", "WARNING", "INFO"].contains(&diagnostic["severity"].as_str().unwrap()));
        assert!(diagnostic["code"]["value"].is_string() && diagnostic["message"].is_string());
    }
    let found = list(&result["diagnostics"])
        .iter()
        .find(|found| found["message"].as_str().unwrap().contains("h<&>"))
        .unwrap();
    assert_eq!(found["location"]["path"], BROKEN_PATH);
    assert_eq!(found["location"]["range"]["start"]["column"], 21);
}

/// `::level key=value,key=value::text`, where nothing in a value or the text ends it early.
#[test]
fn github_commands_are_one_line_each() {
    for line in text(&hard(), "github").lines() {
        let (level, rest) = line.strip_prefix("::").unwrap().split_once(' ').unwrap();
        assert!(["error", "warning", "notice"].contains(&level));
        let (properties, text) = rest.split_once("::").unwrap();
        let keys: Vec<_> =
            properties.split(',').map(|property| property.split_once('=').unwrap().0).collect();
        assert_eq!((keys.first(), keys.last()), (Some(&"file"), Some(&"title")));
        let known = ["file", "line", "endLine", "col", "endColumn", "title"];
        assert!(keys.iter().all(|key| known.contains(key)), "{line}");
        assert!(!text.is_empty() && !text.contains('\r'));
    }
    let text = text(&hard(), "github");
    assert!(text.contains("file=a%2C b%25%3Ac/<x>&\"ü.yaml,line=4,endLine=4,col=17,"), "{text}");
}

#[test]
fn gitlab_knows_every_issue_by_its_fingerprint() {
    let issues = json(&hard(), "gitlab");
    let mut prints = BTreeSet::new();
    for issue in list(&issues) {
        assert!(prints.insert(issue["fingerprint"].as_str().unwrap()), "{issue}");
        let severities = ["info", "minor", "major", "critical", "blocker"];
        assert!(severities.contains(&issue["severity"].as_str().unwrap()));
        assert!(number(&issue["location"]["lines"]["begin"]) >= 1);
        assert!(!issue["location"]["path"].as_str().unwrap().starts_with('.'));
        assert!(issue["description"].is_string() && issue["check_name"].is_string());
    }
    assert!(list(&issues).iter().any(|issue| issue["severity"] == "blocker"));
    // Lines that move do not make new issues.
    let moved = Repository::of(&[("b.yaml", &format!("# a line\n{MENDABLE}"))]);
    let print = |issues: Value| issues[0]["fingerprint"].clone();
    let before = print(json(&Repository::of(&[("b.yaml", MENDABLE)]), "gitlab"));
    assert_eq!(before, print(json(&moved, "gitlab")));
}

#[test]
fn junit_counts_what_it_lists() {
    let repository = hard();
    let root = Element::parse(&text(&repository, "junit"));
    assert_eq!(root.name, "testsuites");
    let count = |element: &Element, name| element.attribute(name).parse::<usize>().unwrap();
    for element in [root.all("testsuites"), root.all("testsuite")].concat() {
        assert_eq!(count(element, "tests"), element.all("testcase").len());
        assert_eq!(count(element, "failures"), element.all("failure").len());
    }
    let suites: Vec<_> = root.all("testsuite").iter().map(|it| it.attribute("name")).collect();
    assert_eq!(suites, [BROKEN_PATH, "b.yaml", "c.yaml", "d.yaml", "s.yaml"]);
    let failure = root.all("failure").into_iter().find(|it| it.text.contains("h<&>]]>'")).unwrap();
    assert!(failure.text.contains("%, `"), "{}", failure.text);
}

#[test]
fn checkstyle_groups_by_file() {
    let root = Element::parse(&text(&hard(), "checkstyle"));
    assert_eq!(root.name, "checkstyle");
    let files = root.all("file");
    let mut names: Vec<_> = files.iter().map(|file| file.attribute("name")).collect();
    names.dedup();
    assert_eq!(names.len(), files.len());
    let error =
        root.all("error").into_iter().find(|it| it.attribute("message").contains("h<&>")).unwrap();
    assert_eq!((error.attribute("line"), error.attribute("column")), ("4", "17"));
    assert!(error.attribute("source").starts_with("mesh."));
}

#[test]
fn markdown_begins_with_the_verdict() {
    let text = text(&hard(), "markdown");
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("### ✖ mesh: ") && first.contains("error"), "{first}");
    assert!(text.ends_with("<!-- mesh compile -->\n"));
    assert!(text.len() < 65_536);
}

#[test]
fn json_lines_end_with_the_summary() {
    let text = text(&hard(), "jsonl");
    let objects: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, found) = objects.split_last().unwrap();
    assert_eq!((&last["type"], &last["schema"]), (&"summary".into(), &"mesh.diagnostic/v1".into()));
    assert!(found.iter().all(|object| object["type"] == "diagnostic"));
    assert!(number(&last["summary"]["errors"]) > 0);
}

/// In a Git repository services count from its root, editors from the working directory.
#[test]
fn services_count_paths_from_the_root_of_the_repository() {
    let repository = Repository::of(&[("policies/b.yaml", MENDABLE)]);
    let Some(_) = repository.git(&["init", "-q"]) else {
        return; // without Git there is no repository to count from
    };
    let below = |format: &str| {
        let output = repository.compile_in("policies", &["--format", format]);
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    assert_eq!(below("gitlab")[0]["location"]["path"], "policies/b.yaml");
    assert_eq!(below("rdjson")["diagnostics"][0]["location"]["path"], "b.yaml");
}

/// The texts of findings and the lines of files are longer than this by far.
#[test]
fn nothing_is_wider_than_it_may_be() {
    let long = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{annotations: {{b: {}}}, labels: {{a: 1}}, name: a, namespace: shop}}\nspec: {{ports: [{{name: http, port: 80}}]}}\n",
        "b".repeat(5000)
    );
    let repository = Repository::of(&[("b.yaml", MENDABLE), ("long.yaml", &long)]);
    for width in ["40", "60", "100"] {
        let mut command = crate::program::command();
        command.current_dir(repository.path()).env("COLUMNS", width);
        let output = command.args(["compile", "--check", "."]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width.parse().unwrap() && widest > 30, "{width}: {text}");
    }
}
