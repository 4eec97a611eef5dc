//! Routes of bytes: TCP, and TLS that nobody terminates. Source: Istio `TCPRoute`, `TLSRoute`.
//!
//! Envoy does not try them in order: of those that match, the one for the narrowest destination wins, then the one for
//! the most specific server name. So does this; among equals the first.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use mesh_snapshot::Key;
use mesh_snapshot::object;

use super::compile::Context;
use super::split::Split;
use crate::address::block;
use crate::host::covers;
use crate::program::{BuildError, Fault};

/// Routes for one port and one workload.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamTable {
    routes: Vec<StreamRoute>,
    matches: Vec<Match>,
}

/// One route, with its place in the policy repository.
#[derive(Clone, Debug)]
pub struct StreamRoute {
    pub key: Arc<Key>,
    /// `tcp[0]`, `tls[1]`.
    pub item: Box<str>,
    pub backends: Split,
}

#[derive(Clone, Debug)]
struct Match {
    route: usize,
    /// Host patterns; empty: any, or none sent.
    sni: Box<[Box<str>]>,
    /// Empty: any.
    subnets: Box<[IpNet]>,
}

/// What a connection shows before any byte of it is forwarded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamFacts<'a> {
    pub(crate) sni: Option<&'a str>,
    pub(crate) destination: IpAddr,
}

/// The greater, the narrower: bits of the subnet, exact name before wildcard, length of the name.
type Rank = (usize, bool, usize);

impl StreamTable {
    /// Adds the routes that `context`'s workload and port can take. `list` is what the key's object calls them.
    pub(crate) fn push(
        &mut self,
        routes: &[object::StreamRoute],
        list: &str,
        key: &Arc<Key>,
        context: &mut Context<'_>,
    ) -> Result<(), BuildError> {
        for (index, route) in routes.iter().enumerate() {
            let item = format!("{list}[{index}]");
            let at = |fault| BuildError::at(key, &item, fault);
            let matches = self.matches(route, context).map_err(at)?;
            if matches.is_empty() {
                continue;
            }
            self.matches.extend(matches);
            let backends = context.split(&route.backends).map_err(at)?;
            self.routes.push(StreamRoute { key: Arc::clone(key), item: item.into(), backends });
        }
        Ok(())
    }

    fn matches(
        &self,
        route: &object::StreamRoute,
        context: &Context<'_>,
    ) -> Result<Vec<Match>, Fault> {
        let place = self.routes.len();
        if route.matches.is_empty() {
            return Ok(vec![Match { route: place, sni: Box::default(), subnets: Box::default() }]);
        }
        let site = &context.site;
        let possible = route.matches.iter().filter(|matching| {
            matching.port.is_none_or(|port| port == site.port)
                && site.workload.has(&matching.source_labels)
                && ["", &site.workload.namespace].contains(&&*matching.source_namespace)
        });
        possible
            .map(|matching| {
                let net = |text: &String| block(text).ok_or_else(|| Fault::Address(text.clone()));
                let subnets = matching.destination_subnets.iter().map(net);
                let sni = matching.sni.iter().map(|host| host.as_str().into()).collect();
                Ok(Match { route: place, sni, subnets: subnets.collect::<Result<_, _>>()? })
            })
            .collect()
    }

    /// The route for a connection.
    pub(crate) fn find(&self, facts: &StreamFacts<'_>) -> Option<&StreamRoute> {
        let mut best: Option<(Rank, usize)> = None;
        for matching in &self.matches {
            if let Some(rank) = matching.rank(facts)
                && best.is_none_or(|(so_far, _)| rank > so_far)
            {
                best = Some((rank, matching.route));
            }
        }
        best.and_then(|(_, route)| self.routes.get(route))
    }

    /// The routes that look at the address that a connection goes to, once for each block of those that they take.
    pub(crate) fn subnets(&self) -> impl Iterator<Item = (&StreamRoute, IpNet)> {
        self.matches.iter().flat_map(|matching| {
            let route = self.routes.get(matching.route);
            route
                .into_iter()
                .flat_map(|route| matching.subnets.iter().map(move |net| (route, *net)))
        })
    }

    /// Whether no connection can be taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Every server name that some route is for; an empty list: one of them takes any.
    pub(crate) fn server_names(&self) -> impl Iterator<Item = &[Box<str>]> {
        self.matches.iter().map(|matching| &*matching.sni)
    }
}

