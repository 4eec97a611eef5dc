//! `host-without-port`: a policy keeps a host out, and with a port behind it the same host is another text.
//!
//! Sources: Istio, `AuthorizationPolicy.rules.to.operation.hosts`; ISTIO-SECURITY-2021-008: whoever sends the request decides whether
//! its host names the port.

use crate::api::istio::{Action, Operation};
use crate::check::kept::apart;
use crate::check::matching::form::Form;
use crate::check::operation::operations;
use crate::check::policy_value::is_within;
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("host-without-port", Severity::Warning, include_str!("host_without_port.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    apart::authorization_policies(mesh, out, |policy, out| {
        if policy.scope.is_err() {
            return;
        }
        let id = policy.resource.id;
        for (operation, at) in operations(policy.resource) {
            let Some((field, hosts)) = keeps_out(operation, policy.resource.spec.action) else {
                continue;
            };
            let at = at.field(field);
            let open = hosts.iter().enumerate().filter_map(|(index, host)| {
                Some((Place::value(id, at.clone().index(index)), host, past(host, hosts)?))
            });
            let mut open = open.peekable();
            if let Some((first, host, sent)) = open.next() {
                let found = report(first, host, &sent).and_here(open.map(|(place, ..)| place));
                out.push(found);
            }
        }
    });
}

/// The hosts that somebody is kept from.
fn keeps_out(operation: &Operation, action: Action) -> Option<(&'static str, &[String])> {
    match action {
        Action::Deny => Some(("hosts", &operation.hosts)),
        Action::Allow => Some(("notHosts", &operation.not_hosts)),
        Action::Audit | Action::Custom => None,
    }
}

/// The same host with a port, if none of `hosts` takes that.
fn past(host: &str, hosts: &[String]) -> Option<String> {
    let (Form::Exact(text) | Form::Suffix(text)) = Form::of_policy(host)? else { return None };
    if text.is_empty() || text.contains(':') {
        return None;
    }
    let name = if host.starts_with('*') { format!("a{text}") } else { text.to_owned() };
    // A list of all ports would be as good as a pattern, and nobody writes it: any port shows that ports were thought of.
    let begins = format!("{host}:");
    let is_taken =
        |other: &String| other.starts_with(&begins) || is_within(&format!("{name}:80"), other);
    (!hosts.iter().any(is_taken)).then(|| format!("{name}:80"))
}

fn report(place: Place, host: &str, sent: &str) -> Diagnostic {
    let found = Diagnostic::new(&CHECK, place, format!("`{sent}` is not `{host}`"))
        .label("a port may follow")
        .consequence(format!(
            "a request with `Host: {sent}` is not kept out, and goes the same way"
        ));
    if host.starts_with('*') {
        return found.help(format!("add the ports that there are: `{host}:80`"));
    }
    found.help(format!("add `{host}:*`"))
}
