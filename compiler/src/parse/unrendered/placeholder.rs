//! Documents that are no YAML until their placeholders are filled in, as `hosts: [${HOST}]` is none.

use crate::diagnostic::{Diagnostic, Place};
use crate::parse::checks::{UNRENDERED_SOURCE, YAML_SYNTAX};
use crate::parse::securing;
use crate::parse::stream::{YamlDocument, read};
use crate::source::Span;

/// In place of the fault of a document that does not parse: a notice, if the fault stands in a line with a placeholder, and
/// the document parses with words in place of them.
///
/// Of a policy that secures anything it is an error: a snapshot without it would let in what it keeps out.
pub(in crate::parse) fn unfilled(text: &str, yaml: &YamlDocument) -> Option<Diagnostic> {
    let document = yaml.span;
    let fault = yaml.diagnostics.iter().find(|found| *found.check == YAML_SYNTAX)?;
    let Place::Text { file, span, .. } = fault.place else { return None };
    let placeholder = placeholder_in_line(text, span.start as usize)?;
    let filled = filled(text.get(document.start as usize..document.end as usize)?, 'x');
    if !read(&filled, file).iter().all(|document| document.is_whole) {
        return None;
    }
    let message = "skipped: this is not YAML until its placeholders are filled in";
    let notice = Diagnostic::new(&UNRENDERED_SOURCE, Place::text(file, placeholder), message)
        .label("a placeholder without quotes")
        .consequence("nothing of this document is checked or compiled; the others of the file are")
        .help("compile what they are filled with, as in `envsubst < FILE | mesh compile -`, or put them in quotes");
    Some(securing::judged(notice, securing::kind(text, yaml)))
}

/// The same with a `word` in place of each placeholder.
pub(super) fn filled(text: &str, word: char) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        filled.push_str(before);
        match after.find(['}', '\n']).and_then(|end| after.split_at_checked(end)) {
            Some((_, end)) if end.starts_with('}') => {
                filled.push(word);
                rest = end.get(1..).unwrap_or_default();
            }
            _ => {
                filled.push_str("${");
                rest = after;
            }
        }
    }
    filled + rest
}

/// The first `${NAME}` or `${NAME:-…}` of the line that holds the byte at `at`.
fn placeholder_in_line(text: &str, at: usize) -> Option<Span> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |before| before + 1);
    let line = text.get(start..)?.lines().next()?;
    let found = line.match_indices("${").find_map(|(open, _)| {
        let name = line.get(open + 2..)?;
        let end = name.find(|it: char| !(it.is_ascii_alphanumeric() || it == '_'))?;
        let is_name = end > 0 && !name.starts_with(|it: char| it.is_ascii_digit());
        let close = name.find('}')?;
        (is_name && name.get(end..)?.starts_with([':', '}']))
            .then_some((open, open + 2 + close + 1))
    })?;
    Some(Span::of(start + found.0..start + found.1))
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::Severity;
    use crate::testing::Compiled;

    const FINE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n";

    #[test]
    fn a_placeholder_that_is_no_yaml_costs_its_document_a_notice() {
        let text = format!(
            "{FINE}---\napiVersion: v1\nkind: Service\nmetadata: {{name: b}}\nspec: {{ports: [{{port: ${{PORT:-80}}}}]}}\n"
        );
        let compiled = Compiled::text(&text);
        let said = compiled.said();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].starts_with("warning[unrendered-source] 8:23 ${PORT:-80}: skipped"),
            "{said:?}"
        );
        assert_eq!(compiled.mesh.count, 1);
        assert_eq!(compiled.mesh.incomplete.len(), 1);
    }

    #[test]
    fn a_policy_that_keeps_out_must_not_be_missing() {
        for kind in crate::parse::securing::SECURING {
            let text = format!(
                "{FINE}---\napiVersion: security.istio.io/v1\nkind: {kind}\nmetadata: {{name: b}}\nspec: {{a: [${{BAD}}]}}\n"
            );
            let compiled = Compiled::text(&text);
            let [found] = compiled.findings.as_slice() else { panic!("{:?}", compiled.said()) };
            assert!(
                compiled.said()[0].starts_with("error[unrendered-source] 8:12 ${BAD}: skipped"),
                "{:?}",
                compiled.said()
            );
            let consequence = found.consequence.as_deref().unwrap();
            assert!(consequence.contains(&format!("lack this `{kind}`")), "{consequence}");
        }
    }

    /// One notice stands for all documents that are like it, and none of those for a policy.
    #[test]
    fn a_policy_is_told_behind_others_that_are_not_read() {
        let other = "kind: Service\nspec: {a: [${BAD}]}\n";
        let policy = "spec: {a: [${BAD}]}\nkind: AuthorizationPolicy\n";
        let compiled = Compiled::text(&format!("{other}---\n{other}---\n{policy}"));
        let severities: Vec<_> = compiled.findings.iter().map(|found| found.severity).collect();
        assert_eq!(severities, [Severity::Warning, Severity::Error], "{:?}", compiled.said());
    }

    #[test]
    fn other_faults_stay_faults() {
        for line in ["a: [${A}", "a: [\"${A}\", b", "a: [$1", "a: [${}", "a: [${1}", "# ${A}\na: ["]
        {
            let said = Compiled::text(&format!("{FINE}---\n{line}\n")).said();
            assert!(said[0].starts_with("error[yaml-syntax]"), "{said:?}");
        }
    }
}
