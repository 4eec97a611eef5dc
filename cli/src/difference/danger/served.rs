//! What a gateway serves to those outside: hosts, at ports, which requests for them have a route, and what is asked of clients.
//!
//! Only what can be proved counts as served still: expressions are not compared with others.

use std::collections::{BTreeMap, BTreeSet};

use mesh_engine::host;
use mesh_snapshot::object::{
    AbortStatus, Backend, ClientCertificate, HttpAction, HttpMatch, HttpRoute, Labels,
    PartsPerMillion, RouteTable, ServerTls, Target, Workload,
};
use mesh_snapshot::slice::Slice;
use mesh_snapshot::{Object, Reference, Snapshot};

use super::requests::{both, covers, words};

#[derive(Default)]
pub(super) struct Served {
    /// By port and host.
    requests: BTreeMap<(u16, String), Vec<Taken>>,
    /// Ports, and the names that clients ask for in their handshake; empty: any.
    streams: BTreeSet<(u16, String)>,
    /// By port and host: the least that a server asks.
    asked: BTreeMap<(u16, String), Tls>,
}

/// Requests that a route takes, of those that no earlier one does.
#[derive(Debug, Eq, PartialEq)]
struct Taken {
    by: HttpMatch,
    /// Or else the gateway itself answers with a failure.
    is_served: bool,
}

/// What a server asks of its clients' connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Tls {
    Nothing,
    /// Requests in plain text are answered, and not served.
    Redirect,
    /// TLS, and no certificate.
    Simple,
    /// TLS; of what is asked beside it their backend has to say.
    Passthrough,
    /// A certificate of those who have one.
    OptionalMutual,
    Mutual,
}

impl Tls {
    const fn of(tls: &ServerTls) -> Self {
        match tls {
            ServerTls::Off => Self::Nothing,
            ServerTls::Redirect => Self::Redirect,
            ServerTls::Passthrough => Self::Passthrough,
            ServerTls::Terminate(termination) => match termination.client {
                ClientCertificate::Unasked => Self::Simple,
                ClientCertificate::Optional(_) => Self::OptionalMutual,
                ClientCertificate::Required(_) | ClientCertificate::Mesh => Self::Mutual,
            },
        }
    }

    /// How much it is. That the gateway ends the connection, or somebody behind it, is neither more nor less.
    const fn strength(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Redirect => 1,
            Self::Simple | Self::Passthrough => 2,
            Self::OptionalMutual => 3,
            Self::Mutual => 4,
        }
    }

    /// As in a `Gateway`, where it has a word for it.
    const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Redirect => "httpsRedirect",
            Self::Simple => "SIMPLE",
            Self::Passthrough => "PASSTHROUGH",
            Self::OptionalMutual => "OPTIONAL_MUTUAL",
            Self::Mutual => "MUTUAL",
        }
    }
}