impl Match {
    fn rank(&self, facts: &StreamFacts<'_>) -> Option<Rank> {
        let destination = facts.destination.to_canonical();
        let bits = if self.subnets.is_empty() {
            0
        } else {
            let holding = self.subnets.iter().filter(|net| net.contains(&destination));
            holding.map(|net| 1 + usize::from(net.prefix_len())).max()?
        };
        if self.sni.is_empty() {
            return Some((bits, false, 0));
        }
        // A client that names nobody is for whoever takes any name.
        let name = facts.sni.unwrap_or_default();
        let holding = self.sni.iter().filter(|pattern| covers(pattern, name));
        holding.map(|pattern| (bits, !pattern.starts_with('*'), pattern.len())).max()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mesh_snapshot::object::{self, Backend, HeaderOperations, StreamMatch, Target};
    use mesh_snapshot::{Key, Kind};

    use super::{StreamFacts, StreamTable};
    use crate::program::BuildError;
    use crate::route::compile::tests::with_context;

    fn route(matches: Vec<StreamMatch>) -> object::StreamRoute {
        let target = Target::Status(500);
        let backend = Backend { target, weight: 1, headers: HeaderOperations::default() };
        object::StreamRoute { matches, backends: vec![backend] }
    }

    fn table(routes: &[object::StreamRoute]) -> Result<StreamTable, BuildError> {
        let mut table = StreamTable::default();
        let key = Arc::new(Key::new(Kind::RouteTable, "shop", "reviews"));
        with_context(|context| table.push(routes, "tls", &key, context))?;
        Ok(table)
    }

    fn sni(names: &[&str]) -> StreamMatch {
        let sni = names.iter().map(|&name| name.to_owned()).collect();
        StreamMatch { sni, ..StreamMatch::default() }
    }

    fn subnet(net: &str) -> StreamMatch {
        StreamMatch { destination_subnets: vec![net.to_owned()], ..StreamMatch::default() }
    }

    fn find<'a>(table: &'a StreamTable, sni: Option<&str>, destination: &str) -> Option<&'a str> {
        let facts = StreamFacts { sni, destination: destination.parse().unwrap() };
        table.find(&facts).map(|route| &*route.item)
    }

    #[test]
    fn the_most_specific_name_wins_whatever_the_order() {
        let routes = [
            route(vec![]),
            route(vec![sni(&["*.test"])]),
            route(vec![sni(&["x.test", "*.b.test"])]),
            route(vec![sni(&["a.b.test"]), sni(&["*.b.test"])]),
        ];
        let any = table(&[route(vec![sni(&["*"])])]).unwrap();
        assert_eq!(find(&any, None, "10.0.0.1"), Some("tls[0]"));
        let table = table(&routes).unwrap();
        assert_eq!(find(&table, Some("A.b.test"), "10.0.0.1"), Some("tls[3]"));
        assert_eq!(find(&table, Some("c.b.test"), "10.0.0.1"), Some("tls[2]"));
        assert_eq!(find(&table, Some("y.test"), "10.0.0.1"), Some("tls[1]"));
        assert_eq!(find(&table, Some("other"), "10.0.0.1"), Some("tls[0]"));
        assert_eq!(find(&table, None, "10.0.0.1"), Some("tls[0]"));
    }

    #[test]
    fn the_narrowest_subnet_wins() {
        let routes = [route(vec![subnet("10.0.0.0/8")]), route(vec![subnet("10.1.0.0/16")])];
        let table = table(&routes).unwrap();
        assert_eq!(find(&table, None, "10.1.0.1"), Some("tls[1]"));
        assert_eq!(find(&table, None, "::ffff:10.2.0.1"), Some("tls[0]"));
        assert_eq!(find(&table, None, "192.0.2.1"), None);
    }

    #[test]
    fn routes_for_others_are_left_out() {
        let other = StreamMatch { port: Some(1), ..StreamMatch::default() };
        let theirs =
            StreamMatch { source_namespace: "theirs".to_owned(), ..StreamMatch::default() };
        let table = table(&[route(vec![other]), route(vec![theirs]), route(vec![])]).unwrap();
        assert_eq!(find(&table, None, "10.0.0.1"), Some("tls[2]"));
        assert_eq!(table.routes.len(), 1);
    }

    #[test]
    fn a_wrong_subnet_is_named() {
        let error = table(&[route(vec![subnet("10.0.0.0/40")])]).unwrap_err();
        assert_eq!(error.place().1, "tls[0]");
        assert!(error.to_string().contains("`10.0.0.0/40`"), "{error}");
    }
}
