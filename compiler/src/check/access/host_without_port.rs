//! `host-without-port`: a policy keeps a host out, and with a port behind it the same host is another text.
//!
//! Sources: Istio, `AuthorizationPolicy.rules.to.operation.hosts`; ISTIO-SECURITY-2021-008: whoever sends the request decides whether
//! its host names the port.

use std::cell::OnceCell;

use crate::api::Resource;
use crate::api::istio::{Action, AuthorizationPolicy, Condition};
use crate::check::barred::{Barred, Values};
use crate::check::kept::apart;
use crate::check::matching::form::Form;
use crate::check::matching::possible::Part;
use crate::check::operation::{HOSTS, keeping_out};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("host-without-port", Severity::Warning, include_str!("host_without_port.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let barred = OnceCell::new();
    apart::authorization_policies(mesh, out, |policy, out| {
        let Ok(scope) = &policy.scope else { return };
        let may_pass =
            |sent: &str| barred.get_or_init(|| Barred::of(mesh, &HOSTS)).lets_pass(scope, sent);
        let id = policy.resource.id;
        let hosts = keeping_out(policy.resource, &HOSTS).map(|it| (it.all, it.at));
        for (all, at) in hosts.chain(headers(policy.resource)) {
            let taken = Values::of(all, &HOSTS);
            let open = all.iter().enumerate().filter_map(|(index, host)| {
                let sent = past(host, &taken).filter(|it| may_pass(it))?;
                Some((Place::value(id, at.clone().index(index)), host, sent))
            });
            let mut open = open.peekable();
            if let Some((first, host, sent)) = open.next() {
                let found = report(first, host, &sent).and_here(open.map(|(place, ..)| place));
                out.push(found);
            }
        }
    });
}

/// One of the two lists of a condition.
type ValuesOf = fn(&Condition) -> &[String];

/// The same of conditions on the header, which is compared with its port, too.
fn headers(policy: &Resource<AuthorizationPolicy>) -> impl Iterator<Item = (&[String], FieldPath)> {
    let is_host = |it: &Condition| {
        let name = it.key.strip_prefix("request.headers[").and_then(|it| it.strip_suffix(']'));
        name.is_some_and(|it| it.eq_ignore_ascii_case("host") || it == ":authority")
    };
    let list: Option<(&str, ValuesOf)> = match policy.spec.action {
        Action::Deny => Some(("values", |it| &it.values)),
        Action::Allow => Some(("notValues", |it| &it.not_values)),
        Action::Audit | Action::Custom => None,
    };
    let rules = FieldPath::default().field("spec").field("rules");
    list.into_iter().flat_map(move |(field, of)| {
        let rules = rules.clone();
        let each = policy.spec.rules.iter().flatten().enumerate();
        each.flat_map(move |(index, rule)| {
            let at = rules.clone().index(index).field("when");
            let conditions = rule.when.iter().enumerate().filter(move |(_, it)| is_host(it));
            conditions.map(move |(index, it)| (of(it), at.clone().index(index).field(field)))
        })
    })
}

/// The same host with a port, if it is one and none of the hosts beside takes that.
fn past(host: &str, beside: &Values) -> Option<String> {
    let (Form::Exact(text) | Form::Suffix(text)) = Form::of_policy(host)? else { return None };
    if text.is_empty() || text.contains(':') {
        return None;
    }
    let (name, begins) = match host.strip_prefix('*') {
        Some(end) => (format!("a{end}"), beside.has_ending_with_port(end)),
        None => (host.to_owned(), beside.has_beginning(&format!("{host}:"))),
    };
    // A list of all ports would be as good as a pattern, and nobody writes it: any port shows that ports were thought of.
    let sent = format!("{name}:80");
    let is_host = Part::Authority.never(Form::Exact(&sent)).is_none();
    (is_host && !begins && !beside.take(&sent)).then_some(sent)
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

#[cfg(test)]
mod tests {
    use super::{HOSTS, Values, past};

    #[test]
    fn a_host_is_another_text_with_a_port_behind_it() {
        for (hosts, sent) in [
            (&["a.example"][..], Some("a.example:80")),
            (&["*.example"], Some("a.example:80")),
            (&["*"], None),
            (&["a.*"], None),
            (&["a.example:80"], None),
            // No request names such a host.
            (&["a\tb.example"], None),
            (&["*.example/"], None),
            (&["a.example", "a.example:*"], None),
            (&["a.example", "a.example:8443"], None),
            (&["a.example", "a.*"], None),
            (&["a.example", "*"], None),
            (&["*.example", "*.example:80"], None),
            (&["*.example", "*:80"], None),
            (&["a.example", "b.example:80"], Some("a.example:80")),
            (&["a.example", "a.example.org:80"], Some("a.example:80")),
            (&["A.example", "a.EXAMPLE:*"], None),
        ] {
            let hosts: Vec<String> = hosts.iter().map(|&it| it.to_owned()).collect();
            let taken = Values::of(hosts.iter(), &HOSTS);
            let first = hosts.iter().find_map(|it| past(it, &taken));
            assert_eq!(first.as_deref(), sent, "{hosts:?}");
        }
    }
}
