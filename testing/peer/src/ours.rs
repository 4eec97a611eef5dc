//! The compiler's verdict.

use mesh_compiler::diagnostic::{Class, Finding, Severity, Site};
use mesh_compiler::source::Input;
use mesh_compiler::{Options, compile};
use serde_json::Value;

use crate::verdict::{NOT_FOUND, REFUSED, Remark, Verdict, not_found};

/// What it is that is not there.
struct Absent {
    check: &'static str,
    words: &'static [&'static str],
    /// What Istio says beside it, and we do not: one cause, one finding.
    implied: &'static [&'static str],
}

const SUBSET: &str = "host+subset in destinationrule";
const MIRRORED_SUBSET: &str = "mirror+subset in destinationrule";

const ABSENT: &[Absent] = &[
    Absent {
        check: "unknown-host",
        words: &["host", "mirror host"],
        implied: &[SUBSET, MIRRORED_SUBSET, "host:port"],
    },
    Absent { check: "unknown-subset", words: &[SUBSET, MIRRORED_SUBSET], implied: &[] },
    Absent { check: "unknown-port", words: &["host:port"], implied: &[] },
    Absent { check: "unknown-gateway", words: &["gateway"], implied: &[] },
    Absent { check: "unknown-secret", words: &["credentialName"], implied: &[] },
    Absent { check: "unknown-source-namespace", words: &["namespace"], implied: &[] },
    Absent {
        check: "selector-without-workload",
        words: &["selector"],
        implied: &["credentialName"],
    },
];

pub(crate) fn judge(resources: &[Value]) -> Verdict {
    let files = resources.iter().enumerate();
    let files = files.map(|(index, it)| (format!("{index:03}.yaml"), it.to_string()));
    let inputs: Vec<_> = files.map(|(name, text)| Input::Text { name, text }).collect();
    let mut verdict = Verdict::default();
    for finding in compile(&inputs, &Options::default()).findings {
        let remark = remark(&finding);
        let is_refused =
            remark.codes.iter().any(|code| code == REFUSED) || finding.check.class != Class::Lint;
        let is_error = finding.severity == Severity::Error;
        if is_refused && is_error {
            verdict.refused.push(remark);
        } else if is_error || !remark.codes.is_empty() {
            verdict.noted.push(remark);
        }
    }
    verdict
}

fn remark(finding: &Finding) -> Remark {
    let resource = |site: &Site| site.resource.as_deref().unwrap_or_default().to_owned();
    let name = finding.check.name;
    let aliases = finding.check.aliases.iter().filter(|it| it.starts_with("IST"));
    let mut codes: Vec<_> = aliases.map(|it| (*it).to_owned()).collect();
    let mut implied = Vec::new();
    if let Some(absent) = ABSENT.iter().find(|it| it.check == name) {
        let all = |words: &[&str]| words.iter().map(|it| not_found(it)).collect::<Vec<_>>();
        codes.retain(|it| it != NOT_FOUND);
        codes.extend(all(absent.words));
        implied = all(absent.implied);
    }
    Remark {
        codes,
        implied,
        check: name,
        severity: finding.severity,
        resource: resource(&finding.primary),
        others: finding.others.iter().map(resource).collect(),
        text: finding.message.clone(),
    }
}
