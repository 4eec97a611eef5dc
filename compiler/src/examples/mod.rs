//! Every check's page is true: its failing example gives the finding, its fixed example gives none.
//!
//! An example is a fenced block marked `fails` or `fixed`. It is one file, unless lines in it begin others:
//!
//! ```text
//! # file: shop/reviews.yaml                 what follows is that file
//! # link: shop/loop -> .                    a symbolic link
//! # bytes: shop/a.yaml = 61 3a 20 ff        a file of these bytes, in hexadecimal
//! # sparse: shop/big.yaml = 70000000        a file of so many zeros
//! # environment: prod                      what is compiled of it
//! ```
//! `x…9` stands for nine letters.

mod awaited;

use crate::diagnostic::{Applicability, Finding, Severity, TextFix};
use crate::source::Input;
use crate::testing::{Folder, compiled_for};
use crate::{Compilation, Memory, Options, compile, compile_again};

/// The examples of a page: whether they fail, and their text.
fn examples(page: &str) -> Vec<(bool, String)> {
    let mut examples = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let fails = match line.strip_prefix("```").and_then(|fence| fence.split_once(' ')) {
            Some((_, "fails")) => true,
            Some((_, "fixed")) => false,
            _ => continue,
        };
        let body: Vec<_> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
        examples.push((fails, body.join("\n") + "\n"));
    }
    examples
}

fn run(example: &str) -> Vec<Finding> {
    compiled(example, &written(example)).findings
}

fn compiled(example: &str, folder: &Folder) -> Compilation {
    let environment = example.lines().find_map(|line| line.strip_prefix("# environment: "));
    compiled_for(folder.path(), environment)
}

/// The example as the files that it says it is.
fn written(example: &str) -> Folder {
    let folder = Folder::new();
    let mut file = ("policy.yaml".to_owned(), String::new());
    let mut is_named = false;
    for line in example.lines() {
        let directive = line.strip_prefix("# ").and_then(|line| line.split_once(": "));
        match directive {
            Some(("file", name)) => {
                if is_named || !file.1.is_empty() {
                    folder.write(&file.0, &file.1);
                }
                (file, is_named) = ((name.to_owned(), String::new()), true);
            }
            Some(("environment", _)) => {}
            Some(("link", link)) => {
                let (name, target) = link.split_once(" -> ").unwrap();
                folder.link(name, target);
            }
            Some(("bytes", bytes)) => {
                let (name, bytes) = bytes.split_once(" = ").unwrap();
                let bytes: Vec<_> =
                    bytes.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
                folder.write(name, bytes);
            }
            Some(("sparse", sparse)) => {
                let (name, length) = sparse.split_once(" = ").unwrap();
                folder.write(name, "");
                let file = std::fs::OpenOptions::new().write(true).open(folder.path().join(name));
                file.unwrap().set_len(length.parse().unwrap()).unwrap();
            }
            _ => file.1.extend([repeated(line).as_str(), "\n"]),
        }
    }
    if is_named || !file.1.trim().is_empty() {
        folder.write(&file.0, &file.1);
    }
    folder
}

/// `x…9` is nine times `x`.
fn repeated(line: &str) -> String {
    let Some((before, after)) = line.split_once("x…") else { return line.to_owned() };
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    format!("{before}{}{}", "x".repeat(after[..digits].parse().unwrap()), &after[digits..])
}

#[test]
fn failing_examples_fail_and_fixed_ones_do_not() {
    for check in crate::checks() {
        let examples = examples(check.docs);
        let fails = |wanted| examples.iter().any(|(fails, _)| *fails == wanted);
        assert!(fails(true) && fails(false), "{} lacks an example", check.name);
        for (fails, example) in &examples {
            let findings = run(example);
            let found = findings.iter().any(|finding| finding.check == check);
            assert_eq!(found, *fails, "{}: {example}\n{findings:#?}", check.name);
            let own = findings.iter().find(|it| it.check == check && it.consequence.is_none());
            assert!(own.is_none(), "{}: nothing follows from {own:#?}", check.name);
            // Only help has lines of its own.
            for Finding { message, consequence, .. } in &findings {
                let mut texts = std::iter::once(message).chain(consequence);
                assert!(!texts.any(|it| it.contains(char::is_control)), "{message:?}: {example}");
            }
            let error = findings.iter().find(|finding| finding.severity == Severity::Error);
            assert!(*fails || error.is_none(), "{}: {example}\n{error:#?}", check.name);
        }
    }
}

