//! Counters and gauges in the text format of `OpenMetrics`.

use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::broadcast;

use crate::conductor::Report;
use crate::journal::Entry;
use crate::rollout::{Cause, ProxyState, Record};

type Labels = [(&'static str, &'static str); 1];

pub struct Metrics {
    registry: Registry,
    rollouts: Family<Labels, Counter>,
    proxies: Family<Labels, Gauge>,
    epoch: Gauge,
    term: Gauge<i64, AtomicI64>,
    problems: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("mesh_control");
        let rollouts = Family::default();
        registry.register("rollouts", "Rollouts that ended, by outcome", rollouts.clone());
        let proxies = Family::default();
        registry.register("proxies", "Proxies in contact, by state", proxies.clone());
        let (epoch, term, problems) = <(Gauge, Gauge, Gauge)>::default();
        registry.register("epoch", "The confirmed epoch", epoch.clone());
        registry.register("term", "The term of this control runtime", term.clone());
        registry.register("problems", "What is wrong at the moment", problems.clone());
        Self { registry, rollouts, proxies, epoch, term, problems }
    }
}

impl Metrics {
    /// Counts what is journalled, for as long as it is polled.
    pub async fn count(&self, mut records: broadcast::Receiver<Entry>) {
        loop {
            match records.recv().await {
                Ok(entry) => self.count_record(&entry.record),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }

    fn count_record(&self, record: &Record) {
        let outcome = match record {
            Record::Confirmed { .. } => "confirmed",
            Record::Ended { cause, .. } => match cause {
                Cause::Refused { .. } => "refused",
                Cause::Harmful { .. } => "harmful",
                Cause::Fell { .. } => "fell",
                Cause::Aborted => "aborted",
                Cause::Superseded => "superseded",
                Cause::Interrupted => "interrupted",
            },
            _ => return,
        };
        self.rollouts.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// All of them, as they are now.
    #[must_use]
    pub fn text(&self, report: &Report, problems: usize) -> String {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.epoch.set(number(report.status.confirmed.map_or(0, |version| version.epoch)));
        self.term.set(number(report.term));
        self.problems.set(number(problems as u64));
        for (state, name) in STATES {
            let of_state = report.status.proxies.iter().filter(|proxy| proxy.state == state);
            self.proxies.get_or_create(&[("state", name)]).set(number(of_state.count() as u64));
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)
            .unwrap_or_else(|error| unreachable!("writing into memory: {error}"));
        text
    }
}

const STATES: [(ProxyState, &str); 7] = [
    (ProxyState::Serving, "serving"),
    (ProxyState::Prepared, "prepared"),
    (ProxyState::OnTrial, "on_trial"),
    (ProxyState::FellBack, "fell_back"),
    (ProxyState::Behind, "behind"),
    (ProxyState::Refusing, "refusing"),
    (ProxyState::Away, "away"),
];