impl Served {
    pub(super) fn of(slice: &Slice, workload: &Workload, snapshot: &Snapshot) -> Self {
        let mut served = Self::default();
        let table = |of: &Reference| match snapshot.object(&of.digest) {
            Some(Object::RouteTable(table)) => table,
            _ => RouteTable::default(),
        };
        for root in &slice.gateways {
            let Some(Object::Gateway(gateway)) = snapshot.object(&root.digest) else { continue };
            for server in gateway.servers {
                let tls = Tls::of(&server.tls);
                for host in server.virtual_hosts {
                    served.ask(server.port, &host.host, tls);
                    let known = served.requests.entry((server.port, host.host)).or_default();
                    for route in table(&host.routes).http {
                        let is_served = !refuses(&route);
                        for by in taken(route, server.port, workload) {
                            if !known.iter().any(|it| covers(&it.by, &by)) {
                                known.push(Taken { by, is_served });
                            }
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
                        served.ask(server.port, host, tls);
                    }
                    if names.is_empty() {
                        names.insert(String::new());
                    }
                    served.streams.extend(names.into_iter().map(|name| (server.port, name)));
                }
            }
        }
        served
    }

    fn ask(&mut self, port: u16, host: &str, tls: Tls) {
        let least = self.asked.entry((port, host.to_owned())).or_insert(tls);
        if tls.strength() < least.strength() {
            *least = tls;
        }
    }

    /// Where less TLS is asked of clients, as `shop.example.com:443`, what was and what is.
    pub(super) fn weaker(&self, before: &Self) -> BTreeSet<(String, &'static str, &'static str)> {
        // A host may come under a server of its own, or under that of a wildcard.
        let hosts: BTreeSet<_> = before.asked.keys().chain(self.asked.keys()).collect();
        let of_host = |(port, host): &(u16, String)| {
            let [was, is] = [before, self].map(|side| most_specific(&side.asked, *port, host));
            let (was, is) = (was?, is?);
            (is.strength() < was.strength())
                .then(|| (format!("{host}:{port}"), was.word(), is.word()))
        };
        hosts.into_iter().filter_map(of_host).collect()
    }

    /// What was served and is no longer: `shop.example.com:443, path /cart*`.
    pub(super) fn lost(&self, before: &Self) -> BTreeSet<String> {
        let mut lost = BTreeSet::new();
        // Routes of its own take a host from the wildcard that served it, with all that they do not match.
        let hosts: BTreeSet<_> = before.requests.keys().chain(self.requests.keys()).collect();
        for (port, host) in hosts {
            let Some(was) = most_specific(&before.requests, *port, host) else { continue };
            let is = most_specific(&self.requests, *port, host);
            if !was.iter().any(|it| it.is_served) || (is.is_none() && self.streams_to(*port, host))
            {
                continue;
            }
            match is.filter(|is| is.iter().any(|it| it.is_served)) {
                Some(is) => {
                    let gone = refused(was, is);
                    lost.extend(gone.iter().map(|it| format!("{host}:{port}, {}", words(it))));
                }
                None => drop(lost.insert(format!("{host}:{port}"))),
            }
        }
        for (port, name) in &before.streams {
            let requests = || most_specific(&self.requests, *port, name);
            let are_requests = || requests().is_some_and(|all| all.iter().any(|it| it.is_served));
            if !self.streams_to(*port, name) && (name.is_empty() || !are_requests()) {
                let host = if name.is_empty() { "connections" } else { name };
                lost.insert(format!("{host}:{port}"));
            }
        }
        lost
    }

    /// Whether connections for this name are passed on.
    fn streams_to(&self, port: u16, name: &str) -> bool {
        let takes = |it: &String| it.is_empty() || host::covers(it, name);
        self.streams.iter().any(|(at, it)| *at == port && takes(it))
    }
}

/// How many pairs of matches are looked at of one host: each costs as much as the host has matches.
const PARTS_MAX: usize = 8192;

/// The widest of what was served of one host and is not: what no route takes, and what one takes that answers with a failure.
fn refused(was: &[Taken], is: &[Taken]) -> Vec<HttpMatch> {
    let takes = |all: &[Taken], these: &HttpMatch| {
        all.iter().find(|it| covers(&it.by, these)).map(|it| it.is_served)
    };
    let is_lost =
        |these: &HttpMatch| takes(was, these) == Some(true) && takes(is, these) != Some(true);
    let mut lost: Vec<HttpMatch> = Vec::new();
    let mut add = |these: HttpMatch| {
        if !lost.iter().any(|wider| covers(wider, &these)) && is_lost(&these) {
            lost.retain(|it| !covers(&these, it));
            lost.push(these);
        }
    };
    let served = || was.iter().filter(|it| it.is_served).map(|it| &it.by);
    served().cloned().for_each(&mut add);
    // Of a route that takes requests as before some may go to another one that came before it. What both begin with takes
    // what it took.
    let same = was.iter().zip(is).take_while(|(was, is)| was == is).count();
    let failing = is.iter().skip(same).filter(|it| !it.is_served);
    let parts = failing.flat_map(|it| served().filter_map(|by| both(by, &it.by)));
    parts.take(PARTS_MAX).for_each(add);
    lost
}

/// What a route takes of the requests that come to this port of a gateway, as [`Taken`] has it. Whom a match is for, by labels or by
/// namespace, the gateway itself is asked, as Istio does: whoever calls it does not count.
fn taken(route: HttpRoute, port: u16, gateway: &Workload) -> Vec<HttpMatch> {
    // Without a match it takes every request.
    if route.matches.is_empty() {
        return vec![HttpMatch::default()];
    }
    let is_for_some = |it: &HttpMatch| {
        gateway.has(&it.source_labels)
            && (it.source_namespace.is_empty() || it.source_namespace == gateway.namespace)
            && it.port.is_none_or(|of_match| of_match == port)
    };
    let all = route.matches.into_iter().filter(is_for_some);
    all.map(|it| HttpMatch {
        port: None,
        source_labels: Labels::new(),
        source_namespace: String::new(),
        ..it
    })
    .collect()
}

/// Whether a route has the gateway itself answer every request with a failure. Who has that answer is not served.
fn refuses(route: &HttpRoute) -> bool {
    let is_aborted = route.fault.abort.as_ref().is_some_and(|abort| {
        let is_failure = match abort.status {
            AbortStatus::Http(status) => status >= 400,
            AbortStatus::Grpc(status) => status != 0,
        };
        is_failure && abort.share >= PartsPerMillion::ALL
    });
    let leads_nowhere = |it: &Backend| matches!(it.target, Target::Status(400..));
    is_aborted
        || match &route.action {
            HttpAction::Respond { status, .. } => *status >= 400,
            HttpAction::Forward { backends, .. } => {
                backends.iter().filter(|it| it.weight > 0).all(leads_nowhere)
            }
            HttpAction::Redirect(_) => false,
        }
}

/// What is known of the host that requests for this one are for.
fn most_specific<'m, T>(
    known: &'m BTreeMap<(u16, String), T>,
    port: u16,
    name: &str,
) -> Option<&'m T> {
    if let Some(of_host) = known.get(&(port, name.to_owned())) {
        return Some(of_host);
    }
    let of_port = known.iter().filter(|((at, _), _)| *at == port);
    let fitting = of_port.filter(|((_, of), _)| host::covers(of, name));
    fitting.max_by_key(|((_, of), _)| of.len()).map(|(_, it)| it)
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::{
        Bytes, ClaimMatch, Fault, HeaderMatch, HeaderOperations, QueryMatch, StringMatch,
        ValueMatch,
    };

    use super::*;

    fn path(path: StringMatch) -> HttpMatch {
        HttpMatch { path: Some(path), ..HttpMatch::default() }
    }

    fn served(port: u16, host: &str, requests: &[HttpMatch]) -> Served {
        let taken = |by: &HttpMatch| Taken { by: by.clone(), is_served: true };
        let requests = requests.iter().map(taken).collect();
        let requests = [((port, host.to_owned()), requests)].into();
        Served { requests, ..Served::default() }
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
            let [was, is] = [was, is].map(|it| served(80, "a.example.com", &[it]));
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
        let claim = |value: ValueMatch, inverted: bool| HttpMatch {
            claims: vec![ClaimMatch {
                path: vec!["realm".to_owned(), "role".to_owned()],
                value,
                inverted,
            }],
            ..all()
        };
        let is_one = || ValueMatch::Is(StringMatch::Exact("1".to_owned()));
        let both = HttpMatch { method: exact("GET"), ..header(is_one(), false) };
        for (asks, told) in [
            (HttpMatch { method: exact("GET"), ..all() }, "method GET"),
            (HttpMatch { scheme: exact("http"), ..all() }, "scheme http"),
            (HttpMatch { authority: exact("b"), ..all() }, "authority b"),
            (header(is_one(), false), "header x 1"),
            (header(ValueMatch::Present, true), "not header x"),
            (query(is_one()), "parameter q 1"),
            (query(ValueMatch::Present), "parameter q"),
            (claim(ValueMatch::Present, true), "not claim realm.role"),
            (claim(is_one(), false), "claim realm.role 1"),
            (HttpMatch { source_namespace: "b".to_owned(), ..all() }, "from namespace b"),
            (both, "method GET, header x 1"),
        ] {
            let other = HttpMatch { path: exact("/other"), ..all() };
            let [asks, all, other] =
                [asks, all(), other].map(|it| served(80, "a.example.com", &[it]));
            let of = |what: &str| BTreeSet::from([format!("a.example.com:80, {what}")]);
            assert_eq!(all.lost(&asks), BTreeSet::new());
            assert_eq!(asks.lost(&asks), BTreeSet::new());
            assert_eq!(asks.lost(&all), of("other requests"));
            assert_eq!(other.lost(&asks), of(told));
        }
        let [one, any] = [header(is_one(), false), header(ValueMatch::Present, false)];
        assert!(!covers(&one, &any) && !covers(&header(is_one(), true), &one));
    }

    /// `/admin`, or `!/admin` where the answer is a failure; empty: every request.
    fn taken_by(paths: &[&str]) -> Vec<Taken> {
        let one = |text: &&str| {
            let start = text.trim_start_matches('!');
            let all = HttpMatch::default();
            let by = if start.is_empty() { all } else { path(StringMatch::Prefix(start.into())) };
            Taken { by, is_served: !text.starts_with('!') }
        };
        paths.iter().map(one).collect()
    }

    #[test]
    fn the_first_that_takes_a_request_decides() {
        for (was, is, lost) in [
            (&["/admin", ""][..], &["!/admin", ""][..], &["path /admin*"][..]),
            (&[""], &["!/admin", ""], &["path /admin*"]),
            (&["/admin/x", ""], &["!/admin", ""], &["path /admin*"]),
            (&["/admin"], &["!/admin/x", "/admin"], &["path /admin/x*"]),
            (&["!/admin/x", "/admin"], &["!/admin/x", "/admin"], &[]),
            (&["!/admin", ""], &["!/admin/x", "!/admin", ""], &[]),
            (&["/a", "!/"], &["!/b", "/a"], &[]),
            (&["/a"], &["/a/x", "!/a"], &["path /a*"]),
        ] {
            let lost_now: Vec<_> =
                refused(&taken_by(was), &taken_by(is)).iter().map(words).collect();
            assert_eq!(lost_now, lost, "{was:?} {is:?}");
        }
    }

    #[test]
    fn a_match_is_for_a_port_and_for_gateways_with_labels_of_a_namespace() {
        let of = |it: HttpMatch| {
            let action = HttpAction::Respond { status: 200, body: Bytes::default() };
            HttpRoute {
                name: String::new(),
                matches: vec![it],
                action,
                headers: HeaderOperations::default(),
                cors: None,
                fault: Fault::default(),
            }
        };
        let at = |port| HttpMatch { port: Some(port), ..HttpMatch::default() };
        let gateway = Workload {
            namespace: "edge".to_owned(),
            labels: [("app".to_owned(), "x".to_owned())].into(),
            ..Workload::default()
        };
        let taken = |it: HttpMatch| taken(of(it), 80, &gateway);
        assert_eq!(taken(at(80)), [HttpMatch::default()]);
        assert_eq!(taken(at(443)), []);
        let with = |app: &str| HttpMatch {
            source_labels: [("app".to_owned(), app.to_owned())].into(),
            ..HttpMatch::default()
        };
        assert_eq!(taken(with("x")), [HttpMatch::default()]);
        assert_eq!(taken(with("y")), []);
        let from =
            |name: &str| HttpMatch { source_namespace: name.to_owned(), ..HttpMatch::default() };
        assert_eq!(taken(from("edge")), [HttpMatch::default()]);
        assert_eq!(taken(from("shop")), []);
    }

    /// As many as a host has at the most: the time grows with their number and with that of the pairs, and no faster.
    #[test]
    fn hundreds_of_routes_of_one_host_are_compared() {
        let with = |name: usize, is_served: bool| {
            let value = ValueMatch::Present;
            let header = HeaderMatch { name: format!("x-{name}"), value, inverted: false };
            Taken { by: HttpMatch { headers: vec![header], ..HttpMatch::default() }, is_served }
        };
        let was: Vec<_> = (0..300).map(|it| with(it, true)).collect();
        let is: Vec<_> =
            (300..600).map(|it| with(it, false)).chain((0..300).map(|it| with(it, true))).collect();
        assert_eq!(refused(&was, &was), []);
        let lost = refused(&was, &is);
        assert!(lost.iter().any(|it| words(it) == "header x-0, header x-300"), "{lost:?}");
    }

    #[test]
    fn names_of_handshakes_and_ports_may_be_lost() {
        let of = |port: u16, name: &str| Served {
            streams: [(port, name.to_owned())].into(),
            ..Served::default()
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
    }

    #[test]
    fn who_ends_the_connections_does_not_count() {
        let streams =
            || Served { streams: [(443, "a.example.com".to_owned())].into(), ..Served::default() };
        let requests = || served(443, "a.example.com", &[HttpMatch::default()]);
        assert!(streams().lost(&requests()).is_empty() && requests().lost(&streams()).is_empty());
        let elsewhere = served(444, "a.example.com", &[HttpMatch::default()]);
        assert!(!elsewhere.lost(&streams()).is_empty() && !streams().lost(&elsewhere).is_empty());
    }

    #[test]
    fn a_host_may_be_served_by_a_wildcard() {
        let all = [HttpMatch::default()];
        let was = served(80, "a.example.com", &all);
        for (port, host, is_lost) in
            [(80, "*.example.com", false), (80, "*", false), (80, "*.org", true), (81, "*", true)]
        {
            let lost = served(port, host, &all).lost(&was);
            assert_eq!(lost.contains("a.example.com:80"), is_lost, "{host}:{port}");
        }
    }
}
