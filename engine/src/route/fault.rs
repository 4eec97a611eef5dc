//! Faults on purpose. Source: Istio `HTTPFaultInjection`; Envoy, `FaultFilter`.

use std::time::Duration;

use mesh_snapshot::object;
use mesh_snapshot::object::{AbortStatus, PartsPerMillion};

/// What may happen to a request before it is forwarded: first the delay, then the abort.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    delay: Option<(Duration, PartsPerMillion)>,
    abort: Option<(AbortStatus, PartsPerMillion)>,
}

/// What does happen to one request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Injected {
    pub delay: Option<Duration>,
    /// In place of the upstream's answer.
    pub abort: Option<AbortStatus>,
}

impl Faults {
    pub(crate) fn compile(fault: &object::Fault) -> Self {
        Self {
            delay: fault.delay.as_ref().map(|delay| (delay.duration.into(), delay.share)),
            abort: fault.abort.as_ref().map(|abort| (abort.status, abort.share)),
        }
    }

    /// How long, and for which share of requests: for those who explain.
    #[must_use]
    pub const fn delay(&self) -> Option<(Duration, PartsPerMillion)> {
        self.delay
    }

    /// With what, and for which share of requests: for those who explain.
    #[must_use]
    pub const fn abort(&self) -> Option<(AbortStatus, PartsPerMillion)> {
        self.abort
    }

    /// What the dice say: two rolls, each uniform over all of `u32`.
    #[must_use]
    pub fn roll(&self, for_delay: u32, for_abort: u32) -> Injected {
        let delay = self.delay.filter(|(_, share)| share.includes(for_delay));
        let abort = self.abort.filter(|(_, share)| share.includes(for_abort));
        Injected { delay: delay.map(|(span, _)| span), abort: abort.map(|(status, _)| status) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mesh_snapshot::object::{self, AbortStatus, Microseconds, PartsPerMillion};

    use super::{Faults, Injected};

    #[test]
    fn each_fault_has_its_own_dice() {
        let faults = Faults::compile(&object::Fault {
            delay: Some(object::Delay {
                duration: Microseconds::from_millis(5),
                share: PartsPerMillion(500_000),
            }),
            abort: Some(object::Abort {
                status: AbortStatus::Http(418),
                share: PartsPerMillion(250_000),
            }),
        });
        let delay = Some(Duration::from_millis(5));
        let abort = Some(AbortStatus::Http(418));
        assert_eq!(faults.roll(0, 0), Injected { delay, abort });
        assert_eq!(faults.roll(0, 1 << 30), Injected { delay, abort: None });
        assert_eq!(faults.roll(1 << 31, (1 << 30) - 1), Injected { delay: None, abort });
        assert_eq!(Faults::default().roll(0, 0), Injected::default());
    }
}
