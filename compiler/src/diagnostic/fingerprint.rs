//! What a finding is called from one run to the next, while lines move around it.

use std::collections::HashMap;

use mesh_snapshot::Digest;
use rayon::prelude::*;

use super::Finding;
use crate::parse::Parsed;

/// How many hexadecimal digits are kept: 128 bits, as in a UUID.
const DIGITS: usize = 32;

/// A name for each finding: of its check, its file as `called` by its path, its resource and its message, and of no
/// line. Where several findings share all of these, they are counted in the order of the file.
#[must_use]
pub fn fingerprints(
    findings: &[Finding],
    parsed: &Parsed,
    called: &(dyn Fn(&str) -> String + Sync),
) -> Vec<String> {
    let key = |finding: &Finding| {
        let file = called(&parsed.source(finding.primary.file).path);
        let resource = finding.primary.resource.as_deref().unwrap_or_default();
        // A name that holds a zero byte may make two of them alike, which are then counted.
        [finding.check.name, &file, resource, &finding.message].join("\0")
    };
    let keys: Vec<_> = findings.par_iter().map(key).collect();
    let mut seen: HashMap<&str, u32> = HashMap::new();
    let before = keys.iter().map(|key| {
        let count = seen.entry(key).or_default();
        std::mem::replace(count, *count + 1)
    });
    let before: Vec<_> = before.collect();
    let digits = |(key, before): (&String, u32)| {
        let digest = match before {
            0 => Digest::of(key.as_bytes()),
            // In front, where a key has the name of a check: no key looks like a counted one.
            _ => Digest::of(format!("{before}\0{key}").as_bytes()),
        };
        let mut digits = digest.hex();
        digits.truncate(DIGITS);
        digits
    };
    keys.par_iter().zip(before).map(digits).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Finding, fingerprints};
    use crate::testing::Compiled;

    const POLICY: &str = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a, namespace: b}\nspec:\n";

    fn of(text: &str) -> Vec<String> {
        let compiled = Compiled::files(&[("repo/a.yaml", text)]);
        assert!(!compiled.findings.is_empty());
        fingerprints(&compiled.findings, &compiled.parsed, &|path| path.to_owned())
    }

    #[test]
    fn lines_do_not_count() {
        let text = format!("{POLICY}  mtsl: {{}}\n");
        assert_eq!(of(&text), of(&format!("# moved\n\n{text}")));
        assert_ne!(of(&text), of(&text.replace("mtsl", "mtlz")));
        let elsewhere = Compiled::files(&[("other/a.yaml", text.as_str())]);
        let named =
            |name: &str| fingerprints(&elsewhere.findings, &elsewhere.parsed, &|_| name.to_owned());
        assert_eq!(of(&text), named("repo/a.yaml"));
        assert_ne!(of(&text), named("other/a.yaml"));
    }

    #[test]
    fn what_is_said_twice_is_told_apart() {
        let text = format!("{POLICY}  portLevelMtls: {{1: {{mod: A}}, 2: {{mod: A}}}}\n");
        let prints = of(&text);
        let mut unique = prints.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), prints.len());
        assert!(prints.iter().all(|print| print.len() == 32));
    }

    #[test]
    fn what_is_counted_looks_like_nothing_else() {
        let compiled = Compiled::files(&[("a.yaml", &format!("{POLICY}  mtsl: {{}}\n"))]);
        let first = &compiled.findings[0];
        let odd = Finding { message: format!("{}\01", first.message), ..first.clone() };
        let all = [first.clone(), first.clone(), odd];
        let prints = fingerprints(&all, &compiled.parsed, &|path| path.to_owned());
        assert_eq!(prints.iter().collect::<BTreeSet<_>>().len(), 3, "{prints:?}");
    }
}
