//! Findings that their authors know and allow, where the policy itself says so.
//!
//! ```text
//! # mesh:allow unknown-host until=2027-01-01 reason="the host moves in December"
//! ```
//! - A comment is about the line that it ends, or about the next line; above the first key of a document, about all of
//!   that. It names checks and gives a reason. A comment that cannot be read, has expired or allows nothing is a finding.
//! - `galley.istio.io/analyze-suppress` of Istio is honoured ([`annotation`]).
//! - Checks whose findings are errors whatever a project says cannot be allowed: such a resource has no meaning.

mod annotation;
mod checks;
mod comment;

pub(crate) use checks::CHECKS;
pub use checks::UNUSED_SUPPRESSION;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::diagnostic::{Applicability, Class, Date, Diagnostic, Finding, Fix, Place};
use crate::parse::{About, Parsed, Pragma};
use crate::source::{FileId, Span};

use annotation::Annotation;
use comment::Allowance;

/// Everything that a repository allows.
#[derive(Debug, Default)]
pub(crate) struct Allowances {
    comments: Vec<Allowance>,
    annotations: Vec<Annotation>,
}

/// Which names of which comments have allowed something.
pub(crate) type Used = BTreeSet<(usize, usize)>;

impl Allowances {
    /// Comments that allow nothing, as they cannot be read or have expired, go to `out`.
    pub(crate) fn read(parsed: &Parsed, today: Option<Date>, out: &mut Vec<Diagnostic>) -> Self {
        let pragmas = parsed.pragmas().iter();
        let comments = pragmas.filter_map(|it| Allowance::read(*it, parsed, today, out)).collect();
        Self { comments, annotations: annotation::all(parsed) }
    }

    /// Takes away what is allowed, and tells by what.
    pub(crate) fn set_aside(&self, findings: &mut Vec<Finding>) -> Used {
        let mut used = Used::new();
        if self.comments.is_empty() && self.annotations.is_empty() {
            return used;
        }
        let comments = by_place(&self.comments);
        let annotations = by_resource(&self.annotations);
        findings.retain(|finding| {
            let place = finding.primary.resource.as_deref().map(|it| (finding.primary.file, it));
            let mut annotations = place.and_then(|it| annotations.get(&it)).into_iter().flatten();
            let by: Vec<_> = by_comments(&comments, finding).collect();
            let is_allowed = !by.is_empty() || annotations.any(|it| it.allows(finding));
            used.extend(by);
            !is_allowed
        });
        used
    }

    /// Reports the names that have allowed nothing.
    pub(crate) fn unused(&self, used: &Used, parsed: &Parsed) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        for (index, comment) in self.comments.iter().enumerate() {
            let unused = |at: usize| !used.contains(&(index, at));
            let is_idle = (0..comment.names.len()).all(unused);
            for (at, name) in comment.names.iter().enumerate().filter(|(at, _)| unused(*at)) {
                let place = Place::text(comment.pragma.file, name.span);
                let message = format!("`{}` is allowed here and not found", name.text);
                let mut found = Diagnostic::new(&UNUSED_SUPPRESSION, place, message)
                    .label("this allows nothing")
                    .consequence("none now; a fault that comes later would not be told");
                if is_idle && at == 0 {
                    found = found.fix(removal(comment.pragma, parsed));
                }
                out.push(found);
            }
        }
        out
    }
}

fn by_resource(all: &[Annotation]) -> HashMap<(FileId, &str), Vec<&Annotation>> {
    let mut by_resource: HashMap<_, Vec<_>> = HashMap::new();
    for it in all {
        by_resource.entry((it.file, it.resource.as_str())).or_default().push(it);
    }
    by_resource
}

/// Comments with their positions, by what they are about: the file, whether it is a document or a line, and where that
/// begins. Two lines have no byte in common, nor have two documents.
type ByPlace<'a> = BTreeMap<(FileId, Subject, u32), Vec<(usize, &'a Allowance)>>;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Subject {
    Line,
    Document,
}

fn by_place(comments: &[Allowance]) -> ByPlace<'_> {
    let mut by_place = ByPlace::new();
    for (index, comment) in comments.iter().enumerate() {
        let (subject, span) = match comment.pragma.about {
            About::Line(span) => (Subject::Line, span),
            About::Document { span, .. } => (Subject::Document, span),
        };
        let place = (comment.pragma.file, subject, span.start);
        by_place.entry(place).or_default().push((index, comment));
    }
    by_place
}

/// Which names of which comments allow a finding where it begins; a file as a whole begins where its first document does.
fn by_comments(comments: &ByPlace<'_>, finding: &Finding) -> impl Iterator<Item = (usize, usize)> {
    let file = finding.primary.file;
    let start = finding.primary.span.map_or(0, |span| span.start);
    let about = [Subject::Line, Subject::Document].into_iter().filter_map(move |subject| {
        let mut begun = comments.range((file, subject, 0)..=(file, subject, start));
        begun.next_back().map(|(_, comments)| comments)
    });
    about.flatten().filter(|(_, it)| covers(it.pragma, finding)).flat_map(|(index, comment)| {
        let names = comment.names.iter().enumerate();
        names.filter(|(_, it)| it.checks.contains(&finding.check)).map(move |(at, _)| (*index, at))
    })
}

