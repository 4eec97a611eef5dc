//! Where requests go when endpoints nearby fail. Also for the mesh's defaults.

use super::super::checks::{FAILOVER_WITHOUT_OUTLIER_DETECTION, INVALID_LOCALITY};
use crate::api::istio::{Distribute, Failover, LocalityLbSetting, ZoneAwareLbSetting};
use crate::diagnostic::{At, Diagnostic, Place};

/// Labels whose order is that of localities themselves.
const TOPOLOGY: &[&str] =
    &["topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"];

pub(in super::super) fn check(
    setting: Option<&LocalityLbSetting>,
    has_outlier_detection: bool,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let Some(setting) = setting else { return };
    let (distribute, failover) = (at.field("distribute"), at.field("failover"));
    if !setting.distribute.is_empty() && !setting.failover.is_empty() {
        let message = "`distribute` and `failover` are both set";
        let found =
            Diagnostic::new(&INVALID_LOCALITY, failover.key(), message).label("one of them");
        return out.push(found.also(distribute.key(), "or this"));
    }
    let priority = at.field("failoverPriority");
    for (index, label) in setting.failover_priority.iter().enumerate() {
        if !setting.failover.is_empty() && TOPOLOGY.contains(&label.as_str()) {
            let message = format!("`failover` orders localities already, and so does `{label}`");
            let found = Diagnostic::new(&INVALID_LOCALITY, priority.index(index).value(), message)
                .label("not beside `failover`");
            out.push(found.also(failover.key(), "ordered here"));
        }
    }
    check_distribute(&setting.distribute, &distribute, out);
    check_detection(&setting.failover, &setting.failover_priority, has_outlier_detection, at, out);
    check_failover(&setting.failover, &failover, out);
}

pub(in super::super) fn check_zone_aware(
    setting: Option<&ZoneAwareLbSetting>,
    has_outlier_detection: bool,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let Some(setting) = setting else { return };
    let priority = at.field("failoverPriority");
    for (index, label) in setting.failover_priority.iter().enumerate() {
        if TOPOLOGY.contains(&label.as_str()) {
            let message =
                format!("zones are ordered by themselves, so `{label}` cannot order them");
            out.push(
                Diagnostic::new(&INVALID_LOCALITY, priority.index(index).value(), message)
                    .label("not here"),
            );
        }
    }
    check_detection(&setting.failover, &setting.failover_priority, has_outlier_detection, at, out);
    check_failover(&setting.failover, &at.field("failover"), out);
}

fn check_detection(
    failover: &[Failover],
    priority: &[String],
    has_outlier_detection: bool,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    if has_outlier_detection || (failover.is_empty() && priority.is_empty()) {
        return;
    }
    let field = if failover.is_empty() { "failoverPriority" } else { "failover" };
    let message = "there is a failover, but nothing that notices a failure";
    let found =
        Diagnostic::new(&FAILOVER_WITHOUT_OUTLIER_DETECTION, at.field(field).key(), message);
    out.push(
        found
            .label("needs `outlierDetection` beside the load balancer")
            .consequence("requests go on to endpoints nearby although they fail"),
    );
}

fn check_failover(failover: &[Failover], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for (index, Failover { from, to }) in failover.iter().enumerate() {
        let at = at.index(index);
        let fault = |place: Place, message: &str, label: &str| {
            Diagnostic::new(&INVALID_LOCALITY, place, message).label(label)
        };
        if from == to {
            out.push(fault(
                at.field("to").value(),
                "a region fails over to itself",
                "another region",
            ));
        }
        for (name, region) in [("from", from), ("to", to)] {
            if region.contains('/') {
                out.push(fault(
                    at.field(name).value(),
                    "a failover is between regions",
                    "a region, without zone",
                ));
            }
            if region.contains('*') {
                out.push(fault(
                    at.field(name).value(),
                    "a failover takes no wildcards",
                    "name the region",
                ));
            }
        }
    }
}

fn check_distribute(distribute: &[Distribute], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for (index, Distribute { to, .. }) in distribute.iter().enumerate() {
        let at = at.index(index);
        let at = at.field("to");
        for (locality, weight) in to.iter().filter(|(_, weight)| !(1..=100).contains(*weight)) {
            let found = Diagnostic::new(
                &INVALID_LOCALITY,
                at.field(locality).value(),
                format!("`{weight}` is no share"),
            );
            out.push(found.label("1 to 100"));
        }
        let sum: u64 = to.values().map(|weight| u64::from(*weight)).sum();
        if sum != 100 {
            out.push(
                Diagnostic::new(&INVALID_LOCALITY, at.key(), format!("the shares sum to {sum}"))
                    .label("must sum to 100"),
            );
        }
        let localities: Vec<_> =
            to.keys().map(|locality| (locality.as_str(), at.field(locality).key())).collect();
        check_localities(&localities, out);
    }
    let sources: Vec<_> = distribute
        .iter()
        .enumerate()
        .map(|(index, distribute)| {
            (distribute.from.as_str(), at.index(index).field("from").value())
        })
        .collect();
    check_localities(&sources, out);
}

/// `region/zone/subzone`, or less of it, or with `*` for the rest; no two may hold the same place.
fn check_localities(localities: &[(&str, Place)], out: &mut Vec<Diagnostic>) {
    for (index, (locality, place)) in localities.iter().enumerate() {
        let fault = |message: String, label: &str| {
            Diagnostic::new(&INVALID_LOCALITY, place.clone(), message).label(label)
        };
        let stars = locality.matches('*').count();
        if stars > 1 || (stars == 1 && !locality.ends_with('*')) {
            out.push(fault(format!("`{locality}` is no locality"), "a `*` stands at the end"));
        } else if locality.splitn(3, '/').any(str::is_empty) {
            out.push(fault(
                format!("`{locality}` is no locality"),
                "`region/zone/subzone`, or less of it",
            ));
        } else if let Some((other, earlier)) =
            localities.iter().take(index).find(|(other, _)| overlap(other, locality))
        {
            let message = format!("`{locality}` and `{other}` overlap");
            out.push(fault(message, "overlaps").also(earlier.clone(), "with this"));
        }
    }
}

fn overlap(a: &str, b: &str) -> bool {
    let mut parts = a.splitn(3, '/').zip(b.splitn(3, '/'));
    parts.all(|(a, b)| a == b || a == "*" || b == "*")
}

#[cfg(test)]
mod tests {
    use super::overlap;

    #[test]
    fn a_locality_holds_what_is_in_it() {
        assert!(
            overlap("a", "a/b")
                && overlap("a/b/c", "a/*")
                && overlap("*", "x/y")
                && overlap("a/b", "a/b")
        );
        assert!(!overlap("a/b", "a/c") && !overlap("a", "b") && !overlap("a/b/c", "a/b/d"));
    }
}
