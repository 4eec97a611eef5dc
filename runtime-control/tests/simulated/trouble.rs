//! Faults and operators at work, and the end of all trouble.

use mesh_control::rollout::{Event, Verb};

use super::faults::{FAULTS_UNTIL, Fault};
use super::world::{Happening, World};

impl World {
    pub(super) fn go_wrong(&mut self, fault: Fault) {
        self.note(|_| format!("fault {fault:?}"));
        match fault {
            Fault::Publish(index) => {
                self.published += 1;
                let (digest, number) = (self.catalogue.snapshots[index], self.published);
                self.publish(digest, number);
            }
            Fault::Ask(verb) => self.ask(verb),
            Fault::BreakLink(proxy) => self.break_link_of(proxy),
            Fault::CrashProxy { proxy, down_ms } => {
                self.break_link_of(proxy);
                self.proxies[proxy].crash();
                self.after(down_ms, Happening::ProxyStarts { proxy });
            }
            Fault::RemoveProxy(proxy) => {
                self.break_link_of(proxy);
                self.proxies[proxy].crash();
                self.removed[proxy] = true;
                // The registry tells of it, or it is waited for.
                let listens = self.control.state.is_some() && self.control.busy_until <= self.now;
                if listens && self.chance.percent(50) {
                    let proxy = self.proxies[proxy].name.as_str().into();
                    self.tell_control(Event::Departed { proxy, connection: None });
                }
            }
            Fault::Isolate { proxy, for_ms } => {
                self.break_link_of(proxy);
                self.reachable[proxy] = false;
                self.after(for_ms, Happening::ProxyIsReachable { proxy });
            }
            Fault::CrashControl { after, down_ms } => {
                self.control.dies_after = Some(after);
                // It is long dead when it starts again, or it was not to be.
                self.after(down_ms, Happening::ControlStarts);
                self.after(down_ms + 2000, Happening::ControlStarts);
            }
            Fault::StallControl { for_ms } => {
                self.control.busy_until = (self.now + for_ms).min(FAULTS_UNTIL);
            }
            Fault::IsolateControl { for_ms } => {
                self.control_reachable = false;
                self.control_is_gone();
                self.after(for_ms, Happening::ControlIsReachable);
            }
        }
    }

    pub(super) fn ask(&mut self, verb: Verb) {
        if self.control.state.is_none() || self.control.busy_until > self.now {
            return;
        }
        if verb == Verb::Promote {
            self.observed.promoted();
        }
        if matches!(verb, Verb::Undo(_) | Verb::Lift(_)) {
            // From here on something else than the last publication is wanted.
            self.last_published = None;
        }
        self.tell_control(Event::Asked(verb));
    }

    pub(super) fn mend(&mut self) {
        self.note(|_| "all faults are over".to_owned());
        self.control_reachable = true;
        self.control.dies_after = None;
        self.reachable.fill(true);
        self.start_control();
        for proxy in 0..self.proxies.len() {
            self.start_proxy(proxy);
        }
        self.tell_control(Event::Asked(Verb::Resume));
        self.after(1000, Happening::OperatorLooks { held: None });
    }

    pub(super) fn look_as_operator(&mut self, held: Option<u64>) {
        let Some(state) = &self.control.state else { return };
        let status = state.status();
        let inconclusive = status.gate.is_some_and(|gate| gate.starts_with("inconclusive"));
        let attempt = status.candidate.map(|version| version.epoch).filter(|_| inconclusive);
        if attempt.is_some() && attempt == held {
            self.tell_control(Event::Asked(Verb::Abort));
        }
        self.after(1000, Happening::OperatorLooks { held: attempt });
    }
}