/// Whether the comment is about the line in which a finding begins.
fn covers(pragma: Pragma, finding: &Finding) -> bool {
    if finding.primary.file != pragma.file || finding.check.class != Class::Lint {
        return false;
    }
    match (pragma.about, finding.primary.span) {
        (About::Line(about) | About::Document { span: about, .. }, Some(span)) => {
            (about.start..about.end).contains(&span.start)
        }
        (About::Document { is_first, .. }, None) => is_first,
        (About::Line(_), None) => false,
    }
}

/// Without the comment; of a line that holds nothing else, without the line.
fn removal(pragma: Pragma, parsed: &Parsed) -> Fix {
    let file = parsed.source(pragma.file);
    let line = file.lines().span(file.lines().line_of(pragma.span.start), file.text());
    let before = file.slice(Span::new(line.start, pragma.span.start));
    let kept = u32::try_from(before.trim_end().len()).unwrap_or(0);
    let span = if kept == 0 { line } else { Span::new(line.start + kept, pragma.span.end) };
    let place = Place::text(pragma.file, span);
    Fix::new(Applicability::Safe, "remove the comment").replace(place, "")
}

#[cfg(test)]
mod tests {
    use crate::testing::{Folder, findings};

    const HEAD: &str = "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: a
  namespace: shop
";
    const SERVICE: &str = "apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {ports: [{name: http, port: 80}]}
";

    /// The names of the checks that found something, in a repository where `nobody` is no host.
    fn names(route: &str) -> Vec<&'static str> {
        let folder = Folder::new();
        folder.write("a.yaml", format!("{SERVICE}---\n{route}"));
        findings(folder.path()).iter().map(|finding| finding.check.name).collect()
    }

    fn route(above: &str, before: &str, end: &str) -> String {
        format!(
            "{above}{HEAD}spec:\n  hosts: [a.example.com]\n  http:\n  - route:\n    - destination:\n{before}        host: nobody{end}\n"
        )
    }

    #[test]
    fn a_comment_allows_on_its_line_before_it_and_above_the_document() {
        let allow = "# mesh:allow unknown-host reason=\"it comes\"";
        assert_eq!(names(&route("", "", "")), ["unknown-host"]);
        assert!(names(&route("", "", &format!(" {allow}"))).is_empty());
        assert!(names(&route("", &format!("        {allow}\n"), "")).is_empty());
        assert!(names(&route(&format!("{allow}\n"), "", "")).is_empty());
        let alias = allow.replace("unknown-host", "IST0101, uneven-weights");
        assert_eq!(names(&route("", "", &format!(" {alias}"))), ["unused-suppression"]);
    }

    #[test]
    fn a_comment_elsewhere_allows_nothing() {
        let text =
            route("", "", "").replace("  hosts:", "  # mesh:allow unknown-host reason=x\n  hosts:");
        // Whether it is used is known once there are no errors.
        assert_eq!(names(&text), ["unknown-host"]);
    }

    #[test]
    fn what_cannot_be_read_allows_nothing() {
        for (comment, message) in [
            ("mesh:allow unknown-host", "it gives no reason"),
            ("mesh:allow unknown-host reason=\"\"", "it gives no reason"),
            ("mesh:allow reason=\"a\"", "it names no check"),
            ("mesh:allow unknown-hosts reason=\"a\"", "there is no check `unknown-hosts`"),
            ("mesh:allow duplicate-key reason=\"a\"", "`duplicate-key` cannot be allowed"),
            ("mesh:allow unknown-host until=soon reason=\"a\"", "not a day like"),
            ("mesh:allow unknown-host because=\"a\"", "it has no field `because`"),
            ("mesh:alow unknown-host reason=\"a\"", "`mesh:alow` says nothing"),
            ("mesh:allow unknown-host reason=\"a", "the quote does not end"),
        ] {
            let folder = Folder::new();
            folder.write(
                "a.yaml",
                format!("{SERVICE}---\n{}", route("", "", &format!(" # {comment}"))),
            );
            let found = findings(folder.path());
            let said = found.iter().find(|it| it.check.name == "invalid-suppression").unwrap();
            assert!(said.message.contains(message), "{comment}: {}", said.message);
            assert!(found.iter().any(|it| it.check.name == "unknown-host"), "{comment}");
            let fix = said.fixes.first().and_then(|it| it.edits.first());
            let written = comment.starts_with("mesh:alow").then_some("mesh:allow");
            let near = comment.starts_with("mesh:allow unknown-hosts").then_some("unknown-host");
            assert_eq!(fix.map(|it| it.text.as_str()), written.or(near), "{comment}");
        }
    }

    #[test]
    fn an_annotation_allows_in_its_resource() {
        for (value, is_allowed) in [
            ("IST0101", true),
            ("'*'", true),
            ("'IST0108, IST0101'", true),
            ("unknown-host", true),
            ("IST0108", false),
            ("IST0101=VirtualService shop/*", true),
            ("IST0101=VirtualService a.shop", true),
            ("IST0101=Pod shop/*", false),
        ] {
            let metadata = format!(
                "  namespace: shop\n  annotations: {{galley.istio.io/analyze-suppress: {value}}}\n"
            );
            let text = route("", "", "").replace("  namespace: shop\n", &metadata);
            assert_eq!(names(&text).contains(&"unknown-host"), !is_allowed, "{value}");
        }
    }
}
