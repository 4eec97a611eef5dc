//! Delegates: `VirtualService`s without hosts, whose routes stand in the place of a route of another.
//!
//! Each match of a delegate must lie within one of the root's, compared text by text; what lies outside is dropped. Fields
//! of the delegate win as a whole. Source: Istio, `MergeHTTPRoutes`.

use std::collections::{BTreeMap, HashMap};

use super::{GatewayName, Merged, MergedHttp, gateway_name};
use crate::api::istio::{self, HttpMatch, HttpRoute, StringMatch};
use crate::api::{Mesh, Resource};
use crate::resolve::host::qualify;
use crate::resolve::{Settings, Visibility};

type VirtualService = Resource<istio::VirtualService>;

/// A route that is not served, since its delegate has no part of it.
#[derive(Clone, Debug)]
pub struct DroppedDelegate<'a> {
    /// The root's route, by its place in `spec.http`.
    pub route: usize,
    pub reason: DropReason<'a>,
}

#[derive(Clone, Debug)]
pub enum DropReason<'a> {
    /// There is no `VirtualService` of this `namespace` and `name`.
    Missing { namespace: &'a str, name: &'a str },
    /// It has hosts of its own, and so is nobody's part.
    HasHosts(&'a VirtualService),
    /// It is not exported to the root's namespace.
    NotExported(&'a VirtualService),
    /// This route of it matches what the root's route does not.
    OutsideOfRoot(&'a VirtualService, usize),
}

pub(super) struct Delegates<'a> {
    by_name: HashMap<(&'a str, &'a str), &'a VirtualService>,
}

impl<'a> Delegates<'a> {
    pub(super) fn of(mesh: &'a Mesh) -> Self {
        let all = mesh.virtual_services.iter();
        Self { by_name: all.map(|it| ((it.namespace.as_str(), it.name()), it)).collect() }
    }

    /// The routes of `root` with those of its delegates in place.
    pub(super) fn merge_into(
        &self,
        root: &'a VirtualService,
        settings: &Settings<'a>,
    ) -> (Vec<MergedHttp<'a>>, Vec<DroppedDelegate<'a>>) {
        let (mut http, mut dropped) = (Vec::with_capacity(root.spec.http.len()), Vec::new());
        for (index, route) in root.spec.http.iter().enumerate() {
            let Some(delegate) = &route.delegate else {
                let spec = Merged::Written(route);
                http.push(MergedHttp { spec, resource: root, index, root: None });
                continue;
            };
            match self.find(root, delegate, settings) {
                Err(reason) => dropped.push(DroppedDelegate { route: index, reason }),
                Ok(found) => {
                    let root_route = complete(route, root, settings);
                    for (own, part) in found.spec.http.iter().enumerate() {
                        let part = complete(part, found, settings);
                        match merge(&root_route, part) {
                            Some(merged) => http.push(MergedHttp {
                                spec: Merged::Made(Box::new(merged)),
                                resource: found,
                                index: own,
                                root: Some((root.id, index)),
                            }),
                            None => dropped.push(DroppedDelegate {
                                route: index,
                                reason: DropReason::OutsideOfRoot(found, own),
                            }),
                        }
                    }
                }
            }
        }
        (http, dropped)
    }

    fn find(
        &self,
        root: &'a VirtualService,
        delegate: &'a istio::Delegate,
        settings: &Settings<'a>,
    ) -> Result<&'a VirtualService, DropReason<'a>> {
        let namespace =
            if delegate.namespace.is_empty() { &root.namespace } else { &delegate.namespace };
        let found = self.by_name.get(&(namespace.as_str(), delegate.name.as_str())).copied();
        let found = found.ok_or(DropReason::Missing { namespace, name: &delegate.name })?;
        if !found.spec.hosts.is_empty() {
            return Err(DropReason::HasHosts(found));
        }
        let visibility = Visibility::of(
            found.spec.export_to.iter().map(String::as_str),
            &found.namespace,
            settings.virtual_service_export_to,
        );
        if visibility.reaches(Some(&root.namespace)) {
            Ok(found)
        } else {
            Err(DropReason::NotExported(found))
        }
    }
}

/// A copy whose names mean the same in every namespace.
fn complete(route: &HttpRoute, of: &VirtualService, settings: &Settings<'_>) -> HttpRoute {
    let mut route = route.clone();
    let namespace = of.namespace.as_str();
    let destinations = route.route.iter_mut().map(|it| &mut it.destination);
    let mirrors = route.mirrors.iter_mut().map(|it| &mut it.destination);
    for destination in destinations.chain(mirrors).chain(&mut route.mirror) {
        let host = qualify(&destination.host, namespace, settings.cluster_domain);
        destination.host = host.to_string();
    }
    for name in route.r#match.iter_mut().flat_map(|it| &mut it.gateways) {
        if let GatewayName::Named(full) = gateway_name(name, namespace) {
            *name = full.to_string();
        }
    }
    route
}

