//! `host-without-port`: a policy keeps a host out, and with a port behind it the same host is another text.
//!
//! To a condition on the header it is one with letters in another case, too: `hosts` alone heeds none. Sources: Istio,
//! `AuthorizationPolicy.rules.to.operation.hosts`, `HostMatcher`, `HeaderMatcher`; ISTIO-SECURITY-2021-008: whoever sends the request
//! decides whether its host names the port.

use std::cell::{LazyCell, OnceCell};

use crate::api::Resource;
use crate::api::istio::{Action, AuthorizationPolicy, Condition};
use crate::check::barred::{Barred, Values};
use crate::check::kept::apart;
use crate::check::matching::form::Form;
use crate::check::matching::possible::Part;
use crate::check::operation::{HOSTS, keeping_out};
use crate::check::selection;
use crate::check::served_hosts::Servers;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::policy::Policy;

pub(super) static CHECK: Check =
    Check::lint("host-without-port", Severity::Warning, include_str!("host_without_port.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let (by_root, servers) = (OnceCell::new(), Servers::of(mesh));
    apart::authorization_policies_by_namespace(mesh, out, |all, out| {
        let barred = Barred::of(&all, &by_root, &HOSTS);
        for policy in all.own {
            let Ok(scope) = &policy.scope else { continue };
            // Of a host that the gateway does not have `policy-never-matches` speaks.
            let served = LazyCell::new(|| servers.hosts(&selection::of_policy(mesh, scope)));
            let is_served = |host: &str| served.as_ref().is_none_or(|it| it.never(host).is_none());
            let may_pass = |sent: &str| barred.lets_pass(scope, sent);
            out.extend(open_hosts(policy, is_served, may_pass));
        }
    });
}

/// One finding for each list of hosts.
fn open_hosts(
    policy: &Policy<'_, AuthorizationPolicy>,
    is_served: impl Fn(&str) -> bool,
    may_pass: impl Fn(&str) -> bool,
) -> Vec<Diagnostic> {
    let id = policy.resource.id;
    let hosts = keeping_out(policy.resource, &HOSTS).map(|it| (it.all, it.at, Named::ByHosts));
    let headers = headers(policy.resource).map(|(all, at)| (all, at, Named::ByHeader));
    let found = hosts.chain(headers).filter_map(|(all, at, named)| {
        let taken = Values::of(all, &HOSTS);
        let open = all.iter().enumerate().filter_map(|(index, host)| {
            let is_listed = |sent: &String| all.contains(sent);
            let by_case =
                || in_other_case(host).filter(|it| named == Named::ByHeader && !is_listed(it));
            let sent = past(host, &taken).or_else(by_case).filter(|it| may_pass(it))?;
            is_served(host).then_some(())?;
            Some((Place::value(id, at.clone().index(index)), host, sent))
        });
        let mut open = open.peekable();
        let (first, host, sent) = open.next()?;
        Some(report(first, host, &sent, named).and_here(open.map(|(place, ..)| place)))
    });
    found.collect()
}

/// How a policy names hosts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Named {
    ByHosts,
    /// By a condition, which is compared with case.
    ByHeader,
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
    let with = |name: &str, port: &&str| {
        let sent = format!("{name}:{port}");
        (!beside.take(&sent)).then_some(sent)
    };
    let sent = match host.strip_prefix('*') {
        // Of an end there is no pattern with all ports, and nobody lists them: any port shows that ports were thought of.
        Some(end) if beside.has_ending_with_port(end) => None,
        Some(end) => with(&format!("a{end}"), &PORTS[0]),
        None => PORTS.iter().find_map(|port| with(host, port)),
    }?;
    Part::Authority.never(Form::Exact(&sent)).is_none().then_some(sent)
}

/// Of which one is not named, unless all are: any port may follow.
const PORTS: [&str; 4] = ["80", "443", "8080", "1"];

/// The same host in capitals.
fn in_other_case(host: &str) -> Option<String> {
    let name = match Form::of_policy(host)? {
        Form::Exact(text) => text.to_owned(),
        Form::Suffix(end) => format!("a{end}"),
        Form::Prefix(start) => format!("{start}a"),
        _ => return None,
    };
    let upper = name.to_ascii_uppercase();
    let sent = if upper == name { name.to_ascii_lowercase() } else { upper };
    let text = host.trim_matches('*');
    let has_letters = text.bytes().any(|it| it.is_ascii_alphabetic());
    (has_letters && Part::Authority.never(Form::Exact(&sent)).is_none()).then_some(sent)
}

fn report(place: Place, host: &str, sent: &str, named: Named) -> Diagnostic {
    let has_port = sent.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let label = if has_port && !host.contains(':') {
        "a port may follow"
    } else {
        "case counts in a header"
    };
    let found = Diagnostic::new(&CHECK, place, format!("`{sent}` is not `{host}`"))
        .label(label)
        .consequence(format!(
            "a request with `Host: {sent}` is not kept out, and goes the same way"
        ));
    found.help(match named {
        Named::ByHeader => {
            let more = if host.contains([':', '*']) { "" } else { ", with and without `:*`" };
            format!("name `{host}` in `to.operation.hosts`, where case does not count{more}")
        }
        Named::ByHosts if host.starts_with('*') => {
            format!("add the ports that there are: `{host}:80`")
        }
        Named::ByHosts => format!("add `{host}:*`"),
    })
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
            (&["a.example", "a.example:8443"], Some("a.example:80")),
            (&["a.example", "a.example:80"], Some("a.example:443")),
            (&["a.example", "a.example:80", "*:443", "a.example:8080"], Some("a.example:1")),
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
