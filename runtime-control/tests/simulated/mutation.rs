//! Faults put into the machine, its shell or the proxies on purpose: the simulation must find each.

use mesh_control::rollout::{Cause, Effect, Event, Order, Reason, Record, Said, Version};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mutation {
    /// Offers are acknowledged, and not written down.
    OffersAreNotJournalled,
    /// Proxies are told before the record is on disk.
    SendsBeforeItJournals,
    /// Epochs given out before a crash are given out again.
    ForgetsEpochs,
    /// A crash lets condemned snapshots out of quarantine.
    ForgetsQuarantine,
    RefusedIsPrepared,
    /// Each wave is taken for good at once.
    CommitsForGood,
    /// Somebody promotes all the time.
    SkipsTheGate,
    /// Late joiners get the candidate for the confirmed snapshot.
    CommitsOutsideWaves,
    /// Nobody goes back to a confirmed snapshot by itself, as far as it hears.
    DeafToFalls,
    ProxyForgetsItsGeneration,
    ProxyVerifiesNothing,
    ProxyNeverGoesBack,
}

impl Mutation {
    pub(crate) const ALL: [Self; 12] = [
        Self::OffersAreNotJournalled,
        Self::SendsBeforeItJournals,
        Self::ForgetsEpochs,
        Self::ForgetsQuarantine,
        Self::RefusedIsPrepared,
        Self::CommitsForGood,
        Self::SkipsTheGate,
        Self::CommitsOutsideWaves,
        Self::DeafToFalls,
        Self::ProxyForgetsItsGeneration,
        Self::ProxyVerifiesNothing,
        Self::ProxyNeverGoesBack,
    ];

    /// What the machine hears instead.
    pub(crate) fn event(
        self,
        event: Event,
        proxies_slice: impl Fn() -> mesh_snapshot::Digest,
    ) -> Event {
        let Event::Proxy { proxy, connection, said } = event else { return event };
        let said = match (self, said) {
            (Self::RefusedIsPrepared, Said::Refused { epoch, refusal })
                if refusal.reason == Reason::Feature =>
            {
                Said::Prepared { epoch, slice: proxies_slice() }
            }
            (Self::DeafToFalls, Said::Serving(serving)) if serving.confirmed => {
                Said::Health { instance: 0, totals: Vec::new() }
            }
            (_, said) => said,
        };
        Event::Proxy { proxy, connection, said }
    }

    /// What the shell does instead.
    pub(crate) fn effects(
        self,
        mut effects: Vec<Effect>,
        candidate: Option<Version>,
    ) -> Vec<Effect> {
        match self {
            Self::OffersAreNotJournalled => {
                effects.retain(|effect| !matches!(effect, Effect::Journal(Record::Offered { .. })));
            }
            Self::SendsBeforeItJournals => {
                effects.sort_by_key(|effect| matches!(effect, Effect::Journal(_)));
            }
            Self::CommitsForGood | Self::CommitsOutsideWaves => {
                for effect in &mut effects {
                    if let Effect::Send { order, .. } = effect {
                        *order = self.order(*order, candidate);
                    }
                }
            }
            _ => {}
        }
        effects
    }

    const fn order(self, order: Order, candidate: Option<Version>) -> Order {
        match (self, order, candidate) {
            (
                Self::CommitsOutsideWaves,
                Order::Prepare { slice, within, confirmed, .. },
                Some(version),
            ) => Order::Prepare { version, slice, within, confirmed },
            (Self::CommitsForGood, Order::Commit { version, .. }, _)
            | (Self::CommitsOutsideWaves, Order::Commit { trial: None, .. }, Some(version)) => {
                Order::Commit { version, trial: None }
            }
            _ => order,
        }
    }

    /// What is read after a crash instead.
    pub(crate) fn records(self, mut records: Vec<Record>) -> Vec<Record> {
        match self {
            Self::ForgetsEpochs => {
                let ended = records.iter().filter(|record| matches!(record, Record::Ended { .. }));
                let ended: Vec<u64> = ended.filter_map(epoch).collect();
                records.retain(|record| !epoch(record).is_some_and(|epoch| ended.contains(&epoch)));
            }
            Self::ForgetsQuarantine => {
                for record in &mut records {
                    if let Record::Ended { cause, .. } = record {
                        *cause = Cause::Superseded;
                    }
                }
            }
            _ => {}
        }
        records
    }
}

const fn epoch(record: &Record) -> Option<u64> {
    match record {
        Record::Started { epoch, .. }
        | Record::Wave { epoch, .. }
        | Record::Ended { epoch, .. } => Some(*epoch),
        _ => None,
    }
}
