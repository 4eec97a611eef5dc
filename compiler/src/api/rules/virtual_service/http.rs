//! One route for HTTP: what it may do at once.

use super::super::checks::{
    CONFLICTING_ACTIONS, DEPRECATED_FIELD, INVALID_DELEGATE, INVALID_WEIGHT, MISSING_ROUTE,
};
use super::super::{duration, header, share};
use super::{action, check_destination, matching, policy};
use crate::api::istio::{HttpRoute, HttpRouteDestination};
use crate::api::rules::DEPRECATED;
use crate::diagnostic::{At, Diagnostic};

pub(super) fn check(route: &HttpRoute, is_delegate: bool, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    check_action(route, is_delegate, at, out);
    let matches = at.field("match");
    for (index, test) in route.r#match.iter().enumerate() {
        matching::check(test, &matches.index(index), out);
    }
    header::check_operations(route.headers.as_ref(), &at.field("headers"), out);
    action::check_redirect(route, &at.field("redirect"), out);
    action::check_response(route.direct_response.as_ref(), &at.field("directResponse"), out);
    action::check_rewrite(route.rewrite.as_ref(), &at.field("rewrite"), out);
    action::check_authority(route, at, out);
    policy::check_retries(route.retries.as_ref(), &at.field("retries"), out);
    policy::check_fault(route.fault.as_ref(), &at.field("fault"), out);
    policy::check_cors(route.cors_policy.as_ref(), &at.field("corsPolicy"), out);
    duration::check(route.timeout, &at.field("timeout"), out);
    check_mirrors(route, at, out);
    check_destinations(&route.route, &at.field("route"), out);
}

/// A route forwards, redirects, answers, or leaves it all to a delegate.
fn check_action(route: &HttpRoute, is_delegate: bool, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let has_route = !route.route.is_empty();
    if route.delegate.is_some() {
        if is_delegate {
            let message = "a delegate cannot delegate further";
            out.push(
                Diagnostic::new(&INVALID_DELEGATE, at.field("delegate").key(), message)
                    .label("a delegate's delegate"),
            );
        } else {
            for (name, _) in [("route", has_route), ("redirect", route.redirect.is_some())]
                .iter()
                .filter(|(_, is_set)| *is_set)
            {
                let message = format!("a route that delegates cannot have a `{name}` of its own");
                let found = Diagnostic::new(&INVALID_DELEGATE, at.field(name).key(), message);
                out.push(
                    found
                        .label("the delegate says this")
                        .also(at.field("delegate").key(), "delegated here"),
                );
            }
            return;
        }
    }
    let others = [
        ("route", has_route),
        ("fault", route.fault.is_some()),
        ("rewrite", route.rewrite.is_some()),
        ("directResponse", route.direct_response.is_some() && route.redirect.is_some()),
    ];
    let action = match (&route.redirect, &route.direct_response) {
        (Some(_), _) => "redirect",
        (None, Some(_)) => "directResponse",
        (None, None) => {
            if !has_route {
                let found =
                    Diagnostic::new(&MISSING_ROUTE, at.value(), "a route that leads nowhere");
                out.push(
                    found
                        .label("needs `route`, `redirect` or `directResponse`")
                        .lacking(at, &["route", "redirect", "directResponse", "delegate"]),
                );
            }
            return;
        }
    };
    for (name, _) in others.iter().filter(|(_, is_set)| *is_set) {
        let message = format!("a route cannot have both `{action}` and `{name}`");
        let found = Diagnostic::new(&CONFLICTING_ACTIONS, at.field(name).key(), message);
        out.push(
            found
                .label("never reached")
                .also(at.field(action).key(), "the request is answered here"),
        );
    }
}

fn check_mirrors(route: &HttpRoute, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if route.mirror.is_some() && !route.mirrors.is_empty() {
        let found = Diagnostic::new(
            &CONFLICTING_ACTIONS,
            at.field("mirrors").key(),
            "a route cannot have both `mirror` and `mirrors`",
        );
        out.push(found.label("one of them").also(at.field("mirror").key(), "or this"));
    }
    for (name, percent) in [
        ("mirrorPercent", route.mirror_percent),
        ("mirror_percent", route.mirror_percent_by_proto_name),
    ] {
        let Some(percent) = percent else { continue };
        let at = at.field(name);
        share::check(f64::from(percent), &at, out);
        let found = Diagnostic::new(
            &DEPRECATED_FIELD,
            at.key(),
            format!("`{name}` is an old way to say `mirrorPercentage`"),
        );
        let found = found.label("deprecated").consequence(DEPRECATED);
        out.push(match route.mirror_percentage {
            Some(_) => found.help("remove it where `mirrorPercentage` says the same"),
            None => found.fix(policy::of_share(&at, "mirrorPercentage", percent.into())),
        });
    }
    if let Some(percent) = &route.mirror_percentage {
        let at = at.field("mirrorPercentage");
        share::check(percent.value, &at.field("value"), out);
    }
    if let Some(mirror) = &route.mirror {
        check_destination(mirror, &at.field("mirror"), out);
    }
    let mirrors = at.field("mirrors");
    for (index, mirror) in route.mirrors.iter().enumerate() {
        let at = mirrors.index(index);
        check_destination(&mirror.destination, &at.field("destination"), out);
        if let Some(percent) = &mirror.percentage {
            let at = at.field("percentage");
            share::check(percent.value, &at.field("value"), out);
        }
    }
}

fn check_destinations(
    destinations: &[HttpRouteDestination],
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    for (index, destination) in destinations.iter().enumerate() {
        let at = at.index(index);
        header::check_operations(destination.headers.as_ref(), &at.field("headers"), out);
        check_destination(&destination.destination, &at.field("destination"), out);
    }
    let weights: Vec<_> = destinations.iter().map(|destination| destination.weight).collect();
    check_weights(&weights, at, out);
}

/// Weights are shares of their sum, so it cannot be zero where there is a choice.
pub(super) fn check_weights(weights: &[i32], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for (index, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight < 0) {
        let at = at.index(index);
        let found = Diagnostic::new(
            &INVALID_WEIGHT,
            at.field("weight").value(),
            format!("the weight `{weight}` is negative"),
        );
        out.push(found.label("0 or more"));
    }
    let sum: i64 = weights.iter().map(|weight| i64::from(*weight)).sum();
    if weights.len() > 1 && sum == 0 {
        let found =
            Diagnostic::new(&INVALID_WEIGHT, at.key(), "none of these destinations has a weight");
        let places = (0..weights.len()).map(|index| at.index(index).field("weight").value());
        let found = places.fold(found, Diagnostic::supposing);
        out.push(
            found
                .label("their weights sum to 0")
                .consequence("no request can be routed")
                .help("give each its share, as in 90 and 10"),
        );
    }
}
