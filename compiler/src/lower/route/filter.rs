//! What the filters of an `HTTPRoute` do. Source: Gateway API, `HTTPRouteFilter`; Istio, `pilot/pkg/config/kube/gateway`.

use mesh_snapshot::object::{
    Cors, HeaderOperations, Mirror, PartsPerMillion, PathRewrite, Redirect, RedirectPath,
    RedirectPort, StringMatch,
};

use super::cors::any;
use super::http_route::destination;
use super::unit::{fraction, whole_percent};
use crate::api::gateway_api::{
    self, HeaderFilter, HttpHeader, HttpRouteFilter, PathModifier, RequestMirror, RequestRedirect,
};
use crate::resolve::route::Backend;

/// What a redirect without a status answers with.
const FOUND: u16 = 302;
/// How long a browser may remember an answer where nobody says, in seconds.
const MAX_AGE: u64 = 5;

/// All filters of one rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters {
    pub(super) headers: HeaderOperations,
    pub(super) redirect: Option<Redirect>,
    pub(super) path_rewrite: Option<PathRewrite>,
    pub(super) authority_rewrite: Option<String>,
    pub(super) mirrors: Vec<Mirror>,
    pub(super) cors: Option<Cors>,
    /// There is a filter that nobody here knows. Source: Gateway API, `HTTPRouteFilter.extensionRef`: it must not be
    /// skipped, so requests are answered with an error.
    pub(super) is_unknown: bool,
}

impl Filters {
    /// `mirrors` stand with their place among the filters; `asks_leave` tells whether those need it.
    pub(super) fn of(
        filters: &[HttpRouteFilter],
        mirrors: &[(usize, Backend)],
        asks_leave: bool,
    ) -> Self {
        let mut all = Self::default();
        for (index, filter) in filters.iter().enumerate() {
            let mirror = mirrors.iter().find(|(place, _)| *place == index).map(|(_, it)| it);
            all.add(filter, mirror.filter(|it| !(asks_leave && it.lacks_grant)));
        }
        all
    }

    /// What the only backend of a rule says of where its requests go is said of the rule.
    pub(super) fn take_routing(&mut self, of_backend: Self) {
        self.redirect = of_backend.redirect.or(self.redirect.take());
        self.path_rewrite = of_backend.path_rewrite.or(self.path_rewrite.take());
        self.authority_rewrite = of_backend.authority_rewrite.or(self.authority_rewrite.take());
    }

    fn add(&mut self, filter: &HttpRouteFilter, mirror: Option<&Backend>) {
        self.is_unknown |= filter.is_unknown();
        if let Some(of) = &filter.request_header_modifier {
            self.headers.request_set.extend(pairs(&of.set));
            self.headers.request_add.extend(pairs(&of.add));
            self.headers.request_remove.extend(removed(of));
        }
        if let Some(of) = &filter.response_header_modifier {
            self.headers.response_set.extend(pairs(&of.set));
            self.headers.response_add.extend(pairs(&of.add));
            self.headers.response_remove.extend(removed(of));
        }
        if let Some(of) = &filter.request_redirect {
            self.redirect = Some(redirect(of));
        }
        if let Some(of) = &filter.url_rewrite {
            self.path_rewrite = of.path.as_ref().and_then(path_rewrite);
            self.authority_rewrite.clone_from(&of.hostname);
        }
        if let (Some(of), Some(to)) = (&filter.request_mirror, mirror)
            && to.fault.is_none()
        {
            self.mirrors.push(Mirror { destination: destination(to), share: share(of) });
        }
        if let Some(of) = &filter.cors {
            self.cors = Some(cors(of));
        }
    }
}

/// Values are texts as they stand: a percent sign says nothing to the Gateway API.
fn pairs(headers: &[HttpHeader]) -> impl Iterator<Item = (String, String)> {
    headers.iter().map(|it| (it.name.clone(), it.value.replace('%', "%%")))
}

fn removed(of: &HeaderFilter) -> impl Iterator<Item = String> {
    of.remove.iter().cloned()
}

fn share(mirror: &RequestMirror) -> PartsPerMillion {
    match (mirror.percent, &mirror.fraction) {
        (Some(percent), _) => whole_percent(u32::try_from(percent).unwrap_or(0)),
        (None, Some(of)) => fraction(of.numerator, of.denominator.unwrap_or(100)),
        (None, None) => PartsPerMillion::ALL,
    }
}

fn redirect(of: &RequestRedirect) -> Redirect {
    let number = |of: Option<i32>| of.and_then(|number| u16::try_from(number).ok());
    // Without a port, that of the scheme which is named, else that of the request.
    let derived =
        if of.scheme.is_some() { RedirectPort::FromScheme } else { RedirectPort::FromRequest };
    Redirect {
        status: number(of.status_code).unwrap_or(FOUND),
        scheme: of.scheme.clone(),
        authority: of.hostname.clone(),
        port: Some(number(of.port).map_or(derived, RedirectPort::Number)),
        path: of.path.as_ref().and_then(redirect_path),
    }
}

fn redirect_path(path: &PathModifier) -> Option<RedirectPath> {
    let full = path.replace_full_path.clone().map(RedirectPath::Full);
    full.or_else(|| path.replace_prefix_match.clone().map(RedirectPath::PathPrefix))
}

fn path_rewrite(path: &PathModifier) -> Option<PathRewrite> {
    let full = path.replace_full_path.clone().map(PathRewrite::Full);
    full.or_else(|| path.replace_prefix_match.clone().map(PathRewrite::PathPrefix))
}

fn cors(of: &gateway_api::Cors) -> Cors {
    let age = of.max_age.and_then(|age| u64::try_from(age).ok());
    Cors {
        allow_origins: of.allow_origins.iter().map(|origin| origin_match(origin)).collect(),
        allow_methods: of.allow_methods.clone(),
        allow_headers: of.allow_headers.clone(),
        expose_headers: of.expose_headers.clone(),
        max_age_seconds: Some(age.unwrap_or(MAX_AGE)),
        allow_credentials: of.allow_credentials == Some(true),
        answer_unmatched_preflights: false,
    }
}

/// `https://*.example.com` is every name under it.
fn origin_match(origin: &str) -> StringMatch {
    match origin.split_once('*') {
        Some((before, after)) if !before.is_empty() => {
            StringMatch::Regex(format!("{}.+{}", escape(before), escape(after)))
        }
        _ => any(StringMatch::Exact(origin.to_owned())),
    }
}

fn escape(text: &str) -> String {
    regex_syntax::escape(text)
}
