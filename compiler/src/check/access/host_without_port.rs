//! `host-without-port`: a policy keeps a host out, and with a port behind it the same host is another text.
//!
//! Sources: Istio, `AuthorizationPolicy.rules.to.operation.hosts`; ISTIO-SECURITY-2021-008: whoever sends the request decides whether
//! its host names the port.

use std::cell::OnceCell;

use crate::check::barred::Barred;
use crate::check::kept::apart;
use crate::check::matching::form::Form;
use crate::check::operation::{HOSTS, Values, keeping_out};
use crate::check::policy_value::is_within;
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
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
        for Values { all, at, .. } in keeping_out(policy.resource, &HOSTS) {
            let open = all.iter().enumerate().filter_map(|(index, host)| {
                let sent = past(host, all).filter(|it| may_pass(it))?;
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

#[cfg(test)]
mod tests {
    use super::past;

    #[test]
    fn a_host_is_another_text_with_a_port_behind_it() {
        for (hosts, sent) in [
            (&["a.example"][..], Some("a.example:80")),
            (&["*.example"], Some("a.example:80")),
            (&["*"], None),
            (&["a.*"], None),
            (&["a.example:80"], None),
            (&["a.example", "a.example:*"], None),
            (&["a.example", "a.example:8443"], None),
            (&["a.example", "a.*"], None),
            (&["a.example", "*"], None),
            (&["*.example", "*.example:80"], None),
            (&["*.example", "*:80"], None),
            (&["a.example", "b.example:80"], Some("a.example:80")),
            (&["a.example", "a.example.org:80"], Some("a.example:80")),
        ] {
            let hosts: Vec<String> = hosts.iter().map(|&it| it.to_owned()).collect();
            let first = hosts.iter().find_map(|it| past(it, &hosts));
            assert_eq!(first.as_deref(), sent, "{hosts:?}");
        }
    }
}
