//! Where the mesh stands, for `mesh rollout status` and whoever else reads JSON.

use std::collections::BTreeMap;

use mesh_snapshot::Digest;
use serde::{Deserialize, Serialize};

use crate::conductor::Report;
use crate::journal::Entry;
use crate::rollout::{Candidate, Cause, Ended, Phase, ProxyState, ProxyStatus, Refusal, Version};
use crate::store::Store;

/// The answer to `GET /v1/rollout`. Fields are added, never changed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    pub schema: String,
    pub term: u64,
    pub phase: Phase,
    /// What every proxy should serve.
    pub confirmed: Option<Version>,
    /// What is being rolled out.
    pub candidate: Option<Version>,
    /// What comes next.
    pub waiting: Option<Candidate>,
    pub paused: bool,
    /// Which wave is out, from 1, and of how many.
    pub wave: Option<(usize, usize)>,
    /// What the gate says of it.
    pub gate: Option<String>,
    /// How many proxies serve `confirmed` for good, of so many in contact.
    pub serving: usize,
    pub total: usize,
    pub proxies: Vec<ProxyOverview>,
    /// Digest → why it is not rolled out.
    pub quarantine: BTreeMap<Digest, String>,
    /// What can be gone back to, oldest first.
    pub history: Vec<Digest>,
    /// The last rollout that was not confirmed.
    pub last_ended: Option<EndedOverview>,
    /// What is wrong with the control runtime itself: place → problem.
    pub problems: BTreeMap<String, String>,
    /// The latest records, oldest first.
    pub records: Vec<Entry>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyOverview {
    pub name: String,
    pub workload: String,
    pub state: ProxyState,
    pub version: Option<Version>,
    pub refusal: Option<RefusalOverview>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusalOverview {
    pub proxy: String,
    pub reason: String,
    pub detail: String,
    /// The object at fault, and the item of it.
    pub object: Option<String>,
    pub item: String,
    /// `file:line` in the policy repository.
    pub source: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndedOverview {
    pub version: Version,
    /// For a person.
    pub cause: String,
    pub refusals: Vec<RefusalOverview>,
}

impl Overview {
    pub(super) fn new(report: Report, problems: BTreeMap<String, String>, store: &Store) -> Self {
        let Report { status, term, history: records } = report;
        let proxies: Vec<_> =
            status.proxies.into_iter().map(|proxy| ProxyOverview::new(proxy, store)).collect();
        let quarantine = status.quarantine.into_iter();
        Self {
            schema: "mesh.dev/rollout/v1".to_owned(),
            term,
            phase: status.phase,
            confirmed: status.confirmed,
            candidate: status.candidate,
            waiting: status.waiting,
            paused: status.paused,
            wave: status.wave,
            gate: status.gate,
            serving: status.serving,
            total: proxies.len(),
            proxies,
            quarantine: quarantine.map(|(digest, why)| (digest, why.to_string())).collect(),
            history: status.history,
            last_ended: status.last_ended.map(|ended| EndedOverview::new(&ended, store)),
            problems,
            records,
        }
    }
}

impl ProxyOverview {
    fn new(proxy: ProxyStatus, store: &Store) -> Self {
        let refusal = proxy.refusal.zip(proxy.refused).map(|(refusal, version)| {
            RefusalOverview::new(&proxy.name, &refusal, version.snapshot, store)
        });
        let ProxyStatus { name, workload, state, version, .. } = proxy;
        Self { name, workload, state, version, refusal }
    }
}

impl EndedOverview {
    fn new(ended: &Ended, store: &Store) -> Self {
        let Ended { version, cause } = ended;
        let by = if let Cause::Refused { by, .. } = cause { by.as_slice() } else { &[] };
        let refusals = by
            .iter()
            .map(|by| RefusalOverview::new(&by.proxy, &by.refusal, version.snapshot, store));
        Self { version: *version, cause: cause.to_string(), refusals: refusals.collect() }
    }
}

impl RefusalOverview {
    fn new(proxy: &str, refusal: &Refusal, snapshot: Digest, store: &Store) -> Self {
        let Refusal { reason, detail, key, item } = refusal;
        let source = key.as_ref().and_then(|key| store.source(&snapshot, key, item));
        Self {
            proxy: proxy.to_owned(),
            reason: reason.name().to_owned(),
            detail: detail.clone(),
            object: key.as_ref().map(ToString::to_string),
            item: item.clone(),
            source: source.map(|source| source.to_string()),
        }
    }
}
