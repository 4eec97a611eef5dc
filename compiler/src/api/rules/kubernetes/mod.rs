//! Rules of Kubernetes' own kinds, as far as the mesh depends on them.

mod ingress;
mod pod;
mod selector;
mod service;

use super::annotation;
use crate::api::Resource;
use crate::api::kubernetes::{
    Ingress, IngressClass, LabelSelector, Namespace, PodSpec, PodTemplate, Service,
};
use crate::diagnostic::{At, Diagnostic};

/// `root` is the resource's.
pub(in crate::api) fn check_namespace(
    resource: &Resource<Namespace>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check_resource(&resource.metadata, "Namespace", root, out);
}

/// `root` is the resource's.
pub(in crate::api) fn check_service(
    resource: &Resource<Service>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check_resource(&resource.metadata, "Service", root, out);
    service::check_ports(resource, root, out);
    service::check_kind(resource, root, out);
}

/// `root` is the resource's.
pub(in crate::api) fn check_ingress(
    resource: &Resource<Ingress>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check_resource(&resource.metadata, "Ingress", root, out);
    ingress::check(resource, root, out);
}

/// `root` is the resource's.
pub(in crate::api) fn check_ingress_class(
    resource: &Resource<IngressClass>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    ingress::check_class(resource, root, out);
}

/// `root` is the resource's.
pub(in crate::api) fn check_pod(
    resource: &Resource<PodSpec>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check_pod_template(&resource.metadata, &resource.spec, root, out);
    pod::check_user(&resource.metadata, &resource.spec, root, out);
    pod::check_image(&resource.spec, root, out);
}

/// The template of what runs once; `at` leads to it.
pub(in crate::api) fn check_template(
    template: &PodTemplate,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check_pod_template(&template.metadata, &template.spec, at, out);
}

/// What makes pods from a template; `root` is the resource's.
pub(in crate::api) fn check_workload<T>(
    resource: &Resource<T>,
    kind: &str,
    (own, template): (&LabelSelector, &PodTemplate),
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check_resource(&resource.metadata, kind, root, out);
    let at = root.field("spec");
    selector::check(own, &template.metadata.labels, kind, &at, out);
    let at = at.field("template");
    annotation::check_pod_template(&template.metadata, &template.spec, &at, out);
    pod::check_user(&resource.metadata, &template.spec, &at, out);
}
