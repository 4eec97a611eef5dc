//! Which of a project's environments are compiled: the one that is named, or each of them.
//!
//! What is found in each is told once. What is found in some alone says in which.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use mesh_compiler::api::nearest;
use mesh_compiler::diagnostic::{Applicability, Finding};
use mesh_compiler::source::{FileId, Input};
use mesh_compiler::{
    Compilation, Early, Memory, Options, UNUSED_SUPPRESSION, compile, compile_again, environments,
};

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// The environment of `mesh.yaml` that is compiled; without it, each is checked.
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// A file or folder that says what is in the cluster, as `kubectl get ns,svc,deploy,sa -A -o yaml` prints it; no
    /// policy.
    #[arg(long, value_name = "FILE")]
    pub context: Vec<String>,
}

/// Why an environment cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvironmentError {
    #[error("there is no environment `{name}` in mesh.yaml{}", meant(.near.as_deref()))]
    Unknown { name: String, near: Option<String> },
    #[error("which environment is it? `--env` names one of {}", .0.join(", "))]
    Several(Vec<String>),
}

fn meant(near: Option<&str>) -> String {
    near.map_or(String::new(), |near| format!("; did you mean `{near}`?"))
}

impl Surroundings {
    /// `--context`, as inputs.
    pub(crate) fn inputs(&self) -> Vec<Input> {
        self.context.iter().map(|path| Input::from(path.as_str())).collect()
    }

    /// The environments to compile; none: all files are one.
    ///
    /// # Errors
    /// When there is none of the name.
    pub(crate) fn chosen(&self, inputs: &[Input]) -> Result<Vec<String>, EnvironmentError> {
        let all = environments(inputs);
        let Some(name) = &self.env else { return Ok(all) };
        if all.contains(name) {
            return Ok(vec![name.clone()]);
        }
        let near = nearest(name, all.iter().map(String::as_str)).map(str::to_owned);
        Err(EnvironmentError::Unknown { name: name.clone(), near })
    }

    /// The same where there can be but one.
    ///
    /// # Errors
    /// When there is none of the name, or several and no name.
    pub(crate) fn only(&self, inputs: &[Input]) -> Result<Option<String>, EnvironmentError> {
        let mut chosen = self.chosen(inputs)?;
        match chosen.len() {
            0 | 1 => Ok(chosen.pop()),
            _ => Err(EnvironmentError::Several(chosen)),
        }
    }
}

/// One compilation of many of a repository: what it has of those before it, and who hears of it early.
pub(crate) struct Round<'a, 'g> {
    pub memory: &'a mut Memory<'g>,
    /// What is found in one of several environments is told with what is found in the others, and not early.
    pub early: Early<'a>,
}

/// Compiles each of the environments, by what is known of the time before; without any, all files. Of several there is no
/// snapshot.
pub(crate) fn compile_each(
    inputs: &[Input],
    options: &Options,
    environments: &[String],
    mut round: Option<Round<'_, '_>>,
) -> Compilation {
    let mut one = |options: &Options| {
        let Some(Round { memory, early }) = &mut round else { return compile(inputs, options) };
        let early: Option<Early<'_>> = if environments.len() < 2 { Some(early) } else { None };
        compile_again(inputs, options, memory, early)
    };
    let mut all = Vec::new();
    for name in environments {
        let environment = Some(name.clone());
        all.push((name.clone(), one(&Options { environment, ..options.clone() })));
    }
    match all.pop() {
        None => one(options),
        Some((_, only)) if all.is_empty() => only,
        Some(last) => {
            all.push(last);
            union(all)
        }
    }
}

/// Files have the same numbers in all of them, so that places in one are places in each.
fn union(all: Vec<(String, Compilation)>) -> Compilation {
    let count = all.len();
    let mut found: Vec<(Finding, Vec<String>)> = Vec::new();
    let mut known: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    let mut largest: Option<Compilation> = None;
    let mut fault = None;
    let mut holders: BTreeMap<FileId, usize> = BTreeMap::new();
    for (name, mut compiled) in all {
        let files: BTreeSet<_> = compiled.parsed.documents().map(|(_, it)| it.file).collect();
        for file in files {
            *holders.entry(file).or_default() += 1;
        }
        for finding in std::mem::take(&mut compiled.findings) {
            let Finding { check, message, primary, .. } = &finding;
            let place = (primary.file, primary.span, check.name, message.clone());
            let same = known.entry(place).or_default();
            let at = same.iter().find(|at| found.get(**at).is_some_and(|it| it.0 == finding));
            if let Some((_, names)) = at.and_then(|at| found.get_mut(*at)) {
                names.push(name.clone());
            } else {
                same.push(found.len());
                found.push((finding, vec![name.clone()]));
            }
        }
        fault = fault.or(compiled.fault.take());
        if largest.as_ref().is_none_or(|known| known.mesh.count < compiled.mesh.count) {
            largest = Some(compiled);
        }
    }
    found.sort_by(|(a, _), (b, _)| order(a).cmp(&order(b)));
    let findings = found.into_iter().filter_map(|(finding, names)| {
        let holders = holders.get(&finding.primary.file).copied().unwrap_or(count);
        told(finding, &names, holders, count)
    });
    let findings = findings.collect();
    #[expect(clippy::expect_used, reason = "there are several, and the first is larger than none")]
    let largest = largest.expect("an environment");
    Compilation { findings, fault, bundle: None, ..largest }
}

/// As the compiler sorts them.
fn order(finding: &Finding) -> impl Ord + use<'_> {
    (finding.primary.file, finding.primary.span, finding.check.name, finding.message.as_str())
}

/// `names`: where it was found; `holders`: in how many its file is; `of`: how many there are.
///
/// What is found in some alone and not in others that have the file cannot be mended there without a look at those. A comment that
/// allows something serves its purpose where it does so in one.
fn told(mut finding: Finding, names: &[String], holders: usize, of: usize) -> Option<Finding> {
    if names.len() < holders {
        if *finding.check == UNUSED_SUPPRESSION {
            return None;
        }
        for fix in finding.fixes.iter_mut().filter(|it| it.applicability == Applicability::Safe) {
            fix.applicability = Applicability::Unsafe;
        }
    }
    if names.len() < of {
        let only = format!("found in {} alone", names.join(", "));
        finding.help = Some(match finding.help {
            // Under what is shown in lines of its own it stands in another.
            Some(help) if help.contains('\n') => format!("{help}\n{only}"),
            Some(help) => format!("{help}; {only}"),
            None => only,
        });
    }
    Some(finding)
}