/// An example is edited a line at a time, one line in each of its documents. Rules that look at nothing which has changed do not
/// look again, so each has to find what it finds afresh, whichever document it is that changes.
#[test]
fn whatever_is_edited_in_an_example_is_found_as_it_is_afresh() {
    for check in crate::checks() {
        let plain = examples(check.docs).into_iter().filter(|(_, it)| !has_directives(it));
        let (folder, mut memory) = (Folder::new(), Memory::default());
        let inputs = [Input::Path(folder.path().into())];
        let options = Options::on("2026-01-01".parse().unwrap());
        for (_, example) in plain {
            let whole: String =
                example.lines().flat_map(|it| [repeated(it), "\n".into()]).collect();
            let commented = format!("# a line more\n{whole}");
            let edits = edits(&whole).into_iter().flat_map(|edit| [edit, whole.clone()]);
            for text in [whole.clone(), commented, whole.clone()].into_iter().chain(edits) {
                folder.write("policy.yaml", &text);
                let again = compile_again(&inputs, &options, &mut memory, None);
                let afresh = compile(&inputs, &options);
                assert_eq!(again.findings, afresh.findings, "{}: {text}", check.name);
                let digest = |it: &Compilation| it.bundle.as_ref().map(|it| it.snapshot.digest());
                assert_eq!(digest(&again), digest(&afresh), "{}: {text}", check.name);
            }
        }
    }
}

/// The examples of a page that are one file.
pub(crate) fn plain(page: &str) -> Vec<String> {
    let plain = examples(page).into_iter().filter(|(_, it)| !has_directives(it));
    plain.map(|(_, it)| it).collect()
}

fn has_directives(example: &str) -> bool {
    let names = ["file", "link", "bytes", "sparse", "environment"];
    example.lines().any(|line| names.iter().any(|it| line.starts_with(&format!("# {it}: "))))
}

/// The same text with one line changed: for each of its documents the last that says something of a field.
fn edits(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().collect();
    let ends = lines.iter().enumerate().filter(|(_, line)| line.starts_with("---"));
    let ends: Vec<_> = ends.map(|(at, _)| at).chain([lines.len()]).collect();
    let edit = |end: usize| {
        let says = |line: &&str| line.starts_with(' ') || line.starts_with("spec: {");
        let at = lines[..end].iter().rposition(says)?;
        let last = lines[at].rfind(|it: char| it.is_ascii_alphanumeric())?;
        let mut edited: Vec<_> = lines.iter().map(|it| (*it).to_owned()).collect();
        edited[at].replace_range(last..=last, "7");
        Some(edited.join("\n") + "\n")
    };
    ends.into_iter().filter_map(edit).collect()
}

/// Applied by itself, a fix leaves one finding less of its kind. Nobody is asked before a safe one; what an unsafe one
/// guesses mends the fault, too.
#[test]
fn fixes_mend_what_they_are_offered_for() {
    let mut safe = 0;
    for check in crate::checks() {
        let pages = examples(check.docs).into_iter().filter(|(fails, _)| *fails);
        for (_, example) in pages {
            let before = compiled(&example, &written(&example));
            for found in &before.findings {
                let is_whole = |fix: &&TextFix| fix.applicability != Applicability::Display;
                for fix in found.fixes.iter().filter(is_whole) {
                    safe += usize::from(fix.applicability == Applicability::Safe);
                    check_fix(&example, &before, found, fix);
                }
            }
        }
    }
    assert!(safe > 5, "{safe} safe fixes in all examples");
}

