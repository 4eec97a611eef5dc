//! Where two verdicts are not the same.

use std::collections::BTreeSet;
use std::fmt;

use mesh_compiler::diagnostic::Severity;

use crate::known::Reason;
use crate::verdict::{Remark, Verdict};

/// Who says something that the other does not.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Side {
    Istio,
    Ours,
}

/// What the other does not say.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum What {
    /// That the resource is not to be had at all.
    Refused,
    Noted,
    /// It says so too, and calls it less severe.
    Severity,
}

/// What one side says, without what is by chance: names and numbers. Differences of a class have one cause.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Class {
    pub side: Side,
    pub what: What,
    /// A code of Istio's, or the name of a check.
    pub code: String,
    pub kind: String,
    /// What stays of the message, where a code has several.
    pub text: String,
    /// Why it stays, if that is known.
    pub reason: Option<Reason>,
}

/// A class, and the resource that it was seen at.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub class: Class,
    pub resource: String,
    /// As it was said.
    pub said: String,
}

/// `kind` tells what a resource is of which the name is known.
pub(crate) fn differences(
    istio: &Verdict,
    ours: &Verdict,
    kind: impl Fn(&str) -> String,
) -> Vec<Difference> {
    let difference =
        |side, what, remark: &Remark| difference(side, what, remark, kind(&remark.resource));
    let names = |remarks: &[Remark]| -> BTreeSet<String> {
        remarks.iter().map(|it| it.resource.clone()).collect()
    };
    let (refused_by_istio, refused_by_us) = (names(&istio.refused), names(&ours.refused));
    let mut found = Vec::new();
    for remark in istio.refused.iter().filter(|it| !refused_by_us.contains(&it.resource)) {
        found.push(difference(Side::Istio, What::Refused, remark));
    }
    // What is not served is no opinion on what is right.
    let is_opinion = |it: &&Remark| !["refused-field", "unserved-feature"].contains(&it.check);
    for remark in
        ours.refused.iter().filter(is_opinion).filter(|it| !refused_by_istio.contains(&it.resource))
    {
        found.push(difference(Side::Ours, What::Refused, remark));
    }
    let is_met = |remark: &Remark, by: &Remark, as_other: bool| {
        let is_named = by.resource == remark.resource
            || (as_other && by.others.contains(&remark.resource))
            || (!as_other && remark.others.contains(&by.resource));
        let said = by.codes.iter().chain(by.implied.iter().filter(|_| as_other));
        is_named && said.into_iter().any(|code| remark.codes.contains(code))
    };
    // What is refused is not looked at any further, here or there.
    let is_refused = |it: &Remark| {
        let names = std::iter::once(&it.resource).chain(&it.others);
        names.into_iter().any(|it| refused_by_istio.contains(it) || refused_by_us.contains(it))
    };
    let said = || ours.noted.iter().chain(&ours.refused);
    for remark in istio.noted.iter().filter(|it| !is_refused(it)) {
        let own: Vec<_> = said().filter(|own| is_met(remark, own, true)).collect();
        match own.iter().map(|it| it.severity).max() {
            None => found.push(difference(Side::Istio, What::Noted, remark)),
            // How much of a notice a warning is, is a matter of taste; what refuses a repository is not.
            Some(severity) if remark.severity == Severity::Error && severity < Severity::Error => {
                found.push(difference(Side::Istio, What::Severity, remark));
            }
            Some(_) => {}
        }
    }
    for remark in ours.noted.iter().filter(is_opinion).filter(|it| !is_refused(it)) {
        let others = istio.noted.iter().filter(|own| is_met(remark, own, false));
        match others.map(|it| it.severity).max() {
            None => found.push(difference(Side::Ours, What::Noted, remark)),
            Some(severity) if remark.severity == Severity::Error && severity < Severity::Error => {
                found.push(difference(Side::Ours, What::Severity, remark));
            }
            Some(_) => {}
        }
    }
    found
}

fn difference(side: Side, what: What, remark: &Remark, kind: String) -> Difference {
    let code = match side {
        Side::Istio => remark.codes.join(", "),
        Side::Ours => remark.check.to_owned(),
    };
    // One code says one thing, but for what is refused.
    let text =
        if what == What::Refused { bare(&remark.text, &remark.resource) } else { String::new() };
    let class = Class { side, what, code, kind, text, reason: None };
    Difference { class, resource: remark.resource.clone(), said: remark.text.clone() }
}

