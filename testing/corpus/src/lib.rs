//! Runs corpora of cases through the public API of compiler and engine, and says which are met.
//!
//! ```text
//! a corpus's folder ─a group's file▶ [Case] ─run▶ Verdict ─▶ Report
//! ```
//! A corpus is recorded elsewhere: from other implementations' tests, and from what a real Istio did. It lies beside the
//! project; nothing of it is in here, and nothing here knows a case. A group has a file that reads its format; what holds
//! for a case is what its own files say.
//!
//! A case is met when the expected verdict is, and a verdict that came about for another reason is none: what is refused
//! only because it is not supported yet is not met, nor is what is accepted because nobody read it. What cannot be judged
//! here (a test that needs a wire) is listed with that reason and not passed. Where a difference is on purpose, that is said
//! (`differences`), and it is not passed either.

#![forbid(unsafe_code)]

mod case;
mod corpus;
mod differences;
mod report;

mod headers;
mod place;
mod served;
mod subject;
mod words;
mod yaml;

mod analyzers;
mod attacks;
mod authorization;
mod crds;
mod gateway_api;
mod oracle;
mod real;
mod simulation;
mod validation;

pub use corpus::CorpusError;
pub use report::{Elsewhere, Failure, GroupReport, Report};

use std::path::Path;

use case::Case;

/// What a corpus's cases have in common.
#[derive(Debug)]
pub struct Group {
    /// As the command line names it.
    pub name: &'static str,
    /// Its folder in the corpus, or the file beside the corpus.
    folder: &'static str,
    cases: fn(&Path) -> Result<Vec<Case>, CorpusError>,
    /// What else stands there, and is for other harnesses.
    elsewhere: Option<ListElsewhere>,
}

type ListElsewhere = fn(&Path) -> Result<Vec<Elsewhere>, CorpusError>;

/// All groups, in the order of their names.
pub static GROUPS: &[Group] = &[
    Group { name: "A", folder: "A-analyzers", cases: analyzers::cases, elsewhere: None },
    Group { name: "B", folder: "B-validation", cases: validation::cases, elsewhere: None },
    Group { name: "C", folder: "C-real", cases: real::cases, elsewhere: None },
    Group { name: "D", folder: "D-authz", cases: authorization::cases, elsewhere: None },
    Group { name: "E", folder: "E-gateway-api", cases: gateway_api::cases, elsewhere: None },
    Group { name: "F", folder: "F-crds", cases: crds::cases, elsewhere: None },
    Group { name: "G", folder: "G-simulation", cases: simulation::cases, elsewhere: None },
    Group { name: "I", folder: "I-oracle", cases: oracle::cases, elsewhere: None },
    Group {
        name: "attacks",
        folder: "../attacks/attacks.json",
        cases: attacks::cases,
        elsewhere: Some(attacks::elsewhere),
    },
];

/// The group of that name; case does not count.
#[must_use]
pub fn group(name: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.name.eq_ignore_ascii_case(name))
}

/// Runs every case of `groups` in `corpus`.
///
/// # Errors
/// When the corpus cannot be read, or is not of the form that its group has.
pub fn run(corpus: &Path, groups: &[&Group]) -> Result<Report, CorpusError> {
    let mut reports = Vec::new();
    for group in groups {
        let cases = (group.cases)(&corpus.join(group.folder))?;
        let elsewhere = group.elsewhere.map(|elsewhere| elsewhere(&corpus.join(group.folder)));
        let elsewhere = elsewhere.transpose()?.unwrap_or_default();
        reports.push(GroupReport::new(group.name, case::run_all(&cases), elsewhere));
    }
    Ok(Report { groups: reports })
}
