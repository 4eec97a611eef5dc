//! `outdated-proxy-image`: pods run another proxy than their injector would give them now.
//!
//! Source: Istio, `injection.ImageAnalyzer`: the image is that of the injector's settings, with the image type that the
//! proxy's configuration asks for at its end.

use serde_json::Value;

use crate::api::istio::ProxyConfig;
use crate::api::kubernetes::{ConfigMap, Namespace};
use crate::api::{Resource, is_unclear};
use crate::check::injection::{self, PROXY, REVISION};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::text_at;
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check =
    Check::lint("outdated-proxy-image", Severity::Warning, include_str!("outdated_proxy_image.md"))
        .alias(&["IST0158"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for namespace in mesh.namespaces.declared() {
        let revision = injection::label(&namespace.metadata, REVISION);
        if revision.is_none() && !injection::is_enabled(namespace) {
            continue;
        }
        let Some((settings, values)) = injection::settings(mesh, revision) else { continue };
        let image = injected_image(&values);
        let pods = mesh.workloads.of_namespace(namespace.name()).iter().filter(|it| it.is_pod());
        let others: Vec<_> = pods.flat_map(|pod| other_images(mesh, pod, &image)).collect();
        out.extend(report(namespace, settings, &image, others));
    }
}

/// The registry, the name and the tag are put together unless the name is complete.
fn injected_image(values: &Value) -> String {
    let text = |path: &str| values.pointer(path).map(plain).unwrap_or_default();
    let image = text("/global/proxy/image");
    if image.contains('/') {
        return image;
    }
    format!("{}/{image}:{}", text("/global/hub"), text("/global/tag"))
}

/// A tag may be written as a number.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Where a pod's proxies have another image, unless the pod asks for one of its own.
fn other_images(mesh: &Mesh<'_>, pod: &Workload<'_>, image: &str) -> Vec<(Place, String)> {
    let own = pod.metadata.annotations.get("sidecar.istio.io/proxyImage");
    if own.is_some_and(|own| !own.is_empty()) {
        return Vec::new();
    }
    let with_type = format!("{image}-{}", image_type(mesh, pod));
    let lists = [("containers", &pod.pod.containers), ("initContainers", &pod.pod.init_containers)];
    let containers = lists.into_iter().flat_map(|(list, containers)| {
        let at = pod.pod_path().field(list);
        containers.iter().enumerate().map(move |(index, it)| (at.clone().index(index), it))
    });
    containers
        .map(|(at, it)| (at, it.name.as_str(), &it.image.0))
        .filter(|(_, name, it)| *name == PROXY && **it != image && **it != with_type)
        .filter(|(_, _, it)| !is_unclear(it))
        .map(|(at, _, it)| (Place::value(pod.id, at.field("image")), it.clone()))
        .collect()
}

/// `distroless` and the like; empty: the plain one. The narrower setting wins: the pod's own, that of a `ProxyConfig` for
/// it, for its namespace, for the mesh, and the mesh configuration's.
fn image_type(mesh: &Mesh<'_>, pod: &Workload<'_>) -> String {
    let own = pod.metadata.annotations.get("proxy.istio.io/config");
    let own = own.and_then(|text| text_at(text, &["image", "imageType"]));
    let of_mesh = mesh.settings.config.map(|it| it.spec.default_config.image.image_type.clone());
    let is_set = |it: &String| !it.is_empty();
    let chosen = own.filter(is_set).or_else(|| of_proxy_config(mesh, pod)).or(of_mesh);
    chosen.filter(|it| it != "default").unwrap_or_default()
}

fn of_proxy_config(mesh: &Mesh<'_>, pod: &Workload<'_>) -> Option<String> {
    let breadth = |it: &Resource<ProxyConfig>| {
        let labels = it.spec.selector.as_ref().map(|selector| &selector.match_labels);
        if it.namespace == mesh.settings.root_namespace {
            Some(2)
        } else if it.namespace != pod.namespace() {
            None
        } else {
            labels.map_or(Some(1), |labels| pod.inventory.has(labels).then_some(0))
        }
    };
    let image = |it: &Resource<ProxyConfig>| Some(it.spec.image.as_ref()?.image_type.clone());
    let all = mesh.source.proxy_configs.iter();
    let all = all.filter_map(|it| Some((breadth(it)?, image(it).filter(|it| !it.is_empty())?)));
    all.min_by_key(|(breadth, _)| *breadth).map(|(_, image)| image)
}

/// One finding a namespace: its pods are made anew together.
fn report(
    namespace: &Resource<Namespace>,
    settings: &Resource<ConfigMap>,
    image: &str,
    others: Vec<(Place, String)>,
) -> Option<Diagnostic> {
    let count = others.len();
    if count == 0 {
        return None;
    }
    let message = match count {
        1 => format!("a pod of `{}` runs another proxy than it would get now", namespace.name()),
        _ => format!(
            "{count} pods of `{}` run another proxy than they would get now",
            namespace.name()
        ),
    };
    let values = FieldPath::default().field("data").field("values");
    let found = Diagnostic::new(&CHECK, Place::resource(namespace.id), message)
        .label("its pods are from before")
        .also(Place::key(settings.id, values), format!("the injector's image is `{image}`"))
        .consequence("they lack what the newer proxy mends, and may not understand what the control plane sends")
        .help("make the pods anew: `kubectl rollout restart`");
    let shown = others.into_iter().take(SHOWN_MAX);
    Some(shown.fold(found, |found, (place, other)| found.also(place, format!("`{other}`"))))
}

/// How many pods a finding points at.
const SHOWN_MAX: usize = 5;
