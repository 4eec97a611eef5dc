//! A path of an Ingress's rule: what it takes, and where that goes. Source: Istio, `convertIngressRule`.

use std::cmp::Reverse;

use crate::api::Resource;
use crate::api::kubernetes::{self as k8s, IngressPathType};
use crate::diagnostic::FieldPath;
use crate::resolve::Settings;
use crate::resolve::host::{Host, of_service};
use crate::resolve::service::{Origin, Services};

#[derive(Clone, Debug)]
pub struct Path<'a> {
    pub resource: &'a Resource<k8s::Ingress>,
    /// Of the rule, and of the path in it.
    pub place: (usize, usize),
    pub test: PathTest<'a>,
    pub backend: Backend<'a>,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum PathTest<'a> {
    Any,
    Exact(&'a str),
    /// As it is written. Of whole segments: `/a` and `/a/` match `/a` and `/a/b`, and not `/ab`.
    Prefix(&'a str),
}

/// Where a path leads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Backend<'a> {
    Port(Host, u16),
    /// The Service has no port of this name, or there is no such Service: Istio leaves the path out.
    UnknownPort(Host, &'a str),
    /// Nothing is named that requests could go to: Istio leaves the path out.
    NoService,
}

impl<'a> Path<'a> {
    pub(super) fn of(
        resource: &'a Resource<k8s::Ingress>,
        place: (usize, usize),
        written: &'a k8s::IngressPath,
        services: &Services<'a>,
        settings: &Settings<'a>,
    ) -> Self {
        let backend = written.backend.service.as_ref().map_or(Backend::NoService, |service| {
            backend(service, &resource.namespace, services, settings)
        });
        Self { resource, place, test: test(written), backend }
    }

    /// The field that it stands in.
    #[must_use]
    pub fn path(&self) -> FieldPath {
        let (rule, path) = self.place;
        let at = FieldPath::default().field("spec").field("rules").index(rule);
        at.field("http").field("paths").index(path)
    }
}

fn backend<'a>(
    service: &'a k8s::IngressService,
    namespace: &str,
    services: &Services<'a>,
    settings: &Settings<'a>,
) -> Backend<'a> {
    let host = of_service(&service.name, namespace, settings.cluster_domain);
    if service.port.number > 0 {
        return Backend::Port(host, u16::try_from(service.port.number).unwrap_or(0));
    }
    let found = services.kubernetes(namespace, &service.name).map(|(_, it)| it);
    let Some(Origin::Kubernetes(resource)) = found.map(|it| it.origin) else {
        return Backend::UnknownPort(host, &service.port.name);
    };
    let mut ports = resource.spec.ports.iter().filter(|port| port.name == service.port.name);
    let number = ports.find_map(|port| u16::try_from(port.port).ok());
    match number {
        Some(number) => Backend::Port(host, number),
        None => Backend::UnknownPort(host, &service.port.name),
    }
}

/// Source: Istio, `createFallbackStringMatch`, for what is neither `Exact` nor `Prefix`.
fn test(written: &k8s::IngressPath) -> PathTest<'_> {
    let path = written.path.as_str();
    match written.path_type {
        Some(IngressPathType::Exact) => PathTest::Exact(path),
        Some(IngressPathType::Prefix) => PathTest::Prefix(path),
        Some(IngressPathType::ImplementationSpecific) | None => match path {
            "" | "*" | "/*" | ".*" => PathTest::Any,
            _ => path
                .strip_suffix(".*")
                .or_else(|| path.strip_suffix("/*"))
                .map_or(PathTest::Exact(path), PathTest::Prefix),
        },
    }
}

/// The longest first, of equal ones the exact; else as they were written, from the oldest Ingress on.
/// Source: Kubernetes, "Multiple matches"; Istio, `sortHTTPRoutes`.
pub(super) fn sort(paths: &mut [Path<'_>]) {
    paths.sort_by_key(|it| match it.test {
        PathTest::Any => (Reverse(0), true),
        PathTest::Exact(path) => (Reverse(path.len()), false),
        PathTest::Prefix(path) => (Reverse(path.len()), true),
    });
}

#[cfg(test)]
mod tests {
    use super::{PathTest, test};
    use crate::api::kubernetes::{IngressPath, IngressPathType};

    #[test]
    fn a_path_of_no_known_type_is_exact_unless_it_ends_in_a_star() {
        let of = |path: &str| {
            let path_type = Some(IngressPathType::ImplementationSpecific);
            IngressPath { path: path.to_owned(), path_type, ..IngressPath::default() }
        };
        assert_eq!(test(&of("/*")), PathTest::Any);
        assert_eq!(test(&of("")), PathTest::Any);
        assert_eq!(test(&of("/a/*")), PathTest::Prefix("/a"));
        assert_eq!(test(&of("/a.*")), PathTest::Prefix("/a"));
        assert_eq!(test(&of("/a")), PathTest::Exact("/a"));
    }
}
