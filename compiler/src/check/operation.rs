//! What the rules of a policy say of requests.

use crate::api::Resource;
use crate::api::istio::{Action, AuthorizationPolicy, Operation, Rule, To};
use crate::check::policy_value::is_within;
use crate::diagnostic::FieldPath;

/// Every `operation` of a policy, and its place.
pub(super) fn operations(
    policy: &Resource<AuthorizationPolicy>,
) -> impl Iterator<Item = (&Operation, FieldPath)> {
    let rules = policy.spec.rules.iter().flatten().enumerate();
    rules.flat_map(|(rule, it)| {
        let at = FieldPath::default().field("spec").field("rules").index(rule).field("to");
        let operations = it.to.iter().flatten().enumerate();
        operations.filter_map(move |(index, to)| {
            let at = at.clone().index(index).field("operation");
            Some((to.operation.as_ref()?, at))
        })
    })
}

/// An attribute of requests, by the lists in which an operation says what it asks of it and what it leaves out.
pub(super) struct Attribute {
    asked: List,
    left_out: List,
    /// Whether case counts.
    pub(super) has_case: bool,
}

impl Attribute {
    pub(super) fn asked<'p>(&self, of: &'p Operation) -> &'p [String] {
        self.asked.1(of)
    }

    /// Whether an operation asks for nothing else.
    pub(super) fn is_alone_in(&self, operation: &Operation) -> bool {
        let lists = |it: &Operation| {
            let asked = [it.hosts.len(), it.ports.len(), it.methods.len(), it.paths.len()];
            let left_out =
                [it.not_hosts.len(), it.not_ports.len(), it.not_methods.len(), it.not_paths.len()];
            asked.into_iter().chain(left_out).sum::<usize>()
        };
        lists(operation) == self.asked(operation).len() + self.left_out(operation).len()
    }

    pub(super) fn left_out<'p>(&self, of: &'p Operation) -> &'p [String] {
        self.left_out.1(of)
    }
}

type List = (&'static str, fn(&Operation) -> &[String]);

pub(super) const HOSTS: Attribute = Attribute {
    asked: ("hosts", |it| &it.hosts),
    left_out: ("notHosts", |it| &it.not_hosts),
    has_case: false,
};

pub(super) const PATHS: Attribute = Attribute {
    asked: ("paths", |it| &it.paths),
    left_out: ("notPaths", |it| &it.not_paths),
    has_case: true,
};

/// The values of one list of an operation.
pub(super) struct Values<'p> {
    pub(super) field: &'static str,
    pub(super) all: &'p [String],
    /// Where the list stands.
    pub(super) at: FieldPath,
}

/// Of every operation the values by which somebody gets in. What only notes or asks others lets nobody in.
pub(super) fn letting_in<'p>(
    policy: &'p Resource<AuthorizationPolicy>,
    of: &Attribute,
) -> impl Iterator<Item = Values<'p>> + use<'p> {
    values(
        policy,
        match policy.spec.action {
            Action::Allow => Some(of.asked),
            Action::Deny => Some(of.left_out),
            Action::Audit | Action::Custom => None,
        },
    )
}

/// Of every operation the values by which somebody is kept out.
pub(super) fn keeping_out<'p>(
    policy: &'p Resource<AuthorizationPolicy>,
    of: &Attribute,
) -> impl Iterator<Item = Values<'p>> + use<'p> {
    values(
        policy,
        match policy.spec.action {
            Action::Allow => Some(of.left_out),
            Action::Deny => Some(of.asked),
            Action::Audit | Action::Custom => None,
        },
    )
}

fn values(
    policy: &Resource<AuthorizationPolicy>,
    list: Option<List>,
) -> impl Iterator<Item = Values<'_>> + use<'_> {
    list.into_iter().flat_map(move |(field, of)| {
        operations(policy).map(move |(operation, at)| Values {
            field,
            all: of(operation),
            at: at.field(field),
        })
    })
}

/// The condition on the port that a connection goes to.
pub(super) const PORT: &str = "destination.port";

/// Whether what a rule says of a port by conditions holds at one; absent: at one that nobody names.
pub(super) fn conditions_hold_at(rule: &Rule, port: Option<u16>) -> bool {
    let mut conditions = rule.when.iter().filter(|it| it.key == PORT);
    conditions.all(|it| is_port_among(port, &it.values, &it.not_values))
}

/// What a rule asks for of those who come to a port; absent where it is for none of them.
pub(super) fn at_port(rule: &Rule, port: u16) -> Option<Rule> {
    if !conditions_hold_at(rule, Some(port)) {
        return None;
    }
    let is_here = |it: &To| {
        let operation = it.operation.as_ref();
        operation.is_none_or(|it| is_port_among(Some(port), &it.ports, &it.not_ports))
    };
    let without_port = |it: &To| {
        let operation = it.operation.clone();
        let ports = (Vec::new(), Vec::new());
        To { operation: operation.map(|it| Operation { ports: ports.0, not_ports: ports.1, ..it }) }
    };
    let to = rule.to.as_ref().map(|to| {
        let here = to.iter().filter(|it| is_here(it));
        here.map(without_port).collect::<Vec<_>>()
    });
    if to.as_ref().is_some_and(Vec::is_empty) {
        return None;
    }
    let when = rule.when.iter().filter(|it| it.key != PORT).cloned().collect();
    Some(Rule { from: rule.from.clone(), to, when })
}

/// What a rule asks for of requests with a method besides; absent where it is for none of them.
pub(super) fn with_method(rule: &Rule, method: &str) -> Option<Rule> {
    let is_among = |values: &[String]| values.iter().any(|it| is_within(method, it));
    let takes = |it: &Operation| {
        (it.methods.is_empty() || is_among(&it.methods)) && !is_among(&it.not_methods)
    };
    let without_method = |it: &To| {
        let (methods, not_methods) = (Vec::new(), Vec::new());
        let operation = it.operation.clone();
        To { operation: operation.map(|it| Operation { methods, not_methods, ..it }) }
    };
    let to = rule.to.as_ref().map(|to| {
        let taking = to.iter().filter(|it| it.operation.as_ref().is_none_or(takes));
        taking.map(without_method).collect::<Vec<_>>()
    });
    let is_for_some = to.as_ref().is_none_or(|to| !to.is_empty());
    is_for_some.then(|| Rule { from: rule.from.clone(), to, when: rule.when.clone() })
}

/// Whether a port is one of those that are asked for, if any are, and none of those that are left out.
pub(super) fn is_port_among(port: Option<u16>, asked: &[String], left_out: &[String]) -> bool {
    let is_named =
        |ports: &[String]| port.is_some_and(|port| ports.iter().any(|it| it.parse() == Ok(port)));
    (asked.is_empty() || is_named(asked)) && !is_named(left_out)
}