/// What a delegate's route becomes under a root's; `None`: it lies outside of it.
fn merge(root: &HttpRoute, part: HttpRoute) -> Option<HttpRoute> {
    let matches = merge_matches(&root.r#match, part.r#match)?;
    let root = root.clone();
    Some(HttpRoute {
        name: join(&root.name, &part.name),
        r#match: matches,
        route: part.route,
        redirect: part.redirect,
        direct_response: part.direct_response.or(root.direct_response),
        delegate: None,
        rewrite: part.rewrite.or(root.rewrite),
        timeout: part.timeout.or(root.timeout),
        retries: part.retries.or(root.retries),
        fault: part.fault.or(root.fault),
        mirror: part.mirror.or(root.mirror),
        mirrors: if part.mirrors.is_empty() { root.mirrors } else { part.mirrors },
        mirror_percent: part.mirror_percent.or(root.mirror_percent),
        mirror_percent_by_proto_name: part
            .mirror_percent_by_proto_name
            .or(root.mirror_percent_by_proto_name),
        mirror_percentage: part.mirror_percentage.or(root.mirror_percentage),
        cors_policy: part.cors_policy.or(root.cors_policy),
        headers: part.headers.or(root.headers),
    })
}

fn join(root: &str, part: &str) -> String {
    match (root, part) {
        ("", name) | (name, "") => name.to_owned(),
        (root, part) => format!("{root}-{part}"),
    }
}

/// Every match of the part, under each of the root's that holds it. `None` when one has no such.
fn merge_matches(root: &[HttpMatch], part: Vec<HttpMatch>) -> Option<Vec<HttpMatch>> {
    if root.is_empty() {
        return Some(part);
    }
    if part.is_empty() {
        return Some(root.to_vec());
    }
    let mut merged = Vec::new();
    for part in &part {
        let holds = root.iter().filter(|root| is_within(root, part));
        let before = merged.len();
        merged.extend(holds.map(|root| merge_match(root, part)));
        if merged.len() == before {
            return None;
        }
    }
    Some(merged)
}

fn merge_match(root: &HttpMatch, part: &HttpMatch) -> HttpMatch {
    fn both<T: Clone>(
        root: &BTreeMap<String, T>,
        part: &BTreeMap<String, T>,
    ) -> BTreeMap<String, T> {
        let mut merged = root.clone();
        merged.extend(part.iter().map(|(name, value)| (name.clone(), value.clone())));
        merged
    }
    let or = |part: &Option<StringMatch>, root: &Option<StringMatch>| {
        part.clone().or_else(|| root.clone())
    };
    let text = |part: &str, root: &str| if part.is_empty() { root } else { part }.to_owned();
    HttpMatch {
        name: join(&root.name, &part.name),
        uri: or(&part.uri, &root.uri),
        scheme: or(&part.scheme, &root.scheme),
        method: or(&part.method, &root.method),
        authority: or(&part.authority, &root.authority),
        headers: both(&root.headers, &part.headers),
        port: if part.port == 0 { root.port } else { part.port },
        source_labels: both(&root.source_labels, &part.source_labels),
        gateways: if part.gateways.is_empty() { &root.gateways } else { &part.gateways }.clone(),
        query_params: both(&root.query_params, &part.query_params),
        ignore_uri_case: part.ignore_uri_case,
        without_headers: both(&root.without_headers, &part.without_headers),
        source_namespace: text(&part.source_namespace, &root.source_namespace),
        stat_prefix: text(&part.stat_prefix, &root.stat_prefix),
    }
}

/// Whether a part's match is compatible with the root's. Source: Istio, `hasConflict`, which is stricter than
/// logic: two expressions are never compatible, nor is a part without the root's source namespace.
fn is_within(root: &HttpMatch, part: &HttpMatch) -> bool {
    let single = |root: &Option<StringMatch>, part: &Option<StringMatch>| match (root, part) {
        (Some(root), Some(part)) => is_text_within(root, part),
        _ => true,
    };
    let named = |root: &BTreeMap<String, StringMatch>, part: &BTreeMap<String, StringMatch>| {
        part.iter().all(|(name, part)| root.get(name).is_none_or(|it| is_text_within(it, part)))
    };
    let has_same = |name: &String, value: &String| {
        root.source_labels.get(name).is_none_or(|other| other == value)
    };
    single(&root.uri, &part.uri)
        && single(&root.scheme, &part.scheme)
        && single(&root.method, &part.method)
        && single(&root.authority, &part.authority)
        && named(&root.headers, &part.headers)
        && named(&root.without_headers, &part.without_headers)
        && named(&root.query_params, &part.query_params)
        && root.ignore_uri_case == part.ignore_uri_case
        && (root.port == 0 || part.port == 0 || root.port == part.port)
        && (root.source_namespace.is_empty() || root.source_namespace == part.source_namespace)
        && part.source_labels.iter().all(|(name, value)| has_same(name, value))
        && (root.gateways.is_empty()
            || part.gateways.iter().all(|gateway| root.gateways.contains(gateway)))
}

fn is_text_within(root: &StringMatch, part: &StringMatch) -> bool {
    let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (root_regex, part_regex) = (some(&root.regex), some(&part.regex));
    let is_plain = |it: &StringMatch| some(&it.exact).is_none() && some(&it.prefix).is_none();
    if root_regex.is_some() && (part_regex.is_some() || !is_plain(part)) {
        return false;
    }
    if part_regex.is_some() && !is_plain(root) {
        return false;
    }
    if let Some(exact) = some(&root.exact) {
        return some(&part.prefix).is_none() && some(&part.exact) == Some(exact);
    }
    let part = some(&part.prefix).or(some(&part.exact));
    match (some(&root.prefix), part) {
        (Some(prefix), Some(part)) => part.starts_with(&prefix),
        _ => false,
    }
}
