//! What a route of a `VirtualService` does with a request. Source: Istio, `translateRoute`.

use base64::Engine as _;
use mesh_snapshot::object::{
    Backend, Bytes, Destination, HttpAction, Mirror, PathRewrite, Redirect, RedirectPath,
    RedirectPort, Target,
};

use super::headers::of_destination;
use super::unit::{micros, share, whole_percent};
use super::{Routing, retry_policy};
use crate::api::istio;
use crate::resolve::route::{self, GatewayName, MergedHttp};

/// What a redirect without a status answers with.
const MOVED: u16 = 301;

/// Which port a destination means that names none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum UnsaidPort {
    /// The one that the request came to. So it is for requests of sidecars, whose routes are made for one port each and know
    /// the services that have it.
    AsAsked,
    /// The service's, if it has only one; else the one that was asked for.
    OnlyOne,
}

impl Routing<'_, '_, '_> {
    /// `None` where the route says nothing to do.
    pub(super) fn action(
        &mut self,
        http: &MergedHttp<'_>,
        namespace: &str,
        gateway: &GatewayName,
    ) -> Option<HttpAction> {
        let route = &*http.spec;
        if let Some(of) = &route.redirect {
            return Some(HttpAction::Redirect(redirect(of)));
        }
        if let Some(of) = &route.direct_response {
            let status = u16::try_from(of.status).unwrap_or(0);
            return Some(HttpAction::Respond { status, body: body(of.body.as_ref()) });
        }
        if route.route.is_empty() {
            return None;
        }
        let rewrite = route.rewrite.as_ref();
        let unsaid = match gateway {
            GatewayName::Mesh => UnsaidPort::AsAsked,
            GatewayName::Named(_) => UnsaidPort::OnlyOne,
        };
        let destinations = route.route.iter();
        let backends = destinations.map(|of| self.backend(of, route, namespace, unsaid)).collect();
        let root = http.resource.at();
        let spec = root.field("spec");
        let list = spec.field("http");
        let at = list.index(http.index);
        let retries = at.field("retries");
        let retry = route.retries.as_ref();
        let by_default = self.mesh.settings.default_retry;
        Some(HttpAction::Forward {
            backends,
            path_rewrite: rewrite.and_then(path_rewrite),
            authority_rewrite: rewrite
                .map(|rewrite| rewrite.authority.clone())
                .filter(|authority| !authority.is_empty()),
            timeout: micros(route.timeout).filter(|timeout| !timeout.is_zero()),
            try_timeout: micros(retry.or(by_default).and_then(|retry| retry.per_try_timeout)),
            retry: retry.map(|retry| retry_policy(Some(retry), Some(&retries), self.out)),
            mirrors: self.mirrors(route, namespace, unsaid),
        })
    }

    fn backend(
        &self,
        of: &istio::HttpRouteDestination,
        route: &istio::HttpRoute,
        namespace: &str,
        unsaid: UnsaidPort,
    ) -> Backend {
        Backend {
            target: Target::Cluster(self.destination(&of.destination, namespace, unsaid)),
            weight: weight(of.weight, route.route.len()),
            headers: of_destination(of, route.route.len()),
        }
    }

    /// Source: Istio, `GetDestinationCluster`.
    pub(super) fn destination(
        &self,
        written: &istio::Destination,
        namespace: &str,
        unsaid: UnsaidPort,
    ) -> Destination {
        let resolved = route::Destination::of(written, namespace, &self.mesh.settings);
        let only_port = || match self.service(&resolved.host)?.object.ports.as_slice() {
            [port] => Some(port.number),
            _ => None,
        };
        Destination {
            host: resolved.host.to_string(),
            port: match unsaid {
                UnsaidPort::AsAsked => resolved.port,
                UnsaidPort::OnlyOne => resolved.port.or_else(only_port),
            },
            subset: resolved.subset.to_owned(),
        }
    }

    fn mirrors(
        &self,
        route: &istio::HttpRoute,
        namespace: &str,
        unsaid: UnsaidPort,
    ) -> Vec<Mirror> {
        let percent = route.mirror_percent.or(route.mirror_percent_by_proto_name);
        let share_of_one = match (route.mirror_percentage, percent) {
            (None, Some(percent)) => whole_percent(percent),
            (percentage, _) => share(percentage),
        };
        let one = route.mirror.iter().map(|mirror| (mirror, share_of_one));
        let several = route.mirrors.iter().map(|it| (&it.destination, share(it.percentage)));
        one.chain(several)
            .filter(|(_, share)| share.0 > 0)
            .map(|(to, share)| Mirror {
                destination: self.destination(to, namespace, unsaid),
                share,
            })
            .collect()
    }
}

/// One destination alone needs no weight.
pub(super) fn weight(weight: i32, destinations: usize) -> u32 {
    match u32::try_from(weight).unwrap_or(0) {
        0 if destinations == 1 => 1,
        weight => weight,
    }
}

fn path_rewrite(rewrite: &istio::HttpRewrite) -> Option<PathRewrite> {
    if let Some(regex) = &rewrite.uri_regex_rewrite {
        let (pattern, substitution) = (regex.r#match.clone(), regex.rewrite.clone());
        return Some(PathRewrite::Regex { pattern, substitution });
    }
    (!rewrite.uri.is_empty()).then(|| PathRewrite::Prefix(rewrite.uri.clone()))
}

fn redirect(of: &istio::HttpRedirect) -> Redirect {
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let port = of.port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
    let derived = of.derive_port.map(|derive| match derive {
        istio::RedirectPortSelection::FromProtocolDefault => RedirectPort::FromScheme,
        istio::RedirectPortSelection::FromRequestPort => RedirectPort::FromRequest,
    });
    Redirect {
        status: u16::try_from(of.redirect_code).ok().filter(|code| *code != 0).unwrap_or(MOVED),
        scheme: some(&of.scheme),
        authority: some(&of.authority),
        port: port.map(RedirectPort::Number).or(derived),
        path: some(&of.prefix_rewrite)
            .map(RedirectPath::Prefix)
            .or_else(|| some(&of.uri).map(RedirectPath::Full)),
    }
}

fn body(body: Option<&istio::DirectResponseBody>) -> Bytes {
    let Some(body) = body else { return Bytes::default() };
    let decode = |text: &String| base64::engine::general_purpose::STANDARD.decode(text).ok();
    let bytes = body.bytes.as_ref().and_then(decode);
    Bytes(body.string.clone().map(String::into_bytes).or(bytes).unwrap_or_default())
}
