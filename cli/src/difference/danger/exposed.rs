//! What a gateway serves to those outside: hosts, at ports, which requests for them have a route, and what is asked of clients.
//!
//! Only what can be proved counts as served still: expressions are not compared with others.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::{ClientCertificate, HttpAction, HttpMatch, RouteTable, ServerTls};
use mesh_snapshot::slice::Slice;
use mesh_snapshot::{Object, Reference, Snapshot};

use super::requests::{covers, words};

#[derive(Default)]
pub(super) struct Exposed {
    /// By port and host.
    requests: BTreeMap<(u16, String), Vec<HttpMatch>>,
    /// Ports, and the names that clients ask for in their handshake; empty: any.
    streams: BTreeSet<(u16, String)>,
    /// By port and host: the least that a server asks.
    asked: BTreeMap<(u16, String), Tls>,
}

/// What a server asks of its clients' connections, from the least to the most.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Tls {
    Nothing,
    /// Requests in plain text are answered, and not served.
    Redirect,
    /// TLS, and no certificate. What is asked of those who pass through is their backend's to say.
    Simple,
    /// A certificate of those who have one.
    OptionalMutual,
    Mutual,
}

impl Tls {
    const fn of(tls: &ServerTls) -> Self {
        match tls {
            ServerTls::Off => Self::Nothing,
            ServerTls::Redirect => Self::Redirect,
            ServerTls::Passthrough => Self::Simple,
            ServerTls::Terminate(termination) => match termination.client {
                ClientCertificate::Unasked => Self::Simple,
                ClientCertificate::Optional(_) => Self::OptionalMutual,
                ClientCertificate::Required(_) | ClientCertificate::Mesh => Self::Mutual,
            },
        }
    }

    /// As in a `Gateway`, where it has a word for it.
    const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Redirect => "httpsRedirect",
            Self::Simple => "SIMPLE",
            Self::OptionalMutual => "OPTIONAL_MUTUAL",
            Self::Mutual => "MUTUAL",
        }
    }
}

impl Exposed {
    pub(super) fn of(slice: &Slice, snapshot: &Snapshot) -> Self {
        let mut exposed = Self::default();
        let table = |of: &Reference| match snapshot.object(&of.digest) {
            Some(Object::RouteTable(table)) => table,
            _ => RouteTable::default(),
        };
        for root in &slice.gateways {
            let Some(Object::Gateway(gateway)) = snapshot.object(&root.digest) else { continue };
            for server in gateway.servers {
                let tls = Tls::of(&server.tls);
                for host in server.virtual_hosts {
                    exposed.ask(server.port, &host.host, tls);
                    let known = exposed.requests.entry((server.port, host.host)).or_default();
                    for route in table(&host.routes).http {
                        // Without a match it takes every request.
                        let all = route.matches.is_empty().then(HttpMatch::default);
                        let takes_all = all.is_some();
                        if !refuses(&route.action) {
                            known.extend(route.matches.into_iter().chain(all));
                        }
                        if takes_all {
                            break;
                        }
                    }
                }
                let hosts = &server.hosts;
                let streams = server.stream_routes.as_ref().map(table).unwrap_or_default();
                for route in streams.tls.into_iter().chain(streams.tcp) {
                    let names = route.matches.into_iter().map(|it| it.sni);
                    let mut names: BTreeSet<_> = names.flatten().collect();
                    let whom = if names.is_empty() {
                        hosts.clone()
                    } else {
                        names.iter().cloned().collect()
                    };
                    for host in &whom {
                        exposed.ask(server.port, host, tls);
                    }
                    if names.is_empty() {
                        names.insert(String::new());
                    }
                    exposed.streams.extend(names.into_iter().map(|name| (server.port, name)));
                }
            }
        }
        exposed
    }

    fn ask(&mut self, port: u16, host: &str, tls: Tls) {
        let least = self.asked.entry((port, host.to_owned())).or_insert(tls);
        *least = tls.min(*least);
    }