fn check_fix(example: &str, before: &Compilation, found: &Finding, fix: &TextFix) {
    let folder = written(example);
    for (id, file) in before.parsed.sources().iter() {
        let mut edits: Vec<_> = fix.edits.iter().filter(|edit| edit.file == id).collect();
        edits.sort_by_key(|edit| std::cmp::Reverse(edit.span));
        let mut text = file.text().to_owned();
        for edit in &edits {
            text.replace_range(edit.span.range(), &edit.text);
        }
        if !text.is_empty() {
            folder.write(before.below_root(&file.path), text);
        }
    }
    let like = |all: &[Finding]| {
        let is_like = |it: &&Finding| it.check == found.check && it.message == found.message;
        all.iter().filter(is_like).count()
    };
    let after = compiled(example, &folder).findings;
    assert!(like(&after) < like(&before.findings), "{example}\n{found:#?}\n{after:#?}");
    if fix.applicability == Applicability::Safe {
        let errors =
            |all: &[Finding]| all.iter().filter(|it| it.severity == Severity::Error).count();
        assert!(errors(&after) <= errors(&before.findings), "{example}\n{found:#?}\n{after:#?}");
    }
}

/// However a value is written, its fix mends it.
#[test]
fn fixes_mend_values_in_every_style() {
    let mut tried = 0;
    for check in crate::checks() {
        let pages =
            examples(check.docs).into_iter().filter(|(fails, it)| *fails && !it.contains('\r'));
        for (_, example) in pages {
            let plain = compiled(&example, &written(&example));
            let fixes =
                plain.findings.iter().filter(|it| it.check == check).flat_map(|it| &it.fixes);
            for edit in fixes.flat_map(|fix| &fix.edits) {
                let file = plain.parsed.source(edit.file);
                for text in in_other_styles(file.text(), edit.span.range()) {
                    let folder = written(&example);
                    folder.write(plain.below_root(&file.path), text);
                    let before = compiled(&example, &folder);
                    for found in before.findings.iter().filter(|it| it.check == check) {
                        let is_whole = |fix: &&TextFix| fix.applicability != Applicability::Display;
                        for fix in found.fixes.iter().filter(is_whole) {
                            tried += 1;
                            check_fix(&example, &before, found, fix);
                        }
                    }
                }
            }
        }
    }
    assert!(tried > 100, "{tried} fixes");
}

/// A text with the scalar at `range` in quotes, without them, as a block, with an anchor or a tag, before a comment, and with
/// other ends of lines.
fn in_other_styles(text: &str, range: std::ops::Range<usize>) -> Vec<String> {
    let (old, before, after) = (&text[range.clone()], &text[..range.start], &text[range.end..]);
    let bare = old.trim_matches(['\'', '"']);
    if bare.is_empty() || bare.contains(['\n', '\'', '"', '\\', '#', '*', '{']) {
        return Vec::new();
    }
    let mut styles = vec![format!("'{bare}'"), format!("\"{bare}\""), bare.to_owned()];
    let is_value = before.ends_with([' ', '[']);
    if is_value {
        styles.extend([format!("&x {old}"), format!("!!str {old}")]);
    }
    if is_value && after.starts_with('\n') {
        let deep = " ".repeat(40);
        styles.extend([
            format!("{old}  # why"),
            format!("|-\n{deep}{bare}"),
            format!(">\n{deep}{bare}"),
        ]);
    }
    let texts = styles.into_iter().map(|style| format!("{before}{style}{after}"));
    texts.chain([text.replace('\n', "\r\n")]).collect()
}

#[test]
fn pages_begin_with_the_name_of_their_check() {
    for check in crate::checks() {
        assert!(check.docs.starts_with(&format!("# {}\n\n", check.name)), "{}", check.name);
    }
}

#[test]
fn names_are_unique_and_in_kebab_case() {
    let mut names: Vec<_> = crate::checks().map(|check| check.name).collect();
    assert!(names.iter().all(|name| {
        name.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
    }));
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}
