//! What can be told of it.

use std::collections::BTreeMap;

use mesh_snapshot::Digest;
use serde::{Deserialize, Serialize};

use super::event::Refusal;
use super::gate::{Lack, Verdict};
use super::ledger::{Candidate, Ended};
use super::proxy::{Proxy, Way};
use super::record::Quarantine;
use super::state::State;
use super::version::{ProxyName, Version};

/// Where a mesh stands.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub phase: Phase,
    /// What every proxy should serve.
    pub confirmed: Option<Version>,
    /// What is being rolled out.
    pub candidate: Option<Version>,
    pub waiting: Option<Candidate>,
    pub paused: bool,
    /// Which wave is out, from 1, and of how many.
    pub wave: Option<(usize, usize)>,
    /// What the gate says, for a person.
    pub gate: Option<String>,
    /// How many of the proxies in contact serve `confirmed`, for good.
    pub serving: usize,
    /// By name.
    pub proxies: Vec<ProxyStatus>,
    pub quarantine: BTreeMap<Digest, Quarantine>,
    /// What can be gone back to, oldest first.
    pub history: Vec<Digest>,
    /// How the last rollout that was not confirmed ended.
    pub last_ended: Option<Ended>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// No snapshot yet.
    Empty,
    Idle,
    Preparing,
    Committing,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyStatus {
    pub name: String,
    /// `namespace/name`.
    pub workload: String,
    pub state: ProxyState,
    /// What it said last that it serves.
    pub version: Option<Version>,
    /// Why it is not where it should be.
    pub refusal: Option<Refusal>,
    /// What it refuses.
    pub refused: Option<Version>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ProxyState {
    /// It serves what is confirmed.
    Serving,
    /// The same, and it holds the candidate ready.
    Prepared,
    /// It serves the candidate.
    OnTrial,
    /// It went back from the candidate by itself.
    FellBack,
    /// It is on its way to what is confirmed; until then it serves something else, or nothing.
    Behind,
    /// It cannot serve what it should.
    Refusing,
    /// Its stream broke within the lease.
    Away,
}

impl State {
    #[must_use]
    pub fn status(&self) -> Status {
        let proxies: Vec<_> =
            self.proxies.iter().map(|(name, proxy)| self.tell(name, proxy)).collect();
        let on_target = |proxy: &&Proxy| {
            self.ledger.confirmed.is_some_and(|target| proxy.way_to(target) == Way::There)
        };
        let phase = match (&self.ledger.attempt, &self.trial, &self.ledger.confirmed) {
            (Some(_), Some(_), _) => Phase::Committing,
            (Some(_), None, _) => Phase::Preparing,
            (None, _, Some(_)) => Phase::Idle,
            (None, _, None) => Phase::Empty,
        };
        let verdict = self.trial.as_ref().and_then(|trial| trial.verdict.as_ref());
        Status {
            phase,
            confirmed: self.ledger.confirmed,
            candidate: self.ledger.attempt.map(|attempt| attempt.version),
            waiting: self.ledger.waiting,
            paused: self.ledger.paused,
            wave: self.trial.as_ref().map(|trial| (trial.wave, self.policy.waves.len())),
            gate: verdict.map(describe),
            serving: self.proxies.values().filter(on_target).count(),
            proxies,
            quarantine: self.ledger.quarantine.clone(),
            history: self.ledger.history.clone(),
            last_ended: self.ledger.last_ended.clone(),
        }
    }

    fn tell(&self, name: &ProxyName, proxy: &Proxy) -> ProxyStatus {
        let state = self.state_of(name, proxy);
        let known = self.ledger.confirmed.into_iter();
        let known = known.chain(self.ledger.attempt.map(|attempt| attempt.version));
        let mut refused = known.filter_map(|version| {
            let (refusal, _) = proxy.refused.get(&version.epoch)?;
            Some((version, refusal.clone()))
        });
        let refused = refused.next_back().filter(|_| state == ProxyState::Refusing);
        ProxyStatus {
            name: name.to_string(),
            workload: format!("{}/{}", proxy.workload.namespace, proxy.workload.name),
            state,
            version: proxy.serving.map(|serving| serving.version),
            refused: refused.as_ref().map(|(version, _)| *version),
            refusal: refused.map(|(_, refusal)| refusal),
        }
    }

    fn state_of(&self, name: &ProxyName, proxy: &Proxy) -> ProxyState {
        let candidate = self.ledger.attempt.map(|attempt| attempt.version);
        let fell = self.trial.as_ref().is_some_and(|trial| trial.fallen.contains(name));
        let serves = proxy.serving.map(|serving| serving.version);
        let target = self.ledger.confirmed;
        let refuses = |version: Version| proxy.is_stuck_before(version);
        if proxy.connection.is_none() {
            ProxyState::Away
        } else if fell {
            ProxyState::FellBack
        } else if candidate.is_some() && serves == candidate {
            ProxyState::OnTrial
        } else if target.into_iter().chain(candidate).any(refuses) {
            ProxyState::Refusing
        } else if !target.is_some_and(|target| proxy.way_to(target) == Way::There) {
            ProxyState::Behind
        } else if proxy.prepared.is_some() && proxy.prepared == candidate.map(|to| to.epoch) {
            ProxyState::Prepared
        } else {
            ProxyState::Serving
        }
    }
}

fn describe(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Pass => "pass".to_owned(),
        Verdict::Fail(harm) => format!("fail: {harm}"),
        Verdict::Inconclusive(lack @ Lack::Consent(_)) => format!("held: {lack}"),
        Verdict::Inconclusive(lack) => format!("inconclusive: {lack}"),
    }
}