    /// Where less TLS is asked of clients, as `shop.example.com:443`, what was and what is.
    pub(super) fn weaker(&self, before: &Self) -> BTreeSet<(String, &'static str, &'static str)> {
        // A host may come under a server of its own, or under that of a wildcard.
        let hosts: BTreeSet<_> = before.asked.keys().chain(self.asked.keys()).collect();
        let of_host = |(port, host): &(u16, String)| {
            let [was, is] = [before, self].map(|side| most_specific(&side.asked, *port, host));
            let (was, is) = (was?, is?);
            (is < was).then(|| (format!("{host}:{port}"), was.word(), is.word()))
        };
        hosts.into_iter().filter_map(of_host).collect()
    }

    /// What was served and is no longer: `shop.example.com:443, path /cart*`.
    pub(super) fn lost(&self, before: &Self) -> BTreeSet<String> {
        let mut lost = BTreeSet::new();
        // Routes of its own take a host from the wildcard that served it, with all that they do not match.
        let hosts: BTreeSet<_> = before.requests.keys().chain(self.requests.keys()).collect();
        for (port, host) in hosts {
            let Some(requests) = most_specific(&before.requests, *port, host) else { continue };
            let Some(now) = most_specific(&self.requests, *port, host) else {
                lost.insert(format!("{host}:{port}"));
                continue;
            };
            let gone = requests.iter().filter(|it| !now.iter().any(|now| covers(now, it)));
            lost.extend(gone.map(|it| format!("{host}:{port}, {}", words(it))));
        }
        for (port, name) in &before.streams {
            let is_served = |it: &String| it.is_empty() || specificity(it, name).is_some();
            if !self.streams.iter().any(|(at, it)| at == port && is_served(it)) {
                let host = if name.is_empty() { "connections" } else { name };
                lost.insert(format!("{host}:{port}"));
            }
        }
        lost
    }
}

/// Whether the gateway itself answers with a failure. Who has that answer is not served.
const fn refuses(action: &HttpAction) -> bool {
    matches!(action, HttpAction::Respond { status, .. } if *status >= 400)
}

/// What is known of the host that requests for this one are for.
fn most_specific<'m, T>(
    known: &'m BTreeMap<(u16, String), T>,
    port: u16,
    host: &str,
) -> Option<&'m T> {
    if let Some(of_host) = known.get(&(port, host.to_owned())) {
        return Some(of_host);
    }
    let of_port = known.iter().filter(|((at, _), _)| *at == port);
    let fitting = of_port.filter_map(|((_, of), it)| Some((specificity(of, host)?, it)));
    fitting.max_by_key(|(length, _)| *length).map(|(_, it)| it)
}

