//! What of a difference is dangerous, in words.

use std::collections::{BTreeMap, BTreeSet};

use super::words::{GROUPS_MAX, named};
use crate::difference::{Danger, Difference};
use crate::render::plain::plain;

/// Before what is dangerous.
pub(super) const WARNING: &str = "⚠";

/// Whether what was refused may be let in, or who was served is perhaps no longer. Not all of it has a line of its own: of what
/// ceases to hold it is told beside what begins to.
pub(super) fn is_grave(difference: &Difference) -> bool {
    let mut holds = difference.held.iter().flat_map(|it| &it.holds);
    !difference.dangers.is_empty() || holds.any(|it| it.is_grave)
}

/// A line for each danger, `shop/reviews-v1: mutual TLS: STRICT → PERMISSIVE`, and one for what is left.
pub(super) fn lines(difference: &Difference) -> Vec<String> {
    let mut listed: BTreeMap<(&BTreeSet<String>, String), Vec<&str>> = BTreeMap::new();
    let mut lines = Vec::new();
    for endangered in &difference.dangers {
        if let Some((head, what)) = of_hosts(&endangered.danger) {
            listed.entry((&endangered.workloads, head)).or_default().push(what);
        } else {
            lines.push((&endangered.workloads, words(&endangered.danger)));
        }
    }
    // Of a gateway that serves many hosts no longer it is told once.
    let joined = listed.into_iter().map(|((whom, head), what)| {
        let separator = "; ";
        (whom, format!("{head}: {}", some(&what, separator)))
    });
    lines.extend(joined);
    let more = lines.len().saturating_sub(GROUPS_MAX);
    lines.truncate(GROUPS_MAX);
    let line = |(whom, what): (&BTreeSet<String>, String)| {
        plain(&format!("{}: {what}", named(whom.iter().map(String::as_str)))).into_owned()
    };
    let mut lines: Vec<_> = lines.into_iter().map(line).collect();
    lines.extend((more > 0).then(|| format!("… and {more} more")));
    lines
}

/// What is said of hosts, and of which one.
fn of_hosts(danger: &Danger) -> Option<(String, &str)> {
    match danger {
        Danger::ServerTls { of, before, after } => {
            Some((format!("less TLS is asked of clients ({before} → {after})"), of))
        }
        Danger::Unserved { what } => Some(("no longer served".to_owned(), what)),
        _ => None,
    }
}

/// As it is said of those for whom it is so.
pub(super) fn words(danger: &Danger) -> String {
    match danger {
        Danger::MutualTls { port: None, before, after } => {
            format!("mutual TLS: {before} → {after}")
        }
        Danger::MutualTls { port: Some(port), before, after } => {
            format!("mutual TLS at port {port}: {before} → {after}")
        }
        Danger::LetsIn => "requests are let in that policies refused".to_owned(),
        Danger::Refuses => "requests are refused that policies allowed".to_owned(),
        Danger::Closed => "every request is refused".to_owned(),
        Danger::Tokens { issuer } => format!("less is asked of tokens of issuer {issuer}"),
        Danger::TrustsIssuer { issuer } => {
            format!("callers are let in by tokens of issuer {issuer}, which was not trusted")
        }
        Danger::TrustsKeys { issuer } => {
            format!("other keys are trusted for tokens of issuer {issuer}")
        }
        Danger::ServerTls { of, before, after } => {
            format!("less TLS is asked of clients ({before} → {after}): {of}")
        }
        Danger::Unserved { what } => format!("no longer served: {what}"),
        Danger::LeftBehind { policy, was } => {
            format!("not under {policy}, which was for {was} and is for no workload now")
        }
    }
}

/// As [`named`], with what may have commas itself.
fn some(all: &[&str], separator: &str) -> String {
    /// How many are told.
    const TOLD_MAX: usize = 6;
    let (told, rest) = all.split_at(all.len().min(TOLD_MAX));
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    told.join(separator) + &more
}
