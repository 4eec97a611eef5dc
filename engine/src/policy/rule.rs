//! One rule of an authorization policy. Source: Istio `AuthorizationPolicy.Rule`.

use std::sync::Arc;

use mesh_snapshot::Key;
use mesh_snapshot::object::{self, Action, AuthorizationPolicy, Subject};

use super::test::{Facts, Test};
use crate::program::{Fault, Ledger};

/// A rule, by the names that logs and errors call it.
#[derive(Clone, Debug)]
pub struct Rule {
    pub key: Arc<Key>,
    pub namespace: Box<str>,
    pub policy: Box<str>,
    /// Its place in the policy.
    pub index: usize,
    item: Box<str>,
    id: Box<str>,
    /// Any group of each, and all of its tests.
    from: Vec<Vec<Test>>,
    to: Vec<Vec<Test>>,
    when: Vec<Test>,
}

/// The part of a rule that did not hold, with what its first group, or `when`, looks at first and does not accept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RuleMiss<'a> {
    pub part: RulePart,
    pub subject: &'a Subject,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RulePart {
    From,
    To,
    When,
}

/// What a rule is asked about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Layer {
    Http,
    /// Connections whose bytes are not HTTP: they have nothing that a test of HTTP could look at.
    Tcp,
}

impl Rule {
    /// `None` where the rule says nothing on this layer: an `ALLOW` rule that tests anything of HTTP cannot be
    /// met by bytes. Other rules lose those tests, and so match more. Source: Istio, `authz/builder`.
    pub(super) fn compile(
        policy: &AuthorizationPolicy,
        index: usize,
        rule: &object::Rule,
        key: &Arc<Key>,
        layer: Layer,
        ledger: &Ledger,
    ) -> Result<Option<Self>, Fault> {
        let groups = rule.from.iter().chain(&rule.to).chain([&rule.when]);
        let tests_http = groups.flatten().any(|test| test.subject.is_http());
        if layer == Layer::Tcp && policy.action == Action::Allow && tests_http {
            return Ok(None);
        }
        ledger.charge(size_of::<Self>())?;
        let (namespace, name) = (&policy.namespace, &policy.name);
        Ok(Some(Self {
            key: Arc::clone(key),
            namespace: namespace.as_str().into(),
            policy: name.as_str().into(),
            index,
            item: item(index).into(),
            id: format!("ns[{namespace}]-policy[{name}]-rule[{index}]").into(),
            from: groups_of(&rule.from, layer, ledger)?,
            to: groups_of(&rule.to, layer, ledger)?,
            when: tests(&rule.when, layer, ledger)?,
        }))
    }

    /// `ns[shop]-policy[reviews]-rule[0]`, as in Envoy's logs.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// As in a source map: `rules[0]`.
    #[must_use]
    pub fn item(&self) -> &str {
        &self.item
    }

    /// What keeps the rule from matching, if anything does.
    pub(super) fn miss(&self, facts: &Facts<'_>) -> Option<RuleMiss<'_>> {
        let miss = |part| move |subject| RuleMiss { part, subject };
        failing_of_any(&self.from, facts)
            .map(miss(RulePart::From))
            .or_else(|| failing_of_any(&self.to, facts).map(miss(RulePart::To)))
            .or_else(|| failing(&self.when, facts).map(miss(RulePart::When)))
    }
}

pub(super) fn item(index: usize) -> String {
    format!("rules[{index}]")
}

/// What fails first in the first group, unless some group holds, or there is none.
fn failing_of_any<'a>(groups: &'a [Vec<Test>], facts: &Facts<'_>) -> Option<&'a Subject> {
    let mut first = None;
    for group in groups {
        first = first.or(Some(failing(group, facts)?));
    }
    first
}

fn failing<'a>(tests: &'a [Test], facts: &Facts<'_>) -> Option<&'a Subject> {
    tests.iter().find(|test| !test.holds(facts)).map(|test| &test.subject)
}

fn groups_of(
    groups: &[Vec<object::Test>],
    layer: Layer,
    ledger: &Ledger,
) -> Result<Vec<Vec<Test>>, Fault> {
    groups.iter().map(|group| tests(group, layer, ledger)).collect()
}

fn tests(group: &[object::Test], layer: Layer, ledger: &Ledger) -> Result<Vec<Test>, Fault> {
    let kept = group.iter().filter(|test| layer == Layer::Http || !test.subject.is_http());
    kept.map(|test| Test::compile(test, ledger)).collect()
}