/// How much of a host a pattern says, where it is for it.
fn specificity(pattern: &str, host: &str) -> Option<usize> {
    let is_for = match pattern.strip_prefix('*') {
        Some(end) => host.ends_with(end),
        None => pattern == host,
    };
    is_for.then_some(pattern.len())
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::{HeaderMatch, QueryMatch, StringMatch, ValueMatch};

    use super::*;

    fn path(path: StringMatch) -> HttpMatch {
        HttpMatch { path: Some(path), ..HttpMatch::default() }
    }

    fn exposed(port: u16, host: &str, requests: &[HttpMatch]) -> Exposed {
        let requests = [((port, host.to_owned()), requests.to_vec())].into();
        Exposed { requests, ..Exposed::default() }
    }

    #[test]
    fn what_has_a_route_still_is_not_lost() {
        let [prefix, segments] = [StringMatch::Prefix, StringMatch::PathPrefix]
            .map(|of| move |text: &str| path(of(text.to_owned())));
        let exact = |text: &str| path(StringMatch::Exact(text.to_owned()));
        let all = HttpMatch::default();
        for (was, is, lost) in [
            (all.clone(), prefix("/"), None),
            (prefix("/a"), all.clone(), None),
            (all, prefix("/a"), Some("other requests")),
            (exact("/a/b"), prefix("/a"), None),
            (exact("/a/b"), segments("/a"), None),
            (exact("/ab"), segments("/a"), Some("path /ab")),
            (prefix("/a"), segments("/a"), Some("path /a*")),
            (prefix("/A"), HttpMatch { ignore_path_case: true, ..prefix("/a") }, None),
            (HttpMatch { ignore_path_case: true, ..prefix("/a") }, prefix("/a"), Some("path /a*")),
        ] {
            let [was, is] = [was, is].map(|it| exposed(80, "a.example.com", &[it]));
            let told: Vec<_> = is.lost(&was).into_iter().collect();
            let lost = lost.map(|it| format!("a.example.com:80, {it}"));
            assert_eq!(told, lost.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn each_thing_that_is_asked_of_requests_counts() {
        let exact = |text: &str| Some(StringMatch::Exact(text.to_owned()));
        let all = HttpMatch::default;
        let header = |value: ValueMatch, inverted: bool| HttpMatch {
            headers: vec![HeaderMatch { name: "x".to_owned(), value, inverted }],
            ..all()
        };
        let query = |value: ValueMatch| HttpMatch {
            query: vec![QueryMatch { name: "q".to_owned(), value }],
            ..all()
        };
        let is_one = || ValueMatch::Is(StringMatch::Exact("1".to_owned()));
        let both = HttpMatch { method: exact("GET"), ..header(is_one(), false) };
        for (asks, told) in [
            (HttpMatch { method: exact("GET"), ..all() }, "method GET"),
            (HttpMatch { scheme: exact("http"), ..all() }, "scheme http"),
            (HttpMatch { authority: exact("b"), ..all() }, "authority b"),
            (HttpMatch { port: Some(8080), ..all() }, "port 8080"),
            (header(is_one(), false), "header x 1"),
            (header(ValueMatch::Present, true), "not header x"),
            (query(is_one()), "parameter q 1"),
            (query(ValueMatch::Present), "parameter q"),
            (both, "method GET, header x 1"),
        ] {
            let other = HttpMatch { path: exact("/other"), ..all() };
            let [asks, all, other] =
                [asks, all(), other].map(|it| exposed(80, "a.example.com", &[it]));
            let of = |what: &str| BTreeSet::from([format!("a.example.com:80, {what}")]);
            assert_eq!(all.lost(&asks), BTreeSet::new());
            assert_eq!(asks.lost(&asks), BTreeSet::new());
            assert_eq!(asks.lost(&all), of("other requests"));
            assert_eq!(other.lost(&asks), of(told));
        }
        let [one, any] = [header(is_one(), false), header(ValueMatch::Present, false)];
        assert!(!covers(&one, &any) && !covers(&header(is_one(), true), &one));
    }

    #[test]
    fn names_of_handshakes_and_ports_may_be_lost() {
        let of = |port: u16, name: &str| Exposed {
            streams: [(port, name.to_owned())].into(),
            ..Exposed::default()
        };
        let was = of(443, "a.example.com");
        for (port, name, is_lost) in [
            (443, "a.example.com", false),
            (443, "*.example.com", false),
            (443, "", false),
            (443, "b.example.com", true),
            (444, "a.example.com", true),
        ] {
            let lost = of(port, name).lost(&was);
            assert_eq!(lost.contains("a.example.com:443"), is_lost, "{name}:{port}");
        }
        let lost = was.lost(&of(443, ""));
        assert_eq!(lost.into_iter().collect::<Vec<_>>(), ["connections:443"]);
    }

    #[test]
    fn the_narrowest_pattern_has_a_host() {
        let patterns = ["*", "*.com", "*.example.com", "a.example.com"];
        for count in 1..=patterns.len() {
            let all = patterns[..count].iter();
            let known: BTreeMap<_, _> = all.map(|it| ((80, (*it).to_owned()), *it)).collect();
            let found = most_specific(&known, 80, "a.example.com");
            assert_eq!(found, Some(&patterns[count - 1]));
            assert_eq!(most_specific(&known, 81, "a.example.com"), None);
        }
        assert_eq!(specificity("*.example.com", "example.com"), None);
    }

    #[test]
    fn a_host_may_be_served_by_a_wildcard() {
        let all = [HttpMatch::default()];
        let was = exposed(80, "a.example.com", &all);
        for (port, host, is_lost) in
            [(80, "*.example.com", false), (80, "*", false), (80, "*.org", true), (81, "*", true)]
        {
            let lost = exposed(port, host, &all).lost(&was);
            assert_eq!(lost.contains("a.example.com:80"), is_lost, "{host}:{port}");
        }
    }
}
