//! SARIF 2.1.0, as code scanning reads it. Source: OASIS, Static Analysis Results Interchange Format, sections cited.
//!
//! Columns are code points, and the file says so (§3.14.17). Paths count from the repository's root.

use std::io::{self, Write};

use mesh_compiler::diagnostic::{Applicability, Check, Finding, Site, TextFix};
use mesh_compiler::parse::Parsed;
use mesh_compiler::source::{FileId, Span};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::list::List;
use super::paths::uri;
use super::remark::{self, Region, Spot, level};
use super::{Report, Setting};

/// What paths are relative to. Whoever reads the file knows where that is (§3.14.14).
const BASE: &str = "SRCROOT";

pub(super) fn write(
    report: &Report<'_>,
    setting: &Setting<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut rules: Vec<&Check> = report.findings.iter().map(|finding| finding.check).collect();
    rules.sort_by_key(|check| check.name);
    rules.dedup();
    let author = Author { parsed: report.parsed, setting, rules: &rules };
    let could_read = !report.findings.iter().any(Finding::is_unreadable);
    let run = Run {
        column_kind: "unicodeCodePoints",
        invocations: json!([{ "executionSuccessful": could_read }]),
        newline_sequences: ["\r\n", "\n", "\r"],
        original_uri_base_ids: json!({
            BASE: { "description": { "text": "the root of the repository" } },
        }),
        results: List(|| {
            let findings = report.findings.iter().zip(setting.fingerprints);
            findings.map(|(finding, print)| author.result(finding, print))
        }),
        tool: json!({ "driver": {
            "name": "mesh",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": rules.iter().map(|check| rule(check)).collect::<Vec<_>>(),
        }}),
    };
    let schema = "https://json.schemastore.org/sarif-2.1.0.json";
    let log = Log { schema, runs: [run], version: "2.1.0" };
    serde_json::to_writer_pretty(&mut *out, &log)?;
    writeln!(out)
}

/// §3.13.
#[derive(Serialize)]
struct Log<R> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    runs: [Run<R>; 1],
    version: &'static str,
}

/// §3.14.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<R> {
    column_kind: &'static str,
    invocations: Value,
    newline_sequences: [&'static str; 3],
    original_uri_base_ids: Value,
    results: R,
    tool: Value,
}

/// §3.49. The page of a check is its help.
fn rule(check: &Check) -> Value {
    let body = check.docs.split_once("\n\n").map_or(check.docs, |(_, body)| body);
    let first = body.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    json!({
        "id": check.name,
        "shortDescription": { "text": check.name.replace('-', " ") },
        "fullDescription": { "text": first },
        "help": { "text": check.docs, "markdown": check.docs },
        "defaultConfiguration": { "level": level(check.severity, "note") },
        "properties": { "tags": check.aliases },
    })
}

struct Author<'a> {
    parsed: &'a Parsed,
    setting: &'a Setting<'a>,
    rules: &'a [&'a Check],
}

impl Author<'_> {
    /// §3.27.
    fn result(&self, finding: &Finding, fingerprint: &str) -> Value {
        let index = self.rules.iter().position(|check| *check == finding.check);
        let related = finding.others.iter().enumerate().map(|(id, site)| {
            let mut location = self.location(site);
            location.insert("id".to_owned(), id.into());
            location
        });
        // Of what is rendered nobody mends the outcome.
        let is_mended_here = remark::rendered_from(&finding.primary, self.parsed).is_none();
        let fixes = finding.fixes.iter().filter(|fix| {
            is_mended_here
                && fix.applicability != Applicability::Display
                && remark::is_shown(fix, self.parsed)
        });
        json!({
            "ruleId": finding.check.name,
            "ruleIndex": index,
            "level": level(finding.severity, "note"),
            "message": { "text": remark::paragraph(finding, self.parsed) },
            "locations": [self.location(&finding.primary)],
            "relatedLocations": related.collect::<Vec<_>>(),
            "partialFingerprints": { "mesh/v1": fingerprint },
            "fixes": fixes.map(|fix| self.fix(fix)).collect::<Vec<_>>(),
        })
    }

    /// §3.28. A file as a whole is shown at its first line, since readers demand one.
    fn location(&self, site: &Site) -> Map<String, Value> {
        let mut location = Map::new();
        let spot = Spot::of(site, self.parsed);
        let region = match spot.span {
            Some(span) => self.region(site.file, span),
            None => json!({ "startLine": 1 }),
        };
        let physical = json!({ "artifactLocation": self.artifact(spot.path), "region": region });
        location.insert("physicalLocation".to_owned(), physical);
        if let Some(resource) = &site.resource {
            let named = json!([{ "fullyQualifiedName": resource, "kind": "resource" }]);
            location.insert("logicalLocations".to_owned(), named);
        }
        if !site.text.is_empty() {
            location.insert("message".to_owned(), json!({ "text": site.text }));
        }
        location
    }

    fn artifact(&self, path: &str) -> Value {
        let path = self.setting.paths.below_root(path);
        // An absolute path is relative to nothing.
        if path.starts_with('/') {
            json!({ "uri": format!("file://{}", uri(&path)) })
        } else {
            json!({ "uri": uri(&path), "uriBaseId": BASE })
        }
    }

    /// §3.30; the end is exclusive.
    fn region(&self, file: FileId, span: Span) -> Value {
        let Region { start, end } = Region::in_characters(self.parsed.source(file), span);
        json!({
            "startLine": start.0,
            "startColumn": start.1,
            "endLine": end.0,
            "endColumn": end.1,
        })
    }

    /// §3.55: a change for each file.
    fn fix(&self, fix: &TextFix) -> Value {
        let mut files: Vec<_> = fix.edits.iter().map(|edit| edit.file).collect();
        files.sort_unstable();
        files.dedup();
        let changes = files.into_iter().map(|file| {
            let edits = fix.edits.iter().filter(|edit| edit.file == file);
            let replacements = edits.map(|edit| {
                json!({
                    "deletedRegion": self.region(file, edit.span),
                    "insertedContent": { "text": edit.text },
                })
            });
            json!({
                "artifactLocation": self.artifact(&self.parsed.source(file).path),
                "replacements": replacements.collect::<Vec<_>>(),
            })
        });
        json!({
            "description": { "text": fix.title },
            "artifactChanges": changes.collect::<Vec<_>>(),
        })
    }
}
