//! What a route does, in words.

use std::time::Duration;

use mesh_engine::route::{Faults, Forward, Rewrite, Target};
use mesh_snapshot::object::{AbortStatus, PartsPerMillion};

use super::answer::Step;

/// Backends, limits and repetitions.
pub(super) fn forward(forward: &Forward, step: &mut Step) {
    let total = forward.backends.total();
    for (weight, backend) in forward.backends.backends() {
        let share = share_of(weight, total);
        match &backend.target {
            Target::Cluster(upstream) => {
                let missing =
                    if upstream.cluster.is_none() { " (there is none: 503 NC)" } else { "" };
                step.note(format!("{share} → {}{missing}", upstream.name));
            }
            Target::Status(status) => step.note(format!("{share} → answer {status}")),
        }
    }
    let mut limits = Vec::new();
    limits.extend(forward.timeout.map(|it| format!("timeout {}", span(it))));
    if forward.retry.retries_max > 0 {
        let tries = forward.try_timeout.map(|it| format!(" of {}", span(it))).unwrap_or_default();
        limits.push(format!("up to {} retries{tries}", forward.retry.retries_max));
    }
    if !limits.is_empty() {
        step.note(limits.join(" · "));
    }
    for mirror in &forward.mirrors {
        step.note(format!("{} mirrored to {}", share(mirror.share), mirror.upstream.name));
    }
}

/// Whether some requests never get further.
pub(super) fn faults(faults: &Faults, step: &mut Step) {
    if let Some((delay, of)) = faults.delay() {
        step.note(format!("{} delayed by {} on purpose", share(of), span(delay)));
    }
    if let Some((abort, of)) = faults.abort() {
        let status = match abort {
            AbortStatus::Http(status) => status.to_string(),
            AbortStatus::Grpc(status) => format!("gRPC status {status}"),
        };
        step.note(format!("{} answered with {status} on purpose", share(of)));
    }
}

/// The path that the upstream gets.
pub(super) fn rewritten(rewrite: Option<&Rewrite>, path: &str, covered: usize) -> String {
    let mut written = String::new();
    match rewrite {
        None => written.push_str(path),
        Some(rewrite) => rewrite.write(path, covered, &mut written),
    }
    written
}

pub(super) fn share(parts: PartsPerMillion) -> String {
    share_of(u64::from(parts.0), 1_000_000)
}

/// In percent, with as many decimals as it needs, up to four.
fn share_of(part: u64, whole: u64) -> String {
    let parts = part.saturating_mul(1_000_000) / whole.max(1);
    let (percent, rest) = (parts / 10_000, parts % 10_000);
    let decimals = format!("{rest:04}");
    match decimals.trim_end_matches('0') {
        "" => format!("{percent} %"),
        decimals => format!("{percent}.{decimals} %"),
    }
}

pub(super) fn span(span: Duration) -> String {
    if span.subsec_millis() == 0 {
        format!("{} s", span.as_secs())
    } else {
        format!("{} ms", span.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::share_of;

    #[test]
    fn shares_have_the_decimals_that_they_need() {
        assert_eq!(share_of(90, 100), "90 %");
        assert_eq!(share_of(1, 3), "33.3333 %");
        assert_eq!(share_of(5, 1000), "0.5 %");
    }
}
