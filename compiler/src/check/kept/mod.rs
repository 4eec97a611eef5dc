//! What the rules have found, kept from round to round; [`apart`] keeps what a rule found in a resource.

pub(in crate::check) mod apart;

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use self::apart::Walk;
use super::names::expired_certificate;
use super::{Rule, rules};
use crate::diagnostic::{Date, Diagnostic, Place};
use crate::parts::{Parts, reading};
use crate::resolve::Mesh;

/// What the rules have found, and of which parts of a mesh.
#[derive(Default)]
pub(crate) struct Kept {
    today: Option<Date>,
    /// By rule, and behind them what has expired.
    rules: Vec<Known>,
    /// Nobody asks again.
    is_once: bool,
}

/// What one rule has found.
#[derive(Default)]
struct Known {
    /// Absent: it is to be looked for.
    found: Option<Found>,
    walks: Vec<Walk>,
    /// To look for it the last time.
    took: Duration,
}

struct Found {
    diagnostics: Vec<Diagnostic>,
    of: Parts,
}

impl Kept {
    /// For one look.
    pub(crate) fn once() -> Self {
        Self { is_once: true, ..Self::default() }
    }

    /// Forgets what may be otherwise now that this has changed. Whether anything is to be looked for.
    pub(crate) fn forget(&mut self, changed: Parts, today: Option<Date>) -> bool {
        // Some rules look at what is no part.
        if changed == Parts::ALL || self.today != today || self.rules.is_empty() {
            self.today = today;
            self.rules = jobs().map(|_| Known::default()).collect();
        }
        for rule in &mut self.rules {
            rule.found.take_if(|it| it.of == Parts::ALL || it.of.meet(changed));
        }
        self.rules.iter().any(|rule| rule.found.is_none())
    }

    /// Looks for what is not known.
    pub(crate) fn look(&mut self, mesh: &Mesh<'_>) {
        let (today, is_once) = (self.today, self.is_once);
        let rules = jobs().zip(&mut self.rules);
        let mut rules: Vec<_> = rules.filter(|(_, rule)| rule.found.is_none()).collect();
        // Some take a hundred times as long as others: what took long is begun first, and nobody takes several at once.
        rules.sort_by_key(|(_, rule)| Reverse(rule.took));
        rules.into_iter().par_bridge().for_each(|(job, rule)| {
            let start = Instant::now();
            let walks = (!is_once).then_some(&mut rule.walks);
            rule.found = Some(look(job, mesh, today, walks));
            rule.took = start.elapsed();
        });
    }

    pub(super) fn into_all(self) -> impl Iterator<Item = Diagnostic> {
        let found = self.rules.into_iter().filter_map(|rule| rule.found);
        found.flat_map(|found| found.diagnostics)
    }

    /// All that was found, by rule.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Diagnostic> {
        self.rules.iter().filter_map(|it| it.found.as_ref()).flat_map(|it| &it.diagnostics)
    }
}

/// All rules, and behind them what has expired.
fn jobs() -> impl Iterator<Item = Option<&'static Rule>> {
    rules().map(Some).chain([None])
}

/// What a rule finds; where its walks are kept, they are replaced.
fn look(
    job: Option<&Rule>,
    mesh: &Mesh<'_>,
    today: Option<Date>,
    mut walks: Option<&mut Vec<Walk>>,
) -> Found {
    let mut diagnostics = Vec::new();
    let mut run = || match (job, today) {
        (Some((_, run)), _) => run(mesh, &mut diagnostics),
        (None, Some(today)) => expired_certificate::run(mesh, today, &mut diagnostics),
        (None, None) => {}
    };
    let ((), mut of) = reading(|| match &mut walks {
        Some(walks) => **walks = apart::keeping(&mesh.source.changed, std::mem::take(*walks), run),
        None => run(),
    });
    for found in &mut diagnostics {
        // Bytes of a file move without a change of what it says.
        found.each_place(|place| {
            if !matches!(place, Place::Field { .. }) {
                of = Parts::ALL;
            }
        });
    }
    if let Some(walks) = walks.filter(|_| of == Parts::ALL) {
        walks.clear();
    }
    Found { diagnostics, of }
}
