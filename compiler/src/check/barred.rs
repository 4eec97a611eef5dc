//! Requests that policies for the same workloads keep out by their host or their path alone, whoever sends them.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use mesh_snapshot::Applies;

use crate::api::istio::{Action, AuthorizationPolicy, Rule};
use crate::check::kept::apart::InNamespace;
use crate::check::matching::form::Form;
use crate::check::operation::Attribute;
use crate::check::policy_value::is_path_within;
use crate::resolve::policy::{Policy, Scope};

/// What the policies for the workloads of one namespace ask of one attribute of requests.
pub(super) struct Barred<'k, 'm> {
    own: ByScope<'m>,
    of_root: Option<&'k ByScope<'m>>,
}

/// What policies ask, by whom they are for.
pub(super) struct ByScope<'m>(BTreeMap<&'m Scope<'m>, Said>);

#[derive(Default)]
struct Said {
    /// What `DENY` rules name that ask for nothing else.
    denied: Values,
    /// What single `DENY` rules leave out alone: they deny all else.
    spared: Vec<Values>,
    /// What `ALLOW` rules name; absent: there are none.
    allowed: Option<Values>,
}

impl<'m> ByScope<'m> {
    fn of(policies: &[&'m Policy<'_, AuthorizationPolicy>], attribute: &Attribute) -> Self {
        let mut all: BTreeMap<&Scope<'_>, Said> = BTreeMap::new();
        for policy in policies.iter().filter(|it| !it.resource.is_tried()) {
            let Ok(scope) = &policy.scope else { continue };
            let Said { denied, spared, allowed } = all.entry(scope).or_default();
            match policy.resource.spec.action {
                Action::Deny => {}
                // Without rules it lets in nobody.
                Action::Allow => drop(allowed.get_or_insert_default()),
                Action::Audit | Action::Custom => continue,
            }
            for rule in policy.resource.spec.rules.iter().flatten() {
                if policy.resource.spec.action == Action::Allow {
                    allow(rule, attribute, allowed.get_or_insert_default());
                } else if rule.from.is_none() && rule.when.is_empty() {
                    deny(rule, attribute, (denied, spared));
                }
            }
        }
        Self(all)
    }
}

impl<'k, 'm> Barred<'k, 'm> {
    /// What those of the root namespace ask is put together once.
    pub(super) fn of(
        all: &InNamespace<'_, 'm, '_>,
        by_root: &'k OnceCell<ByScope<'m>>,
        attribute: &Attribute,
    ) -> Self {
        let of_root = || by_root.get_or_init(|| ByScope::of(all.of_root, attribute));
        let of_root = (!all.of_root.is_empty()).then(of_root);
        Self { own: ByScope::of(all.own, attribute), of_root }
    }

    /// Whether a request for `text` may get past all policies that are for those whom `scope` is for, and others.
    pub(super) fn lets_pass(&self, scope: &Scope<'_>, text: &str) -> bool {
        let everywhere = Scope { namespace: None, applies: Applies::All };
        let namespace = Scope { namespace: scope.namespace, applies: Applies::All };
        let scopes: BTreeSet<_> = [&everywhere, &namespace, scope].into();
        let of =
            |scope| std::iter::once(&self.own).chain(self.of_root).map(move |it| it.0.get(scope));
        let said: Vec<_> = scopes.into_iter().flat_map(of).flatten().collect();
        let mut allowed = said.iter().filter_map(|it| it.allowed.as_ref()).peekable();
        let is_let_in = allowed.peek().is_none() || allowed.any(|it| it.take(text));
        let is_denied =
            |it: &&Said| it.denied.take(text) || it.spared.iter().any(|spared| !spared.take(text));
        is_let_in && !said.iter().any(is_denied)
    }
}

/// What else a rule asks for may be so.
fn allow(rule: &Rule, attribute: &Attribute, allowed: &mut Values) {
    let Some(to) = &rule.to else {
        allowed.any = true;
        return;
    };
    for operation in to.iter().filter_map(|it| it.operation.as_ref()) {
        let asked = attribute.asked(operation);
        allowed.any |= asked.is_empty();
        allowed.extend(asked, attribute);
    }
}

/// What a rule denies everybody.
fn deny(rule: &Rule, attribute: &Attribute, (denied, spared): (&mut Values, &mut Vec<Values>)) {
    let operations = rule.to.iter().flatten().filter_map(|it| it.operation.as_ref());
    for operation in operations.filter(|it| attribute.is_alone_in(it)) {
        let (asked, left_out) = (attribute.asked(operation), attribute.left_out(operation));
        if left_out.is_empty() {
            denied.extend(asked, attribute);
        } else if asked.is_empty() {
            spared.push(Values::of(left_out, attribute));
        }
    }
}

/// Values of policies, found by what they take.
#[derive(Default)]
pub(super) struct Values {
    any: bool,
    /// Whether all are in lower case, and so is what is looked for.
    folds: bool,
    exact: BTreeSet<String>,
    prefixes: BTreeSet<String>,
    suffixes: BTreeSet<String>,
    /// By what stands before their first part that is none.
    templates: BTreeMap<String, Vec<String>>,
}

impl Values {
    pub(super) fn of<'v>(
        values: impl IntoIterator<Item = &'v String>,
        attribute: &Attribute,
    ) -> Self {
        let mut all = Self::default();
        all.extend(values, attribute);
        all
    }

    fn extend<'v>(&mut self, values: impl IntoIterator<Item = &'v String>, attribute: &Attribute) {
        self.folds = !attribute.has_case;
        for value in values {
            let value = self.folded(value);
            match Form::of_policy(&value) {
                _ if value.contains('{') => {
                    let start = value.split('{').next().unwrap_or_default().to_owned();
                    self.templates.entry(start).or_default().push(value.into_owned());
                    continue;
                }
                Some(Form::Exact(text)) => self.exact.insert(text.to_owned()),
                Some(Form::Prefix(text)) => self.prefixes.insert(text.to_owned()),
                Some(Form::Suffix(text)) => self.suffixes.insert(text.to_owned()),
                _ => {
                    self.any = true;
                    continue;
                }
            };
        }
    }

    fn folded<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.folds { text.to_ascii_lowercase().into() } else { text.into() }
    }

    pub(super) fn take(&self, text: &str) -> bool {
        let text = &*self.folded(text);
        let mut cuts = (0..=text.len()).filter(|at| text.is_char_boundary(*at));
        self.any
            || self.exact.contains(text)
            || cuts.any(|at| {
                let (start, end) = text.split_at(at);
                let mut templates = self.templates.get(start).into_iter().flatten();
                self.prefixes.contains(start)
                    || self.suffixes.contains(end)
                    || templates.any(|it| is_path_within(text, it))
            })
    }

    /// Whether any of them is how texts end, with a port behind `text`.
    pub(super) fn has_ending_with_port(&self, text: &str) -> bool {
        has_beginning(&self.suffixes, &format!("{}:", self.folded(text)))
    }
}

fn has_beginning(all: &BTreeSet<String>, text: &str) -> bool {
    let from = (Bound::Included(text), Bound::Unbounded);
    all.range::<str, _>(from).next().is_some_and(|first| first.starts_with(text))
}
