//! The compiler's verdict.

use mesh_compiler::diagnostic::{Class, Finding, Severity, Site};
use mesh_compiler::source::Input;
use mesh_compiler::{Options, compile};
use serde_json::Value;

use crate::verdict::{REFUSED, Remark, Verdict};

pub(crate) fn judge(resources: &[Value]) -> Verdict {
    let files = resources.iter().enumerate();
    let files = files.map(|(index, it)| (format!("{index:03}.yaml"), it.to_string()));
    let inputs: Vec<_> = files.map(|(name, text)| Input::Text { name, text }).collect();
    let mut verdict = Verdict::default();
    for finding in compile(&inputs, &Options::default()).findings {
        let remark = remark(&finding);
        let is_refused =
            remark.codes.iter().any(|code| code == REFUSED) || finding.check.class != Class::Lint;
        if is_refused && finding.severity == Severity::Error {
            verdict.refused.push(remark);
        } else if !remark.codes.is_empty() {
            verdict.noted.push(remark);
        }
    }
    verdict
}

fn remark(finding: &Finding) -> Remark {
    let resource = |site: &Site| site.resource.clone().unwrap_or_default();
    let codes = finding.check.aliases.iter().filter(|it| it.starts_with("IST"));
    Remark {
        codes: codes.map(|it| (*it).to_owned()).collect(),
        check: finding.check.name,
        resource: resource(&finding.primary),
        others: finding.others.iter().map(resource).collect(),
        text: finding.message.clone(),
    }
}
