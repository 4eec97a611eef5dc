//! Where two verdicts are not the same.

use std::collections::BTreeSet;
use std::fmt;

use crate::verdict::{Remark, Verdict};

/// Who says something that the other does not.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Side {
    Istio,
    Ours,
}

/// What one side says, without what is by chance: names and numbers. Differences of a class have one cause.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Class {
    pub side: Side,
    /// A code of Istio's, or the name of a check.
    pub code: String,
    pub kind: String,
    /// What stays of the message, where a code has several.
    pub text: String,
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
    let difference = |side, remark: &Remark, is_refused| {
        difference(side, remark, is_refused, kind(&remark.resource))
    };
    let names = |remarks: &[Remark]| -> BTreeSet<String> {
        remarks.iter().map(|it| it.resource.clone()).collect()
    };
    let (refused_by_istio, refused_by_us) = (names(&istio.refused), names(&ours.refused));
    let mut found = Vec::new();
    for remark in istio.refused.iter().filter(|it| !refused_by_us.contains(&it.resource)) {
        found.push(difference(Side::Istio, remark, true));
    }
    // What is not served is no opinion on what is right.
    let own = ours.refused.iter().filter(|it| it.check != "refused-field");
    for remark in own.filter(|it| !refused_by_istio.contains(&it.resource)) {
        found.push(difference(Side::Ours, remark, true));
    }
    let is_met = |remark: &Remark, by: &Remark, as_other: bool| {
        let is_named = by.resource == remark.resource
            || (as_other && by.others.contains(&remark.resource))
            || (!as_other && remark.others.contains(&by.resource));
        is_named && by.codes.iter().any(|code| remark.codes.contains(code))
    };
    // What is refused is not looked at any further, here or there.
    let is_refused = |it: &Remark| {
        let names = std::iter::once(&it.resource).chain(&it.others);
        names.into_iter().any(|it| refused_by_istio.contains(it) || refused_by_us.contains(it))
    };
    let said = || ours.noted.iter().chain(&ours.refused);
    for remark in istio.noted.iter().filter(|it| !is_refused(it)) {
        if !said().any(|own| is_met(remark, own, true)) {
            found.push(difference(Side::Istio, remark, false));
        }
    }
    for remark in ours.noted.iter().filter(|it| !is_refused(it)) {
        if !istio.noted.iter().any(|own| is_met(remark, own, false)) {
            found.push(difference(Side::Ours, remark, false));
        }
    }
    found
}

fn difference(side: Side, remark: &Remark, is_refused: bool, kind: String) -> Difference {
    let code = match side {
        Side::Istio => remark.codes.join(", "),
        Side::Ours => remark.check.to_owned(),
    };
    // One code says one thing, but for what is refused, and for names of what is not there.
    let has_text = is_refused || side == Side::Istio && code == "IST0101";
    let text = if has_text { bare(&remark.text) } else { String::new() };
    let class = Class { side, code, kind, text };
    Difference { class, resource: remark.resource.clone(), said: remark.text.clone() }
}

/// A message without what it quotes, and without numbers.
fn bare(message: &str) -> String {
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
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { side, code, kind, text } = self;
        match side {
            Side::Istio => write!(f, "Istio alone  {code} {kind} {text}"),
            Side::Ours => write!(f, "here alone   {code} {kind} {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remark(code: &str, check: &'static str, resource: &str, others: &[&str]) -> Remark {
        Remark {
            codes: vec![code.to_owned()],
            check,
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
        assert_eq!(found[0].class.text, "port of is odd");
        assert_eq!((found.len(), found[0].class.side), (1, Side::Istio));
        let ours = noted(remark("IST0101", "unknown-host", "Gateway a/b", &[]));
        let found = compared(&Verdict::default(), &ours);
        assert_eq!(
            (found[0].class.code.as_str(), found[0].class.kind.as_str()),
            ("unknown-host", "Gateway")
        );
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
        assert_eq!(compared(&istio, &Verdict::default()).len(), 1);
    }
}
