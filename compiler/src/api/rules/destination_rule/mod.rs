//! Rules of `DestinationRule`.

mod connection_pool;
mod load_balancer;
mod locality;
mod tls;

pub(super) use connection_pool::{check as check_connection_pool, check_outlier_detection};
pub(super) use locality::check as check_locality;

use super::checks::{EMPTY_TRAFFIC_POLICY, INVALID_SUBSET};
use super::label::is_dns_label;
use super::{annotation, export_to, host, label, selector};
use crate::api::Resource;
use crate::api::istio::{DestinationRule, PortTrafficPolicy, Subset, TrafficPolicy};
use crate::diagnostic::{At, Diagnostic};

pub(in crate::api) fn check(
    resource: &Resource<DestinationRule>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check(&resource.metadata, false, root, out);
    let (spec, at) = (&resource.spec, root.field("spec"));
    if let Err(fault) = host::wildcard(&spec.host) {
        host::report(&spec.host, &fault, &at.field("host"), out);
    }
    check_policy(spec.traffic_policy.as_ref(), &at.field("trafficPolicy"), out);
    check_subsets(&spec.subsets, &at.field("subsets"), out);
    let extent = match spec.workload_selector {
        Some(_) => export_to::Extent::OwnOnly,
        None => export_to::Extent::Plain,
    };
    export_to::check(&spec.export_to, &resource.namespace, extent, &at.field("exportTo"), out);
    selector::check(spec.workload_selector.as_ref(), &at.field("workloadSelector"), out);
}

fn check_subsets(subsets: &[Subset], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for (index, subset) in subsets.iter().enumerate() {
        let at_subset = at.index(index);
        let at_name = at_subset.field("name");
        if !is_dns_label(&subset.name) {
            report_subset_name(&subset.name, &at_name, out);
        }
        if let Some(first) = subsets.iter().take(index).position(|first| first.name == subset.name)
        {
            let message = format!("the subset `{}` is defined twice", subset.name);
            let first = at.index(first);
            let found = Diagnostic::new(&INVALID_SUBSET, at_name.value(), message).label("again");
            out.push(
                found
                    .also(first.field("name").value(), "first here")
                    .consequence("only the first has an effect"),
            );
        }
        label::check(&subset.labels, &at_subset.field("labels"), out);
        check_policy(subset.traffic_policy.as_ref(), &at_subset.field("trafficPolicy"), out);
    }
}

pub(super) fn report_subset_name(name: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let message = if name.is_empty() {
        "a subset has no name".into()
    } else {
        format!("`{name}` cannot be the name of a subset")
    };
    out.push(
        Diagnostic::new(&INVALID_SUBSET, at.value(), message)
            .label("letters, digits and `-`, at most 63"),
    );
}

fn check_policy(policy: Option<&TrafficPolicy>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let Some(policy) = policy else { return };
    let TrafficPolicy {
        load_balancer,
        connection_pool,
        outlier_detection,
        tls,
        port_level_settings,
        ..
    } = policy;
    if *policy == TrafficPolicy::default() {
        let found =
            Diagnostic::new(&EMPTY_TRAFFIC_POLICY, at.key(), "the traffic policy says nothing");
        return out.push(found.label("empty"));
    }
    check_outlier_detection(outlier_detection.as_ref(), &at.field("outlierDetection"), out);
    check_connection_pool(connection_pool.as_ref(), &at.field("connectionPool"), out);
    load_balancer::check(
        load_balancer.as_ref(),
        outlier_detection.is_some(),
        &at.field("loadBalancer"),
        out,
    );
    tls::check(tls.as_ref(), &at.field("tls"), out);
    let at = at.field("portLevelSettings");
    for (index, settings) in port_level_settings.iter().enumerate() {
        check_port_policy(settings, &at.index(index), out);
    }
}

fn check_port_policy(settings: &PortTrafficPolicy, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let PortTrafficPolicy { port, load_balancer, connection_pool, outlier_detection, tls } =
        settings;
    if port.is_none() {
        let found = Diagnostic::new(
            &EMPTY_TRAFFIC_POLICY,
            at.value(),
            "settings of a port that is not named",
        );
        out.push(found.label("needs `port`").lacking(at, &["port"]));
    }
    if load_balancer.is_none()
        && connection_pool.is_none()
        && outlier_detection.is_none()
        && tls.is_none()
    {
        let found = Diagnostic::new(
            &EMPTY_TRAFFIC_POLICY,
            at.value(),
            "the settings of this port say nothing",
        );
        return out.push(found.label("empty"));
    }
    check_outlier_detection(outlier_detection.as_ref(), &at.field("outlierDetection"), out);
    check_connection_pool(connection_pool.as_ref(), &at.field("connectionPool"), out);
    load_balancer::check(
        load_balancer.as_ref(),
        outlier_detection.is_some(),
        &at.field("loadBalancer"),
        out,
    );
    tls::check(tls.as_ref(), &at.field("tls"), out);
}