/// A message without what it quotes, without numbers, and without the name of the resource that it is about.
fn bare(message: &str, resource: &str) -> String {
    let line = message.lines().find(|line| !line.trim().is_empty() && !line.contains("occurred:"));
    let mut text = String::new();
    let mut quote = None;
    for symbol in line.unwrap_or_default().trim_start_matches(['\t', '*', ' ']).chars() {
        match quote {
            Some(end) if symbol == end => quote = None,
            Some(_) => {}
            None if matches!(symbol, '"' | '`') => quote = Some(symbol),
            None if symbol == '[' => quote = Some(']'),
            None if symbol.is_ascii_digit() => {}
            None => text.push(symbol),
        }
    }
    // What numbers it had is gone from the text.
    let name: String = resource.chars().filter(|it| !it.is_ascii_digit()).collect();
    let name = name.split_once(' ').and_then(|(_, name)| name.split_once('/'));
    let is_name = |word: &&str| {
        name.is_some_and(|(namespace, name)| {
            let parts: Vec<_> = word.trim_end_matches(':').split(['.', '/']).collect();
            parts.contains(&namespace) && parts.contains(&name)
        })
    };
    text.split_whitespace().filter(|word| !is_name(word)).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { side, what, code, kind, text, reason: _ } = self;
        let who = match (side, what) {
            (Side::Istio, What::Refused) => "Istio alone refuses",
            (Side::Istio, What::Noted) => "Istio alone says",
            (Side::Istio, What::Severity) => "an error to Istio alone",
            (Side::Ours, What::Refused) => "refused here alone",
            (Side::Ours, What::Noted) => "said here alone",
            (Side::Ours, What::Severity) => "an error here alone",
        };
        write!(f, "{who}: {code} {kind} {text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remark(code: &str, check: &'static str, resource: &str, others: &[&str]) -> Remark {
        Remark {
            codes: vec![code.to_owned()],
            implied: Vec::new(),
            check,
            severity: Severity::Warning,
            resource: resource.to_owned(),
            others: others.iter().map(|it| (*it).to_owned()).collect(),
            text: "port 80 of \"a\" is odd".into(),
        }
    }

    fn noted(remark: Remark) -> Verdict {
        Verdict { noted: vec![remark], ..Verdict::default() }
    }

    fn compared(istio: &Verdict, ours: &Verdict) -> Vec<Difference> {
        differences(istio, ours, |name| name.split(' ').next().unwrap_or_default().to_owned())
    }

    #[test]
    fn what_both_say_is_no_difference() {
        let istio = noted(remark("IST0101", "", "Gateway a/b", &[]));
        let ours = noted(remark("IST0101", "unknown-host", "Gateway a/b", &[]));
        assert!(compared(&istio, &ours).is_empty());
        let elsewhere = noted(remark("IST0101", "unknown-host", "Gateway a/c", &["Gateway a/b"]));
        assert!(compared(&istio, &elsewhere).is_empty());
    }

    #[test]
    fn what_one_side_says_is_a_class_without_names() {
        let istio = noted(remark("IST0101", "", "Gateway a/b", &[]));
        let found = compared(&istio, &Verdict::default());
        assert_eq!((found.len(), found[0].class.side), (1, Side::Istio));
        assert_eq!(found[0].class.what, What::Noted);
        let ours = noted(remark("IST0101", "unknown-host", "Gateway a/b", &[]));
        let found = compared(&Verdict::default(), &ours);
        assert_eq!(
            (found[0].class.code.as_str(), found[0].class.kind.as_str()),
            ("unknown-host", "Gateway")
        );
    }

    #[test]
    fn an_error_is_more_than_a_warning() {
        let warning = || noted(remark("IST0101", "unknown-host", "Gateway a/b", &[]));
        let error = || {
            let error = remark("IST0101", "unknown-host", "Gateway a/b", &[]);
            noted(Remark { severity: Severity::Error, ..error })
        };
        let what = |istio: &Verdict, ours: &Verdict| {
            let found = compared(istio, ours);
            found.into_iter().map(|it| (it.class.side, it.class.what)).collect::<Vec<_>>()
        };
        assert_eq!(what(&error(), &warning()), [(Side::Istio, What::Severity)]);
        assert_eq!(what(&warning(), &error()), [(Side::Ours, What::Severity)]);
        assert_eq!(what(&error(), &error()), []);
    }

    #[test]
    fn what_is_refused_is_asked_nothing_else() {
        let mut istio = noted(remark("IST0101", "", "Gateway a/b", &[]));
        istio.refused.push(remark("IST0106", "", "Gateway a/b", &[]));
        let ours = Verdict {
            refused: vec![remark("IST0106", "invalid-host", "Gateway a/b", &[])],
            ..Verdict::default()
        };
        assert!(compared(&istio, &ours).is_empty());
        let found = compared(&istio, &Verdict::default());
        assert_eq!((found.len(), found[0].class.text.as_str()), (1, "port of is odd"));
    }

    #[test]
    fn what_goes_without_saying_is_no_difference() {
        let istio = noted(remark("IST0101 host:port", "", "Gateway a/b", &[]));
        let implied = vec!["IST0101 host:port".to_owned()];
        let own = remark("IST0101 host", "unknown-host", "Gateway a/b", &[]);
        let ours = noted(Remark { implied, ..own });
        let found = compared(&istio, &ours);
        assert_eq!(found.iter().map(|it| it.class.side).collect::<Vec<_>>(), [Side::Ours]);
    }
}
